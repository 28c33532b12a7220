package dict_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"

	"slices"
	"strings"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// random makes T x N normal values with an offset and scale per column.
func random(seed uint64, T, N int) *tile.Array[float64] {
	a := tile.NewArray[float64](T, N)
	for i := range a.Data {
		n := i % N
		a.Data[i] = 100*float64(n%3) + math.Pow(10, float64(n%5-2))*normal(seed, i, T*N)
	}
	return a
}

func matrix(a *tile.Array[float64]) tile.Matrix {
	return tile.Matrix{Rows: a.Rows(), Cols: a.Cols(), Data: a.Data}
}

// standardized gives the columns with mean 0 and norm 1, or zero where constant.
func standardized(a *tile.Array[float64]) tile.Matrix {
	T, N := a.Rows(), a.Cols()
	out := matrix(a)
	out.Data = slices.Clone(a.Data)
	for n := range N {
		mean, sq := 0.0, 0.0
		for t := range T {
			mean += a.Data[t*N+n] / float64(T)
		}
		for t := range T {
			sq += math.Pow(a.Data[t*N+n]-mean, 2)
		}
		for t := range T {
			out.Data[t*N+n] = (a.Data[t*N+n] - mean) / max(math.Sqrt(sq), 1e-300)
		}
	}
	return out
}

// What is returned fits together for any shape: unit ball, signs, the objective
// by its definition, optimal codes, one trace entry per step.
func TestResultHolds(t *testing.T) {
	for _, c := range []struct {
		name        string
		T, N, K     int
		batch       int
		nonnegative bool
		plain       bool
	}{
		{"usual", 40, 300, 10, 64, false, false},
		{"non-negative", 40, 300, 10, 64, true, false},
		{"one signal", 12, 1, 1, 512, false, false},
		{"one signal, many atoms", 12, 1, 5, 512, false, false},
		{"one atom", 25, 70, 1, 16, false, false},
		{"one row, raw", 1, 40, 3, 8, false, true},
		{"two rows", 2, 40, 3, 8, false, false},
		{"more atoms than rows", 6, 200, 20, 50, false, false},
		{"more atoms than signals", 30, 7, 20, 3, true, false},
		{"batches of one", 15, 33, 4, 1, false, false},
		{"raw values", 20, 90, 6, 32, false, true},
	} {
		for _, precision := range []string{"float32", "float64"} {
			t.Run(c.name+" "+precision, func(t *testing.T) {
				src := random(uint64(len(c.name)), c.T, c.N)
				o := dict.Defaults()
				o.Atoms, o.Batch, o.NonNegative, o.Seed, o.Precision = c.K, c.batch, c.nonnegative, 3, op.Float32
				S, limit := standardized(src), 2e-5
				if c.plain {
					o.Standardize, S = dict.None, matrix(src)
					o.Lambda = 1
				}
				if precision == "float64" {
					o.Precision, limit = op.Float64, 3e-6 // the codes end within 1e-6 of the correlations
				}
				fit, err := dict.Learn(context.Background(), cpu.New(2), src, o)
				if err != nil {
					t.Fatal(err)
				}
				checkFit(t, fit, S, o, limit)
				if steps := o.Epochs * ((c.N + c.batch - 1) / c.batch); len(fit.Trace) != steps {
					t.Errorf("%d steps in the trace, want %d", len(fit.Trace), steps)
				}
			})
		}
	}
}

