//go:build linux || darwin || freebsd

package store

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// SyncDir implements FS.
func (OS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	serr := d.Sync()
	if errors.Is(serr, unix.EINVAL) || errors.Is(serr, unix.ENOTSUP) {
		serr = nil // some network file systems have no fsync for folders
	}
	return errors.Join(serr, d.Close())
}

// Lock implements FS by flock(2). The lock file may be removed by the process
// that held it between our open and our lock, so the name must still lead to
// the file that was locked.
func (OS) Lock(name string) (io.Closer, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EWOULDBLOCK):
			f.Close()
			return nil, ErrLocked
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK):
			f.Close()
			return lockByName(name)
		case err != nil:
			f.Close()
			return nil, &os.PathError{Op: "lock", Path: name, Err: err}
		}
		held, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		named, err := os.Stat(name)
		if err == nil && os.SameFile(held, named) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
}

// Free implements FS.
func (OS) Free(name string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(name, &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
