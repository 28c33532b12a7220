package report

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"voxen/brain"
	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// maps shows scores and networks' atoms on slices and in the viewer.
func (b *reporter) maps(ctx context.Context) error {
	s := b.page.Section("maps", "Maps", "The subject's left is on the left. Colours grow lighter away from 0: scores from violet to yellow, signed weights orange above and blue below. Scores at or below 0 show the background.")
	var volumes []page.Volume
	var grid *brain.Grid
	for _, m := range b.o.Models {
		if b.onSurfaces(m) {
			if err := b.cortexBlocks(ctx, m, s); err != nil {
				return err
			}
			continue
		}
		if len(m.Encode) > 0 {
			mean, n, err := b.meanImage(ctx, m, b.shownScore(m).file)
			if err != nil {
				return err
			}
			if mean == nil {
				s.Add(b.lack("%s: the scores are on no image, so they are not drawn.", m.Name))
			} else {
				v, err := b.scoreMaps(ctx, m, mean, n, s)
				if err != nil {
					return err
				}
				volumes, grid = append(volumes, v), mean.Grid
				if err := b.layerMap(ctx, m, mean, s); err != nil {
					return err
				}
			}
		}
		v, g, err := b.networkMaps(ctx, m, s)
		if err != nil {
			return err
		}
		if v != nil {
			volumes, grid = append(volumes, *v), g
		}
		if v, err = b.groupVolume(ctx, m); err != nil {
			return err
		}
		if v != nil {
			volumes = append(volumes, *v)
		}
	}
	if err := b.templatesOnCortex(ctx, s); err != nil {
		return err
	}
	if b.o.Templates != "" && b.templates == nil && !b.drawnTemplates {
		s.Add(b.lack("The templates %s are no labels on a volume or on the surfaces given: they are not drawn.", filepath.Base(b.o.Templates)))
	}
	if err := b.surfaceViewer(s); err != nil {
		return err
	}
	if b.templates != nil {
		f, err := b.slices(plotting.SliceFigure{Alt: "slices with the network templates", Map: b.templates, Labels: b.labels, MaxSlices: 10}, "The functional networks that atoms are compared with.")
		if err != nil {
			return err
		}
		s.Add(page.Details{Summary: "Network templates", Blocks: []page.Block{f}})
		v, err := page.LabelVolume("network templates", b.templates, b.labels)
		if err != nil {
			return step.BadInput(b.o.Templates, "%v", err)
		}
		volumes = append(volumes, v)
		if grid == nil {
			grid = b.templates.Grid
		}
	}
	if len(volumes) == 0 {
		if len(b.shown) == 0 {
			s.Add(b.lack("There is no map on a volume or a surface: the viewer is left out."))
		}
		return nil
	}
	viewer := page.Viewer{ID: "viewer", Caption: "Click to move the crosshair; drag the rendering to turn it; the slider hides what is nearer to 0.", Volumes: volumes}
	back, err := b.behind(grid)
	if err != nil {
		return err
	}
	if back != nil {
		grey, err := page.GreyVolume("background", back)
		if err != nil {
			return err
		}
		viewer.Background = &grey
	}
	viewer.Fit(mapBytes)
	s.Add(page.Heading("Interactive viewer"), viewer)
	return nil
}

// mapBytes bounds the maps in the viewer, so that a report of 8 subjects stays below 15 MB
// at 2 mm: many maps have fewer shades there.
const mapBytes = 10_300_000

// mostSubjects bounds the maps of single subjects: more would fill the page.
const mostSubjects = 24

// scoreMaps draws the mean of a model's scores, and below it those of each subject,
// and gives the mean for the viewer.
func (b *reporter) scoreMaps(ctx context.Context, m Model, mean *brain.Volume, n int, s *page.Section) (page.Volume, error) {
	title := m.Name + ": " + b.shownScore(m).of(b.scoreOf(m))
	sig, err := b.onVolume(ctx, m, mean.Grid)
	if err != nil {
		return page.Volume{}, err
	}
	scale := scoreScale(mean.Values, b.scoreOf(m))
	fig := plotting.SliceFigure{Alt: title, Map: mean, Scale: scale, MaxSlices: 12}
	if sig != nil {
		fig.Solid, fig.SolidNote = sig.volume, sig.note()
	}
	f, err := b.slices(fig, fmt.Sprintf("%s, mean over %d %s.%s", title, n, plural(n, "subject", "subjects"), sig.caption()))
	if err != nil {
		return page.Volume{}, err
	}
	s.Add(f)
	if err := b.eachSubject(ctx, m, s, title); err != nil {
		return page.Volume{}, err
	}
	v, err := page.MapVolume(title, nil, []*brain.Volume{mean})
	if scale.High > 0 {
		v.Limit = scale.High
	}
	if sig != nil {
		v.SetSolid(mean.Grid, sig.volume, sig.said())
	}
	v.Diverging = scale.Low < 0 // negative errors have no zero to stand out from
	return v, err
}

