package history

import (
	"fmt"

	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/statement"
	"minimint/messages/wire"
	"minimint/storage"
)

// An Alarm says that this member must not go on: its state is not what the others
// agreed on. It stays in the store until an operator starts the member again
// without its data.
type Alarm struct {
	Epoch messages.Epoch
	Text  string
	// Own is what this member would say about the epoch; the rest is what others
	// signed instead, for whoever finds out why.
	Own       statement.Statement
	Certified *statement.Certificate
	Shares    []statement.Share
}

// WriteAlarm keeps the first alarm.
func WriteAlarm(tx storage.Tx, a Alarm) {
	scoped := storage.Scoped(tx, positionScope)
	if scoped.Get(alarmKey) != nil {
		return
	}
	w := &wire.Alarm{Epoch: uint64(a.Epoch), Text: a.Text, Own: a.Own.Wire()}
	if a.Certified != nil {
		w.Certified = a.Certified.Wire()
	}
	for _, s := range a.Shares {
		w.Shares = append(w.Shares, &wire.SignedStatement{Member: uint32(s.Member), Statement: s.Statement.Wire(), Share: s.Signature})
	}
	scoped.Put(alarmKey, canonical.Marshal(w))
}

// ReadAlarm returns the alarm, and false if there is none.
func ReadAlarm(r storage.Reader) (Alarm, bool) {
	b := storage.ScopedReader(r, positionScope).Get(alarmKey)
	if b == nil {
		return Alarm{}, false
	}
	w := new(wire.Alarm)
	mustDecode(b, w)
	a := Alarm{Epoch: messages.Epoch(w.GetEpoch()), Text: w.GetText()}
	var err error
	if a.Own, err = statement.Read(w.GetOwn()); err != nil {
		panic(fmt.Sprintf("history: stored alarm: %v", err))
	}
	if w.GetCertified() != nil {
		c, err := statement.ReadCertificate(w.GetCertified())
		if err != nil {
			panic(fmt.Sprintf("history: stored alarm: %v", err))
		}
		a.Certified = &c
	}
	for _, one := range w.GetShares() {
		share, err := statement.ReadShare(messages.PeerID(one.GetMember()), one.GetStatement(), one.GetShare())
		if err != nil {
			panic(fmt.Sprintf("history: stored alarm: %v", err))
		}
		a.Shares = append(a.Shares, share)
	}
	return a, true
}
