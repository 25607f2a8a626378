// Package home is the directory of one member on disk:
//
//	node.json        which member, where it listens, how to reach its bitcoin node
//	federation.bin   the public configuration, as the members confirmed it
//	secrets.age      the member's secrets, encrypted under a passphrase
//	transcript.bin   what all members signed at the end of the key ceremony
//	data/            store, pool and journal; only a running node touches it
//
// Everything but data/ is written once, at set-up. A backup of the three files
// is enough to come back with an empty data/ directory: the member then gets the
// state from the others, and is silent until it cannot contradict what it said in
// its former life. A backup of data/ is worth nothing: a member that starts with old
// data finds out from the others, and is treated like one that has none.
package home

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"minimint/actors/chain/btcd/rpc"
	"minimint/actors/node"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/storage/disk"
)

const (
	settingsFile   = "node.json"
	federationFile = "federation.bin"
	secretsFile    = "secrets.age"
	transcriptFile = "transcript.bin"
	dataDir        = "data"
	// newFile lies in data/ from set-up until the first start.
	newFile = "new"
)

// rpcTimeout ends a call to the bitcoin node.
const rpcTimeout = 20 * time.Second

// Settings are what the operator of one member decides alone.
type Settings struct {
	// Member is the member's PeerID.
	Member messages.PeerID `json:"member"`
	// Listen is the socket for peers and clients, "host:port".
	Listen string `json:"listen"`
	// Bitcoin is the member's bitcoin node; without one the member votes for no
	// blocks.
	Bitcoin *Bitcoin `json:"bitcoin,omitempty"`
	// KeepEpochs is how many certified epochs are kept for members that were
	// away: whoever missed more gets a snapshot. 10,000 if 0.
	KeepEpochs uint64 `json:"keep_epochs,omitempty"`
	// JournalSync says when what the member is about to say in consensus must have
	// reached the disk: SyncAlways, which is also meant by "", or SyncNever.
	JournalSync string `json:"journal_sync,omitempty"`
}

// The values of Settings.JournalSync.
const (
	// SyncAlways waits for the disk before anything is said: no crash makes the
	// member contradict itself.
	SyncAlways = "always"
	// SyncNever leaves it to the operating system. That is as safe as long as
	// only processes end. A machine that loses power forgets what it said
	// last: the member then listens until it cannot contradict itself, if enough
	// others remember. If more than f machines lose power at once, members may
	// contradict themselves and end with different states.
	SyncNever = "never"
)

// Bitcoin says how to reach a btcd node's RPC interface.
type Bitcoin struct {
	Address     string `json:"address"`
	User        string `json:"user"`
	Password    string `json:"password"`
	Certificate string `json:"certificate"` // path of a PEM file
}

// RPC returns what the adapter needs.
func (b Bitcoin) RPC() (rpc.Config, error) {
	pem, err := os.ReadFile(b.Certificate)
	if err != nil {
		return rpc.Config{}, fmt.Errorf("certificate of the bitcoin node: %w", err)
	}
	return rpc.Config{Address: b.Address, User: b.User, Password: b.Password, Certificate: pem, Timeout: rpcTimeout}, nil
}

// A Home is a member's directory.
type Home struct {
	Dir        string
	Settings   Settings
	Federation *federation.Config
}

// Create writes the directory of a new member; the secrets are written
// separately. It refuses to touch one that has a member already.
func Create(h Home) error {
	if err := os.MkdirAll(h.DataDir(), 0o700); err != nil {
		return fmt.Errorf("member directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(h.Dir, federationFile)); err == nil {
		return fmt.Errorf("member directory %s: there is a member already", h.Dir)
	}
	if err := h.WriteSettings(); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(h.DataDir(), newFile), nil, 0o600); err != nil {
		return fmt.Errorf("member directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(h.Dir, federationFile), h.Federation.Bytes(), 0o600); err != nil {
		return fmt.Errorf("member directory: %w", err)
	}
	return nil
}

// Lost reports whether the member has lost its data: there is none, and it is not
// new.
func (h Home) Lost() (bool, error) {
	for _, name := range []string{node.StoreFile, newFile} {
		_, err := os.Stat(filepath.Join(h.DataDir(), name))
		if err == nil {
			return false, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return false, fmt.Errorf("member directory: %w", err)
		}
	}
	return true, nil
}

// Started notes that the member has begun: if its data disappears from now on, it
// was lost.
func (h Home) Started() error {
	if err := os.Remove(filepath.Join(h.DataDir(), newFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("member directory: %w", err)
	}
	return nil
}

// WriteSettings writes what may change, whole and durably, or not at all.
func (h Home) WriteSettings() error {
	b, err := json.MarshalIndent(h.Settings, "", "  ")
	if err != nil {
		return fmt.Errorf("member directory: %w", err)
	}
	d, err := disk.OpenDir(h.Dir)
	if err == nil {
		err = disk.Replace(d, settingsFile, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("member directory: %w", err)
	}
	return nil
}

// Open reads a member's directory. Its errors say what to do.
func Open(dir string) (Home, error) {
	h := Home{Dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, settingsFile))
	if errors.Is(err, os.ErrNotExist) {
		return h, fmt.Errorf("%s is no member's directory: it has no %s; give the right one with --dir", dir, settingsFile)
	}
	if err != nil {
		return h, fmt.Errorf("member directory: %w", err)
	}
	if err := json.Unmarshal(b, &h.Settings); err != nil {
		return h, fmt.Errorf("%s: %w", filepath.Join(dir, settingsFile), err)
	}
	if s := h.Settings.JournalSync; s != "" && s != SyncAlways && s != SyncNever {
		return h, fmt.Errorf("%s: journal_sync %q, want %q or %q", filepath.Join(dir, settingsFile), s, SyncAlways, SyncNever)
	}
	if b, err = os.ReadFile(filepath.Join(dir, federationFile)); err != nil {
		return h, fmt.Errorf("member directory: %w", err)
	}
	if h.Federation, err = federation.Decode(b); err != nil {
		return h, fmt.Errorf("%s: %w", filepath.Join(dir, federationFile), err)
	}
	if int(h.Settings.Member) >= h.Federation.Size() {
		return h, fmt.Errorf("%s: member %d, but the federation has %d", filepath.Join(dir, settingsFile), h.Settings.Member, h.Federation.Size())
	}
	return h, nil
}

// DataDir is where the node keeps what it writes.
func (h Home) DataDir() string { return filepath.Join(h.Dir, dataDir) }

// SecretsFile is where the member's secrets are, encrypted.
func (h Home) SecretsFile() string { return filepath.Join(h.Dir, secretsFile) }
