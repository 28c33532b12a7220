package bench

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"voxen/engine"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/conform"
)

// JobResult is the time of one of the main jobs, in memory.
type JobResult struct {
	Job       string  `json:"job"`
	What      string  `json:"what"`
	Precision string  `json:"precision"`
	Seconds   float64 `json:"seconds"` // the best of three
	Flops     float64 `json:"flops"`   // 0 where data decide them
	Share     float64 `json:"share"`   // of the peak rate
	Rate      float64 `json:"rate"`    // voxels or signals per second
	Objective float64 `json:"objective,omitempty"`
	Stages    []Stage `json:"stages"`
}

// Stage is the time that a job spent in one operation, the slowest first. On a
// device that works through a queue of its own it is the time to submit it.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// jobRounds is how often a job is run; the best round counts.
const jobRounds = 3

// RidgeSize is the ridge job: rows, features, voxels, folds and alphas.
type RidgeSize struct{ Rows, Features, Voxels, Folds, Alphas int }

// MissionRidge is the shape that docs/performance.md compares with others.
func MissionRidge() RidgeSize { return RidgeSize{1000, 64, 20000, 5, 20} }

// Ridge times the cross-validated ridge of random voxels that the features
// predict in part, r2, weights taken.
func Ridge(ctx context.Context, be engine.Backend, peak Peak, s RidgeSize) (JobResult, error) {
	data, o, out := RidgeProblem(s)
	r := JobResult{Job: "ridge", Precision: op.Float32.String(), What: fmt.Sprintf("T=%d K=%d V=%d, %d alphas, %d folds", s.Rows, s.Features, s.Voxels, s.Alphas, s.Folds)}
	for range jobRounds {
		start := time.Now()
		res, err := ridge.Fit(ctx, be, data, out, o)
		if err != nil {
			return r, err
		}
		if took := time.Since(start).Seconds(); r.Seconds == 0 || took < r.Seconds {
			r.Seconds = took
			r.Flops = res.Form.Cost(s.Rows, s.Features, s.Folds, s.Alphas) * float64(s.Voxels)
			r.Stages = stages(res.Design, res.Voxels)
		}
	}
	r.Rate = float64(s.Voxels) / r.Seconds
	r.Share = peak.Share(Work{Flops: r.Flops}, false, r.Seconds)
	return r, nil
}

// RidgeProblem is the ridge job with its data and outputs in memory.
func RidgeProblem(s RidgeSize) (ridge.Data, ridge.Options, ridge.Outputs) {
	x, y := ridgeData(s)
	o := ridge.Options{Folds: ridge.KFold(s.Rows, s.Folds), Score: op.R2, Precision: op.Float32}
	for a := range s.Alphas { // 0.1 to 1e5, as voxen encode has them
		o.Alphas = append(o.Alphas, math.Pow(10, -1+6*float64(a)/float64(max(1, s.Alphas-1))))
	}
	return ridge.Data{X: x, Y: y}, o, ridge.Outputs{Weights: tile.NewArray[float32](s.Features, s.Voxels),
		Alpha: tile.NewArray[float32](1, s.Voxels), CVScore: tile.NewArray[float32](1, s.Voxels)}
}

// ridgeData makes features and responses from a fixed seed.
func ridgeData(s RidgeSize) (tile.Matrix, *tile.Array[float32]) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := tile.Matrix{Rows: s.Rows, Cols: s.Features, Data: make([]float64, s.Rows*s.Features)}
	for i := range x.Data {
		x.Data[i] = rng.NormFloat64()
	}
	y := tile.NewArray[float32](s.Rows, s.Voxels)
	for t := range s.Rows {
		row := y.Data[t*s.Voxels : (t+1)*s.Voxels]
		for v := range row {
			// one feature per voxel, at an r of about 0.3
			row[v] = float32(rng.NormFloat64() + 0.3*x.Data[t*s.Features+v%s.Features])
		}
	}
	return x, y
}

// ResidentRidge is the ridge job with everything on the device: the responses of all
// voxels as one tile, the design, the results.
type ResidentRidge struct {
	r     *resident
	Work  Work // what the job has to do: operations of its form, responses read and results written once
	Seats int  // voxels, those that fill the last panel too
}

