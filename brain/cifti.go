package brain

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// CiftiKind tells what the rows of a CIFTI-2 file are.
type CiftiKind string

// The kinds that are read and written: volumes in time, named maps, and maps
// of labels.
const (
	DenseSeries CiftiKind = "dtseries"
	DenseScalar CiftiKind = "dscalar"
	DenseLabel  CiftiKind = "dlabel"
)

// ciftiIntents are the NIfTI intents of the kinds.
var ciftiIntents = map[CiftiKind]struct {
	code int
	name string
}{
	DenseSeries: {3002, "ConnDenseSeries"},
	DenseScalar: {3006, "ConnDenseScalar"},
	DenseLabel:  {3007, "ConnDenseLabel"},
}

// BrainModel is a stretch of grayordinates in one structure: vertices of a
// surface or voxels of a volume.
type BrainModel struct {
	Structure string // such as CIFTI_STRUCTURE_CORTEX_LEFT
	// SurfaceVertices is the size of the whole surface, 0 for voxels.
	SurfaceVertices int
	Vertices        []int32    // of a surface
	Voxels          [][3]int32 // grid indices in the volume
}

// Len returns the number of grayordinates in the model.
func (m *BrainModel) Len() int {
	if m.SurfaceVertices > 0 {
		return len(m.Vertices)
	}
	return len(m.Voxels)
}

// CiftiMap names a row of a dscalar or dlabel file.
type CiftiMap struct {
	Name   string
	Labels LabelTable // of a dlabel
}

// CiftiHeader says what the rows and columns of a CIFTI-2 file are.
type CiftiHeader struct {
	Kind CiftiKind
	// Rows of a dtseries begin at Start and are Step apart, in seconds (or in
	// Unit, if that is not SECOND).
	Rows        int
	Start, Step float64
	Unit        string
	Maps        []CiftiMap // of the other kinds, one per row
	Models      []BrainModel
	// Grid is the volume of the models made of voxels, nil without any.
	Grid *Grid
}

// TR returns the seconds between the rows of a dtseries, 0 if it does not say them.
func (h *CiftiHeader) TR() float64 {
	if h.Kind != DenseSeries || h.Unit != "" && h.Unit != "SECOND" || !(h.Step > 0) || math.IsInf(h.Step, 0) {
		return 0
	}
	return h.Step
}

// Cols returns the number of grayordinates.
func (h *CiftiHeader) Cols() int {
	n := 0
	for i := range h.Models {
		n += h.Models[i].Len()
	}
	return n
}

// Cifti is an open CIFTI-2 file: a (rows x grayordinates) array in the order of
// the file. The values of one grayordinate lie together, so blocks of columns
// are read from the file as they are wanted, by any number of goroutines; those
// of a compressed file after Load.
type Cifti struct {
	CiftiHeader
	Path string

	nifti  *Nifti
	file   *input
	values stored
}

