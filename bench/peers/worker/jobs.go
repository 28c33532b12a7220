package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	gonum "gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"

	"voxen/cpu"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/blas"
	"voxen/internal/eig"
	"voxen/study/encode"
)

// load reads the arrays of a job.
func load(ctx context.Context, kind, folder string, s settings) (job, error) {
	heldOut := []string{"X", "Y", "X_test", "Y_test"}
	names, known := map[string][]string{"gemm": {"A", "B"}, "eig": {"A"}, "ridge": {"X", "Y"}, "loo": {"X", "Y"}, "heldout": heldOut, "partition": heldOut, "dict": {"S"}}[kind]
	if !known {
		return nil, fmt.Errorf("job %q, want gemm, eig, ridge, loo, heldout, partition or dict", kind)
	}
	in := make([]array, len(names))
	for i, name := range names {
		var err error
		if in[i], err = read(ctx, filepath.Join(folder, name+".npy")); err != nil {
			return nil, err
		}
	}
	switch kind {
	case "gemm":
		return newGemm(in[0], in[1], s.transpose), nil
	case "eig":
		n := in[0].rows
		return &eigJob{a: in[0], values: make([]float64, n), vectors: make([]float64, n*n), work: eig.NewWorkspace(n, 0)}, nil
	case "ridge", "loo":
		return newRidge(in[0], in[1], kind == "loo")
	case "heldout", "partition":
		return newHeldOut(in, s.bands)
	}
	return newDict(in[0], s.epochs)
}

// settings are those of single kinds of jobs.
type settings struct {
	transpose bool
	epochs    int
	bands     string
}

// gemmJob is one product on the BLAS that voxen registers with gonum.
type gemmJob struct {
	a, b, c array
	trans   gonum.Transpose
}

func newGemm(a, b array, transpose bool) *gemmJob {
	j := &gemmJob{a: a, b: b, trans: gonum.NoTrans}
	j.c.rows, j.c.cols = a.rows, b.cols
	if transpose {
		j.trans, j.c.rows = gonum.Trans, a.cols
	}
	if a.f32 != nil {
		j.c.f32 = blas.Float32s(j.c.rows * j.c.cols)
	} else {
		j.c.f64 = blas.Float64s(j.c.rows * j.c.cols)
	}
	blas.UseThreads(runtime.GOMAXPROCS(0))
	return j
}

func (j *gemmJob) run(context.Context) error {
	m, n, k := j.c.rows, j.c.cols, j.b.rows
	if j.a.f32 != nil {
		blas32.Implementation().Sgemm(j.trans, gonum.NoTrans, m, n, k, 1, j.a.f32, j.a.cols, j.b.f32, j.b.cols, 0, j.c.f32, j.c.cols)
	} else {
		blas64.Implementation().Dgemm(j.trans, gonum.NoTrans, m, n, k, 1, j.a.f64, j.a.cols, j.b.f64, j.b.cols, 0, j.c.f64, j.c.cols)
	}
	return nil
}

func (j *gemmJob) results() map[string]array { return map[string]array{"C": j.c} }

// eigJob is one symmetric eigenproblem.
type eigJob struct {
	a               array
	values, vectors []float64
	work            *eig.Workspace
}

func (j *eigJob) run(ctx context.Context) error {
	return eig.Sym(ctx, j.values, j.vectors, j.a.f64, j.a.rows, j.work)
}

func (j *eigJob) results() map[string]array {
	n := j.a.rows
	return map[string]array{"values": {rows: 1, cols: n, f64: j.values}, "vectors": {rows: n, cols: n, f64: j.vectors}}
}

// ridgeJob is a cross-validated ridge fit with the defaults of voxen encode: 20 alphas from 0.1 to 1e5, 5 folds, r2.
// Its backend stays open, as the peer's process stays warm. With loo alphas are chosen by the mean squared error of rows left out.
type ridgeJob struct {
	be      *cpu.Backend
	data    ridge.Data
	options ridge.Options
	weights *tile.Array[float32]
	alpha   *tile.Array[float32]
	score   *tile.Array[float32]
}

func newRidge(x, y array, loo bool) (*ridgeJob, error) {
	if x.f32 == nil || y.f32 == nil {
		return nil, fmt.Errorf("features and responses must be float32")
	}
	j := &ridgeJob{be: cpu.New(0), weights: tile.NewArray[float32](x.cols, y.cols), alpha: tile.NewArray[float32](1, y.cols), score: tile.NewArray[float32](1, y.cols)}
	alphas, err := encode.ParseAlphas("0.1:1e5:20")
	if err != nil {
		return nil, err
	}
	responses, err := tile.Of(y.rows, y.cols, y.f32)
	j.data = ridge.Data{X: x.widened(), Y: responses}
	j.options = ridge.Options{Alphas: alphas}
	if loo {
		j.options.Rule, j.options.Score = ridge.LeaveOneOut, op.MSE
	} else {
		j.options.Folds = ridge.KFold(x.rows, 5)
	}
	return j, err
}