// eachSubject draws the scores of every subject behind a line that opens.
func (b *reporter) eachSubject(ctx context.Context, m Model, s *page.Section, title string) error {
	if len(m.Encode) < 2 {
		return nil
	}
	var figures []page.Block
	for i, dir := range m.Encode[:min(len(m.Encode), mostSubjects)] {
		v, _, err := b.resultOf(ctx, m, dir, b.shownScore(m).file)
		if err != nil {
			return err
		}
		if v == nil {
			continue
		}
		one := Model{Name: m.Name, Match: m.Match, Encode: m.Encode[i : i+1], Subjects: m.Subjects[i : i+1]}
		sig, err := b.onVolume(ctx, one, v.Grid)
		if err != nil {
			return err
		}
		fig := plotting.SliceFigure{Alt: title + " of " + m.Subjects[i], Map: v, Scale: scoreScale(v.Values, b.scoreOf(m)), MaxSlices: 6}
		if sig != nil {
			fig.Solid, fig.SolidNote = sig.volume, sig.note()
		}
		f, err := b.slices(fig, fmt.Sprintf("%s, %s.%s", title, m.Subjects[i], sig.caption()))
		if err != nil {
			return err
		}
		figures = append(figures, f)
	}
	if len(figures) > 0 {
		s.Add(page.Details{Summary: title + " of each subject", Blocks: figures})
	}
	return nil
}

// isOf reports whether a file is an image of places of one geometry.
func isOf(path string, g brain.Geometry) bool {
	k := brain.KindByName(path)
	return k != nil && k.Geometry() == g
}

// onSurfaces reports whether a model's scores are on surfaces.
func (b *reporter) onSurfaces(m Model) bool {
	return slices.ContainsFunc(m.Encode, func(dir string) bool {
		return b.onCortexOf(dir, b.shownScore(m).file)
	})
}

// volumeOf is the image of a result in a folder, empty if there is none in volumes.
func (b *reporter) volumeOf(dir, name string) (string, error) {
	path, err := b.files.FindResult(filepath.Join(dir, name))
	if err != nil || !isOf(path, brain.OnGrid) {
		return "", err
	}
	return path, nil
}

// resultOf reads a result of a model's subject as a volume, NaN outside the mask: an image
// beside its mask, or an array with as many values as the mask has voxels on which match
// compared the model's maps; nil if there is neither.
func (b *reporter) resultOf(ctx context.Context, m Model, dir, name string) (*brain.Volume, string, error) {
	path, err := b.volumeOf(dir, name)
	if err != nil {
		return nil, "", err
	}
	if path == "" {
		return b.arrayOf(ctx, m, dir, name)
	}
	v, err := b.readVolume(ctx, path)
	if err != nil {
		return nil, "", err
	}
	inside, err := b.inside(ctx, dir, v)
	if err != nil {
		return nil, "", err
	}
	v.Values = masked(v.Values, inside)
	return v, path, nil
}

// arrayOf is resultOf for arrays.
func (b *reporter) arrayOf(ctx context.Context, m Model, dir, name string) (*brain.Volume, string, error) {
	path, mask := filepath.Join(dir, name+".npy"), filepath.Join(m.Match, "mask.nii.gz")
	if m.Match == "" || !b.there(path) || !b.there(mask) || b.onCortexOf(dir, name) {
		return nil, "", nil
	}
	values, shape, err := store.LoadFloat64(ctx, b.Env.FS, path)
	if err != nil {
		return nil, "", err
	}
	on, err := b.files.Mask(ctx, mask, nil)
	if err != nil || len(shape) != 1 || on.Len() != len(values) {
		return nil, "", err
	}
	v, err := on.Spread(values, math.NaN())
	return v, path, err
}

// onCortexOf reports whether a result is on surfaces.
func (b *reporter) onCortexOf(dir, name string) bool {
	path, err := b.files.FindResult(filepath.Join(dir, name))
	return err == nil && isOf(path, brain.OnSurfaces)
}

