package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// folderPrefix begins the names of folders of shared files.
const folderPrefix = "voxen-"

// ourPrefixes begin the names of what lies in them: arrays of requests, of results, and
// folders of inputs of commands.
var ourPrefixes = []string{"in-", "out-", "step-"}

// Array is an array in a file that both processes map: row-major, in the byte order of the
// machine, from Offset on. Without a path it lies in the memory of the program that started
// this one, at Address, with rows Stride bytes apart (open says whether that can be read).
type Array struct {
	Path    string `json:"path"`
	Offset  int64  `json:"offset"`
	Address uint64 `json:"address,omitempty"`
	Stride  int    `json:"stride,omitempty"`
	Dtype   string `json:"dtype"` // float32 or float64
	Shape   []int  `json:"shape"` // rows, columns
	// Keep says that more requests will come with this file, which stays mapped.
	Keep bool `json:"keep,omitempty"`
}

// mapping is a file in memory.
type mapping struct {
	data  []byte
	keep  bool
	unmap func() error
}

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
	return newMapping(f, info.Size(), false)
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
	return newMapping(f, n, true)
}

// newMapping maps n bytes of a file; systems refuse to map none.
func newMapping(f *os.File, n int64, writable bool) (*mapping, error) {
	if n == 0 {
		return &mapping{unmap: func() error { return nil }}, nil
	}
	return mapFile(f, n, writable)
}

// elementBytes is the size of an element by its type.
var elementBytes = map[string]int64{"float32": 4, "float64": 8}

// bytes is the size of the array, or an error for what is none.
func (a Array) bytes(name string) (int64, error) {
	size := elementBytes[a.Dtype]
	if size == 0 {
		return 0, badInput("array %s of %q, expected float32 or float64", name, a.Dtype)
	}
	if len(a.Shape) != 2 || a.Offset < 0 || a.Offset%size != 0 {
		return 0, badInput("array %s of shape %v from byte %d, expected rows and columns, and a multiple of %d", name, a.Shape, a.Offset, size)
	}
	n := size
	for _, d := range a.Shape {
		if d < 0 || d > 0 && n > math.MaxInt64/2/int64(d) {
			return 0, badInput("array %s of shape %v, expected a size that there is", name, a.Shape)
		}
		n *= int64(d)
	}
	return n, nil
}

// source is an array that came with the request.
func (c *call) source(name string) (tile.Dense, error) {
	a, ok := c.Arrays[name]
	if !ok {
		return nil, badInput("%s: no array %s", c.Op, name)
	}
	n, err := a.bytes(name)
	if err != nil {
		return nil, err
	}
	m := c.mapped[a.Path]
	if m == nil {
		if m, err = openMapping(a.Path); err != nil {
			return nil, err
		}
		m.keep = a.Keep
		c.mapped[a.Path] = m
	}
	if a.Offset+n > int64(len(m.data)) {
		return nil, badInput("array %s: %s has %d bytes, expected %d from byte %d on", name, a.Path, len(m.data), n, a.Offset)
	}
	data := m.data[a.Offset : a.Offset+n]
	if a.Dtype == "float32" {
		return tile.Of(a.Shape[0], a.Shape[1], view[float32](data))
	}
	return tile.Of(a.Shape[0], a.Shape[1], view[float64](data))
}

// columns is a large array that is read by columns: one that came with the request, or that
// lies where the caller has it.
func (c *call) columns(name string) (tile.Source, error) {
	a, ok := c.Arrays[name]
	if !ok || a.Path != "" {
		return c.source(name)
	}
	if _, err := a.bytes(name); err != nil {
		return nil, err
	}
	if a.Address == 0 || int64(a.Stride) < int64(a.Shape[1])*elementBytes[a.Dtype] {
		return nil, badInput("array %s at %d with rows %d bytes apart, expected an address and rows of %d columns", name, a.Address, a.Stride, a.Shape[1])
	}
	return lend(a)
}

