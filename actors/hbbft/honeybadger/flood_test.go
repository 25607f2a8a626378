package honeybadger_test

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/messages"
	"minimint/messages/frames"
)

// The bound on what is kept: arrays with a place for every member and proposer
// of every open epoch, and one proposal of each member in each of these.
const (
	floodSize = 100 // members
	// perPlace is what one member says about one proposer, in bytes: a root that
	// it echoes and one that it is ready for, two bytes of votes in each of
	// sixteen rounds, two shares of coins, and one share of a decryption, of which
	// nobody knows before it is used that it is too long.
	perPlace = 32 + 34 + 32 + 96 + frames.MaxShare
	// perMember is what one member says in all open epochs, without proposals,
	// and perProposals those.
	perMember    = honeybadger.MaxOpen * floodSize * perPlace
	perProposals = honeybadger.MaxOpen * frames.MaxPayload
	// slack is for what the heap adds to small things.
	slack = 2
)

// floodCount is how many statements of each kind of junk there are alone, and
// together: with fewer the first hostile member would leave arrays to be made for
// the second.
const floodCount, floodTogether = 25_000, 10_000

// A flood is one kind of junk: what a hostile member says about an epoch.
type flood struct {
	name string
	make func(f *flooder, epoch messages.Epoch) frames.Frame
}

// A flooder makes junk. No two statements of it are the same.
type flooder struct {
	*rand.Rand
	w    *world
	from messages.PeerID
	long []frames.Value // some of full length, by epoch
}

func newFlooder(w *world, from messages.PeerID) *flooder {
	return &flooder{Rand: rand.New(rand.NewPCG(uint64(from), 0)), w: w, from: from}
}

func (f *flooder) proposer() messages.PeerID { return messages.PeerID(f.IntN(floodSize)) }

func (f *flooder) digest() messages.Digest {
	var d messages.Digest
	binary.BigEndian.PutUint64(d[:], f.Uint64())
	return d
}

// bytes are n bytes of their own.
func (f *flooder) bytes(n int) []byte {
	b := make([]byte, n)
	binary.BigEndian.PutUint64(b, f.Uint64())
	return b
}

func (f *flooder) bit() bool { return f.IntN(2) == 1 }

// value is one of the flooder's own proposals.
func (f *flooder) value(epoch messages.Epoch, length int) frames.Value {
	payload, slot := f.bytes(length), f.w.slot(epoch, f.from)
	return frames.Value{Proposer: f.from, Payload: payload, Signature: hbbfttest.Signer{Member: f.from}.Sign(slot.Signed(slot.Root(payload)))}
}

// about is a statement of any kind but Value.
func (f *flooder) about(j messages.PeerID, round uint32) frames.Statement {
	return []frames.Statement{
		frames.Echo{Proposer: j, Root: f.digest()},
		frames.Ready{Proposer: j, Root: f.digest()},
		frames.Pull{Proposer: j, Root: f.digest()},
		frames.Input{Proposer: j, Bit: f.bit()},
		frames.BVal{Proposer: j, Round: round, Bit: f.bit()},
		frames.Aux{Proposer: j, Round: round, Bit: f.bit()},
		frames.Conf{Proposer: j, Round: round, Bits: frames.BitSet(f.IntN(4))},
		frames.CoinShare{Proposer: j, Round: round, Share: f.bytes(8)},
		frames.Term{Proposer: j, Bit: f.bit()},
		frames.DecryptionShare{Proposer: j, Share: f.bytes(frames.MaxShare)},
	}[f.IntN(10)]
}

// many fills a frame.
func many(epoch messages.Epoch, make func() frames.Statement) frames.Frame {
	f := frames.Frame{Epoch: epoch}
	for range 20 {
		f.Statements = append(f.Statements, make())
	}
	return f
}

var floods = []flood{
	{"unknown proposers", func(f *flooder, epoch messages.Epoch) frames.Frame {
		return many(epoch, func() frames.Statement {
			return f.about(floodSize+messages.PeerID(f.IntN(messages.MaxPeers-floodSize)), 0)
		})
	}},
	{"future rounds", func(f *flooder, epoch messages.Epoch) frames.Frame {
		return many(epoch, func() frames.Statement { return f.about(f.proposer(), f.Uint32()>>f.IntN(32)) })
	}},
	{"future epochs", func(f *flooder, _ messages.Epoch) frames.Frame {
		epoch := messages.Epoch(f.Uint64() >> f.IntN(62))
		frame := many(epoch, func() frames.Statement { return f.about(f.proposer(), 0) })
		frame.Next = epoch
		return frame
	}},
	{"shares before the set is known", func(f *flooder, epoch messages.Epoch) frames.Frame {
		return many(epoch, func() frames.Statement {
			if f.bit() {
				return frames.CoinShare{Proposer: f.proposer(), Round: 2 + 3*uint32(f.IntN(3)), Share: f.bytes(8)}
			}
			return frames.DecryptionShare{Proposer: f.proposer(), Share: f.bytes(8 + f.IntN(frames.MaxShare-7))}
		})
	}},
	{"votes, repeated and different", func(f *flooder, epoch messages.Epoch) frames.Frame {
		return many(epoch, func() frames.Statement { return f.about(f.proposer(), uint32(f.IntN(20))) })
	}},
	{"proposals", func(f *flooder, epoch messages.Epoch) frames.Frame {
		if f.long == nil {
			for i := range honeybadger.MaxOpen * 5 {
				f.long = append(f.long, f.value(messages.Epoch(i/5), frames.MaxPayload))
			}
		}
		frame := many(epoch, func() frames.Statement {
			v := f.value(epoch, 8+f.IntN(100))
			if f.bit() { // as an answer to nobody
				v.Proposer = f.proposer()
			}
			return v
		})
		frame.Statements[0] = f.long[int(epoch)*5+f.IntN(5)]
		return frame
	}},
	{"statements that are too long", func(f *flooder, epoch messages.Epoch) frames.Frame {
		long := make([]byte, frames.MaxPayload+1)
		return many(epoch, func() frames.Statement {
			if f.bit() {
				return frames.DecryptionShare{Proposer: f.proposer(), Share: long}
			}
			return frames.Value{Proposer: f.from, Payload: long}
		})
	}},
	{"asks", func(f *flooder, epoch messages.Epoch) frames.Frame {
		frame := many(epoch, func() frames.Statement { return frames.Pull{Proposer: f.proposer(), Root: f.digest()} })
		frame.Again = true
		return frame
	}},
	{"other eras", func(f *flooder, epoch messages.Epoch) frames.Frame {
		frame := many(epoch, func() frames.Statement { return f.about(f.proposer(), 0) })
		frame.Era = 1 + messages.Era(f.IntN(1000))
		return frame
	}},
}

