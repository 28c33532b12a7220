// Package sysblas opens a BLAS that is installed on the machine (OpenBLAS, Intel
// MKL, BLIS, Apple's Accelerate) when the program runs, without cgo, and makes
// it gonum's:
//
//	im, err := sysblas.Open("openblas") // or a path of a library
//	blas32.Use(im)
//	blas64.Use(im)
//
// Products of matrices, symmetric rank-k updates and triangular solves of some
// size go to the library; everything else stays with voxen/cpu/blas. Results are
// within rounding of its own, but bits are the library's affair.
//
// The build tag noblasdl leaves it out, for a program that is linked statically.
package sysblas
