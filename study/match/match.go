// Package match compares the maps of atoms with networks of the brain, against maps that
// are as smooth as they are by chance: surrogates of volumes, spins of surfaces.
package match

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/internal/permute"
	"voxen/internal/plotting"
	"voxen/internal/spatial"
	"voxen/store"
	"voxen/study/step"
)

// Options are the match step (docs/study.md, "match").
type Options struct {
	Maps      []string `opt:"maps" file:"in" required:"true" doc:"maps of one subject, an atom each: (atoms, voxels) .npy, 4-D NIfTI, dscalar.nii, or two .func.gii with a comma between"`
	Mask      string   `opt:"mask" file:"in" doc:"voxels of the maps (default: mask.nii.gz beside them, else where a map is not 0)"`
	Templates string   `opt:"templates" key:"templates" file:"in" required:"true" doc:"networks: labels, or one map each; NIfTI, dlabel.nii, dscalar.nii, or two .label.gii or .shape.gii with a comma between"`
	Table     string   `opt:"template-table" key:"table" file:"in" doc:"index, name and color of templates in a volume (default: the .tsv beside them)"`
	Spheres   []string `opt:"sphere" key:"spheres" file:"in" doc:"GIFTI sphere of a hemisphere, left then right, for maps on surfaces"`
	Nulls     []string `opt:"nulls" list:"comma" default:"maps,subjects,stimulus" oneof:"maps,subjects,stimulus" doc:"what p is the largest of: surrogates of the maps, flips of subjects' signs, and the stimulus null where one is given (default: all)"`
	Draws     int      `opt:"draws" default:"5000" min:"1" max:"1000000" doc:"surrogates of the null"`
	Seed      uint64   `opt:"seed" doc:"of the surrogates"`
	Stimulus  string   `opt:"stimulus-null" file:"folder" doc:"folder of voxen null of the same atoms, subjects and templates: its null is one of those that p is the largest of"`
	FDR       float64  `opt:"fdr" default:"0.05" above:"0" below:"1" doc:"false discovery rate over atoms: one belongs to its best match below this q"`
	Out       string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
}

// Summary is what the match step found.
type Summary struct {
	step.Ended
	Subjects int    `json:"subjects"`
	Atoms    int    `json:"atoms"`
	Networks int    `json:"networks"`
	Voxels   int    `json:"voxels"`   // compared: in both grids, finite in every map
	LeftOut  int    `json:"left_out"` // voxels of the maps that were not
	Draws    int    `json:"draws"`
	Null     string `json:"null"` // of maps: variogram or spin
	Matched  int    `json:"matched"`
}

// What nulls are called.
const (
	variogramNull = "variogram"
	spinNull      = "spin"
)

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "match", Results: 5, Device: true}
}

// surface reports whether the maps are on surfaces.
func (o *Options) surface() bool {
	kind := brain.KindByName(o.Maps[0])
	return kind != nil && kind.Geometry() == brain.OnSurfaces
}

// Check refuses maps of several kinds, and spheres or a mask of maps that have none.
func (o *Options) Check() error {
	kind := brain.KindByName(o.Maps[0])
	for _, path := range o.Maps {
		if brain.KindByName(path) != kind {
			return step.BadInput(path, "is not of the kind of %s: give files of one kind", o.Maps[0])
		}
	}
	if o.Stimulus != "" && !o.runs(nullStimulus) {
		return step.BadInput(o.Stimulus, "is a stimulus null, but --nulls %s leaves it out", strings.Join(o.Nulls, ","))
	}
	if !o.runs(nullMaps) && o.Stimulus == "" && !(o.runs(nullSubjects) && len(o.Maps) >= FewestInP) {
		return step.BadInput("", "--nulls %s: none of them is part of p with %d subjects and without --stimulus-null", strings.Join(o.Nulls, ","), len(o.Maps))
	}
	switch surface := o.surface(); {
	case surface && len(o.Spheres) == 0:
		return step.BadInput(o.Maps[0], "is on surfaces, whose null needs --sphere: the GIFTI sphere of each hemisphere, left then right")
	case !surface && len(o.Spheres) > 0:
		return step.BadInput(o.Spheres[0], "is a sphere, but maps %s are not on surfaces", o.Maps[0])
	case surface && o.Mask != "":
		return step.BadInput(o.Mask, "is a mask of volumes, but maps %s are on surfaces", o.Maps[0])
	}
	return nil
}

