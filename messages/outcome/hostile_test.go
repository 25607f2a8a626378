package outcome_test

import (
	"bytes"
	"testing"

	"minimint/messages"
	"minimint/messages/outcome"
)

// A liar can get a contribution agreed on that is longer than a contribution may
// be, since the ordering protocol's own limit is higher. All members must be able to
// read back what they store of that epoch, and agree on it with those who got it
// from others; else every one of them would stop at it, again after each restart.
func TestOverlongContributionLeavesTheOutcomeReadable(t *testing.T) {
	good := outcome.Builder{}
	if !good.Transaction(tx(t, 1)) {
		t.Fatal("no room")
	}
	o := outcome.Outcome{Epoch: 1, Contributions: []outcome.Member{
		{Peer: 0, Contribution: good.Contribution().Encode()}, {Peer: 2, Contribution: make([]byte, outcome.MaxContribution+1)}, {Peer: 3},
	}}
	got, err := outcome.Decode(o.Encode(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Contributions) != 3 || len(got.Contributions[1].Contribution) != 0 || !bytes.Equal(got.Contributions[0].Contribution, o.Contributions[0].Contribution) {
		t.Errorf("read back as %+v", got)
	}
	if got.Digest(messages.FederationID{}) != o.Digest(messages.FederationID{}) {
		t.Error("members that were there and members that read it disagree")
	}
	if _, err := outcome.DecodeContribution(o.Contributions[1].Contribution); err == nil {
		t.Error("the overlong contribution counts")
	}
}
