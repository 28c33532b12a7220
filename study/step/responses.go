package step

import (
	"context"
	"fmt"
	"math"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/store"
)

// Responses are the voxels of one or more files, rows one after the other.
type Responses struct {
	Parts   []tile.Source
	Paths   []string
	Places  Places       // of images; nil for arrays
	Regions *RegionMeans // of an atlas; nil without one
	Closers []func() error
	Kind    brain.CiftiKind // of CIFTI files; dtseries if empty
	timed   []timed
}

// timed is an image that says its time between volumes.
type timed struct {
	path string
	tr   float64 // seconds
}

// OtherTR reports whether two times between volumes differ by more than headers in
// single precision and rounded sidecars do.
func OtherTR(a, b float64) bool { return math.Abs(a-b) > 1e-3*max(a, b) }

// WarnTR says so once if images have another time between volumes than --tr, if
// that is given. In a study they were compared before its first step.
func (r *Responses) WarnTR(e *Env, tr float64) {
	for _, im := range r.timed {
		if e.Keep == nil && tr > 0 && OtherTR(im.tr, tr) {
			e.Warn("%s: says %g s between volumes, --tr is %g", im.path, im.tr, tr)
			return
		}
	}
}

// OpenResponses opens files of responses, all arrays or all images of one sort.
// With first, not nil, they lie where those do: on the same grid, grayordinates
// or vertices.
func OpenResponses(ctx context.Context, fsys store.FS, paths []string, maskPath string, first *Responses, storage func(i int) brain.Storage) (*Responses, error) {
	r := &Responses{Paths: paths}
	if first == nil {
		first = r
	}
	r.Places = first.Places
	for i, path := range paths {
		var err error
		switch kind := ImageKind(path); {
		case kind != ImageKind(first.Paths[0]):
			err = BadInput(path, "is not of the kind of %s: give files of one kind", first.Paths[0])
		case kind == "volume":
			err = r.OpenVolume(ctx, path, maskPath, storage(i))
		case maskPath != "" && kind == "":
			err = BadInput(maskPath, "is a mask, but responses %s are an array without a grid", path)
		case maskPath != "":
			err = BadInput(maskPath, "is a mask of volumes, but responses %s are on surfaces", path)
		case kind == "cifti":
			err = r.OpenCifti(path)
		case kind == "surface":
			err = r.OpenSurfaces(path, storage(i))
		default:
			err = r.OpenArray(fsys, path)
		}
		if err != nil {
			r.Close()
			return nil, err
		}
		// regions are columns of their own, and lie in places that were compared
		if v := r.Parts[i].Cols(); first.Regions == nil && v != first.Parts[0].Cols() {
			r.Close()
			return nil, BadInput(path, "has %d voxels, %s has %d", v, first.Paths[0], first.Parts[0].Cols())
		}
	}
	if r.Cols() == 0 {
		r.Close()
		return nil, BadInput(paths[0], "has no voxels")
	}
	return r, nil
}

// OpenArray opens a .npy or .safetensors array.
func (r *Responses) OpenArray(fsys store.FS, path string) error {
	a, err := OpenMatrix(fsys, path)
	if err != nil {
		return err
	}
	r.Parts, r.Closers = append(r.Parts, a), append(r.Closers, a.Close)
	return nil
}

