package ridge

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Eigenvalues of a Gram matrix or kernel are right to about 2^-52 of the largest,
// and those up to 4 R times that are dropped. What that changes is nothing beside
// alpha as long as it stays below these shares of the smallest one; else the design
// is made of the features' own decomposition.
const (
	drowned32 = 1e-5
	drowned64 = 1e-7
)

// graded reports whether rounding in the spectrum of the design that was made
// counts beside the smallest alpha: columns are of unlike size, or alphas small.
func (f *fitter) graded() bool {
	s, err := op.FromValue(f.design[0])
	if err != nil {
		panic("ridge: " + err.Error()) // made by this package
	}
	return f.drowned(s.Dims[3], slices.Max(s.Data))
}

// drowned reports whether the rounding of R eigenvalues, of which the largest is
// given, counts beside the smallest alpha.
func (f *fitter) drowned(R int, largest float64) bool {
	share := drowned64
	if f.o.Precision == op.Float32 {
		share = drowned32
	}
	return !(4*float64(R)*0x1p-52*largest <= share*slices.Min(f.o.Alphas))
}

// rounding is about what float32 products of features and responses cost, in SDs of
// the responses: their error is 2^-24 of the largest singular value s_1 of the shifted
// features in every direction, of which a model makes s/(s^2 + alpha), so it is the
// largest of 2^-24 s_1 s/(s^2 + alpha) over models and directions. Kernels multiply
// directions of norm 1 instead.
func (f *fitter) rounding() float64 {
	if f.o.Precision != op.Float32 || f.res.Form == Kernel || f.o.L1 != nil {
		return 0
	}
	s, err := op.FromValue(f.design[0])
	if err != nil {
		panic("ridge: " + err.Error()) // made by this package
	}
	largest := math.Sqrt(slices.Max(s.Data))
	if !f.o.centerX() { // that may be their mean, which products of shifted features lack
		largest = f.delayedRows().norm()
	}
	most, alpha := 0.0, slices.Min(f.o.Alphas)
	for _, square := range s.Data {
		most = max(most, 0x1p-24*largest*math.Sqrt(square)/(square+alpha))
	}
	return most
}

// lift is a power of two by which weights are multiplied where only r is asked for,
// which has no unit: predictions of alphas far above the largest eigenvalue S, which
// are S/(S + alpha) of the responses, would have no square in float32. It puts those
// of the smallest and the largest alpha at equal distances from 1, as far as float32
// has powers of two. 0: none is needed.
func (f *fitter) lift() float64 {
	if f.o.L1 != nil {
		return 0
	}
	s, err := op.FromValue(f.design[0])
	if err != nil {
		panic("ridge: " + err.Error()) // made by this package
	}
	largest := slices.Max(s.Data)
	least, most := largest/(largest+slices.Max(f.o.Alphas)), largest/(largest+slices.Min(f.o.Alphas))
	if !(least > 0) || least > 1e-12 {
		return 0
	}
	return math.Exp2(min(122, -math.Round((math.Log2(least)+math.Log2(most))/2)))
}

// norm is about the largest singular value of the shifted columns: ten steps of the
// power method from their row of largest norm.
func (c columns) norm() float64 {
	x := blas64.General{Rows: c.T, Cols: c.K, Stride: c.K, Data: c.shifted}
	v, u, size := vector(make([]float64, c.K)), vector(make([]float64, c.T)), 0.0
	for t := range c.T {
		if row := vector(c.shifted[t*c.K : (t+1)*c.K]); blas64.Nrm2(row) > blas64.Nrm2(v) {
			blas64.Copy(row, v)
		}
	}
	for range 10 {
		length := blas64.Nrm2(v)
		if length == 0 {
			break
		}
		blas64.Scal(1/length, v)
		blas64.Gemv(blas.NoTrans, 1, x, v, 0, u)
		size = blas64.Nrm2(u)
		blas64.Gemv(blas.Trans, 1, x, u, 0, v)
	}
	return size
}

// columns are features with their delays side by side.
type columns struct {
	T, K    int
	x       []float64 // T x K: as the model sees them; shifted where it centres them
	shifted []float64 // T x K: less offset
	offset  []float64
}

