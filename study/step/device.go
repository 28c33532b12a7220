package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"voxen/engine"
	"voxen/store"
)

// Worker is where a step computes: on the device that was asked for and, in auto, on
// the CPU from where that one is gone. It knows which device computed what.
type Worker struct {
	Env      *Env
	Backend  engine.Backend
	choice   engine.Choice
	Job      *store.Job // set once there is one
	moved    bool       // to the CPU
	kept     bool       // the backend is that of Env.Devices
	Halvings atomic.Int64
	parts    []*sharedPart // in the order in which they began
}

// lostDevices is what the steps of a process know of devices: one that was lost does
// not work again before the process ends, as CUDA has it.
type lostDevices struct{ lost *engine.Lost }

// before is the reason of a step that begins on the CPU after a loss.
func (d *lostDevices) before() string { return d.lost.Error() + ", in a step before" }

// OpenDevice opens the device. One that is not there is wrong input, since the user named it.
func (e *Env) OpenDevice() (*Worker, error) {
	best, err := engine.Resolve(e.Device)
	if err != nil {
		return nil, &store.InputError{Msg: err.Error()}
	}
	w := &Worker{Env: e}
	if e.devices.lost != nil && e.Device == "auto" && best.Kind != "cpu" {
		return w, w.openCPU(e.devices.before())
	}
	open := engine.Open
	if e.Devices != nil {
		open, w.kept = e.Devices.Open, true
	}
	if w.Backend, w.choice, err = open(e.Device, engine.Config{Threads: e.Threads, TF32: e.TF32}); err != nil {
		return nil, err
	}
	if w.choice.Failed != nil {
		errors.As(w.choice.Failed, &e.devices.lost)
		e.Warn("%s; the CPU goes on", w.choice.Reason)
	}
	return w, nil
}

// openCPU takes the CPU for a reason.
func (w *Worker) openCPU(reason string) error {
	be, choice, err := engine.Open("cpu", engine.Config{Threads: w.Env.Threads})
	if err != nil {
		return err
	}
	choice.Reason = reason
	w.Backend, w.choice = be, choice
	return nil
}

// Close closes the device, unless the next step has it.
func (w *Worker) Close() {
	if !w.kept {
		w.Backend.Close()
	}
}

// Part is a piece of a step's work that is computed at once.
type Part struct {
	What  string // "columns", "surrogates"; of what is whole "products of maps"
	first int    // number of the first of them
	N     int    // how many there are; 0: the part is whole, and nothing of it is kept
	// Finished lists those that are kept, of N, by earlier processes or devices; nil: the
	// ranges of the job
	Finished func() []store.Range
	// after is computed when all of them are, and not kept
	after string
}

// Compute runs a part of the step on the device. In auto a device that is lost, or has
// no room for the smallest tile, gives way to the CPU: w.be becomes that, and do
// runs again; what the part had finished stays. A device that was asked for ends the
// step. ctx is watched: do hands on the one that it gets.
func (w *Worker) Compute(ctx context.Context, p Part, do func(ctx context.Context) error) error {
	ctx = engine.Watch(ctx, func(s engine.Stats) { w.Halvings.Add(int64(s.Halvings)) })
	if w.Env.devices.lost != nil && w.Env.Device == "auto" && w.choice.Kind != "cpu" { // a step of the demo lost it
		if err := w.move(w.Env.devices.before()); err != nil {
			return err
		}
	}
	shares, err := w.begin(p)
	if err != nil {
		return err
	}
	if err = do(ctx); err == nil || w.choice.Kind == "cpu" || !engine.Gone(err) {
		return err
	}
	if w.Env.Device != "auto" {
		if w.kept { // for another try, not this backend
			w.Env.Devices.Drop(err)
		}
		if w.Env.Keep != nil { // the study says so
			return err
		}
		return fmt.Errorf("%w; what is finished is kept, the same command goes on", err)
	}
	why := w.gone(err)
	if moveErr := w.move(why.Error()); moveErr != nil {
		return errors.Join(err, moveErr)
	}
	w.Env.Warn("%v; the CPU goes on", why)
	if err := w.takeOver(shares); err != nil {
		return err
	}
	return do(ctx)
}

// gone is what an error says of the device, without what was under way then.
func (w *Worker) gone(err error) error {
	var lost *engine.Lost
	if errors.As(err, &lost) {
		w.Env.devices.lost = lost
		return lost
	}
	var full *engine.OutOfMemory
	errors.As(err, &full)
	return full
}

// move goes on with the CPU, for a reason.
func (w *Worker) move(why string) error {
	gone := w.Backend
	if err := w.openCPU(why); err != nil {
		return err
	}
	if w.kept {
		w.Env.Devices.Close()
	} else {
		gone.Close() // its device answers no more
	}
	w.moved, w.kept = true, false
	return nil
}

// Settle ends the job of a step that failed: when its inputs turned out to be of no
// use, what it holds is nothing to go on with. Work of an earlier process, or of a
// device that is gone, stays, since what is refused now may be an option of this one.
func (w *Worker) Settle(err error) {
	if w.Job != nil && store.IsInput(err) && !w.Job.Resumed() && !w.moved {
		w.Job.Discard()
	}
}

