package dict

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Encoding is the codes of signals over given atoms.
type Encoding struct {
	Codes Codes // K x N
	// Objective is the mean over all signals of 1/2 |s - D a|^2 + lambda |a|_1.
	Objective float64
	Zero      int // signals that are zero (standardised: constant); they have no code
}

// panelSignals is the number of signals that are coded as one panel.
const panelSignals = 512

// Encode codes the signals of a source over atoms (T x K), of any norm, until no
// code would move by more than 1e-6 of the signal's largest correlation. Of the
// options it uses Lambda, NonNegative, Standardize, Precision, Memory and
// Progress. When ctx ends, its error is returned.
func Encode(ctx context.Context, be engine.Backend, atoms tile.Matrix, s tile.Source, o Options) (*Encoding, error) {
	if err := o.checkCommon(s); err != nil {
		return nil, err
	}
	if atoms.Rows != s.Rows() || atoms.Cols < 1 || len(atoms.Data) != atoms.Rows*atoms.Cols {
		return nil, fmt.Errorf("atoms are %d x %d with %d values, want %d rows as the signals and at least one column",
			atoms.Rows, atoms.Cols, len(atoms.Data), s.Rows())
	}
	for i, x := range atoms.Data {
		if x-x != 0 {
			return nil, fmt.Errorf("atom %d has the value %v at row %d, want finite values", i%atoms.Cols, x, i/atoms.Cols)
		}
	}
	o.Atoms, o.Batch, o.Epochs = atoms.Cols, panelSignals, 0
	if o.Precision == op.Float32 {
		return encode[float32](ctx, be, atoms, s, o)
	}
	return encode[float64](ctx, be, atoms, s, o)
}

func encode[F float32 | float64](ctx context.Context, be engine.Backend, atoms tile.Matrix, src tile.Source, o Options) (*Encoding, error) {
	r := &run[F]{o: o, be: be, progress: progress{f: o.Progress, total: src.Cols()}}
	r.bank = newBank[F](be, src, o)
	if err := r.bank.stream(o, bufferBytes(o, src)+codesBytes(o.Atoms, src.Cols())); err != nil {
		return nil, err
	}
	rows := op.NewTensor(op.Dims{1, 1, atoms.Cols, atoms.Rows})
	transposeTo(rows.Data, atoms.Data, atoms.Rows, atoms.Cols)
	return r.encode(ctx, op.ToValue(rows, o.Precision))
}

// transposeTo writes the transpose of a (rows x cols).
func transposeTo(dst, a []float64, rows, cols int) {
	for i := range rows {
		for j := range cols {
			dst[j*rows+i] = a[i*cols+j]
		}
	}
}

// run is one call of Learn or Encode.
type run[F float32 | float64] struct {
	o        Options
	be       engine.Backend
	bank     *bank[F]
	progress progress
	keeping  chan error // of the state that is being kept, if any
}

// progress counts signals over passes.
type progress struct {
	f           func(done, total int)
	done, total int
}

func (p *progress) add(n int) {
	p.done += n
	if p.f != nil {
		p.f(p.done, p.total)
	}
}

// encode codes all signals over atoms, a (1, 1, K, T) value.
func (r *run[F]) encode(ctx context.Context, atoms gorgonia.Value) (*Encoding, error) {
	n, K := r.bank.n, r.o.Atoms
	most := codesBytes(K, n)
	c := code(gorgonia.NewGraph(), r.o, panelSignals, r.bank.t, K, true)
	exact, err := gram(atoms)
	if err != nil {
		return nil, err
	}
	out := &Encoding{Codes: Codes{Rows: K, Cols: n, panels: make([]panel, 0, panels(n))}}
	feeds := engine.Feeds{
		c.signals: engine.Lend(op.TypeOf(c.signals), func(t engine.Tile) (engine.Rows, bool) {
			return r.bank.lendRows(t.Lo, t.Hi, t.Panels*panelSignals)
		}, func(t engine.Tile, dst engine.Host) error {
			return r.bank.rows(ctx, t.Lo, t.Hi, elements[F](dst))
		}),
		c.squares: engine.Each(op.TypeOf(c.squares), func(t engine.Tile, dst engine.Host) error {
			r.bank.rowSquares(t.Lo, t.Hi, dst.Float64())
			return nil
		}),
		c.atoms: engine.Value(atoms),
		c.exact: engine.Value(exact),
	}
	results := engine.Results{
		c.codes: engine.PerTile(func(t engine.Tile, v engine.Host) error {
			add(&out.Codes, elements[F](v)[:(t.Hi-t.Lo)*K])
			return nil
		}),
		c.loss: engine.PerTile(func(t engine.Tile, v engine.Host) error {
			for _, x := range v.Float64() {
				out.Objective += x
			}
			r.progress.add(t.Hi - t.Lo)
			return nil
		}),
	}
	tiling := engine.Tiling{Cols: n, Width: panelSignals}
	if r.o.Memory > 0 {
		r.bank.leave(r.o.Memory - most - bufferBytes(r.o, r.bank.reader.src))
		tiling.Budget = r.o.Memory - most - r.bank.bytes()
	}
	if _, err := engine.NewMachine(r.be).Run(ctx, feeds, results, tiling); err != nil {
		return nil, err
	}
	out.Objective /= float64(n)
	out.Zero = r.bank.zero
	return out, nil
}

// gram is the Gram matrix of atoms, a (1, 1, K, T) value, in float64: (1, 1, K, K).
func gram(atoms gorgonia.Value) (gorgonia.Value, error) {
	rows, err := op.FromValue(atoms)
	if err != nil {
		return nil, err
	}
	K, t := rows.Dims[2], rows.Dims[3]
	D, G := blas64.General{Rows: K, Cols: t, Stride: t, Data: rows.Data}, op.NewTensor(op.Dims{1, 1, K, K})
	blas64.Gemm(blas.NoTrans, blas.Trans, 1, D, D, 0, blas64.General{Rows: K, Cols: K, Stride: K, Data: G.Data})
	return op.ToValue(G, op.Float64), nil
}

// elements gives the elements of an array of the run's precision.
func elements[F float32 | float64](h engine.Host) []F {
	if h.Dtype == op.Float32 {
		return any(h.Float32()).([]F)
	}
	return any(h.Float64()).([]F)
}

// copyClear copies src to dst and clears what is left.
func copyClear[F float32 | float64](dst, src []F) { clear(dst[copy(dst, src):]) }
