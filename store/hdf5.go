package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"voxen/internal/hdf5"
)

func init() {
	RegisterFormat(Format{
		Name:    "HDF5",
		Endings: []string{".hf5", ".h5", ".hdf", ".hdf5", ".mat"},
		Match:   matchHDF5,
		Members: true,
		Open:    openHDF5File,
	})
}

// matchHDF5 finds the signature at the head or behind a user block, as MATLAB's
// of 512 bytes.
func matchHDF5(head []byte) bool {
	return hdf5.IsHDF5(strings.NewReader(string(head)), int64(len(head)))
}

// openHDF5File opens the data set of a name: "group/set", with the endings that
// cutView takes. Without a name the file has one data set of numbers with two
// axes, or is refused with a list.
//
// What MATLAB wrote, which the attribute MATLAB_class tells, has MATLAB's shape:
// its first axis is the file's last.
func openHDF5File(path string, f File, size int64, name string) (Array, error) {
	h, err := hdf5.Open(f, size)
	if err != nil {
		return nil, hdf5Error(path, err)
	}
	d, view, err := findDataset(h, name)
	if err != nil {
		return nil, hdf5Error(path, err)
	}
	return newDataset(path+":"+d.Name, f, d, view)
}

// hdf5Error makes what a file gets wrong an InputError.
func hdf5Error(path string, err error) error {
	if err == nil {
		return nil
	}
	var format *hdf5.FormatError
	if errors.As(err, &format) { // "has a superblock of version 9, ..."
		return &InputError{Path: path, Err: fmt.Errorf("is HDF5 that %w", err)}
	}
	if hdf5.IsNotFound(err) {
		return &InputError{Path: path, Err: err}
	}
	if IsInput(err) {
		return err
	}
	return pathError(path, err)
}

// view says what part of a data set is meant.
type view struct {
	index   int // along the file's first axis; -1: all
	turned  bool
	endings string // of the name, for messages
}

// cutView takes the endings off a name: ":T" for the array turned around, as
// numpy's .T, and before it ":N" for part N, from 0, of the file's first axis.
func cutView(name string) (string, view) {
	v := view{index: -1}
	rest, turned := strings.CutSuffix(name, ":T")
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		if n, err := strconv.Atoi(rest[i+1:]); err == nil && n >= 0 && rest[i+1] != '+' {
			rest, v.index = rest[:i], n
		}
	}
	v.turned, v.endings = turned, name[len(rest):]
	return rest, v
}

// findDataset finds what a name stands for: a data set of that very name, one of
// the name without endings, or where the name is left out the only one there can be.
func findDataset(h *hdf5.File, name string) (*hdf5.Dataset, view, error) {
	all := view{index: -1}
	if name != "" {
		d, err := h.Dataset(name)
		if err == nil || !hdf5.IsNotFound(err) {
			return d, all, err
		}
	}
	rest, v := cutView(name)
	if rest != name && rest != "" {
		d, err := h.Dataset(rest)
		if err == nil || !hdf5.IsNotFound(err) {
			return d, v, err
		}
	}
	sets, err := h.Datasets()
	if err != nil {
		return nil, v, err
	}
	if rest != "" {
		return nil, v, fmt.Errorf("%w", &hdf5.FormatError{Msg: fmt.Sprintf("has no data set /%s; it has %s", strings.TrimPrefix(rest, "/"), listDatasets(sets))})
	}
	matrices := slices.DeleteFunc(slices.Clone(sets), func(d *hdf5.Dataset) bool { return !d.Numeric() || len(d.Shape) != 2 })
	if len(matrices) != 1 {
		return nil, v, &hdf5.FormatError{Msg: fmt.Sprintf("has %d data sets of numbers with two axes: name one as FILE:/NAME; it has %s", len(matrices), listDatasets(sets))}
	}
	return matrices[0], v, nil
}

// listDatasets names data sets with their shapes, matrices of numbers first.
func listDatasets(sets []*hdf5.Dataset) string {
	if len(sets) == 0 {
		return "none at all"
	}
	rank := func(d *hdf5.Dataset) int {
		switch {
		case !d.Numeric():
			return 2
		case len(d.Shape) != 2:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(sets, func(a, b *hdf5.Dataset) int { return rank(a) - rank(b) })
	const most = 12
	var names []string
	for i, d := range sets {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(sets)-most))
			break
		}
		names = append(names, fmt.Sprintf("%q %s %s", d.Name, shapeString(shapeOf(d)), elementsOf(d)))
	}
	return strings.Join(names, ", ")
}

// elementsOf says what a data set consists of: "float32", "string", MATLAB's "char".
func elementsOf(d *hdf5.Dataset) string {
	if !d.Numeric() && d.Matlab != "" {
		return "MATLAB's " + d.Matlab
	}
	return d.Type.String()
}

// shapeOf is the shape that a data set is said to have: MATLAB's of what MATLAB wrote.
func shapeOf(d *hdf5.Dataset) []int {
	shape := slices.Clone(d.Shape)
	if d.Matlab != "" {
		slices.Reverse(shape)
	}
	return shape
}

// newDataset makes an Array of a view of a data set. f is closed with it.
func newDataset(name string, f File, d *hdf5.Dataset, v view) (Array, error) {
	name += v.endings
	if !d.Numeric() {
		return nil, inputErrorf(name, "elements are %s, expected numbers", elementsOf(d))
	}
	kinds := map[hdf5.Class]Kind{hdf5.Int: Int, hdf5.Uint: Uint, hdf5.Float: Float, hdf5.BFloat: BFloat}
	dtype := DType{Kind: kinds[d.Type.Class], Size: d.Type.Size, Big: d.Type.Big}
	shape := slices.Clone(d.Shape)
	if v.index >= 0 {
		if len(shape) == 0 || v.index >= shape[0] {
			return nil, inputErrorf(name, "has shape %s in the file, expected more than %d along the first axis", shapeString(shape), v.index)
		}
		shape = shape[1:]
	}
	turned := v.turned != (d.Matlab != "")
	if turned {
		slices.Reverse(shape)
	}
	r, offset, ok, err := d.Contiguous()
	if err != nil {
		return nil, hdf5Error(name, err)
	}
	if !ok {
		return newChunked(name, f, d, dtype, shape, v.index, turned)
	}
	if v.index > 0 {
		part, _ := product(shape, dtype.Size) // fits, as all of it does
		offset += int64(v.index) * part
	}
	a, err := newFlat(name, r, offset, dtype, shape, turned)
	if err != nil {
		return nil, err
	}
	a.closer = f
	return a, nil
}
