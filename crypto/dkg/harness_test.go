package dkg

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// stream is deterministic randomness for a test.
func stream(parts ...any) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, parts...)))
}

func identities(n int) []ed25519.PrivateKey {
	var out []ed25519.PrivateKey
	for i := range n {
		seed := sha256.Sum256(fmt.Append(nil, "identity", i))
		out = append(out, ed25519.NewKeyFromSeed(seed[:]))
	}
	return out
}

func config(n int, keys ...Key) Config {
	cfg := Config{Session: sha256.Sum256([]byte("a session")), Keys: keys}
	for _, k := range identities(n) {
		cfg.Members = append(cfg.Members, k.Public().(ed25519.PublicKey))
	}
	return cfg
}

// cheap keys make hundreds of runs affordable.
func cheap(n int) []Key {
	return []Key{
		{Role: "some", Group: Ristretto255, Threshold: (n-1)/3 + 1},
		{Role: "live", Group: Ristretto255, Threshold: n - (n-1)/3},
	}
}

// network carries messages between the members of one run, in one goroutine.
type network struct {
	t       *testing.T
	cfg     Config
	members []*Ceremony
	seen    []member // by index−1
	queue   []flight
	log     [][]*Message // by index−1: what was kept, for replays
	// tamper, if set, replaces what a member sends to one other member; nil drops it.
	tamper func(from, to int, m *Message) []*Message
	// pick chooses the next delivery out of n; nil is first in, first out.
	pick func(n int) int
	// public is what member i confirms; nil for the encoding of the result.
	public func(i int, r *Result) []byte
}

// member is what a member's caller has been told.
type member struct {
	result   *Result
	finished bool
	fault    *Fault
	ignored  []string
}

type flight struct {
	to int
	m  *Message
}

func newNetwork(t *testing.T, cfg Config) *network {
	n := &network{t: t, cfg: cfg, seen: make([]member, len(cfg.Members)), log: make([][]*Message, len(cfg.Members))}
	for i := range cfg.Members {
		n.members = append(n.members, n.prepare(i+1))
	}
	return n
}

func (n *network) prepare(i int) *Ceremony {
	c, err := prepare(n.cfg, identities(i)[i-1], stream("member", i))
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// encode is a public result as an application might write it.
func encode(r *Result) []byte {
	var b bytes.Buffer
	for _, k := range r.Keys {
		fmt.Fprintf(&b, "%s %d %x %x\n", k.Key, k.Key.Threshold, k.Public, k.Members)
	}
	return b.Bytes()
}

func (n *network) perform(i int, s Step) {
	me := &n.seen[i-1]
	if s.Ignored != "" {
		me.ignored = append(me.ignored, s.Ignored)
	}
	if s.Fault != nil {
		me.fault = s.Fault
	}
	for _, o := range s.Send {
		n.send(i, o)
	}
	me.finished = me.finished || s.Finished
	if s.Result != nil {
		me.result = s.Result
		public := encode(s.Result)
		if n.public != nil {
			public = n.public(i, s.Result)
		}
		if public != nil {
			n.perform(i, n.members[i-1].Confirm(public))
		}
	}
}

func (n *network) send(from int, o Outgoing) {
	for to := range len(n.members) {
		if to+1 == from || o.To != 0 && o.To != to+1 {
			continue
		}
		out := []*Message{o.Message}
		if n.tamper != nil {
			out = n.tamper(from, to+1, o.Message)
		}
		for _, m := range out {
			n.queue = append(n.queue, flight{to + 1, m})
		}
	}
}

func (n *network) start() {
	for i, c := range n.members {
		n.perform(i+1, c.start())
	}
}

// deliver one message, through its encoding.
func (n *network) deliver() {
	at := 0
	if n.pick != nil {
		at = n.pick(len(n.queue))
	}
	f := n.queue[at]
	n.queue = slices.Delete(n.queue, at, at+1)
	m, err := Decode(f.m.Bytes())
	if err != nil {
		n.t.Fatalf("%s: %v", f.m, err)
	}
	s := n.members[f.to-1].Handle(m)
	if s.Kept {
		n.log[f.to-1] = append(n.log[f.to-1], m)
	}
	n.perform(f.to, s)
}

func (n *network) run() {
	n.start()
	for len(n.queue) > 0 {
		n.deliver()
	}
}

// resign makes a message of the same place with other content.
func (n *network) resign(m *Message, content []byte) *Message {
	return sign(identities(m.from)[m.from-1], m.session, Message{round: m.round, from: m.from, to: m.to, content: content})
}
