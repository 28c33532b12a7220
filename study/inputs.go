package study

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/store"
)

// input refuses something about a file or an option, in one line.
func input(path, format string, args ...any) error {
	return &store.InputError{Path: path, Msg: fmt.Sprintf(format, args...)}
}

// file is an input with the flag that named it.
type file struct{ role, path string }

// digests names every input with what it holds; files without a path are left out.
func digests(ctx context.Context, fsys store.FS, files []file) ([]store.Input, error) {
	var inputs []store.Input
	for _, f := range files {
		if f.path == "" {
			continue
		}
		in, err := digestFile(ctx, fsys, f.path)
		if err != nil {
			return nil, err
		}
		in.Role = f.role
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// digestFile is store.DigestFile, or what a study remembers.
func digestFile(ctx context.Context, fsys store.FS, path string) (store.Input, error) {
	if d, ok := fsys.(digestingFS); ok {
		return d.digest(ctx, path)
	}
	return store.DigestFile(ctx, fsys, path)
}

// responses are the voxels of one or more files, rows one after the other.
type responses struct {
	parts   []tile.Source
	paths   []string
	places  places       // of images; nil for arrays
	regions *regionMeans // of an atlas; nil without one
	close   []func() error
	series  brain.CiftiKind // of CIFTI files; dtseries if empty
	timed   []timed
}

// timed is an image that says its time between volumes.
type timed struct {
	path string
	tr   float64 // seconds
}

// otherTR reports whether two times between volumes differ by more than headers in
// single precision and rounded sidecars do.
func otherTR(a, b float64) bool { return math.Abs(a-b) > 1e-3*max(a, b) }

// warnTR says so once if images have another time between volumes than --tr, if
// that is given. In a study they were compared before its first step.
func (r *responses) warnTR(e *Env, tr float64) {
	for _, im := range r.timed {
		if e.keep == nil && tr > 0 && otherTR(im.tr, tr) {
			e.warn("%s: says %g s between volumes, --tr is %g", im.path, im.tr, tr)
			return
		}
	}
}

// imageKind is the sort of file that a name says: of images, or "" for arrays.
func imageKind(path string) string {
	switch {
	case strings.HasSuffix(path, ".dtseries.nii"), strings.HasSuffix(path, ".dscalar.nii"), strings.HasSuffix(path, ".dlabel.nii"):
		return "cifti"
	case strings.HasSuffix(path, ".nii"), strings.HasSuffix(path, ".nii.gz"):
		return "volume"
	case strings.HasSuffix(path, ".gii"):
		return "surface"
	}
	return ""
}

// openResponses opens files of responses, all arrays or all images of one sort.
// With first, not nil, they lie where those do: on the same grid, grayordinates
// or vertices.
func openResponses(ctx context.Context, fsys store.FS, paths []string, maskPath string, first *responses, storage func(i int) brain.Storage) (*responses, error) {
	r := &responses{paths: paths}
	if first == nil {
		first = r
	}
	r.places = first.places
	for i, path := range paths {
		var err error
		switch kind := imageKind(path); {
		case kind != imageKind(first.paths[0]):
			err = input(path, "is not of the kind of %s: give files of one kind", first.paths[0])
		case kind == "volume":
			err = r.openVolume(ctx, path, maskPath, storage(i))
		case maskPath != "" && kind == "":
			err = input(maskPath, "is a mask, but responses %s are an array without a grid", path)
		case maskPath != "":
			err = input(maskPath, "is a mask of volumes, but responses %s are on surfaces", path)
		case kind == "cifti":
			err = r.openCifti(path)
		case kind == "surface":
			err = r.openSurfaces(path, storage(i))
		default:
			err = r.openArray(fsys, path)
		}
		if err != nil {
			r.Close()
			return nil, err
		}
		// regions are columns of their own, and lie in places that were compared
		if v := r.parts[i].Cols(); first.regions == nil && v != first.parts[0].Cols() {
			r.Close()
			return nil, input(path, "has %d voxels, %s has %d", v, first.paths[0], first.parts[0].Cols())
		}
	}
	if r.Cols() == 0 {
		r.Close()
		return nil, input(paths[0], "has no voxels")
	}
	return r, nil
}

// openArray opens a .npy or .safetensors array.
func (r *responses) openArray(fsys store.FS, path string) error {
	a, err := openMatrix(fsys, path)
	if err != nil {
		return err
	}
	r.parts, r.close = append(r.parts, a), append(r.close, a.Close)
	return nil
}

// openMatrix opens a two-dimensional array, (time, columns), of a .npy or .safetensors.
func openMatrix(fsys store.FS, path string) (store.Array, error) {
	a, err := store.OpenArray(fsys, path)
	if err != nil {
		return nil, err
	}
	if n := len(a.Shape()); n != 2 {
		a.Close()
		return nil, input(path, "has shape %v, expected two dimensions (time, columns)", a.Shape())
	}
	return a, nil
}

// openVolume opens a NIfTI image on the mask.
func (r *responses) openVolume(ctx context.Context, path, maskPath string, st brain.Storage) error {
	im, err := brain.Open(path)
	if err != nil {
		return err
	}
	if r.places == nil {
		p := &volumePlaces{path: path, mask: im.FullMask(), header: im.Header}
		if maskPath != "" {
			if p.mask, err = brain.LoadMask(ctx, maskPath); err != nil {
				return err
			}
		}
		r.places = p
	}
	if tr := im.Header.TR(); tr > 0 {
		r.timed = append(r.timed, timed{path, tr})
	}
	s, err := im.Series(r.places.(*volumePlaces).mask)
	if err != nil {
		return err
	}
	r.parts, r.close = append(r.parts, s), append(r.close, s.Close)
	return s.Load(ctx, st)
}

// openCifti opens a dtseries; those of all runs have the same grayordinates.
func (r *responses) openCifti(path string) error {
	c, err := brain.OpenCifti(path)
	if err != nil {
		return err
	}
	r.close = append(r.close, c.Close)
	switch {
	case r.series == "" && c.Kind != brain.DenseSeries:
		return input(path, "is a %s file, expected a dtseries: volumes in time", c.Kind)
	case r.series != "" && c.Kind != r.series:
		return input(path, "is a %s file, expected a %s", c.Kind, r.series)
	}
	if r.places == nil {
		r.places = &ciftiPlaces{path, c.CiftiHeader}
	}
	if tr := c.TR(); tr > 0 {
		r.timed = append(r.timed, timed{path, tr})
	}
	first := r.places.(*ciftiPlaces)
	for v, at := range c.Match(&first.header) {
		if at != v {
			return input(path, "has other grayordinates than %s, the first that differs at %d", first.path, v)
		}
	}
	r.parts = append(r.parts, c)
	return nil
}

// openSurfaces opens the data of one hemisphere, or of two separated by a comma.
func (r *responses) openSurfaces(path string, st brain.Storage) error {
	p := &surfacePlaces{}
	var sides []brain.Columns
	files := hemispheresOf(path)
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
			return input(file, "has %d volumes, %s has %d", s.Rows(), files[0], sides[0].Rows())
		}
		sides = append(sides, s)
		p.hemispheres = append(p.hemispheres, newHemisphere(file, g, s.Cols(), i, len(files)))
	}
	joined, err := brain.Join(sides...)
	if err != nil {
		return err
	}
	if r.places == nil {
		r.places = p
	} else if err := p.same(r.places.(*surfacePlaces)); err != nil {
		return err
	}
	r.parts = append(r.parts, joined)
	return nil
}

