package blas

import "sync"

// Scratch holds the packing buffers of one goroutine; they grow to what the largest product needs and stay. The zero
// value is ready. A Scratch must not be used by two goroutines at once.
type Scratch struct {
	f32 buffers[float32]
	f64 buffers[float64]
}

// buffers are the packing buffers for one element type.
type buffers[T Float] struct {
	a, b []T
	tile []T    // one tile, where C cannot be written in place
	x, y []T    // vectors whose elements lie apart
	four [4]T   // factors or results of four rows
	rows [16]*T // the rows of a square that is transposed
}

func buffersOf[T Float](s *Scratch) *buffers[T] {
	var z T
	if _, ok := any(z).(float32); ok {
		return any(&s.f32).(*buffers[T])
	}
	return any(&s.f64).(*buffers[T])
}

// grow returns the first n elements of *p, which it replaces when it is too short. What they hold is not defined.
func grow[T Float](p *[]T, n int) []T {
	if cap(*p) < n {
		*p = make([]T, n)
		adviseHuge(*p)
	}
	return (*p)[:n]
}

// scratches are spare ones for the products that come without.
var scratches = sync.Pool{New: func() any { return new(Scratch) }}
