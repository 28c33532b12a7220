package step

import (
	"slices"
	"testing"
)

// heard is a Reporter that keeps warnings.
type heard struct {
	Quiet
	lines []string
}

func (h *heard) Warn(line string) { h.lines = append(h.lines, line) }

// What every step of a study finds alike is said once and noted by each.
func TestWarnOnce(t *testing.T) {
	h := &heard{}
	study := &Env{Report: h}
	study.Begin()
	for range 3 {
		e := *study
		e.Begin()
		e.WarnOnce("gaps", "gaps in %s", "a")
		e.WarnOnce("other", "other")
		if !slices.Equal(e.warnings, []string{"gaps in a", "other"}) {
			t.Errorf("run.json has %q", e.warnings)
		}
	}
	if !slices.Equal(h.lines, []string{"gaps in a", "other"}) {
		t.Errorf("the user hears %q", h.lines)
	}
}
