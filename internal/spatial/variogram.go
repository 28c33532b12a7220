package spatial

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Options of a null.
type Options struct {
	Draws      int
	Seed       uint64
	Precision  tensor.Dtype // of the draws; op.Float32 (also the zero value) or op.Float64
	Budget     int64        // bytes of all that is held for it; 0: no bound
	Checkpoint tile.Checkpoint
	Progress   func(done, total int)
}

// check refuses what no null can do.
func (o *Options) check(templates tile.Matrix, voxels, rows int, out tile.Sink) error {
	if o.Precision.Type == nil {
		o.Precision = op.Float32
	}
	switch {
	case o.Draws < 1:
		return fmt.Errorf("%d draws, want at least 1", o.Draws)
	case templates.Rows < 1 || templates.Cols != voxels:
		return fmt.Errorf("templates are %d x %d, want at least one of %d voxels", templates.Rows, templates.Cols, voxels)
	case out.Rows() != rows || out.Cols() != o.Draws:
		return fmt.Errorf("room for %d x %d, want %d rows x %d draws", out.Rows(), out.Cols(), rows, o.Draws)
	}
	return finite("template", templates)
}

// finite refuses values that are not.
func finite(what string, m tile.Matrix) error {
	for i, x := range m.Data {
		if x-x != 0 {
			return fmt.Errorf("%s %d is %v at voxel %d, want finite values", what, i/m.Cols, x, i%m.Cols)
		}
	}
	return nil
}

// FieldRows is the number of values that Fields writes per draw for L templates.
func (l *Lattice) FieldRows(L int) int { return len(l.Widths()) * (L + len(l.Widths())) }

