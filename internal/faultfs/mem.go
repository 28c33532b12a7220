package faultfs

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"syscall"
	"time"

	"voxen/store"
)

// Mem is a file system in memory that keeps apart what was written and what was
// synced, of files and of the names in folders. Crash shows what a power
// failure would leave.
type Mem struct {
	mu      sync.Mutex
	names   map[string]*node // what a process sees
	durable map[string]*node // names that were synced
	settled map[string]int   // by name: how many changes its folder's last sync took in
	changes []change         // of names, since the beginning, in order
	locks   map[string]bool
	// space is what all files may take together; 0: no bound.
	space int64
	ticks int64 // files and changes of contents so far: the clock of the files' times
}

// node is a file or a folder.
type node struct {
	dir     bool
	data    []byte
	synced  []byte
	number  uint64 // that no other has
	changed int64  // tick of the last change of its contents
}

// change is one operation on names: a nil node takes the name away. A rename
// changes two at once.
type change map[string]*node

// NewMem returns an empty file system with a root and the current folder.
func NewMem() *Mem {
	m := &Mem{settled: map[string]int{}, locks: map[string]bool{}}
	root := m.newNode(true)
	m.names = map[string]*node{".": root, "/": root}
	m.durable = maps.Clone(m.names)
	return m
}

// newNode makes a file or a folder.
func (m *Mem) newNode(dir bool) *node {
	m.ticks++
	return &node{dir: dir, number: uint64(m.ticks), changed: m.ticks}
}

// SetSpace bounds the bytes that all files may take together.
func (m *Mem) SetSpace(n int64) { m.space = n }

// apply changes names for every process, durably only by SyncDir.
func (m *Mem) apply(names map[string]*node) {
	for name, n := range names {
		set(m.names, name, n)
	}
	m.changes = append(m.changes, names)
}

func set(names map[string]*node, name string, n *node) {
	if n == nil {
		delete(names, name)
	} else {
		names[name] = n
	}
}

func pathErr(op Op, name string, err error) error {
	return &fs.PathError{Op: string(op), Path: name, Err: err}
}

// find returns the node of a path whose folder must exist.
func (m *Mem) find(op Op, name string) (clean string, n *node, err error) {
	clean = filepath.Clean(name)
	if parent := m.names[filepath.Dir(clean)]; parent == nil {
		return clean, nil, pathErr(op, name, syscall.ENOENT)
	} else if !parent.dir {
		return clean, nil, pathErr(op, name, syscall.ENOTDIR)
	}
	return clean, m.names[clean], nil
}

func (m *Mem) open(op Op, name string) (store.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clean, n, err := m.find(op, name)
	switch {
	case err != nil:
		return nil, err
	case n != nil && n.dir:
		return nil, pathErr(op, name, syscall.EISDIR)
	case n == nil && op != Create:
		return nil, pathErr(op, name, syscall.ENOENT)
	case n == nil:
		n = m.newNode(false)
		m.apply(map[string]*node{clean: n})
	case op == Create:
		n.data = nil
		m.touch(n)
	}
	return &memFile{m, n, name}, nil
}

// touch gives a file that changes a time that no other change has.
func (m *Mem) touch(n *node) {
	m.ticks++
	n.changed = m.ticks
}

// Open implements store.FS.
func (m *Mem) Open(name string) (store.File, error) { return m.open(Open, name) }

// Create implements store.FS.
func (m *Mem) Create(name string) (store.File, error) { return m.open(Create, name) }

// Edit implements store.FS.
func (m *Mem) Edit(name string) (store.File, error) { return m.open(Edit, name) }

// Rename implements store.FS, for files.
func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, n, err := m.find(Rename, oldName)
	if err != nil {
		return err
	}
	to, target, err := m.find(Rename, newName)
	switch {
	case err != nil:
		return err
	case n == nil:
		return pathErr(Rename, oldName, syscall.ENOENT)
	case n.dir || target != nil && target.dir:
		return pathErr(Rename, newName, syscall.EISDIR)
	}
	m.apply(map[string]*node{from: nil, to: n})
	return nil
}

// Remove implements store.FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clean, n, err := m.find(Remove, name)
	switch {
	case err != nil:
		return err
	case n == nil:
		return pathErr(Remove, name, syscall.ENOENT)
	case n.dir && len(m.below(clean)) > 0:
		return pathErr(Remove, name, syscall.ENOTEMPTY)
	}
	m.apply(map[string]*node{clean: nil})
	return nil
}

// below lists the paths directly in a folder, sorted.
func (m *Mem) below(dir string) []string {
	var names []string
	for name := range m.names {
		if filepath.Dir(name) == dir && name != dir {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// MkdirAll implements store.FS.
func (m *Mem) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var missing []string
	for dir := filepath.Clean(name); ; dir = filepath.Dir(dir) {
		n := m.names[dir]
		if n != nil && !n.dir {
			return pathErr(MkdirAll, name, syscall.ENOTDIR)
		}
		if n != nil {
			break
		}
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		m.apply(map[string]*node{dir: m.newNode(true)})
	}
	return nil
}

// ReadDir implements store.FS.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clean := filepath.Clean(name)
	if n := m.names[clean]; n == nil || !n.dir {
		return nil, pathErr(ReadDir, name, syscall.ENOENT)
	}
	var entries []fs.DirEntry
	for _, path := range m.below(clean) {
		entries = append(entries, fs.FileInfoToDirEntry(describe(path, m.names[path])))
	}
	return entries, nil
}

// Stat implements store.FS.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	clean, n, err := m.find(Stat, name)
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, pathErr(Stat, name, syscall.ENOENT)
	}
	return describe(clean, n), nil
}

