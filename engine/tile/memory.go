package tile

import (
	"context"
	"fmt"
	"unsafe"
)

// Array is a (rows x cols) array in memory, row-major: a Source, and a Sink that
// converts to its own type.
type Array[F float32 | float64] struct {
	rows, cols int
	Data       []F
}

// NewArray makes an array of zeros.
func NewArray[F float32 | float64](rows, cols int) *Array[F] {
	return &Array[F]{rows, cols, make([]F, rows*cols)}
}

// Of makes an array of existing data.
func Of[F float32 | float64](rows, cols int, data []F) (*Array[F], error) {
	if rows < 0 || cols < 0 || len(data) != rows*cols {
		return nil, fmt.Errorf("%d values for an array of %d x %d", len(data), rows, cols)
	}
	return &Array[F]{rows, cols, data}, nil
}

// Elements is all of it, a []float32 or a []float64.
func (a *Array[F]) Elements() any { return a.Data }

// Wide reports whether values have more digits than a float32.
func (a *Array[F]) Wide() bool { return unsafe.Sizeof(*new(F)) > 4 }

// Rows is the number of rows.
func (a *Array[F]) Rows() int { return a.rows }

// Cols is the number of columns.
func (a *Array[F]) Cols() int { return a.cols }

// ReadFloat32 copies columns [lo, hi).
func (a *Array[F]) ReadFloat32(_ context.Context, lo, hi int, dst []float32, stride int) error {
	return transfer(a.rows, hi-lo, dst, 0, stride, a.Data, lo, a.cols)
}

// ReadFloat64 copies columns [lo, hi).
func (a *Array[F]) ReadFloat64(_ context.Context, lo, hi int, dst []float64, stride int) error {
	return transfer(a.rows, hi-lo, dst, 0, stride, a.Data, lo, a.cols)
}

// WriteFloat32 stores columns [lo, hi).
func (a *Array[F]) WriteFloat32(_ context.Context, lo, hi int, src []float32, stride int) error {
	return transfer(a.rows, hi-lo, a.Data, lo, a.cols, src, 0, stride)
}

// WriteFloat64 stores columns [lo, hi).
func (a *Array[F]) WriteFloat64(_ context.Context, lo, hi int, src []float64, stride int) error {
	return transfer(a.rows, hi-lo, a.Data, lo, a.cols, src, 0, stride)
}

// transfer copies n values of each row between arrays of any two types.
func transfer[D, S float32 | float64](rows, n int, dst []D, dstAt, dstStride int, src []S, srcAt, srcStride int) error {
	for r := range rows {
		from := src[r*srcStride+srcAt:][:n]
		to := dst[r*dstStride+dstAt:][:n]
		if same, ok := any(from).([]D); ok {
			copy(to, same)
			continue
		}
		for i, x := range from {
			to[i] = D(x)
		}
	}
	return nil
}