// matrix is a small array that came with the request, in float64; narrow says that it was
// stored in float32.
func (c *call) matrix(name string) (m tile.Matrix, narrow bool, err error) {
	src, err := c.source(name)
	if err != nil {
		return m, false, err
	}
	m = tile.Matrix{Rows: src.Rows(), Cols: src.Cols(), Data: make([]float64, src.Rows()*src.Cols())}
	switch data := src.Elements().(type) {
	case []float32:
		for i, x := range data {
			m.Data[i] = float64(x)
		}
		return m, true, nil
	case []float64:
		copy(m.Data, data)
	}
	return m, false, nil
}

// sink makes an array of results, in the precision of the request.
func (c *call) sink(name string, rows, cols int) (tile.Sink, error) {
	a := Array{Dtype: "float32", Shape: []int{rows, cols}}
	if c.env.Precision == op.Float64 {
		a.Dtype = "float64"
	}
	n, err := a.bytes(name)
	if err != nil {
		return nil, err
	}
	m, path, err := c.create(n)
	if err != nil {
		return nil, err
	}
	a.Path = path
	c.sinks, c.results[name] = append(c.sinks, m), a
	if a.Dtype == "float32" {
		return tile.Of(rows, cols, view[float32](m.data))
	}
	return tile.Of(rows, cols, view[float64](m.data))
}

// create makes a file of results in the first folder that has room for it.
func (s *server) create(n int64) (m *mapping, path string, err error) {
	if len(s.folders) == 0 {
		return nil, "", badInput("no folder for results: expected open before")
	}
	s.made++
	for _, folder := range s.folders {
		path = filepath.Join(folder, fmt.Sprintf("out-%d", s.made))
		if m, err = createMapping(path, n); err == nil {
			return m, path, nil
		}
		os.Remove(path)
	}
	return nil, "", fmt.Errorf("%s of results: %w", path, err)
}

// shared is how many bytes of files the request maps.
func (c *call) shared() (n int64) {
	for _, m := range c.mapped {
		n += int64(len(m.data))
	}
	for _, m := range c.sinks {
		n += int64(len(m.data))
	}
	return n
}

// toCome is how many bytes of those are not resident yet: shared arrays count in the bound
// of memory, whoever maps them.
func (c *call) toCome() int64 {
	n := c.shared()
	return n - min(n, residentShared())
}

// end gives back what the request mapped; results of one that failed go.
func (c *call) end(failed bool) {
	for _, m := range c.sinks {
		m.unmap()
	}
	if failed {
		for _, a := range c.results {
			os.Remove(a.Path)
		}
		c.results = map[string]Array{}
	}
	c.sinks = nil
	used := map[string]bool{}
	for _, a := range c.Arrays {
		used[a.Path] = a.Keep
	}
	for path, m := range c.mapped {
		if len(c.Arrays) > 0 && !used[path] {
			m.unmap()
			delete(c.mapped, path)
		}
	}
}

// forget unmaps the files of requests.
func (s *server) forget() {
	for path, m := range s.mapped {
		m.unmap()
		delete(s.mapped, path)
	}
}

// close ends the server: device, mappings and files.
func (s *server) close() {
	s.forget()
	s.devices.Close()
	s.removeFiles()
}

// removeFiles removes the folders with the shared files in them.
func (s *server) removeFiles() {
	for _, folder := range s.folders {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for _, e := range entries {
			if slices.ContainsFunc(ourPrefixes, func(p string) bool { return strings.HasPrefix(e.Name(), p) }) {
				os.RemoveAll(filepath.Join(folder, e.Name()))
			}
		}
		os.Remove(folder)
	}
}

// view shows bytes as numbers.
func view[F float32 | float64](data []byte) []F {
	if len(data) == 0 {
		return nil
	}
	return unsafe.Slice((*F)(unsafe.Pointer(&data[0])), len(data)/int(unsafe.Sizeof(*new(F))))
}