// layerMap draws the mean over subjects of the layer that predicts a voxel best, where the mean
// score is above 0.
func (b *reporter) layerMap(ctx context.Context, m Model, score *brain.Volume, s *page.Section) error {
	mean, n, err := b.meanImage(ctx, m, bestLayer)
	if mean == nil || err != nil {
		return err
	}
	mean.Values = masked(mean.Values, above(score.Values))
	scale, ok := layerScale(mean.Values)
	if !ok {
		return nil
	}
	sig, err := b.onVolume(ctx, m, mean.Grid)
	if err != nil {
		return err
	}
	fig := plotting.SliceFigure{Alt: m.Name + ": " + scale.Label, Map: mean, Scale: scale, MaxSlices: 12}
	if sig != nil {
		fig.Solid, fig.SolidNote = sig.volume, sig.note()
	}
	f, err := b.slices(fig, b.layerCaption(m, n)+sig.caption())
	if err != nil {
		return err
	}
	s.Add(f)
	return nil
}

// bestLayer names the layer that predicts a voxel best.
const bestLayer = "best_layer"

// layerCaption says what a map of layers is.
func (b *reporter) layerCaption(m Model, n int) string {
	return fmt.Sprintf("%s: the layer that predicts a voxel best, chosen by the selection score of training rows, mean over %d %s; layers are counted from 0. Voxels whose mean %s is not above 0 are left out.",
		m.Name, n, plural(n, "subject", "subjects"), b.shownScore(m).of(b.scoreOf(m)))
}

// above tells the values above 0.
func above(values []float64) []bool {
	in := make([]bool, len(values))
	for i, x := range values {
		in[i] = x > 0
	}
	return in
}

// layerScale is that of layers from the lowest to the highest; of none not ok.
func layerScale(values []float64) (s plotting.Scale, ok bool) {
	kept := finite(values)
	if len(kept) == 0 {
		return s, false
	}
	return plotting.Scale{Label: "best layer", Whole: true, Low: math.Floor(slices.Min(kept)) - 0.5, High: math.Ceil(slices.Max(kept)) + 0.5}, true
}

// meanImage averages the images of a result of a model's subjects that are on one
// grid, without what is not finite; nil if there is none.
func (b *reporter) meanImage(ctx context.Context, m Model, name string) (*brain.Volume, int, error) {
	var mean *brain.Volume
	var sum placewise
	n := 0
	for _, dir := range m.Encode {
		v, path, err := b.resultOf(ctx, m, dir, name)
		if err != nil {
			return nil, 0, err
		}
		if v == nil {
			continue
		}
		if mean == nil {
			mean = &brain.Volume{Grid: v.Grid}
		}
		if err := v.Grid.Same(mean.Grid); err != nil {
			return nil, 0, step.BadInput(path, "is not on the grid of the other subjects: %v", err)
		}
		n++
		sum.add(v.Values)
	}
	if mean == nil {
		return nil, 0, nil
	}
	mean.Values = sum.mean()
	return mean, n, nil
}

// placewise sums maps of several subjects, place by place, without what is not
// finite.
type placewise struct{ sum, count []float64 }

// add adds a map. All maps have one length.
func (p *placewise) add(values []float64) {
	if p.sum == nil {
		p.sum, p.count = make([]float64, len(values)), make([]float64, len(values))
	}
	for i, x := range values {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			p.sum[i] += x
			p.count[i]++
		}
	}
}

// mean is the mean of what was added, NaN where nothing was.
func (p *placewise) mean() []float64 {
	mean := make([]float64, len(p.sum))
	for i, n := range p.count {
		mean[i] = p.sum[i] / n
	}
	return mean
}

