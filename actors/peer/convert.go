package peer

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/toconsensus"
	"minimint/messages/topeer"
	"minimint/messages/wire"
	"minimint/storage"
)

// outbound is what goes over the link for a message of the processor.
func outbound(msg topeer.Message) proto.Message {
	switch m := msg.(type) {
	case topeer.Share:
		return &wire.OutcomeShare{Statement: m.Share.Statement.Wire(), Share: m.Share.Signature, Again: m.Again}
	case topeer.Certificate:
		return m.Certificate.Wire()
	case topeer.AskHeaders:
		return &wire.HeadersRequest{FromEpoch: uint64(m.From)}
	case topeer.AskOutcomes:
		return &wire.OutcomesRequest{FromEpoch: uint64(m.From), Count: uint32(m.Count), Offset: m.Offset}
	case topeer.AskSnapshot:
		return &wire.SnapshotRequest{First: m.First, Epoch: uint64(m.Epoch), After: m.After, Skip: m.Skip, Offset: m.Offset}
	case topeer.ServeHeaders:
		return &wire.HeadersReply{
			FromEpoch: uint64(m.Proof.From), OldestEpoch: uint64(m.Oldest), NextEpoch: uint64(m.Next),
			Previous: m.Proof.Previous[:], Headers: statement.HeadersWire(m.Proof.Headers), Signature: m.Proof.Signature,
		}
	case topeer.ServeOutcomes:
		reply := &wire.OutcomesReply{FromEpoch: uint64(m.From), OldestEpoch: uint64(m.Oldest), Outcomes: m.Outcomes}
		if m.Part != nil {
			reply.Part = &wire.OutcomePart{Offset: m.Offset, Last: m.Last, Body: m.Part}
		}
		return reply
	case topeer.ServeSnapshot:
		reply := &wire.SnapshotReply{Epoch: uint64(m.Epoch), Offset: m.Offset, Body: m.Body}
		if m.Attested != nil {
			reply.Attested = m.Attested.Wire()
		}
		return reply
	default:
		panic(fmt.Sprintf("peer: message of unknown type %T", msg))
	}
}

// errReply says that an answer is larger than any that a correct member gives.
var errReply = errors.New("reply or request out of bounds")

// decode turns what a member sent into what the processor takes; nil for messages
// that are none of the link's.
func decode(from messages.PeerID, msg proto.Message) (toconsensus.Message, error) {
	switch m := msg.(type) {
	case *wire.OutcomeShare:
		share, err := statement.ReadShare(from, m.GetStatement(), m.GetShare())
		return toconsensus.ShareTold{Peer: from, Share: share, Again: m.GetAgain()}, err
	case *wire.Certificate:
		cert, err := statement.ReadCertificate(m)
		return toconsensus.CertificateTold{Peer: from, Certificate: cert}, err
	case *wire.HeadersRequest:
		return toconsensus.HeadersWanted{Peer: from, From: messages.Epoch(m.GetFromEpoch())}, nil
	case *wire.HeadersReply:
		proof, err := statement.ReadProof(m.GetFromEpoch(), m.GetPrevious(), m.GetHeaders(), m.GetSignature(), topeer.MaxHeaders)
		return toconsensus.HeadersServed{
			Peer: from, Proof: proof, Oldest: messages.Epoch(m.GetOldestEpoch()), Next: messages.Epoch(m.GetNextEpoch()),
		}, err
	case *wire.OutcomesRequest:
		count := int(min(m.GetCount(), topeer.MaxOutcomes))
		return toconsensus.OutcomesWanted{Peer: from, From: messages.Epoch(m.GetFromEpoch()), Count: count, Offset: m.GetOffset()}, nil
	case *wire.OutcomesReply:
		return decodeOutcomes(from, m)
	case *wire.SnapshotRequest:
		if len(m.GetAfter()) > storage.MaxKeyBytes {
			return nil, fmt.Errorf("%w: snapshot after a key of %d bytes", errReply, len(m.GetAfter()))
		}
		return toconsensus.SnapshotWanted{
			Peer: from, First: m.GetFirst(), Epoch: messages.Epoch(m.GetEpoch()), After: m.GetAfter(), Skip: m.GetSkip(), Offset: m.GetOffset(),
		}, nil
	case *wire.SnapshotReply:
		return decodeSnapshot(from, m)
	default:
		return nil, nil
	}
}

func decodeOutcomes(from messages.PeerID, m *wire.OutcomesReply) (toconsensus.Message, error) {
	total := len(m.GetPart().GetBody())
	for _, b := range m.GetOutcomes() {
		total += len(b)
	}
	if len(m.GetOutcomes()) > topeer.MaxOutcomes || total > topeer.PieceBytes || len(m.GetOutcomes()) > 0 && m.GetPart() != nil {
		return nil, fmt.Errorf("%w: %d outcomes, %d bytes, and none allowed beside a part", errReply, len(m.GetOutcomes()), total)
	}
	served := toconsensus.OutcomesServed{
		Peer: from, From: messages.Epoch(m.GetFromEpoch()), Oldest: messages.Epoch(m.GetOldestEpoch()), Outcomes: m.GetOutcomes(),
	}
	if part := m.GetPart(); part != nil {
		served.Part, served.Offset, served.Last = append([]byte{}, part.GetBody()...), part.GetOffset(), part.GetLast()
	}
	return served, nil
}

func decodeSnapshot(from messages.PeerID, m *wire.SnapshotReply) (toconsensus.Message, error) {
	if len(m.GetBody()) > topeer.PieceBytes {
		return nil, fmt.Errorf("%w: %d bytes of a snapshot", errReply, len(m.GetBody()))
	}
	served := toconsensus.SnapshotServed{Peer: from, Epoch: messages.Epoch(m.GetEpoch()), Offset: m.GetOffset(), Body: m.GetBody()}
	if m.GetAttested() != nil {
		attested, err := statement.ReadAttested(m.GetAttested(), messages.MaxPeers)
		if err != nil {
			return nil, err
		}
		served.Attested = &attested
	}
	return served, nil
}
