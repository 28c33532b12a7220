package dict

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"voxen/engine/tile"
)

// Signals is a Source whose columns are contiguous in memory: the T values of
// signal n are Data[n*T : (n+1)*T]. Learn and Encode read it in place when
// nothing has to be standardised.
type Signals[F float32 | float64] struct {
	T, N int
	Data []F
}

// NewSignals makes a source of N signals of T values.
func NewSignals[F float32 | float64](T, N int, data []F) (*Signals[F], error) {
	if T < 0 || N < 0 || len(data) != T*N {
		return nil, fmt.Errorf("%d values for %d signals of %d", len(data), N, T)
	}
	return &Signals[F]{T, N, data}, nil
}

var _ tile.Source = (*Signals[float32])(nil)

// Rows is the number of values of a signal.
func (s *Signals[F]) Rows() int { return s.T }

// Cols is the number of signals.
func (s *Signals[F]) Cols() int { return s.N }

// ReadFloat32 copies signals [lo, hi) to columns.
func (s *Signals[F]) ReadFloat32(_ context.Context, lo, hi int, dst []float32, stride int) error {
	toColumns(dst, stride, s.Data[lo*s.T:hi*s.T], s.T)
	return nil
}

// ReadFloat64 copies signals [lo, hi) to columns.
func (s *Signals[F]) ReadFloat64(_ context.Context, lo, hi int, dst []float64, stride int) error {
	toColumns(dst, stride, s.Data[lo*s.T:hi*s.T], s.T)
	return nil
}

func toColumns[D, S float32 | float64](dst []D, stride int, src []S, t int) {
	for i, x := range src {
		dst[i%t*stride+i/t] = D(x)
	}
}

// blockColumns is how many columns are handled at once at least, of which each is a row of a file for each value.
const blockColumns = 256

// block is how many columns are read from a source at once: as many as blockBytes hold, since a read of a few
// hundred values of a row costs as much as one of a page.
func (r *reader[F]) block() int {
	const blockBytes, most = 2 << 20, 1024
	n := blockBytes / (r.src.Rows() * int(unsafe.Sizeof(*new(F)))) / blockColumns * blockColumns
	return min(max(n, blockColumns), most)
}

// reader reads signals from a source, standardised, one after the other in
// memory, with their squared norms. It refuses values that are not finite.
type reader[F float32 | float64] struct {
	src     tile.Source
	scale   bool
	threads int
}

// read fills dst with signals [lo, hi) and sq with their squared norms.
func (r *reader[F]) read(ctx context.Context, lo, hi int, dst []F, sq []float64) error {
	t, block := r.src.Rows(), r.block()
	// rows a page apart would share one set of the first-level cache when they are transposed
	stride := block + 16
	return r.parallel((hi-lo+block-1)/block, stride*t, func(i int, buf []F) error {
		a := lo + i*block
		b := min(a+block, hi)
		if err := r.columns(ctx, a, b, buf, stride); err != nil {
			return err
		}
		out := dst[(a-lo)*t : (b-lo)*t]
		toRows(out, buf, b-a, t, stride)
		for v := a; v < b; v++ {
			s := out[(v-a)*t : (v-a+1)*t]
			if err := r.finish(s, v, &sq[v-lo]); err != nil {
				return err
			}
		}
		return nil
	})
}

// inPlace checks signals that are in memory already and finds their squared norms.
func (r *reader[F]) inPlace(data []F, sq []float64) error {
	t, n := r.src.Rows(), (len(sq)+blockColumns-1)/blockColumns
	return r.parallel(n, 0, func(i int, _ []F) error {
		for v := i * blockColumns; v < min((i+1)*blockColumns, len(sq)); v++ {
			if err := r.finish(data[v*t:(v+1)*t], v, &sq[v]); err != nil {
				return err
			}
		}
		return nil
	})
}

