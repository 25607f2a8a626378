package messages_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"minimint/messages"
)

// A text cut within a character, or one that quotes noise, would be no protobuf
// string: whoever stores or sends the refusal would stop.
func TestRejectionTextIsBoundedUTF8(t *testing.T) {
	for _, text := range []string{
		"", "short", strings.Repeat("x", messages.MaxRejectionText), strings.Repeat("x", messages.MaxRejectionText-1) + "€€",
		strings.Repeat("€", messages.MaxRejectionText), strings.Repeat("\xff", 10*messages.MaxRejectionText), "cut \xe2\x82",
		strings.Repeat("\xffx", messages.MaxRejectionText),
	} {
		checkText(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		checkText(t, string(rapid.SliceOfN(rapid.Byte(), 0, 1200).Draw(t, "noise")))
		checkText(t, rapid.StringN(0, 900, -1).Draw(t, "text"))
	})
}

func checkText(t interface{ Errorf(string, ...any) }, text string) {
	for _, r := range []*messages.Rejection{messages.Reject(messages.RejectMalformed, "%s", text), messages.RejectForNow(messages.RejectBusy, "%s", text)} {
		switch {
		case len(r.Text) > messages.MaxRejectionText || !utf8.ValidString(r.Text):
			t.Errorf("text %.20q… of %d bytes became %d bytes, valid %v", text, len(text), len(r.Text), utf8.ValidString(r.Text))
		case utf8.ValidString(text) && !strings.HasPrefix(text, r.Text):
			t.Errorf("text %.20q… was changed", text)
		case utf8.ValidString(text) && len(text)-len(r.Text) > 0 && len(r.Text) < messages.MaxRejectionText-utf8.UTFMax:
			t.Errorf("text of %d bytes was cut to %d", len(text), len(r.Text))
		}
	}
}

func TestLegible(t *testing.T) {
	full := strings.Repeat("x", messages.MaxRejectionText-1)
	for text, want := range map[string]string{
		"":                    "",
		"no route, 20 € left": "no route, 20 € left",
		"\x1b[2J\u009b1m\n":   "\ufffd[2J\ufffd1m\ufffd",
		"\xff\u202egnp":       "\ufffd\ufffdgnp",
		full + "yz":           full + "y",
		full + "é":            full,
	} {
		if got := messages.Legible(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
