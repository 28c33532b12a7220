package report

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/brain"
	"voxen/brain/plotting"
	page "voxen/report"
	"voxen/study/match"
	"voxen/study/step"
)

// cortexMaps are maps on the left and the right hemisphere.
type cortexMaps struct {
	paths    []string
	rows     int
	vertices [2]int // 0 for a hemisphere that is not there
	row      func(ctx context.Context, r int) ([2][]float64, error)
	close    func() error
}

// sides are the hemispheres as file names have them.
var sides = [2]string{"L", "R"}

// openCortex opens what a step wrote on surfaces: NAME.dscalar.nii, or
// NAME_hemi-L.func.gii and NAME_hemi-R.func.gii; nil if there is neither.
func (b *reporter) openCortex(dir, name string) (*cortexMaps, error) {
	if path := filepath.Join(dir, name+".dscalar.nii"); b.there(path) {
		return openCiftiCortex(path)
	}
	c := &cortexMaps{close: func() error { return nil }}
	var files [2]*brain.Gifti
	for i, side := range sides {
		path := filepath.Join(dir, name+"_hemi-"+side+".func.gii")
		if !b.there(path) {
			continue
		}
		g, err := brain.ReadGifti(path, step.MaxAtlas)
		if err != nil {
			return nil, err
		}
		if len(g.Arrays) == 0 || c.rows > 0 && len(g.Arrays) != c.rows {
			return nil, step.BadInput(path, "has %d maps, expected %d as in the other hemisphere", len(g.Arrays), c.rows)
		}
		c.paths, files[i], c.rows, c.vertices[i] = append(c.paths, path), g, len(g.Arrays), g.Arrays[0].Len()
	}
	if c.rows == 0 {
		return nil, nil
	}
	c.row = func(_ context.Context, r int) (values [2][]float64, err error) {
		for i, g := range files {
			if g != nil {
				values[i] = g.Arrays[r].Float64s()
			}
		}
		return values, nil
	}
	return c, nil
}

// openCiftiCortex opens the cortex of a dscalar; grayordinates in voxels are left out.
func openCiftiCortex(path string) (*cortexMaps, error) {
	f, err := brain.OpenCifti(path)
	if err != nil {
		return nil, err
	}
	c := &cortexMaps{paths: []string{path}, rows: f.Rows(), close: f.Close}
	at := cortexOf(&f.CiftiHeader)
	for i, s := range at {
		c.vertices[i] = s.vertices
	}
	c.row = func(ctx context.Context, r int) (values [2][]float64, err error) {
		all, err := f.Map(ctx, r)
		if err != nil {
			return values, err
		}
		for i, s := range at {
			values[i] = s.spread(all)
		}
		return values, nil
	}
	return c, nil
}

// cortexPlaces says where the grayordinates of a hemisphere lie.
type cortexPlaces struct {
	vertices int // of the whole surface; 0 if the hemisphere is not there
	from     int // its first grayordinate
	at       []int32
}

// cortexOf finds the hemispheres of a CIFTI file.
func cortexOf(h *brain.CiftiHeader) (out [2]cortexPlaces) {
	offset := 0
	for i := range h.Models {
		m := &h.Models[i]
		for k, name := range match.Cortices {
			if m.Structure == name && m.SurfaceVertices > 0 {
				out[k] = cortexPlaces{m.SurfaceVertices, offset, m.Vertices}
			}
		}
		offset += m.Len()
	}
	return out
}

// spread puts values of grayordinates on the vertices, NaN where there is none; nil
// without the hemisphere.
func (p cortexPlaces) spread(all []float64) []float64 {
	if p.vertices == 0 {
		return nil
	}
	values := slices.Repeat([]float64{math.NaN()}, p.vertices)
	for i, v := range p.at {
		values[v] = all[p.from+i]
	}
	return values
}

// mesh is the surface of a hemisphere that maps are drawn on.
type mesh struct {
	path      string
	points    [][3]float64
	triangles [][3]int
}

