package spatial

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/store"
)

// spinGolden is testdata/golden/match/surface/spin.npz.
type spinGolden struct {
	spheres         *Spheres
	maps, templates tile.Matrix
	quaternions     tile.Matrix // (draws, 4): w, x, y, z
	at              tile.Matrix // (draws, columns): the column that a column takes its value from, -1 for none
	top             tile.Matrix // (draws, maps): highest correlations
	quantiles       tile.Matrix // (maps, 4): of them over random rotations
}

func loadSpins(t *testing.T) spinGolden {
	t.Helper()
	z, err := store.OpenNpz(store.OS{}, "../../testdata/golden/match/surface/spin.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	read := func(name string) tile.Matrix {
		a, err := z.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		m := tile.Matrix{Rows: a.Rows(), Cols: a.Cols(), Data: make([]float64, a.Rows()*a.Cols())}
		if err := a.ReadFloat64(context.Background(), 0, m.Cols, m.Data, m.Cols); err != nil {
			t.Fatal(err)
		}
		return m
	}
	var points [][][3]float64
	for _, name := range []string{"left", "right"} {
		m := read(name)
		list := make([][3]float64, m.Rows)
		for i := range list {
			list[i] = [3]float64(m.Row(i))
		}
		points = append(points, list)
	}
	places := read("columns")
	columns := make([]Vertex, places.Rows)
	for i := range columns {
		columns[i] = Vertex{int(places.Row(i)[0]), int(places.Row(i)[1])}
	}
	s, err := NewSpheres(points, columns)
	if err != nil {
		t.Fatal(err)
	}
	return spinGolden{s, read("maps"), read("templates"), read("quaternions"), read("at"), read("top"), read("quantiles")}
}

// TestSpinGolden turns templates by the rotations that numpy turned them by: the same
// columns are left out, the others take the same values, and the highest correlations
// agree to what the precision of the products leaves.
func TestSpinGolden(t *testing.T) {
	g := loadSpins(t)
	V, L, n := g.maps.Cols, g.templates.Rows, g.quaternions.Rows
	by := func(draw int) [3][3]float64 { return rotationOf([4]float64(g.quaternions.Row(draw))) }
	for d := range n {
		turned, sums := make([]float64, (L+1)*V), make([]float64, 2*L+1)
		turn(g.spheres, by(d), g.templates, turned, sums)
		for v, from := range g.at.Row(d) {
			for b := range L + 1 {
				want := 0.0
				switch {
				case from >= 0 && b == L:
					want = 1
				case from >= 0:
					want = g.templates.Row(b)[int(from)]
				}
				if got := turned[b*V+v]; got != want {
					t.Fatalf("draw %d, row %d, column %d is %g, expected %g from column %g", d, b, v, got, want, from)
				}
			}
		}
	}
	for _, c := range []struct {
		precision tensor.Dtype
		limit     float64
	}{{op.Float64, 1e-12}, {op.Float32, 2e-6}} { // float32: sums of some 100 products of 1e-1
		null := tile.NewArray[float64](g.maps.Rows, n)
		err := spin(context.Background(), cpu.New(2), g.spheres, g.maps, g.templates, null, Options{Draws: n, Precision: c.precision}, by)
		if err != nil {
			t.Fatal(err)
		}
		for d := range n {
			for k, want := range g.top.Row(d) {
				if got := null.Data[k*n+d]; math.Abs(got-want) > c.limit {
					t.Errorf("%v: draw %d, map %d: %.9f, expected %.9f", c.precision, d, k, got, want)
				}
			}
		}
	}
}

