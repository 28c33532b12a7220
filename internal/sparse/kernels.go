package sparse

import "voxen/internal/blas"

// registerAtoms is the number of atoms of a Gram matrix that descend takes.
const registerAtoms = 64

// blockRows is the number of atoms that addBlock updates at once, blockUnit the elements that n is a multiple of there.
const (
	blockRows = 8
	blockUnit = 32
)

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

	// addBlock adds factor[p*blockRows+i] * x[p*ldx+j] over p < k to y[i*ldy+j], i < blockRows, j < n; n is a multiple of
	// blockUnit, k at least 1, ldy and ldx are in bytes.
	addBlock func(n int, y *float32, ldy, k int, factor, x *float32, ldx int)
	// advance sets u[j] = d[j] + inverse*u[j] and returns the sum of their squares, j < n, a multiple of blockUnit.
	advance func(n int, u, d *float32, inverse float32) (squares float32)
	// settle sets d[j] to scale*u[j] and change[j] to the difference to what d[j] was, j < n, a multiple of blockUnit.
	settle func(n int, d, change, u *float32, scale float32)
	// moments adds a[k]*a[j] to out[k*registerAtoms+j] for n codes a of registerAtoms elements, lda bytes apart, all j, and
	// the k that are in the set of bits.
	moments func(n int, a *float32, lda int, among uint64, out *float64)
	// losses sets loss = squares/2 - c'a + a'G a/2 + lambda |a|_1 for n codes a and correlations c of registerAtoms
	// elements, lda and ldc bytes apart; gram has rows of registerAtoms elements.
	losses func(n int, a *float32, lda int, c *float32, ldc int, gram *float32, lambda float64, squares, loss *float64)
	// cross adds a[k]*x[j] to y[k*ldy+j] for count signals x, j < n, their codes a and the k that are in the set of each,
	// signal by signal; ldy, ldx, lda and the step from set to set are in bytes.
	cross func(n int, y *float32, ldy, count int, x *float32, ldx int, a *float32, lda int, sets *uint64, step int)
}

// use are the kernels that this processor has; nil for plain Go.
var use = forLevel(blas.Auto.Resolve())
