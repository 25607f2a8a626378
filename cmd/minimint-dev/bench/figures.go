package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Figure is one result.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Goal is the most that the value should be, or with AtLeast the least; nil if
	// there is none.
	Goal    *float64 `json:"goal"`
	AtLeast bool     `json:"at_least,omitempty"`
	// Command measures it again.
	Command string `json:"command"`
}

// met reports whether a figure keeps its goal, and false if there is none.
func (f Figure) met() bool {
	return f.Goal != nil && (f.Value == *f.Goal || f.AtLeast == (f.Value > *f.Goal))
}

// A definition is what is known of a figure before it is measured.
type definition struct {
	name  string
	unit  string
	goal  float64 // the most that it should be, if negative the least, 0 for none
	part  string
	dir   string // of the package that measures it, for Go benchmarks
	about string
}

// definitions lists all figures in the order of the table.
var definitions = []definition{
	{"note_batch1000_ratio", "ratio", 0.125, crypto, "crypto/tbs", "verifying a note from bytes among 1000 in 16 tiers ÷ the original's way (two whole pairings)"},
	{"combine_ratio_3of4", "ratio", 0.1, crypto, "crypto/tsig", "combining shares of 3 of 4 by small integers ÷ plain Lagrange interpolation"},
	{"epoch_open_cpu_ms_n10", "ms", 20, crypto, "crypto/tenc", "an epoch's contributions at one of 10 nodes: verify all, own shares, open all"},
	{"note_cpu_ms_original", "ms", 0, crypto, "crypto/tbs", "a note spent and reissued: the original's check, one share signed"},
	{"note_cpu_ms_payment10", "ms", 0, crypto, "crypto/tbs", "the same, checked in a payment of 10 notes in 10 tiers"},
	{"note_cpu_ms_batch1000", "ms", 0, crypto, "crypto/tbs", "the same, checked among 1000 notes in 16 tiers"},
	{"note_cpu_ratio_payment10", "ratio", 0.45, crypto, "crypto/tbs", "note_cpu_ms_payment10 ÷ note_cpu_ms_original"},
	{"note_cpu_ratio_batch1000", "ratio", 0.28, crypto, "crypto/tbs", "note_cpu_ms_batch1000 ÷ note_cpu_ms_original"},
	{"epoch_cpu_ms_n4", "ms", 10, hbbft, "actors/hbbft", "HoneyBadgerBFT alone, 100 items of 10 bytes: user CPU by node and epoch"},
	{"epoch_cpu_ms_n7", "ms", 15, hbbft, "actors/hbbft", "the same among 7"},
	{"epoch_cpu_ms_n10", "ms", 20, hbbft, "actors/hbbft", "the same among 10"},
	{"catchup_s_10k_epochs", "s", 5, recovery, "actors/consensus", "a member comes back that missed 10,000 epochs of one transaction each, from three others"},
	{"rebuild_s_100k_epochs", "s", 60, recovery, "actors/consensus", "a member comes back without data at epoch 100,000: a snapshot and 1,000 epochs"},
	{"epoch_delays_live", "delays", 5, simulation, "sim/measure", "message delays of an epoch, encrypted, all of 10 members live and with work: median"},
	{"epoch_delays_f_crashed", "delays", 8, simulation, "sim/measure", "the same with 3 of them crashed, steady"},
	{"epoch_delays_live_light", "delays", 0, simulation, "sim/measure", "all live, with work at few of them: the others begin when they hear of it"},
	{"epoch_delays_f_crashed_light", "delays", 0, simulation, "sim/measure", "the same with 3 crashed"},
	{"frames_per_peer_epoch_n10", "frames", 10, simulation, "sim/measure", "frames that a member has of each other in an epoch, all live, every message one unit"},
	{"frames_per_peer_epoch_n10_continent", "frames", 0, simulation, "sim/measure", "the same where messages take 10 to 30 ms, and so arrive one by one"},
	{"bytes_in_per_epoch_n10", "bytes", 25_000, simulation, "sim/measure", "messages that a member has of the 9 others in an epoch, every message one unit, certificates included"},
	{"wire_bytes_in_per_epoch_n10", "bytes", 0, simulation, "sim/measure", "the same with headers, encryption and acknowledgements"},
	{"sim_messages_per_cpu_second", "1/s", -50_000, simulation, "sim/measure", "messages that the simulator delivers, n = 4, stub cryptography, all rules on"},
	{"sim_epochs_per_second_n100", "1/s", -1, simulation, "sim/measure", "epochs of 100 members by second of wall time, stub cryptography, all rules on"},
	{"reissue_ms_p50", "ms", 150, federation, "", "from submission to spendable notes, one client alone: median"},
	{"reissue_ms_p95", "ms", 0, federation, "", "the same: 95 of 100 are faster"},
	{"idle_rss_mib", "MiB", 60, federation, "", "memory of an idle node, the largest of four"},
	{"idle_cpu_percent", "%", 1, federation, "", "of one core, of an idle node, the largest of four"},
	{"load_rss_mib", "MiB", 0, federation, "", "memory of a node at its peak while many clients submit, the largest of four"},
	{"tx_per_second_n4", "tx/s", 0, federation, "", "four nodes on this machine, transactions of one note into four"},
	{"tx_node_cpu_ms", "ms", 0, federation, "", "CPU of one node for each of these transactions"},
	{"load_cpu_nodes_percent", "%", 0, federation, "", "of this machine's CPU, used by the four nodes meanwhile"},
	{"load_cpu_generator_percent", "%", 0, federation, "", "of this machine's CPU, used by the load generator meanwhile"},
	{"ln_send_over_lnd_ms_p50", "ms", 500, lightningPart, "", "ln_send_ms_p50 − lnd_send_ms_p50"},
	{"ln_receive_over_lnd_ms_p50", "ms", 500, lightningPart, "", "ln_receive_ms_p50 − lnd_receive_ms_p50"},
	{"internal_ms_p50", "ms", 400, lightningPart, "", "a user pays another's invoice within the federation, without Lightning, to the preimage: median"},
	{"internal_ms_p95", "ms", 0, lightningPart, "", "the same: 95 of 100 are faster"},
	{"internal_received_ms_p50", "ms", 0, lightningPart, "", "the same to spendable notes at the payee: median"},
	{"ln_send_ms_p50", "ms", 0, lightningPart, "", "a user pays an invoice of the far lnd, to the preimage, fee quoted before: median"},
	{"ln_send_ms_p95", "ms", 0, lightningPart, "", "the same: 95 of 100 are faster"},
	{"lnd_send_ms_p50", "ms", 0, lightningPart, "", "the gateway's lnd pays the same itself: median"},
	{"ln_receive_ms_p50", "ms", 0, lightningPart, "", "the far lnd pays a user's invoice, to spendable notes: median"},
	{"ln_receive_ms_p95", "ms", 0, lightningPart, "", "the same: 95 of 100 are faster"},
	{"lnd_receive_ms_p50", "ms", 0, lightningPart, "", "the far lnd pays the same to the gateway's lnd: median"},
}

func order(name string) int {
	return slices.IndexFunc(definitions, func(d definition) bool { return d.name == name })
}

// add takes the values of one part (and, for Go benchmarks, one package). Every
// figure that is defined for it must be among them, and nothing else.
func (r *Report) add(part, dir string, values map[string]float64, command string) error {
	missing := len(values)
	for _, d := range definitions {
		if d.part != part || d.dir != dir {
			continue
		}
		v, ok := values[d.name]
		if !ok {
			return fmt.Errorf("figure %s was not measured by %s", d.name, command)
		}
		missing--
		f := Figure{Name: d.name, Value: v, Unit: d.unit, Command: command}
		if d.goal != 0 {
			goal := math.Abs(d.goal)
			f.Goal, f.AtLeast = &goal, d.goal < 0
		}
		r.Figures = append(r.Figures, f)
	}
	if missing != 0 {
		return fmt.Errorf("%s measures %d figures that nobody has defined", command, missing)
	}
	return nil
}

// sort puts the figures into the order of their definitions.
func (r *Report) sort() {
	slices.SortFunc(r.Figures, func(a, b Figure) int { return cmp.Compare(order(a.Name), order(b.Name)) })
}
