package report

import (
	"slices"
	"testing"

	page "voxen/report"
	"voxen/store"
)

// A subject has a row for every ceiling that its fit says of, and none without.
func TestCeilings(t *testing.T) {
	fit := func(results map[string]float64) ranStep { return ranStep{run: &store.Run{Results: results}} }
	repeats := fit(map[string]float64{"noise_ceiling_median": 0.5, "noise_ceiling_percentile_95": 0.75, "test_r_normalized_median": 0.25, "test_r_normalized_percentile_95": 0.625})
	shared := fit(map[string]float64{"isc_ceiling_median": 0.375, "isc_ceiling_percentile_95": 1, "nested_r_isc_normalized_median": 0.125, "nested_r_isc_normalized_percentile_95": 0.875})
	plain := fit(map[string]float64{"test_r_median": 0.5})
	repeats.name, shared.name, plain.name = "m: encode a", "m: encode b", "m: encode c"
	b := &reporter{o: &Options{}, steps: []ranStep{repeats, shared, plain}}
	b.o.Models = []Model{{Name: "m", Subjects: []string{"a", "b", "c", "d"}}}
	blocks := b.ceilings()
	if len(blocks) != 1 {
		t.Fatalf("%d tables, want one", len(blocks))
	}
	rows := blocks[0].(page.Table).Rows
	want := [][]string{{"m", "a", "noise_ceiling", "0.500", "0.750", "0.250", "0.625"}, {"m", "b", "isc_ceiling", "0.375", "1.000", "0.125", "0.875"}}
	for i, w := range want {
		if len(rows) != len(want) || !slices.Equal(rows[i].Cells, w) {
			t.Fatalf("rows %v, want %v", rows, want)
		}
	}
	b.steps = []ranStep{plain}
	if len(b.ceilings()) > 0 {
		t.Error("a table without ceilings")
	}
}
