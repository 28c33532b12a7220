package step

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"voxen/engine"
	"voxen/store"
)

// Overhead is what the process takes besides what steps plan: the program, Go's runtime,
// stacks, scratch of readers. Slack is the part of it that is not resident when a step
// begins (measured with GOMAXPROCS 2: 23 MiB at start, 27 to 29 MiB at the end of the
// smallest encode, learn, couple and score; 46 MiB of a report). More of either would make
// the minimum of such a job more than 1.3 times its resident set and 32 MiB, which
// TestLeastMemory of cmd/voxen does not let pass.
const (
	Overhead = 56 << 20
	slack    = 14 << 20
)

// program is what of Overhead is no memory of Go's runtime: pages of the executable that
// are resident (20 MiB), and by how much the runtime passes its limit.
const program = 24 << 20

// Unbounded is a budget where the memory of the machine is not known.
const Unbounded = 1 << 50

// bound is --memory, or half of what is free where it is not given.
func (e *Env) bound() int64 {
	if e.Memory > 0 {
		return e.Memory
	}
	free, _, err := systemMemory()
	if err != nil {
		return Unbounded
	}
	return free / 2
}

// resting is what the process has or will have besides planned buffers: what is resident,
// rounded up, so that the minimum that a refusal names is the same at every call.
func resting() int64 {
	const step = 4 << 20
	now := max(Overhead, resident()+slack)
	return (now + step - 1) / step * step
}

// base is what the process holds besides what callers say: what is resident, and once
// memory is planned what was when the step began, and what was loaded.
func (e *Env) base() int64 {
	if e.planned {
		return e.rest
	}
	return resting()
}

// Stage is a part of a step's work by what it takes of memory.
type Stage struct {
	Own int64 // bytes that it holds besides the engine's buffers, of what is read before it too
	// Least is the least that the engine's buffers take; nil: there are none.
	Least func(ctx context.Context) (int64, error)
}

// PlanMemory refuses a bound of memory that is too small for any of the stages, with the
// least that is enough for all, and loads the responses that are open within what is left.
// It is asked when the sizes of all inputs are known and before they are read. Budgets from
// then on are what is left beside what the process held when the step began, what is loaded
// and what the caller says, so that no stage asks for more than was planned.
func (r *Run) PlanMemory(ctx context.Context, stages ...Stage) error {
	e := r.Env
	e.planned = true
	most := int64(0)
	for _, s := range stages {
		need := s.Own
		if s.Least != nil && e.Memory > 0 && onCPU(r.Backend) { // without a bound buffers take what there is
			least, err := s.Least(ctx)
			if err != nil {
				return err
			}
			need += least
		}
		most = max(most, need)
	}
	if err := e.Fits(most); err != nil {
		return err
	}
	return r.LoadAll(ctx, e.HostBudget(most))
}

// Settled counts what has been read by now, and stays, to what the process held when the step
// began: a tokenizer, which no plan knows the size of.
func (e *Env) Settled() { e.rest = max(e.rest, resting()) }

// onCPU reports whether buffers of a backend are memory of the process.
func onCPU(be engine.Backend) bool { return be.Device().Name == "cpu" }

// Budget gives the bytes that the engine's buffers may take: 0, no bound, on a GPU, whose
// own memory bounds the tiles.
func (e *Env) Budget(be engine.Backend, more int64) int64 {
	if !onCPU(be) {
		return 0
	}
	return e.HostBudget(more)
}

// Budget is that of a worker's device, beside what the caller holds.
func (w *Worker) Budget(more int64) int64 { return w.Env.Budget(w.Backend, more) }

// HostBudget is what may be allocated in the process's memory on any device, besides its
// base and more that the caller holds or will allocate; at least 1, which is less than
// anything needs: who asks for more refuses with the minimum (Refuse, TooSmall). It also
// bounds Go's own heap.
func (e *Env) HostBudget(more int64) int64 {
	bound := e.bound()
	e.held = e.base() + more
	debug.SetMemoryLimit(max(e.held-program, bound/4))
	return max(1, bound-e.held)
}

// smallReads is what the overhead has for headers, tables and masks of common size: they
// are read under any bound, so that a refusal names what the step needs in all.
const smallReads = 8 << 20

// spare is what a reader of files may still take of the bound.
func (e *Env) spare() int64 { return max(smallReads, e.Memory-e.base()) }

// Fits refuses a --memory bound that need bytes, besides what the process holds, pass.
func (e *Env) Fits(need int64) error {
	if need > e.HostBudget(0) {
		return e.TooSmall(need)
	}
	return nil
}

// TooSmall is the refusal of a --memory bound by a step that needs so much besides what
// the process holds.
func (e *Env) TooSmall(need int64) error {
	return &store.InputError{Msg: fmt.Sprintf("--memory %s is too small: this job needs at least %s", Size(e.bound()), Size(e.held+need))}
}

// Refuse turns an engine error about the budget into a refusal that names the minimum.
func (e *Env) Refuse(err error) error {
	var over *engine.OverBudget
	if errors.As(err, &over) {
		return e.TooSmall(over.Need)
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