// Close closes all files.
func (r *responses) Close() error {
	var first error
	for _, f := range r.close {
		if err := f(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// borders gives the runs that the files are.
func (r *responses) borders() op.Borders {
	b := op.Borders{0}
	for _, p := range r.parts {
		b = append(b, b[len(b)-1]+p.Rows())
	}
	return b
}

// Rows is the number of rows of all files.
func (r *responses) Rows() int { b := r.borders(); return b[len(b)-1] }

// Cols is the number of voxels.
func (r *responses) Cols() int { return r.parts[0].Cols() }

// ReadFloat32 reads each file into its rows.
func (r *responses) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return eachPart(r, func(p tile.Source, row int) error { return p.ReadFloat32(ctx, lo, hi, dst[row*stride:], stride) })
}

// ReadFloat64 reads each file into its rows.
func (r *responses) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return eachPart(r, func(p tile.Source, row int) error { return p.ReadFloat64(ctx, lo, hi, dst[row*stride:], stride) })
}

func eachPart(r *responses, read func(p tile.Source, row int) error) error {
	row := 0
	for i, p := range r.parts {
		if err := read(p, row); err != nil {
			return fmt.Errorf("responses %s: %w", r.paths[i], err)
		}
		row += p.Rows()
	}
	return nil
}

// loadFeatures reads files of features into one matrix, with the rows of each.
func loadFeatures(ctx context.Context, fsys store.FS, paths []string) (ridge.Matrix, op.Borders, error) {
	var m ridge.Matrix
	borders := op.Borders{0}
	for _, path := range paths {
		a, err := openMatrix(fsys, path)
		if err != nil {
			return m, nil, err
		}
		part, err := loadMatrix(ctx, path, a)
		a.Close()
		if err != nil {
			return m, nil, err
		}
		if m.Rows > 0 && part.Cols != m.Cols {
			return m, nil, input(path, "has %d columns, %s has %d", part.Cols, paths[0], m.Cols)
		}
		m = ridge.Matrix{Rows: m.Rows + part.Rows, Cols: part.Cols, Data: append(m.Data, part.Data...)}
		borders = append(borders, m.Rows)
	}
	return m, borders, nil
}

// maxFeatures bounds the values of features, which are held in memory in float64.
const maxFeatures = 1 << 31

// loadMatrix reads one file of features and refuses what is not finite.
func loadMatrix(ctx context.Context, path string, a store.Array) (ridge.Matrix, error) {
	m := ridge.Matrix{Rows: a.Rows(), Cols: a.Cols()}
	switch {
	case m.Rows == 0 || m.Cols == 0:
		return m, input(path, "is %d x %d, expected at least one row and one column of features", m.Rows, m.Cols)
	case m.Rows > maxFeatures/m.Cols:
		return m, input(path, "is %d x %d, expected at most %d values of features", m.Rows, m.Cols, maxFeatures)
	}
	m.Data = make([]float64, m.Rows*m.Cols)
	if err := a.ReadFloat64(ctx, 0, m.Cols, m.Data, m.Cols); err != nil {
		return m, err
	}
	for i, x := range m.Data {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return m, input(path, "has %v at row %d, column %d: features must be finite", x, i/m.Cols, i%m.Cols)
		}
	}
	return m, nil
}

