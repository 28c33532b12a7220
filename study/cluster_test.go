package study

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"voxen/internal/faultfs"
	"voxen/store"
	"voxen/study/step"
)

// sums is a step of the tests: column v of its output is v plus the sum of its inputs.
type sums struct {
	In  []string `opt:"in" file:"in" doc:"arrays"`
	Out string   `opt:"out" file:"out" required:"true" doc:"folder"`
	Add float64  `opt:"add" doc:"more"`
}

type sumsSummary struct{ step.Ended }

const sumsColumns = 40

func (o *sums) Command() step.Command { return step.Command{Name: "encode"} }
func (o *sums) Check() error          { return nil }
func (o *sums) Parts() error          { return nil }

func (o *sums) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	total := o.Add
	for _, path := range o.In {
		x, _, err := store.LoadFloat64(ctx, r.Env.FS, path)
		if err != nil {
			return nil, err
		}
		for _, v := range x {
			total += v
		}
	}
	sink, err := r.Job.CreateNpy(ctx, "x.npy", store.Float64, 1, sumsColumns, store.AsVector)
	if err != nil {
		return nil, err
	}
	if err := r.Job.CheckParts(sumsColumns); err != nil {
		return nil, err
	}
	for v := range sumsColumns {
		if r.Job.Done(v, v+1) {
			continue
		}
		if err := sink.WriteFloat64(ctx, v, v+1, []float64{float64(v) + total}, 1); err != nil {
			return nil, err
		}
		if err := r.Job.Finish(v, v+1); err != nil {
			return nil, err
		}
	}
	if r.InPart() {
		return r.EndPart()
	}
	return &sumsSummary{}, nil
}

// lattice is a study of n steps, in fives, of which each reads from the two before it.
func lattice(n int, retries int) *Study {
	s := &Study{dir: "results"}
	s.Config = DefaultConfig()
	s.Config.path = "study.yaml"
	s.Cluster.Parts, s.Cluster.Retries = 3, retries
	for i := range n {
		o := &sums{Out: fmt.Sprintf("results/step-%04d", i), Add: float64(i)}
		var from []*Task
		for at := max(i-2, i/5*5); at < i; at++ {
			from, o.In = append(from, s.Tasks[at]), append(o.In, s.Tasks[at].out()+"/x.npy")
		}
		s.add(fmt.Sprint("sub-", i), from, work{}, o)
	}
	return s
}

// badCluster is a cluster in memory: jobs wait for others, end in any order, now and then are
// lost before they run or die in the middle, run twice, or are seen in the queue long after.
type badCluster struct {
	t      *testing.T
	s      *Study
	fs     store.FS
	random *rand.Rand
	jobs   []*badJob
	next   int
	ran    int
	lost   int
	bad    float64 // share of jobs that something happens to
	away   int     // calls that are answered by an error
}

type badJob struct {
	id    string
	job   ClusterJob
	part  int
	after []string
	state string // "queued", "ok", "failed"
	seen  int    // rounds that it is still shown after it ended
}

// absent says now and then that there is no controller.
func (c *badCluster) absent() error {
	if c.bad > 0 && c.random.Float64() < 0.02 {
		c.away++
		return errors.New("no controller")
	}
	return nil
}

func (c *badCluster) Submit(_ context.Context, j ClusterJob) (string, error) {
	if err := c.absent(); err != nil {
		return "", err
	}
	c.next++
	id := fmt.Sprint(c.next)
	parts := j.Parts
	if parts == nil {
		parts = []int{0}
	}
	for _, p := range parts {
		own := id
		if p > 0 {
			own = fmt.Sprintf("%s_%d", id, p)
		}
		c.jobs = append(c.jobs, &badJob{id: own, job: j, part: p, after: j.After, state: "queued"})
	}
	return id, nil
}

func (c *badCluster) find(id string) *badJob {
	i := slices.IndexFunc(c.jobs, func(j *badJob) bool { return j.id == id })
	return c.jobs[i]
}

// ready says whether all that a job waits for ended well, and whether it never will.
func (c *badCluster) ready(j *badJob) (ok, never bool) {
	ok = true
	for _, id := range j.after {
		switch c.find(id).state {
		case "queued":
			ok = false
		case "failed":
			return false, true
		}
	}
	return ok, false
}