// widened are features as the engine takes them.
func (a array) widened() tile.Matrix {
	wide := make([]float64, len(a.f32))
	for i, v := range a.f32 {
		wide[i] = float64(v)
	}
	return tile.Matrix{Rows: a.rows, Cols: a.cols, Data: wide}
}

func (j *ridgeJob) run(ctx context.Context) error {
	_, err := ridge.Fit(ctx, j.be, j.data, ridge.Outputs{Weights: j.weights, Alpha: j.alpha, CVScore: j.score}, j.options)
	return err
}

func (j *ridgeJob) results() map[string]array {
	as := func(a *tile.Array[float32]) array { return array{rows: a.Rows(), cols: a.Cols(), f32: a.Data} }
	return map[string]array{"weights": as(j.weights), "alpha": as(j.alpha), "cv_score": as(j.score)}
}

// heldOutJob is a cross-validated ridge fit with its r2 of held-out rows: of all columns, or of every subset of bands.
type heldOutJob struct {
	be      *cpu.Backend
	data    ridge.Data
	options ridge.Options
	of      []int // the band of every column; nil: one fit of all
	n       int   // bands
	scores  [][]float64
}

func newHeldOut(in []array, bands string) (*heldOutJob, error) {
	plain, err := newRidge(in[0], in[1], false)
	if err != nil {
		return nil, err
	}
	j := &heldOutJob{be: plain.be, data: plain.data, options: plain.options}
	j.data.TestX = in[2].widened()
	if j.data.TestY, err = tile.Of(in[3].rows, in[3].cols, in[3].f32); err != nil || bands == "" {
		return j, err
	}
	for _, size := range strings.Split(bands, ",") {
		k, err := strconv.Atoi(size)
		if err != nil {
			return nil, fmt.Errorf("--bands %q, want numbers of columns", bands)
		}
		j.of = append(j.of, slices.Repeat([]int{j.n}, k)...)
		j.n++
	}
	return j, nil
}

func (j *heldOutJob) run(ctx context.Context) error {
	if j.of != nil {
		var err error
		j.scores, err = ridge.Partition(ctx, j.be, j.data, j.of, j.n, j.options)
		return err
	}
	score := tile.NewArray[float64](1, j.data.Y.Cols())
	_, err := ridge.Fit(ctx, j.be, j.data, ridge.Outputs{TestScore: score}, j.options)
	j.scores = [][]float64{score.Data}
	return err
}

func (j *heldOutJob) results() map[string]array {
	a := array{rows: len(j.scores), cols: j.data.Y.Cols()}
	for _, s := range j.scores {
		a.f64 = append(a.f64, s...)
	}
	return map[string]array{"scores": a}
}

// dictJob learns a dictionary and codes with the defaults of voxen learn, but for the passes and the standardisation:
// signals are taken as they are, as the peer takes them.
type dictJob struct {
	be      *cpu.Backend
	signals *dict.Signals[float32]
	epochs  int
	fit     *dict.Result
}

// newDict turns columns into contiguous signals, as the peer's Fortran order has them.
func newDict(s array, epochs int) (*dictJob, error) {
	if s.f32 == nil {
		return nil, fmt.Errorf("signals must be float32")
	}
	data := make([]float32, len(s.f32))
	for t := range s.rows {
		for n := range s.cols {
			data[n*s.rows+t] = s.f32[t*s.cols+n]
		}
	}
	signals, err := dict.NewSignals(s.rows, s.cols, data)
	return &dictJob{be: cpu.New(0), signals: signals, epochs: epochs}, err
}

func (j *dictJob) run(ctx context.Context) error {
	o := dict.Defaults()
	o.Standardize, o.Epochs = dict.None, j.epochs
	var err error
	j.fit, err = dict.Learn(ctx, j.be, j.signals, o)
	return err
}

func (j *dictJob) results() map[string]array {
	codes := tile.NewArray[float32](j.fit.Codes.Rows, j.fit.Codes.Cols)
	if err := j.fit.Codes.WriteTo(context.Background(), codes, false); err != nil {
		panic(err) // the sink is made for the codes and takes anything
	}
	return map[string]array{"atoms": {rows: j.fit.Atoms.Rows, cols: j.fit.Atoms.Cols, f64: j.fit.Atoms.Data},
		"codes": {rows: codes.Rows(), cols: codes.Cols(), f32: codes.Data}}
}
