package step

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"voxen/store"
)

// Keeper decides within a study whether a step's finished output is what the step would
// make: the run.json beside it has the same command, options and results number, inputs
// of the same digests, and every output has the digest that it had then.
type Keeper struct {
	Cache  *store.Digests
	Shared *Shared // with the other steps of the study; nil: nothing is
}

// State is how far the output of a step is.
type State struct {
	Why        string     // it is to be made; "" if it is what would be made
	Unfinished bool       // it was begun
	Run        *store.Run // of what is there, if it is kept
}

// keeps gives the run.json of finished output that a study keeps, nil if the step is to
// be done. Outside of a study finished output of other options is refused.
func (e *Env) keeps(jobs []job) (*store.Run, error) {
	var main *store.Run
	for i, j := range jobs {
		if err := store.Recover(e.FS, j.out, j.File); err != nil {
			return nil, err
		}
		if e.Keep == nil {
			if err := e.refuseOther(j); err != nil {
				return nil, err
			}
			continue
		}
		why, run, err := compare(e.FS, j)
		if err == nil && why == "" {
			why, err = e.Keep.outputs(e.FS, j, run)
		}
		if why != "" || err != nil {
			return nil, err
		}
		if i == 0 {
			main = run
		}
	}
	return main, nil
}

// refuseOther refuses to replace what the same command finished with other options,
// unless that is asked for. On other inputs it is replaced: the results are out of date.
func (e *Env) refuseOther(j job) error {
	run, err := finished(e.FS, j)
	if err != nil || run == nil || e.Force || run.Command != j.Command { // another command's is refused by the job
		return err
	}
	if why := differs(run.Options, j.Options); why != "" {
		return BadInput(j.out, "holds finished results of other options (%s), expected the same, another --out, or --force to replace them", why)
	}
	return nil
}

// finished reads the run.json of an output; nil if there is none, or none that can be read.
func finished(fsys store.FS, j job) (*store.Run, error) {
	path := store.RunPath(j.out, j.File)
	if !Exists(fsys, path) {
		return nil, nil
	}
	run, err := store.ReadRun(fsys, path)
	if store.IsInput(err) {
		return nil, nil
	}
	return run, err
}

// compare says why a finished output is not the one that a job would make, as far as
// its run.json tells; "" if it is.
func compare(fsys store.FS, j job) (why string, run *store.Run, err error) {
	if why, run, err = compareOptions(fsys, j); why != "" || err != nil {
		return why, nil, err
	}
	same := func(a, b store.Input) bool { return a.Role == b.Role && a.Bytes == b.Bytes && a.Digest == b.Digest }
	if !slices.EqualFunc(run.Inputs, j.Inputs, same) {
		return whichInput(run.Inputs, j.Inputs, same), nil, nil
	}
	return "", run, nil
}

// compareOptions is compare without a look at the inputs.
func compareOptions(fsys store.FS, j job) (why string, run *store.Run, err error) {
	run, err = finished(fsys, j)
	switch {
	case err != nil:
		return "", nil, err
	case run == nil && Exists(fsys, store.RunPath(j.out, j.File)):
		return "run.json cannot be read", nil, nil
	case run == nil:
		return "not there yet", nil, nil
	case run.Command != j.Command:
		return "made by voxen " + run.Command, nil, nil
	}
	return differs(run.Options, j.Options), run, nil
}

// differs names the first option that is another, "" if none is. Options that were
// left to the step are compared as they were given.
func differs(was, is []store.Option) string {
	for i, o := range is {
		switch {
		case i >= len(was) || was[i].Name != o.Name:
			return "made by a version with other options"
		case was[i].Asked() == o.Value:
		case o.Name == resultsOption:
			return fmt.Sprintf("this version computes other results (number %s, was %s)", o.Value, was[i].Asked())
		default:
			return fmt.Sprintf("%s was %q, is %q", o.Name, was[i].Asked(), o.Value)
		}
	}
	if len(was) > len(is) {
		return "made by a version with other options"
	}
	return ""
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

// outputs says which file of an output is gone or is not what it was, "" if none.
func (k *Keeper) outputs(fsys store.FS, j job, run *store.Run) (string, error) {
	dir := filepath.Dir(store.RunPath(j.out, j.File))
	for _, output := range run.Outputs {
		name := filepath.Join(dir, filepath.FromSlash(output.Name))
		if !Exists(fsys, name) {
			return output.Name + " is gone", nil
		}
		in, err := k.Cache.File(context.Background(), fsys, name)
		if err != nil {
			return "", err
		}
		if in.Digest != output.Digest {
			return output.Name + " was changed", nil
		}
	}
	return "", nil
}

// HasPartial reports whether an output was begun and not finished.
func HasPartial(fsys store.FS, out string, file bool) bool {
	if file {
		return Exists(fsys, out+".partial")
	}
	return Exists(fsys, filepath.Join(out, ".partial"))
}

// StateOf says how far the output of a step is, from names, sizes and times alone: no
// device is opened and no array read. Inputs and outputs whose digests are not
// remembered count as what they were if they were not changed since run.json was written.
func StateOf(e *Env, s Step) (State, error) {
	if err := Check(s); err != nil {
		return State{}, err
	}
	files, err := inputsOf(e, s)
	if err != nil {
		return State{}, err
	}
	var first State
	for i, j := range e.outputsOf(s) {
		st, err := e.state(j, files)
		if err != nil || st.Why != "" {
			return st, err
		}
		if i == 0 {
			first = st
		}
	}
	return first, nil
}

// state is StateOf of one output.
func (e *Env) state(j job, files []File) (State, error) {
	st := State{Unfinished: HasPartial(e.FS, j.out, j.File)}
	var err error
	if st.Why, st.Run, err = compareOptions(e.FS, j); err != nil || st.Why != "" {
		return st, err
	}
	path := store.RunPath(j.out, j.File)
	info, err := e.FS.Stat(path)
	if err != nil {
		return st, err
	}
	written := store.IdentityOf(info)
	if len(files) != len(st.Run.Inputs) {
		st.Why = "its inputs are other files"
		return st, nil
	}
	for i, f := range files {
		was := st.Run.Inputs[i]
		if was.Role != f.Role || !e.asWritten(f.Path, was.Bytes, was.Digest, written) {
			st.Why = fmt.Sprintf("%s %s is another", f.Role, filepath.Base(f.Path))
			return st, nil
		}
	}
	for _, out := range st.Run.Outputs {
		if name := filepath.Join(filepath.Dir(path), filepath.FromSlash(out.Name)); !Exists(e.FS, name) {
			st.Why = out.Name + " is gone"
		} else if !e.asWritten(name, out.Bytes, out.Digest, written) {
			st.Why = out.Name + " was changed"
		}
		if st.Why != "" {
			return st, nil
		}
	}
	return st, nil
}

// asWritten reports whether a file is what run.json says of it: by its remembered
// digest, or because its contents are no younger than run.json.
func (e *Env) asWritten(path string, bytes int64, digest string, written store.Identity) bool {
	file, _ := store.SplitMember(path)
	info, err := e.FS.Stat(file)
	if err != nil || info.Size() != bytes {
		return false
	}
	if known, ok := e.Keep.Cache.Known(file, info); ok {
		return known == digest
	}
	id := store.IdentityOf(info)
	return max(id.Modified, id.Changed) <= max(written.Modified, written.Changed)
}
