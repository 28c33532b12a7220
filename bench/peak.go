package bench

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"voxen/cpu/blas"
)

// Peak is what a processor does at best with a number of threads, measured.
type Peak struct {
	Threads   int     `json:"threads"`
	Float32   float64 `json:"float32"`   // fused multiply-adds in registers, flop/s
	Float64   float64 `json:"float64"`   // the same in float64
	Read      float64 `json:"read"`      // bytes/s of a sum over arrays that no cache holds
	Copy      float64 `json:"copy"`      // bytes/s of a copy, both directions counted
	Bandwidth float64 `json:"bandwidth"` // the larger of the two
}

// Round is how long each part of MeasurePeak takes: long enough for the clock to
// settle, short enough to be repeated around every round of a comparison.
const Round = 300 * time.Millisecond

// MeasurePeak measures each figure of Peak for about d.
func MeasurePeak(threads int, d time.Duration) Peak {
	p := Peak{Threads: threads, Float32: FusedRate[float32](threads, d), Float64: FusedRate[float64](threads, d)}
	p.Read, p.Copy = bandwidth(threads, d)
	p.Bandwidth = max(p.Read, p.Copy)
	return p
}

// FusedRate is the rate of fused multiply-adds of all threads together in flop/s,
// over about d: what is left of it when others use the machine tells whether a
// timing can be trusted.
func FusedRate[F float32 | float64](threads int, d time.Duration) float64 {
	const turns = 20000 // some 50 us
	return rate(threads, d, func(int) int { return blas.FusedOps[F](blas.Auto, turns) })
}

// rate runs work(thread) again and again on every thread for about d and gives
// the amounts that it returns per second.
func rate(threads int, d time.Duration, work func(thread int) int) float64 {
	var done atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for t := range threads {
		wg.Go(func() {
			sum := 0
			for time.Since(start) < d {
				sum += work(t)
			}
			done.Add(int64(sum))
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

// streamFloats is the length of the arrays that bandwidth is measured on: half a
// gigabyte over all threads, more than any cache.
const streamFloats = 1 << 27

// bandwidth measures reading and copying.
func bandwidth(threads int, d time.Duration) (read, copied float64) {
	n := streamFloats / threads
	arrays := make([][]float32, threads)
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() {
			arrays[t] = make([]float32, n)
			for i := range arrays[t] { // every page is the thread's own
				arrays[t][i] = 1
			}
		})
	}
	wg.Wait()
	const piece = 1 << 18 // a megabyte per call
	at := make([]int, threads)
	next := func(t, span int) int {
		lo := at[t]
		if at[t] += span; at[t]+span > n {
			at[t] = 0
		}
		return lo
	}
	size := int(unsafe.Sizeof(float32(0)))
	read = rate(threads, d, func(t int) int {
		lo := next(t, piece)
		x := arrays[t][lo : lo+piece]
		blas.Implementation{}.Sdot(piece, x, 1, x, 1)
		return piece * size
	})
	clear(at)
	copied = rate(threads, d, func(t int) int {
		lo := next(t, piece)
		x := arrays[t][lo : lo+piece]
		copy(x[piece/2:], x[:piece/2])
		return piece * size
	})
	return read, copied
}