// NewResidentRidge puts the job on the device. The responses come from data, whose
// columns are repeated where the last panel has none.
func NewResidentRidge(ctx context.Context, be engine.Backend, s RidgeSize, data ridge.Data, o ridge.Options) (*ResidentRidge, error) {
	t, err := ridge.NewTile(ctx, be, data, o, ridge.Width(s.Voxels))
	if err != nil {
		return nil, err
	}
	width := ridge.Width(s.Voxels)
	panels := (s.Voxels + width - 1) / width
	pr := conform.Problem{}
	for n, v := range t.Fixed {
		pr.Inputs, pr.Values = append(pr.Inputs, n), append(pr.Values, v)
	}
	r, err := place(ctx, be, pr)
	job := &ResidentRidge{r: r, Seats: panels * width}
	if err != nil {
		job.Close()
		return nil, err
	}
	y := op.TypeOf(t.Y)
	y.Dims[0] = panels
	if r.in[t.Y], err = r.array(be, y); err == nil {
		all, T := data.Y.(*tile.Array[float32]), s.Rows
		err = engine.Fill(ctx, r.session, r.in[t.Y], func(lo, hi int, dst []float32) error {
			for i := lo; i < hi; i++ {
				p, row, v := i/(T*width), i/width%T, i%width
				dst[i-lo] = all.Data[row*s.Voxels+(p*width+v)%s.Voxels]
			}
			return nil
		})
	}
	out := 0
	for _, n := range t.Results {
		if err == nil {
			d := op.TypeOf(n)
			d.Dims[0] = panels
			out += d.Bytes()
			r.out[n], err = r.array(be, d)
		}
	}
	if err != nil {
		job.Close()
		return nil, err
	}
	job.Work = Work{Flops: t.Form.Cost(s.Rows, s.Features, s.Folds, s.Alphas) * float64(job.Seats), Bytes: float64(y.Bytes() + out)}
	return job, nil
}

// Run computes the job once and waits for it.
func (j *ResidentRidge) Run() error {
	if err := j.r.session.Run(j.r.in, j.r.out); err != nil {
		return err
	}
	return j.r.session.Wait()
}

// Close gives the memory back.
func (j *ResidentRidge) Close() { j.r.free() }

// DictSize is the dictionary job: values of a signal, signals, atoms and passes.
type DictSize struct{ Rows, Signals, Atoms, Epochs int }

// MissionDict is the smaller shape that docs/performance.md compares with others.
func MissionDict() DictSize { return DictSize{300, 9216, 64, 4} }

// Learn times dictionary learning of signals that are sums of a few planted atoms
// and noise.
func Learn(ctx context.Context, be engine.Backend, s DictSize) (JobResult, error) {
	signals := DictSignals(s)
	r := JobResult{Job: "learn", Precision: op.Float32.String(), What: fmt.Sprintf("T=%d N=%d, %d atoms, %d passes", s.Rows, s.Signals, s.Atoms, s.Epochs)}
	o := dict.Defaults()
	o.Atoms, o.Epochs = s.Atoms, s.Epochs
	for range jobRounds {
		start := time.Now()
		res, err := dict.Learn(ctx, be, signals, o)
		if err != nil {
			return r, err
		}
		if took := time.Since(start).Seconds(); r.Seconds == 0 || took < r.Seconds {
			r.Seconds, r.Objective = took, res.Objective
		}
	}
	r.Rate = float64(s.Signals*(s.Epochs+1)) / r.Seconds
	return r, nil
}

// DictSignals makes the signals of the dictionary job from a fixed seed.
func DictSignals(s DictSize) *tile.Array[float32] {
	rng := rand.New(rand.NewPCG(3, 4))
	atoms := make([]float64, s.Atoms*s.Rows)
	for i := range atoms {
		atoms[i] = rng.NormFloat64()
	}
	a := tile.NewArray[float32](s.Rows, s.Signals)
	signal := make([]float32, s.Rows) // its values lie far apart in a
	for n := range s.Signals {
		clear(signal)
		for range 3 {
			k, c := rng.IntN(s.Atoms), 1+rng.Float64()
			for t := range signal {
				signal[t] += float32(c * atoms[k*s.Rows+t])
			}
		}
		for t := range signal {
			a.Data[t*s.Signals+n] = signal[t] + float32(0.5*rng.NormFloat64())
		}
	}
	return a
}

// stages adds up the operations of several runs.
func stages(runs ...engine.Stats) []Stage {
	sums := map[string]float64{}
	for _, s := range runs {
		for name, took := range s.Operation {
			sums[name] += took.Seconds()
		}
	}
	var list []Stage
	for name, seconds := range sums {
		list = append(list, Stage{name, seconds})
	}
	slices.SortFunc(list, func(a, b Stage) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Name, b.Name))
	})
	return list
}
