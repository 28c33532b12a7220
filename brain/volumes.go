package brain

import (
	"context"
	"math"
)

// volumes is the kind of NIfTI images.
type volumes struct{}

// String implements Kind.
func (volumes) String() string { return "volumes" }

// Geometry implements Kind.
func (volumes) Geometry() Geometry { return OnGrid }

// Endings implements Kind.
func (volumes) Endings() []string { return []string{".nii"} }

// Multiple implements Kind.
func (volumes) Multiple() bool { return false }

// Holds implements Kind.
func (volumes) Holds(head []byte) bool {
	_, _, err := headerSize(head)
	return err == nil
}

// Results implements Kind.
func (volumes) Results(base, _ string) []string { return []string{base + ".nii.gz"} }

// Describe implements Kind.
func (volumes) Describe(f Files, path string) (Shape, error) {
	im, err := f.Nifti(path)
	if err != nil {
		return Shape{}, err
	}
	size := im.Grid.VoxelSize()
	return Shape{Rows: im.Header.Volumes(), Cols: im.Grid.Voxels(), TR: im.Header.TR(), Voxel: math.Cbrt(size[0] * size[1] * size[2])}, nil
}

// VoxelSize returns the lengths of a voxel's edges in millimetres.
func (g *Grid) VoxelSize() (size [3]float64) {
	for axis := range size {
		for r := range 3 {
			size[axis] += g.Affine[r][axis] * g.Affine[r][axis]
		}
		size[axis] = math.Sqrt(size[axis])
	}
	return size
}

// volumeImage is an open NIfTI image on a mask.
type volumeImage struct {
	*Series
	places *volumePlaces
}

// Places implements Image.
func (v *volumeImage) Places() Places { return v.places }

// TR implements Image.
func (v *volumeImage) TR() float64 { return v.im.Header.TR() }

// Open implements Kind. Grids are compared before a mask is decoded.
func (volumes) Open(ctx context.Context, f Files, path string, o OpenOptions) (Image, error) {
	im, err := f.Nifti(path)
	if err != nil {
		return nil, err
	}
	p := &volumePlaces{path: path, header: im.Header}
	switch {
	case o.Like != nil:
		p = o.Like.(*volumePlaces)
	case o.Mask != "":
		p.mask, err = f.Mask(ctx, o.Mask, im.Grid)
	case o.Nonzero:
		p.mask, err = im.NonzeroMask(ctx)
	default:
		p.mask = im.FullMask()
	}
	if err != nil {
		return nil, err
	}
	s, err := im.Series(p.mask)
	if err != nil {
		return nil, err
	}
	return &volumeImage{s, p}, nil
}

// OnMask returns the places of a mask's voxels, for arrays that have a column for
// each.
func (f Files) OnMask(ctx context.Context, mask string) (Places, error) {
	m, err := f.Mask(ctx, mask, nil)
	if err != nil {
		return nil, err
	}
	return &volumePlaces{path: mask, mask: m, header: m.Header}, nil
}

// volumePlaces are voxels of a mask.
type volumePlaces struct {
	path   string
	mask   *Mask
	header *Header // of the image, for results
}

// Kind implements Places.
func (p *volumePlaces) Kind() Kind { return volumes{} }

// Path implements Places.
func (p *volumePlaces) Path() string { return p.path }

// Len implements Places.
func (p *volumePlaces) Len() int { return p.mask.Len() }

// Mask implements GridPlaces.
func (p *volumePlaces) Mask() *Mask { return p.mask }

// Same implements Places.
func (p *volumePlaces) Same(other Places) error {
	o, ok := other.(*volumePlaces)
	if !ok {
		return inputErrorf(other.Path(), "is not of the kind of %s, expected %s", p.path, p.Kind())
	}
	if err := o.mask.Grid.Same(p.mask.Grid); err != nil {
		return inputErrorf(o.path, "not on the grid of %s: %v", p.path, err)
	}
	if o.Len() != p.Len() {
		return inputErrorf(o.path, "has %d voxels, %s has %d", o.Len(), p.path, p.Len())
	}
	others := o.mask.file()
	for v, f := range p.mask.file() {
		if others[v] != f {
			i, j, k := o.mask.Voxel(v)
			return inputErrorf(o.path, "has another mask than %s: voxel %d is (%d, %d, %d)", p.path, v, i, j, k)
		}
	}
	return nil
}

