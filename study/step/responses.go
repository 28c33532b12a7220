package step

import (
	"context"
	"fmt"
	"math"
	"slices"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/store"
)

// Responses are the voxels of one or more files, rows one after the other.
type Responses struct {
	Parts   []tile.Source
	Paths   []string
	Places  brain.Places // of images; nil for arrays
	Regions *RegionMeans // of an atlas; nil without one
	Closers []func() error
	timed   []timed
	runs    op.Borders
	whole   op.Borders // rows of each file before they were trimmed
	trimmed []Kept     // rows that are left of each file; nil: all
	loads   []load     // that make reading blocks of columns cheap; done by Load
}

// load makes reading blocks of the columns of a file cheap, within what memory there is.
type load func(ctx context.Context, st brain.Storage) error

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

// OpenResponses opens files of responses or maps, all arrays or all images of one
// kind. With first, not nil, they lie where those do: on the same grid, grayordinates
// or vertices. Their values are read after Load.
func OpenResponses(ctx context.Context, e *Env, paths []string, o brain.OpenOptions, first *Responses) (*Responses, error) {
	r := &Responses{Paths: paths}
	if first == nil {
		first = r
	}
	r.Places = first.Places
	for i, path := range paths {
		var err error
		switch kind := brain.KindByName(path); {
		case kind != brain.KindByName(first.Paths[0]):
			err = BadInput(path, "is not of the kind of %s: give files of one kind", first.Paths[0])
		case o.Mask != "" && kind == nil:
			err = BadInput(o.Mask, "is a mask, but responses %s are an array without a grid", path)
		case kind == nil:
			err = r.OpenArray(e.FS, path)
			if store.IsInput(err) && !store.HasArrayEnding(path) && Exists(e.FS, path) {
				err = BadInput("", "%v; or an image: %s", err, brain.KnownEndings())
			}
		default:
			err = r.OpenImage(ctx, e, path, o)
		}
		if err != nil {
			r.Close()
			return nil, err
		}
		// regions are columns of their own, and lie in places that were compared
		if v := r.Parts[i].Cols(); first.Regions == nil && v != first.Parts[0].Cols() {
			hint := ""
			if n := r.Parts[i].Rows(); brain.KindByName(path) == nil && (n == first.Parts[0].Cols() || n == first.Parts[0].Rows() && n > v) {
				hint = TurnedHint
			}
			r.Close()
			return nil, BadInput(path, "has %d voxels, %s has %d%s", v, first.Paths[0], first.Parts[0].Cols(), hint)
		}
	}
	if r.Cols() == 0 {
		r.Close()
		return nil, BadInput(paths[0], "has no voxels")
	}
	return r, nil
}

// OpenImage opens an image at the places of those before it.
func (r *Responses) OpenImage(ctx context.Context, e *Env, path string, o brain.OpenOptions) error {
	files := e.Files()
	o.Like = r.Places
	im, err := files.Open(ctx, path, o)
	if err != nil {
		return err
	}
	r.Parts, r.Closers, r.Places = append(r.Parts, im), append(r.Closers, im.Close), im.Places()
	if tr := im.TR(); tr > 0 {
		r.timed = append(r.timed, timed{path, tr})
	}
	r.loads = append(r.loads, im.Load)
	return nil
}

// Load makes reading blocks of columns cheap: what has to be unpacked is, once, within the
// memory or to the scratch file that storage gives the i-th file.
func (r *Responses) Load(ctx context.Context, storage func(i int) (brain.Storage, error)) error {
	for i, load := range r.loads {
		st, err := storage(i)
		if err != nil {
			return err
		}
		if err := load(ctx, st); err != nil {
			return err
		}
	}
	r.loads = nil
	return nil
}

// OpenArray opens an array.
func (r *Responses) OpenArray(fsys store.FS, path string) error {
	a, err := OpenMatrix(fsys, path)
	if err != nil {
		return err
	}
	r.add(a)
	return nil
}

