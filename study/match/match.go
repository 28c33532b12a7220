// Package match compares the maps of atoms with networks of the brain, against maps that
// are as smooth as they are by chance: surrogates of volumes, spins of surfaces.
package match

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"

	"voxen/brain"
	"voxen/brain/plotting"
	"voxen/engine/permute"
	"voxen/engine/spatial"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the match step (docs/study.md, "match").
// Strings are as on the command line; "" is the default.
type Options struct {
	Maps      []string // a file per subject: (atoms, voxels) .npy, 4-D NIfTI, dscalar, dtseries or GIFTI
	Mask      string   // voxels of the maps; default: mask.nii.gz beside the first map if there is one
	Templates string   // labels or one map per network, of the maps' sort: NIfTI, CIFTI or GIFTI
	Table     string   // index, name and color of templates in a volume; default: the .tsv beside them
	Spheres   []string // GIFTI spheres, left then right, for maps on a surface
	Draws     int      // surrogates; 0: 5,000
	Seed      uint64
	FDR       float64 // an atom belongs to its best match below this q; 0: 0.05
	Out       string
}

// Summary is what the match step found.
type Summary struct {
	Out      string  `json:"out"`
	Subjects int     `json:"subjects"`
	Atoms    int     `json:"atoms"`
	Networks int     `json:"networks"`
	Voxels   int     `json:"voxels"`   // compared: in both grids, finite in every map
	LeftOut  int     `json:"left_out"` // voxels of the maps that were not
	Draws    int     `json:"draws"`
	Null     string  `json:"null"` // variogram or spin
	Matched  int     `json:"matched"`
	Device   string  `json:"device"`
	Seconds  float64 `json:"seconds"`
}

// What nulls are called.
const (
	variogramNull = "variogram"
	spinNull      = "spin"
)

// plan checks the options that need no file.
func (o *Options) plan() error {
	if o.Draws == 0 {
		o.Draws = 5000
	}
	if o.FDR == 0 {
		o.FDR = 0.05
	}
	switch {
	case len(o.Maps) == 0 || o.Templates == "" || o.Out == "":
		return step.BadInput("", "--maps, --templates and --out are needed")
	case o.Draws < 1 || o.Draws > 1e6:
		return step.BadInput("", "--draws %d, expected 1 to 1000000", o.Draws)
	case !(o.FDR > 0 && o.FDR < 1):
		return step.BadInput("", "--fdr %g, expected a rate between 0 and 1", o.FDR)
	}
	kind := brain.KindByName(o.Maps[0])
	for _, path := range o.Maps {
		if brain.KindByName(path) != kind {
			return step.BadInput(path, "is not of the kind of %s: give files of one kind", o.Maps[0])
		}
	}
	surface := kind != nil && kind.Geometry() == brain.OnSurfaces
	switch {
	case surface && len(o.Spheres) == 0:
		return step.BadInput(o.Maps[0], "is on surfaces, whose null needs --sphere: the GIFTI sphere of each hemisphere, left then right")
	case !surface && len(o.Spheres) > 0:
		return step.BadInput(o.Spheres[0], "is a sphere, but maps %s are not on surfaces", o.Maps[0])
	case surface && o.Mask != "":
		return step.BadInput(o.Mask, "is a mask of volumes, but maps %s are on surfaces", o.Maps[0])
	case kind == nil && o.Mask == "":
		if beside := maskBeside(o.Maps[0]); beside == "" {
			return step.BadInput(o.Maps[0], "is an array without a grid, expected --mask or mask.nii.gz beside it")
		}
	}
	if o.Mask == "" && !surface {
		o.Mask = maskBeside(o.Maps[0])
	}
	return nil
}

// maskBeside is the mask that encode wrote with its maps, if there is one.
func maskBeside(path string) string {
	mask := filepath.Join(filepath.Dir(path), "mask.nii.gz")
	if _, err := (store.OS{}).Stat(mask); err != nil {
		return ""
	}
	return mask
}

// options lists the options for run.json and for resuming.
func (o Options) options(e *step.Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	return []store.Option{
		s("draws", strconv.Itoa(o.Draws)), s("seed", strconv.FormatUint(o.Seed, 10)), s("fdr", strconv.FormatFloat(o.FDR, 'g', -1, 64)),
		s("precision", e.Precision.String()), s("device", e.Device),
	}
}

