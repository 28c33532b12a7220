package brain

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Image is a file, or several that belong together, of responses or maps: a
// (rows x places) array, rows being volumes in time or maps, and where in the
// brain its columns lie. Its columns are read after Load, by any number of
// goroutines.
type Image interface {
	Columns
	// Places says where the columns lie.
	Places() Places
	// TR returns the seconds between rows, 0 if the file does not say them.
	TR() float64
	// Load makes reading blocks of columns cheap, within what st allows. What does
	// not fit is refused with a MemoryError.
	Load(ctx context.Context, st Storage) error
	// Close releases files and memory.
	Close() error
}

// Kind is a kind of image. A new one is a type and a line in kinds.
type Kind interface {
	// String names files of the kind in refusals: "volumes".
	String() string
	// Geometry says what the places are.
	Geometry() Geometry
	// Endings lists the ends of the names of its files, in lower case and without
	// the .gz of compressed ones.
	Endings() []string
	// Holds reports whether a file that begins with head is of the kind.
	Holds(head []byte) bool
	// Multiple reports whether one image may be several files, separated by commas.
	Multiple() bool
	// Open opens an image.
	Open(ctx context.Context, f Files, path string, o OpenOptions) (Image, error)
	// Describe reads headers alone.
	Describe(f Files, path string) (Shape, error)
	// Results lists the names that images of a result may have: like is the image
	// whose places the result has, empty for all names that there are.
	Results(base, like string) []string
}

// Geometry says what places are.
type Geometry int

// Voxels lie on a grid and can be masked; vertices on the surfaces of hemispheres,
// with voxels besides or without.
const (
	OnGrid Geometry = iota
	OnSurfaces
)

// kinds are all kinds of image. Of several whose endings or content fit the first is
// taken: one whose ending says more stands before.
var kinds = []Kind{grayordinates{}, volumes{}, surfaces{}}

// OpenOptions says how an image is opened.
type OpenOptions struct {
	// Mask is the file of a mask, for kinds on a grid; empty for none.
	Mask string
	// Like are the places that the columns must lie at; nil for the image's own.
	Like Places
	// Rows says what rows must be, where the file says it.
	Rows RowKind
	// Nonzero leaves out voxels at which all rows are 0 or NaN, without a mask and
	// Like: maps are 0 outside their mask.
	Nonzero bool
}

// RowKind says what the rows of an image are.
type RowKind int

// AnyRows are volumes in time or maps.
const (
	AnyRows RowKind = iota
	TimeRows
	MapRows
)

// Shape is what the headers of an image say.
type Shape struct {
	Rows, Cols int
	TR         float64 // seconds; 0 if it is not said
	// Voxel is the size of a voxel in millimetres, the cubic root of its volume; 0
	// of images without voxels of one size.
	Voxel float64
}

// KindByName returns the kind of image that a name says, nil if none: by its
// ending, in any case, compressed or not. Of several files all must be of it.
func KindByName(path string) Kind {
	for _, k := range kinds {
		parts := []string{path}
		if k.Multiple() {
			parts = strings.Split(path, ",")
		}
		if !slices.ContainsFunc(parts, func(p string) bool { return !endsLike(p, k.Endings()) }) {
			return k
		}
	}
	return nil
}

// NamesLabels reports whether an image is one of labels by its name, as .dlabel.nii and .label.gii are:
// a volume does not say.
func NamesLabels(path string) bool {
	return slices.ContainsFunc([]string{".dlabel.", ".label.gii"}, func(mark string) bool { return strings.Contains(strings.ToLower(path), mark) })
}

// kindOf is KindByName, but that a kind that shares its ending with others is told
// by the content of the file; nil for a name of no kind.
func (f Files) kindOf(path string) (Kind, error) {
	named := KindByName(path)
	if named == nil {
		return nil, nil
	}
	first := Parts(path)[0]
	head, err := f.head(first)
	if err != nil {
		return nil, fileError(first, err)
	}
	for _, k := range kinds {
		if k == named {
			break // its own ending says it
		}
		if k.Multiple() == named.Multiple() && k.Holds(head) {
			return k, nil
		}
	}
	return named, nil
}

