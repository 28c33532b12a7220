package store

import (
	"context"
	"math"
)

// maxLoad bounds an array that is loaded whole; what is larger is meant to be
// read by blocks of columns.
const maxLoad = 1 << 30 // elements

// checkLoad refuses an array that cannot be read, or is too large to be held in
// memory at once.
func checkLoad(ctx context.Context, a Array) (int, error) {
	if err := a.ReadFloat64(ctx, 0, 0, nil, 0); err != nil {
		return 0, err
	}
	n, ok := product([]int{a.Rows(), a.Cols()}, 1)
	if !ok || n > maxLoad {
		return 0, inputErrorf(a.Name(), "shape %s has too many elements to be held in memory, expected at most %d", shapeString(a.Shape()), maxLoad)
	}
	return int(n), nil
}

// Float64s loads a whole array in C order.
func Float64s(ctx context.Context, a Array) ([]float64, error) {
	n, err := checkLoad(ctx, a)
	if err != nil {
		return nil, err
	}
	dst := make([]float64, n)
	return dst, a.ReadFloat64(ctx, 0, a.Cols(), dst, a.Cols())
}

// Float32s loads a whole array in C order, rounded to float32.
func Float32s(ctx context.Context, a Array) ([]float32, error) {
	n, err := checkLoad(ctx, a)
	if err != nil {
		return nil, err
	}
	dst := make([]float32, n)
	return dst, a.ReadFloat32(ctx, 0, a.Cols(), dst, a.Cols())
}

// ints loads a whole array in C order as exact integers. Floating-point elements
// must be whole numbers; integers beyond 2^53 are taken from a flat array alone.
func ints(ctx context.Context, from Array) ([]int64, error) {
	a, ok := from.(*flat)
	if !ok || a.dtype.Kind != Int && a.dtype.Kind != Uint || a.dtype.Size < 8 {
		return smallInts(ctx, from)
	}
	n, err := checkLoad(ctx, a)
	if err != nil {
		return nil, err
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
func smallInts(ctx context.Context, a Array) ([]int64, error) {
	x, err := Float64s(ctx, a)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(x))
	for i, v := range x {
		if v != math.Trunc(v) || math.Abs(v) >= 1<<53 { // 2^53 may be another number, rounded
			return nil, inputErrorf(a.Name(), "element %d is %v, expected a whole number", i, v)
		}
		out[i] = int64(v)
	}
	return out, nil
}

// LoadFloat64 loads an array whole, in C order, with its shape.
func LoadFloat64(ctx context.Context, fsys FS, path string) ([]float64, []int, error) {
	return loadArray(ctx, fsys, path, Float64s)
}

// LoadFloat32 loads an array whole, in C order and rounded to float32, with its
// shape.
func LoadFloat32(ctx context.Context, fsys FS, path string) ([]float32, []int, error) {
	return loadArray(ctx, fsys, path, Float32s)
}

// LoadInts loads an array of whole numbers, for example run labels or token ids,
// in C order, with its shape.
func LoadInts(ctx context.Context, fsys FS, path string) ([]int64, []int, error) {
	return loadArray(ctx, fsys, path, ints)
}

func loadArray[T any](ctx context.Context, fsys FS, path string, load func(context.Context, Array) ([]T, error)) ([]T, []int, error) {
	a, err := OpenArray(fsys, path)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	x, err := load(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return x, a.Shape(), nil
}
