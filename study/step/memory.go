package step

import (
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
// are resident.
const program = 20 << 20

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

// held is what the process has or will have besides planned buffers: what is resident,
// and more that the caller will allocate. What is resident is rounded up, so that the
// minimum that a refusal names is the same at every call.
func held(more int64) int64 {
	const step = 4 << 20
	now := max(Overhead, resident()+slack)
	return (now+step-1)/step*step + more
}

// Budget gives the bytes that the engine's buffers may take: 0, no bound, on a GPU, whose
// own memory bounds the tiles.
func (e *Env) Budget(be engine.Backend, more int64) int64 {
	if be.Device().Name != "cpu" {
		return 0
	}
	return e.HostBudget(more)
}

// Held is what the process has, as Budget counts it, before fits of which each gives back
// what it takes.
func (e *Env) Held() int64 { return held(0) }

// BudgetOf is Budget of one of such fits: what was held before them is what the process has,
// not what the one before has left to be used again.
func (e *Env) BudgetOf(be engine.Backend, held, more int64) int64 {
	if be.Device().Name != "cpu" {
		return 0
	}
	return e.within(held + more)
}

// HostBudget is what may be allocated in the process's memory on any device, besides what
// is resident now and more that the caller will allocate; at least 1, which is less than
// anything needs: who asks for more refuses with the minimum (Refuse, TooSmall). It also
// bounds Go's own heap.
func (e *Env) HostBudget(more int64) int64 {
	return e.within(held(more))
}

// within is what the bound leaves beside what is held.
func (e *Env) within(held int64) int64 {
	bound := e.bound()
	e.held = held
	debug.SetMemoryLimit(max(e.held-program, bound/4))
	return max(1, bound-e.held)
}

// smallReads is what the overhead has for headers, tables and masks of common size: they
// are read under any bound, so that a refusal names what the step needs in all.
const smallReads = 8 << 20

// spare is what a reader of files may still take of the bound.
func (e *Env) spare() int64 { return max(smallReads, e.Memory-held(0)) }

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
