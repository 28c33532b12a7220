package step_test

import (
	"testing"

	"voxen/study/step"
)

// What docs/formats.md lists as missing is, in any case; a word that only begins so is not.
func TestMissing(t *testing.T) {
	for cell, want := range map[string]bool{"": true, "n/a": true, "NA": true, "NaN": true, "null": true, "None": true, "<NA>": true, "#N/A": true, "nonesuch": false, "0": false, "Default": false} {
		if step.Missing(cell) != want {
			t.Errorf("%q: missing %v, want %v", cell, !want, want)
		}
	}
	if x, bad := step.ParseNumbers([]string{"1", "null", "<NA>"}); bad >= 0 || x[0] != 1 || x[1] == x[1] || x[2] == x[2] {
		t.Errorf("numbers %v, bad %d", x, bad)
	}
}