// Fields draws Gaussian random fields and writes what surrogate maps need of them.
// In draw d the fields are
//
//	u_md ~ N(0, K_m),   K_m(h) = exp(-|h|^2 / 2 s_m^2),   m = 0..M-1, s of Widths,
//
// one per width, independent. With t_j the templates, minus their means and scaled
// to norm 1 over the V voxels (0 if constant), column d of out holds u_m't_j
// (M x L), then the sums of products of the fields about their means (M x M).
// Equal seeds give equal draws, whatever the number computed at once.
func Fields(ctx context.Context, be engine.Backend, l *Lattice, templates tile.Matrix, out tile.Sink, o Options) error {
	L := templates.Rows
	if err := o.check(templates, l.Len(), l.FieldRows(L), out); err != nil {
		return err
	}
	M := len(l.Widths())
	g := newGraph(o.Precision)
	f, err := l.fields(g, withOnes(templates), o.Seed)
	if err != nil {
		return err
	}
	columns := make([]float64, M*(L+M))
	var products []float64 // of the tile at hand; results come in the order of their nodes
	results := engine.Results{
		f.dots: engine.PerTile(func(_ engine.Tile, v engine.Host) error {
			products = append(products[:0], wide(v)...)
			return nil
		}),
		f.gram: engine.PerTile(func(t engine.Tile, v engine.Host) error {
			grams := wide(v)
			for d := range t.Panels {
				for m := range M {
					copy(columns[m*L:(m+1)*L], products[(d*M+m)*(L+1):])
				}
				copy(columns[M*L:], grams[d*M*M:(d+1)*M*M])
				if err := out.WriteFloat64(ctx, t.Lo+d, t.Lo+d+1, columns, 1); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	_, err = engine.NewMachine(be).Run(ctx, g.feeds, results, o.tiling(f.noise.Bytes(), fieldBytes, l.hostBytes(L, o.Precision)))
	return err
}

// products are those of the fields of a draw, and the noise that they are made of.
type products struct {
	dots, gram *gorgonia.Node // with templates and ones; with each other about their means
	noise      op.Type
}

// fields adds the fields of a draw to a graph, and their products with templates and ones.
func (l *Lattice) fields(g *graph, templates op.Tensor, seed uint64) (p products, err error) {
	fields := []*gorgonia.Node{g.value("places of voxels", op.Float64, tensorOf(1, l.Len(), float64s(l.places)))}
	p.noise = op.Type{Dtype: g.of, Dims: op.Dims{1, 1, 1, 0}}
	for m, s := range l.Widths() {
		u, n, err := l.field(g, m, s, seed)
		if err != nil {
			return p, err
		}
		fields, p.noise.Dims[3] = append(fields, u), p.noise.Dims[3]+n
	}
	u := op.Must(op.Gather{}, fields...)
	p.dots = op.Must(op.MatMul{TransB: true}, u, g.value("templates", g.of, templates))
	sums := op.Must(op.Part{Axis: 3, Lo: templates.Dims[2] - 1}, p.dots)
	p.gram = op.Must(op.MatMul{TransB: true, Alpha: -1 / float64(l.Len())}, sums, sums, op.Must(op.MatMul{TransB: true}, u, u))
	return p, nil
}

// field is the m-th field of each draw on the box, of a width, and the size of the noise
// that it is made of.
func (l *Lattice) field(g *graph, m int, width float64, seed uint64) (*gorgonia.Node, int, error) {
	if width == 0 {
		return g.each("noise of single voxels", op.Dims{1, 1, 1, l.box()}, func(t engine.Tile, dst engine.Host) error {
			eachDraw(t, dst, func(r *rand.Rand, d []float32) { scatter(l, r, d) }, func(r *rand.Rand, d []float64) { scatter(l, r, d) }, seed, m)
			return nil
		}), l.box(), nil
	}
	b, err := l.basis(width, fieldLoss)
	if err != nil {
		return nil, 0, err
	}
	noise := g.each(fmt.Sprintf("noise of width %d", m), b.coefficients(), func(t engine.Tile, dst engine.Host) error {
		eachDraw(t, dst, fill[float32], fill[float64], seed, m)
		return nil
	})
	return l.expand(noise, b, g.axes(m, b)), b.coefficients().Size(), nil
}

// fieldLoss is the share of a field's variance along an axis that its basis may leave
// out: a twentieth of the error with which a million draws know that variance.
const fieldLoss = 1e-5

// graph is one under construction, with its feeds.
type graph struct {
	*gorgonia.ExprGraph
	feeds engine.Feeds
	of    tensor.Dtype
}

func newGraph(of tensor.Dtype) *graph { return &graph{gorgonia.NewGraph(), engine.Feeds{}, of} }

// value is an input that stays the same; where memory is planned it has no data.
func (g *graph) value(name string, of tensor.Dtype, t op.Tensor) *gorgonia.Node {
	as := op.Type{Dtype: of, Dims: t.Dims}
	n := op.Input(g.ExprGraph, name, as)
	if g.feeds[n] = engine.Sized(as); t.Data != nil {
		g.feeds[n] = engine.Value(op.ToValue(t, of))
	}
	return n
}

// each is an input of every panel of a tile.
func (g *graph) each(name string, d op.Dims, fill func(engine.Tile, engine.Host) error) *gorgonia.Node {
	t := op.Type{Dtype: g.of, Dims: d}
	n := op.Input(g.ExprGraph, name, t)
	g.feeds[n] = engine.Each(t, fill)
	return n
}

// axes are the factors of the m-th basis.
func (g *graph) axes(m int, b *basis) (out axes) {
	for i, t := range b {
		out[i] = g.value(fmt.Sprintf("basis %d along axis %d", m, i), g.of, t)
	}
	return out
}

// What the draws of a tile may take, in bytes: of fields so few that they are still in a
// cache when the next operation reads them, of turned templates a few times a cache, so
// that products are long enough.
const (
	fieldBytes  = 4 << 20
	turnedBytes = 32 << 20
)

// tiling is that of a job over draws, each of which feeds some bytes, of which a tile may
// have so many, beside what is held.
func (o *Options) tiling(bytes, most int, held int64) engine.Tiling {
	return engine.Tiling{Cols: o.Draws, Width: 1, Panels: max(1, most/bytes), Budget: beside(o.Budget, held), Checkpoint: o.Checkpoint, Progress: o.Progress}
}

// Highest gives, per map and draw, the largest |r| of the map's surrogate with a
// template, (maps x draws). The surrogate of map a in draw d is
//
//	x*_ad = sum_m sqrt(b_am) u_md,
//
// a stationary field with the covariance sum_m b_am K_m: with the weights of Fit
// (maps x M) it has the variogram of map a. fields is what Fields wrote for L
// templates. The surrogate of a map without weights has correlation 0. budget bounds the
// bytes of buffers, 0 does not.
func Highest(ctx context.Context, be engine.Backend, weights tile.Matrix, fields tile.Source, L int, budget int64) (tile.Matrix, error) {
	K, M, n := weights.Rows, weights.Cols, fields.Cols()
	if K < 1 || n < 1 || fields.Rows() != M*(L+M) {
		return tile.Matrix{}, fmt.Errorf("%d maps, %d x %d values of fields, want at least one map and draw and %d rows", K, fields.Rows(), n, M*(L+M))
	}
	g := gorgonia.NewGraph()
	feeds := engine.Feeds{}
	part := func(name string, from, cols int) *gorgonia.Node {
		t := op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, M, cols}}
		x := op.Input(g, name, t)
		feeds[x] = engine.Each(t, func(tl engine.Tile, dst engine.Host) error {
			block := make([]float64, fields.Rows()*tl.Panels)
			if err := fields.ReadFloat64(ctx, tl.Lo, tl.Hi, block, tl.Panels); err != nil {
				return err
			}
			for i, x := range block[from*tl.Panels : (from+M*cols)*tl.Panels] {
				dst.Float64()[i%tl.Panels*M*cols+i/tl.Panels] = x
			}
			return nil
		})
		return x
	}
	value := func(name string, t op.Tensor) *gorgonia.Node {
		x := op.Input(g, name, op.Type{Dtype: op.Float64, Dims: t.Dims})
		feeds[x] = engine.Value(op.ToValue(t, op.Float64))
		return x
	}
	mix := value("mixture", mixture(weights))
	norms := op.Must(op.Zip{Kind: op.Mul}, op.Must(op.MatMul{}, mix, part("gram", M*L, M)), mix)
	norms = op.Must(op.MatMul{}, norms, value("ones", tensorOf(M, 1, ones(M))))
	r := op.Must(op.Zip{Kind: op.Mul}, op.Must(op.MatMul{}, mix, part("products", 0, L)), op.Must(op.InverseRoot{}, norms))
	out := tile.Matrix{Rows: K, Cols: n, Data: make([]float64, K*n)}
	_, err := engine.NewMachine(be).Run(ctx, feeds, engine.Results{r: engine.PerTile(func(t engine.Tile, v engine.Host) error {
		highest(out, t, v.Float64(), L)
		return nil
	})}, engine.Tiling{Cols: n, Width: 1, Panels: 256, Budget: budget})
	return out, err
}

// highest keeps the largest in size of each L values, for every draw of a tile and map.
func highest(out tile.Matrix, t engine.Tile, values []float64, L int) {
	for d := range t.Panels {
		for k := range out.Rows {
			top := 0.0
			for _, x := range values[(d*out.Rows+k)*L : (d*out.Rows+k+1)*L] {
				top = max(top, math.Abs(x))
			}
			out.Data[k*out.Cols+t.Lo+d] = top
		}
	}
}

// wide gives the elements in float64.
func wide(h engine.Host) []float64 {
	if h.Dtype == op.Float64 {
		return h.Float64()
	}
	out := make([]float64, len(h.Float32()))
	for i, x := range h.Float32() {
		out[i] = float64(x)
	}
	return out
}

// eachDraw calls single or double, by dst's precision, with the numbers of the m-th field
// of each draw of a tile and its part of dst.
func eachDraw(t engine.Tile, dst engine.Host, single func(*rand.Rand, []float32), double func(*rand.Rand, []float64), seed uint64, m int) {
	const mostFields = 8
	each := dst.Dims.Size() / dst.Dims[0]
	parallel(t.Panels, func(d int) {
		r := rand.New(rand.NewPCG(seed, uint64((t.Lo+d)*mostFields+m)))
		if dst.Dtype == op.Float32 {
			single(r, dst.Float32()[d*each:(d+1)*each])
		} else {
			double(r, dst.Float64()[d*each:(d+1)*each])
		}
	})
}

// fill draws standard normal numbers.
func fill[F float32 | float64](r *rand.Rand, dst []F) {
	for i := range dst {
		dst[i] = F(r.NormFloat64())
	}
}

// scatter draws standard normal numbers at the voxels of a box.
func scatter[F float32 | float64](l *Lattice, r *rand.Rand, dst []F) {
	clear(dst)
	for _, at := range l.places {
		dst[at] = F(r.NormFloat64())
	}
}

// parallel calls f for 0..n-1 from as many goroutines as there are processors.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for w := range min(n, runtime.GOMAXPROCS(0)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; i < n; i += min(n, runtime.GOMAXPROCS(0)) {
				f(i)
			}
		}()
	}
	wg.Wait()
}

