package eig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
)

func BenchmarkSym(b *testing.B) {
	for _, n := range []int{8, 16, 32, 64, 128, 256, 600, 1000, 2000} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/threads=%d", n, threads), func(b *testing.B) {
				a := random(n, rand.New(rand.NewPCG(7, 8)))
				s, q := make([]float64, n), make([]float64, n*n)
				w := NewWorkspace(n, threads)
				b.ReportAllocs()
				for b.Loop() {
					if err := Sym(context.Background(), s, q, a, n, w); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
