package store

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Array is a two-dimensional view of an array of numbers in a file: (Rows x Cols),
// (time, columns) for most. Its methods may be called from several goroutines at
// once; it satisfies tile.Source. Reads are bounded: what a call holds besides dst
// does not grow with the file.
type Array interface {
	// Name is the path, with the name in the file where it has one, for messages.
	Name() string
	// Shape returns the lengths of all axes as the file has them. Of an array of
	// one axis of n elements Rows is n and Cols is 1; of one of more than two
	// Cols is the product of all but the first.
	Shape() []int
	// DType returns the type of the elements in the file.
	DType() DType
	// Wide reports whether elements may hold more digits than a float32, and are
	// better read in float64 by what takes means off; see tile.Wide.
	Wide() bool
	// Rows returns the number of rows: time points.
	Rows() int
	// Cols returns the number of columns: voxels, signals or features.
	Cols() int
	// ReadFloat32 copies columns [lo, hi): dst[t*stride+v-lo] = a[t][v] for all t.
	// Elements are rounded to float32 where they hold more bits. Elements that
	// are no numbers are refused, also where lo is hi.
	ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error
	// ReadFloat64 is ReadFloat32 in float64; integers beyond 2^53 are rounded.
	ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error
	// AsRow returns the n elements as one row (1 x n), in C order. The view
	// shares the file, which this Array closes.
	AsRow() Array
	// Close closes the file if the Array was opened by its own path.
	Close() error
}

// matrix is what every Array says of itself, for the types of this package to embed.
type matrix struct {
	name  string // for messages: the path, or path and name in it
	dtype DType
	shape []int // of the file
	rows  int
	cols  int
}

func matrixOf(name string, d DType, shape []int) matrix {
	m := matrix{name: name, dtype: d, shape: shape, rows: 1, cols: 1}
	if len(shape) > 0 {
		m.rows = shape[0]
		for _, n := range shape[1:] {
			m.cols *= n
		}
	}
	return m
}

// Name implements Array.
func (m *matrix) Name() string { return m.name }

// Shape implements Array.
func (m *matrix) Shape() []int { return slices.Clone(m.shape) }

// DType implements Array.
func (m *matrix) DType() DType { return m.dtype }

// Wide implements Array.
func (m *matrix) Wide() bool { return m.dtype.Wide() }

// Rows implements Array.
func (m *matrix) Rows() int { return m.rows }

// Cols implements Array.
func (m *matrix) Cols() int { return m.cols }

// Format is a kind of file that holds arrays. A new one is a type that is an Array
// and a call of RegisterFormat.
type Format struct {
	Name    string   // in messages: ".npy", "HDF5"
	Endings []string // of file names, in lower case, with the dot
	// Match reports whether a file that begins with head is of this format. It is
	// given the first 4096 bytes, or all there are, and must be sure: the content
	// decides before the ending does.
	Match func(head []byte) bool
	// Members says that a file holds arrays by name, of which FILE:/NAME is one.
	Members bool
	// Open opens the array of a name, "" where the path has none, in a file of
	// size bytes. path is for messages. The Array owns f; after an error the
	// caller closes it.
	Open func(path string, f File, size int64, name string) (Array, error)
}

// formats are those that OpenArray knows.
var formats = []Format{
	{Name: ".npy", Endings: []string{".npy"}, Match: matchNpy, Open: openNpyFile},
	{Name: ".safetensors", Endings: []string{".safetensors"}, Match: matchSafetensors, Members: true, Open: openTensorFile},
}

// RegisterFormat adds a format; packages of formats call it from init.
func RegisterFormat(f Format) { formats = append(formats, f) }

// headBytes is how much of a file Format.Match is given: HDF5 may have its mark
// behind a user block of 512, 1024, 2048 bytes and so on.
const headBytes = 4096

// SplitMember takes FILE:/NAME apart, where the ending of FILE is of a format whose
// files hold arrays by name. Any other path is returned whole, without a name.
func SplitMember(path string) (file, name string) {
	for i := range len(path) {
		if !strings.HasPrefix(path[i:], ":/") {
			continue
		}
		if f := byEnding(path[:i]); f != nil && f.Members || foreignEnding(path[:i]) != nil {
			return path[:i], path[i+len(":/"):]
		}
	}
	return path, ""
}

// byEnding returns the format of a file's name, nil if none has its ending.
func byEnding(path string) *Format {
	ending := strings.ToLower(filepath.Ext(path))
	for i, f := range formats {
		if slices.Contains(f.Endings, ending) {
			return &formats[i]
		}
	}
	return nil
}

// HasArrayEnding reports whether the name of a file is that of an array in a format
// that is known.
func HasArrayEnding(path string) bool {
	file, _ := SplitMember(path)
	return byEnding(file) != nil
}