// delayedRows puts features with their delays in memory.
func (f *fitter) delayedRows() columns {
	offset := f.delayedOffset().Data().([]float64)
	c := columns{T: f.data.X.Rows, K: len(offset), offset: offset}
	c.shifted = f.withDelays(f.x.Data().([]float64), f.offset.Data().([]float64))
	c.x = c.shifted
	if !f.o.centerX() {
		c.x = f.withDelays(f.raw.Data().([]float64), nil)
	}
	return c
}

// withDelays is op.Delay with 0 less offset for rows that a run has not.
func (f *fitter) withDelays(x, offset []float64) []float64 {
	if len(f.o.Delays) == 0 {
		return x
	}
	k, J := f.data.X.Cols, len(f.o.Delays)
	out := make([]float64, len(x)*J)
	for r := range f.o.Runs.Folds() {
		lo, hi := f.o.Runs[r], f.o.Runs[r+1]
		for t := lo; t < hi; t++ {
			for j, d := range f.o.Delays {
				to := out[(t*J+j)*k:][:k]
				if t-d >= lo && t-d < hi {
					copy(to, x[(t-d)*k:])
					continue
				}
				for i := range offset {
					to[i] = -offset[i]
				}
			}
		}
	}
	return out
}

// independent makes the design of form SVD: of X = U S V' the columns of U S stand
// for the features.
func (f *fitter) independent(ctx context.Context) error {
	c := f.delayedRows()
	d := noValues(c.T, c.K)
	if !f.dry {
		d = decompose(c.x, c.T, c.K)
	}
	R := max(1, d.rank)
	us := columns{T: c.T, K: R, x: make([]float64, c.T*R), shifted: make([]float64, c.T*R), offset: make([]float64, R)}
	for r := range d.rank {
		for t := range c.T {
			us.x[t*R+r] = d.u[r*c.T+t] * d.s[r]
			us.offset[r] += us.x[t*R+r] / float64(c.T)
		}
	}
	for i, x := range us.x {
		us.shifted[i] = x - us.offset[i%R]
	}
	if f.o.centerX() {
		us.x = us.shifted
	}
	out, err := f.exact(ctx, resampled{c: us, rs: f.o.plain(), form: SVD, own: true})
	if err != nil {
		return err
	}
	back := make([]float64, c.K*R)
	for j := range c.K {
		for r := range d.rank {
			blas64.Axpy(d.v[r*c.K+j], vector(out.back[r*R:(r+1)*R]), vector(back[j*R:(j+1)*R]))
		}
	}
	f.keep(out, R, R, R)
	f.set(fieldBack, 1, c.K, R, back)
	f.set(fieldX, 1, c.T, R, us.shifted)
	f.setMeans(c)
	return nil
}

// exactDesign makes the design on the host; own says that it is of the features'
// own decomposition, else that is so where a model's spectrum asks for it.
func (f *fitter) exactDesign(ctx context.Context, c columns, own bool) error {
	R, across := c.K, c.K
	if f.res.Form == Kernel {
		R, across = c.T, c.T
	}
	out, err := f.exact(ctx, resampled{c: c, rs: f.o.plain(), form: f.res.Form, judged: true, own: own})
	if err != nil {
		return err
	}
	f.keep(out, R, across, c.K)
	f.products = out.products
	if len(f.o.Delays) == 0 && f.weight == nil && f.res.Form != Kernel {
		f.set(fieldX, 1, c.T, c.K, c.shifted)
	}
	f.setMeans(c)
	return nil
}

// resampled says of what a design is made on the host.
type resampled struct {
	c      columns
	rs     resampling
	form   Form
	judged bool    // columns that do not vary in the rows of a model are left out of it
	own    bool    // of the features' own decomposition
	within *within // per-run steps are done on the rows of each set; nil: they are done
}

// exactly holds the fields of a design in float64, as in design.
type exactly struct {
	s, rot, shift, ones, rows, test, gram, back, sums []float64

	outerRows, outerTest, outerGram, outerSums []float64 // of the last model where it is tested

	products *sparseProducts // with Options.L1

	train, tests, outer []cleaned // with steps within sets; without their rows
}

