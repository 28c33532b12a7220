//go:build unix

package worker

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// mapFile maps n bytes of a file, at least one.
func mapFile(f *os.File, n int64, writable bool) (*mapping, error) {
	protection := unix.PROT_READ
	if writable {
		protection |= unix.PROT_WRITE
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
