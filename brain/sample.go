package brain

import (
	"cmp"
	"context"
	"slices"
)

// sampler takes the values of volumes at the voxels of a mask on another grid, as
// Volume.AtMask does, while an image is read through: no volume is held.
type sampler struct {
	mask    *Mask
	grid    *Grid
	same    bool    // both are one grid
	index   *Affine // from the mask's voxels to those of the grid
	how     Interpolation
	corners int         // values around each voxel of the mask: 1 or 8
	order   []planVoxel // the stored voxels that are wanted, in file order, and where they go
	values  []float64   // (voxels x corners)
}

// sampleBytes is what a sampler takes: values, their plan, and the result.
func (im *Nifti) sampleBytes(m *Mask, how Interpolation) int64 {
	corners := 1
	if how == Trilinear && im.Grid.Same(m.Grid) != nil {
		corners = 8
	}
	return int64(m.Len()) * int64(16*corners+8)
}

// sample plans to take the values of an image at the voxels of a mask.
func (im *Nifti) sample(m *Mask, how Interpolation) (*sampler, error) {
	s := &sampler{mask: m, grid: im.Grid, same: im.Grid.Same(m.Grid) == nil, how: how, corners: 1}
	if s.how == Trilinear && !s.same {
		s.corners = 8
	}
	if err := im.files.room(im.Path, "the values at the voxels compared", im.sampleBytes(m, how)); err != nil {
		return nil, err
	}
	var err error
	if s.index, err = im.Grid.indexOf(m.Grid); err != nil {
		return nil, fileError(im.Path, err)
	}
	s.values = make([]float64, m.Len()*s.corners)
	for v := range m.Len() {
		low, _, inside := s.place(v)
		if !inside {
			continue
		}
		for c := range s.corners {
			at := low
			for axis := range 3 {
				at[axis] = min(at[axis]+c>>axis&1, im.Grid.Dims[axis]-1) // beyond it has no weight
			}
			f := at[0] + im.Grid.Dims[0]*(at[1]+im.Grid.Dims[1]*at[2])
			s.order = append(s.order, planVoxel{file: int32(f), col: int32(v*s.corners + c)})
		}
	}
	slices.SortFunc(s.order, func(a, b planVoxel) int { return cmp.Compare(a.file, b.file) })
	return s, nil
}

// place is where voxel v of the mask lies in the grid: the lowest of the voxels
// around it and how far it is from that; inside is false beyond the grid.
func (s *sampler) place(v int) (low [3]int, part [3]float64, inside bool) {
	i, j, k := s.mask.Voxel(v)
	if s.same {
		return [3]int{i, j, k}, part, true
	}
	return s.grid.locate(s.index.Apply(float64(i), float64(j), float64(k)), s.how)
}

// each hands visit the values of every volume at the voxels of the mask, outside
// for those beyond the image. visit must not keep them.
func (s *sampler) each(ctx context.Context, im *Nifti, outside float64, visit func(t int, values []float64) error) error {
	n := im.Grid.Voxels()
	next := 0
	out := make([]float64, s.mask.Len())
	return im.each(ctx, func(t, first int, values []float64) error {
		for next < len(s.order) && int(s.order[next].file) < first+len(values) {
			s.values[s.order[next].col] = values[int(s.order[next].file)-first]
			next++
		}
		if first+len(values) < n {
			return nil
		}
		next = 0
		for v := range out {
			_, part, inside := s.place(v)
			switch {
			case !inside:
				out[v] = outside
			case s.corners == 1:
				out[v] = s.values[v]
			default:
				out[v] = weigh(part, func(c int) float64 { return s.values[8*v+c] })
			}
		}
		return visit(t, out)
	})
}

// weigh is the trilinear mean of the eight values around a point: corner c is the
// higher one on the axes of its bits.
func weigh(part [3]float64, at func(corner int) float64) float64 {
	var sum float64
	for corner := range 8 {
		weight := 1.0
		for axis := range 3 {
			if corner>>axis&1 == 1 {
				weight *= part[axis]
			} else {
				weight *= 1 - part[axis]
			}
		}
		if weight != 0 {
			sum += weight * at(corner)
		}
	}
	return sum
}
