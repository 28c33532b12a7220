package brain

import (
	"fmt"
	"slices"
	"strings"

	"voxen/store"
)

// Event is one row of a BIDS events table, times in seconds.
type Event struct {
	Onset, Duration float64
	TrialType       string
}

// Events are the rows of an events table in file order.
type Events []Event

// Events reads a BIDS events.tsv: columns onset, duration and, if there is one,
// trial_type. Events whose onset or trial type is n/a are left out and counted; a
// duration of n/a is 0. Without the column all events are of the type "event".
func (f Files) Events(path string) (events Events, leftOut int, err error) {
	t, err := f.table(path)
	if err != nil {
		return nil, 0, err
	}
	defer t.close()
	onset, err := t.column("onset")
	if err != nil {
		return nil, 0, err
	}
	duration, err := t.column("duration")
	if err != nil {
		return nil, 0, err
	}
	trial, noTrials := t.column("trial_type")
	err = t.each(func(l tableLine) error {
		e := Event{TrialType: "event"}
		var noOnset bool
		if e.Onset, noOnset, err = t.number(l, onset, "onset"); err != nil {
			return err
		}
		if e.Duration, _, err = t.number(l, duration, "duration"); err != nil {
			return err
		}
		if e.Duration < 0 {
			return inputErrorf(path, "line %d: duration is %g, expected at least 0", l.number, e.Duration)
		}
		if noTrials == nil {
			e.TrialType = strings.Clone(strings.TrimSpace(l.fields[trial])) // not the whole line
		}
		if noOnset || store.Missing(e.TrialType) {
			leftOut++
			return nil
		}
		events = append(events, e)
		return f.room(path, "the table", int64(cap(events))*eventBytes)
	})
	switch {
	case err != nil:
		return nil, 0, err
	case len(events) == 0:
		return nil, 0, inputErrorf(path, "no events with an onset, expected at least 1")
	}
	return events, leftOut, nil
}

// eventBytes is about what an event takes in memory.
const eventBytes = 64

// TrialTypes returns the types of trial, sorted.
func (e Events) TrialTypes() []string {
	var types []string
	for _, x := range e {
		types = append(types, x.TrialType)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Design returns the (frames x types) matrix, row-major, of the expected
// responses to the events of each type (see BlockRegressor). Types without an
// event give a column of zeros, so that runs share their columns.
func (e Events) Design(types []string, frameTimes []float64, m HRF) ([]float64, error) {
	x := make([]float64, len(frameTimes)*len(types))
	for c, name := range types {
		var blocks []Block
		for _, event := range e {
			if event.TrialType == name {
				blocks = append(blocks, Block{event.Onset, event.Duration, 1})
			}
		}
		column, err := BlockRegressor(blocks, frameTimes, m)
		if err != nil {
			return nil, fmt.Errorf("trial type %q: %w", name, err)
		}
		for t, v := range column {
			x[t*len(types)+c] = v
		}
	}
	return x, nil
}
