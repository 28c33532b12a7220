package step

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"voxen/store"
)

// Keeper decides within a study whether a step's finished output is what the
// step would make: the run.json beside it has the same command, the same options
// and inputs of the same digests, and every output has the digest it had then.
type Keeper struct {
	Probe bool // say what is to do, and begin nothing
	Cache *DigestCache
}

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
	k := e.Keep
	if k == nil {
		return store.OpenJob(e.FS, out, o)
	}
	if !k.Probe {
		if err := store.Recover(e.FS, out, o.File); err != nil {
			return nil, err
		}
	}
	why, run, err := k.compare(e.FS, out, o)
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

// HasPartial reports whether an output was begun and not finished.
func HasPartial(fsys store.FS, out string, file bool) bool {
	if file {
		return Exists(fsys, out+".partial")
	}
	return Exists(fsys, filepath.Join(out, ".partial"))
}

// compare says why a finished output is not the one that a job would make, ""
// if it is.
func (k *Keeper) compare(fsys store.FS, out string, o store.JobOptions) (why string, run *store.Run, err error) {
	path := store.RunPath(out, o.File)
	if !Exists(fsys, path) {
		return "not there yet", nil, nil
	}
	if run, err = store.ReadRun(fsys, path); store.IsInput(err) {
		return "run.json cannot be read", nil, nil
	} else if err != nil {
		return "", nil, err
	}
	if run.Command != o.Command || len(run.Options) != len(o.Options) {
		return "made by another version", nil, nil
	}
	for i, option := range o.Options {
		if was := run.Options[i]; was != option {
			return fmt.Sprintf("%s was %q, is %q", option.Name, was.Value, option.Value), nil, nil
		}
	}
	same := func(a, b store.Input) bool { return a.Role == b.Role && a.Bytes == b.Bytes && a.Digest == b.Digest }
	if !slices.EqualFunc(run.Inputs, o.Inputs, same) {
		return whichInput(run.Inputs, o.Inputs, same), nil, nil
	}
	dir := filepath.Dir(path)
	for _, output := range run.Outputs {
		name := filepath.Join(dir, filepath.FromSlash(output.Name))
		if !Exists(fsys, name) {
			return output.Name + " is gone", nil, nil
		}
		in, err := k.Cache.digest(context.Background(), fsys, name)
		if err != nil {
			return "", nil, err
		}
		if in.Digest != output.Digest {
			return output.Name + " was changed", nil, nil
		}
	}
	return "", run, nil
}

// whichInput names the first input that differs.
func whichInput(was, is []store.Input, same func(a, b store.Input) bool) string {
	for i, in := range is {
		if i >= len(was) || !same(was[i], in) {
			return fmt.Sprintf("%s %s is another", in.Role, filepath.Base(in.Path))
		}
	}
	return "there are fewer inputs"
}
