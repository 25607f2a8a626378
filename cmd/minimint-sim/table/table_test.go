package table

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"minimint/sim/scenario"
)

func sample() []Row {
	return []Row{
		{World{4, 0, 100, "unit", "stub", 1}, Latency{Epochs: 30, EpochP50: 400, EpochDelays: 4, PerSecond: 123.456}, Cost{BytesIn: 12345.678, CPU: 0.5, Rounds: 1, MostRounds: 2}},
		{World{10, 3, 100, "uniform:20ms-60ms", "real", 1}, Latency{Epochs: 30}, Cost{}},
	}
}

// CSV and JSON have the same names, in one order.
func TestNames(t *testing.T) {
	var text, object bytes.Buffer
	if err := WriteCSV(&text, sample()); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(&object, sample()); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&text).ReadAll()
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v, %v", lines, err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(object.Bytes(), &rows); err != nil || len(rows) != 2 {
		t.Fatalf("%v, %v", rows, err)
	}
	if len(rows[0]) != len(lines[0]) {
		t.Errorf("%d fields in JSON, %d in CSV", len(rows[0]), len(lines[0]))
	}
	at := -1
	for i, name := range lines[0] {
		if _, ok := rows[0][name]; !ok {
			t.Errorf("%s is not in JSON", name)
		}
		next := strings.Index(object.String(), `"`+name+`"`)
		if next < at {
			t.Errorf("%s is elsewhere in JSON", name)
		}
		at = next
		if name == "bytes_in" && lines[1][i] != "12345.7" {
			t.Errorf("bytes in CSV: %s", lines[1][i])
		}
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := WriteText(&b, sample()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 4 || !strings.Contains(lines[1], "kB/node") || !strings.Contains(lines[2], " 12.3 ") || !strings.Contains(lines[2], " 123 ") {
		t.Errorf("got\n%s", b.String())
	}
}

// A world that cannot be measured costs no other its row.
func TestMeasureGoesOn(t *testing.T) {
	all := []scenario.Scenario{{Nodes: 4, Network: "local"}, {Nodes: 1, Network: "local", Users: 2, Seed: 1}}
	rows, err := Measure(t.Context(), all, scenario.Extent{Epochs: 2}, func(int, scenario.Scenario) {})
	if err == nil || !strings.Contains(err.Error(), "n=4, 0 crashed, batch 0, local: without users") {
		t.Errorf("error %v", err)
	}
	if len(rows) != 1 || rows[0].Nodes != 1 || rows[0].Epochs < 2 {
		t.Errorf("rows %+v", rows)
	}
}
