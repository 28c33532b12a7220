package report

import (
	"strings"
	"testing"

	"voxen/store"
)

// The nulls that the text names are those that take part in p.
func TestNullsOf(t *testing.T) {
	inputs := []store.Input{{Role: "--stimulus-null", Path: "null.npy"}}
	for name, c := range map[string]struct {
		asked    string
		subjects float64
		inputs   []store.Input
		want     []string
		without  []string
	}{
		"all":              {"", 12, inputs, []string{"n = 99 surrogates", "signs of subjects", "n = 200"}, nil},
		"few subjects":     {"", 11, inputs, []string{"n = 99 surrogates", "n = 200"}, []string{"signs of subjects"}},
		"no stimulus null": {"", 12, nil, []string{"n = 99 surrogates", "signs of subjects"}, []string{"shifted"}},
		"stimulus alone":   {"stimulus", 12, inputs, []string{"shifted"}, []string{"surrogates", "signs"}},
		"subjects alone":   {"subjects", 12, nil, []string{"signs of subjects"}, []string{"surrogates", "shifted"}},
	} {
		run := &store.Run{Options: []store.Option{{Name: "--draws", Value: "99"}, {Name: "--nulls", Value: c.asked}}, Inputs: c.inputs,
			Results: map[string]float64{"subjects": c.subjects, "stimulus_draws": 200}}
		text := nullsOf(run)
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %q", name, want, text)
			}
		}
		for _, without := range c.without {
			if strings.Contains(text, without) {
				t.Errorf("%s: %q in %q", name, without, text)
			}
		}
	}
}

func TestControlsOf(t *testing.T) {
	tables := []store.Input{{Role: "--confounds"}}
	for want, run := range map[string]*store.Run{
		"no confounds": {},
		"csf":          {Inputs: tables, Options: []store.Option{{Name: "--confound-columns", Value: "csf"}}},
		"no confounds, rows with fd>0.5 left out of every sum, at their place in time": {Inputs: tables,
			Options: []store.Option{{Name: "--confound-columns", Value: "none"}, {Name: "--censor", Value: "fd>0.5"}}},
	} {
		if text := confoundsOf(run) + censoredIn(run); text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

// A held-out score is named where there is one.
func TestHeldOutOf(t *testing.T) {
	tests := []store.Input{{Role: "--test-responses"}, {Role: "--test-responses"}}
	for want, run := range map[string]*store.Run{
		"No data were held out":    {},
		"2 held-out runs (test":    {Inputs: tests},
		"on the other folds alone": {Options: []store.Option{{Name: "--nested", Value: "true"}}},
	} {
		if text := heldOutOf(run); !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
}
