// Package eig solves the symmetric eigenproblem in float64 on the processor:
//
//	A = Q diag(s) Qᵀ
//
// with all eigenvalues s, ascending, and all eigenvectors, the columns of Q. It is made for the Gram matrices and
// kernels of ridge regression: one of order 64 to a few thousand, or many small ones at once. It does not compute a
// part of the spectrum, and it has no complex or generalised form.
//
//	w := eig.NewWorkspace(n, 0)
//	values, vectors := make([]float64, n), make([]float64, n*n)
//	if err := eig.Sym(ctx, values, vectors, a, n, w); err != nil {
//		return err
//	}
package eig

//go:generate sh ../generate.sh eig