// exact makes the models of a resampling.
func (f *fitter) exact(ctx context.Context, d resampled) (exactly, error) {
	c, F, kernel := d.c, len(d.rs.test), d.form == Kernel
	M, R, across := F+1, c.K, c.K
	if kernel {
		R, across = c.T, c.T
	}
	out := exactly{s: make([]float64, M*R), rot: make([]float64, M*R*across), shift: make([]float64, M*R), ones: make([]float64, M*R),
		test: make([]float64, F*R), sums: make([]float64, F*c.K)}
	at := counts(d.rs.test)
	if !d.rs.overlap {
		at = nil // rows have their own places
	}
	out.rows = make([]float64, d.rs.length(c.T)*R)
	if d.form == Gram {
		out.gram = make([]float64, F*R*R)
	}
	var trained []float64 // products of all models
	for m := range M {
		e, err := f.training(ctx, d, m)
		if err != nil {
			return out, err
		}
		trained = append(trained, e.products...)
		back := make([]float64, c.K*R) // K x R: weights of features by those of directions
		for r := range e.d.rank {
			v, size := e.basis[r*c.K:(r+1)*c.K], 1.0
			to := out.rot[(m*R+r)*across:][:across]
			if kernel { // directions are those of rows
				size = e.d.s[r]
				d.rs.train[m].each(func(i, t int) { to[t] = e.d.u[r*e.d.n+i] })
				out.ones[m*R+r] = sum(to)
			} else {
				copy(to, v)
				out.ones[m*R+r] = blas64.Dot(vector(e.sums), vector(v))
				out.shift[m*R+r] = blas64.Dot(vector(e.origin), vector(v))
			}
			out.s[m*R+r] = e.d.s[r] * e.d.s[r]
			blas64.Axpy(size, vector(v), blas64.Vector{N: c.K, Data: back[r:], Inc: R})
		}
		set := d.rs.outer
		if m < F {
			set = d.rs.test[m]
		}
		t := d.test(set, e, back, R)
		switch {
		case d.within != nil && m < F:
			out.train, out.tests = append(out.train, e.steps), append(out.tests, t.steps)
		case d.within != nil:
			out.train, out.outer = append(out.train, e.steps), []cleaned{t.steps}
		}
		if m == F {
			out.back, out.outerRows, out.outerTest, out.outerSums, out.outerGram = back, t.rows, t.sums, t.features, t.gram(d.form, R)
			break
		}
		copy(out.test[m*R:], t.sums)
		copy(out.sums[m*c.K:], t.features)
		if d.form == Gram {
			copy(out.gram[m*R*R:], t.gram(d.form, R))
		}
		set.each(func(i, row int) {
			if at != nil {
				row = at[m] + i
			}
			copy(out.rows[row*R:(row+1)*R], t.rows[i*R:(i+1)*R])
		})
	}
	if f.o.L1 != nil {
		p := scaledProducts(trained, d.rs.train, c.K)
		out.products = &p
	}
	return out, nil
}

// tested is the test rows of a model in its directions.
type tested struct {
	rows     []float64 // n x R, about their mean
	sums     []float64 // R: of the coordinates
	features []float64 // K: of the shifted features
	steps    cleaned
}

// gram gives the products of the rows, for form gram alone.
func (t tested) gram(form Form, R int) []float64 {
	if form != Gram || len(t.rows) == 0 {
		return nil
	}
	g := make([]float64, R*R)
	rows := blas64.General{Rows: len(t.rows) / R, Cols: R, Stride: R, Data: t.rows}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, rows, rows, 0, blas64.General{Rows: R, Cols: R, Stride: R, Data: g})
	return g
}

// test gives the coordinates of test rows, back (K x R) the directions. They are centred;
// a direction of which that leaves nothing but rounding becomes 0.
func (d resampled) test(set rowset, e trained, back []float64, R int) tested {
	c, n := d.c, set.rows()
	t := tested{rows: make([]float64, n*R), sums: make([]float64, R), features: make([]float64, c.K)}
	if n == 0 {
		return t
	}
	x := make([]float64, n*c.K)
	set.each(func(i, row int) {
		blas64.Axpy(1, vector(c.shifted[row*c.K:(row+1)*c.K]), vector(t.features))
		for k, mean := range e.mean {
			x[i*c.K+k] = c.x[row*c.K+k] - mean
		}
	})
	if d.within != nil {
		t.steps = d.within.clean(c, set)
		x, t.steps.x = t.steps.x, nil
	}
	blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, blas64.General{Rows: n, Cols: c.K, Stride: c.K, Data: x},
		blas64.General{Rows: c.K, Cols: R, Stride: R, Data: back}, 0, blas64.General{Rows: n, Cols: R, Stride: R, Data: t.rows})
	if d.within != nil {
		return t // steps have centred them
	}
	for i := range n {
		blas64.Axpy(1, vector(t.rows[i*R:(i+1)*R]), vector(t.sums))
	}
	for r, sum := range t.sums {
		before, after := 0.0, 0.0
		for i := range n {
			x := t.rows[i*R+r]
			before += x * x
			x -= sum / float64(n)
			after += x * x
			t.rows[i*R+r] = x
		}
		if tol := op.LeftOver(op.Float64); after <= tol*tol*before {
			for i := range n {
				t.rows[i*R+r] = 0
			}
		}
	}
	return t
}

