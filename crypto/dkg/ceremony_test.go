package dkg

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"minimint/crypto/bls"
	"minimint/crypto/domain"
	"minimint/crypto/tbs"
	"minimint/crypto/tenc"
	"minimint/crypto/tsig"
)

var federationKeys = func(n int) []Key {
	f := (n - 1) / 3
	return []Key{
		{Role: "coin", Group: BLS12381, Threshold: f + 1},
		{Role: "contributions", Group: Ristretto255, Threshold: f + 1},
		{Role: "note", Tier: 9, Group: BLS12381, Threshold: n - f},
		{Role: "preimages", Group: Ristretto255, Threshold: n - f},
	}
}

// After a run without faults all members hold the same public keys, the transcript proves them, and the secrets work.
func TestCeremonyMakesKeysThatWork(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7} {
		t.Run(fmt.Sprintf("n=%d", n), func(t *testing.T) {
			net := newNetwork(t, config(n, federationKeys(n)...))
			net.run()
			results := make([]*Result, n)
			for i, m := range net.seen {
				if !m.finished || m.fault != nil {
					t.Fatal(net.members[i])
				}
				results[i] = m.result
				if !bytes.Equal(encode(m.result), encode(results[0])) {
					t.Fatalf("member %d has other public keys", i+1)
				}
				err := VerifyTranscript(net.cfg.Session, net.cfg.Members, encode(m.result), net.members[i].Transcript())
				if err != nil {
					t.Fatal(err)
				}
			}
			trySignatures(t, results, 0)
			tryEncryption(t, results, 1)
			tryNotes(t, results, 2)
			tryEncryption(t, results, 3)
		})
	}
}

func points(t *testing.T, k PublicKey) (bls.G2, []bls.G2) {
	group, err := bls.DecodeG2(k.Public)
	if err != nil {
		t.Fatal(err)
	}
	members := make([]bls.G2, len(k.Members))
	for i, b := range k.Members {
		if members[i], err = bls.DecodeG2(b); err != nil {
			t.Fatal(err)
		}
	}
	return group, members
}

func blsSecret(t *testing.T, s Secret) bls.Scalar {
	x, err := bls.DecodeScalar(s.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func trySignatures(t *testing.T, results []*Result, at int) {
	k := results[0].Keys[at]
	group, members := points(t, k)
	keys, err := tsig.NewPublicKeys(tsig.Config{Tag: domain.Coin, Context: []byte("x"), Threshold: k.Key.Threshold, Group: group, Members: members})
	if err != nil {
		t.Fatal(err)
	}
	var shares []tsig.Share
	for i := len(results); i > len(results)-k.Key.Threshold; i-- {
		s, err := tsig.NewSecretShare(keys, uint32(i), blsSecret(t, results[i-1].Secrets[at]))
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, s.Sign([]byte("m")))
	}
	if sig, liars, err := keys.Combine([]byte("m"), shares); err != nil || liars != nil || !keys.Verify([]byte("m"), sig) {
		t.Fatal(liars, err)
	}
}

func tryNotes(t *testing.T, results []*Result, at int) {
	k := results[0].Keys[at]
	group, members := points(t, k)
	keys, err := tbs.NewTierKeys(tbs.Config{Threshold: k.Key.Threshold, Group: group, Members: members})
	if err != nil {
		t.Fatal(err)
	}
	issuance, err := tbs.NewIssuance(keys, tbs.Nonce{1}, bls.NewScalar(77))
	if err != nil {
		t.Fatal(err)
	}
	var answers []tbs.Answer
	for i := 1; i <= k.Key.Threshold; i++ {
		s, err := tbs.NewSecretShare(keys, uint32(i), blsSecret(t, results[i-1].Secrets[at]))
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, tbs.Answer{Index: uint32(i), Shares: []tbs.BlindShare{s.Sign(issuance.BlindNonce())}})
	}
	if _, liars, err := tbs.Finalize([]*tbs.Issuance{issuance}, answers, stream("notes")); err != nil || liars != nil {
		t.Fatal(liars, err)
	}
}