// The nulls of p, as --nulls names them.
const (
	nullMaps     = "maps"
	nullSubjects = "subjects"
	nullStimulus = "stimulus"
)

// runs reports whether a null is among those asked for.
func (o *Options) runs(null string) bool { return slices.Contains(o.Nulls, null) }

// mask is the mask of the maps: the one named, else that which encode wrote beside
// them, "" if there is none.
func (o *Options) mask(fsys store.FS) string {
	beside := filepath.Join(filepath.Dir(o.Maps[0]), "mask.nii.gz")
	if o.Mask != "" || o.surface() || !step.Exists(fsys, beside) {
		return o.Mask
	}
	return beside
}

// TemplateTable is the table of labels of templates in a volume: the one named, else that
// beside the templates, "" if there is none.
func TemplateTable(e *step.Env, templates, table string) (string, error) {
	kind := brain.KindByName(templates)
	if table != "" || kind == nil || kind.Geometry() != brain.OnGrid {
		return table, nil
	}
	files := e.Files()
	return files.TableBeside(templates)
}

// MoreInputs are the mask beside the maps, the table beside the templates, and the files
// of the stimulus null.
func (o *Options) MoreInputs(e *step.Env) (list []step.File, err error) {
	mask := o.mask(e.FS)
	if mask == "" && brain.KindByName(o.Maps[0]) == nil {
		return nil, step.BadInput(o.Maps[0], "is an array without a grid, expected --mask or mask.nii.gz beside it")
	}
	if mask != o.Mask {
		list = append(list, step.File{Role: "--mask", Path: mask})
	}
	table, err := TemplateTable(e, o.Templates, o.Table)
	if err == nil && table != o.Table {
		list = append(list, step.File{Role: "--template-table", Path: table})
	}
	if o.Stimulus != "" {
		for _, name := range []string{StimulusNull, StimulusObserved, networksFile} {
			list = append(list, step.File{Role: "--stimulus-null", Path: filepath.Join(o.Stimulus, name)})
		}
	}
	return list, err
}

// Parts allows parts of the draws of surrogates.
func (o *Options) Parts() error {
	if !o.runs(nullMaps) {
		return step.BadInput("", "--nulls %s has no surrogates of maps, whose draws are what parts have: run voxen match as it is", strings.Join(o.Nulls, ","))
	}
	return nil
}

// Do compares the group-mean map of every atom with every network.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x := &matcher{Run: r, o: o, mask: o.mask(r.Env.FS)}
	var err error
	if x.table, err = TemplateTable(r.Env, o.Templates, o.Table); err != nil {
		return nil, err
	}
	if err := x.match(ctx); err != nil {
		return nil, err
	}
	sum := &Summary{Subjects: len(o.Maps), Atoms: x.maps.rows, Networks: len(x.networks), Voxels: len(x.keep),
		LeftOut: x.maps.cols - len(x.keep), Draws: o.Draws, Null: x.null(), Matched: x.matched()}
	r.LeaveOut("voxels", "outside the templates or not finite in every map", sum.LeftOut)
	r.Result("subjects", float64(sum.Subjects))
	r.Result("matched", float64(sum.Matched))
	return sum, nil
}

// matcher is one execution of the step.
type matcher struct {
	*step.Run
	o           *Options
	mask, table string // of the maps and of the templates

	places    brain.Places
	maps      subjectMaps
	held      heldBytes
	networks  brain.LabelTable
	labels    bool        // templates are labels
	keep      []int       // voxels of the maps that are compared
	templates tile.Matrix // (networks, kept voxels)
	group     tile.Matrix // (atoms, kept voxels), mean over subjects

	matches []match
}

