package main

import (
	"bytes"
	"encoding/json"
	mrand "math/rand/v2"
	"net"
	"regexp"
	"strings"
	"testing"

	"minimint"
	"minimint/actors/node"
	"minimint/actors/node/home"
	"minimint/actors/node/nodetest"
	"minimint/messages/wire"
)

// output runs the program and returns what it prints.
func output(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	a := app()
	a.Writer = &out
	err := a.Run(append([]string{"minimintd"}, args...))
	return out.String(), err
}

func TestStatus(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	f := nodetest.New(mrand.NewChaCha8([32]byte{1}), nodetest.Terms{Tiers: []uint32{0}}, address)
	h := home.Home{Dir: t.TempDir(), Federation: f.Config, Settings: home.Settings{Listen: address}}
	if err := home.Create(h); err != nil {
		t.Fatal(err)
	}
	if _, err := output(t, "status", "--dir", h.Dir); err == nil {
		t.Error("a member that does not run has a status")
	}
	n, err := node.Start(node.Config{
		Federation: f.Config, Secrets: f.Secrets[0], DataDir: h.DataDir(), Listen: address, Incarnation: 1,
		Exit: func(reason any) { t.Error(reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	text, err := output(t, "status", "--dir", h.Dir)
	if err != nil || !strings.Contains(text, "epochs       0 committed, 0 certified, kept from 0 on") || strings.Contains(text, "ALARM") {
		t.Errorf("%s%v", text, err)
	}
	text, err = output(t, "status", "--dir", h.Dir, "--metrics")
	if err != nil || !strings.Contains(text, "\nminimint_epochs_total 0\n") || !strings.Contains(text, "\nminimint_stalled_seconds 0\n") {
		t.Errorf("%s%v", text, err)
	}
	text, err = output(t, "status", "--dir", h.Dir, "--json")
	var c condition
	if err != nil || json.Unmarshal([]byte(text), &c) != nil || c.Version != minimint.Version {
		t.Errorf("%s%v", text, err)
	}
}

func TestReport(t *testing.T) {
	f := nodetest.New(mrand.NewChaCha8([32]byte{1}), nodetest.Terms{Tiers: []uint32{0}}, "a:1", "b:1", "c:1", "d:1")
	info := &wire.Info{
		Member: 1, NextEpoch: 9, CertifiedEpochs: 8, OldestEpoch: 3, StateHash: make([]byte, 32), Alarm: "something is wrong", Stalled: "epoch 9 waits", StalledSeconds: 5,
		Peers: []*wire.PeerInfo{{Member: 0, Connected: true}, {Member: 2, Faults: 7}, {Member: 99}},
	}
	var out bytes.Buffer
	if err := show(&out, report(f.Config, info)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"member       1 (member 1)", "9 committed, 8 certified, kept from 3 on", "peer         0 (member 0) connected, 0 faults",
		"peer         2 (member 2) not connected, 7 faults", "ALARM        something is wrong",
		"stalled      for 5 s: epoch 9 waits",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

// Monitors find the cause of a stall, and every figure under a name that has a type; names
// of peers are somebody's choice.
func TestMetrics(t *testing.T) {
	var out bytes.Buffer
	c := condition{
		NextEpoch: 9, Certified: 8, Alarm: "x", Stalled: `epoch 9 waits for "echo"`, StalledFor: 5,
		Peers: []peerCondition{{Member: 2, Name: "a\\b\"\nc", Connected: true, Faults: 7}, {Member: 3, Name: "d"}},
	}
	if err := metrics(&out, c); err != nil {
		t.Fatal(err)
	}
	sample := regexp.MustCompile(`^(minimint_[a-z_]+)(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? -?[0-9]+$`)
	typed := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			typed[name] = true
		} else if m := sample.FindStringSubmatch(line); !strings.HasPrefix(line, "# HELP ") && (m == nil || !typed[m[1]]) {
			t.Errorf("no sample of what has a type: %s", line)
		}
	}
	for _, want := range []string{
		"minimint_stalled_seconds 5\n", `minimint_stalled{cause="epoch 9 waits for \"echo\""} 1`, "minimint_alarm 1\n", "minimint_certified_epochs_total 8\n",
		`minimint_peer_connected{peer="2",name="a\\b\"\nc"} 1`, `minimint_peer_faults_total{peer="2",name="a\\b\"\nc"} 7`, `minimint_peer_connected{peer="3",name="d"} 0`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
