package spatial

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// Vertex is where a column of a map lies: a vertex of a hemisphere's sphere.
type Vertex struct{ Hemisphere, Index int }

// Spheres are the spherical surfaces of one hemisphere or two, left then right,
// with the vertices at which maps have values. The others, such as the medial
// wall, have none.
type Spheres struct {
	columns []Vertex
	points  [][][3]float64 // per hemisphere, of length 1
	column  [][]int32      // per hemisphere and vertex, -1 for none
	cells   []cells
}

// NewSpheres takes the points of each hemisphere's sphere, centred on the origin,
// and the place of every column.
func NewSpheres(points [][][3]float64, columns []Vertex) (*Spheres, error) {
	if len(points) < 1 || len(points) > 2 || len(columns) == 0 {
		return nil, fmt.Errorf("%d spheres and %d columns, want one or two and at least one", len(points), len(columns))
	}
	s := &Spheres{columns: columns}
	for h, list := range points {
		unit := make([][3]float64, len(list))
		of := make([]int32, len(list))
		for i, p := range list {
			n := math.Sqrt(p[0]*p[0] + p[1]*p[1] + p[2]*p[2])
			if !(n > 0) || math.IsInf(n, 0) {
				return nil, fmt.Errorf("sphere %d has the point %v at vertex %d, want points away from the centre", h, p, i)
			}
			unit[i] = [3]float64{p[0] / n, p[1] / n, p[2] / n}
			of[i] = -1
		}
		s.points, s.column, s.cells = append(s.points, unit), append(s.column, of), append(s.cells, newCells(unit))
	}
	for c, v := range columns {
		if v.Hemisphere < 0 || v.Hemisphere >= len(points) || v.Index < 0 || v.Index >= len(points[v.Hemisphere]) {
			return nil, fmt.Errorf("column %d is at vertex %d of sphere %d, which has no such vertex", c, v.Index, v.Hemisphere)
		}
		s.column[v.Hemisphere][v.Index] = int32(c)
	}
	return s, nil
}

// Spin rotates the templates over the spheres and writes, per draw, the largest |r|
// of each map with a rotated template, (maps x draws), to null
// (Alexander-Bloch et al. 2018, NeuroImage 178:540).
//
// A draw is one rotation, uniform over all, of the left sphere and its mirror image
// of the right; all templates turn together. A column takes the value of the vertex
// nearest to where its own is turned to; where that vertex has no value the column
// is left out of the draw's correlations. Equal seeds give equal draws.
func Spin(ctx context.Context, be engine.Backend, s *Spheres, maps, templates tile.Matrix, null tile.Sink, o Options) error {
	return spin(ctx, be, s, maps, templates, null, o, func(draw int) [3][3]float64 {
		return rotation(rand.New(rand.NewPCG(o.Seed, uint64(draw))))
	})
}

// spin is Spin by given rotations of the left sphere.
func spin(ctx context.Context, be engine.Backend, s *Spheres, maps, templates tile.Matrix, null tile.Sink, o Options, by func(draw int) [3][3]float64) error {
	V, K, L := len(s.columns), maps.Rows, templates.Rows
	if err := o.check(templates, V, K, null); err != nil {
		return err
	}
	if maps.Cols != V {
		return fmt.Errorf("maps of %d columns, want %d", maps.Cols, V)
	}
	if err := finite("map", maps); err != nil {
		return err
	}
	g := newGraph(o.Precision)
	sums := make([]float64, o.Draws*(2*L+1)) // per draw: columns left, sums, sums of squares
	turned, products := turnedProducts(g, withSquares(maps), L, func(tl engine.Tile, dst engine.Host) error {
		parallel(tl.Panels, func(d int) {
			draw, n := tl.Lo+d, (L+1)*V
			stats := sums[draw*(2*L+1) : (draw+1)*(2*L+1)]
			if dst.Dtype == op.Float32 {
				turn(s, by(draw), templates, dst.Float32()[d*n:(d+1)*n], stats)
			} else {
				turn(s, by(draw), templates, dst.Float64()[d*n:(d+1)*n], stats)
			}
		})
		return nil
	})
	top := make([]float64, K)
	results := engine.Results{products: engine.PerTile(func(tl engine.Tile, v engine.Host) error {
		values, n := wide(v), 2*K*(L+1)
		for d := range tl.Panels {
			spun(top, values[d*n:(d+1)*n], sums[(tl.Lo+d)*(2*L+1):], L)
			if err := null.WriteFloat64(ctx, tl.Lo+d, tl.Lo+d+1, top, 1); err != nil {
				return err
			}
		}
		return nil
	})}
	_, err := engine.NewMachine(be).Run(ctx, g.feeds, results, o.tiling(turned.Bytes(), turnedBytes, spinHostBytes(V, K, L, o)))
	return err
}

// turnedProducts adds the products of maps, and of their squares, with the L turned templates of a
// draw and with the columns left.
func turnedProducts(g *graph, maps op.Tensor, L int, turn func(engine.Tile, engine.Host) error) (turned op.Type, products *gorgonia.Node) {
	both := g.value("maps and squares", g.of, maps)
	turned = op.Type{Dtype: g.of, Dims: op.Dims{1, 1, L + 1, maps.Dims[3]}}
	return turned, op.Must(op.MatMul{TransB: true}, both, g.each("turned templates", turned.Dims, turn))
}

// withSquares standardises maps and puts their squares below them.
func withSquares(maps tile.Matrix) op.Tensor {
	data := make([]float64, 2*len(maps.Data))
	copy(data, maps.Data)
	for k := range maps.Rows {
		standardize(data[k*maps.Cols : (k+1)*maps.Cols])
	}
	for i, x := range data[:len(maps.Data)] {
		data[len(maps.Data)+i] = x * x
	}
	return tensorOf(2*maps.Rows, maps.Cols, data)
}

