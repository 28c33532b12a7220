package ridge

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gorgonia.org/gorgonia"

	"voxen/engine/op"
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
	share := drowned64
	if f.o.Precision == op.Float32 {
		share = drowned32
	}
	limit := 4 * float64(s.Dims[3]) * 0x1p-52 * slices.Max(s.Data)
	return !(limit <= share*slices.Min(f.o.Alphas))
}

// rounding is about what float32 products of features and responses cost, in SDs of
// the responses: their error is 2^-24 of the largest singular value s_1 of the shifted
// features in every direction, of which a model makes s/(s^2 + alpha), so it is the
// largest of 2^-24 s_1 s/(s^2 + alpha) over models and directions. Kernels multiply
// directions of norm 1 instead.
func (f *fitter) rounding() float64 {
	if f.o.Precision != op.Float32 || f.res.Form == Kernel {
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
func (f *fitter) independent() error {
	c := f.delayedRows()
	d := decompose(c.x, c.T, c.K)
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
	out := f.exact(us, nil)
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

// exactDesign makes the design of the features' own decomposition.
func (f *fitter) exactDesign(c columns) error {
	R, across := c.K, c.K
	if f.res.Form == Kernel {
		R, across = c.T, c.T
	}
	f.keep(f.exact(c, f.variesOf(c)), R, across, c.K)
	if len(f.o.Delays) == 0 && f.res.Form != Kernel {
		f.set(fieldX, 1, c.T, c.K, c.shifted)
	}
	f.setMeans(c)
	return nil
}

// exactly holds the fields of a design in float64, as in design.
type exactly struct{ s, rot, shift, ones, rows, test, gram, back, sums []float64 }

// exact decomposes the training rows of every model. varies (M x K) is 0 for columns
// to be left out of a model; nil: none are.
func (f *fitter) exact(c columns, varies []float64) exactly {
	F, kernel := f.o.Folds.Folds(), f.res.Form == Kernel
	M, R, across := F+1, c.K, c.K
	if kernel {
		R, across = c.T, c.T
	}
	out := exactly{s: make([]float64, M*R), rot: make([]float64, M*R*across), shift: make([]float64, M*R), ones: make([]float64, M*R),
		rows: make([]float64, c.T*R), back: make([]float64, c.K*R)}
	for m := range M {
		var left []float64
		if varies != nil {
			left = varies[m*c.K : (m+1)*c.K]
		}
		e := f.training(c, m, left)
		for r := range e.d.rank {
			v, size := e.basis[r*c.K:(r+1)*c.K], 1.0
			to := out.rot[(m*R+r)*across:][:across]
			if kernel { // directions are those of rows
				size = e.d.s[r]
				copy(to, e.d.u[r*e.d.n:][:e.lo])
				copy(to[e.hi:], e.d.u[r*e.d.n+e.lo:(r+1)*e.d.n])
				out.ones[m*R+r] = sum(to)
			} else {
				copy(to, v)
				out.ones[m*R+r] = blas64.Dot(vector(e.sums), vector(v))
				out.shift[m*R+r] = blas64.Dot(vector(e.origin), vector(v))
			}
			out.s[m*R+r] = e.d.s[r] * e.d.s[r]
			for t := e.lo; t < e.hi; t++ {
				out.rows[t*R+r] = size * e.coordinate(c.x[t*c.K:(t+1)*c.K], v)
			}
			if m == F {
				blas64.Axpy(size, vector(v), blas64.Vector{N: c.K, Data: out.back[r:], Inc: R})
			}
		}
	}
	f.aboutFolds(&out, R)
	out.sums = make([]float64, F*c.K)
	for fold := range F {
		for t := f.o.Folds[fold]; t < f.o.Folds[fold+1]; t++ {
			blas64.Axpy(1, vector(c.shifted[t*c.K:(t+1)*c.K]), vector(out.sums[fold*c.K:(fold+1)*c.K]))
		}
	}
	return out
}

// trained is the decomposition of the training rows of a model, centred and scaled.
type trained struct {
	d      svd
	lo, hi int       // rows that are left out
	mean   []float64 // of the training rows; 0 where features are not centred
	basis  []float64 // rank x K: V' times the scale of each column
	sums   []float64 // of the training rows less mean
	origin []float64 // what a row of shifted features lacks: -mean, or the offset
}

// training decomposes for model m.
func (f *fitter) training(c columns, m int, varies []float64) trained {
	e := trained{mean: make([]float64, c.K), sums: make([]float64, c.K), origin: c.offset}
	if m < f.o.Folds.Folds() {
		e.lo, e.hi = f.o.Folds[m], f.o.Folds[m+1]
	}
	n := c.T - (e.hi - e.lo)
	each := func(do func(t int, row []float64)) {
		for t := range c.T {
			if t < e.lo || t >= e.hi {
				do(t, c.x[t*c.K:(t+1)*c.K])
			}
		}
	}
	if f.o.centerX() {
		each(func(_ int, row []float64) { blas64.Axpy(1/float64(n), vector(row), vector(e.mean)) })
		e.origin = make([]float64, c.K)
		blas64.Axpy(-1, vector(e.mean), vector(e.origin))
	}
	a, square := make([]float64, 0, n*c.K), make([]float64, c.K)
	each(func(_ int, row []float64) {
		for k, x := range row {
			x -= e.mean[k]
			a = append(a, x)
			square[k] += x * x
			e.sums[k] += x
		}
	})
	scale := make([]float64, c.K)
	for k := range scale {
		scale[k] = 1
		if f.o.StandardizeFeatures && square[k] > 0 {
			scale[k] = 1 / math.Sqrt(square[k]/float64(n))
		}
		if varies != nil {
			scale[k] *= varies[k]
		}
	}
	for i := range a {
		a[i] *= scale[i%c.K]
	}
	e.d = decompose(a, n, c.K)
	e.basis = slices.Clone(e.d.v)
	for i := range e.basis {
		e.basis[i] *= scale[i%c.K]
	}
	return e
}

// coordinate is that of a row of features along a direction.
func (e trained) coordinate(row, v []float64) float64 {
	x := 0.0
	for k, mean := range e.mean {
		x += (row[k] - mean) * v[k]
	}
	return x
}

// aboutFolds takes sums of the rows over each fold, centres them there (a direction
// of which that leaves nothing but rounding becomes 0) and makes their Gram matrices.
func (f *fitter) aboutFolds(out *exactly, R int) {
	folds := f.o.Folds
	out.test = make([]float64, folds.Folds()*R)
	if f.res.Form == Gram {
		out.gram = make([]float64, folds.Folds()*R*R)
	}
	for fold := range folds.Folds() {
		lo, hi := folds[fold], folds[fold+1]
		n := float64(hi - lo)
		total := out.test[fold*R : (fold+1)*R]
		for t := lo; t < hi; t++ {
			blas64.Axpy(1, vector(out.rows[t*R:(t+1)*R]), vector(total))
		}
		for r, sum := range total {
			before, after := 0.0, 0.0
			for t := lo; t < hi; t++ {
				x := out.rows[t*R+r]
				before += x * x
				x -= sum / n
				after += x * x
				out.rows[t*R+r] = x
			}
			if tol := op.LeftOver(op.Float64); after <= tol*tol*before {
				for t := lo; t < hi; t++ {
					out.rows[t*R+r] = 0
				}
			}
		}
		if out.gram != nil {
			rows := blas64.General{Rows: hi - lo, Cols: R, Stride: R, Data: out.rows[lo*R : hi*R]}
			blas64.Gemm(blas.Trans, blas.NoTrans, 1, rows, rows, 0,
				blas64.General{Rows: R, Cols: R, Stride: R, Data: out.gram[fold*R*R:][:R*R]})
		}
	}
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
	f.own = true
	F := f.o.Folds.Folds()
	f.design = make([]gorgonia.Value, fieldCount)
	f.set(fieldS, F+1, 1, R, e.s)
	f.set(fieldRot, F+1, R, across, e.rot)
	if f.res.Form != Kernel {
		f.set(fieldShift, F+1, 1, R, e.shift)
	}
	if !f.o.centerX() {
		f.set(fieldOnes, F+1, 1, R, e.ones)
	}
	f.set(fieldRows, 1, f.data.X.Rows, R, e.rows)
	f.set(fieldTest, F, 1, R, e.test)
	f.set(fieldBack, 1, K, R, e.back)
	if f.res.Form == Gram {
		f.set(fieldGram, F, R, R, e.gram)
		f.set(fieldSums, F, 1, K, e.sums)
	}
}

// set stores a field in working precision.
func (f *fitter) set(field, groups, rows, cols int, data []float64) {
	f.design[field] = op.ToValue(op.Tensor{Dims: op.Dims{1, groups, rows, cols}, Data: data}, f.o.Precision)
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
