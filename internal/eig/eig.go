package eig

import (
	"context"
	"fmt"
)

// Problem is a stack of Count symmetric matrices A of order N, row-major, and the place of their decompositions
//
//	A = Q diag(s) Qᵀ
//
// A and Vectors may be the same memory when their strides agree; other overlaps are not allowed.
type Problem struct {
	N     int
	Count int

	// A holds element (i, j) of matrix b at b*StrideA + i*LdA + j. Only the lower triangle, j <= i, is read.
	A            []float64
	LdA, StrideA int

	// Values holds eigenvalue j of matrix b at b*StrideValues + j, ascending.
	Values       []float64
	StrideValues int

	// Vectors holds element (i, j) of Q at b*StrideVectors + i*LdVectors + j: eigenvector j is column j. With Rows it
	// holds Qᵀ: eigenvector j is row j.
	Vectors                  []float64
	LdVectors, StrideVectors int
	Rows                     bool

	coupled, apart []int // rows of the matrix that is solved: apart are those of zeros alone
}

// Sym decomposes one symmetric matrix A of order n, row-major without gaps:
//
//	A = Q diag(values) Qᵀ
//
// values (n) ascend, column j of vectors (n x n) is the eigenvector of values[j]. It has length 1, and its component of
// largest magnitude, the first of equals, is positive. Only the lower triangle of a is read; vectors may be a itself.
// With n = 0 nothing is done.
//
// Errors: slices too short, an element that is NaN or infinite, a context that is done. After an error the results are
// not defined. A sum of eigenvalues beyond the range of float64 shows as an infinite eigenvalue.
func Sym(ctx context.Context, values, vectors, a []float64, n int, w *Workspace) error {
	return w.Solve(ctx, Problem{N: n, Count: 1, A: a, LdA: n, Values: values, Vectors: vectors, LdVectors: n})
}

// matrix is problem b of the stack.
func (p *Problem) matrix(b int) Problem {
	return Problem{N: p.N, Count: 1, LdA: p.LdA, LdVectors: p.LdVectors, Rows: p.Rows,
		A: p.A[b*p.StrideA:], Values: p.Values[b*p.StrideValues:], Vectors: p.Vectors[b*p.StrideVectors:]}
}

// check refuses shapes that the slices do not hold.
func (p *Problem) check() error {
	n, last := p.N, p.Count-1
	switch {
	case n < 0 || p.Count < 0:
		return fmt.Errorf("eig: %d matrices of order %d, want neither below 0", p.Count, n)
	case n == 0 || p.Count == 0:
		return nil
	case p.LdA < n || p.LdVectors < n:
		return fmt.Errorf("eig: row distances %d and %d, want at least the order %d", p.LdA, p.LdVectors, n)
	case last > 0 && (p.StrideA < 0 || p.StrideValues < n || p.StrideVectors < (n-1)*p.LdVectors+n):
		return fmt.Errorf("eig: strides %d, %d and %d between matrices of order %d overlap",
			p.StrideA, p.StrideValues, p.StrideVectors, n)
	}
	for _, s := range []struct {
		what       string
		have, want int
	}{
		{"a", len(p.A), last*p.StrideA + (n-1)*p.LdA + n},
		{"values", len(p.Values), last*p.StrideValues + n},
		{"vectors", len(p.Vectors), last*p.StrideVectors + (n-1)*p.LdVectors + n},
	} {
		if s.have < s.want {
			return fmt.Errorf("eig: %s has %d elements, want at least %d", s.what, s.have, s.want)
		}
	}
	return nil
}
