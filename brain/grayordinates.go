package brain

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// grayordinates is the kind of CIFTI-2 files.
type grayordinates struct{}

// String implements Kind.
func (grayordinates) String() string { return "CIFTI files" }

// Geometry implements Kind.
func (grayordinates) Geometry() Geometry { return OnSurfaces }

// Endings implements Kind: those of all CIFTI files, so that the kinds that are
// not read are refused as what they are.
func (grayordinates) Endings() []string {
	var all []string
	for _, kind := range []string{"dtseries", "dscalar", "dlabel", "dconn", "dpconn", "pdconn", "pconn", "ptseries", "pscalar", "plabel"} {
		all = append(all, "."+kind+".nii")
	}
	return all
}

// Multiple implements Kind.
func (grayordinates) Multiple() bool { return false }

// Holds implements Kind: NIfTI-2 with an intent of CIFTI.
func (grayordinates) Holds(head []byte) bool {
	size, order, err := headerSize(head)
	if err != nil || size != sizeNifti2 || len(head) < sizeNifti2 {
		return false
	}
	intent := fields{b: head, order: order}.i32(504)
	return intent >= 3000 && intent < 3100
}

// Results implements Kind.
func (grayordinates) Results(base, _ string) []string { return []string{base + ".dscalar.nii"} }

// Describe implements Kind.
func (grayordinates) Describe(f Files, path string) (Shape, error) {
	c, err := f.Cifti(path)
	if err != nil {
		return Shape{}, err
	}
	return Shape{Rows: c.Rows(), Cols: c.Cols(), TR: c.TR()}, c.Close()
}

// ciftiImage is an open CIFTI-2 file.
type ciftiImage struct {
	*Cifti
	places *ciftiPlaces
}

// Places implements Image.
func (c *ciftiImage) Places() Places { return c.places }