// runsOf turns run labels, one per row, into borders; the rows of a run are contiguous.
func runsOf(path string, labels []int64) (op.Borders, error) {
	b := op.Borders{0}
	seen := map[int64]bool{}
	for i, l := range labels {
		if i > 0 && l == labels[i-1] {
			continue
		}
		if seen[l] {
			return nil, input(path, "has run %d again at row %d: the rows of a run are contiguous", l, i)
		}
		seen[l] = true
		if i > 0 {
			b = append(b, i)
		}
	}
	return append(b, len(labels)), nil
}

// ParseAlphas reads LO:HI:N, N values evenly spaced in log10, or a list a,b,c.
func ParseAlphas(s string) ([]float64, error) {
	bad := func(why string) ([]float64, error) {
		return nil, input("", "alphas %q: %s; expected LO:HI:N or a,b,c, positive and distinct", s, why)
	}
	parts := strings.Split(s, ":")
	var alphas []float64
	switch len(parts) {
	case 1:
		for _, p := range strings.Split(s, ",") {
			x, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
			if err != nil {
				return bad(fmt.Sprintf("%q is not a number", p))
			}
			alphas = append(alphas, x)
		}
	case 3:
		lo, err1 := strconv.ParseFloat(parts[0], 64)
		hi, err2 := strconv.ParseFloat(parts[1], 64)
		n, err3 := strconv.Atoi(parts[2])
		if err1 != nil || err2 != nil || err3 != nil || n < 1 || n > 10000 {
			return bad("not two numbers and a count from 1 to 10000")
		}
		if !(lo > 0) || !(hi > 0) {
			return bad("the ends must be positive")
		}
		for i := range n {
			alphas = append(alphas, logspace(lo, hi, n, i))
		}
	default:
		return bad("wrong number of colons")
	}
	seen := map[float64]bool{}
	for _, a := range alphas {
		if !(a > 0) || math.IsInf(a, 0) {
			return bad(fmt.Sprintf("%g is not positive", a))
		}
		if seen[a] {
			return bad(fmt.Sprintf("%g is there twice", a))
		}
		seen[a] = true
	}
	return alphas, nil
}

// logspace is value i of n evenly spaced in log10 from lo to hi, both included.
func logspace(lo, hi float64, n, i int) float64 {
	switch i {
	case 0:
		return lo
	case n - 1:
		return hi
	}
	a, b := math.Log10(lo), math.Log10(hi)
	return math.Pow(10, a+(b-a)*float64(i)/float64(n-1))
}

// ParseDelays reads a list of rows, "1,2,3".
func ParseDelays(s string) ([]int, error) {
	if s == "" {
		return nil, nil
	}
	var delays []int
	seen := map[int]bool{}
	for _, p := range strings.Split(s, ",") {
		d, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || d < 0 || seen[d] {
			return nil, input("", "delays %q: %q, expected distinct whole numbers of rows from 0", s, p)
		}
		seen[d] = true
		delays = append(delays, d)
	}
	return delays, nil
}
