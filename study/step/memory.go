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

// Reserve is what the process may grow by besides planned buffers: reader
// scratch, goroutine stacks, the collector's slack.
const Reserve = 96 << 20

// Budget gives the bytes that the engine's buffers may take, from the bound on
// the process, what is resident now, and what the caller will still allocate. It
// also bounds Go's own heap.
func (e *Env) Budget(be engine.Backend, more int64) (int64, error) {
	if be.Device().Name != "cpu" {
		return 0, nil // device memory bounds the tiles; staging is a few panels
	}
	return e.HostBudget(more)
}

// HostBudget is budget for what lies in the process's memory on any device.
func (e *Env) HostBudget(more int64) (int64, error) {
	bound := e.Memory
	if bound == 0 {
		free, _, err := systemMemory()
		if err != nil {
			return 0, nil // unknown here: no bound
		}
		bound = free / 2
	}
	left := bound - resident() - more - Reserve
	if left <= 0 {
		return 0, e.TooSmall(bound, bound-left+(32<<20))
	}
	debug.SetMemoryLimit(max(bound-left, Reserve))
	return left, nil
}

// spare is what a reader of files may still take of the bound.
func (e *Env) spare() int64 { return max(0, e.Memory-resident()-Reserve) }

// TooSmall is the refusal of a --memory bound.
func (e *Env) TooSmall(bound, need int64) error {
	return &store.InputError{Msg: fmt.Sprintf("--memory %s is too small: this job needs at least %s", Size(bound), Size(need))}
}

// Refuse turns an engine error about the budget into a refusal that names the minimum.
func (e *Env) Refuse(err error, budget int64) error {
	var over *engine.OverBudget
	if errors.As(err, &over) {
		bound := e.Memory
		if bound == 0 {
			bound = budget + Reserve
		}
		return e.TooSmall(bound, bound-budget+over.Need)
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
