package permute

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"time"
)

// Checkpoint keeps what a test has finished, over processes too.
type Checkpoint interface {
	// Load gives what was saved last, or nil.
	Load() ([]byte, error)
	// Save replaces what is saved: the state after the first done variables.
	Save(state []byte, done int) error
}

// keepEvery is how much work may be lost: to save after every tile would take longer
// than the tile.
const keepEvery = 2 * time.Second

// keeper says how far a test is, and how much of it is kept.
type keeper struct {
	to   Checkpoint
	from int // variables that were finished when this run began
	// done are finished now and saved are kept, of which the stage that stores knows alone
	done, saved int
	last        time.Time
}

// saved is the state of a test after its first variables. What was observed and counted
// is of these alone, the maxima over them.
type saved struct {
	Done      int
	U, Signed []float64
	Count     []int
	Max       []float64
}

// restore goes on with what a checkpoint kept.
func (t *test) restore(c Checkpoint) error {
	t.keep = keeper{to: c, last: time.Now()}
	if c == nil {
		return nil
	}
	data, err := c.Load()
	if err != nil || data == nil {
		return err
	}
	var s saved
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return fmt.Errorf("checkpoint of a permutation test: %w", err)
	}
	n := s.Done
	if n < 0 || n > len(t.u) || len(s.U) != n || len(s.Signed) != n || len(s.Count) != n || len(s.Max) != len(t.max) {
		return fmt.Errorf("checkpoint of a permutation test is not of %d variables and %d draws", len(t.u), len(t.max))
	}
	t.keep.from, t.keep.done, t.keep.saved = n, n, n
	copy(t.u, s.U)
	copy(t.signed, s.Signed)
	copy(t.count, s.Count)
	copy(t.max, s.Max)
	return nil
}

// Done reports whether variables were finished before: tiles finish in order.
func (t *test) Done(_, hi int) bool { return hi <= t.keep.from }

// Finish saves the state now and then.
func (t *test) Finish(_, hi int) error {
	t.keep.done = hi
	if time.Since(t.keep.last) < keepEvery {
		return nil
	}
	return t.save()
}

// save saves what is finished.
func (t *test) save() error {
	n := t.keep.done
	if t.keep.to == nil || n == t.keep.saved {
		return nil
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(saved{n, t.u[:n], t.signed[:n], t.count[:n], t.max}); err != nil {
		return err
	}
	t.keep.saved, t.keep.last = n, time.Now()
	return t.keep.to.Save(b.Bytes(), n)
}
