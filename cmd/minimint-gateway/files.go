package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"minimint/storage/disk"
)

// What the command keeps in the gateway's directory, beside what the gateway keeps
// there. Only its owner can read it.
const (
	tokenFile   = "operator.token"   // whoever knows it runs the gateway
	addressFile = "operator.address" // host:port of the operator's interface
	networkFile = "network"          // of the Lightning node, once it has said so
)

// errNotRunning says that there is no gateway to ask.
var errNotRunning = errors.New("no gateway has run here; \"minimint-gateway run\" starts one, or --dir names another directory")

// token returns the operator's token and makes one if there is none yet.
func token(dir string) (string, error) {
	path := filepath.Join(dir, tokenFile)
	b, err := os.ReadFile(path)
	if err == nil {
		text := strings.TrimSpace(string(b))
		if text == "" { // nobody is let in with it
			return "", fmt.Errorf("%s is empty; remove it, and a token is made", path)
		}
		return text, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the operator's token: %w", err)
	}
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return "", fmt.Errorf("make the operator's token: %w", err)
	}
	text := hex.EncodeToString(secret[:])
	return text, write(dir, tokenFile, text)
}

// write replaces a file of the directory, whole and durably, or not at all.
func write(dir, name, text string) error {
	d, err := disk.OpenDir(dir)
	if err == nil {
		err = disk.Replace(d, name, []byte(text+"\n"))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// access is where the gateway of a directory takes its operator's requests, and the
// token that they show.
func access(dir string) (address, token string, err error) {
	for _, f := range []struct {
		name string
		to   *string
	}{{addressFile, &address}, {tokenFile, &token}} {
		b, err := os.ReadFile(filepath.Join(dir, f.name))
		if errors.Is(err, fs.ErrNotExist) {
			return "", "", errNotRunning
		}
		if err != nil {
			return "", "", fmt.Errorf("find the gateway: %w", err)
		}
		*f.to = strings.TrimSpace(string(b))
	}
	return address, token, nil
}
