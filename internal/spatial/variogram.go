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
	Budget     int64        // bytes of buffers; 0: no bound
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
	widths := l.Widths()
	M := len(widths)
	roots, err := l.kernels(widths, true)
	if err != nil {
		return err
	}
	g := gorgonia.NewGraph()
	feeds := engine.Feeds{}
	value := func(name string, t op.Tensor) *gorgonia.Node {
		n := op.Input(g, name, op.Type{Dtype: o.Precision, Dims: t.Dims})
		feeds[n] = engine.Value(op.ToValue(t, o.Precision))
		return n
	}
	noise := op.Type{Dtype: o.Precision, Dims: op.Dims{1, M, l.dims[0] * l.dims[1], l.dims[2]}}
	z := op.Input(g, "noise", noise)
	feeds[z] = engine.Each(noise, func(t engine.Tile, dst engine.Host) error {
		drawAll(o.Seed, t.Lo, t.Panels, dst)
		return nil
	})
	var axes [3]*gorgonia.Node
	for i, t := range roots {
		axes[i] = value(fmt.Sprintf("roots along axis %d", i), t)
	}
	fields := op.Must(op.Zip{Kind: op.Mul}, l.smooth(z, axes, M), value("mask", l.onBox(ones(l.Len()))))
	dots := op.Must(op.MatMul{TransB: true}, fields, value("templates", l.withOnes(templates)))
	sums := op.Must(op.Part{Axis: 3, Lo: L}, dots)
	gram := op.Must(op.MatMul{TransB: true, Alpha: -1 / float64(l.Len())}, sums, sums, op.Must(op.MatMul{TransB: true}, fields, fields))
	columns := make([]float64, M*(L+M))
	var products []float64 // of the tile at hand; results come in the order of their nodes
	results := engine.Results{
		dots: engine.PerTile(func(_ engine.Tile, v engine.Host) error {
			products = append(products[:0], wide(v)...)
			return nil
		}),
		gram: engine.PerTile(func(t engine.Tile, v engine.Host) error {
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
	_, err = engine.NewMachine(be).Run(ctx, feeds, results, o.tiling(noise.Bytes()))
	return err
}

// drawBytes is what the draws of a tile may take: a few times a cache, so that the
// products are long enough and little is lost when a run is interrupted.
const drawBytes = 32 << 20

// tiling is that of a job over draws, each of which feeds some bytes.
func (o *Options) tiling(bytes int) engine.Tiling {
	return engine.Tiling{Cols: o.Draws, Width: 1, Panels: max(1, drawBytes/bytes), Budget: o.Budget, Checkpoint: o.Checkpoint, Progress: o.Progress}
}

// Highest gives, per map and draw, the largest |r| of the map's surrogate with a
// template, (maps x draws). The surrogate of map a in draw d is
//
//	x*_ad = sum_m sqrt(b_am) u_md,
//
// a stationary field with the covariance sum_m b_am K_m: with the weights of Fit
// (maps x M) it has the variogram of map a. fields is what Fields wrote for L
// templates. The surrogate of a map without weights has correlation 0.
func Highest(ctx context.Context, be engine.Backend, weights tile.Matrix, fields tile.Source, L int) (tile.Matrix, error) {
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
	})}, engine.Tiling{Cols: n, Width: 1, Panels: 256})
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

// drawAll fills dst with n draws from the first on.
func drawAll(seed uint64, first, n int, dst engine.Host) {
	each := dst.Dims.Size() / dst.Dims[0]
	parallel(n, func(d int) {
		if dst.Dtype == op.Float32 {
			normals(seed, first+d, dst.Float32()[d*each:(d+1)*each])
		} else {
			normals(seed, first+d, dst.Float64()[d*each:(d+1)*each])
		}
	})
}

