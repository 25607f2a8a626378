package moduletest_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"minimint/actors/module/contract"
	"minimint/actors/module/moduletest"
	"minimint/messages"
	"minimint/messages/transaction"
	"minimint/storage"
)

// broken is a tip jar with one thing wrong; each method that is set replaces the
// jar's own.
type broken struct {
	tipJar
	check  func(batch []contract.Items) []contract.Verdict
	input  func(tx storage.Tx, env contract.Env, key []byte) (contract.Worth, error)
	output func(tx storage.Tx, env contract.Env, out []byte) (contract.Worth, error)
	item   func(body []byte) error
	screen func(items contract.Items) contract.Verdict
	offer  [][]byte
}

func (b broken) Check(batch []contract.Items) []contract.Verdict {
	if b.check != nil {
		return b.check(batch)
	}
	return b.tipJar.Check(batch)
}

func (b broken) ApplyInput(tx storage.Tx, env contract.Env, key []byte) (contract.Worth, error) {
	if b.input != nil {
		return b.input(tx, env, key)
	}
	return b.tipJar.ApplyInput(tx, env, key)
}

func (b broken) ApplyOutput(tx storage.Tx, env contract.Env, at messages.OutPoint, out []byte) (contract.Worth, error) {
	if b.output != nil {
		return b.output(tx, env, out)
	}
	return b.tipJar.ApplyOutput(tx, env, at, out)
}

func (b broken) ApplyItem(tx storage.Tx, env contract.Env, from messages.PeerID, body []byte) error {
	if b.item != nil {
		return b.item(body)
	}
	return b.tipJar.ApplyItem(tx, env, from, body)
}

func (b broken) Screen(items contract.Items) contract.Verdict {
	if b.screen != nil {
		return b.screen(items)
	}
	return b.tipJar.Check([]contract.Items{items})[0]
}

func (b broken) Propose(storage.Reader, []byte) [][]byte { return b.offer }

// The suite finds each of these; a suite that finds nothing proves nothing.
func TestSuiteFinds(t *testing.T) {
	jar := tipJar{}
	for name, c := range map[string]struct {
		module func() broken
		finds  string
	}{
		"nothing wrong": {func() broken { return broken{} }, ""},
		"memory beside the state": {func() broken {
			calls := uint64(0)
			return broken{output: func(tx storage.Tx, env contract.Env, out []byte) (contract.Worth, error) {
				calls++
				tx.Put([]byte("calls"), binary.BigEndian.AppendUint64(nil, calls))
				return jar.ApplyOutput(tx, env, messages.OutPoint{}, out)
			}}
		}, "ReplayFromAnyPoint"},
		"memory of what was refused": {func() broken {
			refused := byte(0)
			return broken{
				input: func(tx storage.Tx, env contract.Env, key []byte) (contract.Worth, error) {
					w, err := jar.ApplyInput(tx, env, key)
					if err != nil {
						refused = 1
					}
					return w, err
				},
				output: func(tx storage.Tx, env contract.Env, out []byte) (contract.Worth, error) {
					tx.Put([]byte("mood"), []byte{refused})
					return jar.ApplyOutput(tx, env, messages.OutPoint{}, out)
				},
			}
		}, "RefusedLeavesNoTrace"},
		"spends again": {func() broken {
			return broken{input: func(storage.Tx, contract.Env, []byte) (contract.Worth, error) { return contract.Worth{Amount: 1}, nil }}
		}, "InputsAreSpentOnce"},
		"verdicts that look aside": {func() broken {
			return broken{check: func(batch []contract.Items) []contract.Verdict {
				v := jar.Check(batch)
				if len(batch) > 1 {
					v[0].Rejection = messages.Reject(messages.RejectModuleOwn, "the first of many")
				}
				return v
			}}
		}, "VerdictsStandAlone"},
		"keys of the wrong number": {func() broken {
			return broken{check: func(batch []contract.Items) []contract.Verdict {
				v := jar.Check(batch)
				for i := range v {
					v[i].Keys = append(v[i].Keys, nil)
				}
				return v
			}}
		}, "SameCallsSameState"},
		"screens for other keys": {func() broken {
			return broken{screen: func(items contract.Items) contract.Verdict {
				return contract.Verdict{Keys: make([][][32]byte, len(items.Inputs))}
			}}
		}, "SameCallsSameState"},
		"screens out what passes": {func() broken {
			return broken{screen: func(contract.Items) contract.Verdict {
				return contract.Verdict{Rejection: messages.Reject(messages.RejectModuleOwn, "no")}
			}}
		}, "SameCallsSameState"},
		"refuses without a type": {func() broken { return broken{item: func([]byte) error { return errors.New("no") }} }, "GarbageIsRefused"},
		"refuses with an empty error": {func() broken {
			return broken{item: func([]byte) error { var none *messages.Rejection; return none }}
		}, "GarbageIsRefused"},
		"refuses with a text that fits nowhere": {func() broken {
			return broken{item: func(body []byte) error {
				return &messages.Rejection{Code: messages.RejectModuleOwn, Text: strings.Repeat("\xff", 600)}
			}}
		}, "GarbageIsRefused"},
		"worth beyond all money": {func() broken {
			return broken{output: func(tx storage.Tx, env contract.Env, out []byte) (contract.Worth, error) {
				w, err := jar.ApplyOutput(tx, env, messages.OutPoint{}, out)
				w.Fee = messages.MaxAmount + 1
				return w, err
			}}
		}, "SameCallsSameState"},
		"books below zero": {func() broken {
			return broken{output: func(tx storage.Tx, env contract.Env, out []byte) (contract.Worth, error) {
				env.Ledger().Asset("jars", -1)
				return jar.ApplyOutput(tx, env, messages.OutPoint{}, out)
			}}
		}, "SameCallsSameState"},
		"proposes what fits nowhere": {func() broken { return broken{offer: [][]byte{make([]byte, transaction.MaxItemSize+1)}} }, "ProposalsFit"},
	} {
		found := moduletest.Findings(moduletest.Play{New: func() contract.Module { return c.module() }, Scenes: jarScenes()})
		if c.finds == "" && len(found) > 0 || c.finds != "" && found[c.finds] == nil {
			t.Errorf("%s: %v, want %q", name, found, c.finds)
		}
	}
}
