package study

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/permute"
	"voxen/engine/tile"
	"voxen/store"
)

// GroupOptions are the options of the group step (docs/study.md, "group").
// Strings are as on the command line; "" is the default.
type GroupOptions struct {
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

// GroupSummary is what the group step found.
type GroupSummary struct {
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

// defaultDraws is the number of permutations: p-values in steps of 0.0002.
const defaultDraws = 5000

// check refuses options that need no file to be seen wrong.
func (o *GroupOptions) check() error {
	if o.Permutations == 0 {
		o.Permutations = defaultDraws
	}
	switch {
	case o.Out == "":
		return input("", "--out is needed")
	case len(o.Maps) == 0 && o.Indices == "":
		return input("", "--maps or --indices are needed: what is compared over subjects")
	case len(o.Maps) > 0 && len(o.Maps) < 2:
		return input(o.Maps[0], "is the map of one subject, expected at least two")
	case len(o.Subjects) > 0 && len(o.Subjects) != len(o.Maps):
		return input("", "--subjects names %d, expected one for each of %d maps", len(o.Subjects), len(o.Maps))
	case len(o.Maps) == 0 && (o.Atlas != "" || o.Mask != ""):
		return input(o.Atlas+o.Mask, "is given, but no --maps that it could apply to")
	case len(o.Contrasts) > 0 && o.Indices == "":
		return input("", "--contrast %s is of --indices, which is not given", o.Contrasts[0])
	case (o.Participants == "") != (len(o.Scores) == 0):
		return input("", "--participants and --scores go together, expected both or neither")
	case len(o.Covariates) > 0 && len(o.Scores) == 0:
		return input("", "--covariates are of --scores, which is not given")
	case o.Permutations < 1 || o.Permutations > maxPermutations:
		return input("", "--permutations %d, expected 1 to %d", o.Permutations, maxPermutations)
	}
	return nil
}

// maxPermutations bounds what a panel of draws takes to 4 GB.
const maxPermutations = 1_000_000

// options lists the options for run.json and for resuming.
func (o GroupOptions) options(e *Env) []store.Option {
	s := func(name, value string) store.Option { return store.Option{Name: "--" + name, Value: value} }
	list := func(l []string) string { return strings.Join(l, ",") }
	return []store.Option{
		s("subjects", list(o.Subjects)), s("fisher-z", strconv.FormatBool(o.FisherZ)), s("contrast", list(o.Contrasts)), s("scores", list(o.Scores)),
		s("covariates", list(o.Covariates)), s("permutations", strconv.Itoa(o.Permutations)), s("seed", strconv.FormatUint(o.Seed, 10)), s("device", e.Device),
	}
}

// Group tests maps and indices over subjects and correlates brain scores with
// what a table of participants says.
func Group(ctx context.Context, e *Env, o GroupOptions) (GroupSummary, error) {
	e.begin()
	if err := o.check(); err != nil {
		return GroupSummary{}, err
	}
	w, err := e.open()
	if err != nil {
		return GroupSummary{}, err
	}
	defer w.close()
	g := &grouper{worker: w, o: o}
	defer g.close()
	if err := g.open(ctx); err != nil {
		return GroupSummary{}, err
	}
	if err := g.group(ctx); err != nil {
		g.settle(err)
		return GroupSummary{}, err
	}
	run := g.runJSON()
	if g.sum.LeftOut > 0 {
		run.LeftOut = append(run.LeftOut, store.Count{What: "voxels", Why: "constant over subjects or not finite in one", N: g.sum.LeftOut})
	}
	run.LeftOut = append(run.LeftOut, g.leftOut...)
	if err := g.job.Commit(ctx, run); err != nil {
		return GroupSummary{}, err
	}
	g.sum.Out, g.sum.Device, g.sum.Seconds = o.Out, g.be.Device().Name, run.Seconds
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
	*worker
	o            GroupOptions
	maps         *responses    // a row per subject; nil without maps
	participants *participants // nil without a table
	samples      []*sample
	tests        []groupTest
	leftOut      []store.Count
	sum          GroupSummary
}

// sample is what is compared over subjects: brain scores or indices.
type sample struct {
	of       string // "brain score" or "index"
	subjects []string
	names    []string
	family   []int     // names of one family are corrected together
	data     []float64 // (subjects x names)
}

// groupTest is a row of group.tsv.
type groupTest struct {
	test, of, variable        string
	subjects, df              int
	estimate, t, pT, p, pM, q float64
}

func (g *grouper) close() {
	if g.maps != nil {
		g.maps.Close()
	}
	if g.job != nil {
		g.job.Close()
	}
}

// open reads the small inputs, opens the maps and begins the output.
func (g *grouper) open(ctx context.Context) error {
	files := []file{{"--mask", g.o.Mask}, {"--indices", g.o.Indices}, {"--participants", g.o.Participants}}
	for _, path := range hemispheresOf(g.o.Atlas) {
		files = append(files, file{"--atlas", path})
	}
	for _, path := range g.o.Maps {
		for _, part := range hemispheresOf(path) {
			files = append(files, file{"--maps", part})
		}
	}
	inputs, err := digests(ctx, g.e.FS, files)
	if err != nil {
		return err
	}
	if g.o.Participants != "" {
		if g.participants, err = readParticipants(g.e.FS, g.o.Participants, g.o.Scores, g.o.Covariates); err != nil {
			return err
		}
	}
	if g.o.Indices != "" {
		s, err := readIndices(g.e.FS, g.o.Indices, g.o.Contrasts)
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
	if g.job, err = g.e.openJob(g.o.Out, store.JobOptions{Command: "group", Options: g.o.options(g.e), Inputs: inputs}); err != nil {
		return err
	}
	budget, err := g.e.budget(g.be, 0)
	if err != nil || len(g.o.Maps) == 0 {
		return err
	}
	g.maps, err = openMaps(ctx, g.e.FS, g.o.Maps, g.o.Mask, brain.Storage{Memory: max(budget/2, 64<<20)})
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
	err := g.e.stage("testing", 0, func() error {
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
	return g.job.WriteFile("group.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "test", "of", "variable", "subjects", "estimate", "t", "df", "p_t", "p", "p_max", "q")
		for _, r := range g.tests {
			t.Row(r.test, r.of, r.variable, strconv.Itoa(r.subjects), number(r.estimate), number(r.t), strconv.Itoa(r.df), number(r.pT), number(r.p), number(r.pM), number(r.q))
		}
		return t.Flush()
	})
}

// test runs one test within what memory there is.
func (g *grouper) test(ctx context.Context, p part, run func(context.Context, permute.Options) (*permute.Result, error)) (res *permute.Result, err error) {
	err = g.compute(ctx, p, func(ctx context.Context) error {
		o := permute.Options{Draws: g.o.Permutations, Seed: g.o.Seed, Progress: func(done, _ int) { g.e.Report.Progress(done) }}
		if o.Budget, err = g.e.budget(g.be, 0); err != nil {
			return err
		}
		res, err = run(ctx, o)
		return g.e.refuse(err, o.Budget)
	})
	return res, err
}

// voxels tests every voxel of the maps and writes mean, t, p and q as maps.
func (g *grouper) voxels(ctx context.Context) error {
	var src tile.Source = g.maps
	if g.o.FisherZ {
		src = fisher{src}
	}
	kept, err := newSavedState(g.job, "columns")
	if err != nil {
		return err
	}
	var res *permute.Result
	err = g.e.stage("testing (voxels)", src.Cols(), func() (err error) {
		res, err = g.test(ctx, part{what: "columns", n: src.Cols(), finished: kept.saved}, func(ctx context.Context, o permute.Options) (*permute.Result, error) {
			o.Checkpoint = savedColumns{kept}
			return permute.OneSample(ctx, g.be, src, o)
		})
		return err
	})
	if err != nil {
		return err
	}
	V := src.Cols()
	g.sum.Subjects, g.sum.Voxels, g.sum.LeftOut = src.Rows(), V, res.LeftOut
	if res.LeftOut == V {
		return input(g.o.Maps[0], "has no voxel to test: all %d are constant over the subjects or not finite in one", V)
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
	err := g.job.WriteFile(name+".npy", func(w io.Writer) error { return store.WriteNpy(w, []int{len(values)}, narrowed(values)) })
	if err != nil || g.maps.places == nil {
		return err
	}
	rows, err := tile.Of(1, len(values), values)
	if err != nil {
		return err
	}
	return g.maps.places.write(ctx, &mapWriter{g.job, g.e.FS, op.Float32}, maps{name: name, rows: rows, label: func(int) string { return name },
		row: func(_ context.Context, _ int, dst []float64) error { copy(dst, values); return nil }})
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
		if err := g.maps.average(ctx, g.o.Atlas, nil); err != nil {
			return nil, err
		}
		g.sum.Regions = g.maps.Cols()
		values := make([]float64, n*g.sum.Regions)
		if err := g.maps.ReadFloat64(ctx, 0, g.sum.Regions, values, g.sum.Regions); err != nil {
			return nil, err
		}
		for r, l := range g.maps.regions.table {
			if g.maps.regions.voxels[r] == 0 {
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
	err = g.job.WriteFile("brain_scores.tsv", func(w io.Writer) error { return s.write(w) })
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
			row = append(row, number(s.data[i*len(s.names)+j]))
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
	res, err := g.test(ctx, part{what: "mean of " + s.of}, func(ctx context.Context, o permute.Options) (*permute.Result, error) {
		return permute.OneSample(ctx, g.be, src, o)
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
	keep, x, z, q, err := g.participants.of(score, s.subjects)
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
	res, err := g.test(ctx, part{what: "correlation of " + s.of + " with " + score}, func(ctx context.Context, o permute.Options) (*permute.Result, error) {
		return permute.Partial(ctx, g.be, src, x, covariates, o)
	})
	if errors.Is(err, permute.ErrNoVariation) {
		return input(g.o.Participants, "column %s is constant or a combination of the covariates over the %d subjects", score, len(keep))
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
		g.tests = append(g.tests, groupTest{test, s.of, name, n, res.DF, res.Estimate[j], res.T[j], res.PT[j], res.P[j], res.PMax[j], q[j]})
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
	return readNarrow(ctx, f, lo, hi, dst, stride)
}

var subjectEntity = regexp.MustCompile(`sub-[A-Za-z0-9]+`)

// subjectNames gives a name per map: those given, or the last sub-NAME of each path.
func subjectNames(paths, given []string) ([]string, error) {
	names := slices.Clone(given)
	for i, path := range paths {
		if len(given) == 0 {
			found := subjectEntity.FindAllString(filepath.ToSlash(path), -1)
			if len(found) == 0 {
				return nil, input(path, "has no sub-NAME in its path, expected one or --subjects")
			}
			names = append(names, found[len(found)-1])
		}
		if at := slices.Index(names[:i], names[i]); at >= 0 {
			return nil, input(path, "is of subject %s, as %s is: expected a map per subject", names[i], paths[at])
		}
	}
	return names, nil
}

// openMaps opens a map of one row per subject: arrays, or images of one sort.
func openMaps(ctx context.Context, fsys store.FS, paths []string, mask string, st brain.Storage) (*responses, error) {
	var r *responses
	var err error
	switch imageKind(paths[0]) {
	case "":
		if r, err = openVectors(fsys, paths, mask); err != nil {
			return nil, err
		}
	case "cifti":
		r = &responses{paths: paths, series: brain.DenseScalar}
		for _, path := range paths {
			if err = r.openCifti(path); err != nil {
				r.Close()
				return nil, err
			}
		}
	default:
		if r, err = openResponses(ctx, fsys, paths, mask, nil, func(int) brain.Storage { return st }); err != nil {
			return nil, err
		}
	}
	for i, p := range r.parts {
		switch {
		case p.Rows() != 1:
			err = input(paths[i], "has %d maps, expected one", p.Rows())
		case p.Cols() != r.Cols():
			err = input(paths[i], "has %d voxels, %s has %d", p.Cols(), paths[0], r.Cols())
		case p.Cols() == 0:
			err = input(paths[i], "has no voxels")
		}
		if err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// openVectors opens arrays of one value per voxel.
func openVectors(fsys store.FS, paths []string, mask string) (*responses, error) {
	r := &responses{paths: paths}
	for _, path := range paths {
		if imageKind(path) != "" {
			r.Close()
			return nil, input(path, "is not of the kind of %s: give files of one kind", paths[0])
		}
		a, err := store.OpenArray(fsys, path)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.close = append(r.close, a.Close)
		if len(a.Shape()) == 1 {
			a = a.AsRow()
		}
		r.parts = append(r.parts, a)
	}
	if mask != "" {
		r.Close()
		return nil, input(mask, "is a mask, but maps %s are arrays without a grid", paths[0])
	}
	return r, nil
}