// OpenStack opens arrays with the same columns, rows below each other.
func OpenStack(e *Env, paths []string) (*Responses, error) {
	r := &Responses{Paths: paths}
	for i, path := range paths {
		err := r.OpenArray(e.FS, path)
		if err == nil && r.Parts[i].Cols() != r.Cols() {
			err = BadInput(path, "has %d columns, %s has %d", r.Parts[i].Cols(), paths[0], r.Cols())
		}
		if err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// FileOf is the file that a row lies in, and its row there.
func (r *Responses) FileOf(row int) (path string, in int) {
	b := r.Borders()
	i := 0
	for i+1 < len(r.Paths) && row >= b[i+1] {
		i++
	}
	return r.Paths[i], row - b[i]
}

// OpenVolume opens a NIfTI image on the mask.
func (r *Responses) OpenVolume(ctx context.Context, path, maskPath string, st brain.Storage) error {
	im, err := brain.Open(path)
	if err != nil {
		return err
	}
	if r.Places == nil {
		p := &VolumePlaces{Path: path, Mask: im.FullMask(), Header: im.Header}
		if maskPath != "" {
			if p.Mask, err = brain.LoadMask(ctx, maskPath); err != nil {
				return err
			}
		}
		r.Places = p
	}
	if tr := im.Header.TR(); tr > 0 {
		r.timed = append(r.timed, timed{path, tr})
	}
	s, err := im.Series(r.Places.(*VolumePlaces).Mask)
	if err != nil {
		return err
	}
	r.Parts, r.Closers = append(r.Parts, s), append(r.Closers, s.Close)
	return s.Load(ctx, st)
}

// OpenCifti opens a dtseries; those of all runs have the same grayordinates.
func (r *Responses) OpenCifti(path string) error {
	c, err := brain.OpenCifti(path)
	if err != nil {
		return err
	}
	r.Closers = append(r.Closers, c.Close)
	switch {
	case r.Kind == "" && c.Kind != brain.DenseSeries:
		return BadInput(path, "is a %s file, expected a dtseries: volumes in time", c.Kind)
	case r.Kind != "" && c.Kind != r.Kind:
		return BadInput(path, "is a %s file, expected a %s", c.Kind, r.Kind)
	}
	if r.Places == nil {
		r.Places = &CiftiPlaces{path, c.CiftiHeader}
	}
	if tr := c.TR(); tr > 0 {
		r.timed = append(r.timed, timed{path, tr})
	}
	first := r.Places.(*CiftiPlaces)
	for v, at := range c.Match(&first.Header) {
		if at != v {
			return BadInput(path, "has other grayordinates than %s, the first that differs at %d", first.Path, v)
		}
	}
	r.Parts = append(r.Parts, c)
	return nil
}

// OpenSurfaces opens the data of one hemisphere, or of two separated by a comma.
func (r *Responses) OpenSurfaces(path string, st brain.Storage) error {
	p := &SurfacePlaces{}
	var sides []brain.Columns
	files := HemispheresOf(path)
	for i, file := range files {
		g, err := brain.ReadGifti(file, st.Memory)
		if err != nil {
			return err
		}
		s, err := g.Series()
		if err != nil {
			return err
		}
		if len(sides) > 0 && s.Rows() != sides[0].Rows() {
			return BadInput(file, "has %d volumes, %s has %d", s.Rows(), files[0], sides[0].Rows())
		}
		sides = append(sides, s)
		p.Hemispheres = append(p.Hemispheres, NewHemisphere(file, g, s.Cols(), i, len(files)))
	}
	joined, err := brain.Join(sides...)
	if err != nil {
		return err
	}
	if r.Places == nil {
		r.Places = p
	} else if err := p.Same(r.Places.(*SurfacePlaces)); err != nil {
		return err
	}
	r.Parts = append(r.Parts, joined)
	return nil
}

// Close closes all files.
func (r *Responses) Close() error {
	var first error
	for _, f := range r.Closers {
		if err := f(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Borders gives the runs that the files are.
func (r *Responses) Borders() op.Borders {
	b := op.Borders{0}
	for _, p := range r.Parts {
		b = append(b, b[len(b)-1]+p.Rows())
	}
	return b
}

// Rows is the number of rows of all files.
func (r *Responses) Rows() int { b := r.Borders(); return b[len(b)-1] }

// Cols is the number of voxels.
func (r *Responses) Cols() int { return r.Parts[0].Cols() }

// ReadFloat32 reads each file into its rows.
func (r *Responses) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return eachPart(r, func(p tile.Source, row int) error { return p.ReadFloat32(ctx, lo, hi, dst[row*stride:], stride) })
}

// ReadFloat64 reads each file into its rows.
func (r *Responses) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return eachPart(r, func(p tile.Source, row int) error { return p.ReadFloat64(ctx, lo, hi, dst[row*stride:], stride) })
}

func eachPart(r *Responses, read func(p tile.Source, row int) error) error {
	row := 0
	for i, p := range r.Parts {
		if err := read(p, row); err != nil {
			return fmt.Errorf("responses %s: %w", r.Paths[i], err)
		}
		row += p.Rows()
	}
	return nil
}
