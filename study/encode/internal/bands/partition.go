package bands

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"voxen/engine/ridge"
	"voxen/store"
	"voxen/study/encode/internal/fit"
	"voxen/study/step"
)

// checkShares refuses --partition and --baseline that have nothing to say.
func (o *Options) checkShares(names []string) error {
	if n := len(names); o.Partition && n > ridge.MostPartitioned {
		return step.BadInput("", "--partition of %d bands, expected at most %d", n, ridge.MostPartitioned)
	}
	for i, b := range o.Baseline {
		switch {
		case !slices.Contains(names, b):
			return step.BadInput("", "--baseline %s is no band, expected some of %s", b, strings.Join(names, ","))
		case slices.Contains(o.Baseline[:i], b):
			return step.BadInput("", "--baseline %s names %s twice", strings.Join(o.Baseline, ","), b)
		}
	}
	if n := len(names); n > 0 && n == len(o.Baseline) {
		return step.BadInput("", "--baseline %s names all bands, expected one at least that is none", strings.Join(o.Baseline, ","))
	}
	return nil
}

// Names lists the bands by their options, which were checked before; none without bands.
func (o *Options) Names(features []string) (names []string) {
	bands, _ := parse(o.Bands)
	for _, b := range bands {
		names = append(names, b.name)
	}
	spaces, _ := step.Spaces(features)
	for _, s := range spaces {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// Shares writes what bands explain, by --partition and by --baseline, and sums up the gain of
// the latter.
func (b *Bands) Shares(ctx context.Context, x *fit.Fit) ([]step.ScoreSummary, error) {
	V := x.Y.Cols()
	if b.o.Partition {
		subsets := ridge.Subsets(len(b.Names))
		var r2 [][]float64
		err := repeated(ctx, x, "partition", V*len(subsets), func(plan ridge.Options) (err error) {
			r2, err = ridge.Partition(ctx, x.Backend, x.Data, b.Of, len(b.Names), plan)
			return err
		})
		if err == nil {
			err = b.writePartition(ctx, x, subsets, r2)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(b.o.Baseline) == 0 {
		return nil, nil
	}
	gain, err := x.Row(ctx, x.Held("score"))
	if err != nil {
		return nil, err
	}
	data, bands := b.baseline(x)
	if len(bands.Gammas) == 0 {
		return nil, step.BadInput(b.o.BandWeights, "has no row in which --baseline %s has a weight", strings.Join(b.o.Baseline, ","))
	}
	var alone []float64
	err = repeated(ctx, x, "baseline", V, func(plan ridge.Options) error {
		var err error
		alone, err = ridge.HeldOut(ctx, x.Backend, data, bands, plan.Score, plan)
		return err
	})
	if err != nil {
		return nil, err
	}
	for v, score := range alone {
		gain[v] -= score
	}
	score := step.Summarize("gain", slices.DeleteFunc(slices.Clone(gain), math.IsNaN))
	score.Note(x.Run)
	return []step.ScoreSummary{score}, x.WriteRow(ctx, "gain", gain)
}

// ownBytes is what fits hold whose results are so many numbers.
func ownBytes(x *fit.Fit, all int) int64 { return x.DesignBytes() + 8*2*int64(all) }

// Stages are the fits of Shares.
func (b *Bands) Stages(x *fit.Fit) (list []step.Stage) {
	V := x.Y.Cols()
	plan := x.Plan
	plan.Checkpoint, plan.Progress = nil, nil
	if b.o.Partition {
		list = append(list, step.Stage{Own: ownBytes(x, V*len(ridge.Subsets(len(b.Names)))), Least: func(ctx context.Context) (int64, error) {
			return ridge.LeastPartition(ctx, x.Backend, x.Data, b.Of, len(b.Names), plan)
		}})
	}
	if len(b.o.Baseline) == 0 {
		return list
	}
	return append(list, step.Stage{Own: ownBytes(x, V), Least: func(ctx context.Context) (int64, error) {
		data, bands := b.baseline(x)
		if len(bands.Gammas) == 0 {
			return 0, nil // refused later, by the file of weights
		}
		return ridge.LeastHeldOut(ctx, x.Backend, data, bands, plan.Score, plan)
	}})
}

// baseline is the bands of --baseline alone.
func (b *Bands) baseline(x *fit.Fit) (ridge.Data, ridge.Bands) {
	return b.Only(x.Data, func(i int) bool { return slices.Contains(b.o.Baseline, b.Names[i]) })
}

// repeated is a stage of further fits, whose results are written at once.
func repeated(ctx context.Context, x *fit.Fit, name string, all int, fit func(plan ridge.Options) error) error {
	return x.Stage(name, all, func() error {
		return x.Compute(ctx, step.Part{What: name}, func(context.Context) error {
			plan := x.Plan
			plan.Checkpoint, plan.Progress = nil, func(done, _ int) { x.Progress(done) }
			plan.Budget = x.Budget(ownBytes(x, all))
			return x.Env.Refuse(x.Explain(fit(plan)))
		})
	})
}

// writePartition writes the R2 of all subsets, and their parts.
func (b *Bands) writePartition(ctx context.Context, x *fit.Fit, subsets [][]int, r2 [][]float64) error {
	var names []string
	for _, s := range subsets {
		var of []string
		for _, i := range s {
			of = append(of, b.Names[i])
		}
		names = append(names, strings.Join(of, "+"))
	}
	parts := ridge.Commonality(r2, len(b.Names))
	label := func(r int) string { return names[r] }
	if err := x.WriteRows(ctx, "partition", r2, label); err != nil {
		return err
	}
	if err := x.WriteRows(ctx, "commonality", parts, label); err != nil {
		return err
	}
	return x.Job.WriteFile("partition.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "row", "bands", "r2_mean", "commonality_mean")
		for r, name := range names {
			t.Row(fmt.Sprint(r), name, fmt.Sprintf("%.6g", meanOf(r2[r])), fmt.Sprintf("%.6g", meanOf(parts[r])))
		}
		return t.Flush()
	})
}

// meanOf is the mean of what is a number.
func meanOf(x []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range x {
		if v == v {
			sum, n = sum+v, n+1
		}
	}
	return sum / float64(n)
}
