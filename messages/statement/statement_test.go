package statement_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"minimint/crypto/domain"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/statement"
	"minimint/messages/wire"
)

var federationID = messages.FederationID{7}

func deal() (statement.Key, []statement.Signer) {
	public, secrets := tsigtest.Keys(rand.NewChaCha8([32]byte{1}), domain.Certificate, federationID[:], 3, 4)
	key := statement.NewKey(public)
	var signers []statement.Signer
	for _, secret := range secrets {
		signers = append(signers, key.Holding(secret))
	}
	return key, signers
}

func sign(signers []statement.Signer, member int, s statement.Statement) statement.Share {
	return statement.Share{Statement: s, Member: messages.PeerID(member), Signature: signers[member].Sign(s)}
}

func certify(t testing.TB, key statement.Key, signers []statement.Signer, s statement.Statement) statement.Certificate {
	t.Helper()
	signature, _, ok := key.Combine([]statement.Share{sign(signers, 0, s), sign(signers, 1, s), sign(signers, 2, s)})
	if !ok {
		t.Fatal("shares do not combine")
	}
	return statement.Certificate{Statement: s, Signature: signature}
}

func example() statement.Statement {
	return statement.Statement{
		Era: 1, Epoch: 300, Previous: messages.Digest{1, 31: 2},
		Header: statement.Header{Outcome: messages.Digest{3}, State: messages.Digest{4}, Size: 1 << 33},
	}
}

// What is signed and linked never changes its form.
func TestFrozen(t *testing.T) {
	s := example()
	const frozen = "080110ac021a200100000000000000000000000000000000000000000000000000000000000002224a0a20" +
		"0300000000000000000000000000000000000000000000000000000000000000" + "1220" +
		"0400000000000000000000000000000000000000000000000000000000000000" + "188080808020"
	if got := hex.EncodeToString(s.Bytes()); got != frozen {
		t.Errorf("bytes %s", got)
	}
	const link = "2736cecdae7d8c123b47f50e31dfad335e884b93a1aeadbc1b628d9f890403f6"
	if got := s.Link(federationID).String(); got != link {
		t.Errorf("link %s", got)
	}
}

// Every field changes what is signed and the link.
func TestEveryFieldCounts(t *testing.T) {
	seen := map[messages.Digest]bool{example().Link(federationID): true, example().Link(messages.FederationID{8}): true}
	for _, change := range []func(*statement.Statement){
		func(s *statement.Statement) { s.Era++ },
		func(s *statement.Statement) { s.Epoch++ },
		func(s *statement.Statement) { s.Previous[5]++ },
		func(s *statement.Statement) { s.Header.Outcome[5]++ },
		func(s *statement.Statement) { s.Header.State[5]++ },
		func(s *statement.Statement) { s.Header.Size++ },
	} {
		s := example()
		change(&s)
		seen[s.Link(federationID)] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d different links", len(seen))
	}
}

func TestWire(t *testing.T) {
	keys, secrets := deal()
	s := example()
	if got, err := statement.Read(s.Wire()); err != nil || got != s {
		t.Errorf("%+v %v", got, err)
	}
	share := sign(secrets, 2, s)
	if got, err := statement.ReadShare(2, s.Wire(), share.Signature); err != nil || !keys.ValidShare(got) {
		t.Errorf("share: %v", err)
	}
	if got, err := statement.ReadShare(1, s.Wire(), share.Signature); err != nil || keys.ValidShare(got) {
		t.Error("a share of another member is valid")
	}
	cert := certify(t, keys, secrets, s)
	if got, err := statement.ReadCertificate(cert.Wire()); err != nil || !keys.Valid(got) {
		t.Errorf("certificate: %v", err)
	}
	cert.Statement.Epoch++
	if keys.Valid(cert) {
		t.Error("a certificate of another epoch is valid")
	}
	for _, w := range []*wire.Statement{
		nil,
		{},
		{Header: s.Header.Wire()},
		{Previous: make([]byte, 33), Header: s.Header.Wire()},
		{Previous: make([]byte, 32), Header: &wire.EpochHeader{Outcome: make([]byte, 32)}},
	} {
		if _, err := statement.Read(w); !errors.Is(err, statement.ErrStatement) {
			t.Errorf("%v: %v", w, err)
		}
	}
}

