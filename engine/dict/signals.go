package dict

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"

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

// Wide reports whether signals have more digits than a float32.
func (s *Signals[F]) Wide() bool { return unsafe.Sizeof(*new(F)) > 4 }

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

// wider reports whether signals are read in float64 though they become float32: a source that has the digits is
// standardised in them, and what is left is rounded.
func (r *reader[F]) wider() bool {
	_, single := any(*new(F)).(float32)
	return single && r.scale && tile.IsWide(r.src)
}

// blockGap is the number of values between rows of a block: rows a page apart would share one set of the first-level
// cache when they are transposed.
const blockGap = 16

// bytes is the memory in which a source is read.
func (r *reader[F]) bytes() int64 {
	columns, size := r.block()+blockGap, int(unsafe.Sizeof(*new(F)))
	if r.wider() {
		columns, size = columns+r.block(), 8
	}
	return int64(r.threads) * int64(columns) * (int64(r.src.Rows())*int64(size) + 8)
}

// read fills dst with signals [lo, hi) and sq with their squared norms.
func (r *reader[F]) read(ctx context.Context, lo, hi int, dst []F, sq []float64) error {
	t := r.src.Rows()
	if !r.wider() {
		return readBlocks(ctx, r, lo, hi, 0, func(a, b int, _ []F) []F { return dst[(a-lo)*t : (b-lo)*t] },
			func(v int, _ []F, squares float64) { sq[v-lo] = squares })
	}
	return readBlocks(ctx, r, lo, hi, r.block()*t, func(a, b int, spare []float64) []float64 { return spare[:(b-a)*t] },
		func(v int, s []float64, _ float64) {
			out := dst[(v-lo)*t : (v-lo+1)*t]
			for i, x := range s {
				out[i] = F(x)
			}
			sq[v-lo] = sumSquares(out)
		})
}

// readBlocks reads signals [lo, hi) in the precision R by blocks: rows gives the memory of those of a block, which may be
// in spare values, and take is handed each, standardised, with its sum of squares.
func readBlocks[R, F float32 | float64](ctx context.Context, r *reader[F], lo, hi, spare int, rows func(a, b int, spare []R) []R,
	take func(v int, s []R, squares float64)) error {
	t, block := r.src.Rows(), r.block()
	stride := block + blockGap
	return parallel(r.threads, (hi-lo+block-1)/block, stride*t+spare, func(i int, buf []R) error {
		a := lo + i*block
		b := min(a+block, hi)
		if err := columns(ctx, r.src, a, b, buf[:stride*t], stride); err != nil {
			return err
		}
		out := rows(a, b, buf[stride*t:])
		toRows(out, buf, b-a, t, stride)
		for v := a; v < b; v++ {
			s := out[(v-a)*t : (v-a+1)*t]
			squares, err := finish(s, v, r.scale)
			if err != nil {
				return err
			}
			take(v, s, squares)
		}
		return nil
	})
}

// inPlace checks signals that are in memory already and finds their squared norms.
func (r *reader[F]) inPlace(data []F, sq []float64) error {
	t, n := r.src.Rows(), (len(sq)+blockColumns-1)/blockColumns
	return parallel(r.threads, n, 0, func(i int, _ []F) (err error) {
		for v := i * blockColumns; v < min((i+1)*blockColumns, len(sq)); v++ {
			if sq[v], err = finish(data[v*t:(v+1)*t], v, r.scale); err != nil {
				return err
			}
		}
		return nil
	})
}

// parallel runs f for pieces 0..n-1 on a number of goroutines, each with a buffer of size
// elements, and gives the error of the first piece that has one.
func parallel[F float32 | float64](threads, n, size int, f func(i int, buf []F) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	for range min(threads, n) {
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
func columns[F float32 | float64](ctx context.Context, src tile.Source, lo, hi int, buf []F, stride int) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	switch buf := any(buf).(type) {
	case []float32:
		return src.ReadFloat32(ctx, lo, hi, buf, stride)
	case []float64:
		return src.ReadFloat64(ctx, lo, hi, buf, stride)
	}
	return nil
}

// toRows transposes t rows of n values, stride apart, to n rows of t: eight rows of a few columns at a time, which
// stay in the first-level cache with the signals that they become.
func toRows[F float32 | float64](dst, src []F, n, t, stride int) {
	const columns, rows = 16, 8
	for v0 := 0; v0 < n; v0 += columns {
		width, i := min(columns, n-v0), 0
		for ; i+rows <= t; i += rows {
			row := func(k int) []F { return src[(i+k)*stride+v0:][:width] }
			a, b, c, d, e, f, g, h := row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)
			for v, x := range a {
				out := dst[(v0+v)*t+i:][:rows]
				out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7] = x, b[v], c[v], d[v], e[v], f[v], g[v], h[v]
			}
		}
		for ; i < t; i++ {
			for v, x := range src[i*stride+v0:][:width] {
				dst[(v0+v)*t+i] = x
			}
		}
	}
}

