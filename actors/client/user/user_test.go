package user_test

import (
	"context"
	"log/slog"
	mrand "math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/chain/fake"
	"minimint/actors/client"
	"minimint/actors/client/clienttest"
	"minimint/actors/client/user"
	"minimint/actors/node"
	"minimint/actors/node/nodetest"
	"minimint/messages"
	"minimint/messages/wire"
)

// patience bounds every wait; nothing depends on it.
const patience = 2 * time.Minute

// house is a federation of real nodes in this process.
type house struct {
	*testing.T
	federation nodetest.Federation
	chain      *fake.Chain
	nodes      []*node.Node
	ctx        context.Context
}

func newHouse(t *testing.T, twists map[int]func(*wire.ClientReply)) *house {
	t.Helper()
	return newHouseOf(t, nodetest.Terms{}, twists)
}

func newHouseOf(t *testing.T, terms nodetest.Terms, twists map[int]func(*wire.ClientReply)) *house {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	h := &house{T: t, chain: fake.New(&chaincfg.SimNetParams), ctx: ctx}
	var addresses []string
	for range 4 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, l.Addr().String())
		_ = l.Close()
	}
	h.federation = nodetest.New(mrand.NewChaCha8([32]byte{1}), terms, addresses...)
	for i := range addresses {
		n, err := node.Start(node.Config{
			Federation: h.federation.Config, Self: messages.PeerID(i), Secrets: h.federation.Secrets[i], DataDir: t.TempDir(),
			Listen: addresses[i], Incarnation: 1, Bitcoin: h.chain.Node(), Log: log(), Twist: twists[i],
			Exit: func(reason any) { t.Errorf("node %d: %v", i, reason) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Stop)
		h.nodes = append(h.nodes, n)
	}
	return h
}

// log shows what happens if the test is asked to.
func log() *slog.Logger {
	if os.Getenv("MINIMINT_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

func (h *house) config() user.Config {
	return user.Config{
		Dir: h.TempDir(), Log: log(), Now: time.Now(),
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return h.chain.Node(), nil },
	}
}

func (h *house) user() *user.User {
	h.Helper()
	cfg := h.config()
	if _, err := user.Join(h.ctx, cfg, h.federation.Config.Invite(), ""); err != nil {
		h.Fatal(err)
	}
	u, err := user.Open(cfg)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		if err := u.Close(); err != nil {
			h.Error(err)
		}
	})
	return u
}

func (h *house) done(u *user.User, id uint64, err error) *client.Operation {
	h.Helper()
	return clienttest.Done(h, u.Client, id, err)
}

// The whole way of money, from bitcoin to bitcoin, over real links and nodes, one
// of which signs wrongly all the time.
func TestStoryOnRealNodes(t *testing.T) {
	h := newHouse(t, map[int]func(*wire.ClientReply){2: func(r *wire.ClientReply) {
		for _, o := range r.GetStatus().GetAccepted().GetOutputs() {
			o.Share = nil
		}
	}})
	alice, bob := h.user(), h.user()

	h.chain.Mine(10)
	h.deposit(alice, 60_000)

	id, err := alice.Spend(h.ctx, 25_000_000)
	op := h.done(alice, id, err)
	id, err = bob.Receive(h.ctx, client.Token(op))
	h.done(bob, id, err)

	to, err := btcutil.NewAddressWitnessPubKeyHash(make([]byte, 20), &chaincfg.SimNetParams)
	if err != nil {
		t.Fatal(err)
	}
	id, err = bob.Withdraw(h.ctx, to.EncodeAddress(), 10_000, 0)
	op = h.done(bob, id, err)
	if len(op.GetWithdrawal().GetTxid()) != 32 {
		t.Error("a withdrawal without a bitcoin transaction")
	}
	reported(h, bob, id)
}

// reported checks that the liar was named.
func reported(h *house, u *user.User, id uint64) {
	h.Helper()
	op, err := u.Linger(h.ctx, id)
	if err != nil {
		h.Fatal(err)
	}
	if !slices.ContainsFunc(op.GetReports(), func(r string) bool { return strings.HasPrefix(r, "member 2 ") }) {
		h.Errorf("reports %q do not name member 2", op.GetReports())
	}
}

// An address that is made while the chain is searched for the former ones is
// looked for as well, also if no block comes for a long time.
func TestAddressMadeDuringASearch(t *testing.T) {
	h := nodetest.NewHouse(t, 4)
	u := h.User()
	u.Fund(30_000) // so that there is something to search for
	asked, paid := make(chan struct{}), make(chan struct{})
	height := h.Set(&nodetest.Trap{Party: "user", Actor: "deposits.scanner", Message: "deposits.tipWanted", Do: func() { <-asked }})
	id := make(chan uint64, 1)
	go func() {
		n, err := u.Deposit(t.Context())
		if err != nil {
			t.Error(err)
		}
		id <- n
	}()
	h.Caught(height)
	h.Set(&nodetest.Trap{Party: "user", Actor: "deposits.scanner", Message: "deposits.scan", Do: func() { <-paid }})
	search := h.Set(&nodetest.Trap{Party: "user", Actor: "deposits.walletClient", At: nodetest.Handled, Message: "*timing.Tick", Times: 2, Do: func() {}})
	h.Caught(search) // it was sent out, without the new address
	close(asked)
	n := <-id
	u.Pay(n, 20_000)
	h.Mine(10)
	close(paid)
	u.Done(n, nil)
}
