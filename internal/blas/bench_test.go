package blas

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"

	"voxen/internal/team"
)

func fill[T Float](seed uint64, n int) []T {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]T, n)
	for i := range x {
		x[i] = T(r.NormFloat64())
	}
	return x
}

func report(b *testing.B, flops float64) {
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

func BenchmarkSgemm2048(b *testing.B)       { benchSquare[float32](b, 2048, 2) }
func BenchmarkDgemm2048(b *testing.B)       { benchSquare[float64](b, 2048, 2) }
func BenchmarkSgemm2048Serial(b *testing.B) { benchSquare[float32](b, 2048, 1) }
func BenchmarkDgemm2048Serial(b *testing.B) { benchSquare[float64](b, 2048, 1) }

func benchSquare[T Float](b *testing.B, n, threads int) {
	for _, l := range Levels()[1:] {
		b.Run(l.String(), func(b *testing.B) {
			x, y, c := fill[T](1, n*n), fill[T](2, n*n), make([]T, n*n)
			im := Implementation{Level: l, Threads: threads, Scratch: new(Scratch)}
			for b.Loop() {
				gemm(im, blas.NoTrans, blas.NoTrans, n, n, n, 1, x, n, y, n, 0, c, n)
			}
			report(b, 2*float64(n)*float64(n)*float64(n))
		})
	}
}

func BenchmarkXtY(b *testing.B) {
	const T, K, V = 1000, 64, 60000
	x, y, c := fill[float32](1, T*K), fill[float32](2, T*V), make([]float32, K*V)
	for _, l := range Levels()[1:] {
		b.Run(l.String(), func(b *testing.B) {
			im := Implementation{Level: l, Threads: 2, Scratch: new(Scratch)}
			for b.Loop() {
				gemm(im, blas.Trans, blas.NoTrans, K, V, T, 1, x, K, y, V, 0, c, V)
			}
			report(b, 2*T*K*V)
		})
	}
}

func BenchmarkPeak(b *testing.B) {
	for _, l := range Levels()[1:] {
		for threads := 1; threads <= 2; threads++ {
			b.Run(l.String(), func(b *testing.B) {
				ks := kernelsOf[float32](l)
				for b.Loop() {
					team.Each(threads, threads, func(_, _ int) { ks.peak(1000000) })
				}
				report(b, float64(threads)*1e6*float64(ks.peakFlops))
			})
		}
	}
}
