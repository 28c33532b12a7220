package blas

// FusedOps does n turns of fused multiply-adds in registers, without touching memory, and returns how many floating-point
// operations that was, two for each element of a multiply-add. Timed, it gives the peak rate of one core at this level;
// package bench does so.
func FusedOps[T Float](l Level, n int) int {
	ks := kernelsOf[T](l)
	ks.peak(n)
	return n * ks.peakFlops
}