// finish standardises signal v, where signals are scaled, and gives its squared norm.
func finish[F float32 | float64](s []F, v int, scale bool) (squares float64, err error) {
	squares = sumSquares(s)
	if !(squares <= math.MaxFloat64) {
		if err := refuse(s, v, scale); err != nil {
			return 0, err
		}
	}
	if scale {
		unit(s, squares)
		squares = sumSquares(s)
	}
	return squares, nil
}

// refuse names the first value of a signal that is not finite, or a signal
// whose squares overflow and that nothing will scale.
func refuse[F float32 | float64](s []F, v int, scale bool) error {
	for i, x := range s {
		if x-x != 0 {
			return &NotFinite{v, i, float64(x)}
		}
	}
	if !scale {
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

// sumSquares is sum s_i^2 in float64, in a fixed order.
func sumSquares[F float32 | float64](s []F) float64 {
	if s, ok := any(s).([]float32); ok {
		v := blas32.Vector{N: len(s), Inc: 1, Data: s}
		return blas32.DDot(v, v)
	}
	v := blas64.Vector{N: len(s), Inc: 1, Data: any(s).([]float64)}
	return blas64.Dot(v, v)
}

// unit scales a signal with the sum of squares sq to mean 0 and norm 1, or to
// zeros where it is constant, as read or but for the rounding of its values. Values
// of any size are brought near 1 first, so that no square overflows or vanishes.
func unit[F float32 | float64](s []F, sq float64) {
	if constant(s) {
		clear(s)
		return
	}
	factor := 1.0
	if !(sq > 1e-200 && sq < 1e200) {
		factor = nearOne(s)
	}
	mean := total(s, factor) / float64(len(s))
	var a, b, c, d float64
	rest := s
	for ; len(rest) >= 4; rest = rest[4:] {
		w, x, y, z := float64(rest[0])*factor-mean, float64(rest[1])*factor-mean, float64(rest[2])*factor-mean, float64(rest[3])*factor-mean
		a, b, c, d = a+w*w, b+x*x, c+y*y, d+z*z
	}
	for _, x := range rest {
		w := float64(x)*factor - mean
		a += w * w
	}
	left, none := (a+b)+(c+d), rounding[F]()
	if left <= none*none*(left+float64(len(s))*mean*mean) {
		clear(s)
		return
	}
	scale := 1 / math.Sqrt(left)
	for i, x := range s {
		s[i] = F((float64(x)*factor - mean) * scale)
	}
}

// rounding is the share of a signal's norm below which what varies is the rounding of a constant that was computed: the
// spacing of values in float32, and 1e-10 in float64, where steps before have left more of it.
func rounding[F float32 | float64]() float64 {
	if _, single := any(*new(F)).(float32); single {
		return 1.0 / (1 << 23)
	}
	return 1e-10
}

// constant reports whether all values are the same.
func constant[F float32 | float64](s []F) bool {
	for _, x := range s {
		if x != s[0] {
			return false
		}
	}
	return true
}

// nearOne is a power of two, which rounds nothing, that brings the largest value near 1.
func nearOne[F float32 | float64](s []F) float64 {
	top := 0.0
	for _, x := range s {
		top = max(top, math.Abs(float64(x)))
	}
	_, exp := math.Frexp(top)
	return math.Ldexp(1, min(-exp, 1023)) // a larger one overflows
}

// total is sum factor s_i.
func total[F float32 | float64](s []F, factor float64) float64 {
	var a, b, c, d float64
	for ; len(s) >= 4; s = s[4:] {
		a, b, c, d = a+float64(s[0])*factor, b+float64(s[1])*factor, c+float64(s[2])*factor, d+float64(s[3])*factor
	}
	for _, x := range s {
		a += float64(x) * factor
	}
	return (a + b) + (c + d)
}