// trained is the decomposition of the training rows of a model, centred and scaled.
type trained struct {
	d      svd
	mean   []float64 // of the training rows; 0 where features are not centred
	basis  []float64 // rank x K: V' times the scale of each column
	sums   []float64 // of the training rows less mean
	origin []float64 // what a row of shifted features lacks: -mean, or the offset
	steps  cleaned

	products []float64 // K x K, with Options.L1
}

// products gives a'a of n rows.
func products(a []float64, n, K int) []float64 {
	g, x := make([]float64, K*K), blas64.General{Rows: n, Cols: K, Stride: K, Data: a}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, x, x, 0, blas64.General{Rows: K, Cols: K, Stride: K, Data: g})
	return g
}

// training decomposes for model m.
func (f *fitter) training(ctx context.Context, d resampled, m int) (trained, error) {
	c, set := d.c, d.rs.train[m]
	e := trained{mean: make([]float64, c.K), sums: make([]float64, c.K), origin: c.offset}
	n := set.rows()
	var a []float64
	if d.within != nil {
		e.steps = d.within.clean(c, set)
		a, e.steps.x = e.steps.x, nil
		e.origin = make([]float64, c.K)
	} else {
		if f.o.centerX() {
			set.each(func(_, t int) { blas64.Axpy(1/float64(n), vector(c.x[t*c.K:(t+1)*c.K]), vector(e.mean)) })
			e.origin = make([]float64, c.K)
			blas64.Axpy(-1, vector(e.mean), vector(e.origin))
		}
		a = make([]float64, 0, n*c.K)
		set.each(func(_, t int) {
			for k, x := range c.x[t*c.K : (t+1)*c.K] {
				a = append(a, x-e.mean[k])
				e.sums[k] += x - e.mean[k]
			}
		})
	}
	scale := f.columnScales(d, set, a)
	for i := range a {
		a[i] *= scale[i%c.K]
	}
	var err error
	if f.o.L1 != nil {
		e.products, e.d = products(a, n, c.K), identity(n, c.K)
	} else if e.d, err = f.factor(ctx, d, a, n); err != nil {
		return e, err
	}
	e.basis = slices.Clone(e.d.v)
	for i := range e.basis {
		e.basis[i] *= scale[i%c.K]
	}
	return e, nil
}

// columnScales gives 1/SD of the training rows a, where that is asked for, times the
// weight of each column's band, and 0 for columns to be left out.
func (f *fitter) columnScales(d resampled, set rowset, a []float64) []float64 {
	K := d.c.K
	scale, square := factors(K, 1), make([]float64, K)
	for i, x := range a {
		square[i%K] += x * x
	}
	for k := range scale {
		if f.weight != nil {
			scale[k] = f.weight[k]
		}
		if f.o.StandardizeFeatures && square[k] > 0 {
			scale[k] *= 1 / math.Sqrt(square[k]/float64(len(a)/K))
		}
	}
	if d.judged && d.within == nil && f.o.centerX() {
		for k, v := range f.varyIn(d.c, set) {
			scale[k] *= v
		}
	}
	return scale
}

