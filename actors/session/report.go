package session

import (
	"github.com/asynkron/protoactor-go/actor"

	"minimint/actors/consensus/history"
	"minimint/actors/consensus/transition"
	"minimint/messages"
	"minimint/messages/statement"
	"minimint/messages/wire"
)

// maxProof is the longest chain of headers that a client is given: 40 kB.
const maxProof = 512

// proof proves what an epoch led to. A client believes it from one member.
func (s *Session) proof(ctx actor.Context, id uint64, m *wire.ProofWanted) {
	snap, err := s.cfg.Store.View()
	if err != nil {
		s.warn(ctx, "open snapshot", err)
		s.refuse(ctx, id, messages.RejectForNow(messages.RejectBusy, "this node cannot read its state now; ask another"))
		return
	}
	defer snap.Release()
	from := messages.Epoch(m.GetEpoch())
	if m.GetNewest() {
		if newest := history.NewestCertificate(snap); newest != nil {
			from = newest.Statement.Epoch
		}
	}
	p := history.ReadProof(snap, from, 1)
	for limit := 8; p.Signature == nil && limit <= maxProof; limit *= 8 {
		p = history.ReadProof(snap, from, limit)
	}
	if p.Signature == nil {
		s.refuse(ctx, id, messages.RejectForNow(messages.RejectNotFound, "this node has no certificate for epoch %d now; it is too old or too new", from))
		return
	}
	s.reply(ctx, &wire.ClientReply{Id: id, Reply: &wire.ClientReply_Proof{Proof: &wire.EpochProof{
		Epoch: uint64(p.From), Previous: p.Previous[:], Headers: statement.HeadersWire(p.Headers), Signature: p.Signature,
	}}})
}

// info reports the committed position and audit.
func (s *Session) info(ctx actor.Context, id uint64) {
	snap, err := s.cfg.Store.View()
	if err != nil {
		s.warn(ctx, "open snapshot", err)
		s.refuse(ctx, id, messages.RejectForNow(messages.RejectBusy, "this node cannot read its state now; ask another"))
		return
	}
	defer snap.Release()
	position := history.ReadPosition(snap)
	hash := position.StateHash()
	totals, lines := transition.Audit(snap)
	info := &wire.Info{
		NextEpoch: uint64(position.Next), StateHash: hash[:], AssetsMsat: totals.Assets, LiabilitiesMsat: totals.Liabilities,
	}
	for _, l := range lines {
		info.Lines = append(info.Lines, &wire.AuditLine{
			Module: string(l.Module), Line: l.Name, AssetsMsat: l.Totals.Assets, LiabilitiesMsat: l.Totals.Liabilities,
		})
	}
	info.OldestEpoch = uint64(history.Oldest(snap, position.Next))
	if newest := history.NewestCertificate(snap); newest != nil {
		info.CertifiedEpochs = uint64(newest.Statement.Epoch) + 1
	}
	if alarm, ok := history.ReadAlarm(snap); ok {
		info.Alarm = alarm.Text
	}
	if s.cfg.Report != nil {
		s.cfg.Report(info)
	}
	s.reply(ctx, &wire.ClientReply{Id: id, Reply: &wire.ClientReply_Info{Info: info}})
}
