package plan

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSeedGivesThePlan(t *testing.T) {
	draw := func(seed uint64) (all [][]Point) {
		p := New(Config{Seed: seed, Members: 4, Wallets: 3})
		for range 50 {
			all = append(all, p.Group(10))
		}
		return all
	}
	if !reflect.DeepEqual(draw(1), draw(1)) {
		t.Error("the same seed, another plan")
	}
	if reflect.DeepEqual(draw(1), draw(2)) {
		t.Error("another seed, the same plan")
	}
}

// Whatever is drawn, a timeline kills only who runs, starts only who does not, and
// leaves everybody running.
func TestTimelineProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New(Config{Seed: rapid.Uint64().Draw(t, "seed"), Members: 4, Wallets: 3})
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		group := p.Group(limit)
		if len(group) < 1 || len(group) > limit {
			t.Fatalf("%d points, limit %d", len(group), limit)
		}
		down := [4]bool{}
		at := time.Duration(0)
		for _, e := range Timeline(group) {
			if e.At < at {
				t.Fatalf("%v after %v", e.At, at)
			}
			at = e.At
			for _, m := range e.Kill {
				down[m] = true // it may be down already: that changes nothing
			}
			for _, m := range e.Start {
				if !down[m] {
					t.Fatalf("member %d is started and runs; group %+v", m, group)
				}
				down[m] = false
			}
		}
		if down != [4]bool{} {
			t.Fatalf("down in the end: %v; group %+v", down, group)
		}
	})
}

// Every kind is drawn, and every order of magnitude of time, and points that aim
// at a member that starts come after that start.
func TestMix(t *testing.T) {
	p := New(Config{Seed: 7, Members: 4, Wallets: 3})
	var seen [kinds]int
	var magnitudes [5]int
	starting, wallets, promises := 0, 0, 0
	for range 2000 {
		group := p.Group(10)
		for i, point := range group {
			seen[point.Kind]++
			if want := map[Kind]int{One: 1, Two: 2, All: 4}[point.Kind]; len(point.Members) != want || len(point.Back) != want || !slices.IsSorted(point.Members) {
				t.Fatalf("%+v", point)
			}
			if point.Kind == Clients && len(point.Wallets) == 0 {
				t.Fatalf("%+v", point)
			}
			if len(point.Wallets) > 0 {
				wallets++
			}
			if point.Promise {
				promises++
				if point.Starting || len(point.Members) == 0 {
					t.Fatalf("nobody can promise: %+v", point)
				}
			}
			if point.Starting {
				starting++
				hit := false
				for j, m := range group[i-1].Members {
					hit = hit || slices.Contains(point.Members, m) && point.At > group[i-1].Back[j]
				}
				if !hit {
					t.Fatalf("hits nobody who starts: %+v", group)
				}
			}
			if i == 0 {
				m := 0
				for d := point.At; d >= 10*shortest; d /= 10 {
					m++
				}
				magnitudes[m]++
			}
		}
	}
	for k, n := range seen {
		if n < 300 {
			t.Errorf("%d points of kind %s", n, Kind(k))
		}
	}
	for m, n := range magnitudes[:4] {
		if n < 300 {
			t.Errorf("%d first points of magnitude %d", n, m)
		}
	}
	if starting < 200 || wallets < 500 || promises < 500 {
		t.Errorf("%d aim at a start, %d at wallets, %d at a promise", starting, wallets, promises)
	}
}
