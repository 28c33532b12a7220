package engine

import (
	"errors"
	"fmt"
	"time"

	"voxen/engine/op"
)

// Recorder is a Backend that can queue many operations as one: what a step of
// dictionary learning launches takes the host longer than the device.
type Recorder interface {
	// Record calls queue, which queues operations on s, and keeps what it queued
	// instead of doing it. An error other than *Lost says that some operation
	// cannot be recorded.
	Record(s Stream, queue func() error) (Recording, error)
}

// Recording is work that was recorded, on the same memory each time.
type Recording interface {
	Queue(s Stream) error
	Free()
}

// take is what a job knows of one way to compute a tile: its plan on one set of
// buffers and one side of the carried state.
type take struct {
	runs      int
	recording Recording
}

type takeKey struct {
	set   *bufferSet
	plan  *plan
	state Buffer
}

// recorder gives the backend's, for jobs that repeat small steps: those that carry
// a state. Others are few and large.
func (j *job) recorder() Recorder {
	if len(j.state) == 0 || j.unrecordable {
		return nil
	}
	for _, c := range j.carried {
		if c {
			r, _ := j.m.be.(Recorder)
			return r
		}
	}
	return nil
}

// takeOf finds the take of a set.
func (j *job) takeOf(s *bufferSet) *take {
	key := takeKey{set: s, plan: s.plan}
	for k, c := range j.carried {
		if c {
			key.state = j.state[k][0]
			break
		}
	}
	t, ok := j.takes[key]
	if !ok {
		if j.takes == nil {
			j.takes = map[takeKey]*take{}
		}
		t = &take{}
		j.takes[key] = t
	}
	return t
}

// queue queues the operations of a tile: one by one the first time, when the
// backend makes what it needs once, then recorded.
func (j *job) queue(st Stream, s *bufferSet) error {
	r := j.recorder()
	if r == nil {
		return j.queueSteps(st, s)
	}
	t := j.takeOf(s)
	t.runs++
	if t.runs == 2 {
		rec, err := r.Record(st, func() error { return j.queueSteps(st, s) })
		var lost *Lost
		switch {
		case errors.As(err, &lost):
			return err
		case err != nil:
			j.unrecordable = true
		}
		t.recording = rec
	}
	if t.recording == nil {
		return j.queueSteps(st, s)
	}
	start := time.Now()
	if err := t.recording.Queue(st); err != nil {
		return fmt.Errorf("recorded operations: %w", err)
	}
	j.stats.Operation["recorded"] += time.Since(start)
	j.stats.Recorded++
	return nil
}

// queueSteps queues the operations of a tile one by one.
func (j *job) queueSteps(st Stream, s *bufferSet) error {
	for i := range s.plan.steps {
		p := &s.plan.steps[i]
		c := Call{Stream: st, Out: j.array(s, p.out), In: make([]Array, len(p.in)),
			Scratch: Array{Type: op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, s.plan.scratch / 8}}, Buf: j.scratch}}
		for k, in := range p.in {
			c.In[k] = j.array(s, in)
		}
		for _, out := range p.also {
			c.Also = append(c.Also, j.array(s, out))
		}
		start := time.Now()
		if err := dispatch(j.m.be, &c, p.spec); err != nil {
			return fmt.Errorf("%s: %w", op.Name(p.spec), err)
		}
		j.stats.Operation[op.Name(p.spec)] += time.Since(start)
	}
	return nil
}

// forget frees all recordings: the memory that they work on goes.
func (j *job) forget() {
	for _, t := range j.takes {
		if t.recording != nil {
			t.recording.Free()
		}
	}
	j.takes = nil
}
