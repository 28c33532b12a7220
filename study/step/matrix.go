package step

import (
	"context"
	"math"

	"gorgonia.org/tensor"

	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/store"
)

// ReadNarrow reads columns in float64 and rounds them.
func ReadNarrow(ctx context.Context, src tile.Source, lo, hi int, dst []float32, stride int) error {
	n := hi - lo
	wide := make([]float64, src.Rows()*n)
	if err := src.ReadFloat64(ctx, lo, hi, wide, n); err != nil {
		return err
	}
	for i, x := range wide {
		dst[i/n*stride+i%n] = float32(x)
	}
	return nil
}

// DType is the file type of a precision.
func DType(p tensor.Dtype) store.DType {
	if p == op.Float64 {
		return store.Float64
	}
	return store.Float32
}

// TurnedHint ends the refusal of an array of wrong lengths that would fit the other
// way around.
const TurnedHint = "; it seems to be (columns, time): turn it around (numpy's .T, or FILE:/NAME:T of HDF5)"

// OpenMatrix opens a two-dimensional array, (time, columns).
func OpenMatrix(fsys store.FS, path string) (store.Array, error) {
	a, err := store.OpenArray(fsys, path)
	if err != nil {
		return nil, err
	}
	switch len(a.Shape()) {
	case 2:
	case 3:
		a.Close()
		return nil, BadInput(path, "has shape %v, expected two dimensions (time, columns); one part of HDF5 is FILE:/NAME:0", a.Shape())
	default:
		a.Close()
		return nil, BadInput(path, "has shape %v, expected two dimensions (time, columns)", a.Shape())
	}
	return a, nil
}

// ReadMatrix reads a two-dimensional array.
func ReadMatrix(ctx context.Context, fsys store.FS, path string) (tile.Matrix, error) {
	a, err := OpenMatrix(fsys, path)
	if err != nil {
		return tile.Matrix{}, err
	}
	defer a.Close()
	m := tile.Matrix{Rows: a.Rows(), Cols: a.Cols(), Data: make([]float64, a.Rows()*a.Cols())}
	return m, a.ReadFloat64(ctx, 0, m.Cols, m.Data, m.Cols)
}

// maxFeatures bounds the values of features, which are held in memory in float64.
const maxFeatures = 1 << 31

// LoadMatrix reads one file of features, the rows that are kept (nil: all), and refuses
// what is not finite in them.
func LoadMatrix(ctx context.Context, path string, a store.Array, kept Kept) (tile.Matrix, error) {
	m := tile.Matrix{Rows: a.Rows(), Cols: a.Cols()}
	switch {
	case m.Rows == 0 || m.Cols == 0:
		return m, BadInput(path, "is %d x %d, expected at least one row and one column of features", m.Rows, m.Cols)
	case m.Rows > maxFeatures/m.Cols:
		return m, BadInput(path, "is %d x %d, expected at most %d values of features", m.Rows, m.Cols, maxFeatures)
	}
	m.Data = make([]float64, m.Rows*m.Cols)
	if err := a.ReadFloat64(ctx, 0, m.Cols, m.Data, m.Cols); err != nil {
		return m, err
	}
	m.Data = kept.cut(m.Data, m.Cols)
	m.Rows = len(m.Data) / m.Cols
	for i, x := range m.Data {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return m, BadInput(path, "has %v at row %d, column %d: features must be finite", x, kept.At(i/m.Cols), i%m.Cols)
		}
	}
	return m, nil
}
