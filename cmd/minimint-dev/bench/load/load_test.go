package load

import (
	"context"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/txscript"
	"go.uber.org/goleak"

	"minimint/actors/chain/fake"
	"minimint/actors/client"
	"minimint/actors/client/keys"
	"minimint/actors/client/token"
	"minimint/actors/client/user"
	"minimint/actors/module/mint"
	"minimint/actors/node"
	"minimint/actors/node/nodetest"
	"minimint/cmd/minimint-dev/exchange"
	"minimint/crypto/bls"
	"minimint/crypto/tbs"
	"minimint/messages"
	"minimint/messages/federation"
)

func TestMain(m *testing.M) {
	// The library counts dead letters on a goroutine that lives for five seconds.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

func TestRate(t *testing.T) {
	var steady Result
	for i := range 100 {
		steady.Accepted = append(steady.Accepted, time.Second+time.Duration(i)*10*time.Millisecond)
	}
	slow := Result{Accepted: slices.Clone(steady.Accepted)}
	slow.Accepted[99] += time.Hour // the last one alone
	for name, c := range map[string]struct {
		r    Result
		want float64
	}{
		"steady": {steady, 100}, "a straggler": {slow, 100}, "nothing": {Result{}, 0}, "two": {Result{Accepted: steady.Accepted[:2]}, 0},
		"all at once": {Result{Accepted: make([]time.Duration, 50)}, 0},
	} {
		if got := c.r.Rate(); got < c.want*0.999 || got > c.want*1.001 {
			t.Errorf("%s: %v per second, want %v", name, got, c.want)
		}
	}
}

// Payments are of one note into four of a fourth of its worth, without a fee.
func TestPayments(t *testing.T) {
	rng := mrand.NewChaCha8([32]byte{1})
	f := nodetest.New(rng, nodetest.Terms{Tiers: []uint32{0, 1, 2, 3, 4}}, "a:1", "b:1", "c:1", "d:1")
	d, err := exchange.NewDesk(f.Config, rng)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := tbs.DecodeSignature(bls.HashToG1("test", []byte("a signature of no meaning")).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var notes []token.Note
	for i := range 3 {
		spend, _ := btcec.PrivKeyFromBytes([]byte{byte(i + 1)})
		notes = append(notes, token.Note{Tier: 4, Spend: spend, Nonce: keys.NonceOf(spend), Signature: signature})
	}
	g := &Generator{desk: d}
	list, err := g.Payments(notes, 4)
	if err != nil || len(list) != 3 {
		t.Fatal(len(list), err)
	}
	for _, tx := range list {
		for _, item := range tx.Outputs() {
			if out, err := mint.DecodeOutput(item.Body); err != nil || out.Tier != 2 {
				t.Errorf("output %v: %v", out, err)
			}
		}
		if len(tx.Inputs()) != 1 || len(tx.Outputs()) != 4 || tx.Fee() != 0 {
			t.Errorf("%d inputs, %d outputs, fee %s", len(tx.Inputs()), len(tx.Outputs()), tx.Fee())
		}
	}
}

// TestRun: clients of real nodes, in this process, get everything accepted, and
// are told when something is not.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	f, chain := raise(t)
	g, err := New(ctx, Config{Federation: f, Clients: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	money, err := token.Parse(deposit(ctx, t, f, chain))
	if err != nil {
		t.Fatal(err)
	}
	notes, err := g.Split(ctx, money.Notes, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	payments, err := g.Payments(notes, 4)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Run(ctx, payments)
	if err != nil || len(r.Accepted) != 16 || !slices.IsSorted(r.Accepted) || r.Took < r.Accepted[15] {
		t.Fatalf("%+v, %v", r, err)
	}
	again, err := g.Payments(notes[:1], 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Run(ctx, again); err == nil || !strings.Contains(err.Error(), "spent") {
		t.Errorf("spent twice: %v", err)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := g.Run(stopped, payments); err == nil {
		t.Error("no error after a stop")
	}
}

// raise starts four nodes in this process.
func raise(t *testing.T) (f *federation.Config, chain *fake.Chain) {
	t.Helper()
	chain = fake.New(&chaincfg.SimNetParams)
	var addresses []string
	for range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, l.Addr().String())
		_ = l.Close()
	}
	dealt := nodetest.New(mrand.NewChaCha8([32]byte{2}), nodetest.Terms{}, addresses...)
	for i := range addresses {
		n, err := node.Start(node.Config{
			Federation: dealt.Config, Self: messages.PeerID(i), Secrets: dealt.Secrets[i], DataDir: t.TempDir(),
			Listen: addresses[i], Incarnation: 1, Bitcoin: chain.Node(), Log: slog.New(slog.DiscardHandler),
			Exit: func(reason any) { t.Errorf("node %d: %v", i, reason) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Stop)
	}
	return dealt.Config, chain
}

// deposit returns a note of 2^14 msat that somebody got for bitcoin.
func deposit(ctx context.Context, t *testing.T, f *federation.Config, chain *fake.Chain) string {
	t.Helper()
	cfg := user.Config{
		Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now(),
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return chain.Node(), nil },
	}
	if _, err := user.Join(ctx, cfg, f.Invite(), ""); err != nil {
		t.Fatal(err)
	}
	u, err := user.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	chain.Mine(10)
	id, err := u.Deposit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	op, err := u.Operation(id)
	if err != nil {
		t.Fatal(err)
	}
	address, err := btcutil.DecodeAddress(op.GetDeposit().GetAddress(), &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	script, err := txscript.PayToAddrScript(address)
	if err != nil {
		t.Fatal(err)
	}
	chain.Pay(script, 60_000)
	chain.Mine(20)
	if _, err := u.Await(ctx, id, nil); err != nil {
		t.Fatal(err)
	}
	if id, err = u.Spend(ctx, 1<<14); err != nil {
		t.Fatal(err)
	}
	if op, err = u.Await(ctx, id, nil); err != nil {
		t.Fatal(err)
	}
	return client.Token(op)
}
