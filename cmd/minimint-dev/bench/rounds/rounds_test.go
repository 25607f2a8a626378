package rounds

import (
	"math"
	"slices"
	"testing"
	"time"
)

// Contestants take turns, each turn is divided by its times, and an odd round
// moves no median.
func TestMedianOfInterleavedRounds(t *testing.T) {
	var clock time.Duration
	var order []string
	took := map[string][]time.Duration{"a": {10, 1000, 30}, "b": {40, 40, 40}}
	contestant := func(name string, times int) Contestant {
		return Contestant{Times: times, Run: func() {
			order = append(order, name)
			clock += took[name][0] * time.Millisecond
			took[name] = took[name][1:]
		}}
	}
	r := run(3, []Contestant{contestant("a", 10), contestant("b", 2)}, func() time.Duration { return clock })
	if want := []string{"a", "b", "a", "b", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
	if got := r.Median(func(ms []float64) float64 { return ms[0] }); got != 3 {
		t.Errorf("median %v ms, want 3", got)
	}
	if got := r.Median(func(ms []float64) float64 { return ms[0] / ms[1] }); math.Abs(got-3.0/20) > 1e-9 {
		t.Errorf("median ratio %v, want 0.15", got)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.95, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 3, 2}, 0.5, 2.5},
		{[]float64{4, 1, 3, 2}, 0, 1},
		{[]float64{4, 1, 3, 2}, 1, 4},
		{[]float64{0, 10}, 0.95, 9.5},
	} {
		before := slices.Clone(c.values)
		if got := Quantile(c.values, c.q); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("quantile %v of %v is %v, want %v", c.q, c.values, got, c.want)
		}
		if !slices.Equal(c.values, before) {
			t.Error("the caller's values were reordered")
		}
	}
}

// Work shows in the account, whatever else the machine does.
func TestCPUGrows(t *testing.T) {
	user, system := CPU()
	for sum := 0; ; sum++ {
		if u, s := CPU(); u+s > user+system {
			return
		}
	}
}

func TestMisusePanics(t *testing.T) {
	for name, run := range map[string]func(){
		"no rounds":      func() { Run(0, Contestant{Times: 1, Run: func() {}}) },
		"no contestants": func() { Run(1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			run()
		}()
	}
}
