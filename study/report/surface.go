package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"voxen/brain"
	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/study/step"
)

// cortexMaps are maps on the left and the right hemisphere.
type cortexMaps struct {
	brain.Image
	places   brain.SurfacePlaces
	paths    []string
	vertices [2]int // 0 for a hemisphere that is not there
}

// sides are the hemispheres as file names have them.
var sides = [2]string{"L", "R"}

// openCortex opens what a step wrote on surfaces; nil if there is nothing.
func (b *reporter) openCortex(ctx context.Context, dir, name string) (*cortexMaps, error) {
	path, err := b.files.FindResult(filepath.Join(dir, name))
	if kind := brain.KindByName(path); err != nil || kind == nil || kind.Geometry() != brain.OnSurfaces {
		return nil, err
	}
	im, err := b.files.Open(ctx, path, brain.OpenOptions{})
	if err != nil {
		return nil, err
	}
	c := &cortexMaps{Image: im, places: im.Places().(brain.SurfacePlaces), paths: brain.Parts(path)}
	for _, h := range c.places.Hemispheres() {
		if i := h.Cortex(); i >= 0 {
			c.vertices[i] = h.Vertices
		}
	}
	if err := im.Load(ctx, b.storage()); err != nil {
		im.Close()
		return nil, err
	}
	return c, nil
}

// storage is the memory that the values of one image may take.
func (b *reporter) storage() brain.Storage {
	return brain.Storage{Memory: cmp.Or(b.files.Memory, 1<<40), FS: b.files.FS}
}

// row gives a map on the left and the right cortex.
func (c *cortexMaps) row(ctx context.Context, r int) (values [2][]float64, err error) {
	all, err := brain.Row(ctx, c, r)
	if err != nil {
		return values, err
	}
	return brain.OnCortex(c.places, all), nil
}

// isSphere reports whether all points are at one distance from their middle.
func isSphere(m *brain.Mesh) bool {
	least, most := math.Inf(1), 0.0
	for _, p := range m.Points {
		r := math.Sqrt(p[0]*p[0] + p[1]*p[1] + p[2]*p[2])
		least, most = min(least, r), max(most, r)
	}
	return most-least < 0.02*most
}

