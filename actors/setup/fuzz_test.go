package setup

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/setup/agreement"
	"minimint/actors/setup/keystore"
	"minimint/actors/setup/setupwire"
	"minimint/messages/timing"
	"minimint/storage/disk"
	"minimint/storage/wal"
)

// table is a ceremony of four on a stage, of which some members are the test.
type table struct {
	testing.TB
	stage   *consensustest.Stage
	terms   agreement.Terms
	secrets []*keystore.Secrets
	// seats stand for the other members before member 0: what it sends to seat i
	// is for member i, and comes to it from seat i.
	seats [4]*consensustest.Probe
	disk  *disk.Memory
}

func newTable(t testing.TB, hear func(seat int, p *setupwire.Packet)) *table {
	r := &table{
		TB: t, stage: consensustest.NewStage(), disk: disk.NewMemory(),
		terms: agreement.Terms{
			Name: "test", Mint: agreement.MintTerms{Tiers: []uint32{3}},
			Wallet: agreement.WalletTerms{Network: "simnet", Birthday: 1, MinFeeRate: 1000, DefaultFeeRate: 2000, MaxFeeRate: 9000},
		},
	}
	t.Cleanup(r.stage.Close)
	for i := range r.seats {
		s, err := keystore.New(stream("secrets", i))
		if err != nil {
			t.Fatal(err)
		}
		r.secrets = append(r.secrets, s)
		r.terms.Members = append(r.terms.Members, ed25519.NewKeyFromSeed(s.Identity.Bytes()).Public().(ed25519.PublicKey))
		r.seats[i] = r.stage.Probe(func(m any) {
			if p, ok := m.(*setupwire.Packet); ok && hear != nil {
				hear(i, p)
			}
		})
	}
	return r
}

func (r *table) config(i int, d *disk.Memory, peers [4]*consensustest.Probe) Config {
	cfg := Config{
		Terms: r.terms, Name: fmt.Sprint("member ", i), Address: fmt.Sprintf("host%d:1", i), Secrets: r.secrets[i],
		Disk: d, Journal: "journal", Rand: stream("rand", i), Report: func(Event) {},
	}
	for j, p := range peers {
		cfg.Peers = append(cfg.Peers, p.PID)
		if i == j {
			cfg.Peers[j] = nil
		}
	}
	return cfg
}

// member starts member 0.
func (r *table) member() {
	produce, err := New(r.config(0, r.disk, r.seats))
	if err != nil {
		r.Fatal(err)
	}
	r.stage.SpawnNamed("m-0", consensustest.Policy, produce)
}

func (r *table) tell(seat int, m any) {
	r.stage.Send(r.seats[seat], r.stage.System.NewLocalPID("m-0"), m)
}

// said is a packet and the seat that it came from.
type said struct {
	seat   int
	packet *setupwire.Packet
}

// rehearsal is what the others said to member 0 in a whole ceremony, and the records
// of its journal. It is held once.
var rehearsal struct {
	sync.Once
	all     []said
	records [][]byte
}

func rehearsed(t testing.TB) ([]said, [][]byte) {
	r := &rehearsal
	r.Do(func() { r.all, r.records = rehearse(t) })
	return r.all, r.records
}