// space refuses files whose names declare another space.
func (p *volumePlaces) space(path string) error {
	for _, other := range []string{p.path, p.mask.Path} {
		if err := SameSpace(path, other); err != nil {
			return err
		}
	}
	return nil
}

// open opens a label image or templates for these places.
func (p *volumePlaces) open(f Files, path string) (*Nifti, error) {
	if err := f.ofKind(path, p); err != nil {
		return nil, err
	}
	if err := p.space(path); err != nil {
		return nil, err
	}
	return f.Nifti(path)
}

// Labels implements Places: the label of the nearest voxel, and none beyond the
// image.
func (p *volumePlaces) Labels(ctx context.Context, f Files, path, table string) (*Labels, error) {
	im, err := p.open(f, path)
	if err != nil {
		return nil, err
	}
	l, _, err := p.labels(ctx, f, im, table)
	return l, err
}

// labels reads a label image through once: the labels that occur in it anywhere,
// and those at the places; reached is false beyond the image.
func (p *volumePlaces) labels(ctx context.Context, f Files, im *Nifti, table string) (l *Labels, reached []bool, err error) {
	if n := im.Header.Volumes(); n != 1 {
		return nil, nil, inputErrorf(im.Path, "%d volumes, expected a label image of 1", n)
	}
	names, err := f.besideTable(im.Path, table)
	if err != nil {
		return nil, nil, err
	}
	s, err := im.sample(p.mask, Nearest)
	if err != nil {
		return nil, nil, err
	}
	keys := newLabelKeys(im.Header)
	err = im.each(ctx, func(_, first int, values []float64) error {
		return keys.add(values, func(i int) int { return im.Grid.gridIndex(first + i) })
	})
	if err != nil {
		return nil, nil, fileError(im.Path, err)
	}
	l = &Labels{}
	if l.Table, l.Notes, err = keys.table(im.Path, names); err != nil {
		return nil, nil, err
	}
	reached = make([]bool, p.Len())
	err = s.each(ctx, im, math.NaN(), func(_ int, values []float64) error {
		l.At = l.Table.places(values)
		for v, x := range values {
			reached[v] = x == x
		}
		return nil
	})
	return l, reached, err
}

// Templates implements Places: labels from the nearest voxel, or maps, a network
// per volume, between voxels.
func (p *volumePlaces) Templates(ctx context.Context, f Files, path, table string) (*Templates, error) {
	im, err := p.open(f, path)
	if err != nil {
		return nil, err
	}
	if im.Header.Volumes() > 1 {
		return p.mapTemplates(f, im, table)
	}
	l, reached, err := p.labels(ctx, f, im, table)
	if err != nil {
		return nil, err
	}
	return l.asTemplates(path, reached), nil
}

func (p *volumePlaces) mapTemplates(f Files, im *Nifti, table string) (*Templates, error) {
	names, err := f.besideTable(im.Path, table)
	if err != nil {
		return nil, err
	}
	t := &Templates{path: im.Path, places: p.Len(), reading: im.sampleBytes(p.mask, Trilinear)}
	for r := range im.Header.Volumes() {
		if err := t.add(mapLabel(r, "", names)); err != nil {
			return nil, err
		}
	}
	t.fill = func(ctx context.Context, _ Files, rows [][]float64) error {
		s, err := im.sample(p.mask, Trilinear)
		if err != nil {
			return err
		}
		return s.each(ctx, im, math.NaN(), func(r int, values []float64) error { copy(rows[r], values); return nil })
	}
	return t, nil
}

// Write implements Places.
func (p *volumePlaces) Write(ctx context.Context, out Output, m Maps) error {
	path, err := out.Place(m.Name + ".nii.gz")
	if err != nil {
		return err
	}
	row := func(r int, dst []float64) error { return m.Row(ctx, r, dst) }
	return out.Files.WriteMaps(ctx, path, p.mask, m.Rows.Rows(), row, MapOptions{Datatype: out.Datatype, Template: p.header})
}

// WriteMask implements Places.
func (p *volumePlaces) WriteMask(ctx context.Context, out Output) error {
	path, err := out.Place("mask.nii.gz")
	if err != nil {
		return err
	}
	return out.Files.WriteMask(ctx, path, p.mask)
}
