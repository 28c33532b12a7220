package ridge

import (
	"context"

	"voxen/engine"
	"voxen/engine/tile"
)

// hold reads the columns [lo, hi) of a source into memory, with all digits that it has.
func hold(ctx context.Context, src tile.Source, lo, hi int) (tile.Source, error) {
	rows, n := src.Rows(), hi-lo
	if tile.IsWide(src) {
		a := tile.NewArray[float64](rows, n)
		return a, src.ReadFloat64(ctx, lo, hi, a.Data, n)
	}
	a := tile.NewArray[float32](rows, n)
	return a, src.ReadFloat32(ctx, lo, hi, a.Data, n)
}

// zeros stands for n columns that hold reads; nil of no source.
func zeros(src tile.Source, n int) tile.Source {
	switch {
	case src == nil:
		return nil
	case tile.IsWide(src):
		return tile.NewArray[float64](src.Rows(), n)
	}
	return tile.NewArray[float32](src.Rows(), n)
}

// heldBytes is what a column that hold reads takes.
func heldBytes(src tile.Source) int64 {
	if src == nil {
		return 0
	}
	size := int64(4)
	if tile.IsWide(src) {
		size = 8
	}
	return size * int64(src.Rows())
}

// someOfColumns lists columns of an array in memory, in this order.
func someOfColumns(src tile.Source, columns []int) tile.Source {
	switch a := src.(type) {
	case *tile.Array[float32]:
		return listed[float32]{a, columns}
	case *tile.Array[float64]:
		return listed[float64]{a, columns}
	}
	panic("ridge: columns are picked of arrays in memory") // as hold gives them
}

// listed are some columns of an array.
type listed[F float32 | float64] struct {
	*tile.Array[F]
	columns []int
}

// Cols counts them.
func (l listed[F]) Cols() int { return len(l.columns) }

// ReadFloat32 reads them.
func (l listed[F]) ReadFloat32(_ context.Context, lo, hi int, dst []float32, stride int) error {
	pickColumns(dst, stride, l, lo, hi)
	return nil
}

// ReadFloat64 reads them.
func (l listed[F]) ReadFloat64(_ context.Context, lo, hi int, dst []float64, stride int) error {
	pickColumns(dst, stride, l, lo, hi)
	return nil
}

func pickColumns[D, F float32 | float64](dst []D, stride int, l listed[F], lo, hi int) {
	n := l.Array.Cols()
	for r := range l.Rows() {
		row, to := l.Data[r*n:(r+1)*n], dst[r*stride:]
		for i, v := range l.columns[lo:hi] {
			to[i] = D(row[v])
		}
	}
}

// scattered is a sink whose columns are some of an array's, and whose rows are some of its
// rows, which are 0 elsewhere; nil: all of them.
type scattered struct {
	*tile.Array[float64]
	columns, rows []int
}

// Rows counts those that it takes.
func (s scattered) Rows() int {
	if s.rows != nil {
		return len(s.rows)
	}
	return s.Array.Rows()
}

// Cols counts them.
func (s scattered) Cols() int { return len(s.columns) }

// WriteFloat32 puts columns into their places.
func (s scattered) WriteFloat32(_ context.Context, lo, hi int, src []float32, stride int) error {
	putColumns(s, lo, hi, src, stride)
	return nil
}

// WriteFloat64 puts columns into their places.
func (s scattered) WriteFloat64(_ context.Context, lo, hi int, src []float64, stride int) error {
	putColumns(s, lo, hi, src, stride)
	return nil
}

func putColumns[F float32 | float64](s scattered, lo, hi int, src []F, stride int) {
	n, columns := s.Array.Cols(), s.columns[lo:hi]
	if s.Rows() < s.Array.Rows() {
		for r := range s.Array.Rows() {
			for _, v := range columns {
				s.Data[r*n+v] = 0
			}
		}
	}
	for i := range s.Rows() {
		r := i
		if s.rows != nil {
			r = s.rows[i]
		}
		for j, v := range columns {
			s.Data[r*n+v] = float64(src[i*stride+j])
		}
	}
}

// rowsOf lists the rows of a fitter's weights among those of K columns, delays side by side.
func (f *fitter) rowsOf(K int) []int {
	var rows []int
	for d := range max(1, len(f.o.Delays)) {
		for _, k := range f.columns {
			rows = append(rows, d*K+k)
		}
	}
	return rows
}

// fanOut are the sinks of each result, of which draws have some in common.
type fanOut map[node][]tile.Sink

// add sends a result to a sink.
func (f fanOut) add(n node, to tile.Sink) { f[n] = append(f[n], to) }

// results gives them to a Machine.
func (f fanOut) results() engine.Results {
	out := engine.Results{}
	for n, sinks := range f {
		out[n] = engine.ToSink(sinks[0])
		if len(sinks) > 1 {
			out[n] = engine.ToSink(several{sinks[0], sinks})
		}
	}
	return out
}

// several writes the same to some sinks, of which the first says how wide.
type several struct {
	tile.Sink
	all []tile.Sink
}

// WriteFloat32 writes to all.
func (s several) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	for _, sink := range s.all {
		if err := sink.WriteFloat32(ctx, lo, hi, src, stride); err != nil {
			return err
		}
	}
	return nil
}

// WriteFloat64 writes to all.
func (s several) WriteFloat64(ctx context.Context, lo, hi int, src []float64, stride int) error {
	for _, sink := range s.all {
		if err := sink.WriteFloat64(ctx, lo, hi, src, stride); err != nil {
			return err
		}
	}
	return nil
}
