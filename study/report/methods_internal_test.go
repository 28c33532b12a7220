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
		"all":              {"", 12, inputs, []string{"n = 99 surrogates", "signs of subjects", "n = 200; seed 7", "all 2048 ways"}, nil},
		"many subjects":    {"", 20, inputs, []string{"flipped (n = 5000;"}, nil},
		"few subjects":     {"", 11, inputs, []string{"n = 99 surrogates", "n = 200"}, []string{"signs of subjects"}},
		"no stimulus null": {"", 12, nil, []string{"n = 99 surrogates", "signs of subjects"}, []string{"shifted"}},
		"stimulus alone":   {"stimulus", 12, inputs, []string{"shifted"}, []string{"surrogates", "signs"}},
		"subjects alone":   {"subjects", 12, nil, []string{"signs of subjects"}, []string{"surrogates", "shifted"}},
	} {
		run := &store.Run{Options: []store.Option{{Name: "--draws", Value: "99"}, {Name: "--nulls", Value: c.asked}}, Inputs: c.inputs,
			Results: map[string]float64{"subjects": c.subjects, "stimulus_draws": 200}}
		text := nullsOf(run, &store.Run{Options: []store.Option{{Name: "--seed", Value: "7"}}, Results: map[string]float64{"shifts": 2000}})
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

// A penalty that was given was not chosen, and atoms whose phases were drawn were not
// shifted.
func TestPenaltyOf(t *testing.T) {
	for want, options := range map[string][]store.Option{
		"The penalty (1,10) was chosen for each voxel by cross-validation (3 contiguous folds; score r)": {{Name: "--alphas", Value: "1,10"}, {Name: "--cv", Value: "kfold:3"}, {Name: "--score", Value: "r"}},
		"The penalty (1:9:3) was chosen for all voxels together by":                                      {{Name: "--alphas", Value: "1:9:3"}, {Name: "--alpha-per", Value: "all"}},
		"The penalty was 300 at every voxel, and scores are of 5 contiguous folds (r2)":                  {{Name: "--alphas", Value: "300"}, {Name: "--score", Value: "r2"}},
	} {
		if text := penaltyOf(&store.Run{Options: options}); !strings.HasPrefix(text, want) {
			t.Errorf("%q, want %q", text, want)
		}
	}
	if text := unheard(&store.Run{Results: map[string]float64{"shifts": 352}}); text != "whose phases were drawn anew" {
		t.Errorf("%q", text)
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

// What was done is said, and what was not is not.
func TestMethodsOfOptions(t *testing.T) {
	options := func(pairs ...string) *store.Run {
		run := &store.Run{}
		for i := 0; i < len(pairs); i += 2 {
			run.Options = append(run.Options, store.Option{Name: pairs[i], Value: pairs[i+1]})
		}
		return run
	}
	read := []string{"--tap", "ffn.out", "--layers", "all", "--window", "200", "--stride", "100", "--pieces", "mean"}
	for name, c := range map[string]struct {
		text string
		want string // the whole of it
	}{
		"windows": {extraction("bert", options(read...)), "The language model bert gave the outputs of the second feed-forward layer (ffn.out) of all layers in windows of 200 words, a new one every 100; a word's response is the mean over its word pieces."},
		"context": {extraction("gpt2", options("--tap", "attn.out,hidden", "--layers", "0,3", "--context", "1,10", "--pieces", "last")),
			"The language model gpt2 gave the outputs of attention's projection (attn.out) and the states after each block (hidden) of layers 0,3 (counted from 0) for each word with 1,10 words before it; a word's response is that of its last word piece."},
		"tokens": {extraction("m", &store.Run{Options: options("--tap", "embed").Options, Inputs: []store.Input{{Role: "--ids"}, {Role: "--sae"}}}),
			"The language model m gave the features of a sparse autoencoder on the embeddings of the word pieces (embed) of all layers, a row for each token, all tokens in one window."},
		"no steps":  {stepsOf(options("--detrend", "none", "--standardize", "none")), ""},
		"steps":     {stepsOf(options("--detrend", "linear", "--standardize", "zscore")), ", detrended (linear), standardised (zscore)"},
		"no delays": {delaysOf(options("--delays", "")), ""},
		"delays":    {delaysOf(options("--delays", "1,2,3,4")), ", delayed by 1, 2, 3, 4 volumes side by side,"},
		"no trim":   {trimmed(options("--trim", "", "--trim-features", "")), ""},
		"trim":      {trimmed(options("--trim", "10:5")), ", after 10 rows at the head and 5 at the tail of runs were cut"},
		"no null":   {chanceOf(options("--null", "", "--seed", "0")), ""},
		"shift":     {chanceOf(options("--null", "shift:99,min=5", "--seed", "3")), " For the p of a voxel's held-out score, the whole fit was repeated with the features shifted circularly within runs (n = 99; seed 3); the false discovery rate is over voxels (Benjamini and Hochberg 1995)."},
		"no seed":   {seedOf(nil), ""},
		"phase":     {chanceOf(options("--null", "phase:9")), " For the p of a voxel's held-out score, the whole fit was repeated with the phases of the features drawn anew within runs (n = 9); the false discovery rate is over voxels (Benjamini and Hochberg 1995)."},
		"permuted":  {chanceOf(options("--null", "blocks:20", "--seed", "1")), " For the p of a voxel's held-out score, contiguous blocks of predictions were permuted within held-out runs (n = 20; seed 1); the false discovery rate is over voxels (Benjamini and Hochberg 1995)."},
	} {
		if c.text != c.want {
			t.Errorf("%s: %q, expected %q", name, c.text, c.want)
		}
	}
}
