package brain

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strings"
)

// Interpolation says how a value between voxels is made.
type Interpolation int

const (
	// Nearest takes the value of the voxel in which the point lies: for labels.
	Nearest Interpolation = iota
	// Trilinear weighs the eight voxels around the point.
	Trilinear
)

// Resample returns the volume at the voxels of another grid, both in the same
// space. Points outside the volume's voxels have the value outside; between the
// outermost voxel centres and their edges the outermost value holds.
func (v *Volume) Resample(to *Grid, how Interpolation, outside float64) (*Volume, error) {
	out := &Volume{Grid: to, Values: make([]float64, to.Voxels())}
	index, err := v.Grid.indexOf(to)
	if err != nil {
		return nil, err
	}
	n := 0
	for i := range to.Dims[0] {
		for j := range to.Dims[1] {
			for k := range to.Dims[2] {
				out.Values[n] = v.sample(index.Apply(float64(i), float64(j), float64(k)), how, outside)
				n++
			}
		}
	}
	return out, nil
}

// AtMask returns the volume's value at each voxel of a mask, resampled if the
// mask is on another grid.
func (v *Volume) AtMask(m *Mask, how Interpolation, outside float64) ([]float64, error) {
	if v.Grid.Same(m.Grid) == nil {
		return m.Gather(v)
	}
	index, err := v.Grid.indexOf(m.Grid)
	if err != nil {
		return nil, err
	}
	out := make([]float64, m.Len())
	for n := range out {
		i, j, k := m.Voxel(n)
		out[n] = v.sample(index.Apply(float64(i), float64(j), float64(k)), how, outside)
	}
	return out, nil
}

// AtPoints returns the volume's value at points in mm, outside where it has none.
func (v *Volume) AtPoints(points [][3]float64, how Interpolation, outside float64) ([]float64, error) {
	inv, err := v.Grid.Affine.Inverse()
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(points))
	for n, p := range points {
		out[n] = v.sample(inv.Apply(p[0], p[1], p[2]), how, outside)
	}
	return out, nil
}

// indexOf returns the map from voxel indices of another grid to those of g.
func (g *Grid) indexOf(other *Grid) (*Affine, error) {
	inv, err := g.Affine.Inverse()
	if err != nil {
		return nil, err
	}
	var a Affine
	for r := range 4 {
		for c := range 4 {
			for k := range 4 {
				a[r][c] += inv[r][k] * other.Affine[k][c]
			}
		}
	}
	return &a, nil
}

// edge is how far beyond a border a point still counts as on it: rounding in
// the affines of files moves points by some 1e-6 of a voxel.
const edge = 1e-5

func (v *Volume) sample(p [3]float64, how Interpolation, outside float64) float64 {
	low, part, inside := v.Grid.locate(p, how)
	switch {
	case !inside:
		return outside
	case how == Nearest:
		return v.At(low[0], low[1], low[2])
	}
	return weigh(part, func(c int) float64 { return v.At(low[0]+c&1, low[1]+c>>1&1, low[2]+c>>2) })
}

// locate finds the voxel in which a point of the grid lies, or the lowest of the
// eight around it and how far it is from that; inside is false beyond the edges
// of the outermost voxels.
func (g *Grid) locate(p [3]float64, how Interpolation) (low [3]int, part [3]float64, inside bool) {
	for axis, x := range p {
		last := g.Dims[axis] - 1
		if !(x >= -0.5-edge && x <= float64(last)+0.5+edge) {
			return low, part, false
		}
		if how == Nearest {
			low[axis] = min(max(int(math.Floor(x+0.5)), 0), last)
			continue
		}
		x = min(max(x, 0), float64(last))
		low[axis] = min(int(x), max(last-1, 0))
		part[axis] = x - float64(low[axis])
	}
	return low, part, true
}

var spaceEntity = regexp.MustCompile(`(?:^|_)space-([A-Za-z0-9]+)`)

// Space returns the BIDS space that a file's name declares, empty if none.
func Space(path string) string {
	m := spaceEntity.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return ""
	}
	return m[1]
}

// SameSpace returns an error if both names declare a space and the spaces
// differ. A shorter name stands for all that begin with it: MNI for
// MNI152NLin6Asym.
func SameSpace(path, other string) error {
	a, b := Space(path), Space(other)
	if a == "" || b == "" || strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
		return nil
	}
	return inputErrorf(path, "in space %s, expected %s as %s", a, b, filepath.Base(other))
}

// String names the interpolation.
func (i Interpolation) String() string {
	switch i {
	case Nearest:
		return "nearest"
	case Trilinear:
		return "trilinear"
	}
	return fmt.Sprintf("Interpolation(%d)", int(i))
}
