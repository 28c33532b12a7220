package dict

import (
	"context"
	"math"
	"time"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Result is a dictionary with the codes of the signals it was learned from, none with Options.NoCodes.
type Result struct {
	// Atoms is T x K, columns of norm at most 1, as optimised, each signed so that
	// its codes sum to at least 0.
	Atoms tile.Matrix
	Encoding
	Trace []Step
}

// Step is a point of the trace of learning.
type Step struct {
	Step    int     // from 1
	Seconds float64 // since Learn was called
	// Objective is the mean over the step's batch, coded over the atoms before
	// the step.
	Objective float64
}

// Learn learns a dictionary from the signals of a source and codes them with it.
// When ctx ends, its error is returned.
func Learn(ctx context.Context, be engine.Backend, s tile.Source, o Options) (*Result, error) {
	if err := o.check(s); err != nil {
		return nil, err
	}
	if o.Precision == op.Float32 {
		return learn[float32](ctx, be, s, o)
	}
	return learn[float64](ctx, be, s, o)
}

// Least gives the memory in bytes that Learn needs at the least (Options.Memory): a window of
// signals and the buffers, or all codes and the buffers, where every code could be other than 0. Nothing of the source is read.
func Least(ctx context.Context, be engine.Backend, s tile.Source, o Options) (int64, error) {
	o.Memory, o.Checkpoint, o.Progress = 1, nil, nil // less than any window needs
	_, err := Learn(ctx, be, s, o)
	return engine.Needed(err)
}

func learn[F float32 | float64](ctx context.Context, be engine.Backend, src tile.Source, o Options) (*Result, error) {
	start := time.Now()
	n, t := src.Cols(), src.Rows()
	ord := newOrder(n, t, min(o.Batch, n), o.Seed)
	o.Batch = ord.batch
	r := &run[F]{o: o, be: be, bank: newBank[F](be, src, o), progress: progress{f: o.Progress, total: o.signals(n)}}
	codes := int64(0)
	if !o.NoCodes {
		codes = codesBytes(o.Atoms, n)
	}
	if err := r.bank.learn(ctx, o, ord, bufferBytes(o, src), codes); err != nil {
		return nil, err
	}
	defer r.kept()
	st, err := r.begin(ctx, ord)
	if err != nil {
		return nil, err
	}
	if err := r.train(ctx, ord, st, start); err != nil {
		return nil, err
	}
	e := &Encoding{}
	if !o.NoCodes {
		if e, err = r.encode(ctx, st.atoms); err != nil {
			return nil, err
		}
	}
	if err := r.kept(); err != nil {
		return nil, err
	}
	res := &Result{Encoding: *e, Trace: st.trace}
	return res, res.sign(st.atoms)
}

// bufferBytes bounds the memory of a job's buffers, besides the signals: two
// batches (or panels) in flight, the state twice, and what lies between.
func bufferBytes(o Options, src tile.Source) int64 {
	W, T, K := int64(max(o.Batch, panelSignals)), int64(src.Rows()), int64(o.Atoms)
	return int64(o.Precision.Size())*(W*(2*T+5*K)+6*K*T) + 8*(8*W+6*K*K) + 1<<20
}

// firstAtoms are distinct signals in random order, scaled to norm 1, and random
// vectors where there are fewer signals than atoms.
func (r *run[F]) firstAtoms(ctx context.Context, ord *order) (gorgonia.Value, error) {
	t, K := r.bank.t, r.o.Atoms
	atoms := op.NewTensor(op.Dims{1, 1, K, t})
	k := 0
	for _, v := range ord.sample() {
		if k == K {
			break
		}
		s, sq, err := r.bank.signal(ctx, int(v))
		if err != nil {
			return nil, err
		}
		if sq == 0 {
			continue
		}
		for i, x := range s {
			atoms.Data[k*t+i] = float64(x) / math.Sqrt(sq)
		}
		k++
	}
	for ; k < K; k++ {
		row := atoms.Data[k*t : (k+1)*t]
		for i := range row {
			row[i] = ord.uniform()
		}
		unit := math.Sqrt(sumSquares(row))
		for i := range row {
			row[i] /= unit
		}
	}
	return op.ToValue(atoms, r.o.Precision), nil
}

// train runs the passes that st does not have yet, and keeps st after each while the next one runs.
func (r *run[F]) train(ctx context.Context, ord *order, st *state, start time.Time) error {
	m := engine.NewMachine(r.be)
	s := learnStep(gorgonia.NewGraph(), r.o, r.o.Batch, r.bank.t)
	begun := st.seconds()
	r.progress.add(st.epoch * r.bank.n)
	for st.epoch < r.o.Epochs {
		steps := ord.epoch()
		before, last := len(st.trace), st.epoch == r.o.Epochs-1
		feeds := engine.Feeds{
			s.signals: engine.Lend(op.TypeOf(s.signals), func(tl engine.Tile) (engine.Rows, bool) {
				return r.bank.lend(steps[tl.Index], ord.batch)
			}, func(tl engine.Tile, dst engine.Host) error {
				return r.bank.gather(ctx, steps[tl.Index], elements[F](dst))
			}),
			s.squares: engine.Each(op.TypeOf(s.squares), func(tl engine.Tile, dst engine.Host) error {
				r.bank.squares(steps[tl.Index].columns, dst.Float64())
				return nil
			}),
			s.beta: engine.Each(op.TypeOf(s.beta), func(tl engine.Tile, dst engine.Host) error {
				dst.Float64()[0] = r.o.beta(before+tl.Index+1, last)
				return nil
			}),
			s.atoms: engine.Carry(s.nextAtoms, st.atoms),
			s.gram:  engine.Carry(s.nextGram, st.gram),
			s.cross: engine.Carry(s.nextCross, st.cross),
			s.dead:  engine.Carry(s.nextDead, st.dead),
		}
		results := engine.Results{
			s.nextAtoms: engine.Last(&st.atoms),
			s.nextGram:  engine.Last(&st.gram),
			s.nextCross: engine.Last(&st.cross),
			s.nextDead:  engine.Last(&st.dead),
			s.loss: engine.PerTile(func(tl engine.Tile, v engine.Host) error {
				size, sum := len(steps[tl.Index].columns), 0.0
				for _, x := range v.Float64() {
					sum += x
				}
				st.trace = append(st.trace, Step{before + tl.Index + 1, begun + time.Since(start).Seconds(), sum / float64(size)})
				r.progress.add(size)
				return nil
			}),
		}
		if _, err := m.Run(ctx, feeds, results, engine.Tiling{Cols: len(steps), Width: 1, Panels: 1}); err != nil {
			return err
		}
		st.epoch++
		if err := r.keep(ord, st); err != nil {
			return err
		}
	}
	return nil
}

// sign turns atoms whose codes sum to less than 0, with their codes, and keeps
// the atoms as T x K.
func (res *Result) sign(atoms gorgonia.Value) error {
	rows, err := op.FromValue(atoms)
	if err != nil {
		return err
	}
	K, t := rows.Dims[2], rows.Dims[3]
	turn := make([]bool, K)
	for k, sum := range res.Codes.Sums() {
		if turn[k] = sum < 0; turn[k] {
			for i := range t {
				rows.Data[k*t+i] = -rows.Data[k*t+i]
			}
		}
	}
	res.Codes.flip(turn)
	res.Atoms = tile.Matrix{Rows: t, Cols: K, Data: make([]float64, t*K)}
	transposeTo(res.Atoms.Data, rows.Data, K, t)
	return nil
}
