package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"voxen/store"
)

// Cut says which piece of an output an execution makes: by default all of it.
//
// An execution of a part goes the way of the whole to the point where what is kept range by
// range is finished, and leaves its job there as an interruption would. The execution that
// merges opens a job in which the ranges of all parts are finished, and goes that way to its
// end. So the results are those of one machine, by the same property that lets an interrupted
// job go on: a panel's bits do not depend on who computes it, nor when.
type Cut struct {
	Part       *store.Part // the part that is made; nil: the whole
	Merge      bool        // parts that are there are brought together
	AllowMixed bool        // though different devices computed them
}

// PartSummary is what an execution of a part says.
type PartSummary struct {
	Ended
	Part     string        `json:"part"`     // "3/8"
	What     string        `json:"what"`     // "columns"
	Finished []store.Range `json:"finished"` // in the order of the output
}

// checkCut refuses to cut what is not kept range by range.
func (e *Env) checkCut(s Step) error {
	if e.Cut.Part == nil && !e.Cut.Merge {
		return nil
	}
	parted, ok := s.(Parted)
	if !ok {
		return BadInput("", "voxen %s is not cut into parts: run it as it is", s.Command().Name)
	}
	if further := furtherOuts(s); len(further) > 0 {
		return BadInput("", "%s writes a file of its own, which parts do not: leave it out", further[0].Role)
	}
	return parted.Parts()
}

// cut says to the job what it makes.
func (e *Env) cut(j *job) (err error) {
	switch {
	case e.Cut.Merge:
		j.JobOptions.Parts, err = store.FindParts(e.FS, j.out)
	case e.Cut.Part != nil:
		j.Part = e.Cut.Part
	}
	return err
}

// Merged reports whether the output that a merge would make is there, of the same options and
// inputs, and removes what is left of its parts: by a merge that was interrupted while it
// removed them.
func Merged(ctx context.Context, e *Env, s Step) (bool, error) {
	e.Begin()
	defer e.closeInputs()
	if err := Check(s); err != nil {
		return false, err
	}
	c, out := s.Command(), Out(s)
	if err := store.Recover(e.FS, out, c.File); err != nil || e.Force || !Exists(e.FS, store.RunPath(out, c.File)) {
		return false, err
	}
	jobs, err := e.jobs(ctx, s)
	if err != nil {
		return false, err
	}
	why, _, err := compare(e.FS, jobs[0])
	if why != "" || err != nil {
		return false, err
	}
	return true, store.RemoveParts(e.FS, out, c.File)
}

// errPart ends an execution of a part.
var errPart = errors.New("the part is finished")

// InPart reports whether the execution is of a part.
func (r *Run) InPart() bool { return r.Env.Cut.Part != nil }

// OfPart leaves out (NaN) those of the numbers of all voxels that are not of the part; without
// one it leaves out none.
func (r *Run) OfPart(row []float64) []float64 {
	if !r.InPart() {
		return row
	}
	own := slices.Repeat([]float64{math.NaN()}, len(row))
	for _, f := range r.Job.Finished() {
		copy(own[f.Lo:f.Hi], row[f.Lo:f.Hi])
	}
	return own
}

// EndPart is what Do returns at the end of a part.
func (r *Run) EndPart() (Summary, error) { return nil, errPart }

// endPart keeps what the part finished.
func (r *Run) endPart() (Summary, error) {
	sum := &PartSummary{Part: r.Env.Cut.Part.String(), What: r.Job.Axis().String(), Finished: r.Job.Finished()}
	return sum, r.Job.EndPart()
}

// sharesOfParts says which devices computed what of a piece of work in the parts that are
// merged. They have to be one, unless that is waived.
func (w *Worker) sharesOfParts(p *sharedPart) ([]share, error) {
	if p.Finished == nil {
		if err := w.Job.CheckParts(p.N); err != nil {
			return nil, err
		}
	}
	var devices []share
	for _, n := range w.Job.PartNotes(p.note()) {
		var shares []share
		if n.Value == "" {
			continue
		}
		if err := json.Unmarshal([]byte(n.Value), &shares); err != nil {
			return nil, fmt.Errorf("part %v: note %q: %w", n.Part, p.note(), err)
		}
		rest := n.Finished
		if p.Finished != nil { // every part did all of it, for its own columns
			rest = []store.Range{{Hi: p.N}}
		}
		for i, s := range shares {
			if rest = without(rest, s.Ranges); i == len(shares)-1 {
				s.Ranges = rest
			}
			at := slices.IndexFunc(devices, func(d share) bool { return d.Device == s.Device })
			if at < 0 {
				at, devices = len(devices), append(devices, share{Device: s.Device})
			}
			devices[at].Ranges = append(devices[at].Ranges, s.Ranges...)
		}
	}
	if len(devices) > 1 && !w.Env.Cut.AllowMixed {
		var names []string
		for _, d := range devices {
			names = append(names, d.Device)
		}
		return nil, BadInput("", "the parts were computed on different devices, whose last digits differ: %s; compute them on one model, or allow it with --allow-mixed, which marks the results", strings.Join(names, "; "))
	}
	return devices, nil
}
