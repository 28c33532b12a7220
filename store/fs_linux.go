package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve asks the file system for size bytes of real space. One that cannot
// reserve says so, which is no error: the file is then extended with a hole.
func reserve(f *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		}
		return err
	}
}

// WillNeed starts reading n bytes at off into the page cache. It is only a
// hint: a failure changes nothing.
func (f osFile) WillNeed(off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_WILLNEED)
}