// Cifti opens a dtseries, dscalar or dlabel file. Other kinds (connectivity,
// parcels) are refused by name.
func (f Files) Cifti(path string) (*Cifti, error) {
	im, err := f.header(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	c := &Cifti{Path: path, nifti: im}
	if err := c.parse(); err != nil {
		return nil, fileError(path, err)
	}
	c.values = stored{path: path, rows: c.Rows(), cols: c.Cols(), byColumn: true, datatype: im.Header.Datatype, scale: im.Header.scaling(),
		bigEndian: im.Header.bigEndian, first: im.Header.VoxOffset}
	if im.compressed {
		return c, nil
	}
	if c.file, err = f.open(path); err != nil {
		return nil, fileError(path, err)
	}
	c.values.direct = c.file
	return c, nil
}

// ciftiExtension is the code of the header extension that holds the XML.
const ciftiExtension = 32

// description returns the XML of a CIFTI-2 file, nil of another NIfTI file.
func (h *Header) description() []byte {
	i := slices.IndexFunc(h.Extensions, func(e Extension) bool { return e.Code == ciftiExtension })
	if i < 0 {
		return nil
	}
	return h.Extensions[i].Data
}

func (c *Cifti) parse() error {
	h := c.nifti.Header
	description := h.description()
	switch {
	case description == nil:
		return errors.New("no CIFTI description in the header, expected a CIFTI-2 file")
	case h.Dims[0]*h.Dims[1]*h.Dims[2]*h.Dims[3] != 1 || h.Dims[6] != 1:
		return fmt.Errorf("dimensions of a CIFTI file are %v, expected 1 1 1 1, rows and columns", h.Dims)
	}
	header, err := parseCiftiXML(description)
	if err != nil {
		return err
	}
	if int64(header.Rows) != h.Dims[4] || int64(header.Cols()) != h.Dims[5] {
		return fmt.Errorf("the CIFTI description is of %d x %d values, the file holds %d x %d", header.Rows, header.Cols(), h.Dims[4], h.Dims[5])
	}
	c.CiftiHeader = *header
	return nil
}

// Wide implements tile.Wide.
func (c *Cifti) Wide() bool { return c.values.Wide() }

// Rows returns the number of volumes or maps.
func (c *Cifti) Rows() int { return c.CiftiHeader.Rows }

// Close releases the file and what Load made.
func (c *Cifti) Close() error {
	err := c.values.release()
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
	return err
}

// Load unpacks a compressed file into memory or the scratch file. Another one is
// read where it lies.
func (c *Cifti) Load(ctx context.Context, st Storage) error {
	if !c.nifti.compressed || c.values.loaded() {
		return nil
	}
	need := c.values.bytes()
	ok, err := c.values.load(c.Path, need, st, func(put func(at int64, b []byte) error) error {
		return c.nifti.streamBytes(ctx, need, 16*readBuffer, func(at int64, piece []byte) error {
			if st.Progress != nil {
				st.Progress(at+int64(len(piece)), need)
			}
			return put(at, piece)
		})
	})
	if err == nil && !ok {
		return tooLarge(c.Path, need, st)
	}
	return err
}

// ReadFloat32 copies the grayordinates [lo, hi): dst[t*stride + (v-lo)].
func (c *Cifti) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readStored(ctx, &c.values, lo, hi, dst, stride)
}

// ReadFloat64 is ReadFloat32 in float64.
func (c *Cifti) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readStored(ctx, &c.values, lo, hi, dst, stride)
}

// Map returns row r.
func (c *Cifti) Map(ctx context.Context, r int) ([]float64, error) {
	if r < 0 || r >= c.Rows() {
		return nil, inputErrorf(c.Path, "no map %d, expected 0 to %d", r, c.Rows()-1)
	}
	return Row(ctx, c, r)
}

// Match returns, for each grayordinate of h, its place in from, -1 where from
// does not have it: the same vertex of the same structure on a surface of the
// same size, or the same voxel of the same structure on the same grid.
func (h *CiftiHeader) Match(from *CiftiHeader) []int {
	at := make([]int, 0, h.Cols())
	for i := range h.Models {
		m := &h.Models[i]
		other, offset := from.model(m)
		if other == nil || (m.SurfaceVertices == 0 && !sameVolume(h.Grid, from.Grid)) {
			at = append(at, slices.Repeat([]int{-1}, m.Len())...)
			continue
		}
		if m.SurfaceVertices > 0 {
			at = append(at, places(m.Vertices, other.Vertices, offset)...)
		} else {
			at = append(at, places(m.Voxels, other.Voxels, offset)...)
		}
	}
	return at
}

func sameVolume(a, b *Grid) bool { return a != nil && b != nil && a.Same(b) == nil }

// model finds the structure of m, on a surface of the same size, and where its
// grayordinates begin.
func (h *CiftiHeader) model(m *BrainModel) (*BrainModel, int) {
	offset := 0
	for i := range h.Models {
		o := &h.Models[i]
		if o.Structure == m.Structure && o.SurfaceVertices == m.SurfaceVertices {
			return o, offset
		}
		offset += o.Len()
	}
	return nil, 0
}

