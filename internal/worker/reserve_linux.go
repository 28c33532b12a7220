package worker

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve takes n bytes of room: a full file system is an error here, and no bus error at
// a later write to memory.
func reserve(f *os.File, n int64) error {
	if n == 0 {
		return nil
	}
	return os.NewSyscallError("fallocate", unix.Fallocate(int(f.Fd()), 0, 0, n))
}
