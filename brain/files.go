package brain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/gzip"

	"voxen/store"
)

// Files is where images and tables are read from and written to, and how much
// memory what is decoded of one of them may take. The zero value is the file
// system of the operating system, without a bound.
type Files struct {
	FS store.FS // the operating system's if nil
	// Memory is the most bytes that the values of one file may take once they are
	// decoded; 0 sets no bound. Headers and shapes are compared before.
	Memory int64
}

func (f Files) fs() store.FS {
	if f.FS == nil {
		return store.OS{}
	}
	return f.FS
}

// MemoryError says that a file does not fit in the memory allowed. It is wrong
// input: a smaller file, or more memory, is needed.
type MemoryError struct {
	Path    string
	What    string // what needs the memory
	Need    int64  // bytes
	Allowed int64
}

// Error names the file, what it needs and what is allowed.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("%s: %s takes %d bytes of memory, more than the %d allowed", e.Path, e.What, e.Need, e.Allowed)
}

// Unwrap makes it a store.InputError.
func (e *MemoryError) Unwrap() error { return &store.InputError{Path: e.Path, Msg: e.What} }

// room refuses what would take more memory than is allowed.
func (f Files) room(path, what string, need int64) error {
	if f.Memory > 0 && need > f.Memory {
		return &MemoryError{Path: path, What: what, Need: need, Allowed: f.Memory}
	}
	return nil
}

// inputErrorf says that the file cannot be used as it is.
func inputErrorf(path, format string, args ...any) error {
	return &store.InputError{Path: path, Msg: fmt.Sprintf(format, args...)}
}

// fileError says which file err is about, once. What is wrong with the file
// itself, or with its name, becomes a store.InputError; a failing disk and a
// cancelled context do not.
func fileError(path string, err error) error {
	var pe *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return inputErrorf(path, "no such file")
	case errors.Is(err, fs.ErrPermission):
		return inputErrorf(path, "permission denied")
	case store.IsInput(err) || strings.HasPrefix(err.Error(), path):
		return err
	case errors.As(err, &pe):
		return fmt.Errorf("%s: %s: %w", path, pe.Op, pe.Err)
	}
	return &store.InputError{Path: path, Err: err}
}

// diskError marks an error of the disk as what it is and not the file's.
func diskError(op, path string, err error) error {
	var pe *fs.PathError
	if err == nil || err == io.EOF || errors.As(err, &pe) {
		return err
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// input is an open file whose errors are told apart from what it holds.
type input struct {
	store.File
	path string
	size int64
}

// ReadAt implements io.ReaderAt.
func (f *input) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(b, at)
	return n, diskError("read", f.path, err)
}

// open opens a regular file; a pipe or a device, which could be waited for
// for ever, is refused before.
func (f Files) open(path string) (*input, error) {
	info, err := f.fs().Stat(path)
	switch {
	case err != nil:
		return nil, diskError("stat", path, err)
	case info.IsDir():
		return nil, errors.New("is a folder, expected a file")
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	file, err := f.fs().Open(path)
	if err != nil {
		return nil, diskError("open", path, err)
	}
	size, err := file.Size()
	if err != nil {
		file.Close()
		return nil, diskError("stat", path, err)
	}
	return &input{file, path, size}, nil
}

// there reports whether path names a regular file.
func (f Files) there(path string) (bool, error) {
	info, err := f.fs().Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fileError(path, diskError("stat", path, err))
	}
	return info.Mode().IsRegular(), nil
}

// create writes a whole file or none.
func (f Files) create(path string, write func(io.Writer) error) error {
	return store.WriteFile(f.fs(), path, write)
}

// reader reads a file from its start, unpacking it if it is compressed.
type reader struct {
	*bufio.Reader
	file       *input
	compressed bool
}

// Close closes the file.
func (r *reader) Close() error { return r.file.Close() }

// readBuffer is large enough that system calls cost nothing beside unpacking.
const readBuffer = 256 << 10

// reader opens a file to be read through. What is compressed by gzip is told by
// its first bytes.
func (f Files) reader(path string) (*reader, error) {
	file, err := f.open(path)
	if err != nil {
		return nil, err
	}
	size := int(max(headBytes, min(readBuffer, file.size)))
	r := &reader{Reader: bufio.NewReaderSize(io.NewSectionReader(file, 0, file.size), size), file: file}
	magic, err := r.Peek(2)
	if err != nil && err != io.EOF {
		file.Close()
		return nil, err
	}
	if len(magic) < 2 || magic[0] != 0x1f || magic[1] != 0x8b {
		return r, nil // a short file is refused by who reads the header
	}
	members := &gzipMembers{from: r.Reader}
	if members.gz, err = gzip.NewReader(r.Reader); err != nil {
		file.Close()
		return nil, fmt.Errorf("gzip: %w", err)
	}
	members.gz.Multistream(false)
	r.Reader, r.compressed = bufio.NewReaderSize(members, readBuffer), true
	return r, nil
}

// gzipMembers unpacks the members of a gzip file. Zeros between and behind them
// are padding, as of tapes and block devices; gzip and Python skip them too.
type gzipMembers struct {
	from *bufio.Reader
	gz   *gzip.Reader
}

// Read implements io.Reader.
func (m *gzipMembers) Read(b []byte) (int, error) {
	for {
		n, err := m.gz.Read(b)
		if n > 0 && err == io.EOF {
			err = nil // asked again
		}
		if n > 0 || err != io.EOF {
			return n, err
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// next moves on to the next member; io.EOF if there is none.
func (m *gzipMembers) next() error {
	for {
		c, err := m.from.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			break
		}
	}
	if err := m.from.UnreadByte(); err != nil {
		return err
	}
	if err := m.gz.Reset(m.from); err != nil {
		return fmt.Errorf("gzip: behind the first stream: %w", err)
	}
	m.gz.Multistream(false)
	return nil
}

// readFull fills b and says which part of the file was cut off if it cannot.
func readFull(r io.Reader, b []byte, what string) error {
	n, err := io.ReadFull(r, b)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%s is cut off: %d bytes, expected %d", what, n, len(b))
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
