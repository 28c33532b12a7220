package bands

import (
	"context"
	"fmt"
	"slices"

	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/study/encode/internal/fit"
)

// Maps are the maps of the columns of features, less those of bands of the baseline: a row
// for each column before delays.
type Maps struct {
	columns []int
	all     int // columns of features
}

// MapsOf lists the columns that have a map. b is nil where there are no bands.
func MapsOf(b *Bands, columns int) *Maps {
	m := &Maps{all: columns}
	for k := range columns {
		if b == nil || !slices.Contains(b.o.Baseline, b.Names[b.Of[k]]) {
			m.columns = append(m.columns, k)
		}
	}
	return m
}

// Output is the file of the maps of product measures.
func (m *Maps) Output() fit.Output {
	return fit.Output{Name: "maps", Rows: len(m.columns), Want: true, Matrix: true}
}

// Label names the rows.
func (m *Maps) Label(r int) string { return fmt.Sprintf("map of feature %d", m.columns[r]) }

// Fit runs the search, or of no bands (b is nil) a plain fit, and writes the maps: of every
// column the product measure of its own contribution to held-out predictions, over its
// delays, times the sign of the sum of its weights.
func (m *Maps) Fit(ctx context.Context, f *fit.Fit, b *Bands, outputs ridge.Outputs) (ridge.Result, error) {
	one := ridge.Bands{Of: make([]int, m.all), Gammas: [][]float64{{1}}}
	out := ridge.BandedOutputs{Outputs: outputs, SplitOf: make([]int, m.all)}
	maps := &summed{to: f.Sink("maps"), of: make([][]int, len(m.columns)), rows: m.all}
	for k := range m.all {
		out.SplitOf[k] = k
	}
	for r, k := range m.columns {
		maps.of[r] = []int{k}
	}
	if maps.to != nil {
		out.SignedMeasure = maps
	}
	if out.Weights == nil {
		out.Weights = &summed{rows: f.Plan.Features(m.all), cols: f.Y.Cols()}
	}
	if b != nil {
		one, out.BandWeights = b.Bands, f.Sink("band_weights")
		parts := make([][]int, len(b.Names)+1)
		for k, band := range b.Of {
			parts[band] = append(parts[band], k)
		}
		parts[len(b.Names)] = []int{m.all} // what no column carries
		for name, to := range map[string]*tile.Sink{"product_measure": &out.ProductMeasure, "split_r": &out.SplitR} {
			if sink := f.Sink(name); sink != nil {
				*to = &summed{to: sink, of: parts, rows: m.all + 1}
			}
		}
	}
	return ridge.FitBanded(ctx, f.Backend, f.Data, out, f.Plan, one)
}

// Weights writes maps that are the sums over delays of the weights.
func (m *Maps) Weights(ctx context.Context, f *fit.Fit) error {
	if err := f.Env.Fits(8 * int64(len(m.columns)) * int64(f.Y.Cols())); err != nil {
		return err
	}
	rows := make([][]float64, len(m.columns))
	err := f.EachRow(ctx, "weights", func(i int, row []float64) {
		r, ok := slices.BinarySearch(m.columns, i%m.all)
		switch {
		case !ok:
		case rows[r] == nil:
			rows[r] = row
		default:
			for v, x := range row {
				rows[r][v] += x
			}
		}
	})
	if err != nil {
		return err
	}
	return f.WriteRows(ctx, "maps", rows, m.Label)
}

// summed is a sink of rows whose sums go to another: a row of it for each of of. Without
// another it takes everything and keeps nothing.
type summed struct {
	to   tile.Sink
	of   [][]int
	rows int // that it takes
	cols int // without another
}

// Rows is the number of rows that it takes.
func (s *summed) Rows() int { return s.rows }

// Cols is that of the other.
func (s *summed) Cols() int {
	if s.to == nil {
		return s.cols
	}
	return s.to.Cols()
}

// WriteFloat32 writes sums.
func (s *summed) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	wide := make([]float64, len(src))
	for i, x := range src {
		wide[i] = float64(x)
	}
	return s.WriteFloat64(ctx, lo, hi, wide, stride)
}

// WriteFloat64 writes sums.
func (s *summed) WriteFloat64(ctx context.Context, lo, hi int, src []float64, stride int) error {
	if s.to == nil {
		return nil
	}
	n := hi - lo
	sums := make([]float64, len(s.of)*n)
	for r, rows := range s.of {
		for _, from := range rows {
			for v := range n {
				sums[r*n+v] += src[from*stride+v]
			}
		}
	}
	return s.to.WriteFloat64(ctx, lo, hi, sums, n)
}
