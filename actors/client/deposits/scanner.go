package deposits

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/btcsuite/btcd/chaincfg/chainhash"

	"minimint/actors/client/clientwire"
	"minimint/actors/module/wallet/descriptor"
	"minimint/actors/module/wallet/pegin"
)

// scanner is the worker that waits for the bitcoin node, so that nobody else has
// to. It says when it is ready, at first and after a failure that lost a question;
// it accepts scan and tipWanted and answers each.
type scanner struct {
	blocks Blocks
	lock   *descriptor.Descriptor
	log    *slog.Logger
	tip    chainhash.Hash // of the chain that was searched to its end
	count  int            // addresses that it was searched for
}

// ready is the first message of every incarnation of a scanner.
type ready struct{}

// watched is one address.
type watched struct {
	operation uint64 // 0 if it was handed out in another life, perhaps
	index     uint32
	key       [32]byte
}

// scan asks to search blocks from a height on for payments to addresses, none of
// which can be below first.
type scan struct {
	first, from uint32
	watched     []watched
}

// scanned answers scan: everything up to height to was searched; 0 says that
// there was nothing new.
type scanned struct {
	to      uint32
	tip     bool // that is the tip
	watched int  // how many addresses were looked for
	found   []*clientwire.Operation
	err     error
}

// tipWanted asks for the height of the chain; tipSeen is the answer.
type (
	tipWanted struct{}
	tipSeen   struct {
		height uint32
		err    error
	}
)

// rescan is how many of the newest blocks are searched again, since they may have been
// replaced.
const rescan = 12

// scanStep is how many blocks are searched in one go.
const scanStep = 32

// Receive implements actor.Actor.
func (s *scanner) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		ctx.Send(ctx.Parent(), ready{})
	case tipWanted:
		height, err := s.blocks.Tip()
		if err != nil {
			err = fmt.Errorf("ask the bitcoin node for its height: %w", err)
		}
		ctx.Respond(tipSeen{height: height, err: err})
	case scan:
		ctx.Respond(s.scan(m))
	}
}

func (s *scanner) scan(m scan) scanned {
	tip, err := s.blocks.Tip()
	if err != nil {
		return scanned{err: fmt.Errorf("ask the bitcoin node for its height: %w", err)}
	}
	best, err := s.blocks.BlockHash(tip)
	if err != nil {
		return scanned{err: fmt.Errorf("ask the bitcoin node for block %d: %w", tip, err)}
	}
	if best == s.tip && len(m.watched) == s.count {
		return scanned{}
	}
	// The newest blocks may have been replaced.
	from := max(m.first, min(m.from, max(tip, rescan)-rescan+1))
	out := scanned{to: min(tip, from+scanStep-1), watched: len(m.watched)}
	for height := from; height <= out.to; height++ {
		found, err := s.block(height, m.watched)
		if err != nil {
			return scanned{err: fmt.Errorf("search block %d for deposits: %w", height, err)}
		}
		out.found = append(out.found, found...)
	}
	if out.tip = out.to == tip; out.tip {
		s.tip, s.count = best, len(m.watched)
	}
	return out
}

// block proves all deposits of one block.
func (s *scanner) block(height uint32, list []watched) ([]*clientwire.Operation, error) {
	hash, err := s.blocks.BlockHash(height)
	if err != nil {
		return nil, err
	}
	b, err := s.blocks.Block(hash)
	if err != nil {
		return nil, err
	}
	if b.BlockHash() != hash {
		return nil, errors.New("the bitcoin node sent another block")
	}
	var out []*clientwire.Operation
	for _, w := range list {
		places, err := pegin.Find(s.lock, b, w.key)
		if err != nil {
			return nil, err
		}
		for _, at := range places {
			proof, err := pegin.Build(s.lock, b, at, w.key)
			if err != nil { // too large to be proved; the others are worth having
				s.log.Warn("a deposit cannot be claimed", slog.String("output", at.String()), slog.Any("error", err))
				continue
			}
			out = append(out, &clientwire.Operation{
				Kind: clientwire.Kind_KIND_CLAIM, AmountMsat: uint64(proof.Amount()), Parent: w.operation,
				Claim: &clientwire.Claim{
					Proof: proof.Bytes(), Outpoint: []byte(at.String()), Height: height, Block: hash[:], KeyIndex: w.index,
				},
			})
		}
	}
	return out, nil
}