// spun finds the largest |r| of each map over the columns left in a draw.
// products are (2K x L+1): of maps, then of their squares, with the turned templates
// and, last, with the columns left.
func spun(top, products, sums []float64, L int) {
	K, left := len(top), sums[0]
	for k := range K {
		x, xx := products[k*(L+1)+L], products[(K+k)*(L+1)+L]
		spread := xx - x*x/left
		top[k] = 0
		for b := range L {
			t, tt := sums[1+b], sums[1+L+b]
			r, of := 0.0, tt-t*t/left
			if spread > 1e-9*xx && of > 1e-9*tt {
				r = (products[k*(L+1)+b] - x*t/left) / math.Sqrt(spread*of)
			}
			top[k] = max(top[k], math.Abs(r))
		}
	}
}

// turn fills dst with the templates turned by a rotation of the left sphere, 0 where there is no value, and the
// columns left as 0 and 1; sums with their number, the sums of each template, and
// the sums of its squares.
func turn[F float32 | float64](s *Spheres, left [3][3]float64, templates tile.Matrix, dst []F, sums []float64) {
	V, L := len(s.columns), templates.Rows
	clear(sums)
	clear(dst)
	for c, v := range s.columns {
		p := s.points[v.Hemisphere][v.Index]
		if v.Hemisphere == 1 {
			p[0] = -p[0]
		}
		var q [3]float64
		for i := range q {
			q[i] = left[i][0]*p[0] + left[i][1]*p[1] + left[i][2]*p[2]
		}
		if v.Hemisphere == 1 {
			q[0] = -q[0]
		}
		from := s.column[v.Hemisphere][s.cells[v.Hemisphere].nearest(q)]
		if from < 0 {
			continue
		}
		dst[L*V+c] = 1
		sums[0]++
		for b := range L {
			x := templates.Row(b)[from]
			dst[b*V+c] = F(x)
			sums[1+b] += x
			sums[1+L+b] += x * x
		}
	}
}

// rotation is uniform over all rotations: that of a quaternion uniform on the
// sphere (Shoemake 1992).
func rotation(r *rand.Rand) [3][3]float64 {
	return rotationOf([4]float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64()})
}

// rotationOf is the rotation of a quaternion w, x, y, z of any length but 0.
func rotationOf(q [4]float64) [3][3]float64 {
	w, x, y, z := q[0], q[1], q[2], q[3]
	n := w*w + x*x + y*y + z*z
	return [3][3]float64{
		{1 - 2*(y*y+z*z)/n, 2 * (x*y - z*w) / n, 2 * (x*z + y*w) / n},
		{2 * (x*y + z*w) / n, 1 - 2*(x*x+z*z)/n, 2 * (y*z - x*w) / n},
		{2 * (x*z - y*w) / n, 2 * (y*z + x*w) / n, 1 - 2*(x*x+y*y)/n},
	}
}

// cells find the nearest of points on the unit sphere: a cube of cells around it,
// each with the points in it.
type cells struct {
	points [][3]float64
	side   int
	start  []int32 // of each cell in order
	order  []int32
}

// newCells makes cells that hold about two points each where the sphere passes.
func newCells(points [][3]float64) cells {
	c := cells{points: points, side: max(1, int(math.Sqrt(float64(len(points))/6)))}
	c.start = make([]int32, c.side*c.side*c.side+1)
	for _, p := range points {
		c.start[c.cell(c.at(p))+1]++
	}
	for i := 1; i < len(c.start); i++ {
		c.start[i] += c.start[i-1]
	}
	c.order = make([]int32, len(points))
	next := append([]int32(nil), c.start...)
	for i, p := range points {
		k := c.cell(c.at(p))
		c.order[next[k]] = int32(i)
		next[k]++
	}
	return c
}

// at gives the indices of the cell in which a point lies.
func (c *cells) at(p [3]float64) (k [3]int) {
	for i, x := range p {
		k[i] = min(max(int((x+1)/2*float64(c.side)), 0), c.side-1)
	}
	return k
}

func (c *cells) cell(k [3]int) int { return (k[0]*c.side+k[1])*c.side + k[2] }

// nearest is the index of the point nearest to p, the first of equals. Cells are
// searched in shells around p's, until none further can hold a nearer point.
func (c *cells) nearest(p [3]float64) int {
	home := c.at(p)
	best, least := -1, math.Inf(1)
	width := 2 / float64(c.side)
	for shell := 0; shell < c.side; shell++ {
		if reach := float64(shell-1) * width; best >= 0 && reach > 0 && reach*reach > least {
			break
		}
		c.shell(home, shell, func(k int) {
			for _, i := range c.order[c.start[k]:c.start[k+1]] {
				q := c.points[i]
				d := (p[0]-q[0])*(p[0]-q[0]) + (p[1]-q[1])*(p[1]-q[1]) + (p[2]-q[2])*(p[2]-q[2])
				if d < least || d == least && int(i) < best {
					best, least = int(i), d
				}
			}
		})
	}
	return best
}

// shell visits the cells at a distance of n cells from home.
func (c *cells) shell(home [3]int, n int, visit func(k int)) {
	for i := max(0, home[0]-n); i <= min(c.side-1, home[0]+n); i++ {
		for j := max(0, home[1]-n); j <= min(c.side-1, home[1]+n); j++ {
			step := 1
			if max(i-home[0], home[0]-i) < n && max(j-home[1], home[1]-j) < n {
				step = max(1, 2*n) // inner columns: the ends only
			}
			for k := home[2] - n; k <= home[2]+n; k += step {
				if k >= 0 && k < c.side {
					visit(c.cell([3]int{i, j, k}))
				}
			}
		}
	}
}
