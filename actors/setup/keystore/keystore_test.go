package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"minimint/messages"
	"minimint/storage/disk"
)

var quick = InsecureForTests(2)

func stream(s string) *rand.ChaCha8 { return rand.NewChaCha8(sha256.Sum256([]byte(s))) }

func fresh(t testing.TB) *Secrets {
	s, err := New(stream("fresh"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func complete(t testing.TB, tiers int) *Secrets {
	s := fresh(t)
	s.Ceremony = Secret{}
	s.Federation = sha256.Sum256([]byte("federation"))
	r := stream("shares")
	for _, to := range []*Secret{&s.Coin, &s.Certificate, &s.Contributions, &s.Preimages} {
		*to = draw(r)
	}
	for range tiers {
		s.Tiers = append(s.Tiers, draw(r))
	}
	return s
}

func draw(r *rand.ChaCha8) Secret {
	s := Secret{new([size]byte)}
	_, _ = r.Read(s.cell[:])
	return s
}

// same compares all but the mark of the cost.
func same(t testing.TB, a, b *Secrets) bool {
	x, err := a.encode(false)
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.encode(false)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

func TestSaveAndOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "member", "secrets.age")
	for _, s := range []*Secrets{fresh(t), complete(t, 1), complete(t, 42)} {
		if err := Save(path, "correct horse", s, quick); err != nil {
			t.Fatal(err)
		}
		got, err := Open(path, "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		if !same(t, got, s) || !got.Insecure || got.Complete() != s.Complete() {
			t.Fatal("other secrets come back")
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("mode %v, %v", info.Mode(), err)
		}
		if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal("a temporary file is left")
		}
	}
	for _, wrong := range []string{"", "correct hors", "correct horse "} {
		if _, err := Open(path, wrong); !errors.Is(err, ErrPassphrase) || errors.Is(err, ErrDamaged) {
			t.Errorf("passphrase %q: %v", wrong, err)
		}
	}
	if _, err := Open(path+"x", "correct horse"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// The file without its first line is an age file.
func TestAgeOpensIt(t *testing.T) {
	sealed, err := encrypt("p", complete(t, 2), quick)
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := bytes.Cut(sealed, []byte("\n"))
	identity, err := age.NewScryptIdentity("p")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := age.Decrypt(bytes.NewReader(file), identity); err != nil {
		t.Fatal(err)
	}
}

// The cost of members is age's default and is not marked; unlocking gives back
// what was saved.
func TestStandardCost(t *testing.T) {
	if testing.Short() {
		return // a second and 256 MiB
	}
	sealed, err := encrypt("p", fresh(t), Standard)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(sealed, []byte(" 18\n")) {
		t.Errorf("work factor is not 18: %.200q", sealed)
	}
	s, err := decrypt(sealed, "p")
	if err != nil || s.Insecure {
		t.Fatal(s, err)
	}
}

// Any damage is called damage, not a wrong passphrase.
func TestDamage(t *testing.T) {
	sealed, err := encrypt("p", complete(t, 1), quick)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 4
		if _, err := decrypt(changed, "p"); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if _, err := decrypt(sealed[:i], "p"); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	// Right hash, but something else in it.
	other := []byte("age-encryption.org/v1\nnonsense")
	if _, err := decrypt(append([]byte(firstLine(other)), other...), "p"); !errors.Is(err, ErrDamaged) {
		t.Fatal(err)
	}
}

// Whenever the power fails while a file is replaced, the old secrets or the new
// ones are there, whole.
func TestPowerFailureWhileSaving(t *testing.T) {
	before, after := fresh(t), complete(t, 3)
	for step := 1; ; step++ {
		for seed := range uint64(4) {
			d := disk.NewMemory()
			if err := save(d, "s", "p", before, quick); err != nil {
				t.Fatal(err)
			}
			d.StopAt(step)
			err := save(d, "s", "p", after, quick)
			d.Crash(seed)
			got, openErr := open(d, "s", "p")
			if openErr != nil {
				t.Fatalf("stopped at change %d: %v", step, openErr)
			}
			if !same(t, got, before) && !same(t, got, after) {
				t.Fatalf("stopped at change %d: other secrets", step)
			}
			if err == nil {
				if !same(t, got, after) {
					t.Fatal("saved, and not durable")
				}
				return
			}
		}
	}
}

// Every failure of the disk is reported, and leaves the old secrets.
func TestDiskErrors(t *testing.T) {
	for step := 1; ; step++ {
		d := disk.NewMemory()
		if err := save(d, "s", "p", fresh(t), quick); err != nil {
			t.Fatal(err)
		}
		d.FailOnce(step)
		err := save(d, "s", "p", complete(t, 1), quick)
		if err == nil {
			break
		}
		// Removing what is not there fails anyway; any other step must say so.
		if !errors.Is(err, disk.ErrInjected) {
			t.Fatalf("change %d: %v", step, err)
		}
		if _, err := open(d, "s", "p"); err != nil {
			t.Fatalf("change %d: %v", step, err)
		}
	}
}

func TestIncompleteSecretsAreRefused(t *testing.T) {
	for name, f := range map[string]func(*Secrets){
		"no identity":   func(s *Secrets) { s.Identity = Secret{} },
		"no wallet":     func(s *Secrets) { s.Wallet = Secret{} },
		"no coin":       func(s *Secrets) { s.Coin = Secret{} },
		"no preimages":  func(s *Secrets) { s.Preimages = Secret{} },
		"no tiers":      func(s *Secrets) { s.Tiers = nil },
		"missing tier":  func(s *Secrets) { s.Tiers[1] = Secret{} },
		"both":          func(s *Secrets) { s.Ceremony = s.Identity },
		"no federation": func(s *Secrets) { s.Federation = messages.FederationID{} },
	} {
		s := complete(t, 2)
		f(s)
		if _, err := encrypt("p", s, quick); err == nil {
			t.Errorf("%s: saved", name)
		}
	}
	early := fresh(t)
	early.Coin = early.Wallet
	if _, err := encrypt("p", early, quick); err == nil {
		t.Error("a share before the ceremony was saved")
	}
	if _, err := encrypt("", fresh(t), quick); err == nil {
		t.Error("an empty passphrase was accepted")
	}
	if _, err := New(bytes.NewReader(make([]byte, 95))); err == nil {
		t.Error("too little randomness is enough")
	}
}

func TestNothingPrints(t *testing.T) {
	s := complete(t, 1)
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	jlog := slog.New(slog.NewJSONHandler(&out, nil))
	for _, x := range []any{s, *s, s.Coin, s.Tiers, &s.Identity, struct{ hidden *Secrets }{s}, map[string]any{"s": s.Wallet}} {
		fmt.Fprintf(&out, "%v %+v %#v %x %X %q %s %d\n", x, x, x, x, x, x, x, x)
		log.Info("x", "x", x)
		jlog.Info("x", "x", x)
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	text := strings.ToLower(out.String())
	for _, secret := range append([]Secret{s.Identity, s.Wallet, s.Coin}, s.Tiers...) {
		for _, form := range []string{hex.EncodeToString(secret.Bytes()), fmt.Sprint(secret.Bytes()), strings.Trim(fmt.Sprintf("%#v", secret.Bytes()), "[]byte{}")} {
			if strings.Contains(text, form) {
				t.Errorf("a secret is shown as %.20s…", form)
			}
		}
	}
}

func TestWipe(t *testing.T) {
	s := complete(t, 2)
	copied := *s
	s.Wipe()
	for _, x := range append([]Secret{copied.Identity, copied.Wallet, copied.Coin, copied.Preimages}, copied.Tiers...) {
		if !bytes.Equal(x.Bytes(), make([]byte, size)) {
			t.Error("not wiped")
		}
	}
	Secret{}.Wipe()
	if _, err := NewSecret(make([]byte, 31)); err == nil {
		t.Error("a short secret")
	}
}

func TestMisusePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"no cost":          func() { _, _ = encrypt("p", fresh(t), Cost{}) },
		"insecure as good": func() { InsecureForTests(18) },
		"cost of nothing":  func() { InsecureForTests(0) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "keystore: ") {
					t.Errorf("%s: %q", name, s)
				}
			}()
			f()
		}()
	}
}

// FuzzDecode: whatever is inside an intact file, decoding does not panic, and what it accepts has one encoding.
func FuzzDecode(f *testing.F) {
	for _, s := range []*Secrets{fresh(f), complete(f, 2)} {
		b, err := s.encode(true)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decode(b)
		if err != nil {
			return
		}
		again, err := s.encode(s.Insecure)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x: %v", b, again, err)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	sealed, err := encrypt("p", fresh(f), quick)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	_, rest, _ := bytes.Cut(sealed, []byte("\n"))
	f.Add(rest)
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = decrypt(b, "p")
		_, _ = decrypt(append([]byte(firstLine(b)), b...), "p")
	})
}