// inside tells the voxels of the mask beside a result: all without one.
func (b *reporter) inside(ctx context.Context, dir string, v *brain.Volume) ([]bool, error) {
	in := make([]bool, len(v.Values))
	path := filepath.Join(dir, "mask.nii.gz")
	if !b.there(path) {
		for i := range in {
			in[i] = true
		}
		return in, nil
	}
	mask, err := b.readVolume(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := mask.Grid.Same(v.Grid); err != nil {
		return nil, step.BadInput(path, "is not on the grid of the result beside it: %v", err)
	}
	for i, x := range mask.Values {
		in[i] = x != 0
	}
	return in, nil
}

func (b *reporter) readVolume(ctx context.Context, path string) (*brain.Volume, error) {
	im, err := b.files.Nifti(path)
	if err != nil {
		return nil, err
	}
	return im.Volume(ctx, 0)
}

// behind is what stands behind maps on a grid: the background that was given, or the
// outline of the templates; nil without either.
func (b *reporter) behind(grid *brain.Grid) (*brain.Volume, error) {
	if b.background != nil {
		return b.background.Resample(grid, brain.Trilinear, 0)
	}
	if b.templates == nil {
		return nil, nil
	}
	labels, err := b.templates.Resample(grid, brain.Nearest, 0)
	if err != nil {
		return nil, err
	}
	flat := &brain.Volume{Grid: grid, Values: make([]float64, grid.Voxels())}
	for i, x := range labels.Values {
		if x > 0 {
			flat.Values[i] = 1
		}
	}
	return flat, nil
}

// slices draws a map on what stands behind it.
func (b *reporter) slices(f plotting.SliceFigure, caption string) (page.Block, error) {
	var err error
	if f.Background, err = b.behind(f.Map.Grid); err != nil {
		return nil, err
	}
	return drawing(caption, f)
}

func absolute(values []float64) []float64 {
	a := make([]float64, len(values))
	for i, x := range values {
		a[i] = math.Abs(x)
	}
	return a
}

// networkMaps draws for each network the map of its best atom and gives all of
// them as a volume for the viewer.
func (b *reporter) networkMaps(ctx context.Context, m Model, s *page.Section) (*page.Volume, *brain.Grid, error) {
	matches, err := b.matches(m)
	if matches == nil || err != nil {
		return nil, nil, err
	}
	path, err := b.volumeOf(m.Match, "group_maps")
	if err != nil {
		return nil, nil, err
	}
	if path == "" {
		s.Add(b.lack("%s: the maps of its atoms are on no image, so they are not drawn.", m.Name))
		return nil, nil, nil
	}
	im, err := b.files.Nifti(path)
	if err != nil {
		return nil, nil, err
	}
	var names []string
	var volumes []*brain.Volume
	var figures []page.Block
	drive, err := b.drivers(ctx, m, matches)
	if err != nil {
		return nil, nil, err
	}
	var sig *significance
	for place, network := range matches.networks {
		best := matches.best(place)
		if best < 0 {
			continue
		}
		if best >= im.Header.Volumes() {
			return nil, nil, step.BadInput(path, "has %d maps, but matches.tsv names atom %d", im.Header.Volumes(), best)
		}
		v, err := im.Volume(ctx, best)
		if err != nil {
			return nil, nil, err
		}
		if sig == nil {
			if sig, err = b.onVolume(ctx, m, v.Grid); err != nil {
				return nil, nil, err
			}
		}
		if sig != nil {
			v.Values = masked(v.Values, sig.volume)
		}
		f, err := b.slices(plotting.SliceFigure{Alt: fmt.Sprintf("%s: atom %d, %s", m.Name, best, network), Map: v, Scale: signedScale(v.Values, "weight"), MaxSlices: 10},
			bestCaption(m, matches, best, network)+sig.maskCaption()+drive(place))
		if err != nil {
			return nil, nil, err
		}
		names, volumes, figures = append(names, fmt.Sprintf("%s (atom %d)", network, best)), append(volumes, v), append(figures, f)
	}
	if len(volumes) == 0 {
		return nil, nil, nil
	}
	addNetworks(s, m, figures)
	v, err := page.MapVolume(m.Name+": best atom of each network", names, volumes)
	var all []float64
	for _, one := range volumes {
		all = append(all, one.Values...)
	}
	v.Diverging, v.Limit = true, cmp.Or(signedScale(all, "").High, v.Limit)
	return &v, volumes[0].Grid, err
}

// addNetworks adds the pictures of a model's networks: the first stays open, the
// others would fill pages.
func addNetworks(s *page.Section, m Model, figures []page.Block) {
	s.Add(figures[0])
	if len(figures) > 1 {
		s.Add(page.Details{Summary: fmt.Sprintf("%s: the best %s of %d further %s", m.Name, plural(len(figures)-1, "atom", "atoms"), len(figures)-1, plural(len(figures)-1, "network", "networks")), Blocks: figures[1:]})
	}
}

func bestCaption(m Model, matches *modelMatches, atom int, network string) string {
	return fmt.Sprintf("%s: group-mean weights of atom %d, the best match of the network %s (r = %s).", m.Name, atom, network, short(matches.atoms[atom].r))
}

// groupVolume embeds t over subjects of the group step, where it is on a volume.
func (b *reporter) groupVolume(ctx context.Context, m Model) (*page.Volume, error) {
	if m.Group == "" {
		return nil, nil
	}
	path, err := b.volumeOf(m.Group, "t")
	if path == "" || err != nil {
		return nil, err
	}
	t, err := b.readVolume(ctx, path)
	if err != nil {
		return nil, err
	}
	v, err := page.MapVolume(m.Name+": t over subjects", nil, []*brain.Volume{t})
	v.Diverging, v.Limit = true, cmp.Or(signedScale(t.Values, "").High, v.Limit)
	return &v, err
}
