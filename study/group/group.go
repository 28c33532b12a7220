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
	"voxen/engine/tile"
	"voxen/internal/permute"
	"voxen/store"
	"voxen/study/step"
)

// Options are the group step: tests over subjects.
type Options struct {
	Maps         []string `opt:"maps" file:"in" doc:"map of a subject, such as test_score or nested_score of encode: NIfTI, CIFTI dscalar, GIFTI or .npy; one per subject"`
	Subjects     []string `opt:"subjects" key:"-" list:"comma" doc:"a,b,... names of the subjects (default: sub-NAME in the paths)"`
	Mask         string   `opt:"mask" file:"in" doc:"mask of the images"`
	Atlas        string   `opt:"atlas" file:"in" key:"atlas" doc:"label image: brain scores are means over its regions: of volumes, a dlabel, or L.label.gii,R.label.gii"`
	FisherZ      bool     `opt:"fisher-z" key:"-" doc:"maps are correlations: test atanh(r)"`
	Indices      string   `opt:"indices" file:"in" doc:"table with participant_id and a column per index"`
	Contrasts    []string `opt:"contrast" key:"-" doc:"a-b: test the difference of two columns of --indices"`
	Participants string   `opt:"participants" file:"in" key:"participants" doc:"table of the subjects, participants.tsv"`
	Scores       []string `opt:"scores" list:"comma" doc:"a,b,... its columns with cognitive scores"`
	Covariates   []string `opt:"covariates" list:"comma" doc:"a,b,... its columns that are held constant"`
	Permutations int      `opt:"permutations" default:"5000" min:"1" max:"1000000" doc:"sign flips and permutations"`
	Seed         uint64   `opt:"seed" doc:"of the permutations"`
	Out          string   `opt:"out" file:"out" required:"true" doc:"folder of the results"`
}