// fits refuses surfaces of another mesh than the maps'.
func (b *reporter) fits(c *cortexMaps) error {
	for i, n := range c.vertices {
		if m := b.meshes[i]; m != nil && n > 0 && len(m.Points) != n {
			return step.BadInput(m.Path, "has %d vertices, but the maps %s have %d: give the surface of the maps' space", len(m.Points), c.paths[min(i, len(c.paths)-1)], n)
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
		if m != nil && isSphere(m) {
			return " Drawn on the sphere of " + filepath.Base(m.Path) + ", since no folded or inflated surface was given."
		}
	}
	return ""
}

// cortex draws a map, or labels, on the surfaces.
func (b *reporter) cortex(values [2][]float64, labels brain.LabelTable, sig *significance, scale plotting.Scale, alt, caption string) (page.Block, error) {
	f := plotting.SurfaceFigure{Alt: alt, Scale: scale, Labels: labels, SolidNote: sig.note()}
	for i, dst := range []**plotting.Cortex{&f.Left, &f.Right} {
		if m := b.meshes[i]; m != nil && values[i] != nil {
			*dst = &plotting.Cortex{Points: m.Points, Triangles: m.Triangles, Values: values[i]}
			if sig != nil {
				(*dst).Solid = sig.cortex[i]
			}
		}
	}
	return drawing(caption+b.onWhat(), f)
}

// cortexBlocks are the pictures of a model's maps on surfaces.
func (b *reporter) cortexBlocks(ctx context.Context, m Model, s *page.Section) error {
	scores, n, err := b.meanCortex(ctx, m, b.shownScore(m).file)
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
	score, title := b.scoreOf(m), m.Name+": "+b.shownScore(m).of(b.scoreOf(m))
	sig, err := b.onCortex(ctx, m)
	if err != nil {
		return err
	}
	both := func(values [2][]float64) []float64 { return slices.Concat(values[0], values[1]) }
	scale := scoreScale(both(scores.values), score)
	f, err := b.cortex(scores.values, nil, sig, scale, title, fmt.Sprintf("%s, mean over %d %s.%s", title, n, plural(n, "subject", "subjects"), sig.caption()))
	if err != nil {
		return err
	}
	s.Add(f)
	b.show(title, nil, [][2][]float64{scores.values}, scale.Low < 0)
	if sig != nil {
		b.shown[len(b.shown)-1].SetSolid(sig.cortex, sig.said())
	}
	if err := b.layersOnCortex(ctx, m, scores, s); err != nil {
		return err
	}
	if err := b.networksOnCortex(ctx, m, s); err != nil {
		return err
	}
	if m.Group == "" {
		return nil
	}
	t, err := b.openCortex(ctx, m.Group, "t")
	if t == nil || err != nil {
		return err
	}
	defer t.Close()
	if err := b.fits(t); err != nil {
		return err
	}
	values, err := t.row(ctx, 0)
	if err != nil {
		return err
	}
	if f, err = b.cortex(values, nil, nil, signedScale(both(values), "t"), m.Name+": t over subjects", m.Name+": Student's t of the mean over subjects."); err != nil {
		return err
	}
	s.Add(page.Details{Summary: m.Name + ": t over subjects", Blocks: []page.Block{f}})
	b.show(m.Name+": t over subjects", nil, [][2][]float64{values}, true)
	return nil
}

// meanOnCortex is a mean over subjects; undrawn says that no surface fits.
type meanOnCortex struct {
	values  [2][]float64
	undrawn bool
}

// layersOnCortex is layerMap on surfaces.
func (b *reporter) layersOnCortex(ctx context.Context, m Model, score *meanOnCortex, s *page.Section) error {
	mean, n, err := b.meanCortex(ctx, m, bestLayer)
	if mean == nil || err != nil {
		return err
	}
	for i, side := range mean.values {
		if side != nil && len(score.values[i]) == len(side) {
			mean.values[i] = masked(side, above(score.values[i]))
		}
	}
	scale, ok := layerScale(slices.Concat(mean.values[0], mean.values[1]))
	if !ok {
		return nil
	}
	sig, err := b.onCortex(ctx, m)
	if err != nil {
		return err
	}
	f, err := b.cortex(mean.values, nil, sig, scale, m.Name+": "+scale.Label, b.layerCaption(m, n)+sig.caption())
	if err != nil {
		return err
	}
	s.Add(f)
	return nil
}

// meanCortex averages a result of a model's subjects that are on surfaces,
// without what is not finite; nil if there are none.
func (b *reporter) meanCortex(ctx context.Context, m Model, name string) (*meanOnCortex, int, error) {
	var mean *meanOnCortex
	var sum [2]placewise
	n := 0
	for _, dir := range m.Encode {
		c, err := b.openCortex(ctx, dir, name)
		if err != nil {
			return nil, 0, err
		}
		if c == nil {
			continue
		}
		values, err := c.row(ctx, 0)
		if err := errors.Join(err, c.Close()); err != nil {
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
			sum[i].add(side)
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
	c, err := b.openCortex(ctx, m.Match, "group_maps")
	if c == nil || err != nil {
		return err
	}
	defer c.Close()
	if err := b.fits(c); err != nil {
		return err
	}
	sig, err := b.onCortex(ctx, m)
	if err != nil {
		return err
	}
	drive, err := b.drivers(ctx, m, matches)
	if err != nil {
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
		if best >= c.Rows() {
			return step.BadInput(c.paths[0], "has %d maps, but matches.tsv names atom %d", c.Rows(), best)
		}
		values, err := c.row(ctx, best)
		if err != nil {
			return err
		}
		for i := range values {
			if sig != nil && values[i] != nil {
				values[i] = masked(values[i], sig.cortex[i])
			}
		}
		f, err := b.cortex(values, nil, nil, signedScale(slices.Concat(values[0], values[1]), "weight"), fmt.Sprintf("%s: atom %d, %s", m.Name, best, network), bestCaption(m, matches, best, network)+sig.maskCaption()+drive(place))
		if err != nil {
			return err
		}
		names, maps, figures = append(names, fmt.Sprintf("%s (atom %d)", network, best)), append(maps, values), append(figures, f)
	}
	if len(figures) == 0 {
		return nil
	}
	addNetworks(s, m, figures)
	b.show(m.Name+": best atom of each network", names, maps, true)
	return nil
}

// templatesOnCortex draws labels of surfaces.
func (b *reporter) templatesOnCortex(ctx context.Context, s *page.Section) error {
	if b.o.Templates == "" || b.meshes == [2]*brain.Mesh{} || !isOf(b.o.Templates, brain.OnSurfaces) {
		return nil
	}
	values, labels, err := b.labelsOnCortex(ctx, b.o.Templates)
	if labels == nil || err != nil {
		return err // maps, not labels: said by the caller
	}
	for i, m := range b.meshes {
		if m != nil && values[i] != nil && len(values[i]) != len(m.Points) {
			return step.BadInput(m.Path, "has %d vertices, but the templates %s have %d", len(m.Points), b.o.Templates, len(values[i]))
		}
	}
	f, err := b.cortex(values, labels, nil, plotting.Scale{}, "Network templates", "The functional networks that atoms are compared with.")
	if err != nil {
		return err
	}
	b.drawnTemplates = true
	s.Add(f)
	v, err := page.NewLabelMap("network templates", values, labels)
	if err != nil {
		return step.BadInput(b.o.Templates, "%v", err)
	}
	b.shown = append(b.shown, v)
	return nil
}

// labelsOnCortex reads labels on surfaces; a nil table if the file has maps.
func (b *reporter) labelsOnCortex(ctx context.Context, path string) (values [2][]float64, table brain.LabelTable, err error) {
	im, err := b.files.Open(ctx, path, brain.OpenOptions{})
	if err != nil {
		return values, nil, err
	}
	places := im.Places().(brain.SurfacePlaces)
	t, err := places.Templates(ctx, b.files, path, "")
	if err := errors.Join(err, im.Close()); err != nil || !t.Labels {
		return values, nil, err
	}
	numbers, table, err := t.Numbered(ctx, b.files)
	if err != nil {
		return values, nil, err
	}
	return brain.OnCortex(places, numbers), table, nil
}

// show keeps maps for the viewer.
func (b *reporter) show(name string, frames []string, maps [][2][]float64, diverging bool) {
	m := page.NewSurfaceMap(name, frames, maps)
	if m.Diverging = diverging; diverging {
		var all []float64
		for _, sides := range maps {
			all = append(append(all, sides[0]...), sides[1]...)
		}
		m.Limit = cmp.Or(signedScale(all, "").High, m.Limit)
	}
	b.shown = append(b.shown, m)
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
		if len(m.Points) > largestMesh {
			s.Add(b.lack("The surface %s has %d vertices, more than the %d that are embedded: the interactive viewer is left out, the pictures above show the same maps.", filepath.Base(m.Path), len(m.Points), largestMesh))
			return nil
		}
		if err := v.SetMesh(i, m.Points, m.Triangles); err != nil {
			return step.BadInput(m.Path, "%v", err)
		}
	}
	s.Add(page.Heading("Interactive viewer of surfaces"), v)
	return nil
}
