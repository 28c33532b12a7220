package dict

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/gorgonia"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// clustered makes N signals of T values around 5 directions, of sizes of their own, so that of many first atoms some are
// hardly used and die; signals 3 and 17 are zero.
func clustered(T, N int) *tile.Array[float64] {
	rng := rand.New(rand.NewPCG(41, 42))
	centres := make([]float64, 5*T)
	for i := range centres {
		centres[i] = rng.NormFloat64()
	}
	s := tile.NewArray[float64](T, N)
	for n := range N {
		size := 0.5 + 2*rng.Float64()
		for t := range T {
			if n != 3 && n != 17 {
				s.Data[t*N+n] = size * (centres[n%5*T+t] + 0.2*rng.NormFloat64()) / math.Sqrt(float64(T))
			}
		}
	}
	return s
}

// The first atoms are signals of norm 1, none of them twice and none of them zero, and random vectors of norm 1 where
// signals do not suffice.
func TestFirstAtoms(t *testing.T) {
	const T, N = 9, 23
	src := clustered(T, N)
	for _, K := range []int{1, 21, 22, 30} {
		for seed := range uint64(8) {
			o := Defaults()
			o.Atoms, o.Precision, o.Standardize, o.Seed = K, op.Float64, None, seed
			r := &run[float64]{o: o, be: cpu.New(1), bank: newBank[float64](cpu.New(1), src, o)}
			ord := newOrder(N, T, N, seed)
			if err := r.bank.learn(context.Background(), o, ord, 0, 0); err != nil {
				t.Fatal(err)
			}
			v, err := r.firstAtoms(context.Background(), ord)
			if err != nil {
				t.Fatal(err)
			}
			atoms, taken := v.Data().([]float64), map[int]bool{}
			for k := range K {
				atom := atoms[k*T : (k+1)*T]
				if n := sumSquares(atom); math.Abs(n-1) > 1e-12 {
					t.Errorf("%d atoms, seed %d: atom %d has the squared norm %g", K, seed, k, n)
				}
				for n := range N {
					dot, sq := 0.0, 0.0
					for i, x := range atom {
						dot, sq = dot+x*src.Data[i*N+n], sq+src.Data[i*N+n]*src.Data[i*N+n]
					}
					if sq > 0 && dot/math.Sqrt(sq) > 1-1e-12 {
						if taken[n] {
							t.Errorf("%d atoms, seed %d: signal %d is there twice", K, seed, n)
						}
						taken[n] = true
					}
				}
			}
			if want := min(K, N-2); len(taken) != want {
				t.Errorf("%d atoms, seed %d: %d are signals, want %d", K, seed, len(taken), want)
			}
		}
	}
}

// Learning is the method of docs/numerics.md, step by step: statistics of step t count beta = (1 - 1/t)^8, at most
// (1 - 1/t)^2 in the last pass; an atom whose second moment is 1e-3 of the largest or less after the statistics of a step
// becomes the worst-coded signal of that step, after the atoms moved; its statistics are forgotten in the next step.
func TestLearningIsTheMethod(t *testing.T) {
	const T, N, K, W = 9, 60, 14, 20
	src := clustered(T, N)
	for seed := range uint64(4) {
		o := Defaults()
		o.Atoms, o.Precision, o.Standardize, o.Seed, o.Batch, o.Epochs, o.Lambda = K, op.Float64, None, seed, W, 3, 0.3
		fit, err := Learn(context.Background(), cpu.New(1), src, o)
		if err != nil {
			t.Fatal(err)
		}
		want, died := byTheMethod(t, src, o)
		if died == 0 {
			t.Errorf("seed %d: no atom died, which is part of the test", seed)
		}
		for k := range K {
			same, turned := 0.0, 0.0
			for i := range T {
				a, b := fit.Atoms.Data[i*K+k], want.Data[k*T+i]
				same, turned = max(same, math.Abs(a-b)), max(turned, math.Abs(a+b)) // atoms are signed at the end
			}
			if min(same, turned) > 1e-9 {
				t.Errorf("seed %d: atom %d is off by %g", seed, k, min(same, turned))
			}
		}
	}
}

