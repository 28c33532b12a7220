package group

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/permute"
	"voxen/store"
	"voxen/study/step"
)

const brainScore = "brain score"

// sample is what is compared over subjects: brain scores or indices.
type sample struct {
	of       string // brainScore or "index"
	subjects []string
	names    []string
	family   []int     // names of one family are corrected together
	data     []float64 // (subjects x names)
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
