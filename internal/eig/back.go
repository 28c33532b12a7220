package eig

import (
	"context"

	gonum "gonum.org/v1/gonum/blas"

	"voxen/internal/blas"
	"voxen/internal/team"
)

// back turns the eigenvectors of the tridiagonal matrix, rows of q, into those of A,
//
//	z becomes Hn-1 ... H2 H1 z,
//
// many reflectors at a time: with the reflectors a..b-1 as rows of V, Ha ... Hb-1 = I - Vᵀ T V, T upper triangular
// (Schreiber and Van Loan), so Q becomes Q - (Q Vᵀ)(T V).
type back struct {
	*kernels
	n, ld int
	v     []float64 // row i is the reflector Hi
	tau   []float64
	tv    []float64 // row i is row i of T V
	hands []backHand
}

// backHand is what one goroutine keeps for itself.
type backHand struct {
	gram, t []float64 // of a block of reflectors, maxBlock x maxBlock
	out     []float64
	qv      []float64 // products of rows of q with a block
}

const (
	maxBlock    = 96
	rowsPerTask = 256 // of q
)

// blockFor is the number of reflectors that are applied at once.
func blockFor(n int) int {
	if n < 200 {
		return 16
	}
	return maxBlock
}

func (s *back) run(ctx context.Context, threads int, q []float64, im blas.Implementation) error {
	im.Threads = 1
	size := blockFor(s.n)
	blocks := (s.n - 1 + size - 1) / size
	bounds := func(i int) (a, b int) { return 1 + i*size, min(1+(i+1)*size, s.n) }
	team.Each(threads, blocks, func(t, i int) {
		a, b := bounds(blocks - 1 - i) // the long ones first
		s.triangle(&s.hands[t], a, b, im)
	})
	rows := min(rowsPerTask, (s.n+threads-1)/threads)
	team.Each(threads, (s.n+rows-1)/rows, func(t, task int) {
		first := task * rows
		m := min(rows, s.n-first)
		y, p := q[first*s.ld:], s.hands[t].qv
		for i := range blocks {
			a, b := bounds(i)
			k := b - a
			im.Dgemm(gonum.NoTrans, gonum.Trans, m, k, b, 1, y, s.ld, s.v[a*s.ld:], s.ld, 0, p, maxBlock)
			im.Dgemm(gonum.NoTrans, gonum.NoTrans, m, b, k, -1, p, maxBlock, s.tv[a*s.ld:], s.ld, 1, y, s.ld)
		}
	})
	return ctx.Err()
}

// triangle forms T V of reflectors a..b-1.
func (s *back) triangle(h *backHand, a, b int, im blas.Implementation) {
	k := b - a
	v := s.v[a*s.ld:]
	im.Dgemm(gonum.NoTrans, gonum.Trans, k, k, b, 1, v, s.ld, v, s.ld, 0, h.gram, maxBlock)
	clear(h.t)
	for j := range k {
		tau := s.tau[a+j]
		for i := 0; i < j; i += s.rows {
			s.dots(pad(j)-i&^7, &h.t[i*maxBlock+i&^7], 8*maxBlock, &h.gram[j*maxBlock+i&^7], &h.out[0])
			for r, v := range h.out[:min(s.rows, j-i)] {
				h.t[(i+r)*maxBlock+j] = -tau * v
			}
		}
		h.t[j*maxBlock+j] = tau
	}
	im.Dgemm(gonum.NoTrans, gonum.NoTrans, k, b, k, 1, h.t, maxBlock, v, s.ld, 0, s.tv[a*s.ld:], s.ld)
}
