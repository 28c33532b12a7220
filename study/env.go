package study

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"gorgonia.org/tensor"

	"voxen/engine"
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
	FS        store.FS
	Report    Reporter
	Version   string

	keep     *keeper // of a study; nil for a step by itself
	devices  *lostDevices
	started  time.Time
	stages   []store.Stage
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

// begin fills in defaults and starts the clock.
func (e *Env) begin() {
	if e.FS == nil {
		e.FS = store.OS{}
	}
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
		e.devices = &lostDevices{}
	}
	e.started = time.Now()
	e.stages, e.warnings = nil, nil
}

// stage runs one part of the work and remembers how long it took.
func (e *Env) stage(name string, total int, f func() error) error {
	e.Report.Stage(name, total)
	start := time.Now()
	err := f()
	e.stages = append(e.stages, store.Stage{Name: name, Seconds: time.Since(start).Seconds()})
	return err
}

// warn tells the user and remembers it for run.json.
func (e *Env) warn(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	e.warnings = append(e.warnings, message)
	e.Report.Warn(message)
}

// reserve is what the process may grow by besides planned buffers: reader
// scratch, goroutine stacks, the collector's slack.
const reserve = 96 << 20

// budget gives the bytes that the engine's buffers may take, from the bound on
// the process, what is resident now, and what the caller will still allocate. It
// also bounds Go's own heap.
func (e *Env) budget(be engine.Backend, more int64) (int64, error) {
	if be.Device().Name != "cpu" {
		return 0, nil // device memory bounds the tiles; staging is a few panels
	}
	return e.hostBudget(more)
}

// hostBudget is budget for what lies in the process's memory on any device.
func (e *Env) hostBudget(more int64) (int64, error) {
	bound := e.Memory
	if bound == 0 {
		free, _, err := systemMemory()
		if err != nil {
			return 0, nil // unknown here: no bound
		}
		bound = free / 2
	}
	left := bound - resident() - more - reserve
	if left <= 0 {
		return 0, e.tooSmall(bound, bound-left+(32<<20))
	}
	debug.SetMemoryLimit(max(bound-left, reserve))
	return left, nil
}

// tooSmall is the refusal of a --memory bound.
func (e *Env) tooSmall(bound, need int64) error {
	return &store.InputError{Msg: fmt.Sprintf("--memory %s is too small: this job needs at least %s", Size(bound), Size(need))}
}

// refuse turns an engine error about the budget into a refusal that names the minimum.
func (e *Env) refuse(err error, budget int64) error {
	var over *engine.OverBudget
	if errors.As(err, &over) {
		bound := e.Memory
		if bound == 0 {
			bound = budget + reserve
		}
		return e.tooSmall(bound, bound-budget+over.Need)
	}
	return err
}

// Size writes bytes as people do: 512MiB.
func Size(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size {
			return strconv.FormatFloat(float64((n*10+u.size-1)/u.size)/10, 'f', -1, 64) + u.name
		}
	}
	return fmt.Sprintf("%dB", n)
}

// ParseSize reads 512MiB, 4GiB, 2G (powers of 1024) or plain bytes.
func ParseSize(s string) (int64, error) {
	number, unit := s, ""
	if i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' }); i >= 0 {
		number, unit = s[:i], strings.ToLower(strings.TrimSpace(s[i:]))
	}
	x, err := strconv.ParseFloat(number, 64)
	factor, known := map[string]float64{"": 1, "b": 1, "k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mb": 1 << 20,
		"mib": 1 << 20, "g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30, "t": 1 << 40, "tb": 1 << 40, "tib": 1 << 40}[unit]
	if err != nil || !known || !(x > 0) || x*factor > 1<<62 {
		return 0, fmt.Errorf("size %q, want a positive number of bytes such as 512MiB or 4GiB", s)
	}
	return int64(x * factor), nil
}

// resident is the resident set of the process in bytes; 0 where it is not known.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, pages int64
	if _, err := fmt.Sscan(string(data), &total, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// systemMemory asks the CPU backend, which knows the machine and its cgroup.
func systemMemory() (free, total int64, err error) {
	be, _, err := engine.Open("cpu", engine.Config{Threads: 1})
	if err != nil {
		return 0, 0, err
	}
	defer be.Close()
	return be.Memory()
}
