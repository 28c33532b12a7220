package couple

import (
	"context"
	"errors"
	"strconv"

	"voxen/brain"
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/coupling"
	"voxen/study/step"
)

// readBiological loads given time courses, run by run.
func (c *coupler) readBiological(ctx context.Context) error {
	for i, path := range c.o.Biological {
		a, err := step.OpenMatrix(c.Env.FS, path)
		if err != nil {
			return err
		}
		defer a.Close()
		if want := c.x.Parts[i].Rows(); a.Rows() != want {
			return step.BadInput(path, "has %d rows, %s has %d", a.Rows(), c.o.Responses[i], want)
		}
		m, err := step.LoadMatrix(ctx, path, a, nil)
		if err != nil {
			return err
		}
		if i > 0 && m.Cols != c.y.Dims[3] {
			return step.BadInput(path, "has %d columns, %s has %d", m.Cols, c.o.Biological[0], c.y.Dims[3])
		}
		for j := range m.Cols {
			if constantColumn(m.Data, m.Rows, m.Cols, j) {
				return step.BadInput(path, "is constant in column %d: a biological neuron must vary", j)
			}
		}
		c.y = op.Tensor{Dims: op.Dims{1, 1, c.y.Dims[2] + m.Rows, m.Cols}, Data: append(c.y.Data, m.Data...)}
	}
	c.held = 16 * int64(len(c.y.Data)) // as they are read, and joined
	return c.PlanMemory(ctx, c.correlations(c.y.Dims[3], c.held))
}

func constantColumn(data []float64, rows, cols, j int) bool {
	for t := range rows {
		if data[t*cols+j] != data[j] {
			return false
		}
	}
	return true
}

// learnBiological learns the time courses of functional networks from the voxels
// of all subjects together: atoms are shared, maps are each subject's.
func (c *coupler) learnBiological(ctx context.Context) error {
	if err := c.Stage("reading", 0, func() error { return c.openBold(ctx) }); err != nil {
		return err
	}
	if err := c.censor(); err != nil {
		return err
	}
	sources := make([]brain.Columns, len(c.bold))
	for i := range c.bold {
		var err error
		if sources[i], err = c.clean(i); err != nil {
			return err
		}
	}
	all, err := brain.Join(sources...)
	if err != nil {
		return err
	}
	if err := c.plan(ctx, voxels{all}); err != nil {
		return err
	}
	budget := c.Env.HostBudget(c.held)
	// saved, so that neurons that were correlated before an interruption were with
	// the same dictionary
	saved, err := step.NewSavedState(c.Job, "passes")
	if err != nil {
		return err
	}
	o := c.dictionary(budget, saved)
	var res *dict.Result
	err = c.Stage("learning (voxels)", all.Cols()*(o.Epochs+1), func() error {
		return c.Compute(ctx, saved.Passes(o.Epochs), func(ctx context.Context) error {
			res, err = dict.Learn(ctx, c.Backend, voxels{all}, o)
			return c.Env.Refuse(err)
		})
	})
	if err != nil {
		return err
	}
	if res.Zero == all.Cols() {
		return step.BadInput(c.o.Bold[0], "has no voxel to learn from: all %d are constant or not finite", res.Zero)
	}
	c.zero = res.Zero
	c.y = op.Tensor{Dims: op.Dims{1, 1, res.Atoms.Rows, res.Atoms.Cols}, Data: res.Atoms.Data}
	return c.writeBiological(ctx, res)
}

// plan refuses a bound that the dictionary, its maps or the correlations would pass.
func (c *coupler) plan(ctx context.Context, signals tile.Source) error {
	own := c.ownBytes(signals)
	c.held = own
	least := func(ctx context.Context) (int64, error) {
		return dict.Least(ctx, c.Backend, signals, c.dictionary(0, nil))
	}
	return c.PlanMemory(ctx, step.Stage{Own: own, Least: least}, c.correlations(c.o.Atoms, own))
}

// ownBytes is what is known of each voxel, and a block of the maps.
func (c *coupler) ownBytes(signals tile.Source) int64 {
	return 32*int64(signals.Cols()) + 8*int64(c.o.Atoms)*mapsAtOnce
}

// correlations is what correlating with M biological neurons takes, beside what is held.
func (c *coupler) correlations(M int, held int64) step.Stage {
	return step.Stage{Own: held + int64(32*c.x.Cols()*M), Least: func(ctx context.Context) (int64, error) {
		return coupling.Least(ctx, c.Backend, c.neurons(), M, c.coupling())
	}}
}

// dictionary is what the engine is asked for.
func (c *coupler) dictionary(budget int64, saved *step.SavedState) dict.Options {
	o := dict.Defaults()
	o.Atoms, o.Lambda, o.Epochs, o.Batch, o.Seed, o.Standardize = c.o.Atoms, c.o.Lambda, c.o.Epochs, c.o.Batch, c.o.Seed, dict.Columns
	o.Precision, o.Memory, o.Checkpoint = c.Env.Precision, budget, saved
	o.Progress = func(done, _ int) { c.Progress(done) }
	return o
}

// writeBiological writes the courses and the mean over subjects of their maps.
func (c *coupler) writeBiological(ctx context.Context, res *dict.Result) error {
	courses := spread(res.Atoms, c.censored)
	if err := c.WriteNpy("biological", []int{courses.Rows, courses.Cols}, courses.Data); err != nil {
		return err
	}
	if err := c.writeMaps(ctx, &res.Codes); err != nil || c.bold[0].Places == nil {
		return err
	}
	return c.ResultImage(ctx, c.bold[0], "biological_maps", res.Atoms.Cols, func(r int) string { return "biological neuron " + strconv.Itoa(r) })
}

// mapsAtOnce is how many voxels of the maps are made at once.
const mapsAtOnce = 4096

// writeMaps writes the mean over subjects of the codes of each voxel.
func (c *coupler) writeMaps(ctx context.Context, codes *dict.Codes) error {
	V, K := c.bold[0].Cols(), codes.Rows
	sink, err := c.Job.CreateWhole("biological_maps.npy", step.DType(c.Env.Precision), K, V)
	if err != nil {
		return err
	}
	mean := make([]float64, K*min(V, mapsAtOnce))
	for lo := 0; lo < V && err == nil; lo += mapsAtOnce {
		hi := min(lo+mapsAtOnce, V)
		clear(mean)
		for v := lo; v < hi; v++ {
			for n := v; n < codes.Cols; n += V { // of each subject
				atoms, values := codes.Column(n)
				for i, k := range atoms {
					mean[int(k)*(hi-lo)+v-lo] += values[i] / float64(len(c.bold))
				}
			}
		}
		err = sink.WriteFloat64(ctx, lo, hi, mean, hi-lo)
	}
	return errors.Join(err, sink.Close())
}