// Lstat implements store.FS; there are no links here.
func (m *Mem) Lstat(name string) (fs.FileInfo, error) { return m.Stat(name) }

// SyncDir implements store.FS: the names directly in the folder are durable.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clean := filepath.Clean(name)
	if n := m.names[clean]; n == nil || !n.dir {
		return pathErr(SyncDir, name, syscall.ENOENT)
	}
	for _, c := range m.changes {
		for path, n := range c {
			if filepath.Dir(path) == clean {
				set(m.durable, path, n)
				m.settled[path] = len(m.changes)
			}
		}
	}
	return nil
}

// Lock implements store.FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.open(Create, name)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	clean := filepath.Clean(name)
	if m.locks[clean] {
		return nil, store.ErrLocked
	}
	m.locks[clean] = true
	return &memLock{m, clean}, f.Close()
}

type memLock struct {
	m    *Mem
	name string
}

// Close implements io.Closer.
func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locks, l.name)
	return nil
}

// Free implements store.FS.
func (m *Mem) Free(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.space == 0 {
		return 1 << 40, nil
	}
	return m.space - m.used(), nil
}

func (m *Mem) used() int64 {
	total := int64(0)
	for _, n := range m.names {
		total += int64(len(n.data))
	}
	return total
}

// Crash returns the file system as a power failure would leave it: every file
// holds what was last synced, every folder the names that it had when it was.
// With a source of chance more may have survived: the changes of names up to
// some point, each whole, and of each file what was written last, all, in part
// or not at all.
func (m *Mem) Crash(chance *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := maps.Clone(m.durable)
	if chance != nil {
		for i, c := range m.changes[:chance.IntN(len(m.changes)+1)] {
			for path, n := range c {
				if i >= m.settled[path] {
					set(names, path, n)
				}
			}
		}
	}
	after := NewMem()
	after.space = m.space
	copies := map[*node]*node{}
	for path, n := range names {
		if !reachable(names, path) {
			continue
		}
		if copies[n] == nil {
			c := after.newNode(n.dir)
			c.data = slices.Clone(n.survivor(chance))
			c.synced = slices.Clone(c.data)
			copies[n] = c
		}
		after.names[path] = copies[n]
	}
	after.durable = maps.Clone(after.names)
	return after
}

// reachable reports whether all folders above a path are there.
func reachable(names map[string]*node, path string) bool {
	for path != "." && path != "/" {
		path = filepath.Dir(path)
		if n := names[path]; n == nil || !n.dir {
			return false
		}
	}
	return true
}

// survivor is what a file holds after a power failure.
func (n *node) survivor(chance *rand.Rand) []byte {
	if chance == nil {
		return n.synced
	}
	switch chance.IntN(3) {
	case 0:
		return n.data
	case 1:
		return n.synced
	}
	// New length, the new contents up to some byte, then what was there before.
	mixed := make([]byte, len(n.data))
	copy(mixed, n.synced)
	copy(mixed, n.data[:chance.IntN(len(n.data)+1)])
	return mixed
}

// Files returns the contents of all files by path, as a process sees them.
func (m *Mem) Files() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]string{}
	for path, n := range m.names {
		if !n.dir {
			out[path] = string(n.data)
		}
	}
	return out
}

type memFile struct {
	m    *Mem
	n    *node
	name string
}

// ReadAt implements store.File.
func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements store.File.
func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.grow(WriteAt, off+int64(len(b))); err != nil {
		return 0, err
	}
	f.m.touch(f.n)
	return copy(f.n.data[off:], b), nil
}

// grow makes the file at least size bytes long.
func (f *memFile) grow(op Op, size int64) error {
	more := size - int64(len(f.n.data))
	if more <= 0 {
		return nil
	}
	if f.m.space > 0 && f.m.used()+more > f.m.space {
		return pathErr(op, f.name, syscall.ENOSPC)
	}
	f.n.data = append(f.n.data, make([]byte, more)...)
	return nil
}

// Size implements store.File.
func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.n.data)), nil
}

// Stat implements store.File.
func (f *memFile) Stat() (fs.FileInfo, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return describe(f.name, f.n), nil
}

// Allocate implements store.File.
func (f *memFile) Allocate(size int64) error { return f.Truncate(size) }

// Truncate implements store.File.
func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.grow(Truncate, size); err != nil {
		return err
	}
	f.n.data = f.n.data[:size:size]
	f.m.touch(f.n)
	return nil
}

// Sync implements store.File.
func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.synced = slices.Clone(f.n.data)
	return nil
}

// Close implements store.File.
func (f *memFile) Close() error { return nil }

// info implements fs.FileInfo.
type info struct {
	name string
	dir  bool
	id   store.Identity
}

// describe gives what a file is now.
func describe(path string, n *node) info {
	return info{filepath.Base(path), n.dir, store.Identity{
		Inode: n.number, Links: 1, Bytes: int64(len(n.data)), Modified: n.changed, Changed: n.changed,
	}}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.id.Bytes }
func (i info) ModTime() time.Time { return time.Unix(0, i.id.Modified) }
func (i info) IsDir() bool        { return i.dir }
func (i info) Sys() any           { return i.id }
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o777
	}
	return 0o666
}
