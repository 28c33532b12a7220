package study

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"voxen/engine/ridge"
	"voxen/study/encode"
	"voxen/study/step"
)

// encodeWork counts the operations of the cheapest form of a ridge path, which nested
// cross-validation repeats for each fold.
func (s *Study) encodeWork(m *modelSteps, T, folds int, o *encode.Options) work {
	K, V := m.columns(), float64(s.columns)
	if o.Asked() { // of one layer
		K = (K + m.groups - 1) / m.groups
	}
	if delays, err := step.ParseDelays(o.Delays); err == nil {
		K *= max(1, len(delays))
	}
	alphas, _ := encode.ParseAlphas(s.Encode.Alphas) // checked with the configuration
	cost := ridge.Choose(T, K, folds, len(alphas)).Cost(T, K, folds, len(alphas))
	if o.Nested {
		cost *= float64(folds)
	}
	t, k := float64(T), float64(K)
	// what depends on features alone: their products, and a decomposition for each fold
	r := min(t, k)
	design := float64(1+folds) * (4*t*k*r + 20*r*r*r)
	if o.Nested {
		design *= float64(folds)
	}
	n := s.searched(m, o.Asked())
	cost, design = cost*n, design*n
	what := fmt.Sprintf("%d features", m.columns())
	switch {
	case o.Asked():
		what = fmt.Sprintf("%d %ss of %d features", m.groups, o.By, K)
	case len(m.spaces) > 1:
		what += fmt.Sprintf(" in %d bands", len(m.spaces))
	case m.learn != nil:
		what = fmt.Sprintf("%d atoms", m.columns())
	}
	size := fmt.Sprintf("%d volumes x %d voxels, %s", T, s.columns, what)
	if s.columns == 0 {
		size = fmt.Sprintf("%d volumes, %s", T, what)
	}
	output := 8 * V * 2
	if o.Includes("weights") {
		output += 8 * V * k
	}
	if o.Predictions {
		output += 4 * V * t
	}
	return work{size: size, flops: V*cost + design, bytes: V * (4*t + 8*k), output: output, memory: V*4*t + 8*4*t*k}
}

// rate is what a machine does in a second.
type rate struct{ flops, bytes float64 }

// Estimates before anything has run: a core sustains 12 GFLOP/s through whole
// steps (two cores of an Intel Xeon at 2.6 GHz, 2026-11), an accelerator a
// hundred times that; images are unpacked and written at 60 MB/s.
func rateOf(device string, threads int) rate {
	if device == "cpu" {
		return rate{12e9 * float64(threads), 60e6}
	}
	return rate{1200e9, 60e6}
}

// overhead is what any step takes to open and commit its files.
const overhead = 50 * time.Millisecond

// seconds is how long a step takes by its size alone.
func (w work) seconds(r rate) float64 {
	return overhead.Seconds() + w.flops/r.flops + w.bytes/r.bytes
}

// estimator learns from finished steps how long those of their kind take.
type estimator struct {
	rate rate
	took map[string]float64 // seconds of finished steps, by kind
	said map[string]float64 // what their sizes said
}

func newEstimator(r rate) *estimator {
	return &estimator{r, map[string]float64{}, map[string]float64{}}
}

// learn takes note of a finished step.
func (e *estimator) learn(s *Task, seconds float64) {
	e.took[s.kind()] += seconds
	e.said[s.kind()] += s.work.seconds(e.rate)
}

// with is an estimator that knows of one more step.
func (e *estimator) with(s *Task, seconds float64) *estimator {
	more := &estimator{e.rate, maps.Clone(e.took), maps.Clone(e.said)}
	more.learn(s, seconds)
	return more
}

// knows reports whether a step of this kind has finished.
func (e *estimator) knows(s *Task) bool { return e.said[s.kind()] > 0 }

// seconds estimates a step: by its size, corrected by the finished steps of its
// kind, or of all kinds while there is none.
func (e *estimator) seconds(s *Task) float64 {
	own := s.work.seconds(e.rate)
	if e.knows(s) {
		return own * e.took[s.kind()] / e.said[s.kind()]
	}
	took, said := 0.0, 0.0
	for kind := range e.said {
		took, said = took+e.took[kind], said+e.said[kind]
	}
	if said > 0 {
		return own * took / said
	}
	return own
}

// countdown estimates what is left of a study while its steps run. Steps report from
// several goroutines.
type countdown struct {
	mu     sync.Mutex
	est    *estimator
	coming []*Task // and not kept, after the running one
	now    *Task   // that runs, nil between steps
	began  time.Time
	stage  step.Pace
}

// begin takes note that the next step runs.
func (c *countdown) begin(task *Task, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coming = slices.DeleteFunc(c.coming, func(t *Task) bool { return t == task })
	c.now, c.began, c.stage = task, now, step.NewPace(0, now)
}

// part takes note that a stage of the running step begins.
func (c *countdown) part(total int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage = step.NewPace(total, now)
}

// progress takes note of how much of the stage is done.
func (c *countdown) progress(done int, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stage.Done(done, now)
}

// end takes note that the running step has ended, after so many seconds of work.
func (c *countdown) end(seconds float64, kept bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !kept {
		c.est.learn(c.now, seconds)
	}
	c.now = nil
}

// left estimates the time to the end of the running step, and of the study.
func (c *countdown) left(now time.Time) (running, all time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	est, seconds := c.est, 0.0
	if c.now != nil {
		elapsed := now.Sub(c.began).Seconds()
		total, seen := c.total(now)
		if seen {
			est = est.with(c.now, total)
		}
		seconds = max(0, total-elapsed)
	}
	running = time.Duration(seconds * float64(time.Second))
	for _, task := range c.coming {
		seconds += est.seconds(task)
	}
	return running, time.Duration(seconds * float64(time.Second))
}

// total estimates how long the running step takes in all; seen says that it is by what
// was seen of it. Stages may come after one that says how far it is: where steps of the
// kind have finished, their time counts if it is the longer.
func (c *countdown) total(now time.Time) (seconds float64, seen bool) {
	seconds = c.est.seconds(c.now)
	left, ok := c.stage.Left(now)
	if !ok || c.stage.Share() < 0.05 {
		return seconds, false
	}
	total := (now.Sub(c.began) + left).Seconds()
	if c.est.knows(c.now) {
		return max(seconds, total), true
	}
	return total, true
}
