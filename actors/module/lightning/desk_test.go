package lightning_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"google.golang.org/protobuf/proto"

	"minimint/actors/consensus/transition"
	"minimint/actors/module/banktest"
	"minimint/actors/module/contract"
	"minimint/actors/module/lightning"
	"minimint/actors/module/lightning/lightningwire"
	"minimint/actors/module/lightning/terms"
	"minimint/actors/module/moduletest"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/storage"
	"minimint/storage/memory"
)

// A desk is the module alone, on a state of its own, for tests in which thousands
// of blocks pass.
type desk struct {
	*lightning.Module
	t     interface{ Fatalf(string, ...any) }
	state *storage.Overlay
	env   *moduletest.Env
	calls uint32
}

func newDesk(t interface{ Fatalf(string, ...any) }, cfg lightning.Config) *desk {
	m, err := lightning.New(cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	snap, err := memory.New().View()
	if err != nil {
		t.Fatalf("%v", err)
	}
	d := &desk{Module: m, t: t, state: storage.NewOverlay(snap)}
	d.env = moduletest.NewEnv(d.state)
	return d
}

func (d *desk) scope() storage.Tx {
	return storage.Scoped(d.state, transition.ModuleScope(lightning.Kind))
}

// at agrees on a height, and ends the epoch.
func (d *desk) at(height uint32) {
	d.env.Publish(contract.FactHeight, binary.BigEndian.AppendUint32(nil, height))
	if err := d.EndEpoch(d.scope(), d.env); err != nil {
		d.t.Fatalf("end of epoch: %v", err)
	}
}

// try does something or leaves no trace, as the core would.
func (d *desk) try(do func() (contract.Worth, error)) (contract.Worth, error) {
	mark := d.state.Savepoint()
	worth, err := do()
	if err != nil {
		d.state.Rollback(mark)
		return worth, err
	}
	d.state.Release(mark)
	if d.env.Negative != "" {
		d.t.Fatalf("line %s below zero", d.env.Negative)
	}
	return worth, nil
}

func (d *desk) output(out terms.Output) error {
	body := out.Encode()
	if v := d.Check([]contract.Items{{Outputs: [][]byte{body}}})[0]; v.Rejection != nil {
		return v.Rejection
	}
	d.calls++
	at := messages.OutPoint{Tx: messages.Digest{byte(d.calls >> 8), byte(d.calls), 1}, Index: d.calls}
	_, err := d.try(func() (contract.Worth, error) { return d.ApplyOutput(d.scope(), d.env, at, body) })
	return err
}

// input takes money with a key that has signed.
func (d *desk) input(in terms.Input) (messages.Amount, error) {
	body := in.Encode()
	v := d.Check([]contract.Items{{Inputs: [][]byte{body}}})[0]
	if v.Rejection != nil {
		return 0, v.Rejection
	}
	if len(v.Keys) != 1 || len(v.Keys[0]) != 1 || v.Keys[0][0] != in.Key {
		d.t.Fatalf("keys %x, want %x", v.Keys, in.Key)
	}
	worth, err := d.try(func() (contract.Worth, error) { return d.ApplyInput(d.scope(), d.env, body) })
	return worth.Amount, err
}

func (d *desk) item(from messages.PeerID, body []byte) error {
	_, err := d.try(func() (contract.Worth, error) {
		return contract.Worth{}, d.ApplyItem(d.scope(), d.env, from, body)
	})
	return err
}

// find returns the status of a contract, false if it is unknown.
func (d *desk) find(id terms.ID) (lightning.Status, bool) {
	b, err := d.Query(d.scope(), "contract", lightning.ContractRequest(id))
	if codeOf(err) == messages.RejectContractUnknown {
		return lightning.Status{}, false
	}
	if err != nil {
		d.t.Fatalf("contract: %v", err)
	}
	s, err := lightning.ReadStatus(banktest.Federation, id, b)
	if err != nil {
		d.t.Fatalf("contract: %v", err)
	}
	return s, true
}

func (d *desk) summary() *lightningwire.Summary {
	return asked(d, "summary", new(lightningwire.Summary))
}

func asked[M proto.Message](d *desk, method string, answer M) M {
	b, err := d.Query(d.scope(), method, nil)
	if err == nil {
		err = canonical.Unmarshal(b, answer, 1<<20)
	}
	if err != nil {
		d.t.Fatalf("%s: %v", method, err)
	}
	return answer
}

// records is how many the state holds.
func (d *desk) records() (n int) {
	for range d.scope().Scan(nil) {
		n++
	}
	return n
}

// codeOf is why something was refused, 0 if it was not; a fault is 1000.
func codeOf(err error) messages.RejectionCode {
	var r *messages.Rejection
	var wrong *contract.Misbehaviour
	switch {
	case errors.As(err, &r):
		return r.Code
	case errors.As(err, &wrong):
		return fault
	case err != nil:
		return fault + 1
	}
	return 0
}

const fault messages.RejectionCode = 1000

func wantCode(t *testing.T, what string, err error, want messages.RejectionCode) {
	t.Helper()
	if got := codeOf(err); got != want {
		t.Errorf("%s: %v (%d), want %d", what, err, got, want)
	}
}

// sealedFor is an offer of one who knows no house.
func sealedFor(expiry uint32, seal terms.Sealer, nonce byte) terms.Offer {
	o, err := terms.Seal(constant(nonce), seal, terms.Offer{
		Amount: 40_000, ClaimKey: xonly(user), Expiry: expiry,
	}, preimage)
	if err != nil {
		panic(err)
	}
	return o
}

// constant is a reader of one byte, again and again.
type constant byte

func (c constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}

func listingOf(t interface{ Fatalf(string, ...any) }, secret *btcec.PrivateKey, serial uint64, expiry uint32) terms.Output {
	l, err := terms.List(banktest.Federation, terms.Gateway{Node: [33]byte(secret.PubKey().SerializeCompressed()), API: "x", Serial: serial, Expiry: expiry}, secret)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return terms.Output{Listing: &l}
}
