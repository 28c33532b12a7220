// Command gpu times the jobs of docs/gpu.md on one device, as medians of warm
// rounds, and prints a JSON object per line; the row ops, every operation at the
// shapes of the main jobs, prints one for each of them:
//
//	gpu --device cuda:0 [--rounds 5] [--limit SECONDS] [ROW...]
//
// A job's rounds follow each other in one process; the first, which loads modules
// and grows the arena, is not counted. Data are random and stand in memory. A row
// that fails says so and the next one follows; after --limit seconds a row takes no
// further round.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"gorgonia.org/tensor"

	"voxen/bench"
	_ "voxen/cpu"
	_ "voxen/cuda"
	"voxen/engine"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/conform"
)

// row is a line of the table.
type row struct {
	name, what string
	run        func(*bencher) (result, error)
}

// result is what is printed of a row.
type result struct {
	Row     string             `json:"row"`
	What    string             `json:"what"`
	Device  string             `json:"device"`
	Model   string             `json:"model"`
	Rounds  []float64          `json:"rounds"` // seconds
	Seconds float64            `json:"seconds"`
	Error   string             `json:"error,omitempty"`
	More    map[string]float64 `json:"more,omitempty"`
}

// The shapes of docs/gpu.md: a whole cortex of voxels, and the neurons of
// Llama-7B's 32 blocks.
var (
	cortex = bench.RidgeSize{Rows: 1000, Features: 64, Voxels: 228000, Folds: 5, Alphas: 20}
	wide   = bench.RidgeSize{Rows: 600, Features: 3072, Voxels: 228000, Folds: 5, Alphas: 20}
	llama  = bench.DictSize{Rows: 600, Signals: 131072, Atoms: 64, Epochs: 4}
)

// few is what rows, features and atoms are divided by where --share asks for a trial.
const few = 8

// trial makes all jobs small: voxels and signals share times fewer.
func trial(share int) {
	cortex = bench.RidgeSize{Rows: cortex.Rows / few, Features: cortex.Features / few, Voxels: cortex.Voxels / share, Folds: cortex.Folds, Alphas: cortex.Alphas}
	wide = bench.RidgeSize{Rows: wide.Rows / few, Features: wide.Features / few, Voxels: wide.Voxels / share, Folds: wide.Folds, Alphas: wide.Alphas}
	llama = bench.DictSize{Rows: llama.Rows / few, Signals: llama.Signals / share, Atoms: llama.Atoms / few, Epochs: llama.Epochs}
}

// operations lists the cases of the row ops.
func (b *bencher) operations() []conform.Case {
	s := conform.Mission(b.be.Panels())
	if b.trial {
		s = conform.Size{Rows: s.Rows / few, Features: s.Features / few, Folds: s.Folds, Alphas: s.Alphas, Panels: 1, Width: s.Width / few,
			Kernel: s.Kernel / few, Atoms: s.Atoms / few, Batch: s.Batch / few, Tokens: s.Tokens / few, Units: s.Units / few, Heads: s.Heads}
	}
	return conform.Large(s)
}

// In the order in which they are run: what is wanted most comes first.
var rows = []row{
	{"copy", "bare copy of Y (1000 x 228,000 float32) from page-locked memory", (*bencher).copy},
	{"ridge-locked", "cross-validated ridge, T=1000 K=64 V=228,000, 20 alphas, 5 folds, host to host, Y page-locked", func(b *bencher) (result, error) { return b.ridge(cortex, true) }},
	{"ridge", "the same, Y in pageable memory", func(b *bencher) (result, error) { return b.ridge(cortex, false) }},
	{"limits", "what the device does at best: a product of 4,096 x 4,096, a copy within it", (*bencher).limits},
	{"ridge-device", "the same, all on the device", (*bencher).resident},
	{"codes", "codes of 131,072 signals for fixed atoms, T=600, 64 atoms", (*bencher).codes},
	{"learn", "the whole dictionary job on them, 4 passes", (*bencher).learn},
	{"ridge-wide", "T=600 K=3072 V=228,000", func(b *bencher) (result, error) { return b.ridge(wide, false) }},
	{"ops", "every operation at the shapes of the main jobs", (*bencher).ops},
}

