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
	out := make([]int64, n)
	buf := getScratch()
	defer putScratch(buf)
	for at := 0; at < n; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw := buf.bytes()[:min(scratchBytes, 8*(n-at))]
		if err := a.readAt(raw, 8*int64(at)); err != nil {
			return nil, err
		}
		if err := decodeInts(a.name, a.dtype, at, out[at:], raw); err != nil {
			return nil, err
		}
		at += len(raw) / 8
	}
	if a.fortran && a.rows > 1 && a.cols > 1 {
		byRows := make([]int64, n)
		for i, x := range out {
			byRows[i%a.rows*a.cols+i/a.rows] = x
		}
		out = byRows
	}
	return out, nil
}

// smallInts converts elements that a float64 holds exactly.
func smallInts(ctx context.Context, a Array) ([]int64, error) {
	x, err := Float64s(ctx, a)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(x))
	return out, wholeNumbers(a.Name(), 0, out, x)
}

// wholeNumbers sets dst to x, of which the first is element at of an array.
func wholeNumbers(title string, at int, dst []int64, x []float64) error {
	for i, v := range x {
		if v != math.Trunc(v) || math.Abs(v) >= 1<<53 { // 2^53 may be another number, rounded
			return inputErrorf(title, "element %d is %v, expected a whole number", at+i, v)
		}
		dst[i] = int64(v)
	}
	return nil
}

// decodeInts converts the elements in raw, of which the first is element at of an
// array, to exact integers. raw is aligned to 8 bytes and may be changed.
func decodeInts(title string, d DType, at int, dst []int64, raw []byte) error {
	if d.Size < 8 || d.Kind != Int && d.Kind != Uint {
		const most = 1 << 10
		var x [most]float64
		for len(raw) > 0 {
			n := min(most, len(raw)/d.Size)
			decode(d, x[:n], raw[:n*d.Size])
			if err := wholeNumbers(title, at, dst, x[:n]); err != nil {
				return err
			}
			raw, dst, at = raw[n*d.Size:], dst[n:], at+n
		}
		return nil
	}
	if d.Big != hostBig {
		swap(raw, 8)
	}
	for i, x := range viewOf[int64](raw) {
		if d.Kind == Uint && x < 0 {
			return inputErrorf(title, "element %d is %d, expected at most %d", at+i, uint64(x), int64(math.MaxInt64))
		}
		dst[i] = x
	}
	return nil
}

// LoadFloat64 loads an array whole, in C order, with its shape.
func LoadFloat64(ctx context.Context, fsys FS, path string) ([]float64, []int, error) {
	return loadArray(ctx, fsys, path, 8, Float64s)
}

// LoadFloat32 loads an array whole, in C order and rounded to float32, with its
// shape.
func LoadFloat32(ctx context.Context, fsys FS, path string) ([]float32, []int, error) {
	return loadArray(ctx, fsys, path, 4, Float32s)
}

// LoadInts loads an array of whole numbers, for example run labels or token ids,
// in C order, with its shape.
func LoadInts(ctx context.Context, fsys FS, path string) ([]int64, []int, error) {
	return loadArray(ctx, fsys, path, 16, ints)
}

// loadArray loads an array by a function that takes so many bytes for an element.
func loadArray[T any](ctx context.Context, fsys FS, path string, bytes int64, load func(context.Context, Array) ([]T, error)) ([]T, []int, error) {
	a, err := OpenArray(fsys, path)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	if n, ok := product([]int{a.Rows(), a.Cols()}, 1); ok {
		if err := Allow(fsys, path, bytes*min(n, maxLoad)); err != nil {
			return nil, nil, err
		}
	}
	x, err := load(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return x, a.Shape(), nil
}
