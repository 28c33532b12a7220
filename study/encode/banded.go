package encode

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/study/step"
)

// Banded are the options of banded ridge (ridge.FitBanded).
type Banded struct {
	Bands         string          `opt:"bands" key:"-" form:"NAME=A:B,NAME=A:B" doc:"banded ridge: feature spaces by columns of the features, from A up to B (not included), before delays; each has a penalty of its own"`
	BandSamples   step.Maybe[int] `opt:"band-samples" key:"-" min:"1" doc:"draws of the bands' weights (default 100)"`
	Concentration []float64       `opt:"concentration" key:"-" list:"comma" doc:"concentrations of the Dirichlet distributions of the draws, taken in turn (default 0.1,1)"`
	Split         bool            `opt:"split" key:"-" doc:"what each band carries of the held-out score: product measure and parts of r"`
	Partition     bool            `opt:"partition" key:"-" doc:"variance partitioning: held-out R2 of every subset of at most four bands, each by plain ridge, and their unique and shared parts"`
	Baseline      []string        `opt:"baseline" key:"-" list:"comma" form:"NAME,NAME" doc:"bands that are a baseline: gain.npy is the held-out score of all bands less that of these alone"`
	BandWeights   string          `opt:"band-weights" file:"in" doc:"weights of the bands to try, (draws, bands), rows that sum to 1, instead of draws"`
}

// band is a feature space of some columns.
type band struct {
	name  string
	spans [][2]int
}

// checkBanded refuses what does not go together.
func (o *Options) checkBanded() error {
	spaces, err := step.Spaces(o.Features)
	if err != nil {
		return err
	}
	if tests, err := step.Spaces(o.TestFeatures); err != nil {
		return err
	} else if len(tests) > 0 && !slices.EqualFunc(spaces, tests, func(a, b step.Space) bool { return a.Name == b.Name }) {
		return step.BadInput("", "--test-features %s names other feature spaces than --features %s, expected the same", o.TestFeatures[0], o.Features[0])
	}
	named := len(spaces) > 0 && spaces[0].Name != ""
	if _, err := parseBands(o.Bands); err != nil {
		return err
	}
	if err := o.checkShares(); err != nil {
		return err
	}
	switch {
	case named && o.Bands != "":
		return step.BadInput("", "--bands %s with --features %s, whose feature spaces are the bands: expected one of them", o.Bands, o.Features[0])
	case !named && o.Bands == "":
		for _, given := range []struct {
			name string
			is   bool
		}{{"--band-samples", o.BandSamples.Given}, {"--concentration", len(o.Concentration) > 0}, {"--band-weights", o.BandWeights != ""}} {
			if given.is {
				return step.BadInput("", "%s without bands: give --bands, or --features NAME=FILE,NAME=FILE", given.name)
			}
		}
		return nil
	case o.BandWeights != "" && (o.BandSamples.Given || len(o.Concentration) > 0):
		return step.BadInput(o.BandWeights, "is given with --band-samples or --concentration: weights are given or drawn, expected one of them")
	case o.Null != "":
		return step.BadInput("", "--null %s with bands, whose search the null does not repeat: expected one of them", o.Null)
	case o.Model != "ridge":
		return step.BadInput("", "--model %s with bands, which are of ridge: expected one of them", o.Model)
	case o.Form == string(ridge.SVD):
		return step.BadInput("", "--form svd with bands, whose weights change the decomposition: expected gram, rows or kernel")
	}
	for _, c := range o.Concentration {
		if !(c > 0) || math.IsInf(c, 0) {
			return step.BadInput("", "--concentration %g, expected positive numbers", c)
		}
	}
	return nil
}

