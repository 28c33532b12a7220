package tile

import (
	"context"
	"math"
)

// KeepRows is a source of some rows of another: ranges [lo, hi) in increasing order.
func KeepRows(src Source, rows [][2]int) Source {
	k := keptRows{Source: src, kept: rows}
	for _, s := range rows {
		k.n += s[1] - s[0]
	}
	return k
}

type keptRows struct {
	Source
	kept [][2]int
	n    int
}

// Rows is the number of rows that are kept.
func (s keptRows) Rows() int { return s.n }

// Wide is that of the source.
func (s keptRows) Wide() bool { return IsWide(s.Source) }

// ReadFloat32 reads columns.
func (s keptRows) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readKept(s, lo, hi, dst, stride, func(lo, hi int, into []float32) error { return s.Source.ReadFloat32(ctx, lo, hi, into, hi-lo) })
}

// ReadFloat64 reads columns.
func (s keptRows) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readKept(s, lo, hi, dst, stride, func(lo, hi int, into []float64) error { return s.Source.ReadFloat64(ctx, lo, hi, into, hi-lo) })
}

// readKept reads all rows of a few columns at a time, and takes those that are kept.
func readKept[F float32 | float64](s keptRows, lo, hi int, dst []F, stride int, read func(lo, hi int, into []F) error) error {
	const width = 256
	all := make([]F, s.Source.Rows()*min(width, hi-lo))
	for at := lo; at < hi; at += width {
		n := min(width, hi-at)
		if err := read(at, at+n, all); err != nil {
			return err
		}
		row := 0
		for _, span := range s.kept {
			for t := span[0]; t < span[1]; t++ {
				copy(dst[row*stride+at-lo:][:n], all[t*n:])
				row++
			}
		}
	}
	return nil
}

// SpreadRows is a sink whose rows go to some rows of another: ranges [lo, hi) in increasing
// order. The other rows of that are NaN. It is compared by its address.
func SpreadRows(dst Sink, rows [][2]int) Sink {
	s := &spreadRows{Sink: dst, kept: rows}
	for _, span := range rows {
		s.n += span[1] - span[0]
	}
	return s
}

type spreadRows struct {
	Sink
	kept [][2]int
	n    int
}

// Rows is the number of rows that are written.
func (s *spreadRows) Rows() int { return s.n }

// WriteFloat32 writes columns.
func (s *spreadRows) WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error {
	return s.Sink.WriteFloat32(ctx, lo, hi, spread(s, hi-lo, src, stride), hi-lo)
}

// WriteFloat64 writes columns.
func (s *spreadRows) WriteFloat64(ctx context.Context, lo, hi int, src []float64, stride int) error {
	return s.Sink.WriteFloat64(ctx, lo, hi, spread(s, hi-lo, src, stride), hi-lo)
}

// spread puts n columns of the rows that are written in their places.
func spread[F float32 | float64](s *spreadRows, n int, src []F, stride int) []F {
	all := make([]F, s.Sink.Rows()*n)
	for i := range all {
		all[i] = F(math.NaN())
	}
	row := 0
	for _, span := range s.kept {
		for t := span[0]; t < span[1]; t++ {
			copy(all[t*n:(t+1)*n], src[row*stride:])
			row++
		}
	}
	return all
}

// Sum is the sum of sources of one shape.
func Sum(parts ...Source) Source { return summed{parts[0], parts} }

type summed struct {
	Source
	parts []Source
}

// Wide is true: a sum has more digits than its terms.
func (s summed) Wide() bool { return true }

// ReadFloat32 reads columns.
func (s summed) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	n := hi - lo
	all := make([]float64, s.Rows()*n)
	if err := s.ReadFloat64(ctx, lo, hi, all, n); err != nil {
		return err
	}
	for row := range s.Rows() {
		for i, x := range all[row*n : (row+1)*n] {
			dst[row*stride+i] = float32(x)
		}
	}
	return nil
}

// ReadFloat64 reads columns.
func (s summed) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	if err := s.Source.ReadFloat64(ctx, lo, hi, dst, stride); err != nil {
		return err
	}
	n := hi - lo
	part := make([]float64, s.Rows()*n)
	for _, p := range s.parts[1:] {
		if err := p.ReadFloat64(ctx, lo, hi, part, n); err != nil {
			return err
		}
		for row := range s.Rows() {
			for i, x := range part[row*n : (row+1)*n] {
				dst[row*stride+i] += x
			}
		}
	}
	return nil
}
