package study

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"voxen/store"
	"voxen/study/step"
)

// ClusterConfig says how the steps of a study become jobs of a cluster.
type ClusterConfig struct {
	Partition  string   `key:"partition" doc:"where jobs run; the cluster's default if empty"`
	Account    string   `key:"account" doc:"who pays for them"`
	Constraint string   `key:"constraint" doc:"features of nodes, such as a model of processor: results have the same bits on one model"`
	CPUs       int      `key:"cpus" min:"1" max:"4096" doc:"processors of a job"`
	GPUs       int      `key:"gpus" min:"0" max:"64" doc:"GPUs of a job that computes on a device"`
	Memory     string   `key:"memory" doc:"of a job, such as 16GiB; if empty what the step needs by its plan, and half as much again"`
	Minutes    int      `key:"minutes" min:"0" doc:"time limit of a job; 0: three times the estimate, and 10 minutes"`
	Parts      int      `key:"parts" min:"0" max:"10000" doc:"parts of each extraction, encoding and match; 0: of about 10 minutes, at most 64"`
	Retries    int      `key:"retries" min:"0" max:"100" doc:"how often a job that failed is submitted again, each time with more memory and time"`
	Setup      string   `key:"setup" doc:"shell commands before each job, such as module load cuda"`
	Extra      []string `key:"extra" doc:"further options of sbatch, such as --qos=low"`
}

// checkCluster refuses a memory that is none.
func (c *Config) checkCluster() error {
	if c.Cluster.Memory == "" {
		return nil
	}
	if _, err := step.ParseSize(c.Cluster.Memory); err != nil {
		return c.bad("cluster.memory", "%v", err)
	}
	return nil
}

// ClusterJob is a job, or an array of jobs that make parts of one output.
type ClusterJob struct {
	Name    string
	Args    []string // of voxen, without the part
	Parts   []int    // the elements of an array; nil: one job
	Of      int      // parts in all
	After   []string // jobs that have to end well before
	CPUs    int
	GPUs    int
	Memory  int64
	Minutes int
	Log     string // beginning of the names of its logs
	Setup   string
	Extra   []string
}

// Scheduler is what runs jobs. Jobs may be lost, run twice or out of order: what a step is
// comes from its output, never from what became of a job.
type Scheduler interface {
	// Submit hands over a job and gives its id.
	Submit(ctx context.Context, j ClusterJob) (id string, err error)
	// Queued lists the user's jobs that wait or run; the element i of an array is ID_i.
	Queued(ctx context.Context) (map[string]bool, error)
	// Ended says how a job ended, in a few words; "" if nothing is known.
	Ended(ctx context.Context, id string) string
	// Cancel ends jobs.
	Cancel(ctx context.Context, ids []string) error
}

// RunStep does one step of the study, or a piece of it: what a job of a cluster runs. Steps
// before it have to be done.
func (s *Study) RunStep(ctx context.Context, e *step.Env, name string, cut step.Cut) (step.Outcome, error) {
	i := slices.IndexFunc(s.Tasks, func(t *Task) bool { return t.Name == name })
	if i < 0 {
		var names []string
		for _, t := range s.Tasks {
			names = append(names, t.Name)
		}
		return step.Outcome{}, step.BadInput(s.Config.path, "has no step %q; the nearest is %q (--dry-run lists all)", name, step.Nearest(name, names))
	}
	r := s.newRunner(e, "cpu")
	own := r.env(e.Report)
	own.Cut = cut
	o, err := step.Execute(ctx, own, s.Tasks[i].Step)
	if err != nil {
		return o, stepError(ctx, s.Tasks[i], err)
	}
	return o, r.cacheIn()
}

// clusterFolder has what is known of the jobs of a study, and their logs.
const clusterFolder = ".cluster"

// submitted is what is known of the jobs of a step.
type submitted struct {
	Of     int            `json:"of,omitempty"`  // parts; 0: the step is one job
	Parts  map[int]string `json:"parts"`         // ids
	Own    string         `json:"job,omitempty"` // of the step, or of the merge
	Failed map[int]int    `json:"failed"`
}

// ownJob is the number by which failures of the step's own job are counted.
const ownJob = 0

// cluster is one call of RunOn.
type cluster struct {
	*runner
	sch    Scheduler
	config ClusterConfig
	jobs   map[string]*submitted // by step
	gone   map[string]int        // rounds since a job was last in the queue, by id
	every  time.Duration         // the queue is looked at while something happens
	wait   time.Duration         // before the next look
}