// parseBands reads --bands.
func parseBands(text string) ([]band, error) {
	var bands []band
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		bad := func() ([]band, error) {
			return nil, step.BadInput("", "--bands %s: %q, expected NAME=A:B with 0 <= A < B", text, part)
		}
		name, span, ok := strings.Cut(part, "=")
		from, to, colon := strings.Cut(span, ":")
		lo, err1 := strconv.Atoi(from)
		hi, err2 := strconv.Atoi(to)
		if !ok || !colon || name == "" || err1 != nil || err2 != nil || lo < 0 || hi <= lo {
			return bad()
		}
		i := slices.IndexFunc(bands, func(b band) bool { return b.name == name })
		if i < 0 {
			i, bands = len(bands), append(bands, band{name: name})
		}
		bands[i].spans = append(bands[i].spans, [2]int{lo, hi})
	}
	return bands, nil
}

// banding gives the bands of the columns of features, and the weights to try; nil where
// there are none.
func (x *encoder) banding(ctx context.Context) error {
	K := x.data.X.Cols
	bands, _ := parseBands(x.o.Bands)                                       // checked before
	if len(bands) == 0 && len(x.x.Spaces) > 0 && x.x.Spaces[0].Name != "" { // by name
		for _, s := range x.x.Spaces {
			bands = append(bands, band{s.Name, [][2]int{{s.Lo, s.Hi}}})
		}
	}
	if len(bands) == 0 {
		return nil
	}
	of := slices.Repeat([]int{-1}, K)
	var all []string
	for i, b := range bands {
		for _, s := range b.spans {
			text := fmt.Sprintf("%s=%d:%d", b.name, s[0], s[1])
			all = append(all, text)
			if s[1] > K {
				return step.BadInput("", "--bands %s: the features have %d columns", text, K)
			}
			for k := s[0]; k < s[1]; k++ {
				if of[k] >= 0 {
					return step.BadInput("", "--bands %s: column %d is of band %s already", text, k, bands[of[k]].name)
				}
				of[k] = i
			}
		}
	}
	if k := slices.Index(of, -1); k >= 0 {
		return step.BadInput("", "--bands %s: column %d is of no band", x.o.Bands, k)
	}
	x.Resolve("bands", strings.Join(all, ","))
	x.bands.Of = of
	for _, b := range bands {
		x.bandNames = append(x.bandNames, b.name)
	}
	if x.o.BandWeights != "" {
		var err error
		x.bands.Gammas, err = x.givenWeights(ctx, len(bands))
		return err
	}
	concentration := x.o.Concentration
	if len(concentration) == 0 {
		concentration = []float64{0.1, 1}
	}
	x.bands.Gammas = ridge.Dirichlet(x.o.BandSamples.Or(100), len(bands), concentration, x.o.Seed)
	return nil
}

// givenWeights reads --band-weights.
func (x *encoder) givenWeights(ctx context.Context, bands int) ([][]float64, error) {
	path := x.o.BandWeights
	a, err := step.OpenMatrix(x.Env.FS, path)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if a.Cols() != bands {
		return nil, step.BadInput(path, "has %d columns, expected one for each of %d bands", a.Cols(), bands)
	}
	m, err := step.LoadMatrix(ctx, path, a, nil)
	if err != nil {
		return nil, err
	}
	var gammas [][]float64
	for r := range m.Rows {
		sum := 0.0
		for b, g := range m.Row(r) {
			if g < 0 {
				return nil, step.BadInput(path, "has %g at row %d, column %d, expected weights of at least 0", g, r, b)
			}
			sum += g
		}
		if math.Abs(sum-1) > 1e-5 {
			return nil, step.BadInput(path, "row %d sums to %g, expected 1", r, sum)
		}
		gammas = append(gammas, m.Row(r))
	}
	return gammas, nil
}

// search runs the engine: banded where there are bands.
func (x *encoder) search(ctx context.Context, s *sinks) (ridge.Result, error) {
	if x.bands.Of == nil {
		return ridge.Fit(ctx, x.Backend, x.data, s.Outputs, x.plan)
	}
	out := ridge.BandedOutputs{Outputs: s.Outputs}
	for name, to := range map[string]*tile.Sink{"band_weights": &out.BandWeights, "product_measure": &out.ProductMeasure, "split_r": &out.SplitR} {
		if sink := s.maps[name]; sink != nil {
			*to = sink
		}
	}
	return ridge.FitBanded(ctx, x.Backend, x.data, out, x.plan, x.bands)
}
