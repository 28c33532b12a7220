package lm_test

import (
	"context"
	"fmt"
	"log"

	_ "voxen/cpu"
	"voxen/engine"
	"voxen/lm"
	"voxen/store"
)

// rows takes responses as they come.
type rows struct{ n, cols int }

func (r *rows) WriteRows(_ context.Context, lo, hi int, src []float32) error {
	r.n += hi - lo
	r.cols = len(src) / (hi - lo)
	return nil
}

// Responses of a model's first layer to five tokens: a column for each unit.
func Example() {
	m, err := lm.Open(store.OS{}, "../testdata/lm/gpt2")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	text, err := m.ReadIDs([]int{5, 1, 4, 2, 3}) // words: ReadTokenizer, then ReadRows
	if err != nil {
		log.Fatal(err)
	}
	be, _, err := engine.Open("cpu", engine.Config{})
	if err != nil {
		log.Fatal(err)
	}
	o := lm.Options{Taps: []lm.Tap{lm.FFNOut}, Layers: []int{0}}
	var out rows
	if _, err := m.Extract(context.Background(), engine.NewMachine(be), text, o, &out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.n, "rows,", out.cols == len(m.Config.Columns(o.Taps, o.Layers)))
	// Output: 5 rows, true
}
