package learn

import (
	"context"
	"fmt"
	"io"
	"math"

	"voxen/engine/dict"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// stability says of each atom whether it is found again: from other first atoms and
// another order of signals, and from either half of the rows alone.
type stability struct {
	seeds   []uint64    // the others
	cosines [][]float64 // of every seed and atom, to the atom it is assigned to
	halves  []float64   // of the codes of the two atoms that halves have for an atom; NaN: not to be had
}

// leastHalf is the number of rows of a half from which a dictionary is learned.
const leastHalf = 2

// stability learns the dictionaries that the atoms are compared with.
func (l *learner) stability(ctx context.Context, atoms tile.Matrix) (*stability, error) {
	s := &stability{halves: make([]float64, l.o.Atoms)}
	for i := 1; i < l.o.Seeds; i++ {
		seed := l.o.Seed + uint64(i)
		res, err := l.dictionary(ctx, fmt.Sprintf("seed %d", seed), l.src, seed)
		if err != nil {
			return nil, err
		}
		s.seeds, s.cosines = append(s.seeds, seed), append(s.cosines, matched(dict.Alike(atoms, res.Atoms)))
	}
	T := l.src.Rows()
	if T < 2*leastHalf {
		for k := range s.halves {
			s.halves[k] = math.NaN()
		}
		return s, nil
	}
	halves := [2]someRows{{l.src, 0, T / 2}, {l.src, T / 2, T}}
	var found [2]tile.Matrix
	var of [2][]int // the half's atom of each atom
	for h, rows := range halves {
		res, err := l.dictionary(ctx, fmt.Sprintf("half %d", h+1), rows, l.o.Seed)
		if err != nil {
			return nil, err
		}
		part := tile.Matrix{Rows: rows.Rows(), Cols: atoms.Cols, Data: atoms.Data[rows.lo*atoms.Cols : rows.hi*atoms.Cols]}
		found[h], of[h] = res.Atoms, dict.Assign(dict.Alike(part, res.Atoms))
	}
	alike, err := l.alike(ctx, found, halves)
	if err != nil {
		return nil, err
	}
	for k := range s.halves {
		s.halves[k] = alike.Row(of[0][k])[of[1][k]]
	}
	return s, nil
}

// alike compares the dictionaries of both halves by their codes.
func (l *learner) alike(ctx context.Context, atoms [2]tile.Matrix, halves [2]someRows) (alike tile.Matrix, err error) {
	err = l.Stage("comparing halves (signals)", 2*l.src.Cols(), func() error {
		return l.Compute(ctx, step.Part{What: "codes"}, func(ctx context.Context) error {
			alike, err = dict.AlikeByCodes(ctx, l.Backend, atoms[0], halves[0], atoms[1], halves[1], l.plan(l.o.Seed, nil))
			return l.refuse(err)
		})
	})
	return alike, err
}

// matched gives each atom's cosine to the atom that a one-to-one assignment gives it.
func matched(alike tile.Matrix) []float64 {
	out := make([]float64, alike.Rows)
	for k, l := range dict.Assign(alike) {
		out[k] = alike.Row(k)[l]
	}
	return out
}

// means are the mean and the least cosine of every atom over the other seeds.
func (s *stability) means() (mean, least []float64) {
	for k := range s.halves {
		m, low := 0.0, 1.0
		for _, c := range s.cosines {
			m, low = m+c[k]/float64(len(s.cosines)), min(low, c[k])
		}
		mean, least = append(mean, m), append(least, low)
	}
	return mean, least
}

// write writes stability.tsv.
func (s *stability) write(w io.Writer) error {
	head := []string{"atom", "stability", "least"}
	for _, seed := range s.seeds {
		head = append(head, fmt.Sprintf("seed_%d", seed))
	}
	t := store.NewTableWriter(w, append(head, "halves")...)
	mean, least := s.means()
	for k := range s.halves {
		row := []string{fmt.Sprint(k), step.Number(mean[k]), step.Number(least[k])}
		for _, c := range s.cosines {
			row = append(row, step.Number(c[k]))
		}
		t.Row(append(row, step.Number(s.halves[k]))...)
	}
	return t.Flush()
}
