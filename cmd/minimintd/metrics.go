package main

import (
	"fmt"
	"io"
	"strings"
)

// metrics writes a condition in the text format of Prometheus, for the textfile collector
// of its node exporter or whatever else reads that.
func metrics(w io.Writer, c condition) error {
	var b strings.Builder
	family := func(name, kind, help string, samples ...string) {
		fmt.Fprintf(&b, "# HELP minimint_%s %s\n# TYPE minimint_%s %s\n", name, help, name, kind)
		for _, s := range samples {
			fmt.Fprintf(&b, "minimint_%s%s\n", name, s)
		}
	}
	plain := func(v any) string { return fmt.Sprintf(" %v", v) }
	family("epochs_total", "counter", "Epochs that the member has committed.", plain(c.NextEpoch))
	family("certified_epochs_total", "counter", "Epochs that n-f members have signed.", plain(c.Certified))
	family("oldest_epoch", "gauge", "First epoch that is kept for others.", plain(c.Oldest))
	family("assets_msat", "gauge", "What the federation holds.", plain(c.Assets))
	family("liabilities_msat", "gauge", "What it owes.", plain(c.Liabilities))
	family("alarm", "gauge", "1 if the member has stopped because its state is not what was agreed on.", plain(number(c.Alarm != "")))
	family("stalled_seconds", "gauge", "How long no epoch has ended although there is work; 0 if epochs go on.", plain(c.StalledFor))
	if c.Stalled != "" {
		family("stalled", "gauge", "What is waited for, and for whom.", fmt.Sprintf("{cause=%s} 1", label(c.Stalled)))
	}
	var connected, faults []string
	for _, p := range c.Peers {
		labels := fmt.Sprintf("{peer=\"%d\",name=%s}", p.Member, label(p.Name))
		connected = append(connected, fmt.Sprintf("%s %d", labels, number(p.Connected)))
		faults = append(faults, fmt.Sprintf("%s %d", labels, p.Faults))
	}
	family("peer_connected", "gauge", "Whether there is a link to a peer.", connected...)
	family("peer_faults_total", "counter", "Faults of a peer since the member started.", faults...)
	_, err := io.WriteString(w, b.String())
	return err
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// label quotes a value as the format wants it.
func label(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}