// Fit gives, for each map, the weights b >= 0 of the kernels of Widths whose sum is
// closest to the map's covariance over all pairs of voxels,
//
//	min over b >= 0 of sum_vw (x_v x_w - sum_m b_m [P K_m P]_vw)^2,
//
// x the map minus its mean and P the matrix that subtracts a mean: least squares on
// the empirical covariogram of all pairs, without bins. The widest kernel is what
// bounds the distances that count. The result is (maps x widths); a constant map has
// zeros.
func Fit(ctx context.Context, be engine.Backend, l *Lattice, maps tile.Matrix) (tile.Matrix, error) {
	if maps.Rows < 1 || maps.Cols != l.Len() {
		return tile.Matrix{}, fmt.Errorf("maps are %d x %d, want at least one of %d voxels", maps.Rows, maps.Cols, l.Len())
	}
	if err := finite("map", maps); err != nil {
		return tile.Matrix{}, err
	}
	widths := l.Widths()
	normal, err := l.normal(ctx, be, widths)
	if err != nil {
		return tile.Matrix{}, err
	}
	centred := tile.Matrix{Rows: maps.Rows, Cols: maps.Cols, Data: append([]float64(nil), maps.Data...)}
	for k := range maps.Rows {
		standardize(centred.Row(k))
	}
	M := len(widths)
	forms, err := l.quadratic(ctx, be, centred, widths, 0)
	if err != nil {
		return tile.Matrix{}, err
	}
	out := tile.Matrix{Rows: maps.Rows, Cols: M, Data: make([]float64, maps.Rows*M)}
	for k := range maps.Rows {
		copy(out.Row(k), nonNegative(normal, forms.Row(k)))
	}
	return out, nil
}

