package ridge_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
)

// Given predictions are judged on every backend as by plain loops: what bands carry adds up to
// the scores, and a null of permuted blocks has the scores of predictions that were permuted
// one by one.
func TestPredictionsOnDevice(t *testing.T) {
	const T, V, draws = 35, 9, 3
	ctx := context.Background()
	runs := op.Borders{0, 18, T}
	random := rand.New(rand.NewPCG(4, 4))
	y, bands := tile.NewArray[float64](T, V), []*tile.Array[float64]{tile.NewArray[float64](T, V), tile.NewArray[float64](T, V)}
	p := tile.NewArray[float64](T, V)
	for i := range y.Data {
		for _, b := range bands {
			b.Data[i] = random.NormFloat64()
			p.Data[i] += b.Data[i]
		}
		y.Data[i] = 3 + 0.7*bands[0].Data[i] + random.NormFloat64()
	}
	column := func(a *tile.Array[float64], v int) []float64 {
		out := make([]float64, T)
		for row := range out {
			out[row] = a.Data[row*V+v]
		}
		return out
	}
	o := ridge.Options{Runs: runs, Precision: op.Float64}
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		r2, r := tile.NewArray[float64](3, V), tile.NewArray[float64](3, V)
		if err := ridge.ScoreSplit(ctx, be, []tile.Source{bands[0], bands[1]}, y, r2, r, o); err != nil {
			t.Fatal(err)
		}
		observed := make([]float64, V)
		for v := range V {
			var sums [2]float64
			for b := range 3 {
				sums[0], sums[1] = sums[0]+r2.Data[b*V+v], sums[1]+r.Data[b*V+v]
			}
			observed[v] = judged(op.R, column(y, v), column(p, v))
			if want := judged(op.R2, column(y, v), column(p, v)); math.Abs(sums[0]-want) > 1e-9 || math.Abs(sums[1]-observed[v]) > 1e-9 {
				t.Fatalf("voxel %d: shares sum to %g and %g, expected r2 %g and r %g", v, sums[0], sums[1], want, observed[v])
			}
		}
		null, err := ridge.PermuteBlocks(ctx, be, p, y, op.R, observed, draws, blockLength, blockSeed, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		for v := range V {
			held, given, sum, reached := column(y, v), column(p, v), 0.0, 0
			for draw := range draws {
				var moved []float64
				for f := range runs.Folds() {
					rows := rowsOf(runs[f], runs[f+1])
					for _, i := range permutedRows(rows, blockLength, ridge.BlockOrder(blockSeed, draw, f, ridge.Blocks(len(rows), blockLength))) {
						moved = append(moved, given[i])
					}
				}
				s := judged(op.R, held, moved)
				sum += s
				if s >= observed[v] {
					reached++
				}
			}
			if math.Abs(null.Sum[v]-sum) > 1e-9 || int(null.Reached[v]) != reached {
				t.Fatalf("voxel %d: scores of draws sum to %g and %d reach, expected %g and %d", v, null.Sum[v], null.Reached[v], sum, reached)
			}
		}
	})
}