// byTheMethod learns in plain steps, each an operation of the backend: the codes of a step, which end before they converge,
// follow the last bit of the atoms.
func byTheMethod(t *testing.T, src *tile.Array[float64], o Options) (atoms op.Tensor, died int) {
	T, N, K := src.Rows(), src.Cols(), o.Atoms
	ctx, be := context.Background(), cpu.New(1)
	ord := newOrder(N, T, o.Batch, o.Seed)
	W := ord.batch
	r := &run[float64]{o: o, be: be, bank: newBank[float64](be, src, o)}
	if err := r.bank.learn(ctx, o, ord, 0, 0); err != nil {
		t.Fatal(err)
	}
	first, err := r.firstAtoms(ctx, ord)
	if err != nil {
		t.Fatal(err)
	}
	if atoms, err = op.FromValue(first); err != nil {
		t.Fatal(err)
	}
	A, B, dead := op.NewTensor(op.Dims{1, 1, K, K}), op.NewTensor(op.Dims{1, 1, K, T}), op.NewTensor(op.Dims{1, 1, 1, K})
	apply := func(s op.Spec, in ...op.Tensor) op.Tensor {
		g, feeds := gorgonia.NewGraph(), engine.Feeds{}
		nodes := make([]*gorgonia.Node, len(in))
		for i, x := range in {
			nodes[i] = op.Input(g, fmt.Sprint(i), op.Type{Dtype: op.Float64, Dims: x.Dims})
			feeds[nodes[i]] = engine.Value(op.ToValue(x, op.Float64))
		}
		return ran(t, be, feeds, op.Must(s, nodes...))[0]
	}
	step := 0
	for epoch := range o.Epochs {
		for _, b := range ord.epoch() {
			step++
			rho := 8.0
			if epoch == o.Epochs-1 {
				rho = 2
			}
			beta := op.Tensor{Dims: op.Dims{1, 1, 1, 1}, Data: []float64{math.Pow(1-1/float64(step), rho)}}
			S, squares := op.NewTensor(op.Dims{1, 1, W, T}), op.NewTensor(op.Dims{1, 1, 1, W})
			for i, v := range b.columns {
				for j := range T {
					S.Data[i*T+j] = src.Data[j*N+int(v)]
				}
				squares.Data[i] = sumSquares(S.Data[i*T : (i+1)*T])
			}
			codes, loss := coded(t, be, o, W, S, squares, atoms)
			A = apply(op.AccumGram{}, A, codes, beta, dead)
			B = apply(op.AccumCross{}, B, codes, S, beta, dead)
			moved := apply(op.AtomUpdate{}, atoms, A, B)
			top := 0.0
			for k := range K {
				top = max(top, A.Data[k*K+k])
			}
			dead = op.NewTensor(dead.Dims)
			for k := range K {
				if A.Data[k*K+k] <= 0.001*top {
					dead.Data[k] = 1
					died++
				}
			}
			atoms = apply(op.ReplaceAtoms{}, moved, dead, S, loss)
		}
	}
	return atoms, died
}

// coded gives the codes that learning works with.
func coded(t *testing.T, be engine.Backend, o Options, W int, S, squares, atoms op.Tensor) (codes, loss op.Tensor) {
	c := code(gorgonia.NewGraph(), o, W, S.Dims[3], o.Atoms, false)
	out := ran(t, be, engine.Feeds{
		c.signals: engine.Value(op.ToValue(S, op.Float64)), c.squares: engine.Value(op.ToValue(squares, op.Float64)), c.atoms: engine.Value(op.ToValue(atoms, op.Float64)),
	}, c.codes, c.loss)
	return out[0], out[1]
}

// ran gives the values of nodes.
func ran(t *testing.T, be engine.Backend, feeds engine.Feeds, nodes ...*gorgonia.Node) []op.Tensor {
	values, results := make([]gorgonia.Value, len(nodes)), engine.Results{}
	for i, n := range nodes {
		results[n] = engine.Last(&values[i])
	}
	if _, err := engine.NewMachine(be).Run(context.Background(), feeds, results, engine.Tiling{}); err != nil {
		t.Fatal(err)
	}
	out := make([]op.Tensor, len(nodes))
	for i, v := range values {
		var err error
		if out[i], err = op.FromValue(v); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Signals of any size that float64 has become the same unit vectors, those whose squares vanish or overflow and those
// below the smallest normal number among them, to the digits that they have.
func TestUnit(t *testing.T) {
	rng := rand.New(rand.NewPCG(51, 52))
	want := make([]float64, 17)
	for i := range want {
		want[i] = math.Round(1e6*rng.NormFloat64()) + 3e6
	}
	scaled := func(size float64) []float64 {
		s := make([]float64, len(want))
		for i, x := range want {
			s[i] = x * size
		}
		unit(s, sumSquares(s))
		return s
	}
	plain := scaled(1)
	if n := sumSquares(plain); math.Abs(n-1) > 1e-14 {
		t.Fatalf("squared norm %g", n)
	}
	for _, size := range []float64{0x1p-340, 0x1p-332, 0x1p-330, 0x1p-350, 0x1p-500, 0x1p-520, 0x1p-545, 0x1p-1000, 0x1p-1060, 0x1p-1074, 0x1p320, 0x1p332, 0x1p340, 0x1p900, 0x1p1000} {
		for i, x := range scaled(size) {
			if !(math.Abs(x-plain[i]) <= 1e-14) {
				t.Errorf("of size %g: value %d is %g, want %g", size, i, x, plain[i])
				break
			}
		}
	}
}
