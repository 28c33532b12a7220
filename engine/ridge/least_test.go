package ridge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/race"
)

// The least budget that a refusal names is that of every stage: it is the same whatever the
// budget was, enough at the first try, and what is asked for in advance.
func TestLeastIsEnough(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	for i, o := range []ridge.Options{
		{}, {Nested: true}, {OneAlpha: true, Nested: true}, {Form: ridge.Kernel}, {Form: ridge.Rows, Intercept: true, Nested: true}, {Gap: 2},
		{Rule: ridge.LeaveOneOut}, {Delays: []int{0, 1}, PerRun: ridge.ZScore, Nested: true}, {StandardizeFeatures: true, Score: op.R},
	} {
		for j, shape := range [][3]int{{40, 7, 70}, {24, 30, 3}, {41, 2, 1}} {
			if testing.Short() && j != i%3 {
				continue
			}
			precision := []tensor.Dtype{op.Float32, op.Float64}[(i+j)%2]
			d := bandedProblem(3, shape[0], shape[1], shape[2])
			V := shape[2]
			o.Alphas, o.Precision = []float64{0.5, 20}, precision
			if o.Folds = nil; o.Rule == "" {
				o.Folds = ridge.KFold(shape[0], 4)
			}
			b := ridge.Bands{Of: make([]int, shape[1]), Gammas: [][]float64{{0.5, 0.5}, {1, 0}, {0.2, 0.8}}}
			for k := range b.Of {
				b.Of[k] = k % 2
			}
			name := fmt.Sprintf("%v %+v %v", precision, o, shape)
			leastOf(t, name+" plain", o, func(o ridge.Options) (int64, error) {
				_, sinks := newOutputs(o.Features(shape[1]), V, 2)
				if o.Nested {
					sinks.Nested = tile.NewArray[float64](1, V)
				}
				if o.Budget == 0 {
					return ridge.Least(context.Background(), cpu.New(2), d, sinks, o)
				}
				_, err := ridge.Fit(context.Background(), cpu.New(2), d, sinks, o)
				return 0, err
			})
			leastOf(t, name+" banded", o, func(o ridge.Options) (int64, error) {
				got, sinks := newBandedOutputs(o.Features(shape[1]), V, 2, 3)
				if o.Nested {
					sinks.Nested = got.nested
				}
				if o.Budget == 0 {
					return ridge.LeastBanded(context.Background(), cpu.New(2), d, sinks, o, b)
				}
				_, err := ridge.FitBanded(context.Background(), cpu.New(2), d, sinks, o, b)
				return 0, err
			})
		}
	}
}

// leastOf asks a fit with budgets around the least one, which it gives for the budget 0.
func leastOf(t *testing.T, name string, o ridge.Options, fit func(o ridge.Options) (int64, error)) {
	t.Helper()
	least, err := fit(o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	// what is little less may do: constants that are alike are held once
	for _, budget := range []int64{1, least / 2, least - least/10} {
		o.Budget = budget
		var over *engine.OverBudget
		if _, err := fit(o); !errors.As(err, &over) || over.Need != least || over.Budget != budget {
			t.Errorf("%s: budget %d: %v, want a refusal that names %d", name, budget, err, least)
		}
	}
	o.Budget = least
	if _, err := fit(o); err != nil {
		t.Errorf("%s: %d, the least that was named: %v", name, least, err)
	}
}
