package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"voxen/engine"
	"voxen/store"
	"voxen/study/step"
)

// States of a step.
const (
	StateDone       = "done"       // its output is what it would make
	StateToDo       = "to do"      // its inputs are there
	StateWaiting    = "waiting"    // for earlier steps
	StateUnfinished = "unfinished" // begun, to go on
)

// StepState says how far a step is, and what it will take.
type StepState struct {
	Step   string `json:"step"`
	Kind   string `json:"kind"`
	Out    string `json:"out"`
	State  string `json:"state"`
	Why    string `json:"why,omitempty"`  // it is to be done
	Jobs   string `json:"jobs,omitempty"` // of a cluster that it was handed to
	Size   string `json:"size"`
	Output int64  `json:"output_bytes"` // estimated
	Memory int64  `json:"memory_bytes"` // estimated
	// Seconds that the finished step took, or an estimate of those to come.
	Seconds float64 `json:"seconds"`
}

// StudyReporter is a Reporter that hears of a study's steps.
type StudyReporter interface {
	step.Reporter
	// Steps lists the steps before the first begins, as they are found; left estimates
	// the time to the end of the step that runs and of the study, whenever it is asked.
	Steps(states []StepState, left func() (step, study time.Duration))
	// Step begins step i, from 0.
	Step(i int)
	// StepDone ends it; kept says that its output was there already.
	StepDone(i int, seconds float64, kept bool)
	// StepFailed ends it with an error, which ends the study.
	StepFailed(i int, seconds float64)
}

// RunSummary is what the run command did.
type RunSummary struct {
	Title   string  `json:"title"`
	Out     string  `json:"out"`
	Steps   int     `json:"steps"`
	Done    int     `json:"done"` // in this process
	Kept    int     `json:"kept"` // found as they would be made
	Report  string  `json:"report,omitempty"`
	Seconds float64 `json:"seconds"`
}

// digestsName is the file of remembered digests in a study's folder.
const digestsName = ".digests.json"

// runner is one call of Study.Run or Study.States.
type runner struct {
	s      *Study
	e      *step.Env
	cache  *store.Digests
	est    *estimator
	done   map[*Task]bool
	shared step.Shared
	clock  *countdown // while the study runs
}

// newRunner estimates times by the kind of device, which is not opened.
func (s *Study) newRunner(e *step.Env, device string) *runner {
	e.Begin()
	threads := e.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &runner{s: s, e: e, cache: store.LoadDigests(e.FS, filepath.Join(s.dir, digestsName)), est: newEstimator(rateOf(device, threads)), done: map[*Task]bool{}}
}

// env is the environment of one step.
func (r *runner) env(report step.Reporter) *step.Env {
	e := *r.e
	e.Report = report
	e.Keep = &step.Keeper{Cache: r.cache, Shared: &r.shared}
	return &e
}

// Notes says which parts of the study are left out, and why.
func (s *Study) Notes() []string { return s.notes }

// States says how far each step is, and runs none: no device is opened and no array
// read.
func (s *Study) States(e *step.Env) ([]StepState, error) {
	device, _, _ := strings.Cut(e.Device, ":")
	if device == "auto" { // which one it would be, only a device that is opened says
		device = "cpu"
	}
	r := s.newRunner(e, device)
	var states []StepState
	for _, task := range s.Tasks {
		st, err := r.state(task)
		if err != nil {
			return nil, fmt.Errorf("step %q: %w", task.Name, err)
		}
		states = append(states, st)
	}
	for i, task := range s.Tasks { // with what the finished steps took
		if states[i].State != StateDone {
			states[i].Seconds = r.est.seconds(task)
		}
	}
	return states, r.cacheIn()
}

// cacheIn keeps the digests if there is a folder of results to keep them in.
func (r *runner) cacheIn() error {
	if !step.Exists(r.e.FS, r.s.dir) {
		return nil
	}
	return r.cache.Save(r.e.FS)
}

// state says how far one step is.
func (r *runner) state(task *Task) (StepState, error) {
	st := StepState{Step: task.Name, Kind: task.kind(), Out: task.out(), State: StateWaiting, Size: task.work.size, Output: int64(task.work.output), Memory: r.memory(task)}
	for _, f := range task.from {
		if !r.done[f] {
			st.Why = fmt.Sprintf("for %s", f.Name)
			if step.HasPartial(r.e.FS, task.out(), task.Step.Command().File) {
				st.State = StateUnfinished
			}
			return st, nil
		}
	}
	now, err := step.StateOf(r.env(step.Quiet{}), task.Step)
	switch {
	case err != nil:
		return st, err
	case now.Why == "":
		st.State, st.Seconds = StateDone, now.Run.Seconds
		r.done[task] = true
		r.est.learn(task, now.Run.Seconds)
	case now.Unfinished:
		st.State, st.Why = StateUnfinished, now.Why
	default:
		st.State, st.Why = StateToDo, now.Why
	}
	return st, nil
}

