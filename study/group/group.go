// Package group tests maps, indices and their correlations with scores over subjects, by
// permutation.
package group

import (
	"context"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/engine"
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
	return step.Command{Name: "group", Results: 3, Device: true}
}

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return []step.Rule{
		step.Needs("--atlas", "--maps", "its regions are of maps"),
		step.Needs("--mask", "--maps", "it is of maps"),
		step.Needs("--contrast", "--indices", "the table whose columns are compared"),
		step.Needs("--participants", "--scores", "its columns that are compared"),
		step.Needs("--scores", "--participants", "the table that has them"),
		step.Needs("--covariates", "--scores", "they are held constant for these"),
	}
}

// Check refuses too few maps, and other subjects than they are of.
func (o *Options) Check() error {
	switch {
	case len(o.Maps) == 0 && o.Indices == "":
		return step.BadInput("", "--maps or --indices are needed: what is compared over subjects")
	case len(o.Maps) == 1:
		return step.BadInput(o.Maps[0], "is the map of one subject, expected at least two")
	case len(o.Subjects) > 0 && len(o.Subjects) != len(o.Maps):
		return step.BadInput("", "--subjects names %d, expected one for each of %d maps", len(o.Subjects), len(o.Maps))
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
	held         int64 // bytes that testing every voxel holds besides the engine's buffers
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
	if g.maps, err = openMaps(ctx, g.Env, g.o.Maps, g.o.Mask, nil); err != nil {
		return err
	}
	g.Unloaded(g.maps, "maps")
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
		if g.nulls, err = openMaps(ctx, g.Env, nulls, g.o.Mask, g.maps); err != nil {
			return err
		}
		g.Unloaded(g.nulls, "nulls")
	}
	return g.plan(ctx)
}

// plan refuses a bound of memory that is too small for the test of every voxel, or the
// means over regions.
func (g *grouper) plan(ctx context.Context) error {
	S, V := int64(g.maps.Rows()), int64(g.maps.Cols())
	regions := step.Stage{Own: 64 * V} // of each voxel, and which of them count
	if g.meansOnly {
		return g.PlanMemory(ctx, regions)
	}
	g.held = permute.Bytes(int(S), int(V), g.o.Permutations) + 96*V // and its place, q, and a map as it is ordered and written
	return g.PlanMemory(ctx, regions, step.Stage{Own: g.held, Least: func(ctx context.Context) (int64, error) {
		_, err := permute.OneSample(ctx, g.Backend, g.compared(), permute.Options{Draws: g.o.Permutations, Seed: g.o.Seed, Budget: 1})
		return engine.Needed(err)
	}})
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
		o.Budget = g.Budget(g.held)
		res, err = run(ctx, o)
		return g.Env.Refuse(err)
	})
	return res, err
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
