package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func seed(b byte) []byte { return bytes.Repeat([]byte{b}, ed25519.SeedSize) }

// The first test vector of RFC 8032 section 7.1; the pin was computed with
// "openssl pkey -pubin -outform der | openssl sha256" of that public key.
func TestPinOfKnownKey(t *testing.T) {
	s, _ := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	id := FromSeed(s)
	if got, want := id.Pin().String(), "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9"; got != want {
		t.Fatalf("pin %s, want %s", got, want)
	}
}

func TestEqualSeedsGiveEqualCertificates(t *testing.T) {
	a, b := FromSeed(seed(1)), FromSeed(seed(1))
	if !bytes.Equal(a.cert.Certificate[0], b.cert.Certificate[0]) || a.Pin() != b.Pin() {
		t.Fatal("not reproducible")
	}
	g, err := Generate(bytes.NewReader(seed(1)))
	if err != nil || g.Pin() != a.Pin() {
		t.Fatalf("generated %v, %v", g.Pin(), err)
	}
	if (Identity{}).IsZero() == a.IsZero() {
		t.Fatal("IsZero")
	}
	if _, err := Generate(iotest.ErrReader(errors.New("dry"))); err == nil {
		t.Fatal("no entropy, no error")
	}
}

func TestParsePin(t *testing.T) {
	want := FromSeed(seed(2)).Pin()
	got, err := ParsePin(want.String())
	if err != nil || got != want {
		t.Fatalf("%v, %v", got, err)
	}
	for _, text := range []string{"", "zz", want.String()[1:], want.String() + "0", strings.Repeat("g", 64)} {
		if _, err := ParsePin(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzParsePin(f *testing.F) {
	f.Add(FromSeed(seed(3)).Pin().String())
	f.Add(strings.Repeat("A", 64))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePin(text)
		if err == nil && p.String() != strings.ToLower(text) {
			t.Fatalf("%q became %q", text, p)
		}
	})
}

// shake lets two ends shake hands and returns both errors. The server reads a
// byte, because in TLS 1.3 a client learns only then that it was refused.
func shake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		b, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		s := tls.Server(b, server)
		err = s.Handshake()
		if err == nil {
			_, err = s.Write([]byte{1})
		}
		done <- err
		b.Close()
	}()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(a, client)
	if clientErr = c.Handshake(); clientErr == nil {
		_, clientErr = c.Read(make([]byte, 1))
	}
	a.Close()
	return clientErr, <-done
}

func TestHandshake(t *testing.T) {
	alice, bob, mallory := FromSeed(seed(1)), FromSeed(seed(2)), FromSeed(seed(3))
	anybody := func(Pin) error { return nil }
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ecKey.Public(), ecKey)
	if err != nil {
		t.Fatal(err)
	}
	curve := alice.TLS(anybody)
	curve.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: ecKey}}
	old := alice.TLS(anybody)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	nobody := alice.TLS(anybody)
	nobody.Certificates = nil
	stolen := mallory.TLS(anybody) // alice's certificate, mallory's key
	stolen.Certificates = []tls.Certificate{{Certificate: alice.cert.Certificate, PrivateKey: mallory.cert.PrivateKey}}

	for _, c := range []struct {
		name           string
		client, server *tls.Config
		fine           bool
	}{
		{"pinned both ways", alice.TLS(Only(bob.Pin())), bob.TLS(Only(alice.Pin())), true},
		{"wrong server", alice.TLS(Only(bob.Pin())), mallory.TLS(anybody), false},
		{"wrong client", mallory.TLS(anybody), bob.TLS(Only(alice.Pin())), false},
		{"not ed25519", curve, bob.TLS(anybody), false},
		{"TLS 1.2", old, bob.TLS(anybody), false},
		{"no certificate", nobody, bob.TLS(anybody), false},
		{"stolen certificate", stolen, bob.TLS(anybody), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			clientErr, serverErr := shake(t, c.client, c.server)
			if fine := clientErr == nil && serverErr == nil; fine != c.fine {
				t.Fatalf("client: %v, server: %v", clientErr, serverErr)
			}
		})
	}
}

func TestMalformedKeyPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("no panic")
		}
	}()
	FromSeed([]byte("short"))
}
