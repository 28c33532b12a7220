// Package step has what the steps of a study share: the environment they run in with its
// budget of memory, the device, the output that is kept when nothing changed, inputs
// and their digests, responses of all kinds of files and the places in the brain where
// they lie.
//
// A step is a package beside this one with Options, a Summary, and Run, which goes from
// files to files: it begins the Env, checks the options, opens the device and the
// inputs, begins the job, computes and commits.
package step

import (
	"fmt"
	"time"

	"gorgonia.org/tensor"

	"voxen/engine/op"
	"voxen/store"
)

// Env is what a step runs in: the options that every command has.
type Env struct {
	Device    string // auto, cpu, cuda, cuda:N
	Threads   int    // 0: all
	Precision tensor.Dtype
	Memory    int64 // bound of the resident set in bytes; 0: half of what is free
	TF32      bool
	Force     bool // replace finished results of other options
	FS        store.FS
	Report    Reporter
	Version   string

	Keep    *Keeper  // of a study; nil for a step by itself
	Devices *Devices // keeps the device open for the next step; nil: every step opens its own
	Cut     Cut      // of the output

	Started  time.Time     // by Begin
	Stages   []store.Stage // that are finished, for run.json
	devices  *lostDevices
	rest     int64           // bytes that the process held when the step began, and what responses took since
	planned  bool            // by Run.PlanMemory: rest counts, whatever is resident
	held     int64           // by the process when a budget was asked for
	said     map[string]bool // by WarnOnce, of the study or the demo
	warnings []string
}

// Reporter hears how a step goes on.
type Reporter interface {
	// Stage begins a part of the work; total is in the units of Progress, 0 if unknown.
	Stage(name string, total int)
	// Progress says how much of the part is done.
	Progress(done int)
	// Warn says something that the user should know, in one line.
	Warn(message string)
}

// Quiet reports nothing.
type Quiet struct{}

// Stage does nothing.
func (Quiet) Stage(string, int) {}

// Progress does nothing.
func (Quiet) Progress(int) {}

// Warn does nothing.
func (Quiet) Warn(string) {}

// Begin fills in defaults and starts the clock. Inputs are watched from here on.
func (e *Env) Begin() {
	if in, ok := e.FS.(*store.Inputs); ok { // of a step before
		e.FS = in.FS
	}
	if e.FS == nil {
		e.FS = store.OS{}
	}
	var known *store.Digests
	if e.Keep != nil {
		known = e.Keep.Cache
	}
	in := store.NewInputs(e.FS, known)
	if e.Memory > 0 {
		in.Memory = e.spare
	}
	e.FS = in
	if e.Report == nil {
		e.Report = Quiet{}
	}
	if e.Precision.Type == nil {
		e.Precision = op.Float32
	}
	if e.Device == "" {
		e.Device = "auto"
	}
	if e.devices == nil { // else those of the study or the demo
		e.devices, e.said = &lostDevices{}, map[string]bool{}
		if e.Devices != nil {
			e.devices = &e.Devices.lost
		}
	}
	e.Started = time.Now()
	e.Stages, e.warnings, e.planned = nil, nil, false
	e.rest = resting()
}

// closeInputs closes what Begin watches.
func (e *Env) closeInputs() {
	if in, ok := e.FS.(*store.Inputs); ok {
		in.Close()
		e.FS = in.FS
	}
}

// Stage runs one part of the work and remembers how long it took.
func (e *Env) Stage(name string, total int, f func() error) error {
	e.Report.Stage(name, total)
	start := time.Now()
	err := f()
	e.Stages = append(e.Stages, store.Stage{Name: name, Seconds: time.Since(start).Seconds()})
	return err
}

// Warn tells the user and remembers it for run.json.
func (e *Env) Warn(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	e.warnings = append(e.warnings, message)
	e.Report.Warn(message)
}

// WarnOnce is Warn for what is found in every step of a study alike: every run.json has
// it, the user hears of the first. kind says which findings are alike.
func (e *Env) WarnOnce(kind, format string, args ...any) {
	if !e.said[kind] {
		e.said[kind] = true
		e.Warn(format, args...)
		return
	}
	e.warnings = append(e.warnings, fmt.Sprintf(format, args...))
}

// Notes passes on what was found in files.
func (e *Env) Notes(lines []string) {
	for _, line := range lines {
		e.Warn("%s", line)
	}
}
