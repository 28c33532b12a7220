package brain

import (
	"context"
	"fmt"
	"slices"
)

// Joined is several arrays of the same rows side by side, such as the two
// hemispheres of a surface.
type Joined struct {
	parts []Columns
	first []int // first column of each part, and the end of the last
}

// Join puts arrays with equal numbers of rows side by side.
func Join(parts ...Columns) (*Joined, error) {
	j := &Joined{parts: parts, first: []int{0}}
	if len(parts) == 0 {
		return nil, fmt.Errorf("nothing to join, expected at least one array")
	}
	for i, p := range parts {
		if p.Rows() != parts[0].Rows() {
			return nil, fmt.Errorf("array %d has %d rows, expected %d", i, p.Rows(), parts[0].Rows())
		}
		j.first = append(j.first, j.first[i]+p.Cols())
	}
	return j, nil
}

// Rows returns the number of rows of every part.
func (j *Joined) Rows() int { return j.parts[0].Rows() }

// Cols returns the columns of all parts.
func (j *Joined) Cols() int { return j.first[len(j.parts)] }

// Wide reports whether values of a part may need more digits than a float32 has; see
// tile.Wide.
func (j *Joined) Wide() bool { return slices.ContainsFunc(j.parts, wide) }

// wide reports whether columns say that they are.
func wide(c Columns) bool {
	w, ok := c.(interface{ Wide() bool })
	return ok && w.Wide()
}

// ReadFloat32 copies the columns [lo, hi): dst[t*stride + (v-lo)].
func (j *Joined) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return j.each(lo, hi, func(p Columns, from, to, at int) error {
		return p.ReadFloat32(ctx, from, to, dst[at:], stride)
	})
}

// ReadFloat64 is ReadFloat32 in float64.
func (j *Joined) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return j.each(lo, hi, func(p Columns, from, to, at int) error {
		return p.ReadFloat64(ctx, from, to, dst[at:], stride)
	})
}

// each calls read for the piece of [lo, hi) in every part that has one; at is
// where it begins in a row of the result.
func (j *Joined) each(lo, hi int, read func(p Columns, from, to, at int) error) error {
	if lo < 0 || lo > hi || hi > j.Cols() {
		return fmt.Errorf("columns %d to %d, expected a part of 0 to %d", lo, hi, j.Cols())
	}
	for i, p := range j.parts {
		from, to := max(lo, j.first[i]), min(hi, j.first[i+1])
		if from >= to {
			continue
		}
		if err := read(p, from-j.first[i], to-j.first[i], from-lo); err != nil {
			return err
		}
	}
	return nil
}