// Run compares the group-mean map of every atom with every network.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	var sum Summary
	if err := o.plan(); err != nil {
		return sum, err
	}
	if kind := brain.KindByName(o.Templates); o.Table == "" && kind != nil && kind.Geometry() == brain.OnGrid {
		tables, err := e.Files()
		if err != nil {
			return sum, err
		}
		if o.Table, err = tables.TableBeside(o.Templates); err != nil {
			return sum, err
		}
	}
	files := []step.File{{Role: "--mask", Path: o.Mask}, {Role: "--template-table", Path: o.Table}}
	for _, list := range []struct {
		role  string
		paths []string
	}{{"--maps", o.Maps}, {"--sphere", o.Spheres}, {"--templates", []string{o.Templates}}} {
		for _, path := range list.paths {
			for _, p := range brain.Parts(path) {
				files = append(files, step.File{Role: list.role, Path: p})
			}
		}
	}
	inputs, err := step.DigestFiles(ctx, e.FS, files)
	if err != nil {
		return sum, err
	}
	w, err := e.OpenDevice()
	if err != nil {
		return sum, err
	}
	defer w.Close()
	job, err := e.OpenJob(o.Out, store.JobOptions{Command: "match", Options: o.options(e), Inputs: inputs})
	if err != nil {
		return sum, err
	}
	defer job.Close()
	w.Job = job
	x := &matcher{Worker: w, o: o}
	if err := x.match(ctx); err != nil {
		return sum, err
	}
	run := x.RunJSON()
	if n := x.maps.cols - len(x.keep); n > 0 {
		run.LeftOut = []store.Count{{What: "voxels", Why: "outside the templates or not finite in every map", N: n}}
	}
	run.Results["matched"] = float64(x.matched())
	if err := job.Commit(ctx, run); err != nil {
		return sum, err
	}
	return Summary{Out: o.Out, Subjects: len(o.Maps), Atoms: x.maps.rows, Networks: len(x.networks), Voxels: len(x.keep),
		LeftOut: x.maps.cols - len(x.keep), Draws: o.Draws, Null: x.null(), Matched: x.matched(), Device: x.Backend.Device().Name, Seconds: run.Seconds}, nil
}

// matcher is one call of Match.
type matcher struct {
	*step.Worker
	o Options

	places    brain.Places
	maps      subjectMaps
	networks  brain.LabelTable
	labels    bool           // templates are labels
	keep      []int          // voxels of the maps that are compared
	templates spatial.Matrix // (networks, kept voxels)
	group     spatial.Matrix // (atoms, kept voxels), mean over subjects

	matches []match
}

