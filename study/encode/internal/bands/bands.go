// Package bands is banded ridge of encode: feature spaces with a penalty each, and what each
// of them explains.
package bands

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/engine/ridge"
	"voxen/study/encode/internal/fit"
	"voxen/study/step"
)

// Options are those of banded ridge (ridge.FitBanded).
type Options struct {
	Bands         string          `opt:"bands" key:"-" form:"NAME=A:B,NAME=A:B" doc:"banded ridge: feature spaces by columns of the features, from A up to B (not included), before delays; each has a penalty of its own"`
	BandSamples   step.Maybe[int] `opt:"band-samples" min:"1" doc:"draws of the bands' weights (default 100)"`
	Concentration []float64       `opt:"concentration" list:"comma" doc:"concentrations of the Dirichlet distributions of the draws, taken in turn (default 0.1,1)"`
	Split         bool            `opt:"split" doc:"what each band carries of the held-out score: product measure and parts of r"`
	Partition     bool            `opt:"partition" doc:"variance partitioning: held-out R2 of every subset of at most four bands, each by plain ridge, and their unique and shared parts"`
	Baseline      []string        `opt:"baseline" list:"comma" form:"NAME,NAME" doc:"bands that are a baseline: gain.npy is the held-out score of all bands less that of these alone"`
	BandWeights   string          `opt:"band-weights" file:"in" key:"band_weights" doc:"weights of the bands to try, (draws, bands), rows that sum to 1, instead of draws"`
}

// band is a feature space of some columns.
type band struct {
	name  string
	spans [][2]int
}

// Check refuses what cannot be read, and names that are not those of bands.
func (o *Options) Check(features, testFeatures []string) error {
	spaces, err := step.Spaces(features)
	if err != nil {
		return err
	}
	if tests, err := step.Spaces(testFeatures); err != nil {
		return err
	} else if len(tests) > 0 && !slices.EqualFunc(spaces, tests, func(a, b step.Space) bool { return a.Name == b.Name }) {
		return step.BadInput("", "--test-features %s names other feature spaces than --features %s, expected the same", testFeatures[0], features[0])
	}
	if _, err := parse(o.Bands); err != nil {
		return err
	}
	if named := len(spaces) > 0 && spaces[0].Name != ""; named && o.Bands != "" {
		return step.BadInput("", "--bands %s with --features %s, whose feature spaces are the bands: expected one of them", o.Bands, features[0])
	}
	for _, c := range o.Concentration {
		if !(c > 0) || math.IsInf(c, 0) {
			return step.BadInput("", "--concentration %g, expected positive numbers", c)
		}
	}
	return o.checkShares(o.Names(features))
}

// parse reads --bands.
func parse(text string) ([]band, error) {
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

// Bands are those of the columns of features, and the weights to try.
type Bands struct {
	ridge.Bands
	Names []string

	o Options
}

// Read gives the bands of features; nil where there are none. seed is of the draws.
func (o Options) Read(ctx context.Context, r *step.Run, features step.Features, seed uint64) (*Bands, error) {
	K := features.Cols
	bands, _ := parse(o.Bands)                                                        // checked before
	if len(bands) == 0 && len(features.Spaces) > 0 && features.Spaces[0].Name != "" { // by name
		for _, s := range features.Spaces {
			bands = append(bands, band{s.Name, [][2]int{{s.Lo, s.Hi}}})
		}
	}
	if len(bands) == 0 {
		return nil, nil
	}
	of := slices.Repeat([]int{-1}, K)
	var all []string
	for i, b := range bands {
		for _, s := range b.spans {
			text := fmt.Sprintf("%s=%d:%d", b.name, s[0], s[1])
			all = append(all, text)
			if s[1] > K {
				return nil, step.BadInput("", "--bands %s: the features have %d columns", text, K)
			}
			for k := s[0]; k < s[1]; k++ {
				if of[k] >= 0 {
					return nil, step.BadInput("", "--bands %s: column %d is of band %s already", text, k, bands[of[k]].name)
				}
				of[k] = i
			}
		}
	}
	if k := slices.Index(of, -1); k >= 0 {
		return nil, step.BadInput("", "--bands %s: column %d is of no band", o.Bands, k)
	}
	r.Resolve("bands", strings.Join(all, ","))
	x := &Bands{Bands: ridge.Bands{Of: of}, o: o}
	for _, b := range bands {
		x.Names = append(x.Names, b.name)
	}
	if o.BandWeights != "" {
		var err error
		x.Gammas, err = o.givenWeights(ctx, r.Env, len(bands))
		return x, err
	}
	concentration := o.Concentration
	if len(concentration) == 0 {
		concentration = []float64{0.1, 1}
	}
	x.Gammas = ridge.Dirichlet(o.BandSamples.Or(100), len(bands), concentration, seed)
	return x, nil
}

// givenWeights reads --band-weights.
func (o Options) givenWeights(ctx context.Context, e *step.Env, bands int) ([][]float64, error) {
	path := o.BandWeights
	a, err := step.OpenMatrix(e.FS, path)
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
		gammas = append(gammas, m.Row(r))
	}
	err = ridge.CheckWeights(gammas, bands)
	var wrong *ridge.WeightsError
	switch {
	case !errors.As(err, &wrong):
		return gammas, err
	case wrong.Band < 0:
		return nil, step.BadInput(path, "row %d sums to %g, expected %s", wrong.Draw, wrong.Value, wrong.Want)
	}
	return nil, step.BadInput(path, "has %g at row %d, column %d, expected weights of %s", wrong.Value, wrong.Draw, wrong.Band, wrong.Want)
}

// Fit runs the search.
func (b *Bands) Fit(ctx context.Context, f *fit.Fit, outputs ridge.Outputs) (ridge.Result, error) {
	return ridge.FitBanded(ctx, f.Backend, f.Data, b.outputs(f, outputs), f.Plan, b.Bands)
}

// Least is the least budget of the search.
func (b *Bands) Least(ctx context.Context, f *fit.Fit, outputs ridge.Outputs) (int64, error) {
	return ridge.LeastBanded(ctx, f.Backend, f.Data, b.outputs(f, outputs), f.Plan, b.Bands)
}

// outputs adds those of bands.
func (b *Bands) outputs(f *fit.Fit, outputs ridge.Outputs) ridge.BandedOutputs {
	return ridge.BandedOutputs{Outputs: outputs, BandWeights: f.Sink("band_weights"), ProductMeasure: f.Sink("product_measure"), SplitR: f.Sink("split_r")}
}
