package spatial

import (
	"math"
	"math/rand/v2"
	"testing"
)

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