// TestSpinQuantiles compares random rotations with numpy's, made another way. With
// n = 5,000 draws here and m = 20,000 there the rank of a quantile q has an SD of
// sqrt(q (1-q) (1/n + 1/m)); 4 of them, over 8 quantiles, are exceeded by chance once
// in 2,000 times.
func TestSpinQuantiles(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of spins")
	}
	g := loadSpins(t)
	const n = 5000
	null := tile.NewArray[float64](g.maps.Rows, n)
	if err := Spin(context.Background(), cpu.New(2), g.spheres, g.maps, g.templates, null, Options{Draws: n, Seed: 11}); err != nil {
		t.Fatal(err)
	}
	for k := range 2 { // the third map is constant
		for i, q := range []float64{0.1, 0.5, 0.9, 0.99} {
			below := 0
			for _, x := range null.Data[k*n : (k+1)*n] {
				if x < g.quantiles.Row(k)[i] {
					below++
				}
			}
			sd := math.Sqrt(q * (1 - q) * (1.0/n + 1.0/20000))
			if share := float64(below) / n; math.Abs(share-q) > 4*sd {
				t.Errorf("map %d: %.4f of the draws are below numpy's quantile %g, expected it within %.4f", k, share, q, 4*sd)
			}
		}
	}
	for d, x := range null.Data[2*n:] {
		if x != 0 {
			t.Fatalf("draw %d of the constant map is %g", d, x)
		}
	}
}

// TestNearest compares the search in cells with all points.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() [3]float64 {
		p := [3]float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}
		n := math.Sqrt(p[0]*p[0] + p[1]*p[1] + p[2]*p[2])
		return [3]float64{p[0] / n, p[1] / n, p[2] / n}
	}
	for _, n := range []int{1, 2, 9, 500, 3000} {
		points := make([][3]float64, n)
		for i := range points {
			points[i] = random()
			if n == 500 && points[i][2] > -0.8 { // a cap: most cells are empty
				points[i][2] = -points[i][2]
			}
		}
		c := newCells(points)
		for range 300 {
			p := random()
			best, least := 0, math.Inf(1)
			for i, q := range points {
				if d := (p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2]); d < least {
					best, least = i, d
				}
			}
			if got := c.nearest(p); got != best {
				t.Fatalf("of %d points %d is nearest to %v, expected %d", n, got, p, best)
			}
		}
	}
}

// TestRotationIsUniform: a turned point is uniform on the sphere, so that each of its
// coordinates is uniform in [-1, 1] (Archimedes) with variance 1/3, and rotations keep
// lengths and orientation.
func TestRotationIsUniform(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n = 20000
	var mean, sq [9]float64
	for range n {
		m := rotation(r)
		det := m[0][0]*(m[1][1]*m[2][2]-m[1][2]*m[2][1]) - m[0][1]*(m[1][0]*m[2][2]-m[1][2]*m[2][0]) + m[0][2]*(m[1][0]*m[2][1]-m[1][1]*m[2][0])
		if math.Abs(det-1) > 1e-12 {
			t.Fatalf("determinant %v", det)
		}
		for i := range 9 {
			x := m[i/3][i%3]
			mean[i] += x / n
			sq[i] += x * x / n
		}
	}
	for i := range 9 {
		// SDs of the means of n values: sqrt(1/3n), and of squares sqrt(4/45n)
		if math.Abs(mean[i]) > 4.5/math.Sqrt(3*n) || math.Abs(sq[i]-1.0/3) > 4.5*math.Sqrt(4.0/45/n) {
			t.Errorf("entry %d has mean %g and mean square %g", i, mean[i], sq[i])
		}
	}
}

// The largest |r| of a draw by its definition, over the columns left: also where all r are negative, and 0 where the
// map or the template is constant there, by nothing but rounding too.
func TestSpun(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, level := range []float64{0, 0.1, 0.3, 1.7, 1e3 / 7} { // sums of squares of some leave rounding
		for _, left := range []int{3, 10, 11, 100} {
			const L, K = 3, 2 // the last template and the last map are constant
			maps, templates := make([][]float64, K), make([][]float64, L)
			for k := range maps {
				maps[k] = make([]float64, left)
				for i := range maps[k] {
					maps[k][i] = level
					if k == 0 {
						maps[k][i] = float64(i) + r.NormFloat64()/10
					}
				}
			}
			for b := range templates {
				templates[b] = make([]float64, left)
				for i := range templates[b] {
					templates[b][i] = level
					if b < 2 {
						templates[b][i] = -float64(i) + r.NormFloat64()*float64(b+1)/10 // r near -1
					}
				}
			}
			products, sums := make([]float64, 2*K*(L+1)), make([]float64, 1+2*L)
			sums[0] = float64(left)
			for i := range left {
				for k := range K {
					x := maps[k][i]
					for b := range L {
						products[k*(L+1)+b] += x * templates[b][i]
						products[(K+k)*(L+1)+b] += x * x * templates[b][i]
					}
					products[k*(L+1)+L] += x
					products[(K+k)*(L+1)+L] += x * x
				}
				for b := range L {
					sums[1+b] += templates[b][i]
					sums[1+L+b] += templates[b][i] * templates[b][i]
				}
			}
			top := make([]float64, K)
			spun(top, products, sums, L)
			want := -min(correlation(maps[0], templates[0]), correlation(maps[0], templates[1]))
			if math.Abs(top[0]-want) > 1e-9 || want < 0.5 || top[1] != 0 {
				t.Errorf("level %g, %d columns: largest %v, want %g and 0", level, left, top, want)
			}
		}
	}
}

