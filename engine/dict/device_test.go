package dict_test

import (
	"context"
	"math"
	"testing"

	"voxen/cpu"
	"voxen/engine/dict"
	"voxen/internal/cuda/cudatest"
)

// A device learns as the processor does: the objectives agree, though the atoms
// part where roundings decide a code.
func TestLearnOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	N, T, K := 20000, 300, 64
	if cudatest.Simulated() {
		N, T, K = 300, 24, 9
	}
	src := random(7, T, N)
	o := dict.Defaults()
	o.Atoms, o.Batch, o.Epochs = K, 64, 2
	want, err := dict.Learn(context.Background(), cpu.New(0), src, o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := dict.Learn(context.Background(), be, src, o)
	if err != nil {
		t.Fatal(err)
	}
	// float32 sums in another order: 1e-3 is far below what a wrong step makes
	if d := math.Abs(got.Objective-want.Objective) / want.Objective; !(d < 1e-3) {
		t.Errorf("objective %g, on the processor %g", got.Objective, want.Objective)
	}
	if len(got.Trace) != len(want.Trace) {
		t.Errorf("%d steps, on the processor %d", len(got.Trace), len(want.Trace))
	}
}