// A certificate proves the headers before it, each in its place.
func TestProof(t *testing.T) {
	keys, secrets := deal()
	chain := statement.Chain{Federation: federationID, Era: 2, Next: 50, Previous: messages.Digest{9}}
	p := statement.Proof{From: 50, Previous: messages.Digest{9}}
	var last statement.Statement
	for i := range uint64(5) {
		h := statement.Header{Size: i}
		last = chain.Add(h)
		p.Headers = append(p.Headers, h)
	}
	p.Signature = certify(t, keys, secrets, last).Signature
	read := func() (statement.Proof, error) {
		return statement.ReadProof(uint64(p.From), p.Previous[:], statement.HeadersWire(p.Headers), p.Signature, 5)
	}
	got, err := read()
	if err != nil || !reflect.DeepEqual(got.Headers, p.Headers) {
		t.Fatal(err)
	}
	if c, ok := got.Certificate(federationID, 2); !ok || !keys.Valid(c) || c.Statement != last {
		t.Error("no certificate")
	}
	for name, change := range map[string]func(*statement.Proof){
		"header":   func(p *statement.Proof) { p.Headers[1].Size++ },
		"missing":  func(p *statement.Proof) { p.Headers = p.Headers[1:] },
		"previous": func(p *statement.Proof) { p.Previous[0]++ },
		"epoch":    func(p *statement.Proof) { p.From++ },
	} {
		other, _ := read()
		change(&other)
		if c, _ := other.Certificate(federationID, 2); keys.Valid(c) {
			t.Errorf("%s: valid", name)
		}
	}
	if c, _ := got.Certificate(federationID, 3); keys.Valid(c) {
		t.Error("valid in another era")
	}
	got.Signature = nil
	if _, ok := got.Certificate(federationID, 2); ok {
		t.Error("a certificate without a signature")
	}
}