// Open implements Kind.
func (grayordinates) Open(_ context.Context, f Files, path string, o OpenOptions) (Image, error) {
	c, err := f.Cifti(path)
	if err != nil {
		return nil, err
	}
	im := &ciftiImage{c, &ciftiPlaces{path, c.CiftiHeader}}
	err = o.rowsOf(path, c.CiftiHeader.Kind)
	if err == nil && o.Like != nil {
		err = o.Like.Same(im.places)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return im, nil
}

// ciftiPlaces are the grayordinates of a CIFTI-2 file.
type ciftiPlaces struct {
	path   string
	header CiftiHeader
}

// Kind implements Places.
func (p *ciftiPlaces) Kind() Kind { return grayordinates{} }

// Path implements Places.
func (p *ciftiPlaces) Path() string { return p.path }

// Len implements Places.
func (p *ciftiPlaces) Len() int { return p.header.Cols() }

// Same implements Places.
func (p *ciftiPlaces) Same(other Places) error {
	o, ok := other.(*ciftiPlaces)
	if !ok {
		return inputErrorf(other.Path(), "is not of the kind of %s, expected %s", p.path, p.Kind())
	}
	if o.Len() != p.Len() {
		return inputErrorf(o.path, "has %d grayordinates, %s has %d", o.Len(), p.path, p.Len())
	}
	for v, at := range o.header.Match(&p.header) {
		if at != v {
			return inputErrorf(o.path, "has other grayordinates than %s, the first that differs at %d", p.path, v)
		}
	}
	return nil
}

// Hemispheres implements SurfacePlaces.
func (p *ciftiPlaces) Hemispheres() []Hemisphere {
	var out []Hemisphere
	for _, m := range p.header.Models {
		if m.SurfaceVertices > 0 {
			out = append(out, Hemisphere{Path: p.path, Vertices: m.SurfaceVertices, Structure: giftiStructure(m.Structure)})
		}
	}
	return out
}

// giftiStructure is GIFTI's name of a structure of CIFTI: CortexLeft of
// CIFTI_STRUCTURE_CORTEX_LEFT.
func giftiStructure(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(strings.TrimPrefix(name, "CIFTI_STRUCTURE_"), "_") {
		if word != "" {
			b.WriteString(word[:1] + strings.ToLower(word[1:]))
		}
	}
	return b.String()
}

// Vertices implements SurfacePlaces.
func (p *ciftiPlaces) Vertices() []Vertex {
	out := make([]Vertex, 0, p.Len())
	surface := 0
	for _, m := range p.header.Models {
		if m.SurfaceVertices == 0 {
			out = append(out, slices.Repeat([]Vertex{{Hemisphere: -1}}, m.Len())...)
			continue
		}
		for _, v := range m.Vertices {
			out = append(out, Vertex{surface, int(v)})
		}
		surface++
	}
	return out
}

// open opens a file on the same structures and gives where each place is in it.
func (p *ciftiPlaces) open(ctx context.Context, f Files, path string) (c *Cifti, at []int, err error) {
	if err := f.ofKind(path, p); err != nil {
		return nil, nil, err
	}
	if err := SameSpace(path, p.path); err != nil {
		return nil, nil, err
	}
	if c, err = f.Cifti(path); err != nil {
		return nil, nil, err
	}
	at = p.header.Match(&c.CiftiHeader)
	if !slices.ContainsFunc(at, func(from int) bool { return from >= 0 }) {
		c.Close()
		return nil, nil, inputErrorf(path, "has no grayordinate of %s: its structures are %s", p.path, c.structures())
	}
	memory := f.Memory
	if memory == 0 {
		memory = math.MaxInt64
	}
	if err := c.Load(ctx, Storage{Memory: memory}); err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, at, nil
}

// structures lists the structures of a CIFTI file with the size of their surfaces.
func (h *CiftiHeader) structures() string {
	var text []string
	for _, m := range h.Models {
		s := m.Structure
		if m.SurfaceVertices > 0 {
			s += fmt.Sprintf(" (%d vertices)", m.SurfaceVertices)
		}
		text = append(text, s)
	}
	return strings.Join(text, ", ")
}

// Labels implements Places: of the first map of a dlabel.
func (p *ciftiPlaces) Labels(ctx context.Context, f Files, path, table string) (*Labels, error) {
	c, at, err := p.open(ctx, f, path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.labelsAt(ctx, f, at, table)
}

// labelsAt gives the labels of places that lie at grayordinates of the file.
func (c *Cifti) labelsAt(ctx context.Context, f Files, at []int, table string) (*Labels, error) {
	names, err := f.namedTable(table)
	if err != nil {
		return nil, err
	}
	if err := f.room(c.Path, "its labels", 16*int64(c.Cols())+8*int64(len(at))); err != nil {
		return nil, err
	}
	labels, keys, err := c.CiftiLabels(ctx, 0)
	if err != nil {
		return nil, err
	}
	l := &Labels{At: make([]int, len(at)), Table: keys.renamed(names)}
	for v, from := range at {
		l.At[v] = -1
		if from >= 0 {
			l.At[v] = labels[from]
		}
	}
	return l, nil
}

// Templates implements Places: the labels of a dlabel, or the maps of another file.
func (p *ciftiPlaces) Templates(ctx context.Context, f Files, path, table string) (*Templates, error) {
	c, at, err := p.open(ctx, f, path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if c.CiftiHeader.Kind == DenseLabel {
		l, err := c.labelsAt(ctx, f, at, table)
		if err != nil {
			return nil, err
		}
		reached := make([]bool, len(at))
		for v, from := range at {
			reached[v] = from >= 0
		}
		return l.asTemplates(path, reached), nil
	}
	names, err := f.namedTable(table)
	if err != nil {
		return nil, err
	}
	t := &Templates{path: path, places: len(at), reading: 8 * int64(c.Cols()+len(at))}
	for r := range c.Rows() {
		name := ""
		if r < len(c.Maps) {
			name = c.Maps[r].Name
		}
		if err := t.add(mapLabel(r, name, names)); err != nil {
			return nil, err
		}
	}
	t.fill = func(ctx context.Context, f Files, rows [][]float64) error { return p.fillMaps(ctx, f, path, rows) }
	return t, nil
}

// fillMaps reads the maps of a file at these places.
func (p *ciftiPlaces) fillMaps(ctx context.Context, f Files, path string, rows [][]float64) error {
	c, at, err := p.open(ctx, f, path)
	if err != nil {
		return err
	}
	defer c.Close()
	for r, row := range rows {
		m, err := c.Map(ctx, r)
		if err != nil {
			return err
		}
		for v, from := range at {
			row[v] = math.NaN()
			if from >= 0 {
				row[v] = m[from]
			}
		}
	}
	return nil
}

// Write implements Places.
func (p *ciftiPlaces) Write(ctx context.Context, out Output, m Maps) error {
	path, err := out.Place(m.Name + ".dscalar.nii")
	if err != nil {
		return err
	}
	h := CiftiHeader{Kind: DenseScalar, Rows: m.Rows.Rows(), Models: p.header.Models, Grid: p.header.Grid}
	for r := range h.Rows {
		h.Maps = append(h.Maps, CiftiMap{Name: m.Label(r)})
	}
	return out.Files.WriteCifti(ctx, path, &h, m.Rows)
}

// WriteMask implements Places: the images say it themselves.
func (p *ciftiPlaces) WriteMask(context.Context, Output) error { return nil }
