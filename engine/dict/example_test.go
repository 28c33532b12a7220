package dict_test

import (
	"context"
	"fmt"
	"log"
	"math/rand/v2"

	_ "voxen/cpu"
	"voxen/engine"
	"voxen/engine/dict"
	"voxen/engine/tile"
)

// Each signal is one of two time courses; the atoms find them, and others' codes say whose a signal is.
func Example() {
	const T, N = 4, 300
	rng := rand.New(rand.NewPCG(1, 2))
	courses := [2][T]float64{{1, 1, -1, -1}, {1, -1, 1, -1}}
	signals := tile.NewArray[float64](T, N)
	for n := range N {
		size := 1 + rng.Float64()
		for t := range T {
			signals.Data[t*N+n] = size * courses[n%2][t]
		}
	}
	be, _, err := engine.Open("cpu", engine.Config{})
	if err != nil {
		log.Fatal(err)
	}
	o := dict.Defaults()
	o.Atoms, o.Lambda, o.Batch, o.Seed = 2, 0.1, 50, 1
	fit, err := dict.Learn(context.Background(), be, signals, o)
	if err != nil {
		log.Fatal(err)
	}
	first, _ := fit.Codes.Column(0)
	same := 0
	for n := 0; n < N; n += 2 {
		if atoms, _ := fit.Codes.Column(n); len(atoms) == 1 && atoms[0] == first[0] {
			same++
		}
	}
	fmt.Printf("atoms are %d x %d; %d of %d signals have the code of the first alone\n", fit.Atoms.Rows, fit.Atoms.Cols, same, N/2)
	// Output: atoms are 4 x 2; 150 of 150 signals have the code of the first alone
}
