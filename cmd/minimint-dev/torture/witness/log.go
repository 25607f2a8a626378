package witness

import (
	"fmt"
	"strconv"
	"strings"

	"minimint/messages"
)

// maxNoise bounds how many lines of one member are reported.
const maxNoise = 20

// Line takes one line of a member's log.
func (w *Witness) Line(m int, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fields, ok := parse(line)
	switch {
	case !ok:
		w.noise(m, line) // a panic, or the last words of the program
	case fields["level"] == "WARN" || fields["level"] == "ERROR":
		if !harmless[fields["msg"]] {
			w.noise(m, line)
		}
	case fields["msg"] == "epoch committed":
		if epoch, err := strconv.ParseUint(fields["epoch"], 10, 64); err == nil && len(fields["state"]) == 64 {
			w.committed(m, messages.Epoch(epoch), messages.Epoch(epoch), fields["state"])
			return
		}
		w.noise(m, line)
	case fields["msg"] == "epochs of others committed":
		from, err := strconv.ParseUint(fields["from"], 10, 64)
		epoch, err2 := strconv.ParseUint(fields["epoch"], 10, 64)
		if err == nil && err2 == nil && epoch >= from && len(fields["state"]) == 64 {
			w.committed(m, messages.Epoch(from), messages.Epoch(epoch), fields["state"])
			return
		}
		w.noise(m, line)
	case fields["msg"] == "consensus starts":
		if epoch, err := strconv.ParseUint(fields["epoch"], 10, 64); err == nil {
			w.started(m, messages.Epoch(epoch))
			return
		}
		w.noise(m, line)
	}
}

func (w *Witness) noise(m int, line string) {
	if at := &w.members[m]; at.noise < maxNoise {
		at.noise++
		w.report("log", fmt.Sprintf("member %d: %.500s", m, line))
	}
}

// parse takes a line of slog's text handler apart. It reports false if it is none.
func parse(line string) (map[string]string, bool) {
	fields := map[string]string{}
	for rest := line; rest != ""; {
		key, value, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, false
		}
		if strings.HasPrefix(key, `"`) { // a key with unusual characters
			if key, ok = unquote(key); !ok {
				return nil, false
			}
		}
		if strings.HasPrefix(value, `"`) {
			quoted, err := strconv.QuotedPrefix(value)
			if err != nil {
				return nil, false
			}
			rest = value[len(quoted):]
			if value, ok = unquote(quoted); !ok {
				return nil, false
			}
		} else {
			value, rest, _ = strings.Cut(value, " ")
			rest = " " + rest
		}
		fields[key] = value
		rest = strings.TrimPrefix(rest, " ")
	}
	_, hasTime := fields["time"]
	return fields, hasTime && fields["level"] != ""
}

func unquote(s string) (string, bool) {
	text, err := strconv.Unquote(s)
	return text, err == nil
}