func checkFit(t *testing.T, fit *dict.Result, S tile.Matrix, o dict.Options, limit float64) {
	t.Helper()
	D, K := fit.Atoms, o.Atoms
	if D.Rows != S.Rows || D.Cols != K || fit.Codes.Rows != K || fit.Codes.Cols != S.Cols {
		t.Fatalf("atoms %d x %d, codes %d x %d", D.Rows, D.Cols, fit.Codes.Rows, fit.Codes.Cols)
	}
	codes := dense(&fit.Codes)
	if want := objective(D, S, codes, o.Lambda); math.Abs(fit.Objective-want) > limit*(1+want) {
		t.Errorf("objective %g, by its definition %g", fit.Objective, want)
	}
	for k := range K {
		sq, sum := 0.0, 0.0
		for r := range D.Rows {
			sq += D.Data[r*K+k] * D.Data[r*K+k]
		}
		for n := range S.Cols {
			sum += codes[k*S.Cols+n]
			if x := codes[k*S.Cols+n]; o.NonNegative && x < 0 {
				t.Errorf("code %g of a non-negative model", x)
			}
		}
		if sq > 1+1e-5 || sum < 0 && !o.NonNegative {
			t.Errorf("atom %d has squared norm %g and codes that sum to %g", k, sq, sum)
		}
	}
	// a code is optimal if its correlation with the residual is lambda by its sign,
	// and within lambda where it is zero
	for n := range S.Cols {
		res, top := residual(D, S, codes, n), 0.0
		corr := make([]float64, K)
		for k := range K {
			for r := range D.Rows {
				corr[k] += D.Data[r*K+k] * res[r]
				top = max(top, math.Abs(S.Data[r*S.Cols+n]))
			}
		}
		for k := range K {
			a, slack := codes[k*S.Cols+n], 10*limit*(1+top)*math.Sqrt(float64(S.Rows))
			switch {
			case a != 0 && math.Abs(corr[k]-math.Copysign(o.Lambda, a)) > slack,
				a == 0 && corr[k] > o.Lambda+slack, a == 0 && !o.NonNegative && corr[k] < -o.Lambda-slack:
				t.Fatalf("signal %d, atom %d: code %g with correlation %g, lambda %g", n, k, a, corr[k], o.Lambda)
			}
		}
	}
}

func residual(D, S tile.Matrix, codes []float64, n int) []float64 {
	res := make([]float64, S.Rows)
	for r := range res {
		res[r] = S.Data[r*S.Cols+n]
		for k := range D.Cols {
			res[r] -= D.Data[r*D.Cols+k] * codes[k*S.Cols+n]
		}
	}
	return res
}

// A result has the same bits for any number of threads, with signals in memory,
// in place, or read again by windows.
func TestSameBits(t *testing.T) {
	signals, _ := synthetic(60, 3000, 5)
	o := dict.Defaults()
	o.Standardize, o.Atoms, o.Epochs, o.Batch = dict.None, 24, 2, 200
	learn := func(threads int, src tile.Source, memory int64) *dict.Result {
		o.Memory = memory
		fit, err := dict.Learn(context.Background(), cpu.New(threads), src, o)
		if err != nil {
			t.Fatal(err)
		}
		return fit
	}
	want := learn(1, signals, 0)
	rows := tile.NewArray[float32](signals.T, signals.N)
	if err := signals.ReadFloat32(context.Background(), 0, signals.N, rows.Data, signals.N); err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 2, 7} {
		for _, src := range []tile.Source{signals, rows} {
			sameFit(t, fmt.Sprintf("%d threads, %T", threads, src), learn(threads, src, 0), want)
		}
	}
	least, err := dict.Least(context.Background(), cpu.New(2), rows, o)
	if err != nil {
		t.Fatal(err)
	}
	sameFit(t, "signals left for the codes", learn(2, rows, least), want)
	o.NoCodes = true
	alone := learn(2, signals, 0)
	for k, like := range cosinesOfSame(alone.Atoms, want.Atoms) {
		if !(like > 1-1e-6) || alone.Codes.Cols != 0 { // signs apart
			t.Errorf("without codes atom %d is another one: %g", k, like)
		}
	}
	o.NoCodes = false
	o.Seed++
	if fit := learn(2, signals, 0); slices.Equal(fit.Atoms.Data, want.Atoms.Data) {
		t.Error("another seed gives the same atoms")
	}
}

// cosinesOfSame are the cosines of the k-th atoms.
func cosinesOfSame(a, b tile.Matrix) (c []float64) {
	like := dict.Alike(a, b)
	for k := range like.Rows {
		c = append(c, like.Row(k)[k])
	}
	return c
}

