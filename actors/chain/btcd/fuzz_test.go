package btcd

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/btcd/rpc"
)

// FuzzAnswer: whatever a bitcoin node answers is what was asked for or an error.
func FuzzAnswer(f *testing.F) {
	var answer atomic.Pointer[[]byte]
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(*answer.Load())
	}))
	f.Cleanup(server.Close)
	node, err := New(rpc.Config{
		Address: server.Listener.Addr().String(), User: "u", Password: "p", Timeout: 10 * time.Second,
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}, &chaincfg.SimNetParams)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(node.Close)
	for _, text := range []string{
		`{"result": 17}`, `{"result": "00000000000000000000000000000000000000000000000000000000000000ff"}`, `{"result": "00"}`, `{"result": 1e400}`,
		`{"error": {"code": -26, "message": "already have transaction"}}`, `{"result": null}`, `[]`, ``,
		`{"result": "0100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000feffffffff"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer.Store(&body)
		_, _ = node.Tip()
		if hash, err := node.BlockHash(1); err == nil && hash.String() == "" {
			t.Fatal("no hash")
		}
		if block, err := node.Block(chainhash.Hash{}); (block == nil) == (err == nil) {
			t.Fatalf("block %v, %v", block, err)
		}
		if rate, err := node.FeeRate(); err != nil && rate != 0 {
			t.Fatalf("rate %d, %v", rate, err)
		}
		_ = node.Broadcast(wire.NewMsgTx(2))
	})
}