// Queued lets some time go by.
func (c *badCluster) Queued(ctx context.Context) (map[string]bool, error) {
	if err := c.absent(); err != nil {
		return nil, err
	}
	order := c.random.Perm(len(c.jobs))
	for _, i := range order {
		j := c.jobs[i]
		if j.state != "queued" {
			continue
		}
		ok, never := c.ready(j)
		if never {
			j.state = "failed"
		}
		if !ok || c.random.Float64() < 0.3 { // it waits
			continue
		}
		j.seen = c.random.IntN(3)
		switch p := c.random.Float64() / max(c.bad, 1e-9); {
		case p < 0.4:
			j.state = "failed"
			c.lost++
		case p < 0.8:
			j.state = "failed"
			c.lost++
			c.run(ctx, j, faultfs.New(c.fs, faultfs.Rule{N: 1 + c.random.IntN(150), Crash: true}))
		case p < 1:
			c.run(ctx, j, c.fs)
			fallthrough
		default:
			j.state = "ok"
			if err := c.run(ctx, j, c.fs); err != nil {
				j.state = "failed"
			}
		}
	}
	queued := map[string]bool{}
	for _, j := range c.jobs {
		if j.state != "queued" {
			j.seen--
		}
		if j.state == "queued" || j.seen > 0 {
			queued[j.id] = true
		}
	}
	return queued, nil
}

// run does what a node would.
func (c *badCluster) run(ctx context.Context, j *badJob, fsys store.FS) error {
	c.ran++
	var cut step.Cut
	if j.part > 0 {
		cut.Part = &store.Part{Index: j.part, Of: j.job.Of}
	}
	cut.Merge = slices.Contains(j.job.Args, "--merge")
	at := slices.Index(j.job.Args, "--step")
	_, err := c.s.RunStep(ctx, &step.Env{FS: fsys}, j.job.Args[at+1], cut)
	return err
}

func (c *badCluster) Ended(context.Context, string) string { return "FAILED" }

func (c *badCluster) Cancel(_ context.Context, ids []string) error {
	for _, id := range ids {
		if j := c.find(id); j.state == "queued" {
			j.state = "failed"
		}
	}
	return nil
}

// outputs is what every step wrote.
func outputs(t *testing.T, fsys store.FS, s *Study) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, task := range s.Tasks {
		b, err := store.ReadFile(t.Context(), fsys, filepath.Join(task.out(), "x.npy"), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		found[task.Name] = b
	}
	return found
}

// A study ends with the bytes of one machine on a cluster that loses, kills, doubles, delays
// and reorders jobs, though it is followed by one process after another.
func TestRunOnBadCluster(t *testing.T) {
	steps := clusterSteps
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := lattice(steps, 1000)
	alone, fsys := faultfs.NewMem(), faultfs.NewMem()
	if _, err := s.Run(t.Context(), &step.Env{FS: alone}); err != nil {
		t.Fatal(err)
	}
	c := &badCluster{t: t, s: s, fs: fsys, random: rand.New(rand.NewPCG(seed, 0)), bad: 0.1}
	for stops := 0; ; stops++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(200+stops*300)*time.Millisecond)
		_, err := s.RunOn(ctx, &step.Env{FS: fsys}, c, time.Millisecond)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) || stops > 100 {
			t.Fatalf("after %d stops: %v", stops, err)
		}
	}
	if got, want := outputs(t, fsys, s), outputs(t, alone, s); !maps.EqualFunc(got, want, bytes.Equal) {
		t.Error("other bytes than those of one machine")
	}
	if c.lost == 0 || c.away == 0 || c.ran < 4*steps {
		t.Errorf("%d jobs ran, %d were lost, %d calls were not answered", c.ran, c.lost, c.away)
	}
	if _, err := fsys.Stat("results/step-0001.parts"); err == nil {
		t.Error("parts are left")
	}
	ran := c.ran
	if sum, err := s.RunOn(t.Context(), &step.Env{FS: fsys}, c, time.Millisecond); err != nil || sum.Kept != steps || c.ran != ran {
		t.Errorf("once more: %+v, %d jobs more, %v", sum, c.ran-ran, err)
	}
}

// saying is a Reporter that keeps what it is warned of.
type saying struct {
	step.Quiet
	warned []string
}

func (s *saying) Warn(text string) { s.warned = append(s.warned, text) }

// deadCluster runs nothing.
type deadCluster struct{ *badCluster }

