// Package plot draws one map of the brain, or what the voxels of it have in common.
package plot

import (
	"context"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// Options are the plot step.
type Options struct {
	Maps       []string            `opt:"map" file:"in" required:"true" doc:"map to draw: NIfTI, CIFTI, GIFTI (both hemispheres: L.func.gii,R.func.gii), or an array with a value per voxel of --mask; --kind layers takes several, one per layer in their order"`
	Kind       string              `opt:"kind" key:"-" default:"map" oneof:"map,histogram,alphas,layers" doc:"map; histogram of its values; alphas, how many voxels have each value, as of alpha.npy; or layers, which of several maps is highest at each voxel"`
	Number     int                 `opt:"number" key:"-" min:"0" doc:"which map of a file that holds several, from 0"`
	Mask       string              `opt:"mask" file:"in" key:"-" doc:"mask of an array, or of a volume"`
	Background string              `opt:"background" file:"in" key:"-" doc:"volume behind a map, such as the mean of the BOLD"`
	Anatomy    string              `opt:"anatomy" key:"-" default:"none" oneof:"none,mni152" doc:"background that is shipped: the T1 template of the MNI at 3 mm, for a volume in its space"`
	Surfaces   []string            `opt:"surface" file:"in" key:"-" doc:"GIFTI surface (.surf.gii) for a map of its vertices, left then right; inflated ones show the most, flat ones are seen from above. Maps of fsaverage5 need none"`
	Q          string              `opt:"q" file:"in" key:"-" doc:"map of q on the same places, such as q.nii.gz: what is not below 0.05 is faded"`
	View       string              `opt:"view" key:"-" default:"axial" oneof:"axial,coronal,sagittal,glass,inflated,pial" doc:"slices of a volume; glass: seen through the brain from three sides; inflated, pial: on the cortex of fsaverage5, which is shipped, of a map of its vertices or of a volume in the space of the MNI, averaged over the depth of the cortex"`
	At         string              `opt:"at" key:"-" form:"MM,MM,..." doc:"positions of the slices; chosen where there is most to see if left out"`
	Slices     int                 `opt:"slices" key:"-" default:"12" min:"1" max:"60" doc:"at most so many slices are chosen"`
	Colours    string              `opt:"colours" key:"-" default:"auto" oneof:"auto,scores,signed,labels" doc:"scores: values above 0, from violet to yellow; signed: orange above 0 and blue below; labels: those of an atlas; auto: labels of .dlabel and .label files, signed where the lowest value is at least half as far from 0 as the highest, else scores"`
	Threshold  float64             `opt:"threshold" key:"-" min:"0" doc:"leave values without colour whose distance from 0 is at most this"`
	Limit      step.Maybe[float64] `opt:"limit" key:"-" above:"0" doc:"value of the lightest colour; the 99.8th percentile of distances from 0, rounded up, if left out"`
	Label      string              `opt:"label" key:"-" doc:"what the values are, with their unit, at the colour bar; the name of the file if left out"`
	Pycortex   string              `opt:"pycortex" key:"-" form:"SUBJECT,TRANSFORM" doc:"subject and transform of pycortex's store to which the voxels of an .hdf file belong; of a map of vertices the subject alone"`
	Title      string              `opt:"title" key:"-" doc:"heading of the figure"`
	Out        string              `opt:"out" file:"out" required:"true" doc:"figure .png, .svg or .pdf; .html for a page with an interactive viewer; .hdf for what pycortex loads (with --pycortex); .npy for the values alone, as pycortex takes them"`
}

// Summary is what was drawn.
type Summary struct {
	step.Ended
	Values  int     `json:"values"` // finite ones
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "plot", Results: 5, File: true, Neutral: []string{"precision"}}
}

// endings are those of what is written.
var endings = []string{".png", ".svg", ".pdf", ".html", ".hdf", ".npy"}

// ending is that of the output, "" for another one.
func (o *Options) ending() string {
	if e := strings.ToLower(filepath.Ext(o.Out)); slices.Contains(endings, e) {
		return e
	}
	return ""
}

