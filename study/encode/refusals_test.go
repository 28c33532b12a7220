package encode_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"voxen/study/encode"
	"voxen/study/step"
)

// What leaves nothing of the data, or overflows, is refused in words of the files and
// options.
func TestRefusalsOfSteps(t *testing.T) {
	dir := t.TempDir()
	noise := func(name string, rows, cols int) string {
		rng := rand.New(rand.NewPCG(uint64(rows), 3))
		x := make([]float64, rows*cols)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		if strings.HasPrefix(name, "huge") {
			x[7*cols+1] = 1e200
		}
		return saveNpy(t, filepath.Join(dir, name+".npy"), []int{rows, cols}, x)
	}
	a, b, huge := noise("a", 30, 3), noise("b", 40, 3), noise("huge", 40, 3)
	y, z := noise("y", 30, 4), noise("z", 40, 4)
	for name, c := range map[string]struct {
		edit func(*encode.Options)
		want []string
	}{
		"milliseconds": {func(o *encode.Options) { o.Detrend, o.TR = "cosine:128", step.Some(2000.0) }, []string{"--detrend cosine:128", "--tr 2000", "leaves nothing", "seconds"}},
		"hertz":        {func(o *encode.Options) { o.Detrend, o.TR = "cosine:0.0078", step.Some(2.0) }, []string{"--detrend cosine:0.0078", "--tr 2 ", "leaves nothing"}},
		"delay":        {func(o *encode.Options) { o.Delays = "1,40" }, []string{"--delays 1,40", "a delay of 40 rows", "at most 40 rows"}},
		"overflow":     {func(o *encode.Options) { o.Features[1] = huge }, []string{"huge.npy: has 1e+200 at row 7, column 1"}},
		"held out": {func(o *encode.Options) {
			o.TestFeatures, o.TestResponses = []string{strings.Replace(huge, "huge", "huge2", 1)}, []string{z}
		},
			[]string{"huge2.npy: has 1e+250 at row 7, column 1"}},
	} {
		o := encode.Options{Features: []string{a, b}, Responses: []string{y, z}}
		if name == "held out" {
			x := loadNpy(t, huge)
			x[7*3+1] = 1e250
			saveNpy(t, filepath.Join(dir, "huge2.npy"), []int{40, 3}, x)
		}
		c.edit(&o)
		o.Out = filepath.Join(dir, "out "+name)
		_, err := run(o)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q", name, err, w)
			}
		}
	}
}
