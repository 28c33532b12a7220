// Package steptest has what the tests of several steps need: an environment on the CPU,
// real responses of a language model, noise as that of BOLD. Paths are from a folder
// two levels below the root, as those of the steps are.
package steptest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"voxen/brain"
	_ "voxen/cpu"
	"voxen/engine/op"
	"voxen/internal/npytest"
	"voxen/store"
	"voxen/study/step"
)

// Parsed reads a number.
func Parsed(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// AliceAligned writes n of the shipped MiniLM responses to the Alice words,
// convolved, with their table of columns.
func AliceAligned(t *testing.T, dir string, n int) (path string, data []float64, T int) {
	t.Helper()
	all, shape, err := store.LoadFloat64(context.Background(), store.OS{}, "../../testdata/alice/minilm_neurons_tr.npy")
	if err != nil {
		t.Fatal(err)
	}
	T = shape[0]
	h := brain.Glover.Weights(2)
	data = make([]float64, T*n)
	var table strings.Builder
	table.WriteString("column\tmodel\tlayer\tunit\ttap\n")
	for c := range n {
		from := c * (shape[1] / n)
		fmt.Fprintf(&table, "%d\tminilm\t%d\t%d\tffn.out\n", c, from/384, from%384)
		for v := range T {
			for d := 0; d < len(h) && d <= v; d++ {
				data[v*n+c] += h[d] * all[(v-d)*shape[1]+from]
			}
		}
	}
	path = filepath.Join(dir, "S.npy")
	if err := npytest.Save(path, []int{T, n}, data); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".columns.tsv", []byte(table.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path, data, T
}

// Scaled gives column c of data (T x n) as z-scores.
func Scaled(data []float64, T, n, c int) []float64 {
	x := make([]float64, T)
	mean, sq := 0.0, 0.0
	for t := range x {
		x[t] = data[t*n+c]
		mean += x[t] / float64(T)
	}
	for t := range x {
		x[t] -= mean
		sq += x[t] * x[t] / float64(T)
	}
	for t := range x {
		x[t] /= math.Sqrt(sq)
	}
	return x
}

// Noise is AR(1) with coefficient 0.4.
func Noise(r *rand.Rand, T int) []float64 {
	x := make([]float64, T)
	for t := range x {
		x[t] = r.NormFloat64()
		if t > 0 {
			x[t] = 0.4*x[t-1] + math.Sqrt(1-0.16)*x[t]
		}
	}
	return x
}

// ReadTable reads a table.
func ReadTable(t *testing.T, path string) *store.Table {
	t.Helper()
	table, err := store.ReadTable(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Column gives a column of a table.
func Column(t *testing.T, table *store.Table, name string) []string {
	t.Helper()
	c, err := table.Column(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Env is a study's environment in float64, on the CPU.
func Env() *step.Env {
	return &step.Env{Device: "cpu", Threads: 1, Precision: op.Float64, FS: store.OS{}}
}