// Check refuses options that do not go together.
func (o *Options) Check() error {
	switch {
	case o.ending() == "":
		return step.BadInput(o.Out, "is of no kind that is written here: expected %s", strings.Join(endings, ", "))
	case o.Kind == "layers" && len(o.Maps) < 2:
		return step.BadInput("", "--kind layers with 1 map, expected one per layer")
	case o.Kind != "layers" && len(o.Maps) > 1:
		return step.BadInput("", "--kind %s with %d maps, expected one", o.Kind, len(o.Maps))
	case o.Anatomy != "none" && o.Background != "":
		return step.BadInput(o.Background, "is a background beside --anatomy %s, expected one of them", o.Anatomy)
	case o.onCortex() && len(o.Surfaces) > 0:
		return step.BadInput(o.Surfaces[0], "is a surface, but --view %s is the one of fsaverage5 that is shipped: expected one of them", o.View)
	case !o.onPlaces() && o.Q != "":
		return step.BadInput(o.Q, "is q of places, but --kind %s draws none", o.Kind)
	case o.ending() == ".hdf" && o.Pycortex == "":
		return step.BadInput(o.Out, "is a file of pycortex, expected --pycortex SUBJECT,TRANSFORM")
	case o.ending() != ".hdf" && o.Pycortex != "":
		return step.BadInput(o.Out, "is no file of pycortex, expected .hdf with --pycortex")
	case !o.onPlaces() && slices.Contains([]string{".html", ".hdf", ".npy"}, o.ending()):
		return step.BadInput(o.Out, "is no figure, expected .png, .svg or .pdf of --kind %s", o.Kind)
	}
	_, err := o.positions()
	return err
}

// onPlaces reports whether what is drawn is a map.
func (o *Options) onPlaces() bool { return o.Kind == "map" || o.Kind == "layers" }

// onCortex reports whether a shipped surface is asked for.
func (o *Options) onCortex() bool { return o.View == "inflated" || o.View == "pial" }

// positions are those of the slices; nil if they are left to the figure.
func (o *Options) positions() (list []float64, err error) {
	if o.At == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(o.At, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, step.BadInput("", "--at %q: %q, expected positions in mm", o.At, text)
		}
		list = append(list, x)
	}
	return list, nil
}

// MoreInputs is the table of labels beside a map of them.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	if o.Colours != "labels" {
		return nil, nil
	}
	return step.LabelTables(e.FS, "--map", o.Maps[0])
}

// Do draws the figure.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	p := &plotter{Run: r, o: o}
	if err := p.plan(ctx); err != nil {
		return nil, err
	}
	p.files = r.Env.Files()
	sum := &Summary{}
	err := r.Stage("drawing", 0, func() error {
		if err := p.read(ctx); err != nil {
			return err
		}
		finite := p.finite()
		if len(finite) == 0 {
			return step.BadInput(o.Maps[0], "has no finite value, expected something to draw")
		}
		sum.Values, sum.Lowest, sum.Highest = len(finite), finite[0], finite[len(finite)-1]
		return p.write(ctx)
	})
	return sum, err
}

// plotter is one execution of the step.
type plotter struct {
	*step.Run
	o      *Options
	files  brain.Files
	held   int64 // bytes of values and figure
	places brain.Places
	values []float64        // at the places
	labels brain.LabelTable // of a map of labels
	solid  []bool           // of places: q below 0.05; nil without q
}

// read takes the map, or the layer whose map is highest.
func (p *plotter) read(ctx context.Context) error {
	var err error
	if p.values, p.places, err = p.one(ctx, p.o.Maps[0]); err != nil {
		return err
	}
	if p.o.Kind == "layers" {
		if err := p.highest(ctx); err != nil {
			return err
		}
	}
	if p.o.Q == "" {
		return nil
	}
	q, places, err := p.one(ctx, p.o.Q)
	if err != nil {
		return err
	}
	if err := p.same(places, len(q), p.o.Q); err != nil {
		return err
	}
	p.solid = make([]bool, len(q))
	for i, x := range q {
		p.solid[i] = x < 0.05
	}
	return nil
}

// same refuses values at other places than the first map's.
func (p *plotter) same(places brain.Places, n int, path string) error {
	if p.places != nil && places != nil {
		return p.places.Same(places)
	}
	if n != len(p.values) {
		return step.BadInput(path, "has %d values, but %s has %d", n, p.o.Maps[0], len(p.values))
	}
	return nil
}

// highest puts the number of the highest map in the place of each value, from 1; NaN
// where none is above 0.
func (p *plotter) highest(ctx context.Context) error {
	best := slices.Clone(p.values)
	layer := make([]float64, len(best))
	for l := range p.o.Maps {
		values := best
		if l > 0 {
			var places brain.Places
			var err error
			if values, places, err = p.one(ctx, p.o.Maps[l]); err != nil {
				return err
			}
			if err := p.same(places, len(values), p.o.Maps[l]); err != nil {
				return err
			}
		}
		for v, x := range values {
			switch {
			case l == 0:
				layer[v] = 1
			case x > best[v] || math.IsNaN(best[v]):
				best[v], layer[v] = x, float64(l+1)
			}
		}
	}
	for v := range layer {
		if !(best[v] > 0) {
			layer[v] = math.NaN()
		}
	}
	p.values = layer
	return nil
}

