package brain

import (
	"fmt"
	"math"
)

// Affine maps voxel indices (i, j, k, 1) to millimetres (x, y, z, 1).
type Affine [4][4]float64

// Apply returns the point of the voxel coordinates i, j, k.
func (a *Affine) Apply(i, j, k float64) (p [3]float64) {
	for r := range p {
		p[r] = a[r][0]*i + a[r][1]*j + a[r][2]*k + a[r][3]
	}
	return p
}

// Inverse returns the affine that maps points to voxel coordinates, by
// Cramer's rule on the 3 x 3 part. It is an error if that part is singular.
func (a *Affine) Inverse() (*Affine, error) {
	minor := func(r, c int) float64 {
		r1, r2, c1, c2 := (r+1)%3, (r+2)%3, (c+1)%3, (c+2)%3
		return a[r1][c1]*a[r2][c2] - a[r1][c2]*a[r2][c1]
	}
	det := a[0][0]*minor(0, 0) + a[0][1]*minor(0, 1) + a[0][2]*minor(0, 2)
	if det == 0 || math.IsNaN(det) || math.IsInf(det, 0) {
		return nil, fmt.Errorf("affine has determinant %g, expected an invertible one", det)
	}
	var inv Affine
	for r := range 3 {
		for c := range 3 {
			inv[r][c] = minor(c, r) / det
		}
	}
	for r := range 3 {
		inv[r][3] = -(inv[r][0]*a[0][3] + inv[r][1]*a[1][3] + inv[r][2]*a[2][3])
	}
	inv[3][3] = 1
	return &inv, nil
}

// Grid is the lattice of an image: its lengths and where it lies.
type Grid struct {
	Dims   [3]int
	Affine Affine
}

// Voxels returns the number of voxels of the grid.
func (g *Grid) Voxels() int { return g.Dims[0] * g.Dims[1] * g.Dims[2] }

// affineTolerance is the largest difference, in millimetres, between entries
// of the affines of two images on one grid. Files store float32 and tools round
// quaternions, which moves a point by far less than this; different grids
// differ by far more.
const affineTolerance = 1e-3

// Same returns nil if both grids have the same shape and affines within 1e-3 mm,
// else an error that shows both.
func (g *Grid) Same(other *Grid) error {
	if g.Dims != other.Dims {
		return fmt.Errorf("grid is %s, expected %s", dimString(g.Dims), dimString(other.Dims))
	}
	for r := range 3 {
		for c := range 4 {
			if !(math.Abs(g.Affine[r][c]-other.Affine[r][c]) <= affineTolerance) {
				return fmt.Errorf("affine is %v, expected %v", g.Affine, other.Affine)
			}
		}
	}
	return nil
}

func dimString(d [3]int) string { return fmt.Sprintf("%d x %d x %d", d[0], d[1], d[2]) }

// String shows the three rows of the affine.
func (a Affine) String() string {
	return fmt.Sprintf("%.6g %.6g %.6g", a[0], a[1], a[2])
}

// fileIndex returns the place of voxel v of the grid (last axis fastest) in
// the file (first axis fastest).
func (g *Grid) fileIndex(v int) int {
	k := v % g.Dims[2]
	v /= g.Dims[2]
	j := v % g.Dims[1]
	i := v / g.Dims[1]
	return i + g.Dims[0]*(j+g.Dims[1]*k)
}

// gridIndex is the inverse of fileIndex.
func (g *Grid) gridIndex(f int) int {
	i := f % g.Dims[0]
	f /= g.Dims[0]
	j := f % g.Dims[1]
	k := f / g.Dims[1]
	return k + g.Dims[2]*(j+g.Dims[1]*i)
}

// Grid returns the image's lattice: by the sform if its code is positive, else
// by the qform, else by the voxel size alone, centred and with x flipped as the
// Analyze format of old and nibabel have it.
func (h *Header) Grid() (*Grid, error) {
	g := &Grid{Dims: [3]int{int(h.Dims[0]), int(h.Dims[1]), int(h.Dims[2])}}
	g.Affine[3][3] = 1
	switch {
	case h.SformCode > 0:
		copy(g.Affine[:3], h.Srow[:])
	case h.QformCode > 0:
		if err := h.qform(&g.Affine); err != nil {
			return nil, err
		}
	default:
		for i := range 3 {
			size := h.Pixdim[i+1]
			if i == 0 {
				size = -size
			}
			g.Affine[i][i] = size
			g.Affine[i][3] = -size * float64(g.Dims[i]-1) / 2
		}
	}
	return g, nil
}

// qform sets the affine of the quaternion a + bi + cj + dk, a >= 0, the voxel
// size and the offset, as the standard's method 2.
func (h *Header) qform(out *Affine) error {
	b, c, d := h.Quatern[0], h.Quatern[1], h.Quatern[2]
	sum := b*b + c*c + d*d
	// Three rounding errors of float32 storage, as nibabel allows.
	if const32 := 3 * (math.Nextafter32(1, 2) - 1); sum > 1+float64(const32) || math.IsNaN(sum) {
		return fmt.Errorf("quaternion (%g, %g, %g) has squared norm %g, expected at most 1", b, c, d, sum)
	}
	a := math.Sqrt(max(0, 1-sum))
	if sum >= 1 {
		n := math.Sqrt(sum)
		b, c, d = b/n, c/n, d/n
	}
	rot := [3][3]float64{
		{a*a + b*b - c*c - d*d, 2 * (b*c - a*d), 2 * (b*d + a*c)},
		{2 * (b*c + a*d), a*a + c*c - b*b - d*d, 2 * (c*d - a*b)},
		{2 * (b*d - a*c), 2 * (c*d + a*b), a*a + d*d - b*b - c*c},
	}
	zsign := 1.0
	if h.Pixdim[0] < 0 {
		zsign = -1
	}
	for r := range 3 {
		out[r][0] = rot[r][0] * h.Pixdim[1]
		out[r][1] = rot[r][1] * h.Pixdim[2]
		out[r][2] = rot[r][2] * h.Pixdim[3] * zsign
		out[r][3] = h.Qoffset[r]
	}
	return nil
}