// heap is what is alive.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A flooded member counts what it was made to do beside.
type flooded struct {
	core                  *honeybadger.Core
	faults, said, answers int
}

// newFlooded returns a member with as many open epochs as there can be.
func newFlooded(t testing.TB) (*world, *flooded) {
	w := newWorld(t, floodSize)
	core, _ := honeybadger.New(w.config(0), honeybadger.Position{}, nil)
	core.Committed(2, honeybadger.Absence{Known: true}, honeybadger.Absence{Known: true})
	return w, &flooded{core: core}
}

// take has the flooder say its junk, in all open epochs, through the codec
// where that lets it pass.
func (v *flooded) take(f *flooder, junk flood, statements int) {
	for said := 0; said < statements; {
		frame := junk.make(f, messages.Epoch(f.IntN(honeybadger.MaxOpen)))
		step := v.core.Handle(f.from, frame)
		v.faults += len(step.Faults)
		v.said += len(step.Records)
		v.answers += len(step.Sends)
		said += len(frame.Statements)
	}
}

// TestB5Flood: what one hostile member can make another remember is a constant,
// whatever it says and however often. So are the faults that are told of it, and
// what it makes others say.
func TestB5Flood(t *testing.T) {
	const first = floodSize*perMember + perProposals // which makes room for everybody
	for _, junk := range floods {
		t.Run(junk.name, func(t *testing.T) {
			before := heap()
			w, v := newFlooded(t)
			v.take(newFlooder(w, floodSize-1), junk, floodCount)
			v.check(t, heap()-before, first)
			runtime.KeepAlive(v)
		})
	}
	t.Run("everything", func(t *testing.T) {
		before := heap()
		w, v := newFlooded(t)
		f := newFlooder(w, floodSize-1)
		for _, junk := range floods {
			v.take(f, junk, floodTogether)
		}
		f.long = nil
		v.check(t, heap()-before, first)
		before = heap()
		f = newFlooder(w, floodSize-2)
		for _, junk := range floods {
			if junk.name != "proposals" {
				v.take(f, junk, floodTogether)
			}
		}
		v.check(t, heap()-before, slack*perMember) // of a second member
		runtime.KeepAlive(v)
	})
}

// TestBoundsAreThoseOfTheDesign: whoever changes a bound changes what DESIGN.md says
// about memory, and about how much one member can make others do.
func TestBoundsAreThoseOfTheDesign(t *testing.T) {
	for name, is := range map[string][2]int{
		"bytes that the first hostile member may leave": {floodSize*perMember + perProposals, 19_048_576},
		"bytes that a further one may leave":            {slack * perMember, 360_000},
		"open epochs":                                   {honeybadger.MaxOpen, 4},
		"committed epochs that are not over":            {honeybadger.Lookback, 1},
		"epochs that one member starts at once":         {honeybadger.Burst, 5},
		"faults that are told of one member":            {honeybadger.MaxFaults, 16},
		"epochs without a liar's shares":                {honeybadger.Distrust, 64},
		"milliseconds to answer a Pull":                 {int(honeybadger.PullPatience.Milliseconds()), 1000},
		"rounds ahead":                                  {aba.Window, 16},
		"rounds at all":                                 {aba.Rounds, 1024},
		"epochs ahead":                                  {honeybadger.Ahead, 1},
		"bytes of a frame":                              {frames.MaxFrame, 1 << 20},
		"bytes of a proposal":                           {frames.MaxPayload, 256 << 10},
		"bytes of a share":                              {frames.MaxShare, 256},
		"statements of a frame that are no bits":        {frames.MaxItems, 1024},
		"rounds of a frame":                             {frames.MaxRounds, 16},
	} {
		if is[0] != is[1] {
			t.Errorf("%s: %d, the design says %d", name, is[0], is[1])
		}
	}
}

// check compares what grew since the last time with what may grow.
func (v *flooded) check(t *testing.T, grown, limit int) {
	t.Helper()
	t.Logf("%d kB are alive, at most %d allowed; %d faults told, %d statements sent", grown/1000, limit/1000, v.faults, v.answers)
	if grown > limit {
		t.Errorf("grew by %d bytes, at most %d allowed", grown, limit)
	}
	if most := honeybadger.MaxFaults*(honeybadger.MaxOpen+1) + honeybadger.MaxOpen; v.faults > most {
		t.Errorf("%d faults, at most %d allowed", v.faults, most)
	}
	if v.said > 0 || v.answers > honeybadger.Burst {
		t.Errorf("recorded %d statements and sent %d, for one that says nothing of use", v.said, v.answers)
	}
	v.faults, v.answers = 0, 0
}