func places[E comparable](want, have []E, offset int) []int {
	place := make(map[E]int, len(have))
	for i, e := range have {
		place[e] = offset + i
	}
	at := make([]int, len(want))
	for i, e := range want {
		at[i] = -1
		if p, ok := place[e]; ok {
			at[i] = p
		}
	}
	return at
}

// CiftiLabels returns row r of a dlabel file as places in the row's label
// table, -1 for label 0 and for keys that the table does not have.
func (c *Cifti) CiftiLabels(ctx context.Context, r int) ([]int, LabelTable, error) {
	if c.Kind != DenseLabel {
		return nil, nil, inputErrorf(c.Path, "a %s file, expected dlabel", c.Kind)
	}
	values, err := c.Map(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	table := slices.DeleteFunc(slices.Clone(c.Maps[r].Labels), func(l Label) bool { return l.Key == 0 })
	return table.places(values), table, nil
}

// WriteCifti writes the columns of src, one per grayordinate of the header and
// one row per volume or map, as float32. The file appears whole or not at all.
func (f Files) WriteCifti(ctx context.Context, path string, h *CiftiHeader, src Columns) error {
	intent, ok := ciftiIntents[h.Kind]
	switch {
	case !ok:
		return fmt.Errorf("%s: kind %q, expected dtseries, dscalar or dlabel", path, h.Kind)
	case !strings.HasSuffix(path, "."+string(h.Kind)+".nii"):
		return inputErrorf(path, "expected a name ending in .%s.nii", h.Kind)
	case src.Rows() != h.Rows || src.Cols() != h.Cols():
		return fmt.Errorf("%s: %d x %d values, expected %d x %d", path, src.Rows(), src.Cols(), h.Rows, h.Cols())
	case h.Kind != DenseSeries && len(h.Maps) != h.Rows:
		return fmt.Errorf("%s: %d maps are named, expected %d", path, len(h.Maps), h.Rows)
	case h.Grid == nil && slices.ContainsFunc(h.Models, func(m BrainModel) bool { return m.SurfaceVertices == 0 }):
		return fmt.Errorf("%s: voxels without the volume they lie in", path)
	}
	description, err := xml.Marshal(h.xml())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	nifti := &Header{
		Version: 2, NDim: 6, Dims: [7]int64{1, 1, 1, 1, int64(h.Rows), int64(h.Cols()), 1}, Datatype: Float32, Slope: 1,
		Pixdim: [8]float64{1, 1, 1, 1, 1, 1, 1, 1}, IntentCode: intent.code, IntentName: intent.name,
		Extensions: []Extension{{Code: ciftiExtension, Data: append([]byte(xml.Header), description...)}},
	}
	return f.create(path, func(w io.Writer) error {
		if _, err := w.Write(nifti.encode()); err != nil {
			return err
		}
		return writeColumns(ctx, w, src)
	})
}

// writeColumns writes src column by column as float32.
func writeColumns(ctx context.Context, w io.Writer, src Columns) error {
	rows, cols := src.Rows(), src.Cols()
	width := min(cols, max(1, readBuffer/(8*rows)))
	block, turned := make([]float64, rows*width), make([]float64, rows*width)
	raw := make([]byte, 4*rows*width)
	for lo := 0; lo < cols; lo += width {
		n := min(width, cols-lo)
		if err := src.ReadFloat64(ctx, lo, lo+n, block, width); err != nil {
			return err
		}
		for t := range rows {
			for v := range n {
				turned[v*rows+t] = block[t*width+v]
			}
		}
		if err := encode(raw, turned[:n*rows], Float32); err != nil {
			return err
		}
		if _, err := w.Write(raw[:4*n*rows]); err != nil {
			return err
		}
	}
	return nil
}
