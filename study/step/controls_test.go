package step

import (
	"strings"
	"testing"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// More regressors than a third of a run's rows are said, of the run where they are most.
func TestWarnsOfManyRegressors(t *testing.T) {
	for name, c := range map[string]struct {
		second int // rows of the second run, of which 3 regressors are
		want   string
	}{
		"a third": {9, ""},
		"more":    {8, "second.tsv: trends and confounds are 3 regressors of a run of 8 rows"},
		"most":    {4, "second.tsv: trends and confounds are 3 regressors of a run of 4 rows"},
	} {
		runs := op.Borders{0, 6, 6 + c.second}
		bases := tile.Matrix{Rows: runs[2], Cols: 3, Data: make([]float64, 3*runs[2])}
		for t := range bases.Rows {
			bases.Data[t*3] = 1
			if t >= runs[1] {
				bases.Data[t*3+1], bases.Data[t*3+2] = 1, 1
			}
		}
		said := &heard{}
		e := &Env{Report: said}
		(&ConfoundRows{paths: []string{"first.tsv", "second.tsv"}, borders: runs}).warnMany(e, bases, runs)
		if text := strings.Join(said.lines, ""); c.want == "" != (text == "") || !strings.HasPrefix(text, c.want) {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

func TestControlsInWords(t *testing.T) {
	for want, columns := range map[string][]string{
		"24 motion parameters (six, their derivatives, and the squares of both) and five aCompCor components": append(Motion24(), CompCor),
		"trans_* and csf":            {"trans_*", "csf"},
		"five aCompCor components":   {CompCor},
		"trans_x and trans_x_power2": {"trans_x", "trans_x_power2"},
	} {
		if got := ControlsInWords(columns); got != want {
			t.Errorf("%q: %q, want %q", columns, got, want)
		}
	}
}
