// Package sparse holds the inner loops of dictionary learning on the processor:
// the lasso of one signal by coordinate descent in Gram space, the support of a
// code, and weighted sums of rows that lie apart.
//
// It is made for codes of up to a few hundred atoms of which a few are used. With
// at most 64 atoms the correlations of a signal stay in registers while it is
// solved. Single precision runs on kernels for AVX-512 and AVX2, double precision
// and other processors on plain Go; results depend on the operands alone.
package sparse

//go:generate sh ../generate.sh sparse
