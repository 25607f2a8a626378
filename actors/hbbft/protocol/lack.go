package protocol

import (
	"fmt"
	"strings"

	"minimint/messages"
)

// A Lack is one thing that a protocol waits for. It is for people who want to know
// why nothing goes on; no rule depends on it.
type Lack struct {
	Of       LackKind
	Proposer messages.PeerID
	Round    uint32 // of binary agreement, for Votes, Aux, Conf and CoinShare
	// Need is how many more of From would do, at least 1 if From is not empty. All of
	// From have not said it, some perhaps because they are faulty.
	Need int
	From []messages.PeerID // ascending
}

// LackKind says what is lacking.
type LackKind string

// What protocols wait for. The first ones come from peers, the last ones from this
// member itself.
const (
	Outcome         LackKind = "outcome" // that others have already
	Position        LackKind = "word that the epoch before last is over"
	Recollection    LackKind = "word of what was heard from this member"
	Proposal        LackKind = "proposal"
	EchoVote        LackKind = "echo"
	ReadyVote       LackKind = "ready"
	Votes           LackKind = "vote"
	AuxVote         LackKind = "aux"
	ConfVote        LackKind = "conf"
	CoinShare       LackKind = "coin share"
	DecryptionShare LackKind = "decryption share"
	Whereabouts     LackKind = "knowledge of where the others are"
	Silence         LackKind = "end of its silence"
	Contribution    LackKind = "its own contribution"
	Commit          LackKind = "its own commit"
)

// Missing returns the members of n for which said is false.
func Missing(n int, said func(messages.PeerID) bool) []messages.PeerID {
	var list []messages.PeerID
	for i := range messages.PeerID(n) {
		if !said(i) {
			list = append(list, i)
		}
	}
	return list
}

// String returns one stable line: "echo of members 2 and 3".
func (l Lack) String() string {
	if len(l.From) == 0 {
		return string(l.Of)
	}
	names := make([]string, len(l.From))
	for i, p := range l.From {
		names[i] = fmt.Sprint(p)
	}
	text := fmt.Sprintf("%s of member %s", l.Of, names[0])
	if last := len(names) - 1; last > 0 {
		text = fmt.Sprintf("%s of members %s and %s", l.Of, strings.Join(names[:last], ", "), names[last])
		if l.Need <= last {
			text = fmt.Sprintf("%s of %d of the members %s and %s", l.Of, l.Need, strings.Join(names[:last], ", "), names[last])
		}
	}
	return text
}
