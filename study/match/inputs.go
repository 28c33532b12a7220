package match

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gorgonia.org/gorgonia"

	"voxen/brain"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/spatial"
	"voxen/engine/tile"
	"voxen/study/step"
)

// subjectMaps are the maps of all subjects, (atoms, voxels) each.
type subjectMaps struct {
	rows, cols int
	values     [][]float32
	mean       [][]float64 // per subject and atom, over the voxels compared
}

// tileOf makes a source of values in memory.
func tileOf(rows, cols int, values []float64) (*tile.Array[float64], error) {
	return tile.Of(rows, cols, values)
}

// read loads maps and templates and finds the voxels to compare.
func (x *matcher) read(ctx context.Context) error {
	for s, path := range x.o.Maps {
		if err := x.readSubject(ctx, s, path); err != nil {
			return err
		}
		x.Env.Report.Progress(s + 1)
	}
	values, err := x.readTemplates(ctx)
	if err != nil {
		return err
	}
	x.keep = x.common(values)
	if len(x.keep) < 2 {
		return step.BadInput(x.o.Templates, "has %d voxels in common with maps %s, expected at least 2", len(x.keep), x.o.Maps[0])
	}
	L, n := len(x.networks), len(x.keep)
	x.templates = spatial.Matrix{Rows: L, Cols: n, Data: make([]float64, L*n)}
	for b := range L {
		t := x.templates.Row(b)
		for i, v := range x.keep {
			t[i] = values[b][v]
		}
		if slices.Min(t) == slices.Max(t) {
			x.Env.Warn("%s: network %q is constant over the voxels compared; its correlation is 0", x.o.Templates, x.networks[b].Name)
		}
	}
	x.average()
	return nil
}

