// Package group tests maps, indices and their correlations with scores over subjects, by
// permutation.
package group

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/permute"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Options are the options of the group step (docs/study.md, "group").
// Strings are as on the command line; "" is the default.
type Options struct {
	Maps     []string // a map per subject: an image of one volume or a vector
	Subjects []string // their names; from sub-NAME in the paths if empty
	Mask     string   // voxels of the images
	Atlas    string   // label image: regions over which maps are averaged
	FisherZ  bool     // maps are correlations: test atanh(r)

	Indices   string   // table with participant_id and a column per index
	Contrasts []string // "a-b": differences of columns of Indices; all columns if empty

	Participants string   // participants.tsv
	Scores       []string // its columns that hold cognitive scores
	Covariates   []string // its columns that are held constant

	Permutations int // 0: 5,000
	Seed         uint64
	Out          string
}

// Summary is what the group step found.
type Summary struct {
	Out          string  `json:"out"`
	Subjects     int     `json:"subjects"`
	Voxels       int     `json:"voxels"`
	LeftOut      int     `json:"left_out"` // voxels that are constant or not finite in a subject
	Regions      int     `json:"regions"`
	Tests        int     `json:"tests"`        // rows of group.tsv
	Significant  int     `json:"significant"`  // of them, q < 0.05
	Permutations int     `json:"permutations"` // of the test that took most
	Exact        bool    `json:"exact"`        // they are all there are, in every test
	Device       string  `json:"device"`
	Seconds      float64 `json:"seconds"`
}

// DefaultPermutations is the number of permutations: p-values in steps of 0.0002.
const DefaultPermutations = 5000

// check refuses options that need no file to be seen wrong.
func (o *Options) check() error {
	if o.Permutations == 0 {
		o.Permutations = DefaultPermutations
	}
	switch {
	case o.Out == "":
		return step.BadInput("", "--out is needed")
	case len(o.Maps) == 0 && o.Indices == "":
		return step.BadInput("", "--maps or --indices are needed: what is compared over subjects")
	case len(o.Maps) > 0 && len(o.Maps) < 2:
		return step.BadInput(o.Maps[0], "is the map of one subject, expected at least two")
	case len(o.Subjects) > 0 && len(o.Subjects) != len(o.Maps):
		return step.BadInput("", "--subjects names %d, expected one for each of %d maps", len(o.Subjects), len(o.Maps))
	case len(o.Maps) == 0 && (o.Atlas != "" || o.Mask != ""):
		return step.BadInput(o.Atlas+o.Mask, "is given, but no --maps that it could apply to")
	case len(o.Contrasts) > 0 && o.Indices == "":
		return step.BadInput("", "--contrast %s is of --indices, which is not given", o.Contrasts[0])
	case (o.Participants == "") != (len(o.Scores) == 0):
		return step.BadInput("", "--participants and --scores go together, expected both or neither")
	case len(o.Covariates) > 0 && len(o.Scores) == 0:
		return step.BadInput("", "--covariates are of --scores, which is not given")
	case o.Permutations < 1 || o.Permutations > maxPermutations:
		return step.BadInput("", "--permutations %d, expected 1 to %d", o.Permutations, maxPermutations)
	}
	return nil
}

// maxPermutations bounds what a panel of draws takes to 4 GB.
const maxPermutations = 1_000_000

// options lists the options for run.json and for resuming.
func (o Options) options(e *step.Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	list := func(l []string) string { return strings.Join(l, ",") }
	return []store.Option{
		s("subjects", list(o.Subjects)), s("fisher-z", strconv.FormatBool(o.FisherZ)), s("contrast", list(o.Contrasts)), s("scores", list(o.Scores)),
		s("covariates", list(o.Covariates)), s("permutations", strconv.Itoa(o.Permutations)), s("seed", strconv.FormatUint(o.Seed, 10)), s("device", e.Device),
	}
}