type bencher struct {
	be     engine.Backend
	rounds int
	limit  time.Duration
	trial  bool

	peak    *bench.Peak
	size    bench.RidgeSize // of the problem below
	data    ridge.Data
	options ridge.Options
	outputs ridge.Outputs
	signals *tile.Array[float32]
}

// problem gives the ridge job of a size, made once.
func (b *bencher) problem(s bench.RidgeSize) (ridge.Data, ridge.Options, ridge.Outputs) {
	if b.size != s {
		b.data, b.options, b.outputs = bench.RidgeProblem(s)
		b.size = s
	}
	return b.data, b.options, b.outputs
}

// dictSignals gives the signals of the dictionary job, made once.
func (b *bencher) dictSignals() *tile.Array[float32] {
	if b.signals == nil {
		b.signals = bench.DictSignals(llama)
	}
	return b.signals
}

func main() {
	device := flag.String("device", "cuda:0", "cpu, cuda:N or cuda")
	rounds := flag.Int("rounds", 5, "timed rounds")
	limit := flag.Duration("limit", time.Minute, "after this a row takes no further round")
	threads := flag.Int("threads", 0, "of the CPU; 0: all")
	share := flag.Int("share", 1, "to try the program: voxels and signals are this many times fewer, and with more than 1 all else is small too")
	flag.Parse()
	if *share > 1 {
		trial(*share)
	}
	b := &bencher{rounds: *rounds, limit: *limit, trial: *share > 1}
	if err := b.run(*device, *threads, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "gpu:", err)
		os.Exit(1)
	}
}

