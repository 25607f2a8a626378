package scenario

import (
	"fmt"
	"io"
	"time"

	"github.com/goccy/go-yaml"
)

// A File is a scenario as a file in YAML says it, so that a paper can cite it:
//
//	name: one of four is killed
//	about: The other three go on, and it catches up.
//	nodes: 4                # 1 to 100
//	faulty: [silent]        # names of faults, for the nodes with the highest numbers
//	network: continent      # what FindNetwork reads; lan if it is missing
//	users: 20               # 10 if it is missing
//	pause: 200ms            # none: each user has one transaction under way
//	filler: 0               # bytes by which transactions are longer
//	seed: 1
//	crypto: stub            # or real
//	measure: 10s            # of virtual time
//	events:                 # at: since measuring began; nodes are numbers from 0
//	  - {at: 2s, kill: [0]}
//	  - {at: 4s, start: [0]}
//	  - {at: 5s, partition: [[0, 1], [2, 3]]}
//	  - {at: 6s, heal: true}
//	  - {at: 7s, power-failure: [1]}
//
// Only nodes must be there. Examples are in the folder examples.
type File struct {
	Name, About string
	Scenario    Scenario
	// Measured is how long the world is measured.
	Measured time.Duration
}

// MaxFileBytes is how long a file may be.
const MaxFileBytes = 1 << 20

// document is a file's schema.
type document struct {
	Name    string        `yaml:"name"`
	About   string        `yaml:"about"`
	Nodes   int           `yaml:"nodes"`
	Faulty  []string      `yaml:"faulty"`
	Network string        `yaml:"network"`
	Users   int           `yaml:"users"`
	Pause   time.Duration `yaml:"pause"`
	Filler  int           `yaml:"filler"`
	Seed    uint64        `yaml:"seed"`
	Crypto  string        `yaml:"crypto"`
	Measure time.Duration `yaml:"measure"`
	Events  []Event       `yaml:"events"`
}

// ReadFile reads a scenario. The error says in which line something is wrong, or what a
// world of that kind cannot have.
func ReadFile(r io.Reader) (File, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
	if err != nil {
		return File{}, err
	}
	if len(text) > MaxFileBytes {
		return File{}, fmt.Errorf("the file has more than %d bytes", MaxFileBytes)
	}
	d := document{Users: 10, Seed: 1, Crypto: "stub", Measure: 10 * time.Second}
	if err := yaml.UnmarshalWithOptions(text, &d, yaml.DisallowUnknownField()); err != nil {
		return File{}, err
	}
	if d.Crypto != "stub" && d.Crypto != "real" && d.Crypto != "" {
		return File{}, fmt.Errorf("crypto %q: there are stub and real", d.Crypto)
	}
	f := File{Name: d.Name, About: d.About, Measured: d.Measure, Scenario: Scenario{
		Nodes: d.Nodes, Faulty: d.Faulty, Network: d.Network, Users: d.Users, Pause: d.Pause,
		Filler: d.Filler, Seed: d.Seed, Real: d.Crypto == "real", Events: d.Events,
	}}
	return f, f.Check()
}

// Check says what a world of that kind cannot have, or what cannot be measured.
func (f File) Check() error {
	if _, _, err := f.Scenario.Config(); err != nil {
		return err
	}
	if f.Measured <= 0 {
		return fmt.Errorf("%v are measured; it must be more than 0", f.Measured)
	}
	for i, e := range f.Scenario.Events {
		if e.At >= f.Measured {
			return fmt.Errorf("event %d is at %v, and only %v are measured", i+1, e.At, f.Measured)
		}
	}
	return nil
}