// match is an atom's correlations and what follows from them.
type match struct {
	r      []float64 // per network
	sets   []overlap // per network
	best   int
	margin float64 // NaN with one network
	p, q   float64
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
func (m match) belongs(fdr float64) bool { return m.q < fdr && m.r[m.best] > 0 }

func (x *matcher) match(ctx context.Context) error {
	if err := x.Env.Stage("reading maps", len(x.o.Maps), func() error { return x.read(ctx) }); err != nil {
		return err
	}
	if err := x.places.WriteMask(ctx, x.Env.Output(x.Job)); err != nil {
		return err
	}
	var gram spatial.Matrix
	err := x.Env.Stage("comparing (voxels)", len(x.keep), func() (err error) {
		gram, err = x.products(ctx)
		return err
	})
	if err != nil {
		return err
	}
	x.correlate(gram)
	var high spatial.Matrix
	if err := x.Env.Stage("surrogates", x.o.Draws, func() (err error) { high, err = x.surrogates(ctx); return err }); err != nil {
		return err
	}
	ps := make([]float64, len(x.matches))
	for k := range x.matches {
		m := &x.matches[k]
		m.p = spatial.PValue(m.r[m.best], high.Row(k))
		ps[k] = m.p
	}
	for k, q := range permute.FDR(ps) {
		x.matches[k].q = q
	}
	return x.Env.Stage("writing", 0, func() error { return x.write(ctx, gram, high) })
}

// correlate fills in the matches from the sums of products of the maps of all
// subjects, one subject's after the other's, and of the templates.
func (x *matcher) correlate(gram spatial.Matrix) {
	S, K, L := len(x.o.Maps), x.maps.rows, len(x.networks)
	all := make([]int, S)
	for s := range all {
		all[s] = s
	}
	g := Products{gram, S, K, L}
	sets := make([][]bool, L)
	for b := range L {
		sets[b] = x.networkSet(b)
	}
	for k := range K {
		m := match{r: g.Correlations(k, all)}
		m.best, m.margin = BestOf(m.r)
		top := topSet(x.group.Row(k))
		for b := range L {
			m.sets = append(m.sets, overlapOf(top, sets[b]))
		}
		x.matches = append(x.matches, m)
	}
}

// BestOf finds the highest correlation, the first of equals, and by how much it
// exceeds the second highest (NaN if there is none).
func BestOf(r []float64) (best int, margin float64) {
	second := math.NaN()
	for b := 1; b < len(r); b++ {
		switch {
		case r[b] > r[best]:
			second, best = r[best], b
		case !(r[b] <= second): // or the first of them
			second = r[b]
		}
	}
	return best, r[best] - second
}

// surrogates gives the highest correlations of surrogates, (atoms x draws).
func (x *matcher) surrogates(ctx context.Context) (spatial.Matrix, error) {
	o := spatial.Options{Draws: x.o.Draws, Seed: x.o.Seed, Precision: x.Env.Precision, Checkpoint: x.Job,
		Progress: func(done, _ int) { x.Env.Report.Progress(done) }}
	if x.null() == spinNull {
		return x.spins(ctx, o)
	}
	lat, err := Lattice(x.places.(brain.GridPlaces).Mask(), x.keep)
	if err != nil {
		return spatial.Matrix{}, err
	}
	L := len(x.networks)
	sink, err := x.Job.CreateNpy(ctx, "surrogates.npy", step.DType(x.Env.Precision), lat.FieldRows(L), x.o.Draws, store.AsMatrix)
	if err != nil {
		return spatial.Matrix{}, err
	}
	err = x.draw(ctx, o, func(ctx context.Context, o spatial.Options) error {
		return spatial.Fields(ctx, x.Backend, lat, x.templates, sink, o)
	})
	if err != nil {
		return spatial.Matrix{}, err
	}
	fields, err := x.reopen(sink, "surrogates.npy")
	if err != nil {
		return spatial.Matrix{}, err
	}
	defer fields.Close()
	var weights, high spatial.Matrix
	err = x.Compute(ctx, step.Part{What: "variograms of maps"}, func(ctx context.Context) error {
		weights, err = spatial.Fit(ctx, x.Backend, lat, x.group)
		return err
	})
	if err != nil {
		return spatial.Matrix{}, err
	}
	err = x.Compute(ctx, step.Part{What: "highest correlations of surrogates"}, func(ctx context.Context) error {
		high, err = spatial.Highest(ctx, x.Backend, weights, fields, L)
		return err
	})
	return high, err
}

// draw computes the draws of a null that are not finished, within what memory there is.
func (x *matcher) draw(ctx context.Context, o spatial.Options, null func(context.Context, spatial.Options) error) error {
	return x.Compute(ctx, step.Part{What: "surrogates", N: o.Draws, Finished: x.Job.Finished}, func(ctx context.Context) (err error) {
		if o.Budget, err = x.Env.Budget(x.Backend, 0); err != nil {
			return err
		}
		return x.Env.Refuse(null(ctx, o), o.Budget)
	})
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
	voxels := make([][3]int, len(keep))
	for i, v := range keep {
		voxels[i][0], voxels[i][1], voxels[i][2] = m.Voxel(v)
	}
	return spatial.NewLattice(voxels, m.Grid.VoxelSize())
}

// write stores tables, numbers and images.
func (x *matcher) write(ctx context.Context, gram, high spatial.Matrix) error {
	if err := x.Job.WriteFile("matches.tsv", x.matchTable); err != nil {
		return err
	}
	err := x.Job.WriteFile("networks.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "index", "name", "color")
		for _, n := range x.networks {
			t.Row(strconv.Itoa(n.Key), n.Name, fmt.Sprintf("#%02x%02x%02x", n.Color[0], n.Color[1], n.Color[2]))
		}
		return t.Flush()
	})
	if err != nil {
		return err
	}
	arrays := []struct {
		name string
		m    spatial.Matrix
	}{{"subjects.npy", gram}, {"null.npy", high}}
	if x.null() == spinNull {
		arrays = arrays[:1] // the null was written draw by draw
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

// matchTable writes matches.tsv.
func (x *matcher) matchTable(w io.Writer) error {
	t := store.NewTableWriter(w, "atom", "network", "r", "dice", "jaccard", "overlap", "p", "q", "margin")
	for k, m := range x.matches {
		for b, n := range x.networks {
			p, q, margin := "n/a", "n/a", "n/a"
			if b == m.best {
				p, q, margin = step.Number(m.p), step.Number(m.q), step.Number(m.margin)
			}
			s := m.sets[b]
			t.Row(strconv.Itoa(k), n.Name, step.Number(m.r[b]), step.Number(s.dice), step.Number(s.jaccard), step.Number(s.overlap), p, q, margin)
		}
	}
	return t.Flush()
}

// figure draws the correlations of atoms with networks.
func (x *matcher) figure() error {
	h := plotting.HeatMap{Title: "Spatial correlation of atoms with networks", YLabel: "Network", XLabel: "Atom", Label: "r",
		Rows: len(x.networks), Cols: len(x.matches), XStep: 1, Limit: 1}
	for _, n := range x.networks {
		h.RowNames = append(h.RowNames, n.Name)
	}
	for b := range x.networks {
		for _, m := range x.matches {
			h.Values = append(h.Values, m.r[b])
		}
	}
	return WriteHeatMap(x.Job, "matches.png", h)
}

// WriteHeatMap draws an output of a job.
func WriteHeatMap(job *store.Job, name string, h plotting.HeatMap) error {
	img, err := h.Draw()
	if err != nil {
		return err
	}
	return job.WriteFile(name, func(w io.Writer) error { return plotting.WritePNG(w, img) })
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
	src, err := tileOf(x.maps.rows, V, all)
	if err != nil {
		return err
	}
	m := brain.Maps{Name: "group_maps", Rows: src, Label: func(r int) string { return "atom " + strconv.Itoa(r) },
		Row: func(_ context.Context, r int, dst []float64) error { copy(dst, all[r*V:(r+1)*V]); return nil }}
	return x.places.Write(ctx, x.Env.Output(x.Job), m)
}
