package worker

import (
	"context"
	"errors"
	"math"
	"time"

	"voxen/engine/dict"
	"voxen/engine/tile"
)

// learnParams are what learn is asked for, besides the signals S (N, T), a row each; code
// takes Lambda, NonNegative and Standardize, and the atoms (K, T).
type learnParams struct {
	Atoms       int     `json:"atoms"`
	Lambda      float64 `json:"lambda"`
	Epochs      int     `json:"epochs"`
	Batch       int     `json:"batch"`
	Seed        uint64  `json:"seed"`
	NonNegative bool    `json:"nonnegative"`
	Standardize bool    `json:"standardize"`
}

// learnResult is what learn and code say besides their arrays: atoms (K, T) and codes (N, K).
type learnResult struct {
	Objective float64   `json:"objective"` // mean over signals of 1/2 |s - D a|^2 + lambda |a|_1
	Trace     []float64 `json:"trace"`     // objective of the batch of each step
	Zero      int       `json:"zero"`      // signals without a code
	Device    string    `json:"device"`
	Seconds   float64   `json:"seconds"`
}

// The most of each that is asked for in earnest.
const (
	mostAtoms  = 1 << 16
	mostEpochs = 1 << 20
)

// learn learns a dictionary (dict.Learn).
func (c *call) learn(ctx context.Context) (any, error) {
	start := time.Now()
	signals, o, err := c.signals()
	if err != nil {
		return nil, err
	}
	res, err := dict.Learn(ctx, c.backend, signals, o)
	if err != nil {
		return nil, c.explain(err)
	}
	if err := c.write(ctx, "atoms", transposed(res.Atoms)); err != nil {
		return nil, err
	}
	trace := make([]float64, len(res.Trace))
	for i, s := range res.Trace {
		trace[i] = s.Objective
	}
	return learnResult{res.Objective, trace, res.Zero, c.backend.Device().Name, time.Since(start).Seconds()}, c.write(ctx, "codes", dense(&res.Codes))
}

// code codes signals over atoms (dict.Encode).
func (c *call) code(ctx context.Context) (any, error) {
	start := time.Now()
	atoms, _, err := c.matrix("atoms")
	if err != nil {
		return nil, err
	}
	signals, o, err := c.signals()
	if err != nil {
		return nil, err
	}
	if atoms.Cols != signals.Rows() || atoms.Rows == 0 {
		return nil, badInput("atoms are %d x %d, signals have %d values, expected an atom at least, of as many", atoms.Rows, atoms.Cols, signals.Rows())
	}
	res, err := dict.Encode(ctx, c.backend, transposed(atoms), signals, o)
	if err != nil {
		return nil, c.explain(err)
	}
	return learnResult{Objective: res.Objective, Zero: res.Zero, Device: c.backend.Device().Name, Seconds: time.Since(start).Seconds()}, c.write(ctx, "codes", dense(&res.Codes))
}

// signals are those of the request, and what is asked for in the engine's words.
func (c *call) signals() (tile.Source, dict.Options, error) {
	p, o := learnParams{Atoms: 1, Epochs: 1, Batch: 1}, dict.Defaults()
	if err := c.params(&p); err != nil {
		return nil, o, err
	}
	S, err := c.source("S")
	if err != nil {
		return nil, o, err
	}
	switch {
	case S.Rows() == 0 || S.Cols() == 0:
		return nil, o, badInput("%d signals of %d values, expected at least one of each", S.Rows(), S.Cols())
	case p.Atoms < 1 || p.Atoms > mostAtoms:
		return nil, o, badInput("%d atoms, expected 1 to %d", p.Atoms, mostAtoms)
	case !(p.Lambda >= 0 && p.Lambda <= dict.MaxLambda):
		return nil, o, badInput("lambda %g, expected a number from 0 to %g", p.Lambda, float64(dict.MaxLambda))
	case p.Epochs < 1 || p.Epochs > mostEpochs || p.Batch < 1 || p.Batch > math.MaxInt32:
		return nil, o, badInput("%d epochs of batches of %d, expected 1 to %d, and at least 1", p.Epochs, p.Batch, mostEpochs)
	}
	o.Atoms, o.Lambda, o.Epochs, o.Batch, o.Seed, o.NonNegative = p.Atoms, p.Lambda, p.Epochs, p.Batch, p.Seed, p.NonNegative
	o.Standardize, o.Precision, o.Progress = dict.None, c.env.Precision, c.progress("learning")
	if p.Standardize {
		o.Standardize = dict.Columns
	}
	o.Memory = c.env.HostBudget(c.toCome())
	switch data := S.Elements().(type) {
	case []float32:
		s, err := dict.NewSignals(S.Cols(), S.Rows(), data)
		return s, o, err
	case []float64:
		s, err := dict.NewSignals(S.Cols(), S.Rows(), data)
		return s, o, err
	}
	panic("an array of another type") // source gives these two
}

// explain makes what is wrong with signals the caller's.
func (c *call) explain(err error) error {
	var notFinite *dict.NotFinite
	var overflow *dict.Overflow
	if errors.As(err, &notFinite) || errors.As(err, &overflow) {
		return badInput("%v", err)
	}
	return err
}

// write makes a matrix an array of results.
func (c *call) write(ctx context.Context, name string, m tile.Matrix) error {
	sink, err := c.sink(name, m.Rows, m.Cols)
	if err != nil {
		return err
	}
	return sink.WriteFloat64(ctx, 0, m.Cols, m.Data, m.Cols)
}

func transposed(m tile.Matrix) tile.Matrix {
	t := tile.Matrix{Rows: m.Cols, Cols: m.Rows, Data: make([]float64, len(m.Data))}
	for r := range m.Rows {
		for c, x := range m.Row(r) {
			t.Data[c*t.Cols+r] = x
		}
	}
	return t
}

// dense is codes (K, N) as a matrix (N, K).
func dense(codes *dict.Codes) tile.Matrix {
	m := tile.Matrix{Rows: codes.Cols, Cols: codes.Rows, Data: make([]float64, codes.Rows*codes.Cols)}
	for n := range m.Rows {
		atoms, values := codes.Column(n)
		for i, k := range atoms {
			m.Data[n*m.Cols+int(k)] = values[i]
		}
	}
	return m
}
