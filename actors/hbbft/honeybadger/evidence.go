package honeybadger

import (
	"minimint/actors/hbbft/protocol"
	"minimint/actors/hbbft/tdec"
	"minimint/messages"
	"minimint/messages/frames"
)

// Convicts reports whether the evidence of a fault convinces anybody, whoever
// raised it: the accused signed what no correct member signs. That is so for two
// proposals to one slot, and for a proposal to an encrypted epoch that is no
// ciphertext of its slot or that F+1 proven shares do not open. It is false for
// all other kinds, and for evidence that was forged.
//
// A third party needs no secret for it: of cfg it must know Federation, Era,
// Members, Encryption, Verifier, and a Scheme of which only Verify and Open are
// called, see [tdec.NewScheme]. Evidence travels as the statements of a
// [frames.Frame].
func Convicts(cfg Config, f protocol.Fault) bool {
	if !f.Kind.Transferable() || int(f.Peer) >= cfg.Members || f.Peer != f.Proposer || len(f.Evidence) == 0 {
		return false
	}
	slot := cfg.slot(f.Epoch)
	slot.Proposer = f.Peer
	root, payload, ok := signed(cfg, slot, f.Evidence[0])
	if !ok {
		return false
	}
	if f.Kind == protocol.TwoRoots {
		if len(f.Evidence) != 2 {
			return false
		}
		other, _, ok := signed(cfg, slot, f.Evidence[1])
		return ok && other != root
	}
	if !cfg.Encryption.At(f.Epoch) {
		return false // in the clear anything may be proposed
	}
	sealed, valid := cfg.Scheme.Verify(slot.Label(), payload)
	return !valid || unopenable(cfg.Members, sealed, f.Evidence[1:])
}

// signed returns the root and the bytes of a proposal, and false unless the
// proposer of the slot signed it.
func signed(cfg Config, slot protocol.Slot, s frames.Statement) (messages.Digest, []byte, bool) {
	v, ok := s.(frames.Value)
	if !ok || v.Proposer != slot.Proposer || len(v.Payload) > frames.MaxPayload {
		return messages.Digest{}, nil, false
	}
	root := slot.Root(v.Payload)
	return root, v.Payload, cfg.Verifier.Verify(slot.Proposer, slot.Signed(root), v.Signature)
}

// unopenable reports whether shares, one statement for every member and empty
// where there is none, prove that a ciphertext opens to nothing.
func unopenable(members int, sealed tdec.Sealed, evidence []frames.Statement) bool {
	if len(evidence) != members {
		return false
	}
	shares := make([][]byte, members)
	for i, s := range evidence {
		share, ok := s.(frames.DecryptionShare)
		if !ok {
			return false
		}
		shares[i] = share.Share // an empty one counts for nothing
	}
	return sealed.Open(shares).Status == tdec.Unopenable
}
