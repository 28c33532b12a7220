package store_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"voxen/store"
)

// An output is begun, filled by blocks of columns, and appears as a whole.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	err = store.WriteFile(store.OS{}, filepath.Join(dir, "Y.npy"), func(w io.Writer) error {
		return store.WriteNpy(w, []int{2, 3}, []float32{1, 2, 3, 10, 20, 30})
	})
	if err != nil {
		log.Fatal(err)
	}
	y, err := store.OpenNpy(store.OS{}, filepath.Join(dir, "Y.npy"))
	if err != nil {
		log.Fatal(err)
	}
	defer y.Close()

	job, err := store.OpenJob(store.OS{}, filepath.Join(dir, "out"), store.JobOptions{
		Command: "mean", Options: []store.Option{{Name: "--threads", Value: "2", Free: true}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer job.Close()
	means, err := job.CreateNpy(ctx, "mean.npy", store.Float32, 1, y.Cols(), store.AsVector)
	if err != nil {
		log.Fatal(err)
	}
	for v := range y.Cols() {
		if job.Done(v, v+1) {
			continue // by the run that was interrupted
		}
		column := make([]float32, y.Rows())
		if err := y.ReadFloat32(ctx, v, v+1, column, 1); err != nil {
			log.Fatal(err)
		}
		mean := (column[0] + column[1]) / 2
		if err := means.WriteFloat32(ctx, v, v+1, []float32{mean}, 1); err != nil {
			log.Fatal(err)
		}
		if err := job.Finish(v, v+1); err != nil {
			log.Fatal(err)
		}
	}
	if err := job.Commit(ctx, &store.Run{Device: store.Device{Name: "cpu"}}); err != nil {
		log.Fatal(err)
	}
	result, shape, err := store.LoadFloat32(ctx, store.OS{}, filepath.Join(dir, "out", "mean.npy"))
	fmt.Println(result, shape, err)
	// Output: [5.5 11 16.5] [3] <nil>
}