// readSurfaces loads the surfaces that were given, the left and the right by their
// names or what they hold.
func (b *reporter) readSurfaces() error {
	var files []string
	for _, s := range b.o.Surfaces {
		files = append(files, step.HemispheresOf(s)...)
	}
	for n, path := range files {
		g, err := brain.ReadGifti(path, step.MaxAtlas)
		if err != nil {
			return err
		}
		m := &mesh{path: path}
		if m.points, m.triangles, err = g.Surface(); err != nil {
			return err
		}
		side := strings.TrimPrefix(step.NewHemisphere(path, g, len(m.points), n, len(files)).Mark, "_hemi-")
		i := slices.Index(sides[:], side)
		switch {
		case i < 0 && len(files) == 2:
			i = n
		case i < 0:
			return step.BadInput(path, "does not say which hemisphere it is: expected hemi-L or hemi-R in its name, or both, left then right")
		}
		if b.meshes[i] != nil {
			return step.BadInput(path, "is of the same hemisphere as %s", b.meshes[i].path)
		}
		b.meshes[i] = m
		b.inputs = append(b.inputs, step.File{Role: "--surface", Path: path})
	}
	return nil
}

// isSphere reports whether all points are at one distance from their middle.
func (m *mesh) isSphere() bool {
	least, most := math.Inf(1), 0.0
	for _, p := range m.points {
		r := math.Sqrt(p[0]*p[0] + p[1]*p[1] + p[2]*p[2])
		least, most = min(least, r), max(most, r)
	}
	return most-least < 0.02*most
}

// fits refuses surfaces of another mesh than the maps'.
func (b *reporter) fits(c *cortexMaps) error {
	for i, n := range c.vertices {
		if m := b.meshes[i]; m != nil && n > 0 && len(m.points) != n {
			return step.BadInput(m.path, "has %d vertices, but the maps %s have %d: give the surface of the maps' space", len(m.points), c.paths[min(i, len(c.paths)-1)], n)
		}
	}
	return nil
}

// drawable reports whether a surface is given for a hemisphere of the maps.
func (b *reporter) drawable(c *cortexMaps) bool {
	return b.meshes[0] != nil && c.vertices[0] > 0 || b.meshes[1] != nil && c.vertices[1] > 0
}

// onWhat ends a caption with what the maps are drawn on.
func (b *reporter) onWhat() string {
	for _, m := range b.meshes {
		if m != nil && m.isSphere() {
			return " Drawn on the sphere of " + filepath.Base(m.path) + ", since no folded or inflated surface was given."
		}
	}
	return ""
}

// cortex draws a map, or labels, on the surfaces.
func (b *reporter) cortex(values [2][]float64, labels brain.LabelTable, title, label, caption string) (page.Block, error) {
	f := plotting.SurfaceFigure{Title: title, Label: label, Labels: labels}
	for i, dst := range []**plotting.Cortex{&f.Left, &f.Right} {
		if m := b.meshes[i]; m != nil && values[i] != nil {
			*dst = &plotting.Cortex{Points: m.points, Triangles: m.triangles, Values: values[i]}
		}
	}
	if labels == nil {
		f.Limit = max(0, step.Quantile(finite(absolute(slices.Concat(values[0], values[1]))), 0.998))
		f.Threshold = f.Limit / 20
	}
	img, err := plotting.Surfaces(f)
	if err != nil {
		return nil, err
	}
	return page.Picture(img, caption+b.onWhat(), caption)
}

