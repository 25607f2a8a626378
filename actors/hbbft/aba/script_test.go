package aba_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"

	"github.com/cockroachdb/datadriven"
)

// TestScripts plays the scripts in testdata/schedules. A script knows:
//
//	federation n=4 faulty=1 [without=rule] [coin=b of round 2] [absent]
//	input           one "member bit" a line
//	say from= to=   statements of faulty members, one a line
//	deliver to=     what lies on the links: "from: statement", or "from: *" for
//	                all that the sender has for the receiver now
//	settle          everything, and what comes of it
//	restart         members lose their memory and get their journal back; with
//	                keep=k the journal ends after k statements
//	look            the state of all, and how the coin of a round falls
//	asked           who asked whom to repeat itself since the last time
//
// Statements are input b, bval r b, aux r b, conf r bits, term b, share r, and
// wrong r or short r for an invalid share.
// What a member says or puts out is printed as it happens.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/schedules", func(t *testing.T, path string) {
		var net *network
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "federation" {
				net = scriptedNetwork(t, d)
				return ""
			}
			var out strings.Builder
			play(t, d, net, &out)
			return out.String()
		})
	})
}

func scriptedNetwork(t *testing.T, d *datadriven.TestData) *network {
	var s setup
	d.ScanArgs(t, "n", &s.n)
	d.ScanArgs(t, "faulty", &s.faulty)
	var coin string
	if d.MaybeScanArgs(t, "coin", &coin) {
		s.seed = seedWith(2, coin == "1")
	}
	s.absent = d.HasArg("absent")
	var without string
	if d.MaybeScanArgs(t, "without", &without) {
		s.without = []string{without}
	}
	return newNetwork(s)
}

