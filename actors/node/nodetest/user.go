package nodetest

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/btcsuite/btcd/chaincfg"

	"minimint/actors/client"
	"minimint/actors/client/user"
	"minimint/messages"
)

// A User is a client with an open wallet.
type User struct {
	*user.User
	house  *House
	config user.Config
}

// User makes a client of the federation.
func (h *House) User() *User {
	h.Helper()
	cfg := user.Config{
		Dir: filepath.Join(h.TempDir(), "client"), Log: slog.New(slog.DiscardHandler), Now: time.Unix(1_700_000_000, 0),
		Blocks: func(*chaincfg.Params) (client.Blocks, error) { return h.Chain.Node(), nil },
	}
	if _, err := user.Join(h.ctx, cfg, h.Federation.Config.Invite(), ""); err != nil {
		h.Fatal(err)
	}
	cfg.Log = h.log("user")
	u := &User{house: h, config: cfg}
	u.Open()
	h.Cleanup(u.Quit)
	return u
}

// Open starts the client's program.
func (u *User) Open() {
	u.house.Helper()
	u.config.Adapt = u.house.join("user", nil).adapt
	var err error
	if u.User, err = user.Open(u.config); err != nil {
		u.house.Fatal(err)
	}
}

// Quit ends it.
func (u *User) Quit() {
	if err := u.Close(); err != nil {
		u.house.Error(err)
	}
}

// Reopen ends the client's program and starts it again.
func (u *User) Reopen() {
	u.house.Helper()
	u.Quit()
	u.Open()
}

// Done waits for the good end of an operation.
func (u *User) Done(id uint64, err error) *client.Operation {
	u.house.Helper()
	if err != nil {
		u.house.Fatal(err)
	}
	op, err := u.Await(u.house.ctx, id, nil)
	if err != nil {
		u.house.Fatalf("%v\n%v", err, op)
	}
	return op
}

// Fund deposits bitcoin.
func (u *User) Fund(sats int64) {
	h := u.house
	h.Helper()
	h.Chain.Mine(1)
	id, err := u.Deposit(h.ctx)
	if err != nil {
		h.Fatal(err)
	}
	u.Pay(id, sats)
	h.Chain.Mine(10)
	u.Done(id, nil)
}

// Pay pays to the address of a deposit; the payment is in the next block.
func (u *User) Pay(id uint64, sats int64) {
	h := u.house
	h.Helper()
	op, err := u.Operation(id)
	if err != nil {
		h.Fatal(err)
	}
	h.Chain.PayTo(op.GetDeposit().GetAddress(), sats)
}

// Worth is all that the wallet holds, free or not.
func (u *User) Worth() messages.Amount {
	u.house.Helper()
	b, err := u.Balance()
	if err != nil {
		u.house.Fatal(err)
	}
	return b.Free + b.Reserved + b.Doubtful
}
