package dict

import (
	"context"
	"fmt"
	"unsafe"

	"voxen/engine/tile"
)

// Codes is a sparse (Rows x Cols) matrix by columns, in panels that take the memory of
// what is in them.
type Codes struct {
	Rows, Cols int // atoms, signals
	panels     []panel
}

// panel is the codes of panelSignals signals, the last of fewer: those of the i-th are
// values[ends[i-1]:ends[i]], of the atoms there, ascending.
type panel struct {
	ends   []int32
	atoms  []int32
	values []float64
}

// codeBytes is what an element of codes that is not 0 takes; codesBytes is the most that codes
// of n signals over K atoms do.
const codeBytes = 4 + 8

func codesBytes(K, n int) int64 {
	return (int64(K)*codeBytes+4)*int64(n) + int64(panels(n))*int64(unsafe.Sizeof(panel{}))
}

// panels is the number of panels of n signals.
func panels(n int) int { return (n + panelSignals - 1) / panelSignals }

// Column gives the atoms, ascending, and the codes of signal n that are not 0.
func (c *Codes) Column(n int) (atoms []int32, values []float64) {
	p, i := &c.panels[n/panelSignals], n%panelSignals
	lo := int32(0)
	if i > 0 {
		lo = p.ends[i-1]
	}
	return p.atoms[lo:p.ends[i]], p.values[lo:p.ends[i]]
}

// NonZero is the number of codes that are not 0.
func (c *Codes) NonZero() (n int) {
	for _, p := range c.panels {
		n += len(p.values)
	}
	return n
}

// Sums gives the sum of each atom's codes.
func (c *Codes) Sums() []float64 {
	sums := make([]float64, c.Rows)
	for _, p := range c.panels {
		for i, k := range p.atoms {
			sums[k] += p.values[i]
		}
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

// add appends the codes of signals, given as dense rows of K; but for the last they come in whole panels.
func add[F float32 | float64](c *Codes, dense []F) {
	for len(dense) > 0 {
		rows := dense[:min(len(dense), panelSignals*c.Rows)]
		n := 0
		for _, x := range rows {
			if x != 0 {
				n++
			}
		}
		p := panel{ends: make([]int32, 0, len(rows)/c.Rows), atoms: make([]int32, 0, n), values: make([]float64, 0, n)}
		for at := 0; at < len(rows); at += c.Rows {
			for k, x := range rows[at:][:c.Rows] {
				if x != 0 {
					p.atoms, p.values = append(p.atoms, int32(k)), append(p.values, float64(x))
				}
			}
			p.ends = append(p.ends, int32(len(p.values)))
		}
		c.panels = append(c.panels, p)
		dense = dense[len(rows):]
	}
}

// flip negates the codes of atoms.
func (c *Codes) flip(atoms []bool) {
	for _, p := range c.panels {
		for i, k := range p.atoms {
			if atoms[k] {
				p.values[i] = -p.values[i]
			}
		}
	}
}
