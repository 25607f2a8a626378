package honeybadger_test

import (
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"minimint/actors/hbbft/hbbfttest"
	"minimint/actors/hbbft/honeybadger"
	"minimint/actors/hbbft/protocol"
	"minimint/messages"
	"minimint/messages/frames"
)

// The sheet is the table that says, for every kind of statement, what is dropped
// without a word, what is refused and its sender blamed, and what counts. Every
// entry is a scene at member 0 of four, in which the test speaks for the
// others, and sees everything that the member does about it.
type scene struct {
	name string
	play func(s *stage)
}

// sheet lists all scenes.
func sheet() []scene {
	return slices.Concat(sheetOfFrames, sheetOfBroadcast, sheetOfAgreement, sheetOfDecryption)
}

// TestSheet plays the sheet.
func TestSheet(t *testing.T) {
	for _, scene := range sheet() {
		t.Run(scene.name, func(t *testing.T) { scene.play(newStage(t)) })
	}
}

// TestEveryKindOfFault: the sheet shows every kind of fault that is declared, so
// none is declared that nothing raises.
func TestEveryKindOfFault(t *testing.T) {
	seen := map[protocol.FaultKind]bool{}
	for _, scene := range sheet() {
		s := newStage(t)
		s.kinds = seen
		scene.play(s)
	}
	declared := faultKinds(t)
	for _, kind := range declared {
		if !seen[kind] {
			t.Errorf("no scene of the sheet raises %s", kind)
		}
	}
	for kind := range seen {
		if !slices.Contains(declared, kind) {
			t.Errorf("the sheet raises %s, which is not declared", kind)
		}
	}
}

// faultKinds reads the declared kinds from their source.
func faultKinds(t *testing.T) []protocol.FaultKind {
	file, err := parser.ParseFile(token.NewFileSet(), "../protocol/protocol.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []protocol.FaultKind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "FaultKind" {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				kinds = append(kinds, protocol.FaultKind(text))
			}
		}
		return true
	})
	if len(kinds) < 20 {
		t.Fatalf("found only %q", kinds)
	}
	return kinds
}

// What a scene expects of a statement beside effects that it lists.
const (
	nothing = "nothing" // no effect, and not one bit of state is changed
	kept    = "kept"    // no effect now, but it counts
)

// A stage is member 0, and what the others say to it.
type stage struct {
	*world
	t     *testing.T
	core  *honeybadger.Core
	epoch messages.Epoch // that is spoken about
	next  messages.Epoch // that the others say they are at
	names []string       // what replaces digests in texts, for strings.NewReplacer
	kinds map[protocol.FaultKind]bool
}

func newStage(t *testing.T) *stage {
	s := &stage{world: newWorld(t, 4), t: t, kinds: map[protocol.FaultKind]bool{}}
	for _, m := range s.members[1:] {
		m.faulty = true
	}
	s.reboot()
	s.committed(2) // beyond the epochs that were open when it started
	return s
}

// reboot starts member 0, with the journal that it has.
func (s *stage) reboot() honeybadger.Step {
	m := s.members[0]
	position := honeybadger.Position{Next: messages.Epoch(len(m.history))}
	core, step := honeybadger.New(s.config(0), position, slices.Clone(m.journal))
	s.core, m.core = core, &twins{Core: core, t: s.t}
	return s.take(step)
}

// take notes what a step leaves behind.
func (s *stage) take(step honeybadger.Step) honeybadger.Step {
	s.members[0].journal = append(s.members[0].journal, step.Records...)
	for _, f := range step.Faults {
		s.convinced(s.config(1), f)
		s.kinds[f.Kind] = true
	}
	return step
}

// open has member 0 open the epoch and propose "mine".
func (s *stage) open() {
	s.take(s.core.Work())
	s.take(s.core.Propose(s.epoch, s.sealed(0, "mine")))
}

// hear has members say something, each statement in a frame that crosses a link.
func (s *stage) hear(from []messages.PeerID, statements ...frames.Statement) honeybadger.Step {
	var all honeybadger.Step
	for _, peer := range from {
		for _, st := range statements {
			f := frames.Frame{Epoch: s.epoch, Next: s.next, Statements: []frames.Statement{st}}
			crossed, err := frames.Unpack(frames.Encode(f))
			if err != nil {
				s.t.Fatal(err)
			}
			all.Join(s.take(s.core.Handle(peer, crossed)))
		}
	}
	return all
}

// expect has one member say one thing and compares what comes of it.
func (s *stage) expect(want string, from messages.PeerID, st frames.Statement) {
	s.t.Helper()
	s.expectDoing(want, func() honeybadger.Step { return s.hear([]messages.PeerID{from}, st) })
}

// expectBare is expect for what the codec would not let through.
func (s *stage) expectBare(want string, from messages.PeerID, st frames.Statement) {
	s.t.Helper()
	s.expectDoing(want, func() honeybadger.Step {
		return s.take(s.core.Handle(from, frames.Frame{Epoch: s.epoch, Next: s.next, Statements: []frames.Statement{st}}))
	})
}