// ofKind refuses a file of another kind than places are.
func (f Files) ofKind(path string, p Places) error {
	k, err := f.kindOf(path)
	if err == nil && k != p.Kind() {
		err = inputErrorf(path, "is not of the kind of %s, expected %s", p.Path(), p.Kind())
	}
	return err
}

// headBytes is what kinds are told by.
const headBytes = sizeNifti2

// head reads the beginning of a file, unpacked.
func (f Files) head(path string) ([]byte, error) {
	r, err := f.reader(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}

// endsLike reports whether a name ends in one of the endings, in any case, with
// .gz behind it or without.
func endsLike(path string, endings []string) bool {
	name := strings.TrimSuffix(strings.ToLower(path), ".gz")
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// stem is a file name without the ending of its kind, or without its extension.
func stem(name string) string {
	lower := strings.TrimSuffix(strings.ToLower(name), ".gz")
	longest := len(filepath.Ext(lower))
	for _, k := range kinds {
		for _, e := range k.Endings() {
			if strings.HasSuffix(lower, e) {
				longest = max(longest, len(e))
			}
		}
	}
	return name[:len(lower)-longest]
}

// Parts returns the files that the name of an image stands for: those of both
// hemispheres, separated by a comma, or itself.
func Parts(path string) []string {
	if k := KindByName(path); k != nil && k.Multiple() {
		return strings.Split(path, ",")
	}
	return []string{path}
}

// KnownEndings lists what the names of images end in, for refusals: of every kind its
// first ending.
func KnownEndings() string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.Endings()[0])
	}
	return strings.Join(all, ", ") + ", compressed by gzip or not"
}

// Open opens an image of any kind. What it decodes at once, masks above all, is
// bounded by Memory; what Load takes is bounded by Load's own.
func (f Files) Open(ctx context.Context, path string, o OpenOptions) (Image, error) {
	k, err := f.kindOf(path)
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, inputErrorf(path, "is no image, expected %s", KnownEndings())
	case o.Like != nil && k != o.Like.Kind():
		return nil, inputErrorf(path, "is not of the kind of %s, expected %s", o.Like.Path(), o.Like.Kind())
	case o.Mask != "" && k.Geometry() != OnGrid:
		return nil, inputErrorf(o.Mask, "is a mask of volumes, but %s is on surfaces", path)
	}
	return k.Open(ctx, f, path, o)
}

// Describe reads the headers of an image of any kind.
func (f Files) Describe(path string) (Shape, error) {
	k, err := f.kindOf(path)
	switch {
	case err != nil:
		return Shape{}, err
	case k == nil:
		return Shape{}, inputErrorf(path, "is no image, expected %s", KnownEndings())
	}
	return k.Describe(f, path)
}

// ResultName is the image that results with the places of an image have: both
// hemispheres separated by a comma. It is empty if like is no image, or does not
// say its side, which the name of a result has.
func ResultName(base, like string) string {
	k := KindByName(like)
	if k == nil {
		return ""
	}
	return strings.Join(k.Results(base, like), ",")
}

// FindResult returns the image of a result that a step wrote in files that begin
// with base, of whatever kind it is, empty if there is none.
func (f Files) FindResult(base string) (string, error) {
	for _, k := range kinds {
		var found []string
		for _, path := range k.Results(base, "") {
			there, err := f.there(path)
			if err != nil {
				return "", err
			}
			if there {
				found = append(found, path)
			}
		}
		if len(found) > 0 {
			return strings.Join(found, ","), nil
		}
	}
	return "", nil
}

// rowsOf refuses rows of another kind than asked for.
func (o OpenOptions) rowsOf(path string, kind CiftiKind) error {
	switch {
	case o.Rows == TimeRows && kind != DenseSeries:
		return inputErrorf(path, "is a %s file, expected a dtseries: volumes in time", kind)
	case o.Rows == MapRows && kind == DenseLabel:
		return inputErrorf(path, "is a %s file, expected a dscalar: maps", kind)
	}
	return nil
}
