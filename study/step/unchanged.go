package step

import "voxen/store"

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