func (s *stage) expectDoing(want string, do func() honeybadger.Step) {
	s.t.Helper()
	before := dump(s.core)
	step := do()
	got := s.text(step)
	if got == "" {
		got = kept
		if dump(s.core) == before {
			got = nothing
		}
	}
	if got != want {
		s.t.Errorf("comes of it:  %s\nexpected:     %s", got, want)
	}
}

// text lists the effects of a step, in order.
func (s *stage) text(step honeybadger.Step) string {
	var lines []string
	said := func(r honeybadger.Record) bool {
		return slices.ContainsFunc(step.Sends, func(send honeybadger.Send) bool {
			return send.To == nil && send.Statement != nil && reflect.DeepEqual(send.Statement, r.Statement)
		})
	}
	for _, r := range step.Records {
		if !said(r) {
			lines = append(lines, "stores "+s.textOf(r.Statement))
		}
	}
	for _, send := range step.Sends {
		switch {
		case send.Statement == nil && send.Again:
			lines = append(lines, fmt.Sprintf("asks %d to repeat", *send.To))
		case send.Statement == nil && send.To != nil:
			lines = append(lines, fmt.Sprintf("greets %d", *send.To))
		case send.Statement == nil:
			lines = append(lines, fmt.Sprintf("is at %d", send.Epoch))
		case send.To == nil:
			lines = append(lines, "says "+s.textOf(send.Statement))
		default:
			lines = append(lines, fmt.Sprintf("tells %d %s", *send.To, s.textOf(send.Statement)))
		}
	}
	for _, o := range step.Outcomes {
		lines = append(lines, outcomeText(o))
	}
	for _, e := range step.Wanted {
		lines = append(lines, fmt.Sprintf("wants a contribution to %d", e))
	}
	for _, a := range step.Ahead {
		lines = append(lines, fmt.Sprintf("%d is ahead at %d", a.Peer, a.Epoch))
	}
	for _, f := range step.Faults {
		var evidence []string
		for _, st := range f.Evidence {
			evidence = append(evidence, s.textOf(st))
		}
		lines = append(lines, fmt.Sprintf("blames %d for %s of %d/%d by [%s]", f.Peer, f.Kind, f.Epoch, f.Proposer, strings.Join(evidence, ", ")))
	}
	return strings.Join(lines, "; ")
}

func (s *stage) textOf(st frames.Statement) string {
	named := strings.NewReplacer(s.names...)
	if v, ok := st.(frames.Value); ok {
		root := s.slot(s.epoch, v.Proposer).Root(v.Payload)
		return named.Replace(fmt.Sprintf("Value(%d, %s)", v.Proposer, root.String()[:6]))
	}
	return named.Replace(hbbfttest.Text(st))
}

// dump writes out all that a value holds, whoever may see it. What only code can
// tell apart (functions) is left out.
func dump(v any) string {
	var b strings.Builder
	write(&b, reflect.ValueOf(v))
	return b.String()
}

func write(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil ")
			return
		}
		if v.Kind() == reflect.Interface {
			fmt.Fprintf(b, "%s ", v.Elem().Type())
		}
		write(b, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			write(b, v.Field(i))
		}
		b.WriteString("\n")
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "%x %t ", v.Bytes(), v.IsNil())
			return
		}
		fmt.Fprintf(b, "%d ", v.Len())
		for i := range v.Len() {
			write(b, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			write(b, v.Index(i))
		}
	case reflect.Func:
	default:
		fmt.Fprintf(b, "%v ", v)
	}
}

// name gives a digest or a share a name in texts.
func (s *stage) name(b []byte, digits int, name string) {
	if prefix := hex.EncodeToString(b)[:digits]; !slices.Contains(s.names, prefix) {
		s.names = append(s.names, prefix, name)
	}
}

// sealed is a proposal of member j with that content.
func (s *stage) sealed(j messages.PeerID, content string) []byte {
	payload := hbbfttest.Seal(s.slot(s.epoch, j).Label(), []byte(content))
	s.root(j, payload, content)
	return payload
}

func (s *stage) root(j messages.PeerID, payload []byte, name string) messages.Digest {
	root := s.slot(s.epoch, j).Root(payload)
	s.name(root[:], 6, name)
	return root
}

// value is the proposal of j with that content, as j signs it.
func (s *stage) value(j messages.PeerID, content string) frames.Value {
	return s.signed(j, s.sealed(j, content))
}

func (s *stage) signed(j messages.PeerID, payload []byte) frames.Value {
	slot := s.slot(s.epoch, j)
	return frames.Value{Proposer: j, Payload: payload, Signature: hbbfttest.Signer{Member: j}.Sign(slot.Signed(slot.Root(payload)))}
}

func (s *stage) echo(j messages.PeerID, content string) frames.Echo {
	return frames.Echo{Proposer: j, Root: s.root(j, s.sealed(j, content), content)}
}

func (s *stage) ready(j messages.PeerID, content string) frames.Ready {
	return frames.Ready{Proposer: j, Root: s.root(j, s.sealed(j, content), content)}
}

func (s *stage) pull(j messages.PeerID, content string) frames.Pull {
	return frames.Pull{Proposer: j, Root: s.root(j, s.sealed(j, content), content)}
}