// RunOn does the study by jobs of a cluster: all that is not done is submitted at once, each
// step after those that it reads from, large ones in parts with a merge. It follows them to the
// end, and submits again what ended without its output. When ctx ends the jobs go on, and the
// next RunOn follows them. The queue is looked at every so often, and less while nothing
// happens, down to once in 15 times as long.
func (s *Study) RunOn(ctx context.Context, e *step.Env, sch Scheduler, every time.Duration) (RunSummary, error) {
	c, unlock, err := s.onCluster(e, sch)
	if err != nil {
		return RunSummary{}, err
	}
	defer unlock()
	sum := RunSummary{Title: s.Title, Out: s.dir, Steps: len(s.Tasks)}
	began := time.Now()
	for _, st := range c.found() {
		if st.State == StateDone {
			sum.Kept++
		}
	}
	c.e.Report.Stage("on the cluster (steps)", len(s.Tasks))
	silent := 0 // rounds in which the scheduler gave no answer
	for c.every, c.wait = every, every; ; {
		done, err := c.round(ctx)
		var no *noAnswer
		switch {
		case errors.As(err, &no) && silent < patience:
			if silent++; silent == 1 && ctx.Err() == nil {
				c.e.Report.Warn(fmt.Sprintf("%v; it is asked again", err))
			}
		case err != nil:
			return sum, err
		default:
			silent = 0
			c.e.Report.Progress(done)
		}
		if err == nil && done == len(s.Tasks) {
			break
		}
		select {
		case <-ctx.Done():
			c.e.Report.Warn("the jobs go on: the same command follows them, --status says how far they are, and --cancel ends them")
			return sum, context.Cause(ctx)
		case <-time.After(c.wait):
		}
	}
	sum.Done = sum.Steps - sum.Kept
	for _, t := range s.Tasks {
		if t.kind() == "report" {
			sum.Report = t.out()
		}
	}
	sum.Seconds = time.Since(began).Seconds()
	clear(c.jobs)
	return sum, errors.Join(c.save(), c.cacheIn())
}

// noAnswer is an error of the scheduler, which may be gone for a while.
type noAnswer struct{ error }

func (n *noAnswer) Unwrap() error { return n.error }

// patience is how many rounds in turn may fail for the scheduler: some minutes.
const patience = 12

