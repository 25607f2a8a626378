package home_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"minimint/actors/consensus/consensustest"
	"minimint/actors/hbbft/protocol"
	"minimint/actors/node/home"
	"minimint/messages/frames"
)

// What convicts a member is there for whoever wants to see it, the first of each kind; what
// a process that was killed over it left behind does not stand in its place.
func TestEvidenceIsKept(t *testing.T) {
	h := home.Home{Dir: t.TempDir(), Federation: consensustest.Config(4)}
	if err := os.MkdirAll(filepath.Join(h.DataDir(), "evidence"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.DataDir(), "evidence", "member-2-two-roots.frame.new"), []byte("to"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := []frames.Statement{
		frames.Value{Proposer: 2, Payload: []byte("one"), Signature: [64]byte{1}}, frames.Value{Proposer: 2, Payload: []byte("two"), Signature: [64]byte{2}},
	}
	for _, f := range []protocol.Fault{
		{Peer: 2, Proposer: 2, Kind: protocol.TwoRoots, Epoch: 7, Evidence: first},
		{Peer: 2, Proposer: 2, Kind: protocol.TwoRoots, Epoch: 8, Evidence: first[:1]},
		{Peer: 2, Proposer: 2, Kind: protocol.BadCiphertext, Epoch: 9, Evidence: first[:1]},
		{Peer: 3, Proposer: 3, Kind: protocol.TwoRoots, Epoch: 9, Evidence: first},
	} {
		if err := h.KeepEvidence(f); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(h.DataDir(), "evidence", "*"))
	if err != nil || len(files) != 3 {
		t.Errorf("%q, %v", files, err)
	}
	content, err := os.ReadFile(filepath.Join(h.DataDir(), "evidence", "member-2-two-roots.frame"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := frames.Decode(content)
	if err != nil || f.Epoch != 7 || f.Era != h.Federation.Era || !reflect.DeepEqual(f.Statements, first) {
		t.Errorf("%+v, %v", f, err)
	}
}
