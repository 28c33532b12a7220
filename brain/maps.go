package brain

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// MapOptions says how maps are stored.
type MapOptions struct {
	// Datatype of the stored values; Float32 if zero.
	Datatype Datatype
	// Template is the header whose geometry, units and extensions are kept; the
	// mask's own if nil.
	Template *Header
	// Outside is the value of voxels outside the mask, 0 by default. Voxels of
	// the mask without a result hold what row gives them, NaN by convention.
	Outside float64
	// TR in seconds is stored if the rows are volumes in time; 0 if they are not.
	TR float64
	// Descrip and the intent replace the template's if they are set.
	Descrip    string
	IntentCode int
	IntentName string
}

// WriteMaps writes n maps over a mask as an image of n volumes (of three axes
// if n is 1), compressed if the name ends in .gz. row fills dst with map r, one
// value per voxel of the mask; it is called in order, so that maps larger than
// memory can be streamed. The file appears whole or not at all.
func (f Files) WriteMaps(ctx context.Context, path string, m *Mask, n int, row func(r int, dst []float64) error, opt MapOptions) error {
	h, err := mapHeader(path, m, n, opt)
	if err != nil {
		return err
	}
	return f.create(path, func(w io.Writer) error {
		if strings.HasSuffix(path, ".gz") {
			return compress(w, func(w io.Writer) error { return writeMaps(ctx, w, h, m, n, row, opt.Outside) })
		}
		return writeMaps(ctx, w, h, m, n, row, opt.Outside)
	})
}

// WriteMap writes one map over a mask, as WriteMaps.
func (f Files) WriteMap(ctx context.Context, path string, m *Mask, values []float64, opt MapOptions) error {
	if len(values) != m.Len() {
		return fmt.Errorf("%s: %d values, expected one for each of the mask's %d voxels", path, len(values), m.Len())
	}
	return f.WriteMaps(ctx, path, m, 1, func(_ int, dst []float64) error {
		copy(dst, values)
		return nil
	}, opt)
}

// mapHeader derives the header of n maps from the template.
func mapHeader(path string, m *Mask, n int, opt MapOptions) (*Header, error) {
	base := strings.TrimSuffix(path, ".gz")
	template := opt.Template
	if template == nil {
		template = m.Header
	}
	switch {
	case filepath.Ext(base) != ".nii":
		return nil, inputErrorf(path, "expected a name ending in .nii or .nii.gz")
	case n < 1:
		return nil, fmt.Errorf("%s: %d maps, expected at least 1", path, n)
	case template == nil:
		return nil, fmt.Errorf("%s: no header to take the geometry from", path)
	}
	grid, err := template.Grid()
	if err != nil {
		return nil, fileError(path, err)
	}
	if err := grid.Same(m.Grid); err != nil {
		return nil, inputErrorf(path, "template is not on the mask's grid: %v", err)
	}
	h := *template
	h.bigEndian = false
	h.Slope, h.Inter = 1, 0
	if h.Datatype = opt.Datatype; h.Datatype == 0 {
		h.Datatype = Float32
	}
	h.setMaps(n, opt.TR)
	if opt.Descrip != "" {
		h.Descrip = opt.Descrip
	}
	if opt.IntentCode != 0 {
		h.IntentCode, h.IntentName, h.IntentP = opt.IntentCode, opt.IntentName, [3]float64{}
	}
	if h.VoxOffset > maxExtensions {
		return nil, fmt.Errorf("%s: template has %d bytes of extensions", path, h.VoxOffset)
	}
	return &h, nil
}

// setMaps sets the axes of n maps over the first three. NIfTI-1 counts an axis
// in 16 bits; a longer one asks for NIfTI-2.
func (h *Header) setMaps(n int, tr float64) {
	h.NDim = 4
	if n == 1 && tr == 0 {
		h.NDim = 3
	}
	h.Dims = [7]int64{h.Dims[0], h.Dims[1], h.Dims[2], int64(n), 1, 1, 1}
	for _, d := range h.Dims {
		if d > math.MaxInt16 {
			h.Version = 2
		}
	}
	h.Pixdim[4], h.TOffset = 1, 0
	if tr > 0 {
		h.Pixdim[4] = tr
		h.XYZTUnits = h.XYZTUnits&^0x38 | 8 // seconds
	}
	h.Pixdim[5], h.Pixdim[6], h.Pixdim[7] = 1, 1, 1
}

func writeMaps(ctx context.Context, w io.Writer, h *Header, m *Mask, n int, row func(int, []float64) error, outside float64) error {
	if _, err := w.Write(h.encode()); err != nil {
		return err
	}
	values := make([]float64, m.Len())
	order := m.fileOrder()
	for r := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := row(r, values); err != nil {
			return err
		}
		if err := writeMap(w, h, m, order, values, outside); err != nil {
			return fmt.Errorf("map %d: %w", r, err)
		}
	}
	return nil
}

// fileOrder returns the voxels of the mask in the order of the file.
func (m *Mask) fileOrder() []int32 {
	order, file := make([]int32, m.Len()), m.file()
	for v := range order {
		order[v] = int32(v)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(file[a], file[b]) })
	return order
}

// writeMap writes one volume in pieces, so that a large grid around a small mask
// takes no memory.
func writeMap(w io.Writer, h *Header, m *Mask, order []int32, values []float64, outside float64) error {
	voxels, file := m.Grid.Voxels(), m.file()
	piece := make([]float64, min(voxels, 16*decodeRun))
	raw := make([]byte, len(piece)*h.Datatype.Size())
	for first := 0; first < voxels; first += len(piece) {
		part := piece[:min(len(piece), voxels-first)]
		for i := range part {
			part[i] = outside
		}
		for len(order) > 0 && int(file[order[0]]) < first+len(part) {
			part[int(file[order[0]])-first] = values[order[0]]
			order = order[1:]
		}
		if err := encode(raw, part, h.Datatype); err != nil {
			return err
		}
		if _, err := w.Write(raw[:len(part)*h.Datatype.Size()]); err != nil {
			return err
		}
	}
	return nil
}

// compress writes a gzip stream without name or time, so that the same content
// gives the same file.
func compress(w io.Writer, write func(io.Writer) error) error {
	gz := gzip.NewWriter(w)
	if err := write(gz); err != nil {
		return err
	}
	return gz.Close()
}
