package blas

import (
	"runtime"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/blas/gonum"
)

// Implementation is a BLAS for gonum: single and double precision, real and complex. What this package does not speed
// up is gonum's own. The zero value is ready; it may be copied and used by several goroutines at once.
//
// The arguments, their checks and the panics are gonum's. With beta 0 C is not read, with alpha 0 neither are A and B.
type Implementation struct {
	gonum.Implementation

	// Threads is the number of goroutines that a product may use; 0 is GOMAXPROCS. It has no effect on results.
	Threads int
	// Each, where there is one, runs f(t, i) for every i < n on at most Threads goroutines, t < Threads telling them
	// apart, and returns when all are done: helpers that are awake already save the start of goroutines, which
	// costs as much as a small product. Nil starts some for every product.
	Each func(n int, f func(t, i int))
	// Level is the set of kernels; the zero value is the best one present.
	Level Level
	// Scratch holds the packing buffers of the calling goroutine, for a worker that computes many products: with
	// Threads 1 nothing is allocated then. An Implementation with a Scratch must not be used by two goroutines at once.
	// Nil takes spare ones.
	Scratch *Scratch
}

var (
	_ blas.Float32    = Implementation{}
	_ blas.Float64    = Implementation{}
	_ blas.Complex64  = Implementation{}
	_ blas.Complex128 = Implementation{}
)

// UseThreads makes this package the BLAS of gonum's blas32 and blas64, and so of mat and lapack, with a number of
// goroutines per call; 0 is GOMAXPROCS.
func UseThreads(threads int) {
	im := Implementation{Threads: threads}
	blas32.Use(im)
	blas64.Use(im)
}

func (im Implementation) threads() int {
	if im.Threads > 0 {
		return im.Threads
	}
	return runtime.GOMAXPROCS(0)
}
