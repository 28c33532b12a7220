package encode_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	_ "voxen/cpu"
	"voxen/engine/op"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

// A step is its options and step.Do, which writes the output whole or not at all.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const T = 100
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float64, T), make([]float64, T)
	for t := range T {
		x[t] = rng.NormFloat64()
		y[t] = 3*x[t] + 0.1*rng.NormFloat64()
	}
	features, responses := filepath.Join(dir, "X.npy"), filepath.Join(dir, "Y.npy")
	for path, data := range map[string][]float64{features: x, responses: y} {
		err := store.WriteFile(store.OS{}, path, func(w io.Writer) error { return store.WriteNpy(w, []int{T, 1}, data) })
		if err != nil {
			log.Fatal(err)
		}
	}
	fit := encode.New()
	fit.Features, fit.Responses, fit.Out = []string{features}, []string{responses}, filepath.Join(dir, "out")
	env := &step.Env{Device: "cpu", Precision: op.Float32, FS: store.OS{}, Report: step.Quiet{}}
	sum, err := step.Do[*encode.Summary](context.Background(), env, fit)
	if err != nil {
		log.Fatal(err)
	}
	weights, _, err := store.LoadFloat32(context.Background(), store.OS{}, filepath.Join(fit.Out, "weights.npy"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d rows, %d folds, weight %.1f\n", sum.Rows, sum.Folds, weights[0])
	// Output: 100 rows, 5 folds, weight 3.0
}