// Summary is what the group step found.
type Summary struct {
	step.Ended
	Subjects     int  `json:"subjects"`
	Voxels       int  `json:"voxels"`
	LeftOut      int  `json:"left_out"` // voxels that are constant or not finite in a subject
	Regions      int  `json:"regions"`
	Tests        int  `json:"tests"`        // rows of group.tsv
	Significant  int  `json:"significant"`  // of them, q < 0.05
	Permutations int  `json:"permutations"` // of the test that took most
	Exact        bool `json:"exact"`        // they are all there are, in every test
	// Score is what the maps are, "test r" or "nested r2"; empty of maps that are no scores
	// of encode. MeansOnly says that they are not tested: a subject has no null.
	Score     string `json:"score,omitempty"`
	MeansOnly bool   `json:"means_only"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is.
func (o *Options) Command() step.Command {
	return step.Command{Name: "group", Results: 2, Device: true}
}

// Check refuses options that do not go together.
func (o *Options) Check() error {
	switch {
	case len(o.Maps) == 0 && o.Indices == "":
		return step.BadInput("", "--maps or --indices are needed: what is compared over subjects")
	case len(o.Maps) == 1:
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
	}
	return nil
}

// MoreInputs are the table of the atlas beside it, and what encode wrote beside the maps:
// what they are, and the means of their nulls.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	tables, err := step.LabelTables(e.FS, "--atlas", o.Atlas)
	return append(tables, beside(e.FS, o.Maps)...), err
}

// Do tests maps and indices over subjects and correlates brain scores with what a
// table of participants says.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	g := &grouper{Run: r, o: o}
	defer g.close()
	if err := g.open(ctx); err != nil {
		return nil, err
	}
	if err := g.group(ctx); err != nil {
		return nil, err
	}
	for _, t := range g.tests {
		if t.df > 0 {
			g.sum.Tests++
		}
		if t.q < 0.05 {
			g.sum.Significant++
		}
	}
	return &g.sum, nil
}

// grouper is one execution of the step.
type grouper struct {
	*step.Run
	o            *Options
	subjects     []string        // of the maps
	maps         *step.Responses // a row per subject; nil without maps
	nulls        *step.Responses // means of their nulls; nil of maps that are no scores, or without one
	meansOnly    bool            // a score without a null is not tested
	participants *Participants   // nil without a table
	samples      []*sample
	tests        []testRow
	sum          Summary
}

const brainScore = "brain score"

// sample is what is compared over subjects: brain scores or indices.
type sample struct {
	of       string // brainScore or "index"
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
	for _, r := range []*step.Responses{g.maps, g.nulls} {
		if r != nil {
			r.Close()
		}
	}
}

// open reads the small inputs and opens the maps.
func (g *grouper) open(ctx context.Context) (err error) {
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
	if len(g.o.Maps) == 0 {
		return nil
	}
	if g.subjects, err = subjectNames(g.o.Maps, g.o.Subjects); err != nil {
		return err
	}
	g.Resolve("subjects", strings.Join(g.subjects, ","))
	kind, without, err := scores(g.Env.FS, g.o.Maps)
	if err != nil {
		return err
	}
	budget := g.Env.Budget(g.Backend, 0)
	if g.maps, err = openMaps(ctx, g.Env, g.o.Maps, g.o.Mask, nil, brain.Storage{Memory: max(budget/2, 64<<20)}); err != nil {
		return err
	}
	g.sum.Score, g.meansOnly = kind.kind, without != ""
	g.sum.MeansOnly = g.meansOnly
	if g.meansOnly {
		g.Result("means_only", 1)
	}
	switch {
	case g.meansOnly:
		what := "tested"
		if len(g.o.Scores) > 0 {
			what = "tested or correlated"
		}
		g.Warn("%s: is a held-out score without the mean of its null beside it (%s, of encode --null): means alone are given, nothing is %s", without, nullMean, what)
	case kind.kind != "":
		var nulls []string
		for _, path := range g.o.Maps {
			nulls = append(nulls, nullOf(path))
		}
		g.Result("nulls", 1)
		g.nulls, err = openMaps(ctx, g.Env, nulls, g.o.Mask, g.maps, brain.Storage{Memory: max(budget/4, 64<<20)})
	}
	return err
}

// compared are the maps that are compared over subjects.
func (g *grouper) compared() compared {
	c := compared{maps: g.maps, fisher: g.o.FisherZ}
	if g.nulls != nil {
		c.nulls = g.nulls
	}
	return c
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
	err := g.Stage("testing", 0, func() error {
		for _, s := range g.samples {
			if g.meansOnly && s.of == brainScore {
				g.meanRows(s)
				continue
			}
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
			df := "n/a"
			if r.df > 0 {
				df = strconv.Itoa(r.df)
			}
			t.Row(r.test, r.of, r.variable, strconv.Itoa(r.subjects), step.Number(r.estimate), step.Number(r.t), df, step.Number(r.pT), step.Number(r.p), step.Number(r.pM), step.Number(r.q))
		}
		return t.Flush()
	})
}

// test runs one test within what memory there is.
func (g *grouper) test(ctx context.Context, p step.Part, run func(context.Context, permute.Options) (*permute.Result, error)) (res *permute.Result, err error) {
	err = g.Compute(ctx, p, func(ctx context.Context) error {
		o := permute.Options{Draws: g.o.Permutations, Seed: g.o.Seed, Progress: func(done, _ int) { g.Progress(done) }}
		o.Budget = g.Env.Budget(g.Backend, 0)
		res, err = run(ctx, o)
		return g.Env.Refuse(err)
	})
	return res, err
}

// voxels tests every voxel of the maps and writes mean, t, p and q as maps.
func (g *grouper) voxels(ctx context.Context) error {
	src := g.compared()
	if g.meansOnly {
		return g.voxelMeans(ctx, src)
	}
	kept, err := step.NewSavedState(g.Job, "columns")
	if err != nil {
		return err
	}
	var res *permute.Result
	err = g.Stage("testing (voxels)", src.Cols(), func() (err error) {
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
	g.LeaveOut("voxels", "constant over subjects or not finite in one", res.LeftOut)
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

// voxelMeans writes the mean of every voxel, which is not tested.
func (g *grouper) voxelMeans(ctx context.Context, src compared) error {
	means, err := columnMeans(ctx, src)
	if err != nil {
		return err
	}
	for _, x := range means {
		if math.IsNaN(x) {
			g.sum.LeftOut++
		}
	}
	g.sum.Subjects, g.sum.Voxels = src.Rows(), src.Cols()
	g.LeaveOut("voxels", "not finite in a subject", g.sum.LeftOut)
	if g.sum.LeftOut == src.Cols() {
		return step.BadInput(g.o.Maps[0], "has no voxel to average: all %d are not finite in a subject", src.Cols())
	}
	return g.writeMap(ctx, "mean", means)
}

// writeMap writes one value per voxel, as an image too where the maps are images.
func (g *grouper) writeMap(ctx context.Context, name string, values []float64) error {
	err := g.Job.WriteFile(name+".npy", func(w io.Writer) error {
		if g.Env.Precision == op.Float64 {
			return store.WriteNpy(w, []int{len(values)}, values)
		}
		return store.WriteNpy(w, []int{len(values)}, step.Narrowed(values))
	})
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

// brainScores averages every subject's map over the whole brain and over the regions of
// the atlas, and the mean of its null over the same voxels; it writes brain_scores.tsv
// and brain_nulls.tsv. What is tested is the score less that of the null.
func (g *grouper) brainScores(ctx context.Context) (*sample, error) {
	s := &sample{of: brainScore, subjects: g.subjects, names: []string{"whole brain"}, family: []int{0}}
	scores, nulls, _, err := g.regionMeans(ctx, make([]int, g.maps.Cols()), 1)
	if err != nil {
		return nil, err
	}
	if g.o.Atlas != "" {
		if scores, nulls, err = g.regions(ctx, s, scores, nulls); err != nil {
			return nil, err
		}
	}
	n := g.maps.Rows()
	table := *s
	table.data = byRow(scores, n)
	if err := g.Job.WriteFile("brain_scores.tsv", table.write); err != nil {
		return nil, err
	}
	c := g.compared()
	for _, x := range table.data { // the table holds scores, the tests their z
		s.data = append(s.data, c.scaled(x))
	}
	if nulls == nil {
		return s, nil
	}
	table.data = byRow(nulls, n)
	for i, x := range table.data {
		s.data[i] -= c.scaled(x)
	}
	return s, g.Job.WriteFile("brain_nulls.tsv", table.write)
}

// regions appends the regions of the atlas to a sample of the whole brain.
func (g *grouper) regions(ctx context.Context, s *sample, scores, nulls [][]float64) (_, _ [][]float64, err error) {
	if g.maps.Places == nil {
		return nil, nil, step.BadInput(g.o.Atlas, "is an atlas, but maps %s are an array without places", g.o.Maps[0])
	}
	labels, err := g.maps.Places.Labels(ctx, g.Env.Files(), g.o.Atlas, "")
	if err != nil {
		return nil, nil, err
	}
	g.Env.Notes(labels.Notes)
	g.sum.Regions = len(labels.Table)
	of, nullsOf, voxels, err := g.regionMeans(ctx, labels.At, g.sum.Regions)
	if err != nil {
		return nil, nil, err
	}
	for r, name := range labels.Table.Distinct() {
		if voxels[r] == 0 {
			g.LeaveOut("regions", "without a voxel: "+name, 1)
			continue
		}
		s.names, s.family = append(s.names, name), append(s.family, 1)
		scores = append(scores, of[r])
		if nulls != nil {
			nulls = append(nulls, nullsOf[r])
		}
	}
	if len(s.names) == 1 {
		return nil, nil, step.BadInput(g.o.Atlas, "has no region with a voxel that varies in %s", g.o.Maps[0])
	}
	return scores, nulls, nil
}

// regionMeans averages maps, and the means of their nulls if there are any, over the
// voxels of each region that are compared: a column of subjects for each region, and how
// many voxels went into it.
func (g *grouper) regionMeans(ctx context.Context, region []int, regions int) (scores, nulls [][]float64, voxels []int, err error) {
	c := g.compared()
	used, err := brain.RegionMeans(ctx, c, region, regions, g.meansOnly)
	if err != nil {
		return nil, nil, nil, err
	}
	columns := func(src brain.Columns) ([][]float64, error) {
		means, err := brain.RegionMeans(ctx, src, used.Used, regions, true)
		if err != nil {
			return nil, err
		}
		out := make([][]float64, regions)
		for r := range out {
			out[r] = columnOf(means.Values, means.Rows, regions, r)
		}
		return out, nil
	}
	if scores, err = columns(c.maps); err == nil && c.nulls != nil {
		nulls, err = columns(c.nulls)
	}
	return scores, nulls, used.Voxels, err
}

// byRow lays columns of n values out by row.
func byRow(columns [][]float64, n int) []float64 {
	data := make([]float64, n*len(columns))
	for j, c := range columns {
		for i, x := range c {
			data[i*len(columns)+j] = x
		}
	}
	return data
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

// meanRows records the means of brain scores that are not tested.
func (g *grouper) meanRows(s *sample) {
	nan, n := math.NaN(), len(s.subjects)
	for j, name := range s.names {
		mean := 0.0
		for _, x := range columnOf(s.data, n, len(s.names), j) {
			mean += x / float64(n)
		}
		g.tests = append(g.tests, testRow{"mean", s.of, name, n, 0, mean, nan, nan, nan, nan, nan})
	}
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
	g.LeaveOut("subjects", fmt.Sprintf("no %s or no covariate (%s)", score, s.of), len(s.subjects)-len(keep))
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

// openMaps opens a map of one row per subject: arrays, or images of one sort. With first,
// not nil, they have its voxels.
func openMaps(ctx context.Context, e *step.Env, paths []string, mask string, first *step.Responses, st brain.Storage) (*step.Responses, error) {
	var r *step.Responses
	var err error
	if brain.KindByName(paths[0]) == nil {
		r, err = openVectors(e.FS, paths, mask)
	} else {
		r, err = step.OpenResponses(ctx, e, paths, brain.OpenOptions{Mask: mask, Rows: brain.MapRows}, first, func(int) brain.Storage { return st })
	}
	if err != nil {
		return nil, err
	}
	if first == nil {
		first = r
	}
	for i, p := range r.Parts {
		switch {
		case p.Rows() != 1:
			err = step.BadInput(paths[i], "has %d maps, expected one", p.Rows())
		case p.Cols() != first.Cols():
			err = step.BadInput(paths[i], "has %d voxels, %s has %d", p.Cols(), first.Paths[0], first.Cols())
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
