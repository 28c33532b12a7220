package faultfs

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"voxen/store"
)

// Op is a kind of operation.
type Op string

// The operations of store.FS and store.File.
const (
	Open     Op = "open"
	Create   Op = "create"
	Edit     Op = "edit"
	Rename   Op = "rename"
	Remove   Op = "remove"
	MkdirAll Op = "mkdirall"
	ReadDir  Op = "readdir"
	Stat     Op = "stat"
	SyncDir  Op = "syncdir"
	Lock     Op = "lock"
	Free     Op = "free"
	ReadAt   Op = "readat"
	WriteAt  Op = "writeat"
	Size     Op = "size"
	Allocate Op = "allocate"
	Truncate Op = "truncate"
	Sync     Op = "sync"
	Close    Op = "close"
)

// ErrInjected is the error of a rule that names none.
var ErrInjected = errors.New("injected fault")

// ErrCrashed is the error of every operation after a crash.
var ErrCrashed = errors.New("crashed")

// Rule says which call fails, and how.
type Rule struct {
	Op      Op    // which kind is counted; empty: every kind
	N       int   // the call that fails, from 1
	Err     error // ErrInjected if nil
	Short   bool  // a WriteAt writes the first half of its bytes all the same
	Forever bool  // later calls that the rule counts fail too: the disk stays full
	Crash   bool  // every later call of any kind fails with ErrCrashed
}

// FS is a store.FS whose operations fail by rule.
type FS struct {
	inner store.FS

	mu      sync.Mutex
	rules   []Rule
	seen    []int // calls that each rule has counted
	counts  map[Op]int
	crashed bool
}

// New returns a file system that passes everything to inner but what the rules
// name.
func New(inner store.FS, rules ...Rule) *FS {
	return &FS{inner: inner, rules: rules, seen: make([]int, len(rules)), counts: map[Op]int{}}
}

// Calls returns the number of operations so far.
func (f *FS) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.counts {
		n += c
	}
	return n
}

// Count returns the number of operations of one kind so far.
func (f *FS) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}

// call counts an operation and returns the error that it fails with; short is
// true if a write is to be done by half.
func (f *FS) call(op Op) (short bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[op]++
	if f.crashed {
		return false, ErrCrashed
	}
	for i, r := range f.rules {
		if r.Op != "" && r.Op != op {
			continue
		}
		f.seen[i]++
		if f.seen[i] == r.N || r.Forever && f.seen[i] > r.N {
			f.crashed = f.crashed || r.Crash
			if err = r.Err; err == nil {
				err = ErrInjected
			}
			return r.Short, err
		}
	}
	return false, nil
}

func (f *FS) open(op Op, name string, open func(string) (store.File, error)) (store.File, error) {
	if _, err := f.call(op); err != nil {
		return nil, &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	return &file{fs: f, inner: inner, name: name}, nil
}

// Open implements store.FS.
func (f *FS) Open(name string) (store.File, error) { return f.open(Open, name, f.inner.Open) }

// Create implements store.FS.
func (f *FS) Create(name string) (store.File, error) { return f.open(Create, name, f.inner.Create) }

// Edit implements store.FS.
func (f *FS) Edit(name string) (store.File, error) { return f.open(Edit, name, f.inner.Edit) }

// do fails or does an operation on a path.
func (f *FS) do(op Op, name string, act func() error) error {
	if _, err := f.call(op); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return act()
}

// Rename implements store.FS.
func (f *FS) Rename(oldName, newName string) error {
	return f.do(Rename, newName, func() error { return f.inner.Rename(oldName, newName) })
}

// Remove implements store.FS.
func (f *FS) Remove(name string) error {
	return f.do(Remove, name, func() error { return f.inner.Remove(name) })
}

// MkdirAll implements store.FS.
func (f *FS) MkdirAll(name string) error {
	return f.do(MkdirAll, name, func() error { return f.inner.MkdirAll(name) })
}

// ReadDir implements store.FS.
func (f *FS) ReadDir(name string) (entries []fs.DirEntry, err error) {
	err = f.do(ReadDir, name, func() error { entries, err = f.inner.ReadDir(name); return err })
	return entries, err
}

// Stat implements store.FS.
func (f *FS) Stat(name string) (info fs.FileInfo, err error) {
	err = f.do(Stat, name, func() error { info, err = f.inner.Stat(name); return err })
	return info, err
}

// Lstat implements store.FS; it counts as Stat.
func (f *FS) Lstat(name string) (info fs.FileInfo, err error) {
	err = f.do(Stat, name, func() error { info, err = f.inner.Lstat(name); return err })
	return info, err
}

// SyncDir implements store.FS.
func (f *FS) SyncDir(name string) error {
	return f.do(SyncDir, name, func() error { return f.inner.SyncDir(name) })
}

// Lock implements store.FS. The lock is released by Close even where Close
// fails, as it is when a process dies.
func (f *FS) Lock(name string) (lock io.Closer, err error) {
	err = f.do(Lock, name, func() error { lock, err = f.inner.Lock(name); return err })
	if err != nil {
		return nil, err
	}
	return &heldLock{f, lock, name}, nil
}

type heldLock struct {
	fs    *FS
	inner io.Closer
	name  string
}

// Close implements io.Closer.
func (l *heldLock) Close() error { return l.fs.close(l.name, l.inner) }

// close counts a Close and does it even where it fails.
func (f *FS) close(name string, c io.Closer) error {
	_, err := f.call(Close)
	cerr := c.Close()
	if err != nil {
		return &fs.PathError{Op: string(Close), Path: name, Err: err}
	}
	return cerr
}

// Free implements store.FS.
func (f *FS) Free(name string) (n int64, err error) {
	err = f.do(Free, name, func() error { n, err = f.inner.Free(name); return err })
	return n, err
}

type file struct {
	fs    *FS
	inner store.File
	name  string
}

// ReadAt implements store.File.
func (f *file) ReadAt(b []byte, off int64) (n int, err error) {
	err = f.fs.do(ReadAt, f.name, func() error { n, err = f.inner.ReadAt(b, off); return err })
	return n, err
}

// WriteAt implements store.File.
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	short, err := f.fs.call(WriteAt)
	if err == nil {
		return f.inner.WriteAt(b, off)
	}
	n := 0
	if short {
		n, _ = f.inner.WriteAt(b[:len(b)/2], off)
	}
	return n, &fs.PathError{Op: string(WriteAt), Path: f.name, Err: err}
}

// Size implements store.File.
func (f *file) Size() (n int64, err error) {
	err = f.fs.do(Size, f.name, func() error { n, err = f.inner.Size(); return err })
	return n, err
}

// Stat implements store.File.
func (f *file) Stat() (info fs.FileInfo, err error) {
	err = f.fs.do(Stat, f.name, func() error { info, err = f.inner.Stat(); return err })
	return info, err
}

// Allocate implements store.File.
func (f *file) Allocate(size int64) error {
	return f.fs.do(Allocate, f.name, func() error { return f.inner.Allocate(size) })
}

// Truncate implements store.File.
func (f *file) Truncate(size int64) error {
	return f.fs.do(Truncate, f.name, func() error { return f.inner.Truncate(size) })
}

// Sync implements store.File.
func (f *file) Sync() error {
	return f.fs.do(Sync, f.name, func() error { return f.inner.Sync() })
}

// Close implements store.File.
func (f *file) Close() error { return f.fs.close(f.name, f.inner) }
