package step

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"voxen/engine"
	"voxen/store"
)

// Run is one execution of a step: what Do reads from, computes on and writes to, and
// what it tells of itself.
type Run struct {
	*Worker // environment, job and device; without a Backend where the step needs none

	inputs   []store.Input
	further  map[string]*store.Job // outputs besides the job, by the option that names them
	options  []store.Option        // of the job, those that were resolved with what they became
	leftOut  []store.Count
	unloaded []unloaded // responses that are open
	results  map[string]float64
	number   int // of the results
}

// Outcome is how an execution ended.
type Outcome struct {
	Summary Summary
	Kept    *store.Run // of a study: the output was there as it would be made, and nothing was done
}

// Execute does a step: it checks the options, digests what is read, decides whether
// finished output is kept, opens the device and the job, lets the step compute, makes
// sure that no input changed meanwhile, and commits. Every step begins and ends so.
func Execute(ctx context.Context, e *Env, s Step) (Outcome, error) {
	o, err := execute(ctx, e, s)
	return o, e.refuseMemory(err)
}

func execute(ctx context.Context, e *Env, s Step) (Outcome, error) {
	e.Begin()
	defer e.closeInputs()
	if err := Check(s); err != nil {
		return Outcome{}, err
	}
	if err := e.checkCut(s); err != nil {
		return Outcome{}, err
	}
	if err := e.checkDevice(s.Command()); err != nil {
		return Outcome{}, err
	}
	e.Report.Stage("checking inputs", 0)
	jobs, err := e.jobs(ctx, s)
	if err != nil {
		return Outcome{}, err
	}
	if kept, err := e.keeps(jobs); kept != nil || err != nil {
		if err == nil && e.Cut.Merge { // left by a merge that was interrupted after its commit
			err = store.RemoveParts(e.FS, jobs[0].out, jobs[0].File)
		}
		return Outcome{Kept: kept}, err
	}
	if err := e.cut(&jobs[0]); err != nil {
		return Outcome{}, err
	}
	r := &Run{Worker: &Worker{Env: e}, inputs: jobs[0].Inputs, further: map[string]*store.Job{}, options: slices.Clone(jobs[0].Options), results: map[string]float64{}, number: s.Command().Results}
	defer r.close()
	if s.Command().Device {
		w, err := e.OpenDevice()
		if err != nil {
			return Outcome{}, err
		}
		r.Worker = w
	}
	if e.Cut.Merge {
		e.Report.Stage("bringing parts together", 0)
	}
	if err := r.open(jobs); err != nil {
		return Outcome{}, err
	}
	sum, err := s.Do(ctx, r)
	if errors.Is(err, errPart) {
		sum, err = r.endPart()
	}
	if err != nil {
		err = r.Job.Explain(err)
		r.Settle(err)
		return Outcome{}, err
	}
	run := r.runJSON()
	if e.Cut.Part != nil {
		sum.end(Ended{Out: e.Cut.Part.Out(jobs[0].out, jobs[0].File), Device: run.Device.Name, Seconds: run.Seconds})
		return Outcome{Summary: sum}, nil
	}
	if err := r.commit(ctx, run); err != nil {
		return Outcome{}, err
	}
	sum.end(Ended{Out: jobs[0].out, Device: run.Device.Name, Seconds: run.Seconds})
	return Outcome{Summary: sum}, nil
}

// Do executes a step of which finished output is not kept, and gives its summary.
func Do[S Summary](ctx context.Context, e *Env, s Step) (S, error) {
	var none S
	o, err := Execute(ctx, e, s)
	if err != nil {
		return none, err
	}
	return o.Summary.(S), nil
}

// Check refuses a step for what can be seen without a look at any file.
func Check(s Step) error {
	if err := checkOptions(s); err != nil {
		return err
	}
	if err := CheckRules(s); err != nil {
		return err
	}
	return s.Check()
}

// checkDevice refuses a device that is not there before anything is read.
func (e *Env) checkDevice(c Command) error {
	if !c.Device {
		return nil
	}
	if _, err := engine.Resolve(e.Device); err != nil {
		return &store.InputError{Msg: err.Error()}
	}
	return nil
}

// job is an output that a step is to make.
type job struct {
	store.JobOptions
	option string // that names it
	out    string
}

// outputsOf lists the outputs of a step, the one of --out first.
func (e *Env) outputsOf(s Step) []job {
	c := s.Command()
	o := store.JobOptions{Command: c.Name, Options: key(e, s), File: c.File, Axis: c.Axis}
	jobs := []job{{o, "--out", Out(s)}}
	for _, f := range furtherOuts(s) {
		o.File = true
		jobs = append(jobs, job{o, f.Role, f.Path})
	}
	return jobs
}