// add appends an array.
func (r *Responses) add(a store.Array) {
	r.Parts, r.Closers = append(r.Parts, a), append(r.Closers, a.Close)
	if u, ok := a.(store.Unpacker); ok && u.UnpackedBytes() > 0 {
		r.loads = append(r.loads, u.Unpack)
	}
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

// Wide reports whether a file has values that may need more digits than a float32
// has; means of regions always may.
func (r *Responses) Wide() bool { return r.Regions != nil || slices.ContainsFunc(r.Parts, tile.IsWide) }

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

// ResponseFiles are the files of a step's responses, and where their voxels are.
type ResponseFiles struct {
	Paths       []string
	Mask, Atlas string // "": none
	Name        string // of the scratch files of what has to be unpacked
	Runs        string // labels of the runs that are trimmed, as RunsOf reads them
	Trim        Ends
	// Repeats says that one file holds all repeats of a stimulus, (repeats, time, voxels).
	Repeats bool
}

// open opens the files, or the one of all repeats.
func (f ResponseFiles) open(ctx context.Context, e *Env, first *Responses) (*Responses, error) {
	if !f.Repeats || len(f.Paths) != 1 {
		return OpenResponses(ctx, e, f.Paths, brain.OpenOptions{Mask: f.Mask, Rows: brain.TimeRows}, first)
	}
	path := f.Paths[0]
	switch {
	case brain.KindByName(path) != nil:
		return nil, BadInput(path, "is one image, expected one of each repeat")
	case f.Runs != "":
		return nil, BadInput(f.Runs, "is given, but repeats are runs already")
	case f.Mask != "":
		return nil, BadInput(f.Mask, "is a mask, but responses %s are an array without a grid", path)
	}
	r, err := openRepeats(e, path)
	if err != nil {
		return nil, err
	}
	switch n, v := len(r.Parts), r.Cols(); {
	case n < 2:
		err = BadInput(path, "has %d repeat, expected at least two", n)
	case v == 0:
		err = BadInput(path, "has no voxels")
	case first != nil && v != first.Parts[0].Cols():
		err = BadInput(path, "has %d voxels in each of %d repeats, %s has %d: expected (repeats, time, voxels)", v, n, first.Paths[0], first.Parts[0].Cols())
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// openRepeats opens the parts of an array (repeats, time, voxels).
func openRepeats(e *Env, path string) (*Responses, error) {
	parts, err := store.OpenParts(e.FS, path)
	if store.IsInput(err) {
		return nil, BadInput("", "%v; of --test-repeats expected one array (repeats, time, voxels), or a file of each", err)
	}
	if err != nil {
		return nil, err
	}
	r := &Responses{}
	for _, a := range parts {
		r.add(a)
		r.Paths = append(r.Paths, a.Name())
	}
	return r, nil
}

// OpenResponses opens responses. With first, not nil, they lie where those do, and their
// regions are those of first. They are loaded when memory is planned (PlanMemory), but for
// those that an atlas averages.
func (r *Run) OpenResponses(ctx context.Context, f ResponseFiles, first *Responses) (*Responses, error) {
	y, err := f.open(ctx, r.Env, first)
	if err != nil {
		return nil, err
	}
	r.Unloaded(y, f.Name)
	if err := r.prepare(ctx, y, f, first); err != nil {
		y.Close()
		return nil, err
	}
	return y, nil
}

// prepare trims responses, and averages them where there is an atlas.
func (r *Run) prepare(ctx context.Context, y *Responses, f ResponseFiles, first *Responses) error {
	if err := y.TrimRuns(ctx, r.Env, f.Runs, f.Trim); err != nil || f.Atlas == "" {
		return err
	}
	if err := r.LoadAll(ctx, r.Env.HostBudget(0)); err != nil {
		return err
	}
	var training *RegionMeans
	if first != nil {
		training = first.Regions
	}
	return y.Average(ctx, r.Env, f.Atlas, training)
}

// Unloaded notes responses that PlanMemory is to load; name is what their scratch files
// are called.
func (r *Run) Unloaded(y *Responses, name string) {
	r.unloaded = append(r.unloaded, unloaded{y, name})
}

// unloaded are responses with the name of their scratch files.
type unloaded struct {
	*Responses
	name string
}

// LoadAll loads what is open and not yet loaded. A file may take half of what is left of
// the memory: the rest is for those after it, and for tiles.
func (r *Run) LoadAll(ctx context.Context, memory int64) error {
	for _, y := range r.unloaded {
		err := y.Load(ctx, func(i int) (brain.Storage, error) {
			scratch, err := r.Job.Scratch(fmt.Sprintf("%s-%d", y.name, i))
			memory /= 2
			return brain.Storage{Memory: memory, Scratch: scratch, FS: r.Env.FS, Took: func(n int64) { r.Env.rest += n }}, err
		})
		if err != nil {
			return err
		}
	}
	r.unloaded = nil
	return nil
}
