package home

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"minimint/actors/hbbft/protocol"
	"minimint/messages/frames"
	"minimint/storage/disk"
)

// evidenceDir is where evidence lies in the data directory.
const evidenceDir = "evidence"

// KeepEvidence writes what convicts a member, as the statements of a frame: anybody with
// federation.bin can have honeybadger.Convicts look at it. The first of a kind about a
// member stays, so there are at most two files for each, of at most a frame's length;
// each is whole and durable, else what came later would be turned away for a torn one.
func (h Home) KeepEvidence(f protocol.Fault) error {
	d, err := disk.OpenDir(filepath.Join(h.DataDir(), evidenceDir))
	if err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	name := fmt.Sprintf("member-%d-%s.frame", f.Peer, f.Kind)
	switch file, err := d.Open(name); {
	case err == nil:
		return file.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("keep evidence: %w", err)
	}
	if err := disk.Replace(d, name, frames.Encode(frames.Frame{Era: h.Federation.Era, Epoch: f.Epoch, Statements: f.Evidence})); err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	return nil
}
