package cpu

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hugePage is the size of a huge page: memory of that size asks for them, as first
// touching it by small pages takes several times as long.
const hugePage = 2 << 20

// slabBytes is the size of a slab; only what was touched of it is resident.
const slabBytes = 64 << 20

// allocate maps n bytes of zeroed memory, which begin at the border of a huge page
// where they fill one. release takes all that was mapped.
func allocate(n int) (mem, all []byte, err error) {
	extra := 0 // address space alone: it is never touched
	if n >= hugePage {
		extra = hugePage
	}
	all, err = unix.Mmap(-1, 0, n+extra, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	mem = all
	if extra > 0 {
		mem = all[-address(all)&(hugePage-1):][:n]
		unix.Madvise(mem, unix.MADV_HUGEPAGE) // only speed depends on it
	}
	return mem, all, nil
}

// release unmaps.
func release(all []byte) { unix.Munmap(all) }

// memory reports the smaller of what the machine and the cgroup have.
func memory() (free, total int64, err error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			free = kib << 10
		}
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			total = kib << 10
		}
	}
	if limit, ok := readInt("/sys/fs/cgroup/memory.max"); ok && limit < total {
		total = limit
		if used, ok := readInt("/sys/fs/cgroup/memory.current"); ok {
			free = min(free, limit-used)
		}
	}
	return free, total, nil
}

// readInt reads a file that holds one number.
func readInt(path string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
	return n, err == nil
}

// model is the processor's name.
func model() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for _, line := range strings.Split(string(data), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "processor"
}