// parallel runs f for pieces 0..n-1, each goroutine with a buffer of size
// elements, and gives the error of the first piece that has one.
func (r *reader[F]) parallel(n, size int, f func(i int, buf []F) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	for range min(r.threads, n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			buf := make([]F, size)
			for i := int(next.Add(1)) - 1; i < n && !failed.Load(); i = int(next.Add(1)) - 1 {
				if errs[i] = f(i, buf); errs[i] != nil {
					failed.Store(true)
				}
			}
		}()
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// columns reads columns [lo, hi) to rows stride values apart.
func (r *reader[F]) columns(ctx context.Context, lo, hi int, buf []F, stride int) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	switch buf := any(buf).(type) {
	case []float32:
		return r.src.ReadFloat32(ctx, lo, hi, buf, stride)
	case []float64:
		return r.src.ReadFloat64(ctx, lo, hi, buf, stride)
	}
	return nil
}

// toRows transposes t rows of n values, stride apart, to n rows of t, by squares.
func toRows[F float32 | float64](dst, src []F, n, t, stride int) {
	const side = 16
	for v0 := 0; v0 < n; v0 += side {
		for t0 := 0; t0 < t; t0 += side {
			for v := v0; v < min(v0+side, n); v++ {
				row := dst[v*t : (v+1)*t]
				for i := t0; i < min(t0+side, t); i++ {
					row[i] = src[i*stride+v]
				}
			}
		}
	}
}

// finish standardises signal v and finds its squared norm.
func (r *reader[F]) finish(s []F, v int, sq *float64) error {
	*sq = sumSquares(s, 0)
	if !(*sq <= math.MaxFloat64) {
		if err := r.refuse(s, v); err != nil {
			return err
		}
	}
	if r.scale {
		unit(s)
		*sq = sumSquares(s, 0)
	}
	return nil
}

// refuse names the first value of a signal that is not finite, or a signal
// whose squares overflow and that nothing will scale.
func (r *reader[F]) refuse(s []F, v int) error {
	for i, x := range s {
		if x-x != 0 {
			return &NotFinite{v, i, float64(x)}
		}
	}
	if !r.scale {
		return &Overflow{v}
	}
	return nil
}

// NotFinite says that a signal has a value that is NaN or infinite.
type NotFinite struct {
	Signal, Row int
	Value       float64
}

// Error names the value and its place.
func (e *NotFinite) Error() string {
	return fmt.Sprintf("signal %d has the value %v at row %d, want finite values", e.Signal, e.Value, e.Row)
}

// Overflow says that a signal which is not standardised is too large.
type Overflow struct{ Signal int }

// Error names the signal.
func (e *Overflow) Error() string {
	return fmt.Sprintf("signal %d has values whose squares overflow, want smaller values or standardised columns", e.Signal)
}

// sumSquares is sum (s_i - mean)^2 in float64, in a fixed order.
func sumSquares[F float32 | float64](s []F, mean float64) float64 {
	var a, b, c, d float64
	for ; len(s) >= 4; s = s[4:] {
		w, x, y, z := float64(s[0])-mean, float64(s[1])-mean, float64(s[2])-mean, float64(s[3])-mean
		a, b, c, d = a+w*w, b+x*x, c+y*y, d+z*z
	}
	for _, x := range s {
		a += (float64(x) - mean) * (float64(x) - mean)
	}
	return (a + b) + (c + d)
}

// unit scales a signal to mean 0 and norm 1, or to zeros where it is constant.
// Values of any size are brought near 1 first, so that no square overflows or
// vanishes.
func unit[F float32 | float64](s []F) {
	lo, hi := s[0], s[0]
	for _, x := range s {
		lo, hi = min(lo, x), max(hi, x)
	}
	if lo == hi {
		clear(s)
		return
	}
	factor := 1.0
	if top := max(math.Abs(float64(lo)), math.Abs(float64(hi))); top > 1e100 || top < 1e-100 {
		_, exp := math.Frexp(top)
		factor = math.Ldexp(1, min(-exp, 1023)) // a power of two rounds nothing; a larger one overflows
	}
	mean := 0.0
	for _, x := range s {
		mean += float64(x) * factor
	}
	mean /= float64(len(s))
	sq := 0.0
	for _, x := range s {
		d := float64(x)*factor - mean
		sq += d * d
	}
	norm := math.Sqrt(sq)
	for i, x := range s {
		s[i] = F((float64(x)*factor - mean) / norm)
	}
}
