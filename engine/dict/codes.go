package dict

import (
	"context"
	"fmt"

	"voxen/engine/tile"
)

// Codes is a sparse (Rows x Cols) matrix by columns: the codes of signal n are
// Values[Indptr[n]:Indptr[n+1]], of the atoms in Indices there, ascending.
type Codes struct {
	Rows, Cols int // atoms, signals
	Indptr     []int64
	Indices    []int32
	Values     []float64
}

// Column gives the atoms and codes of signal n.
func (c *Codes) Column(n int) (atoms []int32, values []float64) {
	lo, hi := c.Indptr[n], c.Indptr[n+1]
	return c.Indices[lo:hi], c.Values[lo:hi]
}

// Sums gives the sum of each atom's codes.
func (c *Codes) Sums() []float64 {
	sums := make([]float64, c.Rows)
	for i, k := range c.Indices {
		sums[k] += c.Values[i]
	}
	return sums
}

// WriteTo writes the codes to a (Rows x Cols) sink in float32 or, where wide, in
// float64, by blocks of columns.
func (c *Codes) WriteTo(ctx context.Context, sink tile.Sink, wide bool) error {
	if sink.Rows() != c.Rows || sink.Cols() != c.Cols {
		return fmt.Errorf("codes are %d x %d, the sink takes %d x %d", c.Rows, c.Cols, sink.Rows(), sink.Cols())
	}
	if wide {
		return writeCodes(c, func(lo, hi int, b []float64) error { return sink.WriteFloat64(ctx, lo, hi, b, hi-lo) })
	}
	return writeCodes(c, func(lo, hi int, b []float32) error { return sink.WriteFloat32(ctx, lo, hi, b, hi-lo) })
}

func writeCodes[F float32 | float64](c *Codes, write func(lo, hi int, block []F) error) error {
	buf := make([]F, c.Rows*blockColumns)
	for lo := 0; lo < c.Cols; lo += blockColumns {
		hi := min(lo+blockColumns, c.Cols)
		block := buf[:c.Rows*(hi-lo)]
		clear(block)
		for n := lo; n < hi; n++ {
			atoms, values := c.Column(n)
			for i, k := range atoms {
				block[int(k)*(hi-lo)+n-lo] = F(values[i])
			}
		}
		if err := write(lo, hi, block); err != nil {
			return err
		}
	}
	return nil
}

// add appends the codes of signals, given as dense rows of K.
func add[F float32 | float64](c *Codes, dense []F) {
	for len(dense) > 0 {
		for k, x := range dense[:c.Rows] {
			if x != 0 {
				c.Indices = append(c.Indices, int32(k))
				c.Values = append(c.Values, float64(x))
			}
		}
		c.Indptr = append(c.Indptr, int64(len(c.Values)))
		dense = dense[c.Rows:]
	}
}

// flip negates the codes of atoms.
func (c *Codes) flip(atoms []bool) {
	for i, k := range c.Indices {
		if atoms[k] {
			c.Values[i] = -c.Values[i]
		}
	}
}