func rehearse(t testing.TB) (all []said, records [][]byte) {
	var r *table
	var out [4]*consensustest.Probe // what members 1 to 3 see of member 0
	r = newTable(t, func(seat int, p *setupwire.Packet) {
		r.stage.Send(out[seat], r.stage.System.NewLocalPID(fmt.Sprint("m-", seat)), p)
	})
	for i := 1; i < 4; i++ {
		out[i] = r.stage.Probe(func(m any) {
			if p, ok := m.(*setupwire.Packet); ok {
				all = append(all, said{i, proto.CloneOf(p)})
				r.tell(i, p)
			}
		})
	}
	r.member()
	for i := 1; i < 4; i++ {
		cfg := r.config(i, disk.NewMemory(), r.seats)
		for j := range cfg.Peers {
			cfg.Peers[j] = r.stage.System.NewLocalPID(fmt.Sprint("m-", j))
		}
		cfg.Peers[i], cfg.Peers[0] = nil, out[i].PID
		produce, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.stage.SpawnNamed(fmt.Sprint("m-", i), consensustest.Policy, produce)
	}
	for range 8 {
		for i := range 4 {
			r.stage.Send(r.seats[0], r.stage.System.NewLocalPID(fmt.Sprint("m-", i)), &timing.Tick{})
		}
	}
	log, err := wal.Open(r.disk, "journal", stream("again"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	finished := false
	for record, err := range log.Records() {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, append([]byte(nil), record...))
	}
	for _, s := range all {
		finished = finished || s.packet.GetStatus().GetFinished()
	}
	if !finished {
		t.Fatalf("the rehearsal does not come to its end: %d packets\n%s", len(all), r.stage.Log.String())
	}
	return all, records
}

// alive fails the test if the actor failed.
func (r *table) alive() {
	r.Helper()
	if len(r.stage.Exits) > 0 || strings.Contains(r.stage.Log.String(), "panicked") {
		r.Fatalf("exits %v\n%s", r.stage.Exits, r.stage.Log.String())
	}
}

// FuzzPacket: whatever other members send during the ceremony, in whatever order,
// the actor does not fail. A plan picks packets of a real ceremony, or the fuzzer's
// own, and says from which seat they come and which bytes of them are changed.
func FuzzPacket(f *testing.F) {
	all, _ := rehearsed(f)
	var smooth []byte
	for i := range all {
		smooth = append(smooth, byte(i), 0, 0)
	}
	f.Add(smooth, []byte{})
	f.Add([]byte{0, 1, 0, 1, 0, 1, 9, 40, 2, 0, 0, 255, 0, 0}, []byte{0x1a, 2, 8, 1})
	f.Fuzz(func(t *testing.T, plan, own []byte) {
		r := newTable(t, nil)
		r.member()
		next := func() int {
			if len(plan) == 0 {
				return 0
			}
			b := plan[0]
			plan = plan[1:]
			return int(b)
		}
		for n := 0; len(plan) > 0 && n < 80; n++ {
			which, from, edits := next(), next(), next()
			s := said{seat: 1 + from%3, packet: new(setupwire.Packet)}
			if which < len(all) {
				s = said{all[which].seat, proto.CloneOf(all[which].packet)}
			} else if proto.Unmarshal(own, s.packet) != nil {
				continue
			}
			if from%5 == 4 {
				s.seat = 1 + from%3
			}
			raw, err := proto.Marshal(s.packet)
			if err != nil {
				t.Fatal(err)
			}
			for range edits % 4 {
				if at := next()<<8 | next(); len(raw) > 0 {
					raw[at%len(raw)] ^= byte(next())
				}
			}
			p := new(setupwire.Packet)
			if proto.Unmarshal(raw, p) == nil {
				r.tell(s.seat, p)
			}
		}
		r.tell(1, &timing.Tick{})
		r.alive()
	})
}

// FuzzReplay: a record of the journal, at any place in it, is replayed or is an
// error.
func FuzzReplay(f *testing.F) {
	_, records := rehearsed(f)
	for i := 1; i+1 < len(records); i += 5 {
		f.Add(uint8(i), records[i+1])
	}
	f.Add(uint8(1), []byte{0x2a, 0})
	f.Fuzz(func(t *testing.T, place uint8, record []byte) {
		r := newTable(t, nil)
		at := int(place) % len(records)
		journal, err := wal.Open(r.disk, "journal", stream("journal"))
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range records {
			if i == at && i > 0 { // the first is compared, not read
				b = record
			}
			if err := journal.Append(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
		cfg := r.config(0, r.disk, r.seats)
		c := &Ceremony{cfg: cfg, me: 0, log: r.stage.System.Logger()}
		n := len(cfg.Terms.Members)
		c.later, c.differ, c.settled = make([]*agreement.Hello, n), make([]*agreement.Hello, n), make([]bool, n)
		if c.journal, err = openJournal(cfg, 0); err != nil {
			t.Fatal(err)
		}
		defer c.close()
		if err := c.resume(); err != nil && !strings.HasPrefix(err.Error(), "setup: read journal: ") {
			t.Fatal(err)
		}
	})
}