func (d deadCluster) Queued(context.Context) (map[string]bool, error) {
	for _, j := range d.jobs {
		j.state = "failed"
	}
	return nil, nil
}

// A job that fails again and again ends the study, with what the scheduler and its log say.
func TestRunOnGivesUp(t *testing.T) {
	fsys := faultfs.NewMem()
	s := lattice(3, 2)
	said := &saying{}
	if err := fsys.MkdirAll("results/.cluster"); err != nil {
		t.Fatal(err)
	}
	for id := range 20 {
		err := store.WriteFile(fsys, fmt.Sprintf("%s-%d_2.log", filepath.Join("results/.cluster", "encode-sub-0"), id), func(w io.Writer) error {
			_, err := io.WriteString(w, "loading\nvoxen: no room\n")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.RunOn(t.Context(), &step.Env{FS: fsys, Report: said}, deadCluster{&badCluster{t: t, s: s, fs: fsys}}, time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), `step "encode sub-0, part 1/3" failed on the cluster 3 times: job `) || !strings.Contains(err.Error(), "(FAILED)") {
		t.Errorf("got %v", err)
	}
	if len(said.warned) < 2 || !slices.ContainsFunc(said.warned, func(w string) bool { return strings.Contains(w, "part 2/3") && strings.Contains(w, "voxen: no room") }) {
		t.Errorf("warned of %q", said.warned)
	}
}

// goneCluster has no controller.
type goneCluster struct{ *badCluster }

func (g goneCluster) Queued(context.Context) (map[string]bool, error) {
	return nil, errors.New("squeue: no controller")
}

// A scheduler that does not answer is asked again for a while.
func TestRunOnNoScheduler(t *testing.T) {
	said := &saying{}
	s := lattice(2, 0)
	_, err := s.RunOn(t.Context(), &step.Env{FS: faultfs.NewMem(), Report: said}, goneCluster{}, 100*time.Microsecond)
	if err == nil || err.Error() != "squeue: no controller" || len(said.warned) != 1 || !strings.Contains(said.warned[0], "it is asked again") {
		t.Errorf("got %v, warned of %q", err, said.warned)
	}
}

// Jobs grow where they failed, are cancelled by name, and a step that is none is refused.
func TestClusterJobs(t *testing.T) {
	fsys := faultfs.NewMem()
	s := lattice(2, 5)
	s.Cluster.Parts, s.Cluster.Partition, s.Cluster.GPUs = 1, "long", 2
	c := &badCluster{t: t, s: s, fs: fsys}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.RunOn(ctx, &step.Env{FS: fsys}, deadCluster{c}, time.Millisecond)
	first, later := c.jobs[0].job, c.jobs[2].job
	if len(first.Parts) != 0 || first.Of != 0 || !slices.Contains(first.Extra, "--partition=long") || first.GPUs != 0 {
		t.Errorf("job %+v", first)
	}
	if !(later.Memory > first.Memory && later.Minutes > first.Minutes) {
		t.Errorf("after a failure %d bytes and %d minutes, before %d and %d", later.Memory, later.Minutes, first.Memory, first.Minutes)
	}
	c.jobs[len(c.jobs)-1].state = "queued"
	if jobs, err := s.SubmittedJobs(&step.Env{FS: fsys}); err != nil || len(jobs) == 0 {
		t.Errorf("submitted %v, %v", jobs, err)
	}
	n, err := s.Cancel(t.Context(), &step.Env{FS: fsys}, waitingCluster{c})
	if err != nil || n != 2 {
		t.Errorf("%d jobs cancelled, %v", n, err)
	}
	if jobs, _ := s.SubmittedJobs(&step.Env{FS: fsys}); len(jobs) != 0 {
		t.Errorf("after that %v", jobs)
	}
	if _, err := s.RunStep(t.Context(), &step.Env{FS: fsys}, "encode sub-9", step.Cut{}); !store.IsInput(err) || !strings.Contains(err.Error(), `has no step "encode sub-9"; the nearest is "encode sub-`) {
		t.Errorf("got %v", err)
	}
}

// waitingCluster lets no time go by.
type waitingCluster struct{ *badCluster }

func (w waitingCluster) Queued(context.Context) (map[string]bool, error) {
	queued := map[string]bool{}
	for _, j := range w.jobs[len(w.jobs)-2:] {
		queued[j.id] = true
	}
	return queued, nil
}
