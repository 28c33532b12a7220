package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"voxen/engine"
)

// Parts of a benchmark.
const (
	PartPeak  = "peak" // always measured
	PartOps   = "ops"
	PartRidge = "ridge"
	PartLearn = "learn"
)

// Parts lists all of them.
func Parts() []string { return []string{PartPeak, PartOps, PartRidge, PartLearn} }

// Options of Run; the zero value measures everything on every backend.
type Options struct {
	Device  string // "auto" or "": the first device of every backend present; else that one
	Threads int
	Only    []string // parts; nil: all
	// PerOp is about how long each operation of a mission shape is timed; 0: 50 ms.
	PerOp time.Duration
	Ridge RidgeSize // zero: MissionRidge
	Dict  DictSize  // zero: MissionDict
	// Stage and Progress, if any, hear what is measured and how far it is.
	Stage    func(name string, total int)
	Progress func(done int)
}

// Report is what a benchmark measured, on this machine at this time.
type Report struct {
	Date     string          `json:"date"`
	Version  string          `json:"version"`
	Go       string          `json:"go"`
	System   string          `json:"system"`
	Backends []BackendReport `json:"backends"`
}

// BackendReport is what was measured on one backend.
type BackendReport struct {
	Device engine.Device `json:"device"`
	Peak   Peak          `json:"peak"`
	Ops    []OpResult    `json:"ops,omitempty"`
	Jobs   []JobResult   `json:"jobs,omitempty"`
}

// Run measures.
func Run(ctx context.Context, o Options) (*Report, error) {
	o.defaults()
	names, err := devices(o.Device)
	if err != nil {
		return nil, err
	}
	r := &Report{Date: time.Now().UTC().Format("2006-01-02"), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	for _, name := range names {
		be, _, err := engine.Open(name, engine.Config{Threads: o.Threads})
		if err != nil {
			return nil, err
		}
		b, err := o.measure(ctx, be)
		be.Close()
		if engine.Gone(err) { // which names the device
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r.Backends = append(r.Backends, b)
	}
	return r, nil
}

func (o *Options) defaults() {
	if o.Only == nil {
		o.Only = Parts()
	}
	if o.PerOp == 0 {
		o.PerOp = 50 * time.Millisecond
	}
	if o.Ridge == (RidgeSize{}) {
		o.Ridge = MissionRidge()
	}
	if o.Dict == (DictSize{}) {
		o.Dict = MissionDict()
	}
	if o.Stage == nil {
		o.Stage = func(string, int) {}
	}
	if o.Progress == nil {
		o.Progress = func(int) {}
	}
}

// devices lists the devices to measure.
func devices(name string) ([]string, error) {
	if name != "" && name != "auto" {
		c, err := engine.Resolve(name)
		return []string{c.Name()}, err
	}
	var names []string
	for _, d := range engine.Drivers() {
		if found, err := d.Devices(); err == nil && len(found) > 0 {
			names = append(names, found[0].Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no backend has a device")
	}
	return names, nil
}

// measure measures one backend.
func (o *Options) measure(ctx context.Context, be engine.Backend) (BackendReport, error) {
	b := BackendReport{Device: be.Device()}
	name := b.Device.Name
	o.Stage(name+": peak", 0)
	var err error
	if b.Peak, err = BackendPeak(ctx, be, Round); err != nil {
		return b, err
	}
	if slices.Contains(o.Only, PartOps) {
		started := false
		b.Ops, err = Ops(ctx, be, b.Peak, o.PerOp, func(done, total int) {
			if !started {
				o.Stage(name+": operations", total)
				started = true
			}
			o.Progress(done)
		})
		if err != nil {
			return b, err
		}
	}
	if slices.Contains(o.Only, PartRidge) {
		o.Stage(name+": ridge", 0)
		j, err := Ridge(ctx, be, b.Peak, o.Ridge)
		if err != nil {
			return b, err
		}
		b.Jobs = append(b.Jobs, j)
	}
	if slices.Contains(o.Only, PartLearn) {
		o.Stage(name+": learn", 0)
		j, err := Learn(ctx, be, o.Dict)
		if err != nil {
			return b, err
		}
		b.Jobs = append(b.Jobs, j)
	}
	return b, nil
}
