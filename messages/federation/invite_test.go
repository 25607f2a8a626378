package federation_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"minimint/messages"
	"minimint/messages/federation"
)

func sampleInvite() federation.Invite {
	return federation.Invite{Federation: messages.Digest{7, 8}, Members: []federation.Member{
		{Address: "a.example:1", Identity: identity(1)}, {Address: "[::1]:2", Identity: identity(2)},
	}}
}

// frozenInvite is what people have on paper: it must stay readable. Computed
// independently, from the schema, the tagged hash and RFC 4648.
const frozenInvite = "minimint1biqaocaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaasf4fawyjomv4gc3lqnrstumisecqadiabuaa2aanaagqadiabuaa2aanaagqadiabuaa2aanaagqacerlbidvwor2gfotumqsecqafiacuabkaavaakqafiacuabkaavaakqafiacuabkaavaakqaes4s7hqa"

func TestFrozenInvite(t *testing.T) {
	if got := sampleInvite().String(); got != frozenInvite {
		t.Errorf("got %s", got)
	}
	inv, err := federation.ParseInvite(frozenInvite)
	if err != nil || inv.Federation != sampleInvite().Federation || len(inv.Members) != 2 || inv.Members[1].Address != "[::1]:2" {
		t.Errorf("%+v, %v", inv, err)
	}
}

// However a person passes the code on, it is the same code.
func TestInviteIsForgiving(t *testing.T) {
	for name, text := range map[string]string{
		"upper case": strings.ToUpper(frozenInvite),
		"blanks":     "  " + frozenInvite + "\r\n",
		"wrapped":    frozenInvite[:30] + "\n   " + frozenInvite[30:60] + " " + frozenInvite[60:],
	} {
		if inv, err := federation.ParseInvite(text); err != nil || inv.String() != frozenInvite {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// OneWrongCharacter: any other character at any place, one that is missing or
// one too many, and two that are swapped are all found, also in the last place.
func TestInviteTypingErrors(t *testing.T) {
	refused := func(what, text string) {
		t.Helper()
		if _, err := federation.ParseInvite(text); !errors.Is(err, federation.ErrInvite) {
			t.Fatalf("%s: %v, want ErrInvite", what, err)
		}
	}
	for i := range len(frozenInvite) {
		for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789-" {
			if byte(c) != frozenInvite[i] {
				refused(fmt.Sprintf("%c at %d", c, i), frozenInvite[:i]+string(c)+frozenInvite[i+1:])
			}
		}
		refused(fmt.Sprintf("missing at %d", i), frozenInvite[:i]+frozenInvite[i+1:])
		refused(fmt.Sprintf("cut at %d", i), frozenInvite[:i])
		if frozenInvite[i] != 'a' || i > 0 && frozenInvite[i-1] != 'a' {
			refused(fmt.Sprintf("a at %d", i), frozenInvite[:i]+"a"+frozenInvite[i:])
		}
		if i > 0 && frozenInvite[i-1] != frozenInvite[i] {
			refused(fmt.Sprintf("swapped at %d", i), frozenInvite[:i-1]+string(frozenInvite[i])+string(frozenInvite[i-1])+frozenInvite[i+1:])
		}
	}
	refused("nothing", "")
	refused("very long", invitePrefix+strings.Repeat("a", 1<<20))
}

const invitePrefix = "minimint1"

func TestInviteRefuses(t *testing.T) {
	for name, change := range map[string]func(*federation.Invite){
		"nobody":         func(i *federation.Invite) { i.Members = nil },
		"short key":      func(i *federation.Invite) { i.Members[0].Identity = i.Members[0].Identity[1:] },
		"no address":     func(i *federation.Invite) { i.Members[0].Address = "" },
		"no port":        func(i *federation.Invite) { i.Members[0].Address = "a.example" },
		"the same twice": func(i *federation.Invite) { i.Members[0].Identity = i.Members[1].Identity },
		"too many": func(i *federation.Invite) {
			for n := range messages.MaxPeers {
				i.Members = append(i.Members, federation.Member{Address: "x:1", Identity: identity(n + 3)})
			}
		},
	} {
		inv := sampleInvite()
		change(&inv)
		if _, err := federation.ParseInvite(inv.String()); !errors.Is(err, federation.ErrInvite) {
			t.Errorf("%s: %v, want ErrInvite", name, err)
		}
	}
}

// Every federation that can be configured can invite.
func TestLargestInvite(t *testing.T) {
	c := sample(messages.MaxPeers)
	for i := range c.Members {
		c.Members[i].Address = strings.Repeat("a", 249) + ":65535"
	}
	code := mustNew(t, c).Invite().String()
	inv, err := federation.ParseInvite(code)
	if err != nil || len(inv.Members) != messages.MaxPeers {
		t.Fatalf("%d characters: %v", len(code), err)
	}
}

func TestInviteRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := federation.Invite{Federation: messages.Digest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))}
		for i := range rapid.IntRange(1, 20).Draw(t, "members") {
			host := rapid.StringMatching(`[a-z0-9.-]{1,60}`).Draw(t, "host")
			inv.Members = append(inv.Members, federation.Member{Address: fmt.Sprintf("%s:%d", host, i+1), Identity: identity(i)})
		}
		code := inv.String()
		if strings.ContainsFunc(code, func(r rune) bool { return !unicode.IsLower(r) && !unicode.IsDigit(r) }) {
			t.Fatalf("code %q", code)
		}
		again, err := federation.ParseInvite(code)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(inv) {
			t.Fatalf("%v: %+v", err, again)
		}
	})
}

// FuzzParseInvite: no text makes it panic, and what it accepts is the code of
// what it returns.
func FuzzParseInvite(f *testing.F) {
	f.Add("")
	f.Add(invitePrefix)
	f.Add(frozenInvite)
	f.Add(strings.ToUpper(frozenInvite) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		inv, err := federation.ParseInvite(text)
		if err != nil {
			if !errors.Is(err, federation.ErrInvite) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		again, err := federation.ParseInvite(inv.String())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(inv) {
			t.Fatalf("%v: %+v is not %+v", err, again, inv)
		}
	})
}
