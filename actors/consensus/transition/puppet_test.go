package transition_test

import (
	"fmt"
	"strconv"
	"strings"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/contract"
	"minimint/messages"
	"minimint/messages/outcome"
	"minimint/messages/transaction"
	"minimint/storage"
	"minimint/storage/memory"
)

// puppet is a module whose items say what it does, as steps that are separated
// by spaces: "put K", "publish N", "unless N" (fail if a fact is there), "asset
// LINE AMOUNT", "liability LINE AMOUNT", "worth AMOUNT", "fee AMOUNT", "refuse",
// "fail TEXT", "blame TEXT", "nothing" (an error without a value), "bad" and
// "unfit" (refused by Check, by Screen). It names no keys.
type puppet struct {
	kind    messages.ModuleKind
	checked *int // items that Check has seen
}

func (p puppet) Kind() messages.ModuleKind { return p.kind }

func (p puppet) verdict(items contract.Items, word string) contract.Verdict {
	v := contract.Verdict{Keys: make([][][32]byte, len(items.Inputs))}
	for _, b := range append(append([][]byte(nil), items.Inputs...), items.Outputs...) {
		if strings.HasPrefix(string(b), word) {
			v.Rejection = &messages.Rejection{Final: true, Text: awful}
		}
	}
	return v
}

// awful is what no text of a refusal may be: long, and no UTF-8.
var awful = strings.Repeat("€\xff", 1000)

func (p puppet) Check(batch []contract.Items) []contract.Verdict {
	out := make([]contract.Verdict, len(batch))
	for i, items := range batch {
		*p.checked += len(items.Inputs) + len(items.Outputs)
		out[i] = p.verdict(items, "bad")
	}
	return out
}

func (p puppet) ApplyInput(tx storage.Tx, env contract.Env, b []byte) (contract.Worth, error) {
	return p.play(tx, env, string(b))
}

func (p puppet) ApplyOutput(tx storage.Tx, env contract.Env, _ messages.OutPoint, b []byte) (contract.Worth, error) {
	return p.play(tx, env, string(b))
}

func (p puppet) ApplyItem(tx storage.Tx, env contract.Env, _ messages.PeerID, b []byte) error {
	_, err := p.play(tx, env, string(b))
	return err
}

func (puppet) EndEpoch(storage.Tx, contract.Env) error { return nil }

func (p puppet) play(tx storage.Tx, env contract.Env, script string) (w contract.Worth, err error) {
	words := strings.Fields(script)
	for len(words) > 0 && err == nil {
		step := words[0]
		words = words[1:]
		arg := func() string { a := words[0]; words = words[1:]; return a }
		number := func() int64 {
			n, err := strconv.ParseInt(arg(), 10, 64)
			if err != nil {
				panic(err)
			}
			return n
		}
		switch step {
		case "put":
			tx.Put([]byte(arg()), []byte("there"))
		case "publish":
			env.Publish(arg(), []byte("published"))
		case "unless":
			if name := arg(); env.Fact(name) != nil || tx.Get([]byte(name)) != nil {
				err = messages.Reject(messages.RejectDuplicate, "%s is there", name)
			}
		case "asset":
			env.Ledger().Asset(arg(), number())
		case "liability":
			env.Ledger().Liability(arg(), number())
		case "worth":
			w.Amount = messages.Amount(number())
		case "fee":
			w.Fee = messages.Amount(number())
		case "refuse":
			err = &messages.Rejection{Code: messages.RejectNotFound, Text: awful}
		case "fail":
			err = fmt.Errorf("puppet: %s%s", arg(), awful)
		case "blame":
			err = &contract.Misbehaviour{Text: arg() + awful}
		case "nothing":
			var none *messages.Rejection
			err = none
		case "bad", "unfit":
		default:
			panic("puppet: no step " + step)
		}
	}
	return w, err
}

// shy is a puppet that screens.
type shy struct{ puppet }

func (s shy) Screen(items contract.Items) contract.Verdict { return s.verdict(items, "unfit") }

// stage is a world of puppets. Its modules are "a", which screens, and "b".
type stage struct {
	*world
	checked int
}

func newStage() *stage {
	s := &stage{world: &world{store: memory.New()}}
	s.t = transition.New(federation, []contract.Module{puppet{"b", &s.checked}, shy{puppet{"a", &s.checked}}})
	return s
}

// script is one transaction: inputs, outputs after "->", each "module: steps",
// separated by ";", and the fee after "fee".
func script(t tb, fee messages.Amount, text string) *transaction.Transaction {
	t.Helper()
	d := transaction.Draft{Fee: fee}
	ins, outs, _ := strings.Cut(text, "->")
	for _, side := range []struct {
		text string
		to   *[]transaction.Item
	}{{ins, &d.Inputs}, {outs, &d.Outputs}} {
		for _, one := range strings.Split(side.text, ";") {
			if kind, steps, ok := strings.Cut(strings.TrimSpace(one), ":"); ok {
				*side.to = append(*side.to, transaction.Item{Kind: messages.ModuleKind(kind), Body: []byte(strings.TrimSpace(steps))})
			}
		}
	}
	tx, err := transaction.Build(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func items(kind messages.ModuleKind, bodies ...string) outcome.Contribution {
	var c outcome.Contribution
	for _, b := range bodies {
		c.Items = append(c.Items, transaction.Item{Kind: kind, Body: []byte(b)})
	}
	return c
}