// standardize brings a map to mean 0 and norm 1; one that is constant becomes 0.
func standardize(x []float64) {
	mean, sq := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for i := range x {
		sq += x[i] * x[i]
		x[i] -= mean
	}
	norm := 0.0
	for _, v := range x {
		norm += v * v
	}
	f := 0.0
	if norm > 1e-24*sq { // what is left of a constant is rounding
		f = 1 / math.Sqrt(norm)
	}
	for i := range x {
		x[i] *= f
	}
}

// exactLoss is that of a basis in which kernels are known to the rounding of float64.
const exactLoss = 1e-14

// quadratic gives x' K_m x of every map and width, (maps x M), in float64, within a budget
// of buffers (0: none).
func (l *Lattice) quadratic(ctx context.Context, be engine.Backend, maps tile.Matrix, widths []float64, budget int64) (tile.Matrix, error) {
	M := len(widths)
	out := tile.Matrix{Rows: maps.Rows, Cols: M, Data: make([]float64, maps.Rows*M)}
	g := newGraph(op.Float64)
	x := g.each("map", op.Dims{1, 1, l.dims[0] * l.dims[1], l.row}, func(t engine.Tile, dst engine.Host) error {
		for i := range t.Panels {
			spread(l, dst.Float64()[i*l.box():(i+1)*l.box()], maps.Row(t.Lo+i))
		}
		return nil
	})
	results := engine.Results{}
	for m, s := range widths {
		if s == 0 {
			for k := range maps.Rows {
				out.Row(k)[m] = dot(maps.Row(k), maps.Row(k))
			}
			continue
		}
		b, err := l.basis(s, exactLoss)
		if err != nil {
			return tile.Matrix{}, err
		}
		c := op.Must(op.Reshape{Groups: 1, Rows: 1, Cols: b.coefficients().Size()}, l.project(x, b, g.axes(m, b)))
		results[op.Must(op.MatMul{TransB: true}, c, c)] = engine.PerTile(func(t engine.Tile, v engine.Host) error {
			for i, form := range v.Float64() {
				out.Row(t.Lo + i)[m] = form
			}
			return nil
		})
	}
	if len(results) == 0 {
		return out, nil
	}
	_, err := engine.NewMachine(be).Run(ctx, g.feeds, results, engine.Tiling{Cols: maps.Rows, Width: 1, Panels: 1, Budget: budget})
	return out, err
}

// dot is the product of two vectors.
func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// normal gives the matrix of the normal equations of Fit,
//
//	tr(P K_m P K_n) = 1'(K_m o K_n)1 - 2/V k_m'k_n + (1'k_m)(1'k_n) / V^2,   k_m = K_m 1,
//
// over the voxels; the product o of two kernels by elements is the kernel of
// width (s_m^-2 + s_n^-2)^-1/2.
func (l *Lattice) normal(ctx context.Context, be engine.Backend, widths []float64) (*mat.SymDense, error) {
	M := len(widths)
	k, err := l.rowSums(ctx, be, widths, 0)
	if err != nil {
		return nil, err
	}
	mask := tile.Matrix{Rows: 1, Cols: l.Len(), Data: ones(l.Len())}
	out := mat.NewSymDense(M, nil)
	V := float64(l.Len())
	for m, s := range widths {
		pairs := make([]float64, m+1)
		for n, t := range widths[:m+1] {
			if s > 0 && t > 0 {
				pairs[n] = 1 / math.Sqrt(1/(s*s)+1/(t*t))
			}
		}
		sums, err := l.quadratic(ctx, be, mask, pairs, 0)
		if err != nil {
			return nil, err
		}
		for n := range m + 1 {
			one := mask.Row(0)
			out.SetSym(m, n, sums.Data[n]-2/V*dot(k.Row(m), k.Row(n))+dot(k.Row(m), one)*dot(k.Row(n), one)/(V*V))
		}
	}
	return out, nil
}

