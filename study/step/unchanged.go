package step

import "voxen/store"

// Unchanged is how a step ends whose output is there already.
type Unchanged struct{ Run *store.Run }

// Error says that there is nothing to do.
func (Unchanged) Error() string { return "is there already" }

// Stale is how a probed step ends that is to be run.
type Stale struct {
	Why        string // the output is not what the step would make
	Unfinished bool   // it was begun
}

// Error says why the step is to be run.
func (s Stale) Error() string { return s.Why }

// OpenJob begins the output of a step. In a study it ends a step whose output is
// there, and unfinished output of other options makes way.
func (e *Env) OpenJob(out string, o store.JobOptions) (*store.Job, error) {
	o.Watch, _ = e.FS.(*store.Inputs)
	k := e.Keep
	if k == nil {
		return store.OpenJob(e.FS, out, o)
	}
	if !k.Probe {
		if err := store.Recover(e.FS, out, o.File); err != nil {
			return nil, err
		}
	}
	j := job{o, "--out", out}
	why, run, err := compare(e.FS, j)
	if err == nil && why == "" {
		why, err = k.outputs(e.FS, j, run)
	}
	switch {
	case err != nil:
		return nil, err
	case why == "":
		return nil, Unchanged{run}
	case k.Probe:
		return nil, Stale{why, HasPartial(e.FS, out, o.File)}
	}
	o.Replace = true
	return store.OpenJob(e.FS, out, o)
}