// correlation is Pearson's.
func correlation(x, y []float64) float64 {
	var mx, my, xx, yy, xy float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(x))
	}
	for i := range x {
		xx, yy, xy = xx+(x[i]-mx)*(x[i]-mx), yy+(y[i]-my)*(y[i]-my), xy+(x[i]-mx)*(y[i]-my)
	}
	return xy / math.Sqrt(xx*yy)
}

// Of points as near as each other the first is taken, also when it lies in a cell that is searched later.
func TestNearestOfEquals(t *testing.T) {
	at := func(lat, lon float64) [3]float64 {
		return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
	}
	var points [][3]float64
	for i := range 40 { // far from the pole, so that there are cells
		points = append(points, at(-1.2, float64(i)))
	}
	ring := [][3]float64{{0.6, 0, 0.8}, {-0.6, 0, 0.8}, {0, 0.6, 0.8}, {0, -0.6, 0.8}}
	for first := range ring {
		turned := append(append([][3]float64(nil), points...), append(append([][3]float64(nil), ring[first:]...), ring[:first]...)...)
		c := newCells(turned)
		if got := c.nearest([3]float64{0, 0, 1}); got != len(points) {
			t.Errorf("ring from %v on: %d is nearest, want %d, the first of equals", ring[first], got, len(points))
		}
	}
}

// Every draw has a rotation of its own, by seed.
func TestSpinsDiffer(t *testing.T) {
	g := loadSpins(t)
	run := func(seed uint64) *tile.Array[float64] {
		null := tile.NewArray[float64](g.maps.Rows, 8)
		if err := Spin(context.Background(), cpu.New(2), g.spheres, g.maps, g.templates, null, Options{Draws: 8, Seed: seed}); err != nil {
			t.Fatal(err)
		}
		return null
	}
	seen := map[float64]bool{}
	for _, x := range append(run(1).Data[:8], run(2).Data[:8]...) { // of the first map
		seen[x] = true
	}
	if len(seen) != 16 {
		t.Errorf("%d values in 16 draws of two seeds", len(seen))
	}
}

// Points that have no direction from the centre are refused, and columns without a vertex.
func TestNewSpheresRefuses(t *testing.T) {
	good := [][3]float64{{1, 0, 0}, {0, 2, 0}}
	for name, c := range map[string]struct {
		points  [][][3]float64
		columns []Vertex
	}{
		"the centre":       {[][][3]float64{{{1, 0, 0}, {0, 0, 0}}}, []Vertex{{0, 0}}},
		"infinite":         {[][][3]float64{{{1, 0, 0}, {math.Inf(1), 0, 0}}}, []Vertex{{0, 0}}},
		"not a number":     {[][][3]float64{{{1, 0, 0}, {math.NaN(), 0, 0}}}, []Vertex{{0, 0}}},
		"no sphere":        {nil, []Vertex{{0, 0}}},
		"three spheres":    {[][][3]float64{good, good, good}, []Vertex{{0, 0}}},
		"no columns":       {[][][3]float64{good}, nil},
		"vertex past all":  {[][][3]float64{good}, []Vertex{{0, 2}}},
		"vertex before":    {[][][3]float64{good}, []Vertex{{0, -1}}},
		"other hemisphere": {[][][3]float64{good}, []Vertex{{1, 0}}},
	} {
		if _, err := NewSpheres(c.points, c.columns); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewSpheres([][][3]float64{good, good}, []Vertex{{1, 1}}); err != nil {
		t.Error(err)
	}
}