// match is an atom's correlations and what follows from them.
type match struct {
	r      []float64 // per network
	sets   []overlap // per network, of the top of sign times the map
	best   int       // the network of the largest |r|
	sign   int       // of r there
	margin float64   // in |r|; NaN with one network
	nulls  pvalues
	p, q   float64 // p is the largest of the nulls that take part
}

// pvalues are those of the largest |r| under each null, NaN for one that was not run.
type pvalues struct{ maps, subjects, stimulus float64 }

// largest is the p of an atom of so many subjects: the largest of the nulls that take
// part.
func (p pvalues) largest(subjects int) float64 {
	if subjects < FewestInP {
		p.subjects = math.NaN()
	}
	top := math.NaN()
	for _, x := range []float64{p.maps, p.subjects, p.stimulus} {
		if !(x <= top) && !math.IsNaN(x) {
			top = x
		}
	}
	return top
}

// null is what the surrogates are made by.
func (x *matcher) null() string {
	if len(x.o.Spheres) > 0 {
		return spinNull
	}
	return variogramNull
}

// matched counts the atoms that belong to their best match.
func (x *matcher) matched() int {
	n := 0
	for _, m := range x.matches {
		if m.belongs(x.o.FDR) {
			n++
		}
	}
	return n
}

// belongs reports whether an atom belongs to its best match.
func (m match) belongs(fdr float64) bool { return m.q < fdr && m.r[m.best] != 0 }

func (x *matcher) match(ctx context.Context) error {
	if err := x.Stage("reading maps", len(x.o.Maps), func() error { return x.read(ctx) }); err != nil {
		return err
	}
	if err := x.places.WriteMask(ctx, x.Env.Output(x.Job)); err != nil {
		return err
	}
	var gram tile.Matrix
	err := x.Stage("comparing (voxels)", len(x.keep), func() (err error) {
		gram, err = x.products(ctx)
		return err
	})
	if err != nil {
		return err
	}
	products := Products{gram, len(x.o.Maps), x.maps.rows, len(x.networks)}
	x.correlate(products)
	var high tile.Matrix
	if x.o.runs(nullMaps) {
		if err := x.Stage("surrogates", x.o.Draws, func() (err error) { high, err = x.surrogates(ctx); return err }); err != nil {
			return err
		}
	}
	about, err := x.stimulus(ctx)
	if err != nil {
		return err
	}
	if about.Cols > 0 {
		x.Result("stimulus_draws", float64(about.Cols))
	}
	x.test(products, high, about)
	return x.Stage("writing", 0, func() error { return x.write(ctx, gram, high) })
}

// test fills in what the nulls say: high and about hold the largest |r| of surrogates
// and of stimuli that were not heard, (atoms x draws); empty for one that was not run.
func (x *matcher) test(g Products, high, about tile.Matrix) {
	ps := make([]float64, g.K)
	subjects := make([]float64, g.K)
	for k := range subjects {
		subjects[k] = math.NaN()
	}
	if g.S >= fewestFlipped && x.o.runs(nullSubjects) {
		subjects = g.flipped(x.o.Draws, x.o.Seed)
	}
	for k := range x.matches {
		m := &x.matches[k]
		m.nulls = pvalues{math.NaN(), subjects[k], math.NaN()}
		for _, n := range []struct {
			draws tile.Matrix
			p     *float64
		}{{high, &m.nulls.maps}, {about, &m.nulls.stimulus}} {
			if n.draws.Rows > 0 {
				*n.p = spatial.PValue(math.Abs(m.r[m.best]), n.draws.Row(k))
			}
		}
		m.p = m.nulls.largest(g.S)
		ps[k] = m.p
	}
	for k, q := range permute.FDR(ps) {
		x.matches[k].q = q
	}
}