// rowSums gives K_m 1 over the voxels, (M x V), within a budget of buffers (0: none).
func (l *Lattice) rowSums(ctx context.Context, be engine.Backend, widths []float64, budget int64) (tile.Matrix, error) {
	out := tile.Matrix{Rows: len(widths), Cols: l.Len(), Data: make([]float64, len(widths)*l.Len())}
	g := newGraph(op.Float64)
	box := op.NewTensor(op.Dims{1, 1, l.dims[0] * l.dims[1], l.row})
	spread(l, box.Data, ones(l.Len()))
	x := g.value("mask", op.Float64, box)
	sums, results := make([]gorgonia.Value, len(widths)), engine.Results{}
	for m, s := range widths {
		if s == 0 {
			copy(out.Row(m), ones(l.Len()))
			continue
		}
		b, err := l.basis(s, exactLoss)
		if err != nil {
			return tile.Matrix{}, err
		}
		axes := g.axes(m, b)
		results[l.expand(l.project(x, b, axes), b, axes)] = engine.Last(&sums[m])
	}
	if _, err := engine.NewMachine(be).Run(ctx, g.feeds, results, engine.Tiling{Budget: budget}); err != nil {
		return tile.Matrix{}, err
	}
	for m, v := range sums {
		if v == nil {
			continue
		}
		for i, at := range l.places {
			out.Row(m)[i] = v.Data().([]float64)[at]
		}
	}
	return out, nil
}

// nonNegative minimises b'Gb/2 - q'b over b >= 0 by solving for every subset of
// the variables: there are at most 8.
func nonNegative(g *mat.SymDense, q []float64) []float64 {
	M := len(q)
	best, lowest := make([]float64, M), 0.0
	for set := 1; set < 1<<M; set++ {
		var in []int
		for m := range M {
			if set>>m&1 == 1 {
				in = append(in, m)
			}
		}
		b, ok := solveOn(g, q, in)
		if !ok {
			continue
		}
		value := 0.0
		for i, m := range in {
			value -= q[m] * b[i] / 2 // at a solution b'Gb = q'b
		}
		if value < lowest {
			lowest = value
			clear(best)
			for i, m := range in {
				best[m] = b[i]
			}
		}
	}
	return best
}

// solveOn solves the equations of a subset of variables; false if one is negative.
func solveOn(g *mat.SymDense, q []float64, in []int) ([]float64, bool) {
	n := len(in)
	a, rhs := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for i, m := range in {
		rhs.SetVec(i, q[m]/math.Sqrt(g.At(m, m)))
		for j, k := range in[:i+1] {
			a.SetSym(i, j, g.At(m, k)/math.Sqrt(g.At(m, m)*g.At(k, k)))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(a) {
		return nil, false
	}
	var b mat.VecDense
	if chol.SolveVecTo(&b, rhs) != nil {
		return nil, false
	}
	out := make([]float64, n)
	for i, m := range in {
		if out[i] = b.AtVec(i) / math.Sqrt(g.At(m, m)); out[i] < 0 {
			return nil, false
		}
	}
	return out, true
}

// mixture is the square root of the weights.
func mixture(weights tile.Matrix) op.Tensor {
	t := tensorOf(weights.Rows, weights.Cols, append([]float64(nil), weights.Data...))
	for i, b := range t.Data {
		t.Data[i] = math.Sqrt(b)
	}
	return t
}

// withOnes standardises the templates and puts a row of ones below them.
func withOnes(templates tile.Matrix) op.Tensor {
	rows := append([]float64(nil), templates.Data...)
	for r := range templates.Rows {
		standardize(rows[r*templates.Cols : (r+1)*templates.Cols])
	}
	return tensorOf(templates.Rows+1, templates.Cols, append(rows, ones(templates.Cols)...))
}

// float64s are whole numbers as real ones.
func float64s(x []int) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func tensorOf(rows, cols int, data []float64) op.Tensor {
	return op.Tensor{Dims: op.Dims{1, 1, rows, cols}, Data: data}
}

// ones is a vector of ones.
func ones(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 1
	}
	return v
}
