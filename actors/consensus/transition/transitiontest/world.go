package transitiontest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/btcsuite/btcd/txscript"
	"github.com/btcsuite/btcd/wire"

	"minimint/actors/chain/fake"
	"minimint/actors/consensus/transition"
	"minimint/actors/module/wallet"
	"minimint/actors/module/wallet/pegin"
	"minimint/actors/module/wallet/spv"
	"minimint/messages"
	"minimint/messages/canonical"
	"minimint/messages/chainview"
	"minimint/storage"
)

// A World is the bitcoin chain with a node for each member, and the deposits
// that were ever paid to the federation.
type World struct {
	House    *House
	Chain    *fake.Chain
	Nodes    []*fake.Node
	Deposits []Deposit
	wallets  []*wallet.Module
}

// A Deposit is a bitcoin output that the owner of a key may claim.
type Deposit struct {
	At   wire.OutPoint
	Sats int64
	key  byte
}

// keys of depositors.
const depositors = 3

// NewWorld returns a chain that is a little higher than the first agreed height.
func (h *House) NewWorld() *World {
	w := &World{House: h, Chain: fake.New(h.chain.Network)}
	w.Chain.Mine(Birthday + Delay)
	for i := range Members {
		w.Nodes = append(w.Nodes, w.Chain.Node())
		w.wallets = append(w.wallets, h.wallet(i))
	}
	return w
}

// Fork returns a world of its own with the same past, in which all nodes follow
// the chain.
func (w *World) Fork() *World {
	f := &World{House: w.House, Chain: w.Chain.Fork(), Deposits: slices.Clone(w.Deposits), wallets: w.wallets}
	for range w.Nodes {
		f.Nodes = append(f.Nodes, f.Chain.Node())
	}
	return f
}

// Pay puts a deposit into the mempool.
func (w *World) Pay(depositor int, sats int64) Deposit {
	d := Deposit{Sats: sats, key: byte(1 + depositor%depositors)}
	d.At = w.Chain.Pay(w.scriptOf(d.key), sats)
	w.Deposits = append(w.Deposits, d)
	return d
}

func (w *World) scriptOf(key byte) []byte {
	address, err := pegin.Address(w.House.Descriptor(), xOnly(secretOf(key)))
	must(err)
	script, err := txscript.PayToAddrScript(address)
	must(err)
	return script
}

// block returns the block of the chain that holds a transaction, nil if none.
func (w *World) block(id chainhash.Hash) *wire.MsgBlock {
	for height := w.Chain.Height(); height > 0; height-- {
		b := w.Chain.Block(height)
		for _, tx := range b.Transactions {
			if tx.TxHash() == id {
				return b
			}
		}
	}
	return nil
}

// Propose returns what a member's wallet wants agreed, on a committed state and
// with what its bitcoin node shows.
func (w *World) Propose(member messages.PeerID, state storage.Reader) [][]byte {
	r := storage.ScopedReader(state, transition.ModuleScope(wallet.Kind))
	return w.wallets[member].Propose(r, w.see(member, r))
}

// see is what the chain actor of a member would report.
func (w *World) see(member messages.PeerID, r storage.Reader) []byte {
	node := w.Nodes[member]
	base, agreed := w.House.lock.AgreedTip(r)
	tip, err := node.Tip()
	if err != nil {
		return nil
	}
	o := chainview.Observation{Tip: tip, BaseHeight: base}
	if base >= Birthday {
		if o.BaseHash, err = node.BlockHash(base); err != nil {
			return o.Encode()
		}
	}
	for height := base + 1; height+Delay <= tip && len(o.Blocks) < chainview.MaxBlocks && o.BaseHash == agreed; height++ {
		hash, err := node.BlockHash(height)
		must(err)
		o.Blocks = append(o.Blocks, hash)
	}
	o.FeeRate, err = node.FeeRate()
	must(err)
	for _, want := range wallet.WantedBurials(r) {
		for _, id := range want.TxIDs {
			if inclusion := w.inclusion(id, want.Since, base, r); inclusion != nil {
				o.Burials = append(o.Burials, chainview.Burial{TxID: id, Inclusion: inclusion})
			}
		}
	}
	return o.Encode()
}

// inclusion proves that a transaction is in an agreed block above since, nil if
// it is in none that this chain has.
func (w *World) inclusion(id chainhash.Hash, since, tip uint32, r storage.Reader) []byte {
	for height := since + 1; height <= min(tip, w.Chain.Height()); height++ {
		b := w.Chain.Block(height)
		if agreed, ok := wallet.BlockAt(r, height); !ok || agreed != b.BlockHash() {
			continue
		}
		for i, tx := range b.Transactions {
			if tx.TxHash() == id {
				proof, err := spv.Prove(b, i)
				must(err)
				return canonical.Marshal(proof)
			}
		}
	}
	return nil
}

// Broadcast offers the chain what the state wants on it. Like a bitcoin node, it
// may refuse.
func (w *World) Broadcast(state storage.Reader) {
	for _, raw := range wallet.PendingBroadcasts(storage.ScopedReader(state, transition.ModuleScope(wallet.Kind))) {
		tx := new(wire.MsgTx)
		must(tx.Deserialize(bytes.NewReader(raw)))
		_ = w.Chain.Broadcast(tx)
	}
}

// Worth returns the outputs that are unspent on the chain or would be after what
// waits for a block.
func (w *World) Worth() map[wire.OutPoint]int64 {
	var txs []*wire.MsgTx
	for height := uint32(1); height <= w.Chain.Height(); height++ {
		txs = append(txs, w.Chain.Block(height).Transactions...)
	}
	worth := map[wire.OutPoint]int64{}
	for _, tx := range append(txs, w.Chain.Mempool()...) {
		for _, in := range tx.TxIn {
			delete(worth, in.PreviousOutPoint)
		}
		for i, out := range tx.TxOut {
			worth[wire.OutPoint{Hash: tx.TxHash(), Index: uint32(i)}] = out.Value
		}
	}
	return worth
}

// Backed compares the coins of a committed state with the chain: each must be there
// and unspent, but for what waits for a block.
func (w *World) Backed(state storage.Reader) string {
	worth := w.Worth()
	// A coin's key is a letter, the complement of its satoshi and the outpoint.
	const head, hash = 1, 1 + 8
	for k := range storage.ScopedReader(state, transition.ModuleScope(wallet.Kind)).Scan([]byte{'u'}) {
		sats := ^binary.BigEndian.Uint64(k[head:hash])
		at := wire.OutPoint{Hash: chainhash.Hash(k[hash : hash+32]), Index: binary.BigEndian.Uint32(k[hash+32:])}
		if worth[at] != int64(sats) {
			return fmt.Sprintf("coin %s of %d sat is worth %d on the chain", at, sats, worth[at])
		}
	}
	return ""
}
