package ridge

import (
	"context"
	"fmt"
	"math/bits"
	"slices"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Only gives the bands of which keep is true, and the features that are theirs; weights
// are divided by their sum, and draws whose sum is 0 are left out. Of one band every draw
// is the same, and one stays.
func (b Bands) Only(data Data, keep func(band int) bool) (Data, Bands) {
	var columns []int
	names := map[int]int{}
	var out Bands
	for k, band := range b.Of {
		if !keep(band) {
			continue
		}
		if _, known := names[band]; !known {
			names[band] = len(names)
		}
		columns, out.Of = append(columns, k), append(out.Of, names[band])
	}
	for _, g := range b.Gammas {
		row, sum := make([]float64, len(names)), 0.0
		for band, i := range names {
			row[i] = g[band]
		}
		for _, x := range row {
			sum += x
		}
		if sum > 0 {
			for i := range row {
				row[i] /= sum
			}
			out.Gammas = append(out.Gammas, row)
		}
	}
	if len(names) == 1 && len(out.Gammas) > 1 {
		out.Gammas = out.Gammas[:1]
	}
	data.X, data.TestX = someOf(data.X, columns), someOf(data.TestX, columns)
	return data, out
}

// someOf takes columns of a matrix; an empty one stays.
func someOf(m tile.Matrix, columns []int) tile.Matrix {
	if m.Rows == 0 {
		return m
	}
	out := tile.Matrix{Rows: m.Rows, Cols: len(columns), Data: make([]float64, 0, m.Rows*len(columns))}
	for t := range m.Rows {
		for _, k := range columns {
			out.Data = append(out.Data, m.Row(t)[k])
		}
	}
	return out
}

// HeldOut fits banded ridge, or with one draw of one band ridge, and gives the held-out
// score of every voxel alone: of held-out rows if there are any, else of the nested
// cross-validation. Voxels without one are NaN.
func HeldOut(ctx context.Context, be engine.Backend, data Data, b Bands, metric op.Score, o Options) ([]float64, error) {
	score := tile.NewArray[float64](1, data.Y.Cols())
	out, err := heldOutputs(score, data, metric, &o)
	if err != nil {
		return nil, err
	}
	_, err = FitBanded(ctx, be, data, out, o, b)
	return score.Data, err
}

// LeastHeldOut is the least Options.Budget of HeldOut.
func LeastHeldOut(ctx context.Context, be engine.Backend, data Data, b Bands, metric op.Score, o Options) (int64, error) {
	out, err := heldOutputs(tile.NewArray[float64](1, data.Y.Cols()), data, metric, &o)
	if err != nil {
		return 0, err
	}
	return LeastBanded(ctx, be, data, out, o, b)
}

// heldOutputs sends a held-out score to a sink.
func heldOutputs(score tile.Sink, data Data, metric op.Score, o *Options) (out BandedOutputs, err error) {
	switch sinks := map[op.Score]tile.Sink{metric: score}; {
	case data.TestY != nil:
		out.TestMetrics, o.Nested = sinks, false
	case o.Nested:
		out.NestedMetrics = sinks
	default:
		err = fmt.Errorf("no held-out rows and no nested cross-validation")
	}
	return out, err
}

// MostPartitioned is the number of bands that Partition takes.
const MostPartitioned = 4

// Subsets lists the non-empty subsets of n bands: those of one band, of two, ...; each in
// ascending order.
func Subsets(n int) [][]int {
	var all [][]int
	for mask := 1; mask < 1<<n; mask++ {
		var s []int
		for b := range n {
			if mask>>b&1 != 0 {
				s = append(s, b)
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b []int) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return slices.Compare(a, b)
	})
	return all
}

// Partition gives the held-out R2 of every voxel, of held-out rows if there are any, else of
// the nested cross-validation, by plain ridge of each of the subsets of n bands (Subsets),
// each with an alpha of its own. of is the band of every column. All subsets share the passes
// over the responses (FitBanded). Voxels without a score are NaN.
func Partition(ctx context.Context, be engine.Backend, data Data, of []int, n int, o Options) ([][]float64, error) {
	s, r2, err := newPartition(be, data, of, n, o)
	if err != nil {
		return nil, err
	}
	if err := whole(s.run(ctx), func() (int64, error) { return LeastPartition(ctx, be, data, of, n, o) }); err != nil {
		return nil, err
	}
	var all [][]float64
	for i := range s.b.Gammas {
		all = append(all, r2.Data[i*s.V:(i+1)*s.V])
	}
	return all, nil
}

// LeastPartition is the least Options.Budget of Partition.
func LeastPartition(ctx context.Context, be engine.Backend, data Data, of []int, n int, o Options) (int64, error) {
	s, _, err := newPartition(be, data, of, n, o)
	if err != nil {
		return 0, err
	}
	return s.leanest(ctx)
}

// newPartition is a search whose draws are the subsets: a band of one has the weight 1.
func newPartition(be engine.Backend, data Data, of []int, n int, o Options) (*search, *tile.Array[float64], error) {
	if n < 1 || n > MostPartitioned {
		return nil, nil, fmt.Errorf("partition of %d bands, want 1 to %d", n, MostPartitioned)
	}
	b := Bands{Of: of}
	for _, s := range Subsets(n) {
		g := make([]float64, n)
		for _, band := range s {
			g[band] = 1
		}
		b.Gammas = append(b.Gammas, g)
	}
	r2 := tile.NewArray[float64](len(b.Gammas), data.Y.Cols())
	var out BandedOutputs
	switch {
	case data.TestY != nil:
		out.TestScores, o.Nested = r2, false
	case o.Nested:
		out.NestedScores = r2
	default:
		return nil, nil, fmt.Errorf("no held-out rows and no nested cross-validation")
	}
	s, err := newSearch(be, data, out, o, b)
	if err != nil {
		return nil, nil, err
	}
	s.metric = op.R2
	return s, r2, nil
}

// Commonality gives of the R2 of every subset (Subsets) what its bands explain together
// and no smaller or other set of bands does: with R(S) the R2 of a subset, R of none 0,
//
//	C(S) = sum over T in S of (-1)^(|T|+1) R(T or not S),
//
// where "not S" are the bands outside S. That of one band is its unique part; all of them
// add up to the R2 of all bands. They may be negative: bands that suppress each other, or
// noise. Seibold and McPhee (1979).
func Commonality(r2 [][]float64, n int) [][]float64 {
	subsets := Subsets(n)
	of := make([][]float64, 1<<n)
	mask := func(s []int) (m uint) {
		for _, b := range s {
			m |= 1 << b
		}
		return m
	}
	for i, s := range subsets {
		of[mask(s)] = r2[i]
	}
	all := uint(1)<<n - 1
	var out [][]float64
	for _, s := range subsets {
		S := mask(s)
		part := make([]float64, len(r2[0]))
		for T := S; ; T = (T - 1) & S {
			sign := 1.0
			if bits.OnesCount(T)%2 == 0 {
				sign = -1
			}
			for v, x := range of[T|all&^S] { // of no band nothing is there
				part[v] += sign * x
			}
			if T == 0 {
				break
			}
		}
		out = append(out, part)
	}
	return out
}
