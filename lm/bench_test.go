package lm

import (
	"context"
	"testing"
)

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) WriteRows(context.Context, int, int, []float32) error { return nil }

// BenchmarkMiniLM reads windows of 256 tokens one after the other, every neuron
// of every layer; bench/lm/speed.py compares the same with transformers.
func BenchmarkMiniLM(b *testing.B) {
	m := minilm(b)
	lengths := make([]int, b.N)
	for i := range lengths {
		lengths[i] = 256
	}
	r := readingOf(m, lengths...)
	mach := machine()
	b.ResetTimer()
	stats, err := m.Extract(context.Background(), mach, r, Options{}, nowhere{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(stats.Tokens)/(b.Elapsed()-stats.Loading).Seconds(), "tokens/s")
}
