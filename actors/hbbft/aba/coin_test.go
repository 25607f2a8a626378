package aba_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"minimint/actors/hbbft/aba"
	"minimint/actors/hbbft/protocol"
	"minimint/crypto/domain"
	"minimint/crypto/tsig/tsigtest"
	"minimint/messages"
	"minimint/messages/frames"
)

// hashCoin is a coin whose shares anybody could compute: a share is a hash of
// seed, round and member, and the coin a hash of seed and round. It keeps the
// contract of aba.Coin, and counts how often it was asked to combine.
type hashCoin struct {
	seed     uint64
	self     messages.PeerID
	faulty   int
	combined int
}

func coinHash(tag string, numbers ...uint64) []byte {
	h := sha256.New()
	h.Write([]byte(tag))
	for _, n := range numbers {
		h.Write(binary.BigEndian.AppendUint64(nil, n))
	}
	return h.Sum(nil)
}

func coinShare(seed uint64, peer messages.PeerID, round uint32) []byte {
	return coinHash("share", seed, uint64(peer), uint64(round))
}

func coinBit(seed uint64, round uint32) bool { return coinHash("coin", seed, uint64(round))[0]&1 == 1 }

func (c *hashCoin) Share(round uint32) []byte { return coinShare(c.seed, c.self, round) }

func (c *hashCoin) WellFormed(share []byte) bool { return len(share) == sha256.Size }

func (c *hashCoin) Combine(round uint32, shares []aba.IndexedShare) (bool, []messages.PeerID, bool) {
	c.combined++
	if len(shares) <= c.faulty {
		panic("combine of too few shares")
	}
	var liars []messages.PeerID
	for i, s := range shares {
		if i > 0 && shares[i-1].Peer >= s.Peer {
			panic("shares out of order")
		}
		if !bytes.Equal(s.Share, coinShare(c.seed, s.Peer, round)) {
			liars = append(liars, s.Peer)
		}
	}
	return coinBit(c.seed, round), liars, len(shares)-len(liars) > c.faulty
}

// seedWith returns a seed for which the coin of a round shows bit.
func seedWith(round uint32, bit bool) uint64 {
	seed := uint64(0)
	for coinBit(seed, round) != bit {
		seed++
	}
	return seed
}

// realCoins deals a coin key for n members with the threshold of F+1.
func realCoins(n int) func(messages.PeerID) aba.Coin {
	slot := protocol.Slot{Federation: messages.Digest{1}, Era: 2, Epoch: 7, Proposer: subject}
	keys, secrets := tsigtest.Keys(rand.NewChaCha8([32]byte{9}), domain.Coin, slot.Federation[:], (n-1)/3+1, n)
	return func(i messages.PeerID) aba.Coin { return aba.NewCoin(slot, keys, secrets[i]) }
}

// TestSignatureCoin: whichever F+1 shares are combined, the coin is the same;
// wrong shares are found; rounds and slots are independent.
func TestSignatureCoin(t *testing.T) {
	const n, round = 7, 5
	coins := realCoins(n)
	var shares []aba.IndexedShare
	for i := range messages.PeerID(n) {
		share := coins(i).Share(round)
		if !coins(0).WellFormed(share) || coins(0).WellFormed(share[1:]) {
			t.Error("WellFormed does not look at the length")
		}
		shares = append(shares, aba.IndexedShare{Peer: i, Share: share})
	}
	want, liars, ok := coins(0).Combine(round, shares)
	if !ok || len(liars) > 0 {
		t.Fatalf("all shares: liars %v, ok %v", liars, ok)
	}
	for i := range n - 2 {
		if got, liars, ok := coins(1).Combine(round, shares[i:i+3]); got != want || !ok || len(liars) > 0 {
			t.Errorf("members %d to %d: coin %v, liars %v, ok %v", i, i+2, got, liars, ok)
		}
	}
	// Member 1 sends its share of another round, member 2 no point at all.
	bad := slices.Clone(shares[:5])
	bad[1].Share, bad[2].Share = coins(1).Share(round+3), make([]byte, len(bad[2].Share))
	got, liars, ok := coins(0).Combine(round, bad)
	slices.Sort(liars)
	if got != want || !ok || !slices.Equal(liars, []messages.PeerID{1, 2}) {
		t.Errorf("coin %v, ok %v, liars %v", got, ok, liars)
	}
	if _, liars, ok := coins(0).Combine(round, bad[:4]); ok || len(liars) != 2 {
		t.Errorf("two right shares of three: ok %v, liars %v", ok, liars)
	}
	ones := 0
	for r := range uint32(40) {
		if bit, _, _ := coins(0).Combine(r, []aba.IndexedShare{
			{Peer: 0, Share: coins(0).Share(r)}, {Peer: 1, Share: coins(1).Share(r)}, {Peer: 2, Share: coins(2).Share(r)},
		}); bit {
			ones++
		}
	}
	if ones < 10 || ones > 30 {
		t.Errorf("%d of 40 coins show 1", ones)
	}
}

func TestSignatureCoinThreshold(t *testing.T) {
	slot := protocol.Slot{Federation: messages.Digest{1}}
	keys, secrets := tsigtest.Keys(rand.NewChaCha8([32]byte{9}), domain.Coin, slot.Federation[:], 3, 4)
	mustPanic(t, func() { aba.NewCoin(slot, keys, secrets[0]) })
}

// TestCombineOnce: with right shares a coin costs one combination, however
// many more shares come.
func TestCombineOnce(t *testing.T) {
	coins := make([]*hashCoin, 4)
	net := split{newNetwork(setup{
		n: 4, faulty: 1, without: []string{"conf-union"}, // so that it takes many coins
		coin: func(i messages.PeerID) aba.Coin {
			coins[i] = &hashCoin{self: i, faulty: 1}
			return coins[i]
		},
	})}
	net.attack(30)
	for _, i := range net.honest() {
		if coins[i].combined != 10 {
			t.Errorf("%d combined %d times for 10 coins", i, coins[i].combined)
		}
		if _, shares, _ := net.nodes[i].Held(); shares > 0 {
			t.Errorf("%d keeps %d shares of coins that it knows", i, shares)
		}
	}
}

// TestAgreementWithSignatureCoin runs storms that need real coins until ten of
// them were tossed.
func TestAgreementWithSignatureCoin(t *testing.T) {
	coins := realCoins(4)
	tossed := 0
	for seed := uint64(0); tossed < 10 && seed < 1000; seed++ {
		net := newNetwork(setup{n: 4, faulty: 1, coin: coins})
		rng := rand.New(rand.NewPCG(seed, 2))
		for _, i := range net.honest() {
			net.input(i, i == 1)
		}
		net.storm(rng, schedulers["apart"], voters["two-faced"], 60)
		if why := net.disagreement(); why != "" {
			t.Fatalf("seed %d: %s", seed, why)
		}
		if slices.ContainsFunc(net.said[0], func(s frames.Statement) bool {
			_, ok := s.(frames.CoinShare)
			return ok
		}) {
			tossed++
		}
	}
	if tossed < 10 {
		t.Errorf("only %d storms tossed a coin", tossed)
	}
}
