package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// FS is every operation on files that this package makes. OS is the real one;
// package faultfs has one whose operations fail on demand and one in memory
// that forgets what was not synced.
type FS interface {
	// Open opens an existing file for reading. What is no regular file is refused
	// at once with an InputError: to open a pipe could wait for ever.
	Open(name string) (File, error)
	// Create makes or empties a file and opens it for reading and writing.
	Create(name string) (File, error)
	// Edit opens an existing file for reading and writing.
	Edit(name string) (File, error)
	// Rename moves a file over newName, which is replaced in one step.
	Rename(oldName, newName string) error
	// Remove deletes a file or an empty folder.
	Remove(name string) error
	// MkdirAll makes a folder and those above it; an existing one is no error.
	MkdirAll(name string) error
	// ReadDir lists a folder, sorted by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat describes a file, following links.
	Stat(name string) (fs.FileInfo, error)
	// Lstat is Stat of a link itself.
	Lstat(name string) (fs.FileInfo, error)
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// Lock takes an exclusive lock on a file, which it makes, without waiting.
	// ErrLocked means that another process holds it. The lock ends with Close
	// or with the process.
	Lock(name string) (io.Closer, error)
	// Free returns the bytes that an ordinary user can still write to the file
	// system that holds name.
	Free(name string) (int64, error)
}

// File is an open file. ReadAt and WriteAt may be called from several
// goroutines at once.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the length in bytes.
	Size() (int64, error)
	// Stat describes the file that is open, whatever its name leads to now.
	Stat() (fs.FileInfo, error)
	// Allocate makes the file size bytes long; where the file system can, the
	// space is reserved, so that a full disk shows here and not in WriteAt.
	Allocate(size int64) error
	// Truncate cuts the file to size bytes, or extends it with zeros.
	Truncate(size int64) error
	// Sync makes the contents durable.
	Sync() error
}

// ErrLocked is returned by FS.Lock when another process holds the lock.
var ErrLocked = errors.New("another voxen is at work in it: wait until it ends, or give another name for the output")

// OS is the file system of the operating system.
type OS struct{}

// Open implements FS.
func (OS) Open(name string) (File, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, inputErrorf(name, "is a folder, expected a file")
	case !info.Mode().IsRegular():
		return nil, inputErrorf(name, "is %s, not a regular file", modeName(info.Mode()))
	}
	return openOS(name, os.O_RDONLY)
}

// modeName says what a file is that is not regular.
func modeName(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "a link"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m.IsDir():
		return "a folder"
	case m.IsRegular():
		return "a file"
	}
	return "of an unknown kind"
}

// Create implements FS.
func (OS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Edit implements FS.
func (OS) Edit(name string) (File, error) { return openOS(name, os.O_RDWR) }

// Rename implements FS.
func (OS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// Remove implements FS.
func (OS) Remove(name string) error { return os.Remove(name) }

// MkdirAll implements FS.
func (OS) MkdirAll(name string) error { return os.MkdirAll(name, 0o777) }

// ReadDir implements FS.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat implements FS.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// Lstat implements FS.
func (OS) Lstat(name string) (fs.FileInfo, error) { return os.Lstat(name) }

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o666)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Allocate(size int64) error {
	if err := reserve(f.File, size); err != nil {
		return &fs.PathError{Op: "allocate", Path: f.Name(), Err: err}
	}
	return f.Truncate(size)
}

// exclusiveSuffix marks the file of a lock by name.
const exclusiveSuffix = ".pid"

// lockByName takes a lock by making a file that must not exist, for systems
// without flock. Such a lock outlives a process that is killed, so the error
// says which file to remove.
func lockByName(name string) (io.Closer, error) {
	exclusive := name + exclusiveSuffix
	f, err := os.OpenFile(exclusive, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w (if none is running, remove %s)", ErrLocked, exclusive)
	}
	if err != nil {
		return nil, err
	}
	_, werr := fmt.Fprintln(f, os.Getpid())
	return nameLock(exclusive), errors.Join(werr, f.Close())
}

type nameLock string

func (l nameLock) Close() error { return os.Remove(string(l)) }

// openInput opens a file for reading and returns its size.
func openInput(fsys FS, path string) (File, int64, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, 0, openError(path, err)
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, 0, pathError(path, err)
	}
	return f, size, nil
}
