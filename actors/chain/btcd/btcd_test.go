package btcd

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/btcd/rpc"
)

// serve answers like a node does, by method; a value that is an [*rpc.Error] is
// answered as an error.
func serve(t *testing.T, answers map[string]any) *Node {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
			http.Error(w, "401 Unauthorized.", http.StatusUnauthorized)
			return
		}
		var req struct {
			Method string `json:"method"`
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			t.Error(err)
		}
		reply := map[string]any{"id": 1}
		switch answer := answers[req.Method].(type) {
		case *rpc.Error:
			reply["error"] = answer
		default:
			reply["result"] = answer
		}
		if err := json.NewEncoder(w).Encode(reply); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	node, err := New(rpc.Config{
		Address: server.Listener.Addr().String(), User: "u", Password: "p", Timeout: 10 * time.Second,
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}, &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	return node
}

func TestTipChecksTheNetwork(t *testing.T) {
	node := serve(t, map[string]any{"getcurrentnet": uint32(chaincfg.SimNetParams.Net), "getblockcount": 17})
	for range 2 {
		if tip, err := node.Tip(); tip != 17 || err != nil {
			t.Errorf("%d, %v", tip, err)
		}
	}
	node = serve(t, map[string]any{"getcurrentnet": uint32(chaincfg.MainNetParams.Net), "getblockcount": 17})
	if _, err := node.Tip(); err == nil || !strings.Contains(err.Error(), "network") {
		t.Errorf("node of mainnet: error %v", err)
	}
}

// btcd says 0 without an error, or an error, when it has no estimate.
func TestFeeRateUnknown(t *testing.T) {
	for _, c := range []struct {
		answer any
		want   uint64
	}{
		{0.0001, 10_000},
		{0.00001234, 1234},
		{0, 0},
		{-1, 0},
		{1e30, 0},
		{&rpc.Error{Code: -32603, Message: "not enough blocks have been observed"}, 0},
	} {
		node := serve(t, map[string]any{"estimatefee": c.answer})
		if rate, err := node.FeeRate(); rate != c.want || err != nil {
			t.Errorf("%v: %d, %v", c.answer, rate, err)
		}
	}
}

func TestBroadcastOfSomethingKnownIsFine(t *testing.T) {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(&wire.TxIn{})
	for _, c := range []struct {
		answer any
		fine   bool
	}{
		{tx.TxHash().String(), true},
		{&rpc.Error{Code: -26, Message: "TX rejected: already have transaction in mempool 00"}, true},
		{&rpc.Error{Code: -27, Message: "TX rejected: transaction already exists in blockchain"}, true},
		{&rpc.Error{Code: -26, Message: "TX rejected: insufficient fee"}, false},
		{&rpc.Error{Code: -25, Message: "TX rejected: orphan transaction"}, false},
	} {
		err := serve(t, map[string]any{"sendrawtransaction": c.answer}).Broadcast(tx)
		if (err == nil) != c.fine {
			t.Errorf("%v: %v", c.answer, err)
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	node := serve(t, map[string]any{"getblockhash": "zz", "getblock": "00", "getcurrentnet": "x"})
	if _, err := node.BlockHash(1); err == nil {
		t.Error("hash from noise")
	}
	for _, answer := range []any{nil, "", "00", strings.Repeat("0", 63)} {
		if hash, err := serve(t, map[string]any{"getblockhash": answer}).BlockHash(1); err == nil {
			t.Errorf("hash %s from %v", hash, answer)
		}
	}
	if _, err := node.Block(chainhash.Hash{}); err == nil {
		t.Error("block from noise")
	}
	if _, err := node.Tip(); err == nil {
		t.Error("network from noise")
	}
	node = serve(t, map[string]any{"getblockhash": &rpc.Error{Code: -1, Message: "Block number out of range"}})
	var refused *rpc.Error
	if _, err := node.BlockHash(9); !errors.As(err, &refused) || refused.Code != -1 {
		t.Errorf("%v", err)
	}
}

func TestConfigHidesThePassword(t *testing.T) {
	cfg := rpc.Config{Address: "127.0.0.1:1", Password: "hidden"}
	if text := fmt.Sprintf("%v %+v %#v %s", cfg, cfg, cfg, cfg); strings.Contains(text, "hidden") {
		t.Error(text)
	}
	for name, bad := range map[string]rpc.Config{"no certificate": {Timeout: time.Second}, "noise": {Certificate: []byte("x"), Timeout: time.Second}} {
		if _, err := New(bad, &chaincfg.SimNetParams); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestUnauthorizedAndUnreachable(t *testing.T) {
	node := serve(t, nil)
	cfg := rpc.Config{Address: "127.0.0.1:1", User: "u", Password: "p", Timeout: time.Second}
	cfg.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: testCertificate(t)})
	away, err := New(cfg, &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := away.Tip(); err == nil {
		t.Error("a tip from nowhere")
	}
	if _, err := node.Tip(); err == nil {
		t.Error("a tip without an answer")
	}
}

func testCertificate(t *testing.T) []byte {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	return server.Certificate().Raw
}
