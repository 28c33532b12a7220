package step

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"voxen/store"
)

// SavedState keeps what a part of a job would need to go on in one file: it satisfies
// dict.Checkpoint.
type SavedState struct {
	fsys store.FS
	job  *store.Job
	name string // of the file, and of the journal's note of how much is done
	path string
	done int // passes, or columns
}

// NewSavedState goes on with what an earlier process saved under a name.
func NewSavedState(job *store.Job, name string) (*SavedState, error) {
	s := &SavedState{fsys: job.FS(), job: job, name: name}
	var err error
	if s.path, err = job.Scratch(name); err != nil {
		return nil, err
	}
	if n, ok := job.Noted(name); ok && Exists(s.fsys, s.path) { // else lost with the machine: the part begins anew
		s.done, err = strconv.Atoi(n)
	}
	return s, err
}

// Join makes one state of those that the parts saved, where parts are merged.
func (s *SavedState) Join(ctx context.Context, join func(states [][]byte) ([]byte, error)) error {
	parts := s.job.PartNotes(s.name)
	for _, p := range parts {
		n, err := strconv.Atoi(p.Value)
		if err != nil || s.done > 0 && n != s.done {
			return fmt.Errorf("part %v has %q of the %s, expected as many as the others: compute it again", p.Part, p.Value, s.name)
		}
		s.done = n
	}
	if len(parts) == 0 {
		return nil
	}
	states, err := s.job.PartScratch(ctx, s.name, maxState)
	if err != nil {
		return err
	}
	joined, err := join(states)
	if err != nil {
		return err
	}
	return s.save(joined, s.done)
}

// maxState bounds the state of a part: that of a null takes 24 bytes for a voxel and 8 for a draw.
const maxState = 1 << 30

// Passes is the part of a job that learns a dictionary: the state is saved after each
// pass, and the codes follow the last.
func (s *SavedState) Passes(n int) Part {
	return Part{What: s.name, first: 1, N: n, after: "codes", Finished: s.Saved}
}

// Saved is what of a part is saved.
func (s *SavedState) Saved() []store.Range {
	if s.done == 0 {
		return nil
	}
	return []store.Range{{Hi: s.done}}
}

// Load gives what was saved last, by an earlier process or by this one, or nil.
func (s *SavedState) Load() ([]byte, error) {
	if s.done == 0 {
		return nil, nil
	}
	f, err := s.fsys.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	_, err = f.ReadAt(data, 0)
	return data, err
}

// Save replaces what is saved by the state after a further pass.
func (s *SavedState) Save(state []byte) error { return s.save(state, s.done+1) }

// save replaces what is saved: the file is replaced whole.
func (s *SavedState) save(state []byte, done int) error {
	err := store.WriteFile(s.fsys, s.path, func(w io.Writer) error {
		_, err := w.Write(state)
		return err
	})
	if err != nil {
		return err
	}
	s.done = done
	return s.job.Note(s.name, strconv.Itoa(done))
}

// SavedColumns is a SavedState of a test of columns: it satisfies permute.Checkpoint.
type SavedColumns struct{ *SavedState }

// Save replaces what is saved by the state after more columns.
func (s SavedColumns) Save(state []byte, done int) error { return s.save(state, done) }
