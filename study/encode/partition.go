package encode

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/store"
	"voxen/study/step"
)

// checkShares refuses --split, --partition and --baseline that have nothing to say.
func (o *Options) checkShares() error {
	var name string
	switch {
	case len(o.Baseline) > 0:
		name = "--baseline " + strings.Join(o.Baseline, ",")
	case o.Partition:
		name = "--partition"
	case o.Split:
		name = "--split"
	default:
		return nil
	}
	switch {
	case !o.banded():
		return step.BadInput("", "%s without bands: give --bands, or --features NAME=FILE,NAME=FILE", name)
	case len(o.TestFeatures) == 0 && !o.Nested:
		return step.BadInput("", "%s without held-out predictions: give --nested or --test-features and --test-responses", name)
	}
	names := o.names()
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
	if n := len(names); n == len(o.Baseline) {
		return step.BadInput("", "--baseline %s names all bands, expected one at least that is none", strings.Join(o.Baseline, ","))
	}
	return nil
}

// banded reports whether there are bands.
func (o *Options) banded() bool { return len(o.names()) > 0 }

// names lists the bands, which were checked before.
func (o *Options) names() (names []string) {
	bands, _ := parseBands(o.Bands)
	for _, b := range bands {
		names = append(names, b.name)
	}
	spaces, _ := step.Spaces(o.Features)
	for _, s := range spaces {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// heldName is the file of the held-out score.
func (x *encoder) heldName() string {
	if x.data.TestY != nil {
		return "test_score"
	}
	return "nested_score"
}

// shares writes what bands explain: by --partition and by --baseline.
func (x *encoder) shares(ctx context.Context, s *sinks) error {
	V := x.y.Cols()
	if x.o.Partition {
		subsets := ridge.Subsets(len(x.bandNames))
		var r2 [][]float64
		err := x.repeated(ctx, "partition", V*len(subsets), func(plan ridge.Options) (err error) {
			r2, err = ridge.Partition(ctx, x.Backend, x.data, x.bands.Of, len(x.bandNames), plan)
			return err
		})
		if err == nil {
			err = x.writePartition(ctx, subsets, r2)
		}
		if err != nil {
			return err
		}
	}
	if len(x.o.Baseline) == 0 {
		return nil
	}
	gain, err := x.written(ctx, s.maps[x.heldName()], x.heldName())
	if err != nil {
		return err
	}
	data, bands := x.bands.Only(x.data, func(b int) bool { return slices.Contains(x.o.Baseline, x.bandNames[b]) })
	if len(bands.Gammas) == 0 {
		return step.BadInput(x.o.BandWeights, "has no row in which --baseline %s has a weight", strings.Join(x.o.Baseline, ","))
	}
	var alone []float64
	err = x.repeated(ctx, "baseline", V, func(plan ridge.Options) error {
		var err error
		alone, err = ridge.HeldOut(ctx, x.Backend, data, bands, plan.Score, plan)
		return err
	})
	if err != nil {
		return err
	}
	for v, score := range alone {
		gain[v] -= score
	}
	score := step.Summarize("gain", slices.DeleteFunc(slices.Clone(gain), math.IsNaN))
	x.gain = append(x.gain, score)
	score.Note(x.Run)
	return x.writeRows(ctx, "gain", [][]float64{gain}, func(int) string { return "gain" })
}

// repeated is a stage of further fits, whose results are written at once.
func (x *encoder) repeated(ctx context.Context, name string, all int, fit func(plan ridge.Options) error) error {
	return x.Stage(name, all, func() error {
		return x.Compute(ctx, step.Part{What: name}, func(context.Context) error {
			plan := x.plan
			plan.Checkpoint, plan.Progress = nil, func(done, _ int) { x.Progress(done) }
			plan.Budget = x.Env.Budget(x.Backend, designBytes(x.data, plan)+8*2*int64(all))
			return x.Env.Refuse(x.explain(fit(plan)))
		})
	})
}

// writePartition writes the R2 of all subsets, and their parts.
func (x *encoder) writePartition(ctx context.Context, subsets [][]int, r2 [][]float64) error {
	var names []string
	for _, s := range subsets {
		var of []string
		for _, b := range s {
			of = append(of, x.bandNames[b])
		}
		names = append(names, strings.Join(of, "+"))
	}
	parts := ridge.Commonality(r2, len(x.bandNames))
	label := func(r int) string { return names[r] }
	if err := x.writeRows(ctx, "partition", r2, label); err != nil {
		return err
	}
	if err := x.writeRows(ctx, "commonality", parts, label); err != nil {
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

// writeRows writes rows of results in the precision, and their images.
func (x *encoder) writeRows(ctx context.Context, name string, rows [][]float64, label func(r int) string) error {
	shape := []int{len(rows), len(rows[0])}
	if len(rows) == 1 {
		shape = shape[1:]
	}
	data := slices.Concat(rows...)
	err := x.Job.WriteFile(name+".npy", func(w io.Writer) error {
		if x.Env.Precision == op.Float64 {
			return store.WriteNpy(w, shape, data)
		}
		narrow := make([]float32, len(data))
		for i, v := range data {
			narrow[i] = float32(v)
		}
		return store.WriteNpy(w, shape, narrow)
	})
	if err != nil || x.y.Places == nil || !x.withImage(name, len(rows)) {
		return err
	}
	return x.ResultImage(ctx, x.y, name, len(rows), label)
}