func (b *bencher) run(device string, threads int, names []string) error {
	be, _, err := engine.Open(device, engine.Config{Threads: threads})
	if err != nil {
		return err
	}
	defer be.Close()
	b.be = be
	var failed []error
	for _, r := range rows {
		if len(names) > 0 && !slices.Contains(names, r.name) {
			continue
		}
		res, err := r.run(b)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", r.name, err))
			res.Error = err.Error()
		}
		d := be.Device()
		res.Row, res.What, res.Device, res.Model = r.name, r.what, d.Name, d.Model
		slices.Sort(res.Rounds)
		if len(res.Rounds) > 0 {
			res.Seconds = res.Rounds[len(res.Rounds)/2]
		}
		if err := json.NewEncoder(os.Stdout).Encode(res); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

// time runs f once to warm up, then for every round.
func (b *bencher) time(f func() error) (result, error) {
	var r result
	begin := time.Now()
	for i := range b.rounds + 1 {
		start := time.Now()
		if err := f(); err != nil {
			return r, err
		}
		if i > 0 {
			r.Rounds = append(r.Rounds, time.Since(start).Seconds())
		}
		if i > 0 && time.Since(begin) > b.limit {
			break
		}
	}
	return r, nil
}

// limits measures the device's.
func (b *bencher) limits() (result, error) {
	p, err := b.peakOf()
	return result{More: map[string]float64{"float32_flops_per_second": p.Float32, "float64_flops_per_second": p.Float64, "bytes_per_second": p.Bandwidth}}, err
}

func (b *bencher) peakOf() (bench.Peak, error) {
	if b.peak == nil {
		p, err := bench.BackendPeak(context.Background(), b.be, time.Second)
		if err != nil {
			return p, err
		}
		b.peak = &p
	}
	return *b.peak, nil
}

// ops prints each operation as it is timed, in float32, then in float64: a run that
// is stopped has told what it found.
func (b *bencher) ops() (result, error) {
	p, err := b.peakOf()
	if err != nil {
		return result{}, err
	}
	n := 0
	for _, precision := range []tensor.Dtype{op.Float32, op.Float64} {
		for _, c := range b.operations() {
			if !slices.Contains(c.Precisions(), precision) {
				continue
			}
			r, err := bench.TimeOp(context.Background(), b.be, p, c, precision, 20*time.Millisecond)
			r.Large = true
			if err == nil {
				err = json.NewEncoder(os.Stdout).Encode(r)
			}
			if err != nil {
				return result{}, err
			}
			n++
		}
	}
	return result{More: map[string]float64{"operations": float64(n)}}, nil
}

// resident times the job without copies, and compares it with the limits.
func (b *bencher) resident() (result, error) {
	p, err := b.peakOf()
	if err != nil {
		return result{}, err
	}
	data, o, _ := b.problem(cortex)
	job, err := bench.NewResidentRidge(context.Background(), b.be, cortex, data, o)
	if err != nil {
		return result{}, err
	}
	defer job.Close()
	r, err := b.time(job.Run)
	if err != nil {
		return r, err
	}
	slices.Sort(r.Rounds)
	median := r.Rounds[len(r.Rounds)/2]
	r.More = map[string]float64{"share_of_limit": p.Share(job.Work, false, median), "flops": job.Work.Flops, "bytes": job.Work.Bytes, "voxels": float64(job.Seats)}
	return r, nil
}

// copy uploads as many bytes as the responses have, in one piece.
func (b *bencher) copy() (result, error) {
	allBytes := 4 * cortex.Rows * cortex.Voxels
	mem, err := b.be.Host(allBytes)
	if err != nil {
		return result{}, err
	}
	defer mem.Free()
	buf, err := b.be.Alloc(allBytes)
	if err != nil {
		return result{}, err
	}
	defer buf.Free()
	s, err := b.be.NewStream()
	if err != nil {
		return result{}, err
	}
	defer s.Close()
	r, err := b.time(func() error {
		if err := b.be.Upload(s, buf, 0, mem.Bytes()); err != nil {
			return err
		}
		return s.Synchronize()
	})
	if err == nil {
		slices.Sort(r.Rounds)
		r.More = map[string]float64{"bytes_per_second": float64(allBytes) / r.Rounds[len(r.Rounds)/2]}
	}
	return r, err
}

func (b *bencher) ridge(s bench.RidgeSize, locked bool) (result, error) {
	data, o, out := b.problem(s)
	if locked {
		unlock, err := engine.Lock(b.be, data.Y)
		if err != nil {
			return result{}, err
		}
		defer unlock()
	}
	var last ridge.Result
	r, err := b.time(func() (err error) {
		last, err = ridge.Fit(context.Background(), b.be, data, out, o)
		return err
	})
	r.More = map[string]float64{"panels_per_tile": float64(last.Voxels.Panels), "halvings": float64(last.Voxels.Halvings),
		"read_seconds": last.Voxels.Read.Seconds(), "submit_seconds": last.Voxels.Compute.Seconds(), "write_seconds": last.Voxels.Write.Seconds()}
	return r, err
}

// dictOptions are the defaults for the precision of the table.
func dictOptions(precision tensor.Dtype) dict.Options {
	o := dict.Defaults()
	o.Atoms, o.Epochs, o.Precision = llama.Atoms, llama.Epochs, precision
	return o
}

func (b *bencher) codes() (result, error) {
	signals := b.dictSignals()
	o := dictOptions(op.Float32)
	o.Epochs = 1
	learned, err := dict.Learn(context.Background(), b.be, bench.DictSignals(bench.DictSize{Rows: llama.Rows, Signals: 8192, Atoms: llama.Atoms}), o)
	if err != nil {
		return result{}, err
	}
	return b.time(func() error {
		_, err := dict.Encode(context.Background(), b.be, learned.Atoms, signals, o)
		return err
	})
}

func (b *bencher) learn() (result, error) {
	signals := b.dictSignals()
	var last *dict.Result
	r, err := b.time(func() (err error) {
		last, err = dict.Learn(context.Background(), b.be, signals, dictOptions(op.Float32))
		return err
	})
	if err == nil {
		steps := last.Trace
		r.More = map[string]float64{"objective": last.Objective, "steps": float64(len(steps)),
			"microseconds_per_step": 1e6 * steps[len(steps)-1].Seconds / float64(len(steps))}
	}
	return r, err
}