// share is what a device computed of a part.
type share struct {
	Device string        `json:"device"` // its signature
	Ranges []store.Range `json:"ranges"` // that were finished when the next one began
}

// sharedPart is a part with the devices that worked on it, the last one last.
type sharedPart struct {
	Part
	kept   func() []store.Range
	shares []share
}

// begin begins a part on the device, or goes on with it where an earlier process
// stopped: its job knows which devices that had.
func (w *Worker) begin(p Part) (*sharedPart, error) {
	s := &sharedPart{Part: p, kept: p.Finished}
	if s.kept == nil {
		s.kept = w.Job.Finished
	}
	if before, ok := w.Job.Noted(s.note()); ok && p.N > 0 && !w.Env.Cut.Merge {
		if err := json.Unmarshal([]byte(before), &s.shares); err != nil {
			return nil, fmt.Errorf("journal: note %q: %w", s.note(), err)
		}
	}
	if w.Env.Cut.Merge && p.N > 0 {
		var err error
		if s.shares, err = w.sharesOfParts(s); err != nil {
			return nil, err
		}
	}
	w.parts = append(w.parts, s)
	return s, w.takeOver(s)
}

// note is the name of the journal's note of who worked on the part.
func (s *sharedPart) note() string { return "devices of " + s.What }

// takeOver puts what is finished of a part down to the device that worked on it last,
// and all that is to come to the one of now.
func (w *Worker) takeOver(s *sharedPart) error {
	now := signature(w.Backend.Device())
	if s.N == 0 {
		s.shares = []share{{Device: now}} // what others computed of it is gone
		return nil
	}
	if n := len(s.shares); n > 0 {
		if s.shares[n-1].Device == now {
			return nil
		}
		s.shares[n-1].Ranges = s.left(n - 1)
	}
	s.shares = append(s.shares, share{Device: now})
	note, err := json.Marshal(s.shares)
	if err != nil {
		return err
	}
	return w.Job.Remark(s.note(), string(note))
}

// left is what is finished of a part and not by the first devices.
func (s *sharedPart) left(devices int) []store.Range {
	rest := s.kept()
	for _, d := range s.shares[:devices] {
		rest = without(rest, d.Ranges)
	}
	return rest
}

// without gives the parts of ranges that lie in none of others; both are in order.
func without(ranges, others []store.Range) []store.Range {
	var rest []store.Range
	for _, r := range ranges {
		for _, o := range others {
			if o.Hi <= r.Lo || o.Lo >= r.Hi {
				continue
			}
			if r.Lo < o.Lo {
				rest = append(rest, store.Range{Lo: r.Lo, Hi: o.Lo})
			}
			r.Lo = min(o.Hi, r.Hi)
		}
		if r.Lo < r.Hi {
			rest = append(rest, r)
		}
	}
	return rest
}

// marks are those of the device and, where others computed too, what each did.
func (w *Worker) marks() []string {
	var devices []string
	did := map[string][]string{}
	add := func(device, what string) {
		if !slices.Contains(devices, device) {
			devices = append(devices, device)
		}
		if !slices.Contains(did[device], what) {
			did[device] = append(did[device], what)
		}
	}
	for _, p := range w.parts {
		if p.N == 0 {
			add(p.shares[0].Device, p.What)
			continue
		}
		last := len(p.shares) - 1
		p.shares[last].Ranges = p.left(last)
		for _, s := range p.shares {
			if len(s.Ranges) > 0 {
				add(s.Device, p.What+" "+listed(s.Ranges, p.first))
			}
		}
		if p.after != "" {
			add(p.shares[last].Device, p.after)
		}
	}
	marks := slices.Clone(w.Backend.Device().Marks)
	if now := signature(w.Backend.Device()); !slices.ContainsFunc(devices, func(d string) bool { return d != now }) {
		return marks
	}
	for _, d := range devices {
		marks = append(marks, fmt.Sprintf("computed on %s: %s", d, strings.Join(did[d], "; ")))
	}
	return marks
}

// listed writes ranges as people do, their ends included: "0-2047, 4096-8191".
func listed(ranges []store.Range, first int) string {
	var text []string
	for _, r := range ranges {
		lo, hi := r.Lo+first, r.Hi-1+first
		if lo == hi {
			text = append(text, fmt.Sprint(lo))
		} else {
			text = append(text, fmt.Sprintf("%d-%d", lo, hi))
		}
	}
	return strings.Join(text, ", ")
}

// signature names what the bits of a device's results depend on.
func signature(d engine.Device) string {
	kind, _, _ := strings.Cut(d.Name, ":")
	s := kind + " (" + d.Model
	for _, library := range []string{"driver", "cublas", "cusolver", "blas"} {
		if v, ok := d.Versions[library]; ok {
			s += ", " + library + " " + v
		}
	}
	return s + ")"
}

// device is what run.json says of where the step computed.
func (w *Worker) device() store.Device {
	d := w.Backend.Device()
	out := store.Device{Name: d.Name, Count: d.Count, Model: d.Model, Reason: w.choice.Reason, Libraries: map[string]string{}}
	for name, version := range d.Versions {
		if name == "driver" {
			out.Driver = version
		} else {
			out.Libraries[name] = version
		}
	}
	return out
}