// A client believes one member that shows a certificate.
func TestProven(t *testing.T) {
	key, signers := deal()
	chain := statement.Chain{Federation: federationID, Next: 4, Previous: messages.Digest{9}}
	one, two := chain.Add(statement.Header{Size: 1}), chain.Add(statement.Header{Size: 2})
	w := &wire.EpochProof{
		Epoch: 4, Previous: one.Previous[:], Headers: []*wire.EpochHeader{one.Header.Wire(), two.Header.Wire()},
		Signature: certify(t, key, signers, two).Signature,
	}
	if got, err := statement.Proven(w, key, federationID, 0); err != nil || got != one {
		t.Errorf("%s: %v", got, err)
	}
	for name, change := range map[string]func(*wire.EpochProof){
		"unsigned":   func(w *wire.EpochProof) { w.Signature = nil },
		"no header":  func(w *wire.EpochProof) { w.Headers = nil },
		"another":    func(w *wire.EpochProof) { w.Headers[0].Size = 7 },
		"other link": func(w *wire.EpochProof) { w.Previous[3]++ },
		"too long":   func(w *wire.EpochProof) { w.Headers = make([]*wire.EpochHeader, 5000) },
	} {
		lie := proto.Clone(w).(*wire.EpochProof)
		change(lie)
		if _, err := statement.Proven(lie, key, federationID, 0); !errors.Is(err, statement.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestContradiction(t *testing.T) {
	keys, secrets := deal()
	other := example()
	other.Header.State[0]++
	later := example()
	later.Epoch++
	c := statement.Contradiction{Member: 2, One: sign(secrets, 2, example()), Other: sign(secrets, 2, other)}
	if !c.Valid(keys) {
		t.Fatal("not valid")
	}
	got, err := statement.DecodeContradiction(c.Encode())
	if err != nil || !got.Valid(keys) || !bytes.Equal(got.Encode(), c.Encode()) {
		t.Errorf("decoded: %v", err)
	}
	for name, c := range map[string]statement.Contradiction{
		"another member":   {Member: 1, One: c.One, Other: c.Other},
		"no member":        {Member: 9, One: c.One, Other: c.Other},
		"two members":      {Member: 2, One: c.One, Other: sign(secrets, 1, other)},
		"the same":         {Member: 2, One: c.One, Other: c.One},
		"different epochs": {Member: 2, One: c.One, Other: sign(secrets, 2, later)},
		"not signed":       {Member: 2, One: c.One, Other: statement.Share{Statement: other, Member: 2, Signature: c.One.Signature}},
	} {
		if c.Valid(keys) {
			t.Errorf("%s: valid", name)
		}
	}
}

func TestKeyOf(t *testing.T) {
	d := tsigtest.Deal(rand.NewChaCha8([32]byte{2}), 3, 4)
	key := func(threshold, size int) federation.ThresholdKey {
		k := federation.ThresholdKey{Threshold: threshold, Group: bytes.Repeat([]byte{1}, size)}
		for range 4 {
			k.Members = append(k.Members, bytes.Repeat([]byte{2}, size))
		}
		return k
	}
	c := federation.Config{Name: "x", Coin: key(2, 96), Certificate: key(3, 96), Contributions: key(2, 32), Preimages: key(3, 32)}
	for i := range 4 {
		c.Members = append(c.Members, federation.Member{Name: "m", Address: "a:1", Identity: bytes.Repeat([]byte{byte(i)}, ed25519.PublicKeySize)})
	}
	junk, err := federation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := statement.KeyOf(junk); err == nil {
		t.Error("keys that are no points were taken")
	}
	c.Certificate = federation.ThresholdKey{Threshold: 3, Group: d.Group.Bytes()}
	for _, m := range d.Members {
		c.Certificate.Members = append(c.Certificate.Members, m.Bytes())
	}
	good, err := federation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	threshold, err := statement.KeyOf(good)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := threshold.Member(1, d.Secrets[1].Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if s := sign([]statement.Signer{nil, signer}, 1, example()); !threshold.ValidShare(s) {
		t.Error("a member's share is not valid")
	}
	if _, err := threshold.Member(2, d.Secrets[1].Bytes()); err == nil {
		t.Error("the secret of another member was taken")
	}
	if _, err := threshold.Member(2, nil); err == nil {
		t.Error("no secret was taken")
	}
}

// Liars are named only if they do harm, and what is no point of the curve is a lie.
func TestCombine(t *testing.T) {
	key, signers := deal()
	right := func(member int) statement.Share { return sign(signers, member, example()) }
	wrong := right(1)
	wrong.Signature = right(2).Signature
	junk := right(2)
	junk.Signature = make([]byte, statement.SignatureSize)
	for name, c := range map[string]struct {
		shares []statement.Share
		liars  []messages.PeerID
		ok     bool
	}{
		"none":       {nil, nil, false},
		"too few":    {[]statement.Share{right(0), right(1)}, nil, false},
		"enough":     {[]statement.Share{right(3), right(0), right(1)}, nil, true},
		"one wrong":  {[]statement.Share{right(0), wrong, right(2), right(3)}, []messages.PeerID{1}, true},
		"not needed": {[]statement.Share{right(0), right(2), right(3), wrong}, nil, true},
		"junk":       {[]statement.Share{right(0), right(1), junk}, []messages.PeerID{2}, false},
	} {
		signature, liars, ok := key.Combine(c.shares)
		if ok != c.ok || !slices.Equal(liars, c.liars) {
			t.Errorf("%s: %t, liars %v", name, ok, liars)
		}
		if ok && !key.Valid(statement.Certificate{Statement: example(), Signature: signature}) {
			t.Errorf("%s: not valid", name)
		}
	}
}

// FuzzRead: whatever bytes come, they are an error or have one form.
func FuzzRead(f *testing.F) {
	keys, secrets := deal()
	other := example()
	other.Epoch++
	cert, err := proto.Marshal(certify(f, keys, secrets, example()).Wire())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cert)
	f.Add(statement.Contradiction{Member: 2, One: sign(secrets, 2, example()), Other: sign(secrets, 2, other)}.Encode())
	proof, err := proto.Marshal(&wire.HeadersReply{FromEpoch: 3, Previous: make([]byte, 32), Headers: []*wire.EpochHeader{example().Header.Wire()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(proof)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := statement.DecodeContradiction(b); err == nil {
			c.Valid(keys)
			if !bytes.Equal(c.Encode(), b) {
				t.Error("two forms of one contradiction")
			}
		}
		w := new(wire.Certificate)
		if proto.Unmarshal(b, w) == nil {
			if c, err := statement.ReadCertificate(w); err == nil {
				keys.Valid(c)
			}
		}
		h := new(wire.HeadersReply)
		if proto.Unmarshal(b, h) == nil {
			p, err := statement.ReadProof(h.GetFromEpoch(), h.GetPrevious(), h.GetHeaders(), h.GetSignature(), 4)
			if err == nil {
				if len(p.Headers) > 4 {
					t.Error("too many headers")
				}
				p.Certificate(federationID, 0)
			}
		}
	})
}
