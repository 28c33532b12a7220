//go:build unix

package worker

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openMapping maps a file for reading.
func openMapping(path string) (*mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return mapFile(f, info.Size(), unix.PROT_READ)
}

// createMapping makes a file of n bytes, for which there is room, and maps it.
func createMapping(path string, n int64) (*mapping, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := reserve(f, n); err != nil {
		return nil, err
	}
	return mapFile(f, n, unix.PROT_READ|unix.PROT_WRITE)
}

func mapFile(f *os.File, n int64, protection int) (*mapping, error) {
	if n == 0 {
		return &mapping{unmap: func() error { return nil }}, nil
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(n), protection, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap "+f.Name(), err)
	}
	return &mapping{data: data, unmap: func() error { return unix.Munmap(data) }}, nil
}

// parentEvery is how often the worker looks whether its parent is alive: its input ends
// with it too, unless a process that the parent forked holds the other end.
const parentEvery = 500 * time.Millisecond

// watchParent calls lost when the process that started this one has ended. The kernel's own
// signal of that (PR_SET_PDEATHSIG) comes when the thread ends that started it, too early.
func watchParent(ctx context.Context, lost func()) {
	parent := os.Getppid()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(parentEvery):
		}
		if os.Getppid() != parent {
			lost()
			return
		}
	}
}