// Cancel ends the jobs of the study, and says how many there were.
func (s *Study) Cancel(ctx context.Context, e *step.Env, sch Scheduler) (int, error) {
	c, unlock, err := s.onCluster(e, sch)
	if err != nil {
		return 0, err
	}
	defer unlock()
	queued, err := sch.Queued(ctx)
	if err != nil {
		return 0, err
	}
	var ids []string
	for _, j := range c.jobs {
		for _, id := range j.all() {
			if queued[id] {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	if err := sch.Cancel(ctx, ids); err != nil {
		return 0, err
	}
	clear(c.jobs)
	return len(ids), c.save()
}

// onCluster locks the study and reads what is known of its jobs.
func (s *Study) onCluster(e *step.Env, sch Scheduler) (c *cluster, unlock func(), err error) {
	c = &cluster{runner: s.newRunner(e, "cpu"), sch: sch, config: s.Cluster, jobs: map[string]*submitted{}, gone: map[string]int{}}
	lock, err := store.LockFolder(c.e.FS, s.dir)
	if err != nil {
		return nil, nil, err
	}
	known, err := c.load()
	if err == nil && !known {
		err = step.BadInput(c.path(), "is damaged, expected the jobs of the study: end them with scancel and remove it")
	}
	if err == nil {
		err = c.e.FS.MkdirAll(filepath.Join(s.dir, clusterFolder))
	}
	if err != nil {
		lock.Close()
		return nil, nil, err
	}
	return c, func() { lock.Close() }, nil
}

// load reads what was saved, if anything was; known is false where it cannot be read as jobs.
func (c *cluster) load() (known bool, err error) {
	if !step.Exists(c.e.FS, c.path()) {
		return true, nil
	}
	data, err := store.ReadFile(context.Background(), c.e.FS, c.path(), 256<<20)
	if err != nil || json.Unmarshal(data, &c.jobs) != nil || c.jobs == nil {
		return false, err
	}
	for _, j := range c.jobs {
		if j == nil || j.Parts == nil || j.Failed == nil || j.Of < 0 || j.Of > store.MaxParts {
			return false, nil
		}
	}
	return true, nil
}

func (c *cluster) path() string { return filepath.Join(c.s.dir, clusterFolder, "jobs.json") }

// save keeps what is known of the jobs.
func (c *cluster) save() error {
	return store.WriteFile(c.e.FS, c.path(), func(w io.Writer) error { return json.NewEncoder(w).Encode(c.jobs) })
}

// all are the ids of a step's jobs.
func (j *submitted) all() []string {
	var ids []string
	for _, id := range j.Parts {
		ids = append(ids, id)
	}
	if j.Own != "" {
		ids = append(ids, j.Own)
	}
	return ids
}

// round looks once at all steps and submits what is to be submitted; it counts those that are
// done.
func (c *cluster) round(ctx context.Context) (done int, err error) {
	c.wait = min(c.wait*5/4, 15*c.every)
	queued, err := c.sch.Queued(ctx)
	if err != nil {
		return 0, &noAnswer{err}
	}
	for _, j := range c.jobs {
		for _, id := range j.all() {
			if c.gone[id]++; queued[id] {
				c.gone[id] = 0
			}
		}
	}
	for _, task := range c.s.Tasks {
		if c.done[task] {
			done++
			continue
		}
		st, err := c.state(task)
		if err != nil {
			return done, fmt.Errorf("step %q: %w", task.Name, err)
		}
		if st.State == StateDone {
			delete(c.jobs, task.Name)
			c.wait, done = c.every, done+1
			continue
		}
		if err := c.submit(ctx, task); err != nil {
			return done, err
		}
	}
	return done, nil
}

// runs reports whether a job was there a moment ago: what it wrote may be seen later than
// that it has left the queue.
func (c *cluster) runs(id string) bool { return id != "" && c.gone[id] < 2 }

// submit hands over what of a step is neither done nor in the queue.
func (c *cluster) submit(ctx context.Context, task *Task) error {
	j := c.jobs[task.Name]
	if j == nil {
		j = &submitted{Of: c.parts(task), Parts: map[int]string{}, Failed: map[int]int{}}
		c.jobs[task.Name] = j
	}
	after, ready := c.after(task)
	var missing []int
	for i := 1; i <= j.Of; i++ {
		if !c.runs(j.Parts[i]) && !store.PartDone(c.e.FS, task.out(), task.Step.Command().File, store.Part{Index: i, Of: j.Of}) {
			missing = append(missing, i)
		}
	}
	if len(missing) > 0 {
		if err := c.again(ctx, task, j, missing, ready); err != nil {
			return err
		}
		id, err := c.hand(ctx, task, j, missing, after)
		if err != nil {
			return err
		}
		for _, i := range missing {
			j.Parts[i] = fmt.Sprintf("%s_%d", id, i)
		}
		if err := c.save(); err != nil {
			return err
		}
		if c.runs(j.Own) { // it waits for jobs that failed
			if err := c.sch.Cancel(ctx, []string{j.Own}); err != nil {
				return &noAnswer{err}
			}
		}
		j.Own = ""
	}
	if c.runs(j.Own) {
		return nil
	}
	var parts []string
	for i := range j.Of {
		if id := j.Parts[i+1]; c.runs(id) {
			parts = append(parts, id)
		}
	}
	if j.Of > 0 {
		slices.Sort(parts)
		after, ready = parts, ready && len(parts) == 0
	}
	if err := c.again(ctx, task, j, nil, ready); err != nil {
		return err
	}
	id, err := c.hand(ctx, task, j, nil, after)
	if err != nil {
		return err
	}
	j.Own = id
	return c.save()
}

// after lists the jobs that a step waits for; ready says that there are none.
func (c *cluster) after(task *Task) (ids []string, ready bool) {
	ready = true
	for _, f := range task.from {
		if c.done[f] {
			continue
		}
		ready = false
		if j := c.jobs[f.Name]; j != nil && j.Own != "" && !slices.Contains(ids, j.Own) {
			ids = append(ids, j.Own)
		}
	}
	return ids, ready
}

// again counts jobs that ended without their output, though all that they read was there, and
// ends the study when one does too often.
func (c *cluster) again(ctx context.Context, task *Task, j *submitted, parts []int, ready bool) error {
	units := parts
	if units == nil {
		units = []int{ownJob}
	}
	for _, i := range units {
		id, what := j.Own, task.Name
		if i != ownJob {
			id, what = j.Parts[i], fmt.Sprintf("%s, part %d/%d", task.Name, i, j.Of)
		} else if j.Of > 0 {
			what = task.Name + ", merge"
		}
		if id == "" || !ready {
			continue
		}
		why := c.why(ctx, task, id)
		if j.Failed[i]++; j.Failed[i] > c.config.Retries {
			return fmt.Errorf("step %q failed on the cluster %d times: job %s%s; what is finished is kept, the same command goes on", what, j.Failed[i], id, why)
		}
		c.e.Report.Warn(fmt.Sprintf("%s: job %s ended without its output%s; it is submitted again", what, id, why))
	}
	return nil
}

// why is what the scheduler and the log say of a job that failed.
func (c *cluster) why(ctx context.Context, task *Task, id string) string {
	text := ""
	if ended := c.sch.Ended(ctx, id); ended != "" {
		text = " (" + ended + ")"
	}
	name := c.log(task) + "-" + id + ".log"
	data, err := store.ReadFile(ctx, c.e.FS, name, 16<<20)
	if err != nil {
		return text
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		text += ": " + last
	}
	return text
}

// log is the beginning of the names of a step's logs.
func (c *cluster) log(task *Task) string {
	return filepath.Join(c.s.dir, clusterFolder, notName.ReplaceAllString(task.Name, "-"))
}

var notName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// parts is in how many parts a step is made; 0: in one job.
func (c *cluster) parts(task *Task) int {
	p, ok := task.Step.(step.Parted)
	if !ok || p.Parts() != nil {
		return 0
	}
	n := c.config.Parts
	if n == 0 {
		n = min(64, int(c.est.seconds(task)/600))
	}
	if n < 2 {
		return 0
	}
	return n
}

// hand submits a step, its merge, or parts of it.
func (c *cluster) hand(ctx context.Context, task *Task, j *submitted, parts []int, after []string) (string, error) {
	failed := j.Failed[ownJob]
	seconds := c.est.seconds(task)
	args := []string{"run", absolute(c.s.Config.path), "--step", task.Name, "--quiet", "--threads", fmt.Sprint(c.config.CPUs), "--device", c.e.Device, "--precision", c.e.Precision.String()}
	if parts == nil && j.Of > 0 {
		args = append(args, "--merge")
	}
	for _, i := range parts {
		failed = max(failed, j.Failed[i])
		seconds = c.est.seconds(task) / float64(j.Of)
	}
	if c.e.TF32 {
		args = append(args, "--tf32")
	}
	memory := c.memory(task) * 3 / 2
	if c.config.Memory != "" {
		memory, _ = step.ParseSize(c.config.Memory) // checked with the configuration
	} else {
		memory = max(memory, 512<<20) * int64(1+failed)
	}
	minutes := c.config.Minutes
	if minutes == 0 {
		minutes = int(math.Ceil(3*seconds/60)) + 10
	}
	gpus := 0
	if task.Step.Command().Device {
		gpus = c.config.GPUs
	}
	var extra []string
	for _, o := range []struct{ flag, value string }{{"partition", c.config.Partition}, {"account", c.config.Account}, {"constraint", c.config.Constraint}} {
		if o.value != "" {
			extra = append(extra, "--"+o.flag+"="+o.value)
		}
	}
	id, err := c.sch.Submit(ctx, ClusterJob{Name: notName.ReplaceAllString(task.Name, "-"), Args: append(args, "--memory", fmt.Sprint(memory*9/10)), Parts: parts, Of: j.Of, After: after,
		CPUs: c.config.CPUs, GPUs: gpus, Memory: memory, Minutes: minutes << min(failed, 8), Log: absolute(c.log(task)), Setup: c.config.Setup, Extra: append(extra, c.config.Extra...)})
	if err != nil {
		return "", fmt.Errorf("step %q: %w", task.Name, &noAnswer{err})
	}
	return id, nil
}

// absolute is a path from the root, as jobs may begin elsewhere.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// SubmittedJobs says which jobs steps that are not done have, by the name of the step: as it
// was when the study was last followed.
func (s *Study) SubmittedJobs(e *step.Env) (map[string]string, error) {
	c := &cluster{runner: &runner{s: s, e: e}, jobs: map[string]*submitted{}}
	known, err := c.load()
	if err != nil || !known {
		return nil, err
	}
	jobs := map[string]string{}
	for name, j := range c.jobs {
		ids := j.all()
		slices.Sort(ids)
		jobs[name] = strings.Join(ids, ", ")
	}
	return jobs, nil
}