// Run tests maps and indices over subjects and correlates brain scores with
// what a table of participants says.
func Run(ctx context.Context, e *step.Env, o Options) (Summary, error) {
	e.Begin()
	if err := o.check(); err != nil {
		return Summary{}, err
	}
	w, err := e.OpenDevice()
	if err != nil {
		return Summary{}, err
	}
	defer w.Close()
	g := &grouper{Worker: w, o: o}
	defer g.close()
	if err := g.open(ctx); err != nil {
		return Summary{}, err
	}
	if err := g.group(ctx); err != nil {
		g.Settle(err)
		return Summary{}, err
	}
	run := g.RunJSON()
	if g.sum.LeftOut > 0 {
		run.LeftOut = append(run.LeftOut, store.Count{What: "voxels", Why: "constant over subjects or not finite in one", N: g.sum.LeftOut})
	}
	run.LeftOut = append(run.LeftOut, g.leftOut...)
	if err := g.Job.Commit(ctx, run); err != nil {
		return Summary{}, err
	}
	g.sum.Out, g.sum.Device, g.sum.Seconds = o.Out, g.Backend.Device().Name, run.Seconds
	g.sum.Tests = len(g.tests)
	for _, t := range g.tests {
		if t.q < 0.05 {
			g.sum.Significant++
		}
	}
	return g.sum, nil
}

// grouper is one call of Group.
type grouper struct {
	*step.Worker
	o            Options
	maps         *step.Responses // a row per subject; nil without maps
	participants *Participants   // nil without a table
	samples      []*sample
	tests        []testRow
	leftOut      []store.Count
	sum          Summary
}

// sample is what is compared over subjects: brain scores or indices.
type sample struct {
	of       string // "brain score" or "index"
	subjects []string
	names    []string
	family   []int     // names of one family are corrected together
	data     []float64 // (subjects x names)
}

// testRow is a row of group.tsv.
type testRow struct {
	test, of, variable        string
	subjects, df              int
	estimate, t, pT, p, pM, q float64
}

func (g *grouper) close() {
	if g.maps != nil {
		g.maps.Close()
	}
	if g.Job != nil {
		g.Job.Close()
	}
}

// open reads the small inputs, opens the maps and begins the output.
func (g *grouper) open(ctx context.Context) error {
	files := []step.File{{Role: "--mask", Path: g.o.Mask}, {Role: "--indices", Path: g.o.Indices}, {Role: "--participants", Path: g.o.Participants}}
	for _, path := range brain.Parts(g.o.Atlas) {
		files = append(files, step.File{Role: "--atlas", Path: path})
	}
	for _, path := range g.o.Maps {
		for _, part := range brain.Parts(path) {
			files = append(files, step.File{Role: "--maps", Path: part})
		}
	}
	inputs, err := step.DigestFiles(ctx, g.Env.FS, files)
	if err != nil {
		return err
	}
	if g.o.Participants != "" {
		if g.participants, err = ReadParticipants(g.Env.FS, g.o.Participants, g.o.Scores, g.o.Covariates); err != nil {
			return err
		}
	}
	if g.o.Indices != "" {
		s, err := readIndices(g.Env.FS, g.o.Indices, g.o.Contrasts)
		if err != nil {
			return err
		}
		g.samples = append(g.samples, s)
	}
	if len(g.o.Maps) > 0 {
		if g.o.Subjects, err = subjectNames(g.o.Maps, g.o.Subjects); err != nil {
			return err
		}
	}
	if g.Job, err = g.Env.OpenJob(g.o.Out, store.JobOptions{Command: "group", Options: g.o.options(g.Env), Inputs: inputs}); err != nil {
		return err
	}
	budget, err := g.Env.Budget(g.Backend, 0)
	if err != nil || len(g.o.Maps) == 0 {
		return err
	}
	g.maps, err = openMaps(ctx, g.Env, g.o.Maps, g.o.Mask, brain.Storage{Memory: max(budget/2, 64<<20)})
	return err
}

