package dict

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine/op"
)

type node = *gorgonia.Node

// The bounds of the sweeps of coordinate descent per signal: while learning, and for the final codes, which are finished
// otherwise where that is not enough. A handful is enough for most; where there are more atoms than rows, or alike ones,
// some signals need thousands.
const (
	maxSweeps   = 100000
	finalSweeps = 1000
)

// The tolerances of the codes, as a share of a signal's largest correlation with
// an atom: while learning, and for the final codes, whose conditions of optimality hold to it as well, up to the
// spacing of codes in float32.
const (
	learnTol     = 1e-2
	finalTol     = 1e-6
	finalTolWide = 1e-7 // in float64
)

// final is the tolerance of the final codes.
func (o Options) final() float64 {
	if o.Precision == op.Float64 {
		return finalTolWide
	}
	return finalTol
}

// deadRatio is the share of the most used atom's second moment under which an
// atom is replaced.
const deadRatio = 1e-3

// coder holds the nodes that code signals over atoms.
type coder struct {
	signals, squares, atoms node // inputs
	exact                   node // input of final codes: the Gram matrix of the atoms in float64
	codes, loss             node
}

// code builds the codes of W signals of T values over K atoms and their losses, for learning or final ones.
func code(g *gorgonia.ExprGraph, o Options, W, T, K int, final bool) coder {
	var c coder
	c.signals = op.Input(g, "signals", op.Type{Dtype: o.Precision, Dims: op.Dims{1, 1, W, T}})
	c.squares = op.Input(g, "squares", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, W}})
	c.atoms = op.Input(g, "atoms", op.Type{Dtype: o.Precision, Dims: op.Dims{1, 1, K, T}})
	gram := op.Must(op.MatMul{TransB: true}, c.atoms, c.atoms)
	dots := op.Must(op.MatMul{TransB: true}, c.signals, c.atoms)
	tol, sweeps := learnTol, maxSweeps
	if final {
		tol, sweeps = o.final(), finalSweeps
	}
	c.codes = op.Must(op.SparseCode{Lambda: o.Lambda, NonNegative: o.NonNegative, Tol: tol, MaxSweeps: sweeps}, gram, dots)
	if final {
		c.exact = op.Input(g, "exact", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, K, K}})
		c.codes = op.Must(op.FinishCodes{Lambda: o.Lambda, NonNegative: o.NonNegative, Tol: tol}, c.exact, dots, c.codes)
	}
	c.loss = op.Must(op.CodeLoss{Lambda: o.Lambda}, c.codes, dots, gram, c.squares)
	return c
}

// step holds the nodes of one step of learning: state goes in and comes out.
type step struct {
	coder
	beta              node // input
	gram, cross, dead node // inputs besides atoms: the state

	nextAtoms, nextGram, nextCross, nextDead node
}

// learnStep builds one step on a batch of W signals,
//
//	A' = beta A + sum a a',  B' = beta B + sum a s',  D' = one sweep of descent over atoms,
//
// where atoms that A' shows unused become the worst-coded signals of the batch;
// the next step forgets their statistics.
func learnStep(g *gorgonia.ExprGraph, o Options, W, T int) step {
	K := o.Atoms
	s := step{coder: code(g, o, W, T, K, false)}
	wide := func(name string, rows, cols int) node {
		return op.Input(g, name, op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, rows, cols}})
	}
	s.beta, s.gram, s.dead = wide("beta", 1, 1), wide("A", K, K), wide("dead", 1, K)
	s.cross = op.Input(g, "B", op.Type{Dtype: o.Precision, Dims: op.Dims{1, 1, K, T}})
	s.nextGram = op.Must(op.AccumGram{}, s.gram, s.codes, s.beta, s.dead)
	s.nextCross = op.Must(op.AccumCross{}, s.cross, s.codes, s.signals, s.beta, s.dead)
	s.nextDead = op.Must(op.DeadAtoms{Ratio: deadRatio}, s.nextGram)
	moved := op.Must(op.AtomUpdate{}, s.atoms, s.nextGram, s.nextCross)
	s.nextAtoms = op.Must(op.ReplaceAtoms{}, moved, s.nextDead, s.signals, s.loss)
	return s
}

// zeros makes a (1, 1, rows, cols) value of zeros.
func zeros(dtype tensor.Dtype, rows, cols int) gorgonia.Value {
	return op.ToValue(op.NewTensor(op.Dims{1, 1, rows, cols}), dtype)
}