// jobs lists the outputs of a step with the inputs digested.
func (e *Env) jobs(ctx context.Context, s Step) ([]job, error) {
	files, err := inputsOf(e, s)
	if err != nil {
		return nil, err
	}
	inputs, err := e.digest(ctx, files)
	if err != nil {
		return nil, err
	}
	jobs := e.outputsOf(s)
	for i := range jobs {
		jobs[i].Inputs = inputs
	}
	return jobs, nil
}

// digest names every input with what it holds; from then on they are watched.
func (e *Env) digest(ctx context.Context, files []File) ([]store.Input, error) {
	var inputs []store.Input
	for _, f := range files {
		in, err := e.FS.(*store.Inputs).Add(ctx, f.Role, f.Path) // by Begin
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// open begins the jobs. In a study unfinished output of other options makes way.
func (r *Run) open(jobs []job) error {
	for _, j := range jobs {
		j.Replace = r.Env.Keep != nil || r.Env.Force
		j.Watch, _ = r.Env.FS.(*store.Inputs)
		opened, err := store.OpenJob(r.Env.FS, j.out, j.JobOptions)
		if err != nil {
			return err
		}
		if r.Job == nil {
			r.Job = opened
		} else {
			r.further[j.option] = opened
		}
	}
	return nil
}

// close gives back what the execution holds; what was finished of an output stays for
// the next process unless it was committed.
func (r *Run) close() {
	for _, j := range r.further {
		j.Close()
	}
	if r.Job != nil {
		r.Job.Close()
	}
	if r.Backend != nil {
		r.Close()
	}
}

// commit gives every output its name, the step's own last: while it is not there the
// step is not done.
func (r *Run) commit(ctx context.Context, run *store.Run) error {
	for _, option := range slices.Sorted(maps.Keys(r.further)) {
		copy := *run
		if err := r.further[option].Commit(ctx, &copy); err != nil {
			return err
		}
	}
	return r.Job.Commit(ctx, run)
}

// Resolve notes in run.json what became of an option that was left to the step: the
// folds used, the form chosen.
func (r *Run) Resolve(option, value string) {
	for i, o := range r.options {
		if o.Name == "--"+option {
			if value != o.Value {
				r.options[i].Value, r.options[i].Given, r.options[i].Resolved = value, o.Value, true
			}
			return
		}
	}
	panic("no option " + option) // a fault of the step, which its first test sees
}

// LeaveOut counts what has no result, and why; none is not mentioned.
func (r *Run) LeaveOut(what, why string, n int) {
	if n > 0 {
		r.leftOut = append(r.leftOut, store.Count{What: what, Why: why, N: n})
	}
}

// Twice finds two inputs of some roles with the same contents: the second and the path of the
// first. Of several arrays in one file each is by itself.
func (r *Run) Twice(roles ...string) (second store.Input, first string, found bool) {
	known := map[string]string{}
	for _, in := range r.inputs {
		if !slices.Contains(roles, in.Role) {
			continue
		}
		_, member := store.SplitMember(in.Path)
		key := in.Digest + "/" + member
		if first, found = known[key]; found {
			return in, first, true
		}
		known[key] = in.Path
	}
	return store.Input{}, "", false
}

// Result notes a number that has no file of its own.
func (r *Run) Result(name string, x float64) { r.results[name] = x }

// Further is the job of an output besides the step's own, by the option that names it.
func (r *Run) Further(option string) *store.Job { return r.further["--"+option] }

// Stage runs one part of the work and notes how long it took; total is in the units of
// Progress, 0 if unknown.
func (r *Run) Stage(name string, total int, f func() error) error {
	return r.Env.Stage(name, total, f)
}

// Progress says how much of the stage is done.
func (r *Run) Progress(done int) { r.Env.Report.Progress(done) }

// Warn tells the user something in one line, and notes it in run.json.
func (r *Run) Warn(format string, args ...any) { r.Env.Warn(format, args...) }

// runJSON is what run.json says of this execution.
func (r *Run) runJSON() *store.Run {
	e := r.Env
	run := &store.Run{Version: e.Version, Started: e.Started.UTC().Format(time.RFC3339), Seconds: time.Since(e.Started).Seconds(), Device: store.Device{Name: "cpu"},
		Stages: e.Stages, Warnings: e.warnings, Options: r.options, LeftOut: r.leftOut, Results: r.results, ResultsNumber: r.number}
	if r.Backend != nil {
		run.Device, run.Marks = r.device(), r.marks()
		run.Results["tiles_halved"] = float64(r.Halvings.Load())
	}
	return run
}
