package spatial

import (
	"math"
	"testing"
)

// TestBasis: the product of a basis with itself is the kernel, along an axis that is padded
// too, but for what was left out; wide kernels need few columns, and one of single voxels all.
func TestBasis(t *testing.T) {
	l, err := NewLattice(2, func(v int) (i, j, k int) { return 6 * v, 58 * v, 12 * v }, [3]float64{2, 3, 3})
	if err != nil {
		t.Fatal(err)
	}
	if l.dims != [3]int{7, 13, 59} || l.size != [3]float64{2, 3, 3} || l.row != 64 || l.places[1] != l.box()-6 {
		t.Fatalf("axes of %v places, %v mm, rows of %d, voxels at %v", l.dims, l.size, l.row, l.places)
	}
	for _, c := range []struct {
		width, loss float64
		most        int // columns along the longest axis
	}{{3, 1e-5, 59}, {30, 1e-5, 12}, {30, 1e-14, 30}, {0.1, 1e-5, 59}} {
		b, err := l.basis(c.width, c.loss)
		if err != nil {
			t.Fatal(err)
		}
		if b.rank(2) > c.most || c.most == 59 && b.rank(2) < 59 {
			t.Errorf("width %g: %d columns along 59 places, expected %d", c.width, b.rank(2), c.most)
		}
		for axis, n := range l.dims {
			lost, rows := 0.0, b[axis].Dims[2]
			for i := range rows {
				for j := range rows {
					want, got := 0.0, dot(b[axis].Data[i*b.rank(axis):][:b.rank(axis)], b[axis].Data[j*b.rank(axis):])
					if i < n && j < n {
						d := float64(i-j) * l.size[axis] / c.width
						want = math.Exp(-d * d / 2)
					}
					if i == j {
						lost += want - got
					}
					// what is left out is semidefinite: no element is larger than the sum of the diagonal
					if math.Abs(got-want) > c.loss*float64(n)+1e-13 {
						t.Fatalf("width %g, axis %d: element %d, %d is %g, expected %g", c.width, axis, i, j, got, want)
					}
				}
			}
			if lost > c.loss*float64(n)+1e-12 {
				t.Errorf("width %g, axis %d: %g of the variance is left out, expected at most %g", c.width, axis, lost/float64(n), c.loss)
			}
		}
	}
}