// cortexBlocks are the pictures of a model's maps on surfaces.
func (b *reporter) cortexBlocks(ctx context.Context, m Model, s *page.Section) error {
	scores, n, err := b.meanCortex(ctx, m)
	if err != nil {
		return err
	}
	if scores == nil {
		return nil
	}
	if scores.undrawn {
		s.Add(b.lack("%s: its maps are on surfaces of which none is given to draw them on (--surface, in a study report.surfaces): they are not drawn.", m.Name))
		return nil
	}
	score := option(b.of(m.Name+": encode "+m.Subjects[0]), "--score", "score")
	f, err := b.cortex(scores.values, nil, fmt.Sprintf("%s: held-out %s", m.Name, score), score, fmt.Sprintf("%s: held-out %s, mean over %d %s.", m.Name, score, n, plural(n, "subject")))
	if err != nil {
		return err
	}
	s.Add(f)
	b.show(m.Name+": held-out "+score, nil, [][2][]float64{scores.values})
	if err := b.networksOnCortex(ctx, m, s); err != nil {
		return err
	}
	if m.Group == "" {
		return nil
	}
	t, err := b.openCortex(m.Group, "t")
	if t == nil || err != nil {
		return err
	}
	defer t.close()
	if err := b.fits(t); err != nil {
		return err
	}
	values, err := t.row(ctx, 0)
	if err != nil {
		return err
	}
	if f, err = b.cortex(values, nil, m.Name+": t over subjects", "t", m.Name+": Student's t of the mean over subjects."); err != nil {
		return err
	}
	s.Add(page.Details{Summary: m.Name + ": t over subjects", Blocks: []page.Block{f}})
	b.show(m.Name+": t over subjects", nil, [][2][]float64{values})
	return nil
}

// meanOnCortex is a mean over subjects; undrawn says that no surface fits.
type meanOnCortex struct {
	values  [2][]float64
	undrawn bool
}

// meanCortex averages the scores of a model's subjects that are on surfaces,
// without what is not finite; nil if there are none.
func (b *reporter) meanCortex(ctx context.Context, m Model) (*meanOnCortex, int, error) {
	var mean *meanOnCortex
	var sum [2]placewise
	n := 0
	for _, dir := range m.Encode {
		c, err := b.openCortex(dir, "cv_score")
		if err != nil {
			return nil, 0, err
		}
		if c == nil {
			continue
		}
		values, err := c.row(ctx, 0)
		if err := errors.Join(err, c.close()); err != nil {
			return nil, 0, err
		}
		if err := b.fits(c); err != nil {
			return nil, 0, err
		}
		if mean == nil {
			mean = &meanOnCortex{undrawn: !b.drawable(c)}
		}
		n++
		for i, side := range values {
			if side == nil && sum[i].sum == nil {
				continue
			}
			if sum[i].sum != nil && len(side) != len(sum[i].sum) {
				return nil, 0, step.BadInput(c.paths[0], "has %d vertices of hemisphere %s, expected %d as the other subjects", len(side), sides[i], len(sum[i].sum))
			}
			sum[i].add(side, nil)
		}
	}
	if mean == nil {
		return nil, 0, nil
	}
	for i := range sum {
		if sum[i].sum != nil { // nil where no subject has the hemisphere
			mean.values[i] = sum[i].mean()
		}
	}
	return mean, n, nil
}

// networksOnCortex draws for each network the map of its best atom.
func (b *reporter) networksOnCortex(ctx context.Context, m Model, s *page.Section) error {
	matches, err := b.matches(m)
	if matches == nil || err != nil {
		return err
	}
	c, err := b.openCortex(m.Match, "group_maps")
	if c == nil || err != nil {
		return err
	}
	defer c.close()
	if err := b.fits(c); err != nil {
		return err
	}
	var names []string
	var maps [][2][]float64
	var figures []page.Block
	for place, network := range matches.networks {
		best := matches.best(place)
		if best < 0 {
			continue
		}
		if best >= c.rows {
			return step.BadInput(c.paths[0], "has %d maps, but matches.tsv names atom %d", c.rows, best)
		}
		values, err := c.row(ctx, best)
		if err != nil {
			return err
		}
		f, err := b.cortex(values, nil, fmt.Sprintf("%s: atom %d, %s", m.Name, best, network), "weight", bestCaption(m, matches, best, network))
		if err != nil {
			return err
		}
		names, maps, figures = append(names, fmt.Sprintf("%s (atom %d)", network, best)), append(maps, values), append(figures, f)
	}
	if len(figures) == 0 {
		return nil
	}
	addNetworks(s, m, figures)
	b.show(m.Name+": best atom of each network", names, maps)
	return nil
}

