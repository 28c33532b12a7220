package organize

import (
	"context"
	"runtime"

	"voxen/store"
	"voxen/study/step"
)

// leastBytes is what indices, resamplings and figures take of a small model.
const leastBytes = 4 << 20

// blockWidth is how many neurons' responses are read at once.
const blockWidth = 256

// perNeuron is what an assignment to sub-groups takes of each neuron: where it belongs, and its
// place among the members. Every thread makes one at a time, besides the one that is kept.
const perNeuron = 32 + 16

// plan refuses a bound of memory that is too small for what is read, by the sizes of the files:
// codes, of which those of models that share a dictionary are taken apart, names of neurons
// and, where they are given, responses.
func (x *organizer) plan(ctx context.Context) error {
	threads := x.Env.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var held, neurons int64
	var stages []step.Stage
	for i, path := range x.o.Codes {
		cols, codes, err := store.SparseBytes(ctx, x.Env.FS, path)
		if err != nil {
			return err
		}
		names := int64(0)
		if table := columns(path); step.Exists(x.Env.FS, table) {
			if names, err = store.TableBytes(x.Env.FS, table); err != nil {
				return err
			}
		}
		matches, err := store.TableBytes(x.Env.FS, x.o.Matches[i])
		if err != nil {
			return err
		}
		stages = append(stages, step.Stage{Own: held + 2*codes + 2*names + matches}) // cells of the table and its columns
		held, neurons = held+2*codes+names, max(neurons, int64(cols))
	}
	for _, runs := range x.o.Responses {
		bytes, err := x.responseBytes(runs)
		if err != nil {
			return err
		}
		held += bytes
	}
	return x.PlanMemory(ctx, append(stages, step.Stage{Own: held + perNeuron*neurons*int64(threads+1) + leastBytes})...)
}

// responseBytes is what a model's standardised responses take, with a block as it is read.
func (x *organizer) responseBytes(runs Runs) (int64, error) {
	a, err := step.OpenStack(x.Env, runs)
	if err != nil {
		return 0, err
	}
	T, n := int64(a.Rows()), int64(a.Cols())
	return 8*T*(n+blockWidth) + 24*n, a.Close()
}
