package brain

import (
	"context"
	"errors"
	"fmt"
	"math"
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

	file []int32 // place of each voxel in a volume as stored, first axis fastest
}

// LoadMask reads a mask of one volume: the voxels that are neither 0 nor NaN.
// A mask without any is refused.
func LoadMask(ctx context.Context, path string) (*Mask, error) {
	im, err := Open(path)
	if err != nil {
		return nil, err
	}
	if n := im.Header.Volumes(); n != 1 {
		return nil, inputErrorf(path, "mask has %d volumes, expected 1", n)
	}
	volume, err := im.Volume(ctx, 0)
	if err != nil {
		return nil, err
	}
	m, err := NewMask(im.Header, volume)
	if err != nil {
		return nil, fileError(path, err)
	}
	m.Path = path
	return m, nil
}

// NewMask takes the voxels of a volume that are neither 0 nor NaN. The header
// is the template for results.
func NewMask(h *Header, volume *Volume) (*Mask, error) {
	m := &Mask{Grid: volume.Grid, Header: h}
	for v, x := range volume.Values {
		if x != 0 && !math.IsNaN(x) {
			m.file = append(m.file, int32(volume.Grid.fileIndex(v)))
		}
	}
	if len(m.file) == 0 {
		return nil, fmt.Errorf("no voxel of %d is in the mask, expected at least 1", volume.Grid.Voxels())
	}
	return m, nil
}

// FullMask returns the mask of every voxel of the image's grid.
func (im *Image) FullMask() *Mask {
	m := &Mask{Path: im.Path, Grid: im.Grid, Header: im.Header, file: make([]int32, im.Grid.Voxels())}
	for v := range m.file {
		m.file[v] = int32(im.Grid.fileIndex(v))
	}
	return m
}

// Len returns the number of voxels in the mask.
func (m *Mask) Len() int { return len(m.file) }

// Voxel returns the grid indices of voxel v of the mask.
func (m *Mask) Voxel(v int) (i, j, k int) {
	f := int(m.file[v])
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
	for v, f := range m.file {
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
	for v, f := range m.file {
		out[v] = volume.Values[m.Grid.gridIndex(int(f))]
	}
	return out, nil
}

// Write stores the mask as a uint8 image of zeros and ones.
func (m *Mask) Write(ctx context.Context, path string) error {
	return WriteMaps(ctx, path, m, 1, func(_ int, dst []float64) error {
		for v := range dst {
			dst[v] = 1
		}
		return nil
	}, MapOptions{Datatype: Uint8, Descrip: "voxen mask"})
}

// errNotLoaded is what reading a compressed series before Load returns.
var errNotLoaded = errors.New("voxels are compressed and were not loaded")