// readSubject loads the maps of one subject.
func (x *matcher) readSubject(ctx context.Context, s int, path string) error {
	budget, err := x.Env.Budget(x.Backend, 0)
	if err != nil {
		return err
	}
	if budget == 0 {
		budget = 1 << 40
	}
	r := &step.Responses{Paths: []string{path}, Places: x.places}
	defer r.Close()
	if err := x.open(ctx, r, path, brain.Storage{Memory: budget}); err != nil {
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
	x.places, x.maps.rows, x.maps.cols = r.Places, r.Rows(), r.Cols()
	if v, ok := x.places.(*step.VolumePlaces); ok && v.Mask.Len() != r.Cols() {
		return step.BadInput(path, "has %d columns, the mask %s has %d voxels", r.Cols(), x.o.Mask, v.Mask.Len())
	}
	if need := 4 * int64(r.Rows()) * int64(r.Cols()); need > budget {
		return x.Env.TooSmall(x.Env.Memory, x.Env.Memory-budget+need)
	}
	values := make([]float32, r.Rows()*r.Cols())
	if err := r.ReadFloat32(ctx, 0, r.Cols(), values, r.Cols()); err != nil {
		return err
	}
	x.maps.values = append(x.maps.values, values)
	return nil
}

// open opens one file of maps.
func (x *matcher) open(ctx context.Context, r *step.Responses, path string, st brain.Storage) error {
	switch step.ImageKind(path) {
	case "volume":
		if x.o.Mask == "" && r.Places == nil {
			mask, header, err := nonzeroMask(ctx, path)
			if err != nil {
				return err
			}
			r.Places = &step.VolumePlaces{Path: path, Mask: mask, Header: header}
		}
		return r.OpenVolume(ctx, path, x.o.Mask, st)
	case "cifti":
		r.Kind = brain.DenseSeries
		if strings.HasSuffix(path, ".dscalar.nii") {
			r.Kind = brain.DenseScalar
		}
		return r.OpenCifti(path)
	case "surface":
		return r.OpenSurfaces(path, st)
	}
	if r.Places == nil {
		mask, err := brain.LoadMask(ctx, x.o.Mask)
		if err != nil {
			return err
		}
		r.Places = &step.VolumePlaces{Path: x.o.Mask, Mask: mask, Header: mask.Header}
	}
	return r.OpenArray(x.Env.FS, path)
}

// nonzeroMask takes the voxels at which at least one volume of an image is neither
// 0 nor NaN: outside their mask maps are 0.
func nonzeroMask(ctx context.Context, path string) (*brain.Mask, *brain.Header, error) {
	im, err := brain.Open(path)
	if err != nil {
		return nil, nil, err
	}
	any := make([]float64, im.Grid.Voxels())
	err = im.EachVolume(ctx, func(_ int, volume []float64) error {
		for v, y := range volume {
			if y != 0 && !math.IsNaN(y) {
				any[v] = 1
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	mask, err := brain.NewMask(im.Header, &brain.Volume{Grid: im.Grid, Values: any})
	if err != nil {
		return nil, nil, step.BadInput(path, "%v", err)
	}
	return mask, im.Header, nil
}

// readTemplates gives each network's values at the places of the maps, NaN where the
// templates do not reach.
func (x *matcher) readTemplates(ctx context.Context) ([][]float64, error) {
	path := x.o.Templates
	if v, ok := x.places.(*step.VolumePlaces); ok {
		if step.ImageKind(path) != "volume" {
			return nil, step.BadInput(path, "is not in a volume, as the maps are: expected .nii or .nii.gz")
		}
		for _, p := range []string{v.Path, v.Mask.Path} {
			if err := brain.SameSpace(path, p); err != nil {
				return nil, err
			}
		}
		return x.volumeTemplates(ctx, v.Mask)
	}
	if kind := step.ImageKind(path); kind != step.ImageKind(x.o.Maps[0]) {
		return nil, step.BadInput(path, "is not of the sort of maps %s: expected templates of %s", x.o.Maps[0], x.places.Kind())
	}
	if err := brain.SameSpace(step.HemispheresOf(path)[0], step.HemispheresOf(x.o.Maps[0])[0]); err != nil {
		return nil, err
	}
	if c, ok := x.places.(*step.CiftiPlaces); ok {
		return x.denseTemplates(ctx, c)
	}
	return x.surfaceTemplates(ctx, x.places.(*step.SurfacePlaces))
}

// surfaceTemplates reads a file per hemisphere: labels, or a map per network. The same
// name on both sides is one network.
func (x *matcher) surfaceTemplates(ctx context.Context, p *step.SurfacePlaces) ([][]float64, error) {
	files, err := p.Files(x.o.Templates, "templates", ".label.gii or .shape.gii")
	if err != nil {
		return nil, err
	}
	total := 0
	for _, h := range p.Hemispheres {
		total += h.Vertices
	}
	var out [][]float64
	at := 0
	for i, file := range files {
		h := p.Hemispheres[i]
		g, err := h.Open(file)
		if err != nil {
			return nil, err
		}
		names, values, err := x.hemisphereTemplates(ctx, &h, g)
		if err != nil {
			return nil, err
		}
		for b, l := range names {
			place := slices.IndexFunc(x.networks, func(n brain.Label) bool { return n.Name == l.Name })
			if place < 0 {
				if !x.labels && i > 0 {
					return nil, step.BadInput(file, "has the map %q, which %s does not have", l.Name, files[0])
				}
				place = len(x.networks)
				x.networks, out = append(x.networks, l), append(out, make([]float64, total))
			}
			copy(out[place][at:], values[b])
		}
		if !x.labels && len(names) != len(x.networks) {
			return nil, step.BadInput(file, "has %d maps, %s has %d", len(names), files[0], len(x.networks))
		}
		at += h.Vertices
	}
	if len(x.networks) == 0 {
		return nil, step.BadInput(files[0], "has no label but 0, expected one for each network")
	}
	return out, nil
}

// hemisphereTemplates gives the networks of one hemisphere's file with their values.
func (x *matcher) hemisphereTemplates(ctx context.Context, h *step.Hemisphere, g *brain.Gifti) (brain.LabelTable, [][]float64, error) {
	labels := g.Find(brain.IntentLabel) != nil
	if len(x.networks) > 0 && labels != x.labels {
		return nil, nil, step.BadInput(g.Path, "is not of the sort of the other hemisphere: expected labels of both, or maps")
	}
	if x.labels = labels; labels {
		label, table, err := h.Labels(g)
		return table, indicators(label, len(table)), err
	}
	s, err := g.Series()
	if err != nil {
		return nil, nil, err
	}
	if s.Cols() != h.Vertices {
		return nil, nil, step.BadInput(g.Path, "has maps of %d vertices, %s has %d", s.Cols(), h.Path, h.Vertices)
	}
	var table brain.LabelTable
	all, values := make([]float64, s.Rows()*s.Cols()), [][]float64{}
	if err := s.ReadFloat64(ctx, 0, s.Cols(), all, s.Cols()); err != nil {
		return nil, nil, err
	}
	for r := range s.Rows() {
		l := mapLabel(r, g.Arrays[r].Meta["Name"])
		if slices.ContainsFunc(table, func(other brain.Label) bool { return other.Name == l.Name }) {
			return nil, nil, step.BadInput(g.Path, "has two maps that are called %q", l.Name)
		}
		table, values = append(table, l), append(values, all[r*s.Cols():(r+1)*s.Cols()])
	}
	return table, values, nil
}

// mapLabel names a template that is a map: by its number if it has no name.
func mapLabel(r int, name string) brain.Label {
	if name == "" {
		name = strconv.Itoa(r + 1)
	}
	return brain.Label{Key: r + 1, Name: name, Color: [4]uint8{128, 128, 128, 255}}
}

// indicators turns a label per place (-1: none) into a map of 0 and 1 per label.
func indicators(label []int, n int) [][]float64 {
	out := make([][]float64, n)
	for b := range out {
		out[b] = make([]float64, len(label))
	}
	for v, b := range label {
		if b >= 0 {
			out[b][v] = 1
		}
	}
	return out
}

// volumeTemplates reads labels, from the nearest voxel, or maps, between voxels.
func (x *matcher) volumeTemplates(ctx context.Context, mask *brain.Mask) ([][]float64, error) {
	path := x.o.Templates
	im, err := brain.Open(path)
	if err != nil {
		return nil, err
	}
	if im.Header.Volumes() > 1 {
		return x.mapTemplates(ctx, im, mask)
	}
	atlas, err := brain.LoadAtlas(ctx, path, x.o.Table)
	if err != nil {
		return nil, err
	}
	at, err := atlas.Volume.AtMask(mask, brain.Nearest, math.NaN())
	if err != nil {
		return nil, step.BadInput(path, "%v", err)
	}
	x.networks, x.labels = atlas.Labels, true
	label := make([]int, len(at))
	for v, y := range at {
		label[v] = slices.IndexFunc(atlas.Labels, func(l brain.Label) bool { return float64(l.Key) == y })
	}
	out := indicators(label, len(atlas.Labels))
	for v, y := range at {
		if math.IsNaN(y) {
			out[0][v] = y
		}
	}
	return out, nil
}

// mapTemplates reads a network per volume.
func (x *matcher) mapTemplates(ctx context.Context, im *brain.Nifti, mask *brain.Mask) ([][]float64, error) {
	var names brain.LabelTable
	if x.o.Table != "" {
		var err error
		if names, err = brain.ReadLabelTable(x.o.Table); err != nil {
			return nil, err
		}
	}
	var out [][]float64
	err := im.EachVolume(ctx, func(t int, values []float64) error {
		v := &brain.Volume{Grid: im.Grid, Values: values}
		at, err := v.AtMask(mask, brain.Trilinear, math.NaN())
		if err != nil {
			return step.BadInput(im.Path, "%v", err)
		}
		label, ok := names.Find(t + 1)
		if !ok {
			label = mapLabel(t, "")
		}
		x.networks = append(x.networks, label)
		out = append(out, at)
		return nil
	})
	return out, err
}

// denseTemplates reads the labels of a dlabel or the maps of a dscalar.
func (x *matcher) denseTemplates(ctx context.Context, places *step.CiftiPlaces) ([][]float64, error) {
	path := x.o.Templates
	c, err := brain.OpenCifti(path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	at := places.Header.Match(&c.CiftiHeader)
	if !slices.ContainsFunc(at, func(from int) bool { return from >= 0 }) {
		return nil, step.BadInput(path, "has no grayordinate of maps %s: its structures are %s", x.o.Maps[0], structures(&c.CiftiHeader))
	}
	var out [][]float64
	if c.Kind == brain.DenseLabel {
		labels, table, err := c.CiftiLabels(ctx, 0)
		if err != nil {
			return nil, err
		}
		x.networks, x.labels = table, true
		out = indicators(labels, len(table))
	} else {
		for r := range c.Rows() {
			m, err := c.Map(ctx, r)
			if err != nil {
				return nil, err
			}
			name := ""
			if r < len(c.Maps) {
				name = c.Maps[r].Name
			}
			x.networks = append(x.networks, mapLabel(r, name))
			out = append(out, m)
		}
	}
	for b, m := range out {
		moved := make([]float64, len(at))
		for v, from := range at {
			moved[v] = math.NaN()
			if from >= 0 {
				moved[v] = m[from]
			}
		}
		out[b] = moved
	}
	return out, nil
}

// structures lists the structures of a CIFTI file with the size of their surfaces.
func structures(h *brain.CiftiHeader) string {
	var text []string
	for _, m := range h.Models {
		s := m.Structure
		if m.SurfaceVertices > 0 {
			s += fmt.Sprintf(" (%d vertices)", m.SurfaceVertices)
		}
		text = append(text, s)
	}
	return strings.Join(text, ", ")
}

// common lists the voxels that are finite in every map and template and, where
// templates are turned, lie on a surface.
func (x *matcher) common(templates [][]float64) []int {
	V := x.maps.cols
	out := make([]bool, V)
	if x.null() == spinNull {
		for v, at := range verticesOf(x.places) {
			out[v] = at.Hemisphere < 0
		}
	}
	for _, subject := range x.maps.values {
		for i, y := range subject {
			if y-y != 0 {
				out[i%V] = true
			}
		}
	}
	for _, t := range templates {
		for v, y := range t {
			if y-y != 0 {
				out[v] = true
			}
		}
	}
	var keep []int
	for v, bad := range out {
		if !bad {
			keep = append(keep, v)
		}
	}
	return keep
}

// average makes the group's maps, and the means that products are taken about.
func (x *matcher) average() {
	S, K, n := len(x.maps.values), x.maps.rows, len(x.keep)
	x.group = spatial.Matrix{Rows: K, Cols: n, Data: make([]float64, K*n)}
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
	means []float64 // of the templates
}

func (s *stacked) Rows() int { return len(s.x.maps.values)*s.x.maps.rows + s.x.templates.Rows }

func (s *stacked) Cols() int { return len(s.x.keep) }

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
func (x *matcher) products(ctx context.Context) (spatial.Matrix, error) {
	src := &stacked{x: x}
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
	R, width := src.Rows(), ridge.Width(src.Cols())
	g := gorgonia.NewGraph()
	rows := op.Input(g, "maps and templates", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, R, width}})
	before := op.Input(g, "products of the panels before", op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, R, R}})
	after := op.Must(op.MatMul{TransB: true}, rows, rows, before)
	var sums gorgonia.Value
	err := x.Compute(ctx, step.Part{What: "products of maps"}, func(ctx context.Context) error {
		_, err := engine.NewMachine(x.Backend).Run(ctx, engine.Feeds{
			rows:   engine.Columns(src),
			before: engine.Carry(after, op.ToValue(op.NewTensor(op.Dims{1, 1, R, R}), op.Float64)),
		}, engine.Results{after: engine.Last(&sums)}, engine.Tiling{Cols: src.Cols(), Width: width, Panels: 1,
			Progress: func(done, _ int) { x.Env.Report.Progress(done) }})
		return err
	})
	if err != nil {
		return spatial.Matrix{}, err
	}
	t, err := op.FromValue(sums)
	return spatial.Matrix{Rows: R, Cols: R, Data: t.Data}, err
}

// networkSet is the voxels that belong to a network: those with the label, or the
// highest of a map.
func (x *matcher) networkSet(b int) []bool {
	t := x.templates.Row(b)
	if !x.labels {
		return topSet(t)
	}
	set := make([]bool, len(t))
	for v, y := range t {
		set[v] = y != 0
	}
	return set
}
