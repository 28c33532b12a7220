package match

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gorgonia.org/gorgonia"

	"voxen/brain"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/study/step"
)

// subjectMaps are the maps of all subjects, (atoms, voxels) each.
type subjectMaps struct {
	rows, cols int
	values     [][]float32
	mean       [][]float64 // per subject and atom, over the voxels compared
}

// read loads maps and templates and finds the voxels to compare.
func (x *matcher) read(ctx context.Context) error {
	networks, err := x.sizes(ctx)
	if err != nil {
		return err
	}
	if err := x.plan(ctx, networks); err != nil {
		return err
	}
	for s, path := range x.o.Maps {
		if err := x.readSubject(ctx, s, path); err != nil {
			return err
		}
		x.Progress(s + 1)
	}
	values, err := networks.Load(ctx, x.Env.Files())
	if err != nil {
		return err
	}
	if x.keep, err = x.common(values); err != nil {
		return err
	}
	if len(x.keep) < 2 {
		return step.BadInput(x.o.Templates, "has %d voxels in common with maps %s, expected at least 2", len(x.keep), x.o.Maps[0])
	}
	L, n := len(x.networks), len(x.keep)
	x.templates = tile.Matrix{Rows: L, Cols: n, Data: values[:L*n]}
	for b := range L {
		t := x.templates.Row(b)
		for i, v := range x.keep { // to the front, in place
			t[i] = values[b*x.maps.cols+v]
		}
		if slices.Min(t) == slices.Max(t) {
			x.Warn("%s: network %q is constant over the voxels compared; its correlation is 0", x.o.Templates, x.networks[b].Name)
		}
	}
	x.average()
	return nil
}

// sizes opens the maps of the first subject and the templates: what says how much there
// is to read.
func (x *matcher) sizes(ctx context.Context) (*brain.Templates, error) {
	r, err := x.open(ctx, x.o.Maps[0])
	if err != nil {
		return nil, err
	}
	x.places, x.maps.rows, x.maps.cols = r.Places, r.Rows(), r.Cols()
	if err := r.Close(); err != nil {
		return nil, err
	}
	if x.places.Len() != x.maps.cols {
		return nil, step.BadInput(x.o.Maps[0], "has %d columns, the mask %s has %d voxels", x.maps.cols, x.places.Path(), x.places.Len())
	}
	t, err := x.places.Templates(ctx, x.Env.Files(), x.o.Templates, x.table)
	if err != nil {
		return nil, err
	}
	x.Env.Notes(t.Notes)
	x.networks, x.labels = t.Networks, t.Labels
	return t, nil
}

// readSubject loads the maps of one subject.
func (x *matcher) readSubject(ctx context.Context, s int, path string) error {
	scratch, err := x.Job.Scratch("maps-" + strconv.Itoa(s))
	if err != nil {
		return err
	}
	r, err := x.open(ctx, path)
	if err != nil {
		return err
	}
	defer r.Close()
	err = r.Load(ctx, func(int) (brain.Storage, error) {
		return brain.Storage{Memory: x.Env.HostBudget(x.held.maps), FS: x.Env.FS, Scratch: scratch}, nil
	})
	if err != nil {
		return err
	}
	if s > 0 {
		if err := brain.SameSpace(path, x.o.Maps[0]); err != nil {
			return err
		}
		if r.Rows() != x.maps.rows || r.Cols() != x.maps.cols {
			return step.BadInput(path, "holds %d maps of %d voxels, %s holds %d of %d", r.Rows(), r.Cols(), x.o.Maps[0], x.maps.rows, x.maps.cols)
		}
	}
	values := make([]float32, r.Rows()*r.Cols())
	if err := r.ReadFloat32(ctx, 0, r.Cols(), values, r.Cols()); err != nil {
		return err
	}
	x.maps.values = append(x.maps.values, values)
	return nil
}

// open opens one file of maps. Outside their mask maps on a grid are 0.
func (x *matcher) open(ctx context.Context, path string) (*step.Responses, error) {
	r := &step.Responses{Paths: []string{path}, Places: x.places}
	var err error
	if brain.KindByName(path) != nil {
		err = r.OpenImage(ctx, x.Env, path, brain.OpenOptions{Mask: x.mask, Rows: brain.MapRows, Nonzero: true})
	} else {
		if r.Places == nil {
			r.Places, err = x.Env.Files().OnMask(ctx, x.mask)
		}
		if err == nil {
			err = r.OpenArray(x.Env.FS, path)
		}
	}
	if err != nil {
		r.Close()
	}
	return r, err
}

// common lists the voxels that are finite in every map and template and, where
// templates are turned, lie on a surface. A map or a template that is finite nowhere is
// refused: it alone would leave nothing.
func (x *matcher) common(templates []float64) ([]int, error) {
	V := x.maps.cols
	out := make([]bool, V)
	if x.null() == spinNull {
		for v, at := range x.places.(brain.SurfacePlaces).Vertices() {
			out[v] = at.Hemisphere < 0
		}
	}
	for s, subject := range x.maps.values {
		for k := range x.maps.rows {
			if !leaveOut(out, subject[k*V:(k+1)*V]) {
				return nil, step.BadInput(x.o.Maps[s], "has no finite value in the map of atom %d (counted from 0)", k)
			}
		}
	}
	for b := range x.networks {
		if !leaveOut(out, templates[b*V:(b+1)*V]) {
			return nil, step.BadInput(x.o.Templates, "has no finite value for network %q at the places of maps %s", x.networks[b].Name, x.o.Maps[0])
		}
	}
	var keep []int
	for v, bad := range out {
		if !bad {
			keep = append(keep, v)
		}
	}
	return keep, nil
}

