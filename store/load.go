package store

import (
	"context"
	"fmt"
	"math"
)

// maxLoad bounds an array that is loaded whole; what is larger is meant to be
// read by blocks of columns.
const maxLoad = 1 << 30 // elements

// checkLoad refuses an array too large to be held in memory at once.
func (a *Array) checkLoad() (int, error) {
	if err := a.readable(); err != nil {
		return 0, err
	}
	n, _ := product(a.shape, 1)
	if n > maxLoad {
		return 0, inputErrorf(a.name, "shape %s has %d elements, expected at most %d", shapeString(a.shape), n, maxLoad)
	}
	return int(n), nil
}

// Float64s loads the whole array in C order.
func (a *Array) Float64s(ctx context.Context) ([]float64, error) {
	n, err := a.checkLoad()
	if err != nil {
		return nil, err
	}
	dst := make([]float64, n)
	return dst, a.ReadFloat64(ctx, 0, a.cols, dst, a.cols)
}

// Float32s loads the whole array in C order, rounded to float32.
func (a *Array) Float32s(ctx context.Context) ([]float32, error) {
	n, err := a.checkLoad()
	if err != nil {
		return nil, err
	}
	dst := make([]float32, n)
	return dst, a.ReadFloat32(ctx, 0, a.cols, dst, a.cols)
}

// Ints loads the whole array in C order as exact integers. Floating-point
// elements must be whole numbers.
func (a *Array) Ints(ctx context.Context) ([]int64, error) {
	n, err := a.checkLoad()
	if err != nil {
		return nil, err
	}
	if a.dtype.Kind != Bool && a.dtype.Kind != Int && a.dtype.Kind != Uint || a.dtype.Size < 8 {
		return a.smallInts(ctx)
	}
	raw := make([]int64, n)
	if err := a.readInto(ctx, 0, bytesOf(raw)); err != nil {
		return nil, err
	}
	if a.dtype.Big != hostBig {
		swap(bytesOf(raw), 8)
	}
	if a.dtype.Kind == Uint {
		for i, x := range raw {
			if x < 0 {
				return nil, inputErrorf(a.name, "element %d is %d, expected at most %d", i, uint64(x), int64(math.MaxInt64))
			}
		}
	}
	if a.fortran && a.rows > 1 && a.cols > 1 {
		out := make([]int64, n)
		for i, x := range raw {
			out[i%a.rows*a.cols+i/a.rows] = x
		}
		raw = out
	}
	return raw, nil
}

// smallInts converts elements that a float64 holds exactly.
func (a *Array) smallInts(ctx context.Context) ([]int64, error) {
	x, err := a.Float64s(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(x))
	for i, v := range x {
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, inputErrorf(a.name, "element %d is %v, expected a whole number", i, v)
		}
		out[i] = int64(v)
	}
	return out, nil
}

// LoadFloat64 loads a .npy whole, in C order, with its shape.
func LoadFloat64(ctx context.Context, fsys FS, path string) ([]float64, []int, error) {
	return loadNpy(fsys, path, func(a *Array) ([]float64, error) { return a.Float64s(ctx) })
}

// LoadFloat32 loads a .npy whole, in C order and rounded to float32, with its
// shape.
func LoadFloat32(ctx context.Context, fsys FS, path string) ([]float32, []int, error) {
	return loadNpy(fsys, path, func(a *Array) ([]float32, error) { return a.Float32s(ctx) })
}

// LoadInts loads a .npy of whole numbers, for example run labels or token ids,
// in C order, with its shape.
func LoadInts(ctx context.Context, fsys FS, path string) ([]int64, []int, error) {
	return loadNpy(fsys, path, func(a *Array) ([]int64, error) { return a.Ints(ctx) })
}

func loadNpy[T any](fsys FS, path string, load func(*Array) ([]T, error)) ([]T, []int, error) {
	a, err := OpenNpy(fsys, path)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	x, err := load(a)
	if err != nil {
		return nil, nil, err
	}
	return x, a.Shape(), nil
}

// CheckShape returns an InputError unless the array has the rows and columns
// expected; a negative number stands for any.
func (a *Array) CheckShape(rows, cols int) error {
	if (rows < 0 || rows == a.rows) && (cols < 0 || cols == a.cols) {
		return nil
	}
	word := func(n int) string {
		if n < 0 {
			return "any"
		}
		return fmt.Sprint(n)
	}
	return inputErrorf(a.name, "has shape %s, expected (%s, %s)", shapeString(a.shape), word(rows), word(cols))
}
