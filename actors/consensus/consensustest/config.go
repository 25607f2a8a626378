package consensustest

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"minimint/messages/federation"
)

// Config returns a configuration of n members whose keys are patterns, for what
// only shows it to others.
func Config(n int) *federation.Config {
	some, live := (n-1)/3+1, n-(n-1)/3
	key := func(threshold, size int, letter byte) federation.ThresholdKey {
		k := federation.ThresholdKey{Threshold: threshold, Group: bytes.Repeat([]byte{letter}, size)}
		for i := range n {
			k.Members = append(k.Members, bytes.Repeat([]byte{letter, byte(i)}, size/2))
		}
		return k
	}
	c := federation.Config{
		Name: "test", Coin: key(some, 96, 'c'), Certificate: key(live, 96, 'z'), Contributions: key(some, 32, 'k'), Preimages: key(live, 32, 'p'),
		Modules: []federation.Module{{Kind: Kind}},
	}
	for i := range n {
		c.Members = append(c.Members, federation.Member{
			Name: fmt.Sprintf("member %d", i), Address: fmt.Sprintf("node%d.example:9000", i),
			Identity: bytes.Repeat([]byte{0xa0, byte(i)}, ed25519.PublicKeySize/2),
		})
	}
	made, err := federation.New(c)
	if err != nil {
		panic("consensustest: " + err.Error())
	}
	return made
}
