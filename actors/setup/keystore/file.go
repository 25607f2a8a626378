package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime/debug"

	"filippo.io/age"

	"minimint/storage/disk"
)

// Errors of Open. Others are those of the file system.
var (
	// ErrPassphrase: the file is as it was written, and the passphrase is not
	// the one that it was written with.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrDamaged: the file is not as it was written, or no file of secrets.
	ErrDamaged = errors.New("file of secrets is damaged")
)

// A Cost is how dear it is to try one passphrase. Its zero value is unusable.
type Cost struct {
	logN     int
	insecure bool
}

// Standard is what members use: age's default, 256 MiB of memory and about a
// second. The memory goes back to the system afterwards.
var Standard = Cost{logN: 18}

// InsecureForTests is a cost of 2^logN, less than Standard, with 0 < logN < 18.
// It is for tests and for federations on one's own machine: the file says that
// it is insecure, and Open tells.
func InsecureForTests(logN int) Cost {
	if logN < 1 || logN >= Standard.logN {
		panic(fmt.Sprintf("keystore: insecure cost 2^%d", logN))
	}
	return Cost{logN: logN, insecure: true}
}

// maxFile bounds a file of secrets.
const maxFile = 1 << 20

// title begins the first line.
const title = "minimint-secrets 1 sha256:"

// Save writes secrets to path, encrypted, in place of what was there. The
// directory must exist or be makeable in an existing one. An empty passphrase
// is an error.
func Save(path, passphrase string, s *Secrets, cost Cost) error {
	d, err := disk.OpenDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("save secrets: %w", err)
	}
	if err := save(d, filepath.Base(path), passphrase, s, cost); err != nil {
		return fmt.Errorf("save secrets in %s: %w", path, err)
	}
	return nil
}

func save(d disk.Disk, name, passphrase string, s *Secrets, cost Cost) error {
	sealed, err := encrypt(passphrase, s, cost)
	if err != nil {
		return err
	}
	return disk.Replace(d, name, sealed)
}

func encrypt(passphrase string, s *Secrets, cost Cost) ([]byte, error) {
	if cost.logN == 0 {
		panic("keystore: zero Cost")
	}
	defer debug.FreeOSMemory()
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(cost.logN)
	plain, err := s.encode(cost.insecure)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return append([]byte(firstLine(sealed.Bytes())), sealed.Bytes()...), nil
}

func firstLine(sealed []byte) string {
	h := sha256.Sum256(sealed)
	return title + hex.EncodeToString(h[:]) + "\n"
}

// Open reads the secrets at path. Its error wraps ErrPassphrase, ErrDamaged, or
// what the file system said.
func Open(path, passphrase string) (*Secrets, error) {
	d, err := disk.OpenDir(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	s, err := open(d, filepath.Base(path), passphrase)
	if err != nil {
		return nil, fmt.Errorf("open secrets in %s: %w", path, err)
	}
	return s, nil
}

func open(d disk.Disk, name, passphrase string) (*Secrets, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	length, err := f.Size()
	if err != nil {
		return nil, err
	}
	if length > maxFile {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrDamaged, length)
	}
	b := make([]byte, length)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return decrypt(b, passphrase)
}

func decrypt(b []byte, passphrase string) (*Secrets, error) {
	lineSize := len(firstLine(nil))
	if len(b) < lineSize || string(b[:lineSize]) != firstLine(b[lineSize:]) {
		return nil, fmt.Errorf("%w: its hash is not that in its first line", ErrDamaged)
	}
	defer debug.FreeOSMemory()
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassphrase, err)
	}
	identity.SetMaxWorkFactor(Standard.logN)
	r, err := age.Decrypt(bytes.NewReader(b[lineSize:]), identity)
	var nobody *age.NoIdentityMatchError
	if errors.As(err, &nobody) || errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer clear(plain)
	s, err := decode(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return s, nil
}