// OpenArray opens the array of a file in any format that is known, by its content
// and else by its ending. FILE:/NAME is the array of a name in a file of several.
// The caller closes it.
func OpenArray(fsys FS, path string) (Array, error) {
	file, name := SplitMember(path)
	f, size, err := openInput(fsys, file)
	if err != nil {
		return nil, err
	}
	a, err := openFormat(file, f, size, name)
	if err != nil {
		f.Close()
		return nil, err
	}
	return a, nil
}

// OpenParts opens the parts of an array of three axes, each an Array of two: along the first
// axis, or of one that MATLAB wrote along the last. Each has the file to itself; the caller
// closes them.
func OpenParts(fsys FS, path string) (parts []Array, err error) {
	defer func() {
		if err != nil {
			for _, p := range parts {
				p.Close()
			}
			parts = nil
		}
	}()
	for i, n := 0, 1; i < n; i++ {
		a, err := OpenArray(fsys, path)
		if err != nil {
			return parts, err
		}
		parts = append(parts, a)
		shape := a.Shape()
		p, ok := a.(parted)
		if !ok || len(shape) != 3 {
			return parts, inputErrorf(path, "has shape %s, expected three axes", shapeString(shape))
		}
		axis := p.slowest()
		if _, name := SplitMember(path); axis > 0 && name == "" { // a name is of HDF5
			return parts, inputErrorf(path, "has three axes in Fortran order: save it with numpy.ascontiguousarray")
		}
		if n = shape[axis]; n == 0 {
			return parts, inputErrorf(path, "has shape %s, expected at least one part", shapeString(shape))
		}
		p.cut(i, slices.Delete(shape, axis, axis+1))
	}
	return parts, nil
}

// parted is an Array of which parts along one axis can be read.
type parted interface {
	// slowest is the axis of which neighbours are furthest apart in the file.
	slowest() int
	// cut leaves part i along it, of the shape that the others have.
	cut(i int, shape []int)
}

func openFormat(path string, f File, size int64, name string) (Array, error) {
	head := make([]byte, min(size, headBytes))
	if n, err := f.ReadAt(head, 0); n < len(head) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, pathError(path, err)
	}
	format, other := byEnding(path), foreignContent(head)
	if i := slices.IndexFunc(formats, func(f Format) bool { return f.Match(head) }); i >= 0 {
		format, other = &formats[i], nil
	}
	if format == nil && other == nil {
		other = foreignEnding(path)
	}
	switch {
	case format == nil || other != nil:
		return nil, wrongFormat(path, other)
	case name != "" && !format.Members:
		return nil, inputErrorf(path, "is a %s, whose one array has no name; expected the path alone, without :/%s", format.Name, name)
	}
	return format.Open(path, f, size, name)
}

// foreign is a kind of file that people give for an array.
type foreign struct {
	head    string // its first bytes; "": not known by them
	endings string // of names
	what    string // it is, and what to do
}

var foreigners = []foreign{
	{"MATLAB 5.0 MAT-file", "", "is a MATLAB file before version 7.3: save it with -v7.3"},
	{"PK\x03\x04", ".npz", "is an archive of arrays: save the one that is meant with numpy.save"},
	{"\x1f\x8b", ".gz", "is compressed: unpack it first"},
	{"\x80\x04", ".pkl .pickle", "is a Python pickle: save the array with numpy.save"},
	{"", ".pt .pth .bin", "is of PyTorch: save the tensor as .safetensors or with numpy.save"},
	{"", ".txt", "is text: save the array with numpy.save, or as .tsv"},
	{"", ".nii .gii .mgz .mgh", "is an image, where an array is meant"},
}

// foreignContent returns the kind of a file that begins with head; nil if none.
func foreignContent(head []byte) *foreign {
	for i, o := range foreigners {
		if o.head != "" && strings.HasPrefix(string(head), o.head) {
			return &foreigners[i]
		}
	}
	return nil
}

// foreignEnding returns the kind of a file's name; nil if none has its ending.
func foreignEnding(path string) *foreign {
	ending := strings.ToLower(filepath.Ext(path))
	for i, o := range foreigners {
		if slices.Contains(strings.Fields(o.endings), ending) {
			return &foreigners[i]
		}
	}
	return nil
}

// wrongFormat refuses a file that is of no format, naming those there are. is may be nil.
func wrongFormat(path string, is *foreign) error {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	last := len(names) - 1
	expected := strings.Join(names[:last], ", ") + " or " + names[last]
	if is != nil {
		return inputErrorf(path, "%s; expected %s", is.what, expected)
	}
	return inputErrorf(path, "is of no format that is known, by its content or its ending; expected %s", expected)
}