// normals fills dst with the standard normal numbers of a draw.
func normals[F float32 | float64](seed uint64, draw int, dst []F) {
	r := rand.New(rand.NewPCG(seed, uint64(draw)))
	for i := range dst {
		dst[i] = F(r.NormFloat64())
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
	kernels, err := l.kernels(widths, false)
	if err != nil {
		return tile.Matrix{}, err
	}
	forms, err := l.quadratic(ctx, be, centred, kernels)
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

// quadratic gives x' K_m x of every map, (maps x M), in float64.
func (l *Lattice) quadratic(ctx context.Context, be engine.Backend, maps tile.Matrix, kernels [3]op.Tensor) (tile.Matrix, error) {
	M := kernels[0].Dims[1]
	g := gorgonia.NewGraph()
	feeds := engine.Feeds{}
	var axes [3]*gorgonia.Node
	for i, t := range kernels {
		axes[i] = op.Input(g, fmt.Sprintf("kernels along axis %d", i), op.Type{Dtype: op.Float64, Dims: t.Dims})
		feeds[axes[i]] = engine.Value(op.ToValue(t, op.Float64))
	}
	input := func(name string, dims op.Dims, smoothed bool) *gorgonia.Node {
		t := op.Type{Dtype: op.Float64, Dims: dims}
		n := op.Input(g, name, t)
		feeds[n] = engine.Each(t, func(tl engine.Tile, dst engine.Host) error {
			for i := range tl.Panels {
				spread(l, dst.Float64()[i*l.box():(i+1)*l.box()], maps.Row(tl.Lo+i), smoothed)
			}
			return nil
		})
		return n
	}
	x := input("map", op.Dims{1, 1, l.dims[0] * l.dims[1], l.dims[2]}, false)
	turned := input("map turned", op.Dims{1, 1, 1, l.box()}, true)
	forms := op.Must(op.MatMul{TransB: true}, l.smooth(x, axes, M), turned)
	out := tile.Matrix{Rows: maps.Rows, Cols: M, Data: make([]float64, maps.Rows*M)}
	_, err := engine.NewMachine(be).Run(ctx, feeds, engine.Results{forms: engine.PerTile(func(t engine.Tile, v engine.Host) error {
		copy(out.Data[t.Lo*M:], v.Float64())
		return nil
	})}, engine.Tiling{Cols: maps.Rows, Width: 1, Panels: 1})
	return out, err
}

// normal gives the matrix of the normal equations of Fit,
//
//	tr(P K_m P K_n) = 1'(K_m o K_n)1 - 2/V k_m'k_n + (1'k_m)(1'k_n) / V^2,   k_m = K_m 1,
//
// over the voxels; the product o of two kernels by elements is the kernel of
// width (s_m^-2 + s_n^-2)^-1/2.
func (l *Lattice) normal(ctx context.Context, be engine.Backend, widths []float64) (*mat.SymDense, error) {
	M := len(widths)
	k, err := l.rowSums(ctx, be, widths)
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
		kernels, err := l.kernels(pairs, false)
		if err != nil {
			return nil, err
		}
		sums, err := l.quadratic(ctx, be, mask, kernels)
		if err != nil {
			return nil, err
		}
		for n := range m + 1 {
			dot, sm, sn := 0.0, 0.0, 0.0
			for v, x := range k.Row(m) {
				dot += x * k.Row(n)[v]
				sm += x
				sn += k.Row(n)[v]
			}
			out.SetSym(m, n, sums.Data[n]-2/V*dot+sm*sn/(V*V))
		}
	}
	return out, nil
}

// rowSums gives K_m 1 over the voxels, (M x V).
func (l *Lattice) rowSums(ctx context.Context, be engine.Backend, widths []float64) (tile.Matrix, error) {
	kernels, err := l.kernels(widths, false)
	if err != nil {
		return tile.Matrix{}, err
	}
	M := len(widths)
	g := gorgonia.NewGraph()
	feeds := engine.Feeds{}
	var axes [3]*gorgonia.Node
	for i, t := range kernels {
		axes[i] = op.Input(g, fmt.Sprintf("kernels along axis %d", i), op.Type{Dtype: op.Float64, Dims: t.Dims})
		feeds[axes[i]] = engine.Value(op.ToValue(t, op.Float64))
	}
	box := op.NewTensor(op.Dims{1, 1, l.dims[0] * l.dims[1], l.dims[2]})
	spread(l, box.Data, ones(l.Len()), false)
	x := op.Input(g, "mask", op.Type{Dtype: op.Float64, Dims: box.Dims})
	feeds[x] = engine.Value(op.ToValue(box, op.Float64))
	var sums gorgonia.Value
	if _, err := engine.NewMachine(be).Run(ctx, feeds, engine.Results{l.smooth(x, axes, M): engine.Last(&sums)}, engine.Tiling{}); err != nil {
		return tile.Matrix{}, err
	}
	data := sums.Data().([]float64)
	out := tile.Matrix{Rows: M, Cols: l.Len(), Data: make([]float64, M*l.Len())}
	d := l.dims
	for m := range M {
		for i, v := range l.voxels {
			out.Row(m)[i] = data[m*l.box()+(v[1]*d[2]+v[2])*d[0]+v[0]]
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

// withOnes standardises the templates and puts the mask below them, on the box.
func (l *Lattice) withOnes(templates tile.Matrix) op.Tensor {
	rows := append([]float64(nil), templates.Data...)
	for r := range templates.Rows {
		standardize(rows[r*l.Len() : (r+1)*l.Len()])
	}
	return l.onBox(append(rows, ones(l.Len())...))
}

// onBox spreads rows of a value per voxel over the box, as smooth leaves it.
func (l *Lattice) onBox(rows []float64) op.Tensor {
	n := len(rows) / l.Len()
	t := op.NewTensor(op.Dims{1, 1, n, l.box()})
	for r := range n {
		spread(l, t.Data[r*l.box():(r+1)*l.box()], rows[r*l.Len():(r+1)*l.Len()], true)
	}
	return t
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