func tryEncryption(t *testing.T, results []*Result, at int) {
	k := results[0].Keys[at]
	keys, err := tenc.NewPublicKeys(domain.TenC, k.Key.Threshold, k.Public, k.Members)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tenc.Encrypt(stream("encryption"), keys, []byte("label"), []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Verify(keys, []byte("label"))
	if err != nil {
		t.Fatal(err)
	}
	var shares []tenc.Share
	for i := len(results); i > len(results)-k.Key.Threshold; i-- {
		s, err := tenc.NewSecretShare(keys, i, results[i-1].Secrets[at].Bytes())
		if err != nil {
			t.Fatal(err)
		}
		share, err := tenc.DecryptShare(stream("share", i), s, v)
		if err != nil {
			t.Fatal(err)
		}
		shares = append(shares, share)
	}
	if o := v.OpenVerified(shares); o.Status != tenc.Opened || string(o.Plaintext) != "hello" {
		t.Fatal(o.Status)
	}
}

// Agreement: whatever the order of deliveries, repetitions, and crashes from which members resume by replaying what they kept, all
// finish with the same public result, and a resumed member says what it said before.
func TestAgreementUnderAnyScheduleAndCrashes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(rt, "n")
		net := newNetwork(t, config(n, cheap(n)...))
		net.pick = func(n int) int { return rapid.IntRange(0, n-1).Draw(rt, "next") }
		net.start()
		for steps := 0; len(net.queue) > 0; steps++ {
			if again := rapid.IntRange(0, 9).Draw(rt, "fate"); again == 0 {
				net.queue = append(net.queue, net.queue[rapid.IntRange(0, len(net.queue)-1).Draw(rt, "repeat")])
			} else if again == 1 && steps < 50 {
				net.resume(rapid.IntRange(1, n).Draw(rt, "crash"))
			}
			net.deliver()
		}
		for i, m := range net.seen {
			if !m.finished || m.fault != nil || !bytes.Equal(encode(m.result), encode(net.seen[0].result)) {
				rt.Fatalf("%s: %v", net.members[i], m.fault)
			}
		}
	})
}

// resume replaces a member by one that is told again what its predecessor kept. It sends everything again.
func (n *network) resume(i int) {
	n.members[i-1] = n.prepare(i)
	n.perform(i, n.members[i-1].start())
	for _, m := range n.log[i-1] {
		n.perform(i, n.members[i-1].Handle(m))
	}
}

// Messages of another run, of nobody, or for somebody else accuse nobody and change nothing.
func TestNoise(t *testing.T) {
	net := newNetwork(t, config(3, cheap(3)...))
	net.start()
	first := net.queue[0].m // commit of member 1
	c := net.members[1]
	other := *first
	foreign := sign(identities(1)[0], [32]byte{9}, Message{round: RoundCommit, from: 1, content: first.content})
	other.sig = make([]byte, ed25519.SignatureSize)
	for _, x := range []struct {
		m    *Message
		want string
	}{
		{foreign, "session"},
		{&other, "signature"},
		{sign(identities(3)[2], first.session, Message{round: RoundCommit, from: 1, content: first.content}), "signature"},
		{sign(identities(4)[3], first.session, Message{round: RoundCommit, from: 4, content: first.content}), "signature"},
		{sign(identities(1)[0], first.session, Message{round: RoundDeal, from: 1, to: 3, content: make([]byte, 9)}), "another member"},
		{sign(identities(2)[1], first.session, Message{round: RoundEcho, from: 2}), "itself"},
	} {
		if s := c.Handle(x.m); !strings.Contains(s.Ignored, x.want) || s.Kept || s.Send != nil || s.Fault != nil {
			t.Fatalf("%s: %+v, want %q", x.m, s, x.want)
		}
	}
	if s := c.Handle(first); !s.Kept {
		t.Fatal(s.Ignored)
	}
	if s := c.Handle(first); s.Kept || s.Ignored == "" {
		t.Fatal("a repetition is kept")
	}
}

