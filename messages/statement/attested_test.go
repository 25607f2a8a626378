package statement_test

import (
	"errors"
	"reflect"
	"testing"

	"minimint/messages/canonical"
	"minimint/messages/statement"
	"minimint/messages/wire"
)

// With shares it takes right ones of f+1 different members for this statement, and
// not one wrong; with a signature it takes a valid one.
func TestAttested(t *testing.T) {
	const some = 2
	key, signers := deal()
	s, other := statement.Statement{Epoch: 5}, statement.Statement{Epoch: 5, Header: statement.Header{Size: 1}}
	share := func(member int) statement.Share { return sign(signers, member, s) }
	moved := share(1)
	moved.Member = 2
	relabelled := sign(signers, 3, other)
	relabelled.Statement = s
	for name, c := range map[string]struct {
		a    statement.Attested
		want bool
	}{
		"nothing":                {statement.Attested{Statement: s}, false},
		"one share":              {statement.Attested{Statement: s, Shares: []statement.Share{share(0)}}, false},
		"two shares":             {statement.Attested{Statement: s, Shares: []statement.Share{share(3), share(0)}}, true},
		"one share twice":        {statement.Attested{Statement: s, Shares: []statement.Share{share(0), share(0)}}, false},
		"another's share":        {statement.Attested{Statement: s, Shares: []statement.Share{share(1), moved}}, false},
		"one of another":         {statement.Attested{Statement: s, Shares: []statement.Share{share(0), sign(signers, 1, other)}}, false},
		"signed something else":  {statement.Attested{Statement: s, Shares: []statement.Share{share(0), relabelled}}, false},
		"two right, one wrong":   {statement.Attested{Statement: s, Shares: []statement.Share{share(0), share(1), moved}}, false},
		"certificate":            {certify(t, key, signers, s).Attested(), true},
		"certificate of another": {statement.Attested{Statement: s, Signature: certify(t, key, signers, other).Signature}, false},
		"no signature":           {statement.Attested{Statement: s, Signature: []byte{}, Shares: []statement.Share{share(0), share(1)}}, false},
	} {
		if got := c.a.Valid(key, some); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// FuzzAttested: whatever is decoded is written as it was read.
func FuzzAttested(f *testing.F) {
	key, signers := deal()
	s := statement.Statement{Era: 1, Epoch: 5}
	f.Add(canonical.Marshal(certify(f, key, signers, s).Attested().Wire()))
	f.Add(canonical.Marshal(statement.Attested{Statement: s, Shares: []statement.Share{sign(signers, 1, s), sign(signers, 3, s)}}.Wire()))
	f.Add(canonical.Marshal(&wire.Attested{Statement: s.Wire(), Shares: []*wire.MemberShare{{Member: 4, Share: make([]byte, 48)}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := new(wire.Attested)
		if canonical.Unmarshal(b, w, 1<<16) != nil {
			return
		}
		a, err := statement.ReadAttested(w, 4)
		if err != nil {
			if !errors.Is(err, statement.ErrStatement) {
				t.Errorf("error %v", err)
			}
			return
		}
		again, err := statement.ReadAttested(a.Wire(), 4)
		if err != nil || !reflect.DeepEqual(a, again) || len(a.Shares) > 4 {
			t.Errorf("%+v, then %+v, %v", a, again, err)
		}
		a.Valid(key, 2)
	})
}