// one reads a map with where its values lie; an array without a mask lies nowhere.
func (p *plotter) one(ctx context.Context, path string) ([]float64, brain.Places, error) {
	if brain.KindByName(path) == nil {
		return p.array(ctx, path)
	}
	im, err := p.open(ctx, p.files, path)
	if err != nil {
		return nil, nil, err
	}
	defer im.Close()
	if n := im.Rows(); p.o.Number >= n {
		return nil, nil, step.BadInput(path, "has %d maps, but --number is %d; the first is 0", n, p.o.Number)
	}
	scratch, err := p.Job.Scratch("maps")
	if err != nil {
		return nil, nil, err
	}
	if err := im.Load(ctx, brain.Storage{Memory: p.Env.HostBudget(p.held), FS: p.files.FS, Scratch: scratch}); err != nil {
		return nil, nil, err
	}
	values, err := brain.Row(ctx, im, p.o.Number)
	return values, im.Places(), err
}

// open opens an image.
func (p *plotter) open(ctx context.Context, files brain.Files, path string) (brain.Image, error) {
	open := brain.OpenOptions{}
	if k := brain.KindByName(path); k.Geometry() == brain.OnGrid {
		open.Mask = p.o.Mask
		open.Nonzero = p.o.Mask == "" && !p.o.onPlaces() // what is outside the brain is no value
	} else if p.o.Mask != "" {
		return nil, step.BadInput(p.o.Mask, "is a mask of volumes, but %s is on surfaces", path)
	}
	return files.Open(ctx, path, open)
}

// array reads a row of an array; one of a single dimension is a row.
func (p *plotter) array(ctx context.Context, path string) ([]float64, brain.Places, error) {
	a, err := store.OpenArray(p.Env.FS, path)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	shape := a.Shape()
	rows, cols := 1, 0
	switch len(shape) {
	case 1:
		cols = shape[0]
	case 2:
		rows, cols = shape[0], shape[1]
	default:
		return nil, nil, step.BadInput(path, "has shape %v, expected a value per voxel, or rows of them", shape)
	}
	if p.o.Number >= rows {
		return nil, nil, step.BadInput(path, "has %d maps, but --number is %d; the first is 0", rows, p.o.Number)
	}
	var places brain.Places
	if p.o.Mask != "" {
		if places, err = p.files.OnMask(ctx, p.o.Mask); err != nil {
			return nil, nil, err
		}
		if places.Len() != cols {
			return nil, nil, step.BadInput(path, "has %d values, but the mask %s has %d voxels", cols, p.o.Mask, places.Len())
		}
	} else if p.o.onPlaces() {
		return nil, nil, step.BadInput(path, "is an array: expected --mask, which says where its values lie")
	}
	if len(shape) == 1 {
		values, _, err := store.LoadFloat64(ctx, p.Env.FS, path)
		return values, places, err
	}
	values, err := brain.Row(ctx, a, p.o.Number)
	return values, places, err
}

// write stores the figure, the page or the values.
func (p *plotter) write(ctx context.Context) error {
	switch p.o.ending() {
	case ".npy":
		return p.exportArray()
	case ".hdf":
		return p.exportPycortex()
	}
	f, page, err := p.figure(ctx)
	if err != nil {
		return err
	}
	var to func(w io.Writer) error
	switch p.o.ending() {
	case ".png":
		to = f.PNG
	case ".svg":
		to = f.SVG
	case ".pdf":
		to = f.PDF
	default:
		to = page.Write
	}
	return p.Job.WriteFile("", to)
}

// label names the values.
func (p *plotter) label() string {
	switch {
	case p.o.Label != "":
		return p.o.Label
	case p.o.Kind == "layers":
		return "layer with the highest value"
	}
	parts := brain.Parts(p.o.Maps[0])
	name := strings.SplitN(filepath.Base(parts[0]), ".", 2)[0]
	if len(parts) > 1 { // of both hemispheres
		name = strings.Replace(strings.Replace(name, "_hemi-L", "", 1), "_hemi-R", "", 1)
	}
	return name
}

// name says in words what is drawn.
func (p *plotter) name() string {
	if p.o.Title != "" {
		return p.o.Title
	}
	return strings.ToUpper(p.o.Kind[:1]) + p.o.Kind[1:] + " of " + p.label()
}
