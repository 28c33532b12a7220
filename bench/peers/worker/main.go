// Command worker is voxen's side of the comparisons in memory. It loads the
// arrays of one job and then does, and times, what it is told on standard input,
// a word per line: "run" the job once, "save" its last results as .npy files,
// "peak" measure the rate of multiply-adds, "alone" that of one thread. It answers with a line of JSON.
//
//	worker --threads 2 gemm --transpose DIR    C = A B, or A'B: A.npy, B.npy
//	worker --threads 2 eig DIR                 A = Q diag(s) Q': A.npy
//	worker --threads 2 ridge DIR               cross-validated ridge: X.npy, Y.npy
//	worker --threads 2 loo DIR                 ridge by leave-one-out: X.npy, Y.npy
//	worker --threads 2 heldout DIR             cross-validated ridge and its r2 of X_test.npy, Y_test.npy
//	worker --threads 2 --bands 64,64 partition DIR   that of every subset of bands of the columns
//	worker --threads 2 --epochs 4 dict DIR     dictionary and codes: S.npy
//
// Results go to DIR/voxen.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	_ "go4.org/unsafe/assume-no-moving-gc"

	"voxen/bench"
	"voxen/internal/blas"
	"voxen/store"
)

// job is one piece of work on arrays that are in memory.
type job interface {
	run(ctx context.Context) error
	// results gives the outputs of the last run by the names of their files.
	results() map[string]array
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func serve() error {
	threads := flag.Int("threads", 0, "threads; 0 is all")
	epochs := flag.Int("epochs", 4, "dict: passes over the signals")
	bands := flag.String("bands", "", "partition: columns of each band")
	transpose := flag.Bool("transpose", false, "gemm: multiply by A', not A")
	flag.Parse()
	if flag.NArg() != 2 {
		return fmt.Errorf("arguments %q, want a job and a folder", flag.Args())
	}
	if *threads > 0 {
		runtime.GOMAXPROCS(*threads)
	}
	ctx := context.Background()
	j, err := load(ctx, flag.Arg(0), flag.Arg(1), settings{*transpose, *epochs, *bands})
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewScanner(os.Stdin)
	out.Encode(map[string]any{"ready": flag.Arg(0)})
	for in.Scan() {
		answer, err := obey(ctx, in.Text(), j, filepath.Join(flag.Arg(1), "voxen"))
		if err != nil {
			return err
		}
		out.Encode(answer)
	}
	return in.Err()
}

// peakTime is long enough for a steady clock and short beside a round.
const peakTime = 60 * time.Millisecond

// obey does what one line asks for.
func obey(ctx context.Context, line string, j job, folder string) (map[string]any, error) {
	switch line {
	case "peak":
		return map[string]any{"peak": bench.FusedRate[float32](runtime.GOMAXPROCS(0), peakTime)}, nil
	case "alone":
		return map[string]any{"peak": bench.FusedRate[float32](1, peakTime)}, nil
	case "run":
		runtime.GC() // what earlier runs left behind is not this one's
		start := time.Now()
		err := j.run(ctx)
		return map[string]any{"seconds": time.Since(start).Seconds()}, err
	case "save":
		return map[string]any{"saved": folder}, save(folder, j.results())
	}
	return nil, fmt.Errorf("told %q, want run, save, peak or alone", line)
}

// array is a row-major matrix: one of the two is set.
type array struct {
	rows, cols int
	f32        []float32
	f64        []float64
}

// read loads a matrix of float32 or float64, in huge pages as numpy's own arrays are.
func read(ctx context.Context, path string) (array, error) {
	a, err := store.OpenNpy(store.OS{}, path)
	if err != nil {
		return array{}, err
	}
	defer a.Close()
	m := array{rows: a.Rows(), cols: a.Cols()}
	if a.DType() == store.Float64 {
		m.f64 = blas.Float64s(m.rows * m.cols)
		return m, a.ReadFloat64(ctx, 0, m.cols, m.f64, m.cols)
	}
	m.f32 = blas.Float32s(m.rows * m.cols)
	return m, a.ReadFloat32(ctx, 0, m.cols, m.f32, m.cols)
}

// save writes matrices as .npy files.
func save(folder string, arrays map[string]array) error {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for name, a := range arrays {
		if err := write(filepath.Join(folder, name+".npy"), a); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, a array) error {
	return store.WriteFile(store.OS{}, path, func(w io.Writer) error {
		if a.f64 != nil {
			return store.WriteNpy(w, []int{a.rows, a.cols}, a.f64)
		}
		return store.WriteNpy(w, []int{a.rows, a.cols}, a.f32)
	})
}