// memory is what a step holds, as far as the bound on the process lets it.
func (r *runner) memory(task *Task) int64 {
	need := int64(task.work.memory) + step.Overhead
	if r.e.Memory > 0 {
		need = min(need, r.e.Memory)
	}
	return need
}

// Run makes every output that is not there yet or no longer what its step would
// make. Interrupted anywhere, the next Run goes on: finished steps are kept, and
// a step that was begun goes on from what it finished.
func (s *Study) Run(ctx context.Context, e *step.Env) (RunSummary, error) {
	device := "cpu"
	if c, err := engine.Resolve(e.Device); err == nil {
		device = c.Kind
	}
	r := s.newRunner(e, device)
	// a second Run would wait for steps of the first at best, and take its unfinished
	// ones for its own at worst
	lock, err := store.LockFolder(r.e.FS, s.dir)
	if err != nil {
		return RunSummary{}, err
	}
	defer lock.Close()
	began := time.Now()
	sum := RunSummary{Title: s.Title, Out: s.dir, Steps: len(s.Tasks)}
	states := r.found()
	if reporter, ok := e.Report.(StudyReporter); ok {
		reporter.Steps(states, func() (step, study time.Duration) { return r.clock.left(time.Now()) })
	}
	for i, task := range s.Tasks {
		kept, err := r.step(ctx, i, task)
		if err != nil {
			return sum, err
		}
		if kept {
			sum.Kept++
		} else {
			sum.Done++
		}
		if task.kind() == "report" {
			sum.Report = task.out()
		}
	}
	sum.Seconds = time.Since(began).Seconds()
	return sum, nil
}

// found lists the steps as they are before the first begins, and starts the countdown:
// those that will be kept take no time. What a step will refuse, it says itself.
func (r *runner) found() []StepState {
	r.clock = &countdown{est: r.est}
	var states []StepState
	for _, task := range r.s.Tasks {
		st, err := r.state(task)
		if err != nil {
			st = StepState{Step: task.Name, Kind: task.kind(), Out: task.out(), State: StateToDo}
		}
		if st.State != StateDone {
			r.clock.coming = append(r.clock.coming, task)
		}
		states = append(states, st)
	}
	clear(r.done)
	for i, task := range r.s.Tasks {
		if states[i].State != StateDone {
			states[i].Seconds = r.est.seconds(task)
		}
	}
	return states
}

// step runs one step, or finds that its output is there.
func (r *runner) step(ctx context.Context, i int, task *Task) (kept bool, err error) {
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	start := time.Now()
	r.clock.begin(task, start)
	reporter, tells := r.e.Report.(StudyReporter)
	if tells {
		reporter.Step(i)
	}
	// what an earlier step left to the collector counts in the resident set, by
	// which the next one plans
	debug.SetMemoryLimit(math.MaxInt64)
	debug.FreeOSMemory()
	o, err := step.Execute(ctx, r.env(&stepReporter{r.e.Report, r.clock}), task.Step)
	took := time.Since(start).Seconds()
	if err != nil {
		if tells {
			reporter.StepFailed(i, took)
		}
		return false, stepError(ctx, task, err)
	}
	if kept = o.Kept != nil; kept {
		took = o.Kept.Seconds
	}
	r.done[task] = true
	r.clock.end(took, kept)
	if tells {
		reporter.StepDone(i, took, kept)
	}
	return kept, r.cacheIn()
}

// stepError says which step failed; an interruption says that by itself.
func stepError(ctx context.Context, task *Task, err error) error {
	if ctx.Err() != nil {
		return err
	}
	var in *store.InputError
	if errors.As(err, &in) {
		return fmt.Errorf("step %q: %w", task.Name, err)
	}
	return fmt.Errorf("step %q failed, the same command goes on: %w", task.Name, err)
}

// stepReporter passes on what a step tells, and keeps the countdown.
type stepReporter struct {
	step.Reporter
	clock *countdown
}

// Stage passes it on.
func (s *stepReporter) Stage(name string, total int) {
	s.clock.part(total, time.Now())
	s.Reporter.Stage(name, total)
}

// Progress passes it on.
func (s *stepReporter) Progress(done int) {
	s.clock.progress(done, time.Now())
	s.Reporter.Progress(done)
}
