package brain

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"sync"
)

// Mask is the set of voxels of a grid that an analysis looks at, in the order
// of its columns: the last axis of the grid fastest.
type Mask struct {
	Grid *Grid
	// Header is the template for results over the mask: that of the image the
	// mask was read from.
	Header *Header
	// Path says where the mask comes from, empty for the whole grid.
	Path string

	n      int      // voxels
	in     []uint64 // a bit for each of the grid, as stored; nil: all, or they are listed
	list   sync.Once
	places []int32
}

// maskOf is the set of n voxels of a grid, a bit for each in the order in which a volume is
// stored; without bits the whole grid.
func maskOf(im *Nifti, in []uint64, n int) *Mask {
	return &Mask{Path: im.Path, Grid: im.Grid, Header: im.Header, n: n, in: in}
}

// listed is a set of voxels by their places in a volume as stored.
func listed(m *Mask, file []int32) *Mask {
	m.n, m.places = len(file), file
	return m
}

// file gives the place of each voxel in a volume as stored, first axis fastest. It is made when
// it is first asked for: how many voxels there are, which says what a job will need, is known
// without it.
func (m *Mask) file() []int32 {
	m.list.Do(func() {
		if m.places != nil {
			return
		}
		m.places = make([]int32, 0, m.n)
		for v := range m.Grid.Voxels() {
			if f := m.Grid.fileIndex(v); m.in == nil || m.in[f/64]>>(f%64)&1 == 1 {
				m.places = append(m.places, int32(f))
			}
		}
		m.in = nil
	})
	return m.places
}

// Mask reads a mask of one volume: the voxels that are neither 0 nor NaN. With
// like, not nil, a mask on another grid is refused before anything is decoded. A
// mask without any voxel is refused.
func (f Files) Mask(ctx context.Context, path string, like *Grid) (*Mask, error) {
	im, err := f.Nifti(path)
	if err != nil {
		return nil, err
	}
	if n := im.Header.Volumes(); n != 1 {
		return nil, inputErrorf(path, "mask has %d volumes, expected 1", n)
	}
	if like != nil {
		if err := im.Grid.Same(like); err != nil {
			return nil, inputErrorf(path, "mask is not on the grid of the image: %v", err)
		}
	}
	return im.NonzeroMask(ctx)
}

// NonzeroMask takes the voxels at which at least one volume is neither 0 nor NaN:
// of a mask its voxels, of maps those inside their mask, since they are 0 outside.
func (im *Nifti) NonzeroMask(ctx context.Context) (*Mask, error) {
	n := im.Grid.Voxels()
	if err := im.files.room(im.Path, "a mask", int64(n)/8); err != nil {
		return nil, err
	}
	in := make([]uint64, (n+63)/64) // a bit per voxel in file order
	err := im.each(ctx, func(_, first int, values []float64) error {
		for i, x := range values {
			if x != 0 && !math.IsNaN(x) {
				in[(first+i)/64] |= 1 << ((first + i) % 64)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	count := 0
	for _, w := range in {
		count += bits.OnesCount64(w)
	}
	if count == 0 {
		return nil, inputErrorf(im.Path, "no voxel of %d is in the mask, expected at least 1", n)
	}
	return maskOf(im, in, count), nil
}

// Intersect returns the voxels of m that are in other too, which must be on the
// same grid. None is an error.
func (m *Mask) Intersect(other *Mask) (*Mask, error) {
	if err := other.Grid.Same(m.Grid); err != nil {
		return nil, inputErrorf(other.Path, "is not on the grid of mask %s: %v", m.Path, err)
	}
	var both []int32
	rest := other.file()
	for _, f := range m.file() { // both in the order of the grid
		v := m.Grid.gridIndex(int(f))
		for len(rest) > 0 && m.Grid.gridIndex(int(rest[0])) < v {
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0] == f {
			both = append(both, f)
		}
	}
	if len(both) == 0 {
		return nil, inputErrorf(other.Path, "has no voxel in common with %s", m.Path)
	}
	return listed(&Mask{Path: m.Path, Grid: m.Grid, Header: m.Header}, both), nil
}

// NewMask takes the voxels of a volume that are neither 0 nor NaN. The header
// is the template for results.
func NewMask(h *Header, volume *Volume) (*Mask, error) {
	var file []int32
	for v, x := range volume.Values {
		if x != 0 && !math.IsNaN(x) {
			file = append(file, int32(volume.Grid.fileIndex(v)))
		}
	}
	if len(file) == 0 {
		return nil, fmt.Errorf("no voxel of %d is in the mask, expected at least 1", volume.Grid.Voxels())
	}
	return listed(&Mask{Grid: volume.Grid, Header: h}, file), nil
}

// FullMask returns the mask of every voxel of the image's grid.
func (im *Nifti) FullMask() *Mask { return maskOf(im, nil, im.Grid.Voxels()) }

// Len returns the number of voxels in the mask.
func (m *Mask) Len() int { return m.n }

// Voxel returns the grid indices of voxel v of the mask.
func (m *Mask) Voxel(v int) (i, j, k int) {
	f := int(m.file()[v])
	nx, ny := m.Grid.Dims[0], m.Grid.Dims[1]
	return f % nx, f / nx % ny, f / nx / ny
}

// Spread returns a volume that holds values[v] at voxel v of the mask and
// outside elsewhere.
func (m *Mask) Spread(values []float64, outside float64) (*Volume, error) {
	if len(values) != m.Len() {
		return nil, fmt.Errorf("%d values, expected one for each of the mask's %d voxels", len(values), m.Len())
	}
	out := &Volume{Grid: m.Grid, Values: make([]float64, m.Grid.Voxels())}
	for i := range out.Values {
		out.Values[i] = outside
	}
	for v, f := range m.file() {
		out.Values[m.Grid.gridIndex(int(f))] = values[v]
	}
	return out, nil
}

// Gather returns the values of a volume on the mask's grid at its voxels.
func (m *Mask) Gather(volume *Volume) ([]float64, error) {
	if err := volume.Grid.Same(m.Grid); err != nil {
		return nil, err
	}
	out := make([]float64, m.Len())
	for v, f := range m.file() {
		out[v] = volume.Values[m.Grid.gridIndex(int(f))]
	}
	return out, nil
}

// WriteMask stores a mask as a uint8 image of zeros and ones.
func (f Files) WriteMask(ctx context.Context, path string, m *Mask) error {
	return f.WriteMaps(ctx, path, m, 1, func(_ int, dst []float64) error {
		for v := range dst {
			dst[v] = 1
		}
		return nil
	}, MapOptions{Datatype: Uint8, Descrip: "voxen mask"})
}
