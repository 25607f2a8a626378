package rbc_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/messages"
	"minimint/messages/frames"
)

// TestScenarios replays testdata. The commands are
//
//	new n=4 proposer=0 [closed]     start over; closed: nobody may echo yet
//	open                            everybody may echo
//	propose hello                   the proposer broadcasts
//	faulty 3                        a member falls silent
//	forge from=3 to=1 KIND=hello    KIND is value, unsigned, echo, ready or pull
//	drop to=3 | from=3 | kind=Value lose what is on its way
//	settle                          deliver until nothing is on its way
//	tick | linkup at=1 peer=2       time passes; a link comes up
//	restart 2 [keep=1]              crash; keep so many journal records
//	state                           print everybody's state
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return // what a failed property left behind
		}
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var log strings.Builder
			if d.Cmd == "new" {
				var n, proposer int
				d.ScanArgs(t, "n", &n)
				d.ScanArgs(t, "proposer", &proposer)
				w = newWorld(n, messages.PeerID(proposer))
				if !d.HasArg("closed") {
					w.open()
				}
			}
			w.Log = &log
			w.command(t, d)
			return log.String()
		})
	})
}

func (w *world) command(t *testing.T, d *datadriven.TestData) {
	peer := func(key string) messages.PeerID {
		var p int
		d.ScanArgs(t, key, &p)
		return messages.PeerID(p)
	}
	first := func() messages.PeerID {
		var p int
		if _, err := fmt.Sscan(d.CmdArgs[0].Key, &p); err != nil {
			d.Fatalf(t, "%v", err)
		}
		return messages.PeerID(p)
	}
	switch d.Cmd {
	case "new":
	case "open":
		w.open()
	case "propose":
		w.do(w.proposer, w.nodes[w.proposer].Propose([]byte(d.CmdArgs[0].Key)))
	case "faulty":
		w.faulty(first())
	case "forge":
		w.Queue = append(w.Queue, hbbfttest.Packet{From: peer("from"), To: peer("to"), Statement: w.forged(t, d)})
	case "drop":
		key, val := d.CmdArgs[0].Key, d.CmdArgs[0].Vals[0]
		w.Drop(func(p hbbfttest.Packet) bool {
			is := map[string]string{"to": p.To.String(), "from": p.From.String(), "kind": fmt.Sprintf("%T", p.Statement)[len("frames."):]}
			return is[key] == val
		})
	case "settle":
		w.settle()
	case "tick":
		w.tick()
	case "linkup":
		at := peer("at")
		w.do(at, w.nodes[at].LinkUp(peer("peer")))
	case "restart":
		keep := len(w.journal[first()])
		d.MaybeScanArgs(t, "keep", &keep)
		w.restart(first(), keep)
	case "state":
		for i, node := range w.nodes {
			if node != nil {
				fmt.Fprintf(w.Log, "%d: %s\n", i, node)
			}
		}
	default:
		d.Fatalf(t, "unknown command %q", d.Cmd)
	}
}

func (w *world) forged(t *testing.T, d *datadriven.TestData) frames.Statement {
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "value":
			return w.value(arg.Vals[0])
		case "unsigned":
			v := w.value(arg.Vals[0])
			v.Signature = [64]byte{}
			return v
		case "echo":
			return frames.Echo{Proposer: w.proposer, Root: w.root(arg.Vals[0])}
		case "ready":
			return frames.Ready{Proposer: w.proposer, Root: w.root(arg.Vals[0])}
		case "pull":
			return frames.Pull{Proposer: w.proposer, Root: w.root(arg.Vals[0])}
		}
	}
	d.Fatalf(t, "forge what?")
	return nil
}
