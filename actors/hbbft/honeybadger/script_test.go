package honeybadger_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// TestScenarios replays testdata: one file is one federation. The commands are
//
//	new n=4 [encrypt=0]           start over, with everybody running
//	work 0=a 1=b                  members have something to propose
//	settle                        deliver until nothing is on its way
//	hear 2                        deliver only what is on its way to 2, until that is nothing
//	tick [seconds=1]              time passes, and processors catch up
//	kill 3 | revive 3             crash; restart from the journal, links come up
//	cut 3 | join 3                a member's links are down; they come up
//	forge from=3 to=1 KIND [at=0] KIND is equivocate, echo, share, hello=5, past or future
//	state                         where everybody is
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return // what a failed property left behind
		}
		var w *world
		cut := map[messages.PeerID]bool{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var log strings.Builder
			if d.Cmd == "new" {
				var n int
				d.ScanArgs(t, "n", &n)
				w = newWorld(t, n)
				if d.HasArg("encrypt") {
					var every uint64
					d.ScanArgs(t, "encrypt", &every)
					w.encrypt = honeybadger.Encryption(every)
				}
				w.start().settle()
				clear(cut)
			}
			w.log = &log
			w.command(t, d, cut)
			return log.String()
		})
	})
}

func (w *world) command(t *testing.T, d *datadriven.TestData, cut map[messages.PeerID]bool) {
	lost := func(p packet) bool { return cut[p.from] || cut[p.to] }
	member := func() messages.PeerID { return messages.PeerID(d.CmdArgs[0].Key[0] - '0') }
	switch d.Cmd {
	case "new":
	case "work":
		for _, arg := range d.CmdArgs {
			w.work(messages.PeerID(arg.Key[0]-'0'), arg.Vals[0])
		}
	case "settle":
		for len(w.queue) > 0 {
			w.drop(lost)
			if len(w.queue) > 0 {
				w.deliver(0)
			}
		}
	case "hear":
		to := func(p packet) bool { return p.to == member() }
		for i := slices.IndexFunc(w.queue, to); i >= 0; i = slices.IndexFunc(w.queue, to) {
			w.deliver(i)
		}
	case "tick":
		seconds := 1
		d.MaybeScanArgs(t, "seconds", &seconds)
		w.tick(time.Duration(seconds) * time.Second)
	case "kill":
		w.kill(member())
	case "revive":
		w.revive(member())
	case "cut":
		cut[member()] = true
		w.drop(lost)
	case "join":
		delete(cut, member())
		for _, p := range w.peers(member()) {
			w.do(p, w.members[p].core.Resync(member()))
			w.do(member(), w.members[member()].core.Resync(p))
		}
	case "forge":
		w.forge(t, d)
	case "state":
		for i, m := range w.members {
			if m.core == nil {
				fmt.Fprintf(w.log, "%d: down\n", i)
				continue
			}
			p := m.core.Position()
			fmt.Fprintf(w.log, "%d: next=%d certified=%d journal=%d\n", i, p.Next, p.Certified, len(m.core.Journal()))
		}
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
}

func (w *world) forge(t *testing.T, d *datadriven.TestData) {
	var from, to, at int
	d.ScanArgs(t, "from", &from)
	d.ScanArgs(t, "to", &to)
	d.MaybeScanArgs(t, "at", &at)
	liar := messages.PeerID(from)
	w.members[from].faulty = true
	f := frames.Frame{Epoch: messages.Epoch(at), Next: messages.Epoch(at)}
	slot := w.slot(f.Epoch, liar)
	switch {
	case d.HasArg("equivocate"):
		payload := hbbfttest.Seal(slot.Label(), []byte("other"))
		f.Statements = []frames.Statement{frames.Value{
			Proposer: liar, Payload: payload, Signature: hbbfttest.Signer{Member: liar}.Sign(slot.Signed(slot.Root(payload))),
		}}
	case d.HasArg("echo"):
		f.Statements = []frames.Statement{frames.Echo{Proposer: liar, Root: slot.Root([]byte("other"))}}
	case d.HasArg("share"):
		f.Statements = []frames.Statement{frames.DecryptionShare{Proposer: 0, Share: []byte("wrong")}}
	case d.HasArg("hello"):
		d.ScanArgs(t, "hello", &at)
		f.Next = messages.Epoch(at)
	default:
		d.Fatalf(t, "forge what?")
	}
	w.queue = append(w.queue, packet{liar, messages.PeerID(to), f})
}
