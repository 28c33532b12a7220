package eig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"voxen/internal/blas"
)

// BenchmarkStages times the parts of a decomposition.
func BenchmarkStages(b *testing.B) {
	for _, n := range []int{64, 256, 600, 1000, 2000} {
		for _, threads := range []int{1, 2} {
			ctx := context.Background()
			a := random(n, rand.New(rand.NewPCG(7, 8)))
			p := &Problem{N: n, A: a, LdA: n, Values: make([]float64, n), Vectors: make([]float64, n*n), LdVectors: n}
			w := NewWorkspace(n, threads)
			w.plan(n, threads)
			im := blas.Implementation{Threads: threads}
			big, _ := p.largest(threads)
			load := func() { p.load(threads, w.reduce.a, w.reduce.ld, exponent(big)) }
			reduce := func() { w.reduce.run(ctx, threads, im) }
			divide := func() { w.divide.run(ctx, threads, im) }
			for _, stage := range []struct {
				name        string
				before, run func()
			}{
				{"load", func() {}, func() { p.largest(threads); load() }},
				{"reduce", load, reduce},
				{"divide", func() { load(); reduce() }, divide},
				{"back", func() { load(); reduce(); divide() }, func() { w.back.run(ctx, threads, w.divide.q, im) }},
				{"store", func() {}, func() { p.store(threads, w.divide.d, w.divide.q, w.divide.ld, w.divide.order, 0) }},
			} {
				b.Run(fmt.Sprintf("n=%d/threads=%d/%s", n, threads, stage.name), func(b *testing.B) {
					best := 1e18
					for range b.N {
						stage.before()
						t := cpuTime()
						stage.run()
						best = min(best, cpuTime()-t)
					}
					b.ReportMetric(best*1e3, "cpu-ms")
				})
			}
		}
	}
}

func cpuTime() float64 {
	var r syscall.Rusage
	syscall.Getrusage(0, &r)
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}