// templatesOnCortex draws labels of surfaces.
func (b *reporter) templatesOnCortex(ctx context.Context, s *page.Section) error {
	if b.o.Templates == "" || b.meshes == [2]*mesh{} || step.ImageKind(step.HemispheresOf(b.o.Templates)[0]) == "volume" {
		return nil
	}
	values, labels, err := labelsOnCortex(ctx, b.o.Templates)
	if labels == nil || err != nil {
		return err // maps, not labels: said by the caller
	}
	for i, m := range b.meshes {
		if m != nil && values[i] != nil && len(values[i]) != len(m.points) {
			return step.BadInput(m.path, "has %d vertices, but the templates %s have %d", len(m.points), b.o.Templates, len(values[i]))
		}
	}
	f, err := b.cortex(values, labels, "Network templates", "", "The functional networks that atoms are compared with.")
	if err != nil {
		return err
	}
	b.drawnTemplates = true
	s.Add(f)
	return nil
}

// labelsOnCortex reads a dlabel, or a .label.gii per hemisphere; a nil table if the
// file has none.
func labelsOnCortex(ctx context.Context, path string) (values [2][]float64, table brain.LabelTable, err error) {
	if step.ImageKind(path) == "cifti" {
		c, err := brain.OpenCifti(path)
		if err != nil {
			return values, nil, err
		}
		defer c.Close()
		if c.Kind != brain.DenseLabel {
			return values, nil, nil
		}
		all, err := c.Map(ctx, 0)
		if err != nil {
			return values, nil, err
		}
		for i, p := range cortexOf(&c.CiftiHeader) {
			values[i] = p.spread(all)
		}
		return values, c.Maps[0].Labels, nil
	}
	files := step.HemispheresOf(path)
	for n, f := range files {
		g, err := brain.ReadGifti(f, step.MaxAtlas)
		if err != nil {
			return values, nil, err
		}
		a := g.Find(brain.IntentLabel)
		if a == nil {
			return values, nil, nil
		}
		i := slices.Index(sides[:], step.SideOf(f))
		if i < 0 {
			i = min(n, 1)
		}
		values[i] = a.Float64s()
		for _, l := range g.Labels {
			if _, ok := table.Find(l.Key); !ok {
				table = append(table, l)
			}
		}
	}
	return values, table, nil
}

// show keeps maps for the viewer.
func (b *reporter) show(name string, frames []string, maps [][2][]float64) {
	b.shown = append(b.shown, page.NewSurfaceMap(name, frames, maps))
}

// largestMesh bounds the vertices of a hemisphere in the viewer, whose triangles are
// embedded: fsaverage6 and fsLR 32k are within it, fsaverage's 163,842 are not.
const largestMesh = 60000

// surfaceViewer adds the viewer of surfaces, if there is something to show.
func (b *reporter) surfaceViewer(s *page.Section) error {
	if len(b.shown) == 0 {
		return nil
	}
	v := page.SurfaceViewer{ID: "surface-viewer", Caption: "Drag to turn the brain; the slider hides what is nearer to 0." + b.onWhat(), Maps: b.shown}
	for i, m := range b.meshes {
		if m == nil {
			continue
		}
		if len(m.points) > largestMesh {
			s.Add(b.lack("The surface %s has %d vertices, more than the %d that are embedded: the interactive viewer is left out, the pictures above show the same maps.", filepath.Base(m.path), len(m.points), largestMesh))
			return nil
		}
		if err := v.SetMesh(i, m.points, m.triangles); err != nil {
			return step.BadInput(m.path, "%v", err)
		}
	}
	s.Add(page.Heading("Interactive viewer of surfaces"), v)
	return nil
}