// A replay from another session with the same members is noise too: only the session id differs.
func TestReplayFromAnotherSession(t *testing.T) {
	old := newNetwork(t, config(3, cheap(3)...))
	old.run()
	cfg := config(3, cheap(3)...)
	cfg.Session[0]++
	c, _, err := New(cfg, identities(1)[0], stream("fresh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range old.log[0] {
		if s := c.Handle(m); s.Kept || s.Ignored == "" {
			t.Fatalf("%s was taken", m)
		}
	}
}

func TestTranscript(t *testing.T) {
	net := newNetwork(t, config(4, cheap(4)...))
	net.run()
	public, transcript := encode(net.seen[0].result), net.members[0].Transcript()
	verify := func(f func(session *[32]byte, members []ed25519.PublicKey, public *[]byte, transcript [][]byte)) error {
		cfg := config(4, cheap(4)...)
		p, tr := bytes.Clone(public), append([][]byte{}, transcript...)
		f(&cfg.Session, cfg.Members, &p, tr)
		return VerifyTranscript(cfg.Session, cfg.Members, p, tr)
	}
	if err := verify(func(*[32]byte, []ed25519.PublicKey, *[]byte, [][]byte) {}); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*[32]byte, []ed25519.PublicKey, *[]byte, [][]byte){
		"session": func(s *[32]byte, _ []ed25519.PublicKey, _ *[]byte, _ [][]byte) { s[0]++ },
		"public":  func(_ *[32]byte, _ []ed25519.PublicKey, p *[]byte, _ [][]byte) { *p = append(*p, 'x') },
		"order":   func(_ *[32]byte, _ []ed25519.PublicKey, _ *[]byte, tr [][]byte) { tr[0], tr[1] = tr[1], tr[0] },
		"twice":   func(_ *[32]byte, _ []ed25519.PublicKey, _ *[]byte, tr [][]byte) { tr[0] = tr[1] },
		"another identity": func(_ *[32]byte, m []ed25519.PublicKey, _ *[]byte, _ [][]byte) {
			m[2] = identities(9)[8].Public().(ed25519.PublicKey)
		},
		"another message": func(_ *[32]byte, _ []ed25519.PublicKey, _ *[]byte, tr [][]byte) {
			tr[1] = net.log[0][0].Bytes()
		},
	} {
		if verify(f) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if VerifyTranscript(net.cfg.Session, net.cfg.Members, public, transcript[:3]) == nil || VerifyTranscript([32]byte{}, nil, nil, nil) == nil {
		t.Error("accepted without all members")
	}
}

func TestConfigIsChecked(t *testing.T) {
	key := Key{Role: "k", Group: BLS12381, Threshold: 1}
	for name, f := range map[string]func(*Config){
		"no members":    func(c *Config) { c.Members = nil },
		"no keys":       func(c *Config) { c.Keys = nil },
		"same member":   func(c *Config) { c.Members[1] = c.Members[0] },
		"short member":  func(c *Config) { c.Members[1] = c.Members[1][1:] },
		"same key":      func(c *Config) { c.Keys = append(c.Keys, c.Keys[0]) },
		"no role":       func(c *Config) { c.Keys[0].Role = "" },
		"no group":      func(c *Config) { c.Keys[0].Group = 3 },
		"threshold 0":   func(c *Config) { c.Keys[0].Threshold = 0 },
		"threshold 4/3": func(c *Config) { c.Keys[0].Threshold = 4 },
		"not a member":  func(c *Config) { c.Members = c.Members[1:] },
		"too large": func(c *Config) {
			*c = config(200)
			for i := range uint32(46) {
				c.Keys = append(c.Keys, Key{Role: "k", Tier: i, Group: BLS12381, Threshold: 134})
			}
		},
	} {
		cfg := config(3, key)
		f(&cfg)
		if _, _, err := New(cfg, identities(1)[0], stream("x")); err == nil || !strings.HasPrefix(err.Error(), "dkg: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errNoEntropy = errors.New("no entropy")

type empty struct{ left int }

func (e *empty) Read(p []byte) (int, error) {
	if e.left -= len(p); e.left < 0 {
		return 0, errNoEntropy
	}
	return stream("entropy").Read(p)
}

// New fails if its source does, wherever that is, and reads nothing afterwards.
func TestFailingRandomness(t *testing.T) {
	keys := append(cheap(1), Key{Role: "b", Group: BLS12381, Threshold: 1})
	enough := 0
	for ; ; enough += 16 {
		if _, _, err := New(config(1, keys...), identities(1)[0], &empty{enough}); err == nil {
			break
		} else if !errors.Is(err, errNoEntropy) {
			t.Fatal(err)
		}
	}
	if want := 3*32 + 3*64; enough != want {
		t.Fatalf("New takes %d bytes, want %d", enough, want)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	net := newNetwork(t, config(1, cheap(1)...))
	net.run()
	r := net.seen[0].result
	hex := fmt.Sprintf("%x", r.Secrets[0].Bytes())
	j, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "r", r, "s", r.Secrets, "c", net.members[0])
	c := net.members[0]
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %x %s", r, *r, r, r, r), string(j), log.String(), fmt.Sprintf("%v %+v %#v %x", c, c, c, c)} {
		if strings.Contains(strings.ToLower(s), hex) || strings.Contains(s, fmt.Sprint(r.Secrets[0].Bytes())) {
			t.Errorf("the secret is shown: %s", s)
		}
	}
	r.Wipe()
	if !bytes.Equal(r.Secrets[0].Bytes(), make([]byte, 32)) {
		t.Error("not wiped")
	}
}

func TestMisusePanics(t *testing.T) {
	net := newNetwork(t, config(2, cheap(2)...))
	net.start()
	for name, f := range map[string]func(){
		"confirm early":    func() { net.members[0].Confirm(nil) },
		"transcript early": func() { net.members[0].Transcript() },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "dkg: ") {
					t.Errorf("%s: %q", name, s)
				}
			}()
			f()
		}()
	}
}

// BenchmarkCeremony is one member's whole work in a federation of four with 42 tiers, all messages of the others included.
func BenchmarkCeremony(b *testing.B) {
	keys := federationKeys(4)
	for i := range uint32(41) {
		keys = append(keys, Key{Role: "note", Tier: 100 + i, Group: BLS12381, Threshold: 3})
	}
	for b.Loop() {
		net := newNetwork(new(testing.T), config(4, keys...))
		net.run()
		if !net.seen[3].finished {
			b.Fatal(net.members[3])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(4*b.N), "ms/member")
}
