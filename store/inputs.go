package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// ErrChanged is the cause of the error of Inputs.Check: what was computed is of no
// file that there ever was.
var ErrChanged = errors.New("changed while it was read")

// Inputs are the files that a job reads. Each is opened once, by Add, which takes
// its identity and digest; from then on Open of its path, by whatever reads through
// Inputs, is that open file. So what was digested is what is read, whatever becomes
// of the name, and Check tells whether the file itself was written to meanwhile.
//
// Everything else goes to the file system below. Its methods may be called from
// several goroutines at once.
type Inputs struct {
	FS
	known *Digests // may be nil

	// Memory tells how many bytes readers may still take, and is asked by each before
	// it allocates (see Allow); nil for no bound. It is set before anything is read.
	Memory func() int64

	mu    sync.Mutex
	files map[string]*watched // by absolute path
	list  []Input
}

// watched is an input that is open.
type watched struct {
	path  string
	file  File
	info  fs.FileInfo // when it was opened, before the digest
	input Input
}

// NewInputs returns none yet, of files in fsys. known has digests of an earlier time
// and remembers those of now; it may be nil.
func NewInputs(fsys FS, known *Digests) *Inputs {
	return &Inputs{FS: fsys, known: known, files: map[string]*watched{}}
}

// Add opens a file, unless it is open, and digests it: role is the flag that names
// it, for run.json. Of FILE:/NAME it is the file. A folder, pipe or device is
// refused at once, as is a file that cannot be read.
func (in *Inputs) Add(ctx context.Context, role, path string) (Input, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	file, _ := SplitMember(path)
	key, err := inputKey(file)
	if err != nil {
		return Input{}, err
	}
	w := in.files[key]
	if w == nil {
		if w, err = in.watch(ctx, file); err != nil {
			return Input{}, err
		}
		in.files[key] = w
	}
	input := w.input
	input.Role, input.Path = role, path
	in.list = append(in.list, input)
	return input, nil
}

// inputKey is the path by which a file is known.
func inputKey(path string) (string, error) {
	key, err := filepath.Abs(path)
	if err != nil {
		return "", pathError(path, err)
	}
	return key, nil
}

// clockTick is what times of files are rounded to at worst on a local file system:
// a file that is written to twice within it may have one time for both.
const clockTick = 20 * time.Millisecond

// watch opens and digests a file.
func (in *Inputs) watch(ctx context.Context, path string) (*watched, error) {
	f, size, err := openInput(in.FS, path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		// from here on a write shows in the times
		if age := time.Since(time.Unix(0, IdentityOf(info).Changed)); age >= 0 && age < clockTick {
			time.Sleep(clockTick - age)
			info, err = f.Stat()
		}
	}
	if err != nil {
		f.Close()
		return nil, pathError(path, err)
	}
	w := &watched{path: path, file: f, info: info}
	if w.input, err = in.known.digest(ctx, path, f, size, info); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// MemoryLeft implements Bounded.
func (in *Inputs) MemoryLeft() (left int64, ok bool) {
	if in.Memory == nil {
		return 0, false
	}
	return in.Memory(), true
}

// List returns the inputs in the order in which they were added.
func (in *Inputs) List() []Input {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]Input(nil), in.list...)
}

// Open returns the open file of an input, whose Close is left to Inputs.Close, and
// opens any other.
func (in *Inputs) Open(name string) (File, error) {
	key, err := inputKey(name)
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	w := in.files[key]
	in.mu.Unlock()
	if w != nil {
		return inputFile{w.file, in, true}, nil
	}
	f, err := in.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return inputFile{f, in, false}, nil
}

// inputFile is an open file with the bound of memory of its Inputs.
type inputFile struct {
	File
	in   *Inputs
	lent bool // the Inputs close it
}

// Close closes the file unless it is lent.
func (f inputFile) Close() error {
	if f.lent {
		return nil
	}
	return f.File.Close()
}

// MemoryLeft implements Bounded.
func (f inputFile) MemoryLeft() (left int64, ok bool) { return f.in.MemoryLeft() }

// WillNeed hands on what is asked for.
func (f inputFile) WillNeed(off, n int64) {
	if file, ok := f.File.(willNeeder); ok {
		file.WillNeed(off, n)
	}
}

// Check returns an error, with ErrChanged as its cause, if an input is no longer the
// file that was digested: if it was written to, cut, or if its path leads to
// another or to none. The error is no InputError: the same command may succeed.
func (in *Inputs) Check() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, i := range in.list { // in their order, that the same one is always named
		file, _ := SplitMember(i.Path)
		key, err := inputKey(file)
		if err != nil {
			return err
		}
		w := in.files[key]
		now, err := w.file.Stat()
		if err != nil {
			return pathError(w.path, err)
		}
		named, err := in.FS.Stat(w.path)
		if err != nil || !unchanged(w.info, now) || !same(named, now) {
			return fmt.Errorf("%s %w", w.path, ErrChanged)
		}
	}
	return nil
}

// Close closes all files. What was opened through Inputs is not to be used then.
func (in *Inputs) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	var err error
	for _, w := range in.files {
		if cerr := w.file.Close(); err == nil && cerr != nil {
			err = pathError(w.path, cerr)
		}
	}
	in.files, in.list = map[string]*watched{}, nil
	return err
}
