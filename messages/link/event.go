package link

import "fmt"

// Event is what the owner of a link is told about it: one of *Up, *Down,
// *Congested and *Writable.
type Event interface{ event() }

// Up says that messages may be sent to PIDs at Address from now on. Whatever
// was sent there earlier must be considered lost.
type Up struct {
	Address string // of the other side, e.g. "peer/2"
	Link    uint64 // number of the link
	// Incarnation is what the other side's process calls itself. A higher one
	// than in the last Up means that it has been restarted in between.
	Incarnation uint64
}

// Down says that the link has ended, or that an attempt to open one failed.
type Down struct {
	Address string
	Link    uint64
	Code    Code   // why
	Text    string // for a person to read
	// Ours is true if this side ended the link. Together with one of the codes
	// from Code_CODE_VERSION to Code_CODE_SIZE it says that the other side broke
	// the protocol, which is worth recording as its fault.
	Ours bool
	// Lost counts the messages that were accepted for sending and whose
	// processing the other side has not acknowledged. Some may have arrived.
	Lost int
}

// Congested says that the other side does not keep up. Everything that is sent
// to it is dropped until the link becomes writable or goes down.
type Congested struct {
	Address string
	Link    uint64
}

// Writable ends a congestion. The owner should bring the other side up to date
// from its own state, since Dropped messages never left.
type Writable struct {
	Address string
	Link    uint64
	Dropped uint64
}

func (*Up) event()        {}
func (*Down) event()      {}
func (*Congested) event() {}
func (*Writable) event()  {}

// String gives one stable line.
func (e *Up) String() string {
	return fmt.Sprintf("up %s incarnation=%d", e.Address, e.Incarnation)
}

// String gives one stable line.
func (e *Down) String() string {
	by := "theirs"
	if e.Ours {
		by = "ours"
	}
	return fmt.Sprintf("down %s %s %s lost=%d", e.Address, e.Code, by, e.Lost)
}

// String gives one stable line.
func (e *Congested) String() string { return "congested " + e.Address }

// String gives one stable line.
func (e *Writable) String() string {
	return fmt.Sprintf("writable %s dropped=%d", e.Address, e.Dropped)
}

// Error makes a refusal an error value, so that callers can find it with
// errors.As and act on its code.
func (x *Refusal) Error() string {
	return fmt.Sprintf("link refused: %s: %s", x.GetCode(), x.GetText())
}

// Refuse makes a refusal. What it quotes from outside must be short and printable.
func Refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}
