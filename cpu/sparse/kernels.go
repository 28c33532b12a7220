package sparse

import "voxen/cpu/blas"

// registerAtoms is the number of atoms of a Gram matrix that descend takes.
const registerAtoms = 64

// kernels are the loops of one instruction set.
type kernels struct {
	// descend solves one lasso over registerAtoms atoms from zero: c holds the correlations of the atoms with the signal
	// and then with the residual, a the codes, gram rows of registerAtoms elements, diagonal its diagonal and inverse one
	// over it, or 0 where that is 0. A correlation shrinks by what of it lies in [least, most]. It returns the sweeps left,
	// -1 when they did not suffice.
	descend func(c, a, gram, diagonal, inverse *float32, least, most, tol float32, sweeps int) (left int)
	// support has bit k set where x[k] is not 0, k < registerAtoms.
	support func(x *float32) (bits uint64)
	// addRows adds factor[i] * rows[i][j] to y[j] for i < k in this order, j < n; k is at least 1.
	addRows func(n int, y *float32, k int, factor *float32, rows **float32)
}

// use are the kernels that this processor has; nil for plain Go.
var use = forLevel(blas.Auto.Resolve())