// leaveOut marks where values are not finite, and reports whether any is.
func leaveOut[T float32 | float64](out []bool, values []T) (finite bool) {
	for v, y := range values {
		if y-y != 0 {
			out[v] = true
		} else {
			finite = true
		}
	}
	return finite
}

// average makes the group's maps, and the means that products are taken about.
func (x *matcher) average() {
	S, K, n := len(x.maps.values), x.maps.rows, len(x.keep)
	x.group = tile.Matrix{Rows: K, Cols: n, Data: make([]float64, K*n)}
	for _, values := range x.maps.values {
		mean := make([]float64, K)
		for k := range K {
			row, group := values[k*x.maps.cols:], x.group.Row(k)
			for i, v := range x.keep {
				mean[k] += float64(row[v]) / float64(n)
				group[i] += float64(row[v]) / float64(S)
			}
			if !slices.ContainsFunc(x.keep, func(v int) bool { return row[v] != row[x.keep[0]] }) {
				mean[k] = float64(row[x.keep[0]]) // without the rounding of a sum
			}
		}
		x.maps.mean = append(x.maps.mean, mean)
	}
}

// stacked is a source of all maps over the voxels compared, a subject's after the
// other's, and of the templates, each about its mean.
type stacked struct {
	x     *matcher
	cols  int
	means []float64 // of the templates
}

func (s *stacked) Rows() int { return len(s.x.o.Maps)*s.x.maps.rows + len(s.x.networks) }

func (s *stacked) Cols() int { return s.cols }

func (s *stacked) ReadFloat32(context.Context, int, int, []float32, int) error {
	return fmt.Errorf("products of maps are in float64")
}

func (s *stacked) ReadFloat64(_ context.Context, lo, hi int, dst []float64, stride int) error {
	m := &s.x.maps
	for subject, values := range m.values {
		for k := range m.rows {
			row := dst[(subject*m.rows+k)*stride:]
			for i, v := range s.x.keep[lo:hi] {
				row[i] = float64(values[k*m.cols+v]) - m.mean[subject][k]
			}
		}
	}
	for b := range s.x.templates.Rows {
		row := dst[(len(m.values)*m.rows+b)*stride:]
		for i, y := range s.x.templates.Row(b)[lo:hi] {
			row[i] = y - s.means[b]
		}
	}
	return nil
}

// products gives the sums of products over voxels of all maps and templates about
// their means, (subjects x atoms + networks) squared: correlations of any average over
// subjects, and of any sum of atoms, follow from it.
func (x *matcher) products(ctx context.Context) (tile.Matrix, error) {
	src := &stacked{x: x, cols: len(x.keep)}
	for b := range x.templates.Rows {
		t := x.templates.Row(b)
		mean := 0.0
		for _, y := range t {
			mean += y / float64(len(t))
		}
		if slices.Min(t) == slices.Max(t) {
			mean = t[0]
		}
		src.means = append(src.means, mean)
	}
	var sums gorgonia.Value
	feeds, results, tiling := src.graph(&sums)
	tiling.Progress = func(done, _ int) { x.Progress(done) }
	err := x.Compute(ctx, step.Part{What: "products of maps"}, func(ctx context.Context) error {
		tiling.Budget = x.Budget(x.held.products)
		_, err := engine.NewMachine(x.Backend).Run(ctx, feeds, results, tiling)
		return x.Env.Refuse(err)
	})
	if err != nil {
		return tile.Matrix{}, err
	}
	x.maps.values = nil // the group's are what is looked at from here on
	t, err := op.FromValue(sums)
	return tile.Matrix{Rows: src.Rows(), Cols: src.Rows(), Data: t.Data}, err
}

// graph adds up the products over panels of voxels.
func (s *stacked) graph(sums *gorgonia.Value) (engine.Feeds, engine.Results, engine.Tiling) {
	R, width := s.Rows(), ridge.Width(s.Cols())
	g := gorgonia.NewGraph()
	rows := op.Input(g, "maps and templates", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, R, width}})
	before := op.Input(g, "products of the panels before", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, R, R}})
	after := op.Must(op.MatMul{TransB: true}, rows, rows, before)
	feeds := engine.Feeds{rows: engine.Columns(s), before: engine.Carry(after, op.ToValue(op.NewTensor(op.Dims{1, 1, R, R}), op.Float64))}
	return feeds, engine.Results{after: engine.Last(sums)}, engine.Tiling{Cols: s.Cols(), Width: width, Panels: 1}
}

// networkSet is the voxels that belong to a network: those with the label, or the
// highest of a map.
func (x *matcher) networkSet(b int) []bool {
	t := x.templates.Row(b)
	if !x.labels {
		return topSet(t, 1)
	}
	set := make([]bool, len(t))
	for v, y := range t {
		set[v] = y != 0
	}
	return set
}