// correlate fills in the matches from the sums of products of the maps of all
// subjects, one subject's after the other's, and of the templates.
func (x *matcher) correlate(g Products) {
	K, L := g.K, g.L
	all := make([]int, g.S)
	for s := range all {
		all[s] = s
	}
	sets := make([][]bool, L)
	for b := range L {
		sets[b] = x.networkSet(b)
	}
	for k := range K {
		m := match{r: g.Correlations(k, all)}
		m.best, m.sign, m.margin = BestOf(m.r)
		top := topSet(x.group.Row(k), m.sign)
		for b := range L {
			m.sets = append(m.sets, overlapOf(top, sets[b]))
		}
		x.matches = append(x.matches, m)
	}
}

// BestOf finds the largest |r|, the first of equals, the sign of r there (1 of 0), and
// by how much |r| exceeds the second largest (NaN if there is none).
func BestOf(r []float64) (best, sign int, margin float64) {
	second := math.NaN()
	for b := 1; b < len(r); b++ {
		switch size := math.Abs(r[b]); {
		case size > math.Abs(r[best]):
			second, best = math.Abs(r[best]), b
		case !(size <= second): // or the first of them
			second = size
		}
	}
	sign = 1
	if r[best] < 0 {
		sign = -1
	}
	return best, sign, math.Abs(r[best]) - second
}

// surrogates gives the largest |r| of surrogates, (atoms x draws).
func (x *matcher) surrogates(ctx context.Context) (tile.Matrix, error) {
	o := spatial.Options{Draws: x.o.Draws, Seed: x.o.Seed, Precision: x.Env.Precision, Checkpoint: x.Job,
		Progress: func(done, _ int) { x.Progress(done) }}
	if x.null() == spinNull {
		return x.spins(ctx, o)
	}
	lat, err := Lattice(x.places.(brain.GridPlaces).Mask(), x.keep)
	if err != nil {
		return tile.Matrix{}, err
	}
	L := len(x.networks)
	sink, err := x.Job.CreateNpy(ctx, "surrogates.npy", step.DType(x.Env.Precision), lat.FieldRows(L), x.o.Draws, store.AsMatrix)
	if err != nil {
		return tile.Matrix{}, err
	}
	err = x.draw(ctx, o, func(ctx context.Context, o spatial.Options) error {
		return spatial.Fields(ctx, x.Backend, lat, x.templates, sink, o)
	})
	if err != nil {
		return tile.Matrix{}, err
	}
	fields, err := x.reopen(sink, "surrogates.npy")
	if err != nil {
		return tile.Matrix{}, err
	}
	defer fields.Close()
	var weights, high tile.Matrix
	err = x.Compute(ctx, step.Part{What: "variograms of maps"}, func(ctx context.Context) error {
		weights, err = spatial.Fit(ctx, x.Backend, lat, x.group)
		return err
	})
	if err != nil {
		return tile.Matrix{}, err
	}
	err = x.Compute(ctx, step.Part{What: "highest correlations of surrogates"}, func(ctx context.Context) error {
		high, err = spatial.Highest(ctx, x.Backend, weights, fields, L, x.Budget(x.held.draws))
		return x.Env.Refuse(err)
	})
	return high, err
}

// draw computes the draws of a null that are not finished, within what memory there is.
func (x *matcher) draw(ctx context.Context, o spatial.Options, null func(context.Context, spatial.Options) error) error {
	err := x.Compute(ctx, step.Part{What: "surrogates", N: o.Draws}, func(ctx context.Context) (err error) {
		o.Budget = x.Budget(x.held.draws)
		return x.Env.Refuse(null(ctx, o))
	})
	if err == nil && x.InPart() { // what follows is of all draws
		_, err = x.EndPart()
	}
	return err
}

// reopen reads an output of the job that is not finished yet.
func (x *matcher) reopen(sink *store.ArraySink, name string) (store.Array, error) {
	if err := sink.Sync(); err != nil {
		return nil, err
	}
	path, err := x.Job.Path(name)
	if err != nil {
		return nil, err
	}
	return store.OpenNpy(x.Env.FS, path)
}

// Lattice gives the lattice of some voxels of a mask.
func Lattice(m *brain.Mask, keep []int) (*spatial.Lattice, error) {
	return spatial.NewLattice(len(keep), func(v int) (i, j, k int) { return m.Voxel(keep[v]) }, m.Grid.VoxelSize())
}

