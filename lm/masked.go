package lm

import (
	"fmt"
	"slices"
)

// Masked is a reading for masked words: the windows are read once for each of so many passes,
// pass p with all pieces of every so-many-th row from p on in the place of which the mask
// token stands (the rows that are read from the window, counted from its first). Each row is
// masked once, beside rows that are not; one without a piece in none.
//
// Of a model that fills masks, Surprisals then gives -log2 of the probabilities of a row's
// pieces at their masks, summed: a pseudo-likelihood (Salazar et al. 2020, arXiv
// 1910.14659) with several words masked at a time, as in training.
func (r *Reading) Masked(mask, passes int) *Reading {
	out := &Reading{Rows: r.Rows, Empty: r.Empty}
	for _, w := range r.Windows {
		for pass := range passes {
			m := w
			m.IDs, m.Rows, m.masked = slices.Clone(w.IDs), nil, slices.Repeat([]int{-1}, len(w.IDs))
			for i, row := range w.Rows {
				s := w.Spans[row-w.Lo]
				if i%passes != pass || s.Lo == s.Hi {
					continue
				}
				m.Rows = append(m.Rows, row)
				for t := s.Lo; t < s.Hi; t++ {
					m.masked[t], m.IDs[t] = w.IDs[t], mask
				}
			}
			if len(m.Rows) > 0 {
				out.Windows = append(out.Windows, m)
			}
		}
	}
	return out
}

// Mask is the id of the token that stands for a masked one.
func (m *Model) Mask() (int, error) {
	if m.Tokenizer == nil || m.Tokenizer.mask < 0 {
		return 0, fmt.Errorf("the tokenizer names no mask token")
	}
	return m.Tokenizer.mask, nil
}

// maskedSurprisals gives the rows that are masked in the window the sum over their pieces.
func (w *Window) maskedSurprisals(bits []float64, give func(row int, bits float64)) {
	for _, row := range w.Rows {
		sum := 0.0
		for s, t := w.Spans[row-w.Lo], w.Spans[row-w.Lo].Lo; t < s.Hi; t++ {
			sum += bits[t]
		}
		give(row, sum)
	}
}
