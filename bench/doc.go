// Package bench measures: what a machine can do at best, every operation of the
// engine on every backend, and the two main jobs.
//
// A Peak is the ceiling that everything else is held against: the rate of fused
// multiply-adds in registers, and the bandwidth of memory, both measured.
// Operations are timed over arrays that stay on the device, so that the figures
// are of the kernels alone; the jobs are timed as a user runs them, sources and
// sinks included.
//
//	peak := bench.MeasurePeak(2, bench.Round)
//	fmt.Println(peak.Float32/1e9, "GFLOP/s", peak.Bandwidth/1e9, "GB/s")
//
// Package bench compares voxen with itself; bench/peers compares it with others.
package bench
