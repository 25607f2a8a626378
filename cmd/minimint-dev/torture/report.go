package torture

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"minimint/cmd/minimint-dev/torture/plan"
	"minimint/cmd/minimint-dev/torture/teller"
)

// Violation is something that was not as it must be.
type Violation struct {
	Point int    `json:"point"` // points before it
	Check string `json:"check"`
	Text  string `json:"text"`
}

// Report is what was done and found.
type Report struct {
	Seed   uint64         `json:"seed"`
	Points int            `json:"points"`
	Kinds  map[string]int `json:"kinds"`
	// Starting counts points that were aimed at members that were starting up,
	// Promises those that were aimed at the moment after an acknowledgement.
	Starting     int           `json:"starting"`
	Promises     int           `json:"promises"`
	Epochs       uint64        `json:"epochs"`
	Transactions teller.Totals `json:"teller_transactions"`
	Payments     int           `json:"payments"`
	Deposits     int           `json:"deposits"`
	Withdrawals  int           `json:"withdrawals"`
	// Commands of wallets, and how many of them were killed.
	Commands       int `json:"commands"`
	CommandsKilled int `json:"commands_killed"`
	Restarts       int `json:"restarts"`
	Autopsies      int `json:"autopsies"`
	// How long it took from the last start of a group until every member had
	// committed something new.
	ResumeMedian  time.Duration `json:"-"`
	ResumeLongest time.Duration `json:"-"`
	ResumeMs      struct {
		Median  int64 `json:"median"`
		Longest int64 `json:"longest"`
	} `json:"resume_ms"`
	Seconds    float64     `json:"seconds"`
	Violations []Violation `json:"violations"`
	Kept       string      `json:"kept,omitempty"` // directory with logs and data

	started time.Time
	resumes []time.Duration
}

func (r *Report) begin(cfg Config) {
	r.Seed, r.started, r.Kinds, r.Violations = cfg.Seed, time.Now(), map[string]int{}, []Violation{}
}

func (r *Report) end() { r.Seconds = time.Since(r.started).Round(100 * time.Millisecond).Seconds() }

// maxViolations bounds the report: what goes wrong once often goes wrong always.
const maxViolations = 200

func (r *Report) violation(check, text string) {
	if len(r.Violations) < maxViolations {
		r.Violations = append(r.Violations, Violation{Point: r.Points, Check: check, Text: text})
	}
}

// group counts a group of points, and how many starts of members it took.
func (r *Report) group(group []plan.Point, restarts int) {
	r.Points += len(group)
	r.Restarts += restarts
	for _, p := range group {
		r.Kinds[p.Kind.String()]++
		if p.Starting {
			r.Starting++
		}
		if p.Promise {
			r.Promises++
		}
	}
}

func (r *Report) resumed(d time.Duration) {
	r.resumes = append(r.resumes, d)
	slices.Sort(r.resumes)
	r.ResumeMedian, r.ResumeLongest = r.resumes[len(r.resumes)/2], r.resumes[len(r.resumes)-1]
	r.ResumeMs.Median, r.ResumeMs.Longest = r.ResumeMedian.Milliseconds(), r.ResumeLongest.Milliseconds()
}

// WriteTable prints the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var kinds []string
	for _, k := range plan.Kinds() {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, r.Kinds[k.String()]))
	}
	tx := r.Transactions
	for _, row := range [][2]string{
		{"seed", fmt.Sprint(r.Seed)},
		{"points", fmt.Sprintf("%d in %.0f s", r.Points, r.Seconds)},
		{"killed", fmt.Sprintf("%s; %d of them while starting up, %d right after an acknowledgement", strings.Join(kinds, ", "), r.Starting, r.Promises)},
		{"restarts", fmt.Sprintf("%d of members; files examined %d times", r.Restarts, r.Autopsies)},
		{"time to resume", fmt.Sprintf("median %s, longest %s", r.ResumeMedian.Round(time.Millisecond), r.ResumeLongest.Round(time.Millisecond))},
		{"epochs", fmt.Sprint(r.Epochs)},
		{"transactions", fmt.Sprintf("%d submitted by the teller, %d acknowledged, %d accepted, %d rejected in favour of another", tx.Submitted, tx.Acknowledged, tx.Accepted, tx.Rejected)},
		{"wallets", fmt.Sprintf("%d commands, %d of them killed; %d payments, %d deposits, %d withdrawals", r.Commands, r.CommandsKilled, r.Payments, r.Deposits, r.Withdrawals)},
		{"violations", fmt.Sprint(len(r.Violations))},
	} {
		fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
	}
	for _, v := range r.Violations {
		fmt.Fprintf(t, "  at point %d\t%s: %s\n", v.Point, v.Check, v.Text)
	}
	if r.Kept != "" {
		fmt.Fprintf(t, "logs and data\t%s\n", r.Kept)
	}
	return t.Flush()
}