func play(t *testing.T, d *datadriven.TestData, net *network, out *strings.Builder) {
	lines := strings.Split(strings.TrimSpace(d.Input), "\n")
	switch d.Cmd {
	case "input":
		for _, line := range lines {
			member, bit, _ := strings.Cut(line, " ")
			to := parseMember(t, member)
			show(out, fmt.Sprintf("%d input %s", to, bit), net.input(to, bit == "1"))
		}
	case "say":
		for _, to := range memberArgs(t, d, "to") {
			for _, from := range memberArgs(t, d, "from") {
				for _, line := range lines {
					show(out, fmt.Sprintf("%d→%d %s", from, to, line), net.hand(from, to, parseStatement(t, net, from, line)))
				}
			}
		}
	case "deliver":
		to := memberArgs(t, d, "to")[0]
		for _, line := range lines {
			from, text, _ := strings.Cut(line, ": ")
			deliverLine(t, net, out, packet{from: parseMember(t, from), to: to}, text)
		}
	case "settle":
		net.settle()
		for _, i := range net.honest() {
			fmt.Fprintf(out, "%d: %v\n", i, net.nodes[i])
		}
		for _, why := range net.broken {
			fmt.Fprintln(out, why)
		}
	case "look":
		for _, i := range net.honest() {
			fmt.Fprintf(out, "%d: %v\n", i, net.nodes[i])
		}
		if round, ok := d.Arg("coin"); ok {
			fmt.Fprintf(out, "coin %s\n", digit(coinBit(net.seed, uint32(parseMember(t, round.Vals[0])))))
		}
	case "restart":
		for _, line := range lines {
			member, cut, _ := strings.Cut(line, " keep=")
			i := parseMember(t, member)
			journal := net.said[i]
			if cut != "" {
				journal = journal[:parseMember(t, cut)]
			}
			net.said[i], net.outputs[i] = slices.Clone(journal), nil
			net.boot(i)
			show(out, fmt.Sprintf("%d restarts with %s", i, formatAll(journal)), net.perform(i, net.nodes[i].Restore(journal)))
		}
	case "asked":
		for _, line := range net.asked {
			fmt.Fprintln(out, line)
		}
		net.asked = nil
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
}

// deliverLine delivers one statement, or all that lie on a link.
func deliverLine(t *testing.T, net *network, out *strings.Builder, link packet, text string) {
	found := false
	for k := 0; k < len(net.pending); {
		p := net.pending[k]
		if p.from != link.from || p.to != link.to || text != "*" && text != format(p.statement) {
			k++
			continue
		}
		found = true
		net.pending = slices.Delete(net.pending, k, k+1)
		show(out, fmt.Sprintf("%d→%d %s", p.from, p.to, format(p.statement)), net.hand(p.from, p.to, p.statement))
		if text != "*" {
			break
		}
	}
	if !found {
		t.Fatalf("%d has no %q for %d", link.from, text, link.to)
	}
}

func show(out *strings.Builder, what string, step protocol.Step[bool]) {
	var effects []string
	for _, say := range step.Say {
		effects = append(effects, "says "+format(say.Statement))
	}
	for _, bit := range step.Outputs {
		effects = append(effects, "puts out "+digit(bit))
	}
	for _, f := range step.Faults {
		effects = append(effects, fmt.Sprintf("blames %d of %s by %s", f.Peer, f.Kind, formatAll(f.Evidence)))
	}
	if len(effects) > 0 {
		fmt.Fprintf(out, "%s: %s\n", what, strings.Join(effects, ", "))
	}
}

func format(statement frames.Statement) string {
	switch s := statement.(type) {
	case frames.Input:
		return "input " + digit(s.Bit)
	case frames.BVal:
		return fmt.Sprintf("bval %d %s", s.Round, digit(s.Bit))
	case frames.Aux:
		return fmt.Sprintf("aux %d %s", s.Round, digit(s.Bit))
	case frames.Conf:
		return fmt.Sprintf("conf %d %s", s.Round, [...]string{"none", "0", "1", "01", 7: "junk"}[s.Bits])
	case frames.Term:
		return "term " + digit(s.Bit)
	case frames.CoinShare:
		return fmt.Sprintf("share %d", s.Round)
	default:
		return fmt.Sprintf("%T", statement)
	}
}

func formatAll(statements []frames.Statement) string {
	texts := make([]string, len(statements))
	for i, s := range statements {
		texts[i] = format(s)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func digit(bit bool) string {
	if bit {
		return "1"
	}
	return "0"
}

func parseStatement(t *testing.T, net *network, from messages.PeerID, text string) frames.Statement {
	words := strings.Fields(text)
	last := words[len(words)-1]
	var round uint32
	if len(words) > 1 {
		n, err := strconv.ParseUint(words[1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		round = uint32(n)
	}
	switch words[0] {
	case "input":
		return frames.Input{Proposer: subject, Bit: last == "1"}
	case "bval":
		return frames.BVal{Proposer: subject, Round: round, Bit: last == "1"}
	case "aux":
		return frames.Aux{Proposer: subject, Round: round, Bit: last == "1"}
	case "conf":
		bits := map[string]frames.BitSet{"none": 0, "0": 1, "1": 2, "01": 3, "junk": 7}[last]
		return frames.Conf{Proposer: subject, Round: round, Bits: bits}
	case "term":
		return frames.Term{Proposer: subject, Bit: last == "1"}
	case "short":
		return frames.CoinShare{Proposer: subject, Round: round, Share: []byte{1}}
	case "wrong":
		return frames.CoinShare{Proposer: subject, Round: round, Share: coinShare(net.seed+1, from, round)}
	case "share":
		return frames.CoinShare{Proposer: subject, Round: round, Share: coinShare(net.seed, from, round)}
	}
	t.Fatalf("no statement %q", text)
	return nil
}

func memberArgs(t *testing.T, d *datadriven.TestData, name string) []messages.PeerID {
	arg, ok := d.Arg(name)
	if !ok {
		t.Fatalf("%s: no %s", d.Pos, name)
	}
	var ids []messages.PeerID
	for _, text := range arg.Vals {
		ids = append(ids, parseMember(t, text))
	}
	return ids
}

func parseMember(t *testing.T, text string) messages.PeerID {
	i, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return messages.PeerID(i)
}
