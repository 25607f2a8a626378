package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"minimint/cmd/minimintd/probe"
	"minimint/messages"
	"minimint/messages/federation"
	"minimint/messages/wire"
)

// statusTimeout is how long the member may take to answer.
const statusTimeout = 10 * time.Second

// status asks the member of a directory how it is. It fails if the member has
// stopped because its state is not what the others agreed on.
func status(c *cli.Context) error {
	h, err := open(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, statusTimeout)
	defer cancel()
	info, err := probe.Ask(ctx, h.Federation, int(h.Settings.Member))
	if err != nil {
		return err
	}
	switch now := report(h.Federation, info); {
	case c.Bool("json"):
		err = json.NewEncoder(c.App.Writer).Encode(now)
	case c.Bool("metrics"):
		err = metrics(c.App.Writer, now)
	default:
		err = show(c.App.Writer, now)
	}
	if err == nil && info.GetAlarm() != "" {
		err = fmt.Errorf("the member takes no part in consensus any more: %s", info.GetAlarm())
	}
	return err
}

// condition is what a member says of itself.
type condition struct {
	Member      uint32          `json:"member"`
	Name        string          `json:"name"`
	Version     string          `json:"version"`
	NextEpoch   uint64          `json:"next_epoch"`
	Certified   uint64          `json:"certified_epochs"`
	Oldest      uint64          `json:"oldest_epoch"`
	StateHash   string          `json:"state_hash"`
	Assets      int64           `json:"assets_msat"`
	Liabilities int64           `json:"liabilities_msat"`
	Alarm       string          `json:"alarm,omitempty"`
	Stalled     string          `json:"stalled,omitempty"`
	StalledFor  uint64          `json:"stalled_seconds"`
	Peers       []peerCondition `json:"peers"`
}

type peerCondition struct {
	Member    uint32 `json:"member"`
	Name      string `json:"name"`
	Connected bool   `json:"connected"`
	Faults    uint32 `json:"faults"`
}

func report(f *federation.Config, info *wire.Info) condition {
	name := func(member uint32) string {
		if int64(member) >= int64(f.Size()) {
			return ""
		}
		return f.Members[member].Name
	}
	hash, _ := messages.DigestFrom(info.GetStateHash())
	c := condition{
		Member: info.GetMember(), Name: name(info.GetMember()), Version: info.GetVersion(), NextEpoch: info.GetNextEpoch(), Certified: info.GetCertifiedEpochs(),
		Oldest: info.GetOldestEpoch(), StateHash: hash.String(), Assets: info.GetAssetsMsat(), Liabilities: info.GetLiabilitiesMsat(), Alarm: info.GetAlarm(),
		Stalled: info.GetStalled(), StalledFor: info.GetStalledSeconds(),
	}
	for _, p := range info.GetPeers() {
		c.Peers = append(c.Peers, peerCondition{Member: p.GetMember(), Name: name(p.GetMember()), Connected: p.GetConnected(), Faults: p.GetFaults()})
	}
	return c
}

// show writes a condition for people.
func show(w io.Writer, c condition) error {
	text := fmt.Sprintf("member       %d (%s), version %s\n", c.Member, c.Name, c.Version)
	text += fmt.Sprintf("epochs       %d committed, %d certified, kept from %d on\n", c.NextEpoch, c.Certified, c.Oldest)
	text += fmt.Sprintf("state        %s\n", c.StateHash)
	text += fmt.Sprintf("audit        %d msat held, %d msat owed\n", c.Assets, c.Liabilities)
	for _, p := range c.Peers {
		link := "not connected"
		if p.Connected {
			link = "connected"
		}
		text += fmt.Sprintf("peer         %d (%s) %s, %d faults\n", p.Member, p.Name, link, p.Faults)
	}
	if c.Stalled != "" {
		text += fmt.Sprintf("stalled      for %d s: %s\n", c.StalledFor, c.Stalled)
	}
	if c.Alarm != "" {
		text += "ALARM        " + c.Alarm + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
