package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/blas"
	"voxen/internal/conform"
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

// longEnough is some hundred times what a launch takes.
const longEnough = time.Millisecond

// BackendPeak is the peak of a backend: of the CPU that of MeasurePeak, of another
// device what its own matrix product and copy reach, since nothing that runs on it
// is known to go faster. They grow until a call is long enough, to at most a product
// of 4,096 x 4,096 and a copy of half a gigabyte.
func BackendPeak(ctx context.Context, be engine.Backend, d time.Duration) (Peak, error) {
	device := be.Device()
	if device.Name == "cpu" {
		return MeasurePeak(device.Threads, d), nil
	}
	product := func(n int) conform.Case {
		square := conform.Operand{Dims: op.Dims{1, 1, n, n}}
		return conform.Case{Spec: op.MatMul{}, In: []conform.Operand{square, square}}
	}
	move := func(n int) conform.Case {
		return conform.Case{Spec: op.Copy{}, In: []conform.Operand{{Dims: op.Dims{1, 1, 1, n}}}}
	}
	var p Peak
	for _, m := range []struct {
		c     func(n int) conform.Case
		sizes []int
		t     tensor.Dtype
		work  func(OpResult) float64
		dst   *float64
	}{
		{product, []int{256, 512, 1024, 2048, 4096}, op.Float32, func(r OpResult) float64 { return r.Flops }, &p.Float32},
		{product, []int{256, 512, 1024, 2048, 4096}, op.Float64, func(r OpResult) float64 { return r.Flops }, &p.Float64},
		{move, []int{1 << 18, 1 << 21, 1 << 24, 1 << 27}, op.Float32, func(r OpResult) float64 { return r.Bytes }, &p.Copy},
	} {
		for i, n := range m.sizes {
			r, err := timeCase(ctx, be, m.c(n), m.t, d/20)
			if err == nil && (r.Seconds > longEnough.Seconds() || i == len(m.sizes)-1) {
				r, err = timeCase(ctx, be, m.c(n), m.t, d)
			}
			if err != nil {
				return p, err
			}
			*m.dst = m.work(r) / r.Seconds
			if r.Seconds > longEnough.Seconds() {
				break
			}
		}
	}
	p.Bandwidth = p.Copy
	return p, nil
}
