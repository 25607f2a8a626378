package home

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"minimint/actors/hbbft/protocol"
	"minimint/messages/frames"
)

// evidenceDir is where evidence lies in the data directory.
const evidenceDir = "evidence"

// KeepEvidence writes what convicts a member, as the statements of a frame: anybody with
// federation.bin can have honeybadger.Convicts look at it. The first of a kind about a
// member stays, so there are at most two files for each, of at most a frame's length.
func (h Home) KeepEvidence(f protocol.Fault) error {
	dir := filepath.Join(h.DataDir(), evidenceDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("member-%d-%s.frame", f.Peer, f.Kind)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	_, err = file.Write(frames.Encode(frames.Frame{Era: h.Federation.Era, Epoch: f.Epoch, Statements: f.Evidence}))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	return nil
}
