package lightning_test

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	"minimint/actors/module/banktest"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
)

// status asks all members, who must say the same.
func (h *house) status(id terms.ID) lightning.Status {
	h.Helper()
	var first []byte
	for p := range h.Members {
		got, err := h.query(messages.PeerID(p), "contract", lightning.ContractRequest(id))
		if err != nil {
			h.Fatalf("contract %s: %v", id, err)
		}
		if p > 0 && !bytes.Equal(first, got) {
			h.Fatalf("members 0 and %d know contract %s differently", p, id)
		}
		first = got
	}
	s, err := lightning.ReadStatus(banktest.Federation, id, first)
	if err != nil {
		h.Fatal(err)
	}
	return s
}

func (h *house) query(p messages.PeerID, method string, body []byte) (answer []byte, err error) {
	h.View(p, lightning.Kind, func(r storage.Reader) {
		answer, err = h.module(p).Query(r, method, body)
		answer = bytes.Clone(answer)
	})
	return answer, err
}

// state expects one.
func (h *house) state(id terms.ID, want lightning.State) {
	h.Helper()
	if got := h.status(id).State; got != want {
		h.Errorf("contract %s is %s, want %s", id, got, want)
	}
}

// lightning is what the module says about itself.
func (h *house) lightning() *lightningwire.Summary {
	h.Helper()
	return ask(h, "summary", new(lightningwire.Summary))
}

// gateways are the keys of those that all members list.
func (h *house) gateways() (keys [][32]byte) {
	h.Helper()
	height, list, err := lightning.ReadGateways(banktest.Federation, canonical.Marshal(ask(h, "gateways", new(lightningwire.Gateways))))
	if err != nil || height != h.height() {
		h.Fatalf("gateways at height %d: %v", height, err)
	}
	for _, g := range list {
		keys = append(keys, g.Key)
	}
	return keys
}

// ask puts a query to all members, who must answer alike.
func ask[M proto.Message](h *house, method string, answer M) M {
	h.Helper()
	var first []byte
	for p := range h.Members {
		got, err := h.query(messages.PeerID(p), method, nil)
		if err != nil {
			h.Fatal(err)
		}
		if p > 0 && !bytes.Equal(got, first) {
			h.Fatalf("members 0 and %d answer %s differently", p, method)
		}
		first = got
	}
	if err := canonical.Unmarshal(first, answer, 1<<20); err != nil {
		h.Fatal(err)
	}
	return answer
}