// group runs all tests and writes what they found.
func (g *grouper) group(ctx context.Context) error {
	if g.maps != nil {
		if err := g.voxels(ctx); err != nil {
			return err
		}
		scores, err := g.brainScores(ctx)
		if err != nil {
			return err
		}
		g.samples = append([]*sample{scores}, g.samples...)
	}
	err := g.Env.Stage("testing", 0, func() error {
		for _, s := range g.samples {
			if err := g.means(ctx, s); err != nil {
				return err
			}
			for _, score := range g.o.Scores {
				if err := g.correlations(ctx, s, score); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return g.Job.WriteFile("group.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "test", "of", "variable", "subjects", "estimate", "t", "df", "p_t", "p", "p_max", "q")
		for _, r := range g.tests {
			t.Row(r.test, r.of, r.variable, strconv.Itoa(r.subjects), step.Number(r.estimate), step.Number(r.t), strconv.Itoa(r.df), step.Number(r.pT), step.Number(r.p), step.Number(r.pM), step.Number(r.q))
		}
		return t.Flush()
	})
}

// test runs one test within what memory there is.
func (g *grouper) test(ctx context.Context, p step.Part, run func(context.Context, permute.Options) (*permute.Result, error)) (res *permute.Result, err error) {
	err = g.Compute(ctx, p, func(ctx context.Context) error {
		o := permute.Options{Draws: g.o.Permutations, Seed: g.o.Seed, Progress: func(done, _ int) { g.Env.Report.Progress(done) }}
		if o.Budget, err = g.Env.Budget(g.Backend, 0); err != nil {
			return err
		}
		res, err = run(ctx, o)
		return g.Env.Refuse(err, o.Budget)
	})
	return res, err
}

// voxels tests every voxel of the maps and writes mean, t, p and q as maps.
func (g *grouper) voxels(ctx context.Context) error {
	var src tile.Source = g.maps
	if g.o.FisherZ {
		src = fisher{src}
	}
	kept, err := step.NewSavedState(g.Job, "columns")
	if err != nil {
		return err
	}
	var res *permute.Result
	err = g.Env.Stage("testing (voxels)", src.Cols(), func() (err error) {
		res, err = g.test(ctx, step.Part{What: "columns", N: src.Cols(), Finished: kept.Saved}, func(ctx context.Context, o permute.Options) (*permute.Result, error) {
			o.Checkpoint = step.SavedColumns{SavedState: kept}
			return permute.OneSample(ctx, g.Backend, src, o)
		})
		return err
	})
	if err != nil {
		return err
	}
	V := src.Cols()
	g.sum.Subjects, g.sum.Voxels, g.sum.LeftOut = src.Rows(), V, res.LeftOut
	if res.LeftOut == V {
		return step.BadInput(g.o.Maps[0], "has no voxel to test: all %d are constant over the subjects or not finite in one", V)
	}
	for _, m := range []struct {
		name   string
		values []float64
	}{{"mean", res.Estimate}, {"t", res.T}, {"p", res.P}, {"p_max", res.PMax}, {"q", permute.FDR(res.P)}} {
		if err := g.writeMap(ctx, m.name, m.values); err != nil {
			return err
		}
	}
	return nil
}

// writeMap writes one value per voxel, as an image too where the maps are images.
func (g *grouper) writeMap(ctx context.Context, name string, values []float64) error {
	err := g.Job.WriteFile(name+".npy", func(w io.Writer) error { return store.WriteNpy(w, []int{len(values)}, step.Narrowed(values)) })
	if err != nil || g.maps.Places == nil {
		return err
	}
	rows, err := tile.Of(1, len(values), values)
	if err != nil {
		return err
	}
	return g.maps.Places.Write(ctx, g.Env.Output(g.Job), brain.Maps{Name: name, Rows: rows, Label: func(int) string { return name },
		Row: func(_ context.Context, _ int, dst []float64) error { copy(dst, values); return nil }})
}

// brainScores averages every subject's map over the whole brain and over the
// regions of the atlas, and writes brain_scores.tsv.
func (g *grouper) brainScores(ctx context.Context) (*sample, error) {
	n := g.maps.Rows()
	s := &sample{of: "brain score", subjects: g.o.Subjects, names: []string{"whole brain"}, family: []int{0}}
	whole, err := brain.RegionMeans(ctx, g.maps, make([]int, g.maps.Cols()), 1, false)
	if err != nil {
		return nil, err
	}
	columns := [][]float64{whole.Values}
	if g.o.Atlas != "" {
		if err := g.maps.Average(ctx, g.Env, g.o.Atlas, nil); err != nil {
			return nil, err
		}
		g.sum.Regions = g.maps.Cols()
		values := make([]float64, n*g.sum.Regions)
		if err := g.maps.ReadFloat64(ctx, 0, g.sum.Regions, values, g.sum.Regions); err != nil {
			return nil, err
		}
		for r, l := range g.maps.Regions.Table {
			if g.maps.Regions.Voxels[r] == 0 {
				g.leftOut = append(g.leftOut, store.Count{What: "regions", Why: "without a voxel: " + l.Name, N: 1})
				continue
			}
			s.names, s.family = append(s.names, l.Name), append(s.family, 1)
			columns = append(columns, columnOf(values, n, g.sum.Regions, r))
		}
	}
	s.data = make([]float64, n*len(columns))
	for j, c := range columns {
		for i, x := range c {
			s.data[i*len(columns)+j] = x
		}
	}
	err = g.Job.WriteFile("brain_scores.tsv", func(w io.Writer) error { return s.write(w) })
	if g.o.FisherZ { // the table holds correlations, the tests their z
		for i, x := range s.data {
			s.data[i] = math.Atanh(x)
		}
	}
	return s, err
}

// columnOf copies column j of a (rows x cols) array.
func columnOf(data []float64, rows, cols, j int) []float64 {
	c := make([]float64, rows)
	for i := range c {
		c[i] = data[i*cols+j]
	}
	return c
}

// write writes a row per subject.
func (s *sample) write(w io.Writer) error {
	t := store.NewTableWriter(w, append([]string{"participant_id"}, s.names...)...)
	for i, name := range s.subjects {
		row := []string{name}
		for j := range s.names {
			row = append(row, step.Number(s.data[i*len(s.names)+j]))
		}
		t.Row(row...)
	}
	return t.Flush()
}

// rows gives the values of some subjects as a source.
func (s *sample) rows(keep []int) (*tile.Array[float64], error) {
	K := len(s.names)
	data := make([]float64, 0, len(keep)*K)
	for _, i := range keep {
		data = append(data, s.data[i*K:(i+1)*K]...)
	}
	return tile.Of(len(keep), K, data)
}

// means tests whether the means of a sample are 0.
func (g *grouper) means(ctx context.Context, s *sample) error {
	all := make([]int, len(s.subjects))
	for i := range all {
		all[i] = i
	}
	g.sum.Subjects = max(g.sum.Subjects, len(all))
	src, err := s.rows(all)
	if err != nil {
		return err
	}
	res, err := g.test(ctx, step.Part{What: "mean of " + s.of}, func(ctx context.Context, o permute.Options) (*permute.Result, error) {
		return permute.OneSample(ctx, g.Backend, src, o)
	})
	if err != nil {
		return err
	}
	g.record("mean", s, len(all), res)
	return nil
}

// correlations tests the partial correlation of a sample with a cognitive score
// over the subjects that have it and every covariate.
func (g *grouper) correlations(ctx context.Context, s *sample, score string) error {
	keep, x, z, q, err := g.participants.Of(score, s.subjects)
	if err != nil {
		return err
	}
	if n := len(s.subjects) - len(keep); n > 0 {
		g.leftOut = append(g.leftOut, store.Count{What: "subjects", Why: fmt.Sprintf("no %s or no covariate (%s)", score, s.of), N: n})
	}
	src, err := s.rows(keep)
	if err != nil {
		return err
	}
	covariates := op.Tensor{}
	if q > 0 {
		covariates = op.Tensor{Dims: op.Dims{1, 1, len(keep), q}, Data: z}
	}
	res, err := g.test(ctx, step.Part{What: "correlation of " + s.of + " with " + score}, func(ctx context.Context, o permute.Options) (*permute.Result, error) {
		return permute.Partial(ctx, g.Backend, src, x, covariates, o)
	})
	if errors.Is(err, permute.ErrNoVariation) {
		return step.BadInput(g.o.Participants, "column %s is constant or a combination of the covariates over the %d subjects", score, len(keep))
	}
	if err != nil {
		return err
	}
	g.record("correlation with "+score, s, len(keep), res)
	return nil
}

// record appends a row per variable, with q over each family.
func (g *grouper) record(test string, s *sample, n int, res *permute.Result) {
	g.sum.Exact = res.Exact && (g.sum.Exact || len(g.tests) == 0)
	draws := res.Draws
	if res.Exact {
		draws++ // the order that was observed is one of all
	}
	g.sum.Permutations = max(g.sum.Permutations, draws)
	q := make([]float64, len(s.names))
	for f := range slices.Max(s.family) + 1 {
		p := make([]float64, len(s.names))
		for j := range p {
			p[j] = math.NaN()
			if s.family[j] == f {
				p[j] = res.P[j]
			}
		}
		for j, x := range permute.FDR(p) {
			if s.family[j] == f {
				q[j] = x
			}
		}
	}
	for j, name := range s.names {
		g.tests = append(g.tests, testRow{test, s.of, name, n, res.DF, res.Estimate[j], res.T[j], res.PT[j], res.P[j], res.PMax[j], q[j]})
	}
}

// fisher is atanh of correlations.
type fisher struct{ tile.Source }

// ReadFloat64 reads and transforms.
func (f fisher) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	if err := f.Source.ReadFloat64(ctx, lo, hi, dst, stride); err != nil {
		return err
	}
	for t := range f.Rows() {
		for v := range hi - lo {
			dst[t*stride+v] = math.Atanh(dst[t*stride+v])
		}
	}
	return nil
}

// ReadFloat32 is ReadFloat64 rounded.
func (f fisher) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return step.ReadNarrow(ctx, f, lo, hi, dst, stride)
}

// subjectNames gives a name per map: those given, or the last sub-NAME of each path.
func subjectNames(paths, given []string) ([]string, error) {
	names := slices.Clone(given)
	for i, path := range paths {
		if len(given) == 0 {
			name := step.SubjectIn(path)
			if name == "" {
				return nil, step.BadInput(path, "has no sub-NAME in its path, expected one or --subjects")
			}
			names = append(names, name)
		}
		if at := slices.Index(names[:i], names[i]); at >= 0 {
			return nil, step.BadInput(path, "is of subject %s, as %s is: expected a map per subject", names[i], paths[at])
		}
	}
	return names, nil
}

// openMaps opens a map of one row per subject: arrays, or images of one sort.
func openMaps(ctx context.Context, e *step.Env, paths []string, mask string, st brain.Storage) (*step.Responses, error) {
	var r *step.Responses
	var err error
	if brain.KindByName(paths[0]) == nil {
		r, err = openVectors(e.FS, paths, mask)
	} else {
		r, err = step.OpenResponses(ctx, e, paths, brain.OpenOptions{Mask: mask, Rows: brain.MapRows}, nil, func(int) brain.Storage { return st })
	}
	if err != nil {
		return nil, err
	}
	for i, p := range r.Parts {
		switch {
		case p.Rows() != 1:
			err = step.BadInput(paths[i], "has %d maps, expected one", p.Rows())
		case p.Cols() != r.Cols():
			err = step.BadInput(paths[i], "has %d voxels, %s has %d", p.Cols(), paths[0], r.Cols())
		case p.Cols() == 0:
			err = step.BadInput(paths[i], "has no voxels")
		}
		if err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// openVectors opens arrays of one value per voxel.
func openVectors(fsys store.FS, paths []string, mask string) (*step.Responses, error) {
	r := &step.Responses{Paths: paths}
	for _, path := range paths {
		if brain.KindByName(path) != nil {
			r.Close()
			return nil, step.BadInput(path, "is not of the kind of %s: give files of one kind", paths[0])
		}
		a, err := store.OpenArray(fsys, path)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.Closers = append(r.Closers, a.Close)
		if len(a.Shape()) == 1 {
			a = a.AsRow()
		}
		r.Parts = append(r.Parts, a)
	}
	if mask != "" {
		r.Close()
		return nil, step.BadInput(mask, "is a mask, but maps %s are arrays without a grid", paths[0])
	}
	return r, nil
}