// write stores tables, numbers and images.
func (x *matcher) write(ctx context.Context, gram, high tile.Matrix) error {
	if err := x.Job.WriteFile("matches.tsv", x.matchTable); err != nil {
		return err
	}
	if err := WriteNetworks(x.Job, x.networks); err != nil {
		return err
	}
	arrays := []struct {
		name string
		m    tile.Matrix
	}{{"subjects.npy", gram}, {"null.npy", high}}
	if x.null() == spinNull || !x.o.runs(nullMaps) {
		arrays = arrays[:1] // the null was written draw by draw, or there is none
	}
	for _, a := range arrays {
		err := x.Job.WriteFile(a.name, func(w io.Writer) error { return store.WriteNpy(w, []int{a.m.Rows, a.m.Cols}, a.m.Data) })
		if err != nil {
			return err
		}
	}
	if err := x.figure(); err != nil {
		return err
	}
	return x.groupImages(ctx)
}

// networksFile is the table of networks that match and null write.
const networksFile = "networks.tsv"

// WriteNetworks writes networks.tsv: index, name and color.
func WriteNetworks(job *store.Job, networks brain.LabelTable) error {
	return job.WriteFile(networksFile, func(w io.Writer) error {
		t := store.NewTableWriter(w, "index", "name", "color")
		for _, n := range networks {
			t.Row(strconv.Itoa(n.Key), n.Name, fmt.Sprintf("#%02x%02x%02x", n.Color[0], n.Color[1], n.Color[2]))
		}
		return t.Flush()
	})
}

// matchTable writes matches.tsv.
func (x *matcher) matchTable(w io.Writer) error {
	t := store.NewTableWriter(w, "atom", "network", "r", "dice", "jaccard", "overlap", "sign", "p_maps", "p_subjects", "p_stimulus", "p", "q", "margin")
	for k, m := range x.matches {
		for b, n := range x.networks {
			s := m.sets[b]
			row := []string{strconv.Itoa(k), n.Name, step.Number(m.r[b]), step.Number(s.dice), step.Number(s.jaccard), step.Number(s.overlap)}
			for _, y := range []float64{float64(m.sign), m.nulls.maps, m.nulls.subjects, m.nulls.stimulus, m.p, m.q, m.margin} {
				if b != m.best {
					y = math.NaN()
				}
				row = append(row, step.Number(y))
			}
			t.Row(row...)
		}
	}
	return t.Flush()
}

// figure draws the correlations of atoms with networks.
func (x *matcher) figure() error {
	h := plotting.HeatMap{Title: "Spatial correlation of atoms with networks", Alt: "heat map of the correlation of every atom's map with every network", YLabel: "Network", XLabel: "Atom",
		Scale: plotting.Scale{Label: "r", Diverging: true, High: 1}, Rows: len(x.networks), Cols: len(x.matches), XStep: 1}
	for _, n := range x.networks {
		h.RowNames = append(h.RowNames, n.Name)
	}
	for b := range x.networks {
		for _, m := range x.matches {
			h.Values = append(h.Values, m.r[b])
		}
	}
	return plotting.WriteFiles("matches", h.Draw, x.Job.WriteFile)
}

// groupImages writes the mean maps over subjects as images of the maps' sort; a
// voxel that was not compared is NaN.
func (x *matcher) groupImages(ctx context.Context) error {
	V := x.maps.cols
	all := make([]float64, x.maps.rows*V)
	for i := range all {
		all[i] = math.NaN()
	}
	for k := range x.maps.rows {
		for i, v := range x.keep {
			all[k*V+v] = x.group.Row(k)[i]
		}
	}
	src, err := tile.Of(x.maps.rows, V, all)
	if err != nil {
		return err
	}
	m := brain.Maps{Name: "group_maps", Rows: src, Label: func(r int) string { return "atom " + strconv.Itoa(r) },
		Row: func(_ context.Context, r int, dst []float64) error { copy(dst, all[r*V:(r+1)*V]); return nil }}
	return x.places.Write(ctx, x.Env.Output(x.Job), m)
}
