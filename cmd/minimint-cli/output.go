package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/urfave/cli/v2"

	"minimint/actors/client"
	"minimint/actors/client/clientwire"
	"minimint/actors/client/user"
	"minimint/cmd/terminal"
	"minimint/messages"
)

// A record is an operation in JSON.
type record struct {
	Operation uint64    `json:"operation"`
	Kind      string    `json:"kind"`
	State     string    `json:"state"`
	Began     string    `json:"began,omitempty"`
	Ended     string    `json:"ended,omitempty"`
	Msat      uint64    `json:"msat,omitempty"`
	FeeMsat   uint64    `json:"fee_msat,omitempty"`
	Epoch     uint64    `json:"epoch,omitempty"`
	Text      string    `json:"text,omitempty"`
	Code      uint32    `json:"code,omitempty"`
	Parent    uint64    `json:"parent,omitempty"`
	Address   string    `json:"address,omitempty"`
	Txid      string    `json:"bitcoin_txid,omitempty"`
	Invoice   string    `json:"invoice,omitempty"`
	Hash      string    `json:"payment_hash,omitempty"`
	Preimage  string    `json:"preimage,omitempty"`
	Gateway   uint64    `json:"gateway_fee_msat,omitempty"`
	Notes     string    `json:"notes,omitempty"`
	Redeemed  bool      `json:"redeemed,omitempty"`
	Reports   []string  `json:"reports,omitempty"`
	Restore   *progress `json:"restore,omitempty"`
}

// progress is how far a search has come, in JSON.
type progress struct {
	Scanned uint64 `json:"scanned"` // entries of the federation's log
	Entries uint64 `json:"entries"`
	Notes   uint32 `json:"notes"` // found and added
}

func recordOf(op *client.Operation) record {
	r := record{
		Operation: op.GetId(), Kind: word(op.GetKind().String(), "KIND_"), State: word(op.GetState().String(), "STATE_"),
		Began: moment(op.GetBeganMs()), Ended: moment(op.GetEndedMs()), Msat: op.GetAmountMsat(), FeeMsat: op.GetFeeMsat(),
		Epoch: op.GetEpoch(), Text: op.GetText(), Code: op.GetCode(), Parent: op.GetParent(),
		Notes: client.Token(op), Redeemed: op.GetRedeemed(), Reports: op.GetReports(),
	}
	if p := op.GetRestore(); p != nil {
		r.Restore = &progress{Scanned: p.GetScanned(), Entries: p.GetEntries(), Notes: p.GetNotes()}
	}
	if d := op.GetDeposit(); d != nil {
		r.Address = d.GetAddress()
	}
	if w := op.GetWithdrawal(); w != nil {
		r.Address = w.GetAddress()
		if hash, err := chainhash.NewHash(w.GetTxid()); err == nil {
			r.Txid = hash.String()
		}
	}
	if p := op.GetPay(); p != nil {
		r.Invoice, r.Hash, r.Preimage, r.Gateway = p.GetInvoice(), hex.EncodeToString(p.GetPaymentHash()), hex.EncodeToString(p.GetPreimage()), p.GetGatewayFeeMsat()
	}
	if i := op.GetInvoice(); i != nil { // its preimage is a secret until it is paid
		r.Invoice, r.Hash = i.GetText(), hex.EncodeToString(i.GetPaymentHash())
	}
	return r
}

func word(enum, prefix string) string { return strings.ToLower(strings.TrimPrefix(enum, prefix)) }

func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).Format(time.RFC3339)
}

// line is an operation for people.
func line(op *client.Operation) string {
	r := recordOf(op)
	parts := []string{fmt.Sprintf("%4d  %-20s  %-8s  %-8s", r.Operation, r.Began, r.Kind, r.State)}
	if r.Msat > 0 {
		parts = append(parts, terminal.Show(messages.Amount(r.Msat)))
	}
	if r.FeeMsat > 0 {
		parts = append(parts, "fee "+terminal.Show(messages.Amount(r.FeeMsat)))
	}
	for _, s := range []string{r.Address, r.Txid, r.Hash, r.Text} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if r.Redeemed {
		parts = append(parts, "cashed")
	}
	return strings.Join(parts, "  ")
}

// await waits for an operation and prints on standard error what happens to it.
func await(c *cli.Context, u *user.User, id uint64) (*client.Operation, error) {
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	n := notices{c: c}
	op, err := u.Await(ctx, id, n.tell)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, client.ErrParked) {
		return op, &pendingError{op, err}
	}
	return op, err
}

// linger gives members that were slower a moment, and prints whom of them the
// client has caught. It is called when the result is out.
func linger(c *cli.Context, u *user.User, op *client.Operation) {
	ctx, cancel := context.WithTimeout(c.Context, lingerTime)
	defer cancel()
	n := notices{c: c, reports: op.GetReports(), text: op.GetText()}
	if last, err := u.Linger(ctx, op.GetId()); err == nil {
		n.tell(last)
	}
}

const lingerTime = 3 * time.Second

// notices prints each piece of news once.
type notices struct {
	c       *cli.Context
	text    string
	reports []string
	tenths  uint64 // of a search, as last told
}

func (n *notices) tell(op *client.Operation) {
	for _, r := range op.GetReports() {
		if !slices.Contains(n.reports, r) {
			n.reports = append(n.reports, r)
			fmt.Fprintln(n.c.App.ErrWriter, "warning: "+r)
		}
	}
	if text := op.GetText(); text != "" && text != n.text && op.GetState() == clientwire.State_STATE_PENDING {
		fmt.Fprintln(n.c.App.ErrWriter, "waiting: "+text)
	}
	n.text = op.GetText()
	if p := op.GetRestore(); p.GetEntries() > 0 && op.GetState() == clientwire.State_STATE_PENDING && p.GetScanned()*10/p.GetEntries() > n.tenths {
		n.tenths = p.GetScanned() * 10 / p.GetEntries()
		fmt.Fprintf(n.c.App.ErrWriter, "read %d of %d entries of the federation's log\n", p.GetScanned(), p.GetEntries())
	}
}