// Dictionaries of both halves of the rows are as alike by codes made in blocks as by those that they
// were learned with.
func TestAlikeByCodes(t *testing.T) {
	const half, N, K = 6, 8192 + 700, 3 // more signals than are coded at once
	src := random(3, 2*half, N)
	o := dict.Defaults()
	o.Atoms, o.Epochs, o.Precision = K, 1, op.Float64
	var rows [2]*tile.Array[float64]
	var fits [2]*dict.Result
	for h := range rows {
		rows[h] = tile.NewArray[float64](half, N)
		copy(rows[h].Data, src.Data[h*half*N:])
		var err error
		if fits[h], err = dict.Learn(context.Background(), cpu.New(2), rows[h], o); err != nil {
			t.Fatal(err)
		}
	}
	last := 0
	o.Progress = func(done, total int) {
		if done <= last || total != 2*N {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}
	got, err := dict.AlikeByCodes(context.Background(), cpu.New(2), fits[0].Atoms, rows[0], fits[1].Atoms, rows[1], o)
	if err != nil || last != 2*N {
		t.Fatal(err, last)
	}
	var coded [2]tile.Matrix
	for h, fit := range fits {
		coded[h] = tile.Matrix{Rows: N, Cols: K, Data: make([]float64, N*K)}
		for n := range N {
			atoms, values := fit.Codes.Column(n)
			for i, k := range atoms {
				coded[h].Data[n*K+int(k)] = values[i]
			}
		}
	}
	for i, want := range dict.Alike(coded[0], coded[1]).Data {
		if d := got.Data[i] - want; math.Abs(d) > 1e-12 { // sums of 9,000 products in float64
			t.Errorf("cosine %d is %g, of all codes %g", i, got.Data[i], want)
		}
	}
	if _, err := dict.AlikeByCodes(context.Background(), cpu.New(2), fits[0].Atoms, rows[0], fits[1].Atoms, random(1, half, 9), o); err == nil {
		t.Error("other signals are compared")
	}
}

func sameFit(t *testing.T, what string, got, want *dict.Result) {
	t.Helper()
	if !slices.Equal(got.Atoms.Data, want.Atoms.Data) || !reflect.DeepEqual(got.Codes, want.Codes) || got.Objective != want.Objective || len(got.Trace) != len(want.Trace) {
		t.Errorf("%s: another result", what)
	}
	for i := range got.Trace {
		if got.Trace[i].Objective != want.Trace[i].Objective {
			t.Fatalf("%s: another objective at step %d", what, i+1)
		}
	}
}

// Signals that do not fit into memory are visited in the order of those that do.
func TestWindows(t *testing.T) {
	if testing.Short() {
		t.Skip("170 MB of signals")
	}
	// more than the 128 MiB that one window holds
	T, N := 2100, 20000
	src := tile.NewArray[float32](T, N)
	for i := range src.Data {
		src.Data[i] = float32(splitMix(9, i)>>40)/(1<<24) - 0.5
	}
	o := dict.Defaults()
	o.Atoms, o.Epochs = 4, 1
	fit := func(memory int64) *dict.Result {
		o.Memory = memory
		fit, err := dict.Learn(context.Background(), cpu.New(2), src, o)
		if err != nil {
			t.Fatal(err)
		}
		return fit
	}
	sameFit(t, "windows", fit(170<<20), fit(0))
	o.Memory = 64 << 20
	var over *engine.OverBudget
	if _, err := dict.Learn(context.Background(), cpu.New(2), src, o); !errors.As(err, &over) || over.Budget != 64<<20 || over.Need < 128<<20 {
		t.Errorf("64 MiB: %v, want an OverBudget of at least a window", err)
	}
}

// memory keeps a checkpoint in memory and fails when told to.
type memory struct {
	state []byte
	saves int
	stop  int // fail at this save, 0: never
}

var errStop = errors.New("stopped")

func (m *memory) Load() ([]byte, error) { return m.state, nil }

func (m *memory) Save(state []byte) error {
	m.saves++
	m.state = slices.Clone(state)
	if m.saves == m.stop {
		return errStop
	}
	return nil
}

// Learning that stopped after any pass goes on to the same bits.
func TestGoesOn(t *testing.T) {
	src := random(4, 30, 500)
	o := dict.Defaults()
	o.Atoms, o.Batch, o.Epochs = 12, 64, 3
	want, err := dict.Learn(context.Background(), cpu.New(2), src, o)
	if err != nil {
		t.Fatal(err)
	}
	for stop := 1; stop <= 3; stop++ {
		m := &memory{stop: stop}
		o.Checkpoint = m
		if _, err := dict.Learn(context.Background(), cpu.New(2), src, o); !errors.Is(err, errStop) {
			t.Fatalf("stop %d: %v", stop, err)
		}
		first := 0
		o.Progress = func(done, total int) {
			if first == 0 {
				first = done
			}
		}
		fit, err := dict.Learn(context.Background(), cpu.New(3), src, o)
		if err != nil {
			t.Fatal(err)
		}
		if m.saves != 3 || first < stop*500 {
			t.Errorf("stop %d: saved %d times, progress began at %d", stop, m.saves, first)
		}
		sameFit(t, fmt.Sprintf("stopped after pass %d", stop), fit, want)
		for i := 1; i < len(fit.Trace); i++ {
			if fit.Trace[i].Seconds < fit.Trace[i-1].Seconds {
				t.Errorf("the clock of the trace goes back at step %d", i+1)
			}
		}
	}
	o.Progress = nil
	for name, state := range map[string][]byte{"garbage": []byte("garbage"), "empty": {}} {
		o.Checkpoint = &memory{state: state}
		if _, err := dict.Learn(context.Background(), cpu.New(1), src, o); err == nil || !strings.Contains(err.Error(), "checkpoint") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := &memory{}
	o.Checkpoint, o.Atoms = m, 5
	if _, err := dict.Learn(context.Background(), cpu.New(1), src, o); err != nil {
		t.Fatal(err)
	}
	o.Atoms = 6
	if _, err := dict.Learn(context.Background(), cpu.New(1), src, o); err == nil || !strings.Contains(err.Error(), "6 atoms") {
		t.Errorf("a checkpoint of 5 atoms was taken for 6: %v", err)
	}
}

// An end of the context ends learning.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	o := dict.Defaults()
	o.Atoms, o.Batch = 4, 10
	o.Progress = func(done, _ int) {
		if done > 50 {
			cancel(errStop)
		}
	}
	if _, err := dict.Learn(ctx, cpu.New(2), random(6, 20, 400), o); !errors.Is(err, errStop) {
		t.Errorf("%v, want %v", err, errStop)
	}
}

// Constant signals have no code and leave the others alone.
func TestConstantSignals(t *testing.T) {
	src := random(7, 20, 50)
	for r := range 20 {
		src.Data[r*50+4], src.Data[r*50+49] = 3.25, 0
	}
	o := dict.Defaults()
	o.Atoms = 5
	fit, err := dict.Learn(context.Background(), cpu.New(2), src, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{4, 49} {
		if atoms, _ := fit.Codes.Column(n); len(atoms) != 0 {
			t.Errorf("constant signal %d has codes on %v", n, atoms)
		}
	}
	if fit.Zero != 2 {
		t.Errorf("%d zero signals, want 2", fit.Zero)
	}
	for i := range src.Data {
		src.Data[i] = 1
	}
	if fit, err = dict.Learn(context.Background(), cpu.New(2), src, o); err != nil || fit.Zero != 50 || fit.Objective != 0 {
		t.Errorf("nothing but constant signals: %v, %+v", err, fit)
	}
}

// Signals of any size are standardised without overflow.
func TestExtremeScales(t *testing.T) {
	src := random(8, 16, 60)
	want, err := dict.Learn(context.Background(), cpu.New(1), src, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 60 { // powers of two change no bit of the standardised signals
		scale := math.Ldexp(1, []int{-900, -300, 0, 300, 900}[n%5])
		for r := range 16 {
			src.Data[r*60+n] *= scale
		}
	}
	got, err := dict.Learn(context.Background(), cpu.New(1), src, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Atoms.Data {
		if math.Abs(got.Atoms.Data[i]-want.Atoms.Data[i]) > 1e-9 {
			t.Fatalf("value %d of the atoms is %g, want %g", i, got.Atoms.Data[i], want.Atoms.Data[i])
		}
	}
}

func testOptions() dict.Options {
	o := dict.Defaults()
	o.Atoms, o.Batch, o.Precision = 6, 16, op.Float64
	return o
}

// Every wrong call is refused with what was expected.
func TestRefuses(t *testing.T) {
	src := random(1, 8, 9)
	bad := random(1, 8, 9)
	bad.Data[3*9+5] = math.Inf(-1)
	huge := random(1, 8, 9)
	huge.Data[0] = 1e200
	for _, c := range []struct {
		src    tile.Source
		change func(o *dict.Options)
		says   string
	}{
		{src, func(o *dict.Options) { o.Atoms = 0 }, "0 atoms"},
		{src, func(o *dict.Options) { o.Lambda = math.NaN() }, "lambda NaN"},
		{src, func(o *dict.Options) { o.Lambda = 1e300 }, "lambda 1e+300"},
		{src, func(o *dict.Options) { o.Epochs = -1 }, "-1 epochs"},
		{src, func(o *dict.Options) { o.Batch = 0 }, "batch of 0"},
		{src, func(o *dict.Options) { o.Forgetting = math.NaN() }, "forgetting NaN"},
		{src, func(o *dict.Options) { o.Standardize = "rows" }, `"rows"`},
		{src, func(o *dict.Options) { o.Memory = -1 }, "memory -1"},
		{tile.NewArray[float64](0, 4), func(o *dict.Options) {}, "0 x 4"},
		{bad, func(o *dict.Options) {}, "signal 5 has the value -Inf at row 3"},
		{huge, func(o *dict.Options) { o.Standardize = dict.None }, "signal 0 has values whose squares overflow"},
	} {
		o := testOptions()
		c.change(&o)
		if _, err := dict.Learn(context.Background(), cpu.New(1), c.src, o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
	for _, c := range []struct {
		atoms tile.Matrix
		says  string
	}{
		{tile.Matrix{Rows: 7, Cols: 1, Data: make([]float64, 7)}, "7 x 1"},
		{tile.Matrix{Rows: 8, Cols: 2, Data: make([]float64, 8)}, "8 values"},
		{tile.Matrix{Rows: 8, Cols: 1, Data: []float64{0, 0, math.NaN(), 0, 0, 0, 0, 0}}, "NaN at row 2"},
	} {
		if _, err := dict.Encode(context.Background(), cpu.New(1), c.atoms, src, testOptions()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

// Signals of float64 are standardised in float64 before they become float32, whatever their mean: the result is that of
// the signals standardised beforehand. One that is constant but for its last digits is constant.
func TestMeansAreTakenOffInThePrecisionRead(t *testing.T) {
	const T, N = 24, 300
	for _, offset := range []float64{0, 1e6, -1e8} {
		src := tile.NewArray[float64](T, N)
		for i := range src.Data {
			src.Data[i] = normal(31, i, T*N) + offset
		}
		for r := range T {
			src.Data[r*N+7] = 0.1
			src.Data[r*N+8] = []float64{0.3, math.Nextafter(0.3, 1)}[r%2]
		}
		o := dict.Defaults()
		o.Atoms, o.Batch, o.Standardize = 6, 50, dict.None
		plain := standardized(src)
		for r := range T {
			plain.Data[r*N+7], plain.Data[r*N+8] = 0, 0
		}
		before := tile.NewArray[float64](T, N)
		copy(before.Data, plain.Data)
		want, err := dict.Learn(context.Background(), cpu.New(2), before, o)
		if err != nil {
			t.Fatal(err)
		}
		o.Standardize = dict.Columns
		for _, memory := range []int64{0, 3 << 20} {
			o.Memory = memory
			got, err := dict.Learn(context.Background(), cpu.New(2), src, o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Zero != 2 {
				t.Errorf("offset %g: %d constant signals, want 2", offset, got.Zero)
			}
			// float32 signals that differ in their last bits, as their means were summed otherwise
			if d := math.Abs(got.Objective-want.Objective) / want.Objective; !(d < 1e-5) {
				t.Errorf("offset %g, memory %d: objective %g, of signals standardised beforehand %g", offset, memory, got.Objective, want.Objective)
			}
		}
	}
}
