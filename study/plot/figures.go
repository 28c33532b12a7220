package plot

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"voxen/brain"
	"voxen/internal/plotting"
	"voxen/internal/templates"
	"voxen/report"
	"voxen/study/step"
)

// figure draws what is asked for, and a page with it where one is.
func (p *plotter) figure(ctx context.Context) (*plotting.Figure, *report.Page, error) {
	var drawn interface {
		Draw() (*plotting.Figure, error)
	}
	var viewer report.Block
	var err error
	switch {
	case p.o.Kind == "histogram":
		drawn = p.histogram()
	case p.o.Kind == "alphas":
		drawn, err = p.alphas()
	default:
		if err := p.findLabels(ctx); err != nil {
			return nil, nil, err
		}
		if _, ok := p.places.(brain.GridPlaces); ok && !p.o.onCortex() {
			drawn, viewer, err = p.volume(ctx)
		} else {
			drawn, viewer, err = p.cortex()
		}
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := drawn.Draw()
	if err != nil {
		return nil, nil, step.BadInput(p.o.Maps[0], "%v", err)
	}
	page := &report.Page{Title: p.name(), Footer: "Made by voxen plot. This file holds everything it shows. Viewer: NiiVue " + report.NiivueVersion() + " (BSD-2-Clause)."}
	s := page.Section("map", p.label(), "")
	s.Add(report.Figure{Caption: p.name() + ".", Drawing: f})
	if viewer != nil {
		s.Add(viewer)
	}
	return f, page, nil
}

// findLabels reads the labels of a map of them.
func (p *plotter) findLabels(ctx context.Context) error {
	path := p.o.Maps[0]
	if p.o.Kind == "layers" || p.o.Colours != "labels" && !(p.o.Colours == "auto" && brain.NamesLabels(path)) {
		return nil
	}
	if brain.KindByName(path) == nil {
		return step.BadInput(path, "is an array, expected an image of labels")
	}
	if p.o.Number > 0 {
		return step.BadInput(path, "is drawn as labels, of which --number takes the first map alone")
	}
	l, err := p.places.Templates(ctx, p.files, path, "")
	if err != nil {
		return err
	}
	if !l.Labels {
		return step.BadInput(path, "holds maps, expected labels")
	}
	p.values, p.labels, err = l.Numbered(ctx, p.files)
	return err
}

// finite are the values that are finite, sorted.
func (p *plotter) finite() []float64 {
	all := slices.DeleteFunc(slices.Clone(p.values), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	slices.Sort(all)
	return all
}

// solidity is 1 where places are solid and 0 elsewhere, to be put where the values are.
func (p *plotter) solidity() []float64 {
	in := make([]float64, len(p.solid))
	for i, s := range p.solid {
		if s {
			in[i] = 1
		}
	}
	return in
}

// isSolid reads what solidity wrote.
func isSolid(in []float64) []bool {
	solid := make([]bool, len(in))
	for i, x := range in {
		solid[i] = x == 1
	}
	return solid
}

// scale is that of the colours.
func (p *plotter) scale() plotting.Scale {
	s := plotting.Scale{Label: p.label(), Threshold: p.o.Threshold}
	if p.o.Kind == "layers" {
		s.Low, s.High, s.Whole = 0.5, float64(len(p.o.Maps))+0.5, true
		return s
	}
	values := p.finite()
	lowest, highest := min(0, values[0]), max(0, values[len(values)-1])
	distances := values // from 0
	for i, x := range values {
		distances[i] = math.Abs(x)
	}
	slices.Sort(distances)
	s.Diverging = p.o.Colours == "signed" || p.o.Colours == "auto" && -lowest >= highest/2 && lowest < 0
	s.High = p.o.Limit.Or(plotting.RoundUp(step.Quantile(distances, 0.998)))
	return s
}

// solidNote says what faded places are.
func (p *plotter) solidNote() string {
	if p.solid == nil {
		return ""
	}
	return "full colour: q < 0.05; faded: not"
}

// volume draws a map of voxels.
func (p *plotter) volume(ctx context.Context) (plotting.SliceFigure, report.Block, error) {
	mask := p.places.(brain.GridPlaces).Mask()
	positions, err := p.o.positions()
	f := plotting.SliceFigure{Title: p.o.Title, Alt: p.name(), Scale: p.scale(), Labels: p.labels, At: positions, MaxSlices: p.o.Slices, SolidNote: p.solidNote(),
		Glass: p.o.View == "glass", Plane: map[string]plotting.Plane{"coronal": plotting.Coronal, "sagittal": plotting.Sagittal}[p.o.View]}
	if err != nil {
		return f, nil, err
	}
	if len(p.o.Surfaces) > 0 {
		return f, nil, step.BadInput(p.o.Surfaces[0], "is a surface, but %s is a volume: expected --view inflated, which draws it on fsaverage5", p.o.Maps[0])
	}
	if f.Map, err = mask.Spread(p.values, math.NaN()); err != nil {
		return f, nil, err
	}
	if p.o.Mask != "" {
		f.Inside = inside(mask)
	}
	if p.solid != nil {
		v, err := mask.Spread(p.solidity(), 0)
		if err != nil {
			return f, nil, err
		}
		f.Solid = isSolid(v.Values)
	}
	if f.Background, err = p.background(ctx, mask.Grid); err != nil {
		return f, nil, err
	}
	if p.o.ending() != ".html" {
		return f, nil, nil
	}
	viewer, err := p.volumeViewer(f)
	return f, viewer, err
}

// inside tells the voxels of a mask on its grid.
func inside(mask *brain.Mask) []bool {
	in := make([]bool, mask.Grid.Voxels())
	for v := range mask.Len() {
		i, j, k := mask.Voxel(v)
		in[(i*mask.Grid.Dims[1]+j)*mask.Grid.Dims[2]+k] = true
	}
	return in
}

// volumeViewer shows the map that a figure does.
func (p *plotter) volumeViewer(f plotting.SliceFigure) (report.Block, error) {
	var v report.Volume
	var err error
	if p.labels != nil {
		v, err = report.LabelVolume(p.label(), f.Map, p.labels)
	} else {
		v, err = report.MapVolume(p.label(), nil, []*brain.Volume{f.Map})
		v.Diverging, v.Limit, v.Threshold = f.Scale.Diverging, f.Scale.High, f.Scale.Threshold
	}
	if err != nil {
		return nil, step.BadInput(p.o.Maps[0], "%v", err)
	}
	if f.Solid != nil {
		v.SetSolid(f.Map.Grid, f.Solid, "q < 0.05")
	}
	viewer := report.Viewer{ID: "viewer", Caption: "Click to move the crosshair; drag the rendering to turn it; the slider hides what is nearer to 0.", Volumes: []report.Volume{v}}
	if f.Background != nil {
		back, err := report.GreyVolume("background", f.Background)
		if err != nil {
			return nil, step.BadInput(p.o.Background, "%v", err)
		}
		viewer.Background = &back
	}
	return viewer, nil
}

// background is the volume behind a map, on its grid; nil for none.
func (p *plotter) background(ctx context.Context, g *brain.Grid) (*brain.Volume, error) {
	var v *brain.Volume
	var err error
	path := p.o.Background
	switch {
	case p.o.Anatomy == "mni152":
		path = p.o.Maps[0] // whose grid may be at fault
		v, err = templates.T1(ctx, p.Env.FS)
	case path == "":
		return nil, nil
	default:
		im, err := p.files.Nifti(path)
		if err != nil {
			return nil, err
		}
		if v, err = im.Volume(ctx, 0); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	if v, err = v.Resample(g, brain.Trilinear, 0); err != nil {
		return nil, step.BadInput(path, "%v", err)
	}
	return v, nil
}

// meshes are the surfaces to draw on: those that are given, or those of fsaverage5.
func (p *plotter) meshes() ([2]*brain.Mesh, error) {
	if len(p.o.Surfaces) > 0 {
		return p.files.Meshes(p.o.Surfaces)
	}
	if p.o.onCortex() {
		return templates.Surfaces(p.Env.FS, p.o.View)
	}
	sides := brain.OnCortex(p.places.(brain.SurfacePlaces), p.values)
	for _, side := range sides {
		if side != nil && len(side) != templates.Vertices {
			return [2]*brain.Mesh{}, step.BadInput(p.o.Maps[0], "is on surfaces of %d vertices, expected one to draw it on: --surface L.surf.gii, and R.surf.gii", len(side))
		}
	}
	return templates.Surfaces(p.Env.FS, "inflated")
}

// sides gives values, and which of them are solid, at the vertices of both cortices: those
// of a map of vertices, or of a volume sampled in the cortex of fsaverage5.
func (p *plotter) sides() (values, solid [2][]float64, err error) {
	g, ok := p.places.(brain.GridPlaces)
	if !ok {
		values = brain.OnCortex(p.places.(brain.SurfacePlaces), p.values)
		if p.solid != nil {
			solid = brain.OnCortex(p.places.(brain.SurfacePlaces), p.solidity())
		}
		return values, solid, nil
	}
	if values, err = p.sample(g, p.values, p.labels != nil || p.o.Kind == "layers"); err == nil && p.solid != nil {
		solid, err = p.sample(g, p.solidity(), false)
		for _, side := range solid {
			for i, x := range side {
				side[i] = math.Round(x) // solid where most of the cortex is
			}
		}
	}
	return values, solid, err
}

// sample gives what a map of voxels has at the vertices of fsaverage5.
func (p *plotter) sample(g brain.GridPlaces, values []float64, labels bool) (sides [2][]float64, err error) {
	v, err := g.Mask().Spread(values, math.NaN())
	if err != nil {
		return sides, err
	}
	pial, err := templates.Surfaces(p.Env.FS, "pial")
	if err != nil {
		return sides, err
	}
	for i, m := range pial {
		if sides[i], err = templates.Sample(v, m, labels); err != nil {
			return sides, step.BadInput(p.o.Maps[0], "%v", err)
		}
	}
	if !slices.ContainsFunc(slices.Concat(sides[:]...), func(x float64) bool { return !math.IsNaN(x) }) {
		return sides, step.BadInput(p.o.Maps[0], "has no value in the cortex of fsaverage5: expected a volume in the space of the MNI")
	}
	return sides, nil
}

// cortex draws a map on the cortex.
func (p *plotter) cortex() (plotting.SurfaceFigure, report.Block, error) {
	f := plotting.SurfaceFigure{Title: p.o.Title, Alt: p.name(), Scale: p.scale(), Labels: p.labels, SolidNote: p.solidNote()}
	path := p.o.Maps[0]
	switch {
	case p.o.Background != "":
		return f, nil, step.BadInput(p.o.Background, "is a background of slices, but %s is drawn on surfaces", path)
	case p.o.Anatomy != "none":
		return f, nil, step.BadInput(path, "is drawn on surfaces, and --anatomy %s is a background of slices", p.o.Anatomy)
	}
	meshes, err := p.meshes()
	if err != nil {
		return f, nil, err
	}
	values, solid, err := p.sides()
	if err != nil {
		return f, nil, err
	}
	viewer := report.SurfaceViewer{ID: "viewer", Caption: "Drag to turn the brain; the slider hides what is nearer to 0."}
	any := false
	for i, dst := range []**plotting.Cortex{&f.Left, &f.Right} {
		m := meshes[i]
		if m == nil || values[i] == nil {
			continue
		}
		if len(m.Points) != len(values[i]) {
			return f, nil, step.BadInput(m.Path, "has %d vertices, but the map %s has %d: give the surface of the map's space", len(m.Points), path, len(values[i]))
		}
		any = true
		*dst = &plotting.Cortex{Points: m.Points, Triangles: m.Triangles, Values: values[i]}
		if solid[i] != nil {
			(*dst).Solid = isSolid(solid[i])
		}
		if err := viewer.SetMesh(i, m.Points, m.Triangles); err != nil {
			return f, nil, step.BadInput(m.Path, "%v", err)
		}
	}
	if !any {
		return f, nil, step.BadInput(p.o.Surfaces[0], "is of no hemisphere that %s has values on", path)
	}
	var m report.SurfaceMap
	if p.labels != nil {
		if m, err = report.NewLabelMap(p.label(), values, p.labels); err != nil {
			return f, nil, step.BadInput(path, "%v", err)
		}
	} else {
		m = report.NewSurfaceMap(p.label(), nil, [][2][]float64{values})
		m.Diverging, m.Limit, m.Threshold = f.Scale.Diverging, f.Scale.High, f.Scale.Threshold
	}
	if p.solid != nil {
		var on [2][]bool
		for i, side := range solid {
			on[i] = isSolid(side)
		}
		m.SetSolid(on, "q < 0.05")
	}
	viewer.Maps = []report.SurfaceMap{m}
	return f, viewer, nil
}

// histogram is the share of values in bins of their range.
func (p *plotter) histogram() plotting.Chart {
	sorted := p.finite()
	const bins = 50
	s := plotting.Series{Name: p.label()}
	lo, hi := sorted[0], sorted[len(sorted)-1]
	if lo == hi {
		return plotting.Chart{Title: p.o.Title, Alt: p.name(), XLabel: p.label(), YLabel: "share of voxels (%)", YFromZero: true, Points: true,
			Series: []plotting.Series{{X: []float64{lo}, Y: []float64{100}}}, Note: fmt.Sprintf("All %d values are one.", len(sorted))}
	}
	counts := make([]float64, bins)
	for _, x := range sorted {
		counts[min(bins-1, int((x-lo)/(hi-lo)*bins))] += 100 / float64(len(sorted))
	}
	for i, c := range counts { // steps
		left, right := lo+float64(i)*(hi-lo)/bins, lo+float64(i+1)*(hi-lo)/bins
		s.X, s.Y = append(s.X, left, right), append(s.Y, c, c)
	}
	return plotting.Chart{Title: p.o.Title, Alt: p.name(), XLabel: p.label(), YLabel: "share of voxels (%)", YFromZero: true, Series: []plotting.Series{s},
		Note: fmt.Sprintf("%d finite values in %d bins; median %.4g, 95th percentile %.4g.", len(sorted), bins, step.Quantile(sorted, 0.5), step.Quantile(sorted, 0.95))}
}

// mostAlphas bounds the distinct values of a chart of alphas.
const mostAlphas = 200

// alphas is how many voxels have each alpha.
func (p *plotter) alphas() (plotting.Chart, error) {
	count := map[float64]int{}
	n := 0
	for _, x := range p.values {
		if !math.IsNaN(x) {
			count[x]++
			n++
		}
	}
	if len(count) > mostAlphas {
		return plotting.Chart{}, step.BadInput(p.o.Maps[0], "has %d values that differ, expected alphas of a grid of at most %d", len(count), mostAlphas)
	}
	var grid []float64
	for x := range count {
		grid = append(grid, x)
	}
	slices.Sort(grid)
	s := plotting.Series{}
	var names []string
	for i, x := range grid {
		name := strconv.FormatFloat(x, 'g', 3, 64)
		if x >= 1000 && x < 1e6 {
			name = strconv.FormatFloat(x, 'f', 0, 64)
		}
		names = append(names, name)
		s.X, s.Y = append(s.X, float64(i)), append(s.Y, float64(count[x]))
		// a bar from 0
		s.YLow, s.YHigh = append(s.YLow, 0), append(s.YHigh, float64(count[x]))
	}
	ends := float64(count[grid[0]]+count[grid[len(grid)-1]]) / float64(n)
	return plotting.Chart{Title: p.o.Title, Alt: p.name(), XLabel: "alpha", YLabel: "voxels", XNames: names, Points: true, YFromZero: true, Series: []plotting.Series{s},
		Note: fmt.Sprintf("%d voxels; %.1f%% have the smallest or the largest of these alphas. Where many do, the grid may end too early.", n, 100*ends)}, nil
}
