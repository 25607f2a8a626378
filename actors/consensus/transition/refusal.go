package transition

import (
	"errors"
	"fmt"

	"minimint/messages"
)

// rejectionOf returns what an error of a rule says to the client, in a form that
// fits storage and wire.
func rejectionOf(err error) *messages.Rejection {
	var r *messages.Rejection
	if !errors.As(err, &r) {
		return messages.Reject(messages.RejectModuleOwn, "%v", err)
	}
	if r == nil { // an error of that type without a value: a refusal all the same
		return messages.Reject(messages.RejectModuleOwn, "refused without a reason")
	}
	return bounded(r)
}

// bounded returns a rejection as [messages.Reject] would have made it, whoever
// made it: what a module puts together by hand must not stop whoever stores or
// sends it.
func bounded(r *messages.Rejection) *messages.Rejection {
	clean := messages.Reject(r.Code, "%s", r.Text)
	clean.Final = r.Final
	if clean.Code == 0 {
		clean.Code = messages.RejectModuleOwn
	}
	return clean
}

// maxFaults is how many faults of one contribution are named. More say nothing
// new, and a member could flood the logs of all others.
const maxFaults = 8

// faults collects what is wrong with one member's contribution.
type faults struct {
	peer messages.PeerID
	list []Fault
	more int
}

// add notes a fault; a text that is too long or no text is bounded like that of a
// rejection.
func (f *faults) add(format string, args ...any) {
	if len(f.list) == maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, Fault{Peer: f.peer, Text: messages.Reject(messages.RejectModuleOwn, format, args...).Text})
}

// all returns the faults, the last one saying how many were left out.
func (f *faults) all() []Fault {
	if f.more == 0 {
		return f.list
	}
	return append(f.list, Fault{Peer: f.peer, Text: fmt.Sprintf("and %d more", f.more)})
}