// factor decomposes the rows of a model: by the eigenvectors of their products, or where
// those have lost digits that count, by themselves.
func (f *fitter) factor(ctx context.Context, d resampled, a []float64, n int) (svd, error) {
	K := d.c.K
	switch {
	case f.dry:
		return noValues(n, K), nil
	case d.own:
		return decompose(a, n, K), nil
	}
	R, x := K, blas64.General{Rows: n, Cols: K, Stride: K, Data: a}
	g := make([]float64, R*R)
	if d.form == Kernel {
		R = n
		g = make([]float64, R*R)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, x, x, 0, blas64.General{Rows: R, Cols: R, Stride: R, Data: g})
	} else {
		blas64.Gemm(blas.Trans, blas.NoTrans, 1, x, x, 0, blas64.General{Rows: R, Cols: R, Stride: R, Data: g})
	}
	vectors, values, err := f.eigen(ctx, g, R)
	if err != nil {
		return svd{}, err
	}
	if f.drowned(R, slices.Max(values)) {
		return decompose(a, n, K), nil
	}
	e := svd{n: n, k: K}
	for i := R - 1; i >= 0 && values[i] > 0; i-- {
		e.rank++
		e.s = append(e.s, math.Sqrt(values[i]))
		if d.form != Kernel {
			e.v = append(e.v, vectors[i*R:(i+1)*R]...)
			continue
		}
		e.u = append(e.u, vectors[i*R:(i+1)*R]...)
	}
	if d.form == Kernel && e.rank > 0 { // V' = U'X / s
		e.v = make([]float64, e.rank*K)
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, blas64.General{Rows: e.rank, Cols: n, Stride: n, Data: e.u}, x, 0,
			blas64.General{Rows: e.rank, Cols: K, Stride: K, Data: e.v})
		for i, s := range e.s {
			blas64.Scal(1/s, vector(e.v[i*K:(i+1)*K]))
		}
	}
	return e, nil
}

// eigen decomposes a symmetric matrix on the backend; what is nothing but rounding
// becomes 0. Values ascend.
func (f *fitter) eigen(ctx context.Context, a []float64, n int) (vectors, values []float64, err error) {
	g := gorgonia.NewGraph()
	v := matrixValue(tile.Matrix{Rows: n, Cols: n, Data: a})
	in := op.Input(g, "A", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, n, n}})
	var out gorgonia.Value
	packed := op.Must(op.DropNull{}, op.Must(op.SymEig{}, in))
	if _, err := engine.NewMachine(f.be).Run(ctx, engine.Feeds{in: engine.Value(v)}, engine.Results{packed: engine.Last(&out)}, engine.Tiling{}); err != nil {
		return nil, nil, err
	}
	data := out.Data().([]float64)
	return data[:n*n], data[n*n:], nil
}

// Places of fields in design.fields.
const (
	fieldS = iota
	fieldRot
	fieldShift
	fieldOnes
	fieldRows
	fieldTest
	fieldGram
	fieldBack
	fieldMean
	fieldRest
	fieldX
	fieldSums
	fieldCount
)

// keep stores a design of R directions, of K features or across rows.
func (f *fitter) keep(e exactly, R, across, K int) {
	f.design = f.fields(e, f.res.Form, f.o.models(), R, across, K)
}

// fields are those of a design of F folds that does not have the features themselves.
func (f *fitter) fields(e exactly, form Form, F, R, across, K int) []gorgonia.Value {
	d := make([]gorgonia.Value, fieldCount)
	d[fieldS], d[fieldRot] = f.stored(F+1, 1, R, e.s), f.stored(F+1, R, across, e.rot)
	if form != Kernel {
		d[fieldShift] = f.stored(F+1, 1, R, e.shift)
	}
	if !f.o.centerX() {
		d[fieldOnes] = f.stored(F+1, 1, R, e.ones)
	}
	d[fieldBack] = f.stored(1, K, R, e.back)
	if F == 0 { // no fold is predicted
		return d
	}
	d[fieldTest] = f.stored(F, 1, R, e.test)
	if form == Gram {
		d[fieldGram], d[fieldSums] = f.stored(F, R, R, e.gram), f.stored(F, 1, K, e.sums)
	} else {
		d[fieldRows] = f.stored(1, len(e.rows)/R, R, e.rows)
	}
	return d
}

// set stores a field in working precision.
func (f *fitter) set(field, groups, rows, cols int, data []float64) {
	f.design[field] = f.stored(groups, rows, cols, data)
}

// setMeans stores the means of centred features.
func (f *fitter) setMeans(c columns) {
	if !f.o.centerX() {
		return
	}
	rest, mean := make([]float64, c.K), slices.Clone(c.offset)
	for t := range c.T {
		blas64.Axpy(1/float64(c.T), vector(c.shifted[t*c.K:(t+1)*c.K]), vector(rest))
	}
	blas64.Axpy(1, vector(rest), vector(mean))
	f.set(fieldRest, 1, 1, c.K, rest)
	f.set(fieldMean, 1, 1, c.K, mean)
}

// vector views a slice for the BLAS.
func vector(x []float64) blas64.Vector { return blas64.Vector{N: len(x), Data: x, Inc: 1} }

func sum(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}
