package brain

import (
	"context"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// surfaces is the kind of data on one or two hemispheres in GIFTI files.
type surfaces struct{}

// String implements Kind.
func (surfaces) String() string { return "surfaces" }

// Geometry implements Kind.
func (surfaces) Geometry() Geometry { return OnSurfaces }

// Endings implements Kind.
func (surfaces) Endings() []string { return []string{".gii"} }

// Multiple implements Kind.
func (surfaces) Multiple() bool { return true }

// Holds implements Kind.
func (surfaces) Holds(head []byte) bool { return strings.Contains(string(head), "<GIFTI") }

// Results implements Kind: a file for each hemisphere, which its name says.
func (surfaces) Results(base, like string) []string {
	sides := []string{"L", "R"}
	if like != "" {
		sides = nil
		for _, path := range strings.Split(like, ",") {
			side := sideOf(path)
			if side == "" {
				return nil
			}
			sides = append(sides, side)
		}
	}
	var names []string
	for _, side := range sides {
		names = append(names, base+"_hemi-"+side+".func.gii")
	}
	return names
}

// Describe implements Kind.
func (surfaces) Describe(f Files, path string) (Shape, error) {
	var s Shape
	files := strings.Split(path, ",")
	for i, file := range files {
		side, err := f.surfaceData(file)
		if err != nil {
			return s, err
		}
		if i > 0 && side.rows != s.Rows {
			return s, inputErrorf(file, "has %d volumes, %s has %d", side.rows, files[0], s.Rows)
		}
		s.Rows, s.Cols = side.rows, s.Cols+side.cols
	}
	return s, nil
}

// surfaceData is the (rows x vertices) data of one GIFTI file: an array of one
// value per vertex for each row, as Connectome Workbench and fMRIPrep write them,
// or a single array of (vertices x rows), as nilearn does.
type surfaceData struct {
	stored
	files Files
	head  *Gifti
	one   bool // a single array of all rows
}

// surfaceData reads the head of a file of data.
func (f Files) surfaceData(path string) (*surfaceData, error) {
	g, arrays, err := f.GiftiHead(path)
	switch {
	case err != nil:
		return nil, err
	case arrays == 0:
		return nil, inputErrorf(path, "no data arrays, expected at least 1")
	}
	a := &g.Arrays[0]
	s := &surfaceData{files: f, head: g, stored: stored{path: path, rows: arrays, cols: a.Dims[0], datatype: a.Datatype}}
	switch {
	case a.Intent == IntentPoints || a.Intent == IntentTriangles:
		return nil, inputErrorf(path, "is the surface itself (%s), expected data on it", a.Intent)
	case a.Len() == a.Dims[0]:
	case len(a.Dims) == 2 && arrays == 1:
		s.one, s.rows, s.byColumn = true, a.Dims[1], !a.columnMajor
	default:
		return nil, inputErrorf(path, "array 0 of %d has dimensions %v, expected arrays of one value per vertex, or one array of vertices x volumes", arrays, a.Dims)
	}
	return s, nil
}

// load reads the values.
func (s *surfaceData) load(ctx context.Context, st Storage) error {
	if s.loaded() {
		return nil
	}
	need := s.bytes()
	ok, err := s.held.load(s.path, need, st, func(put func(at int64, b []byte) error) error {
		return s.files.scanGifti(s.path, func(g *giftiScanner) error {
			return s.arrays(ctx, g, func(at int64, b []byte) error {
				if st.Progress != nil {
					st.Progress(at+int64(len(b)), need)
				}
				return put(at, b)
			})
		})
	})
	if err == nil && !ok {
		return tooLarge(s.path, need, st)
	}
	return err
}

// arrays hands on the values of all arrays, one after the other.
func (s *surfaceData) arrays(ctx context.Context, g *giftiScanner, put func(at int64, b []byte) error) error {
	at, n := int64(0), 0
	err := g.all(&Gifti{}, func(a *GiftiArray, text io.Reader, encoding string) error {
		switch {
		case !s.one && (a.Len() != s.cols || a.Dims[0] != s.cols):
			return inputErrorf(s.path, "array %d has dimensions %v, expected %d", n, a.Dims, s.cols)
		case a.Datatype != s.datatype:
			return inputErrorf(s.path, "array %d is of %s, expected %s as those before it", n, a.Datatype, s.datatype)
		case at == s.bytes():
			return inputErrorf(s.path, "has more than the %d arrays that it says", n)
		}
		n++
		return a.pieces(text, encoding, func(piece []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := put(at, piece)
			at += int64(len(piece))
			return err
		})
	})
	if err == nil && at != s.bytes() {
		err = inputErrorf(s.path, "has %d arrays, says %d", n, s.rows)
	}
	return err
}

// surfaceImage is the data of hemispheres, side by side.
type surfaceImage struct {
	*Joined
	sides  []*surfaceData
	places *surfacePlaces
}

// Places implements Image.
func (s *surfaceImage) Places() Places { return s.places }

// TR implements Image: GIFTI has no place for it.
func (s *surfaceImage) TR() float64 { return 0 }

// Load implements Image. One scratch file holds a hemisphere.
func (s *surfaceImage) Load(ctx context.Context, st Storage) error {
	var need int64
	for _, side := range s.sides {
		need += side.bytes()
	}
	for i, side := range s.sides {
		own := st
		if st.Scratch != "" && i > 0 {
			own.Scratch = st.Scratch + "-" + strconv.Itoa(i)
		}
		if err := side.load(ctx, own); err != nil {
			if st.Scratch == "" && need > st.Memory {
				return tooLarge(s.places.Path(), need, st)
			}
			return err
		}
		if side.memory != nil {
			st.Memory -= side.bytes()
		}
	}
	return nil
}

// Close implements Image.
func (s *surfaceImage) Close() error {
	var first error
	for _, side := range s.sides {
		if err := side.release(); first == nil {
			first = err
		}
	}
	return first
}

// ReadFloat32 implements Columns for one hemisphere.
func (s *surfaceData) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readStored(ctx, &s.stored, lo, hi, dst, stride)
}

// ReadFloat64 implements Columns for one hemisphere.
func (s *surfaceData) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readStored(ctx, &s.stored, lo, hi, dst, stride)
}

// Rows implements Columns.
func (s *surfaceData) Rows() int { return s.rows }

// Cols implements Columns.
func (s *surfaceData) Cols() int { return s.cols }

// Open implements Kind.
func (surfaces) Open(_ context.Context, f Files, path string, o OpenOptions) (Image, error) {
	im := &surfaceImage{places: &surfacePlaces{}}
	var sides []Columns
	files := strings.Split(path, ",")
	for _, file := range files {
		s, err := f.surfaceData(file)
		if err != nil {
			return nil, err
		}
		if len(sides) > 0 && s.rows != sides[0].Rows() {
			return nil, inputErrorf(file, "has %d volumes, %s has %d", s.rows, files[0], sides[0].Rows())
		}
		h, err := newHemisphere(file, s.head, s.cols)
		if err != nil {
			return nil, err
		}
		sides, im.sides, im.places.hemispheres = append(sides, s), append(im.sides, s), append(im.places.hemispheres, h)
	}
	if err := im.places.mark(); err != nil {
		return nil, err
	}
	if o.Like != nil {
		if err := o.Like.Same(im.places); err != nil {
			return nil, err
		}
	}
	var err error
	im.Joined, err = Join(sides...)
	return im, err
}

// surfacePlaces are the vertices of one or two hemispheres, side by side.
type surfacePlaces struct{ hemispheres []Hemisphere }

// structureKey is the GIFTI metadata that names a hemisphere.
const structureKey = "AnatomicalStructurePrimary"

var hemiEntity = regexp.MustCompile(`(?:^|_)hemi-(L|R)(?:[_.]|$)`)

// sideOf is the hemisphere, L or R, that a BIDS name says; "" if it says none.
func sideOf(path string) string {
	m := hemiEntity.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return ""
	}
	return m[1]
}

// newHemisphere describes a surface by its file: the metadata, or what BIDS has in
// the name. A file that says both sides is refused.
func newHemisphere(path string, g *Gifti, vertices int) (Hemisphere, error) {
	h := Hemisphere{Path: path, Vertices: vertices, Structure: g.Meta[structureKey]}
	for i := range g.Arrays {
		if h.Structure == "" {
			h.Structure = g.Arrays[i].Meta[structureKey]
		}
	}
	side := sideOf(path)
	i := h.Cortex()
	switch {
	case side == "" && i >= 0:
		side = [2]string{"L", "R"}[i]
	case side != "" && h.Structure == "":
		h.Structure = map[string]string{"L": cortexStructures[0], "R": cortexStructures[1]}[side]
	case side == "L" && strings.HasSuffix(h.Structure, "Right"), side == "R" && strings.HasSuffix(h.Structure, "Left"):
		return h, inputErrorf(path, "is of hemisphere %s by its name but of %s by what it holds, expected one", side, h.Structure)
	}
	if side != "" {
		h.mark = "_hemi-" + side
	}
	return h, nil
}

// Cortex tells by its metadata or its name of which cortex a file is: 0 left, 1
// right, -1 if it does not say it.
func (g *Gifti) Cortex() (int, error) {
	h, err := newHemisphere(g.Path, g, 0)
	return h.Cortex(), err
}

// mark gives every hemisphere what the names of its results say of it, and refuses
// two that are the same.
func (p *surfacePlaces) mark() error {
	for i := range p.hemispheres {
		h := &p.hemispheres[i]
		for _, other := range p.hemispheres[:i] {
			switch {
			case h.Path == other.Path:
				return inputErrorf(h.Path, "is given twice, expected a file for each hemisphere")
			case h.Structure != "" && h.Structure == other.Structure:
				return inputErrorf(h.Path, "is of %s, as %s is: expected a file for each hemisphere", h.Structure, other.Path)
			}
		}
		if h.mark == "" && len(p.hemispheres) > 1 || slices.ContainsFunc(p.hemispheres[:i], func(other Hemisphere) bool { return h.mark == other.mark }) {
			h.mark = "_" + strconv.Itoa(i+1)
		}
	}
	return nil
}

// Kind implements Places.
func (p *surfacePlaces) Kind() Kind { return surfaces{} }

// Path implements Places.
func (p *surfacePlaces) Path() string { return p.hemispheres[0].Path }

// Len implements Places.
func (p *surfacePlaces) Len() int {
	n := 0
	for _, h := range p.hemispheres {
		n += h.Vertices
	}
	return n
}

// Hemispheres implements SurfacePlaces.
func (p *surfacePlaces) Hemispheres() []Hemisphere { return p.hemispheres }

// Vertices implements SurfacePlaces.
func (p *surfacePlaces) Vertices() []Vertex {
	out := make([]Vertex, 0, p.Len())
	for i, h := range p.hemispheres {
		for v := range h.Vertices {
			out = append(out, Vertex{i, v})
		}
	}
	return out
}

// Same implements Places.
func (p *surfacePlaces) Same(other Places) error {
	o, ok := other.(*surfacePlaces)
	if !ok {
		return inputErrorf(other.Path(), "is not of the kind of %s, expected %s", p.Path(), p.Kind())
	}
	if len(o.hemispheres) != len(p.hemispheres) {
		return inputErrorf(o.Path(), "is one of %d hemispheres, expected %d as with %s", len(o.hemispheres), len(p.hemispheres), p.Path())
	}
	for i, h := range o.hemispheres {
		f := p.hemispheres[i]
		if h.Vertices != f.Vertices || h.Structure != f.Structure {
			return inputErrorf(h.Path, "has %d vertices of %q, %s has %d of %q", h.Vertices, h.Structure, f.Path, f.Vertices, f.Structure)
		}
	}
	return nil
}

// SameSide refuses a file that says it is of another hemisphere: both sides may
// have as many vertices.
func (h Hemisphere) SameSide(path string, g *Gifti) error {
	other, err := newHemisphere(path, g, h.Vertices)
	if err != nil {
		return err
	}
	if h.Structure != "" && other.Structure != "" && h.Structure != other.Structure {
		return inputErrorf(path, "is of %s, expected %s as %s", other.Structure, h.Structure, h.Path)
	}
	return nil
}

// files splits the name of what lies on the same surfaces, a file for each.
func (p *surfacePlaces) files(f Files, path, what, ending string) ([]string, error) {
	if err := f.ofKind(path, p); err != nil {
		return nil, err
	}
	files := strings.Split(path, ",")
	if len(files) != len(p.hemispheres) {
		return nil, inputErrorf(path, "is %s of %d surfaces, expected %d: a %s for each, separated by a comma", what, len(files), len(p.hemispheres), ending)
	}
	return files, SameSpace(files[0], p.Path())
}

// Labels implements Places: a label file for each hemisphere, separated by a comma
// as the data's. The labels of two are told apart by their side.
func (p *surfacePlaces) Labels(_ context.Context, f Files, path, table string) (*Labels, error) {
	files, err := p.files(f, path, "an atlas", ".label.gii")
	if err != nil {
		return nil, err
	}
	names, err := f.namedTable(table)
	if err != nil {
		return nil, err
	}
	all := &Labels{At: make([]int, 0, p.Len())}
	for i, file := range files {
		h := p.hemispheres[i]
		g, err := f.Gifti(file)
		if err != nil {
			return nil, err
		}
		l, err := h.labels(g, names)
		if err != nil {
			return nil, err
		}
		for _, at := range l.At {
			if at >= 0 {
				at += len(all.Table)
			}
			all.At = append(all.At, at)
		}
		for _, label := range l.Table {
			if len(files) > 1 {
				label.Name = strings.TrimPrefix(h.mark, "_") + " " + label.Name
			}
			all.Table = append(all.Table, label)
		}
	}
	return all, nil
}

// labels gives the place of each vertex's label in the table of those that are not
// 0, -1 for 0.
func (h Hemisphere) labels(g *Gifti, names LabelTable) (*Labels, error) {
	if err := h.SameSide(g.Path, g); err != nil {
		return nil, err
	}
	a := g.Find(IntentLabel)
	if a == nil || a.Len() != h.Vertices {
		return nil, inputErrorf(g.Path, "has no labels of %d vertices, as %s has", h.Vertices, h.Path)
	}
	keys := slices.DeleteFunc(slices.Clone(g.Labels), func(l Label) bool { return l.Key == 0 })
	values := a.Float64s()
	at := keys.places(values)
	for v, x := range values {
		if at[v] < 0 && x != 0 {
			return nil, inputErrorf(g.Path, "has label %s at vertex %d, which its table does not name", decimal(x), v)
		}
	}
	return &Labels{At: at, Table: keys.renamed(names)}, nil
}

// Templates implements Places: labels, or a map per network, in a file for each
// hemisphere. The same name on both sides is one network.
func (p *surfacePlaces) Templates(_ context.Context, f Files, path, table string) (*Templates, error) {
	files, err := p.files(f, path, "templates", ".label.gii or .shape.gii")
	if err != nil {
		return nil, err
	}
	names, err := f.namedTable(table)
	if err != nil {
		return nil, err
	}
	all := &Templates{path: path, places: p.Len(), fill: func(context.Context, Files, [][]float64) error { return nil }}
	at := 0
	for i, file := range files {
		h := p.hemispheres[i]
		t, err := h.templates(f, file, names)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			all.Labels = t.Labels
		}
		if err := all.join(files[0], t, at); err != nil {
			return nil, err
		}
		at += h.Vertices
	}
	if len(all.Networks) == 0 {
		return nil, inputErrorf(files[0], "has no label but 0, expected one for each network")
	}
	return all, nil
}

// join adds the networks of a further hemisphere, whose vertices begin at a place.
func (t *Templates) join(first string, side *Templates, at int) error {
	file, of := side.path, make([]int, len(side.Networks))
	if side.Labels != t.Labels {
		return inputErrorf(file, "is not of the sort of the other hemisphere: expected labels of both, or maps")
	}
	t.Notes = append(t.Notes, side.Notes...)
	for b, l := range side.Networks {
		place := slices.IndexFunc(t.Networks, func(n Label) bool { return n.Name == l.Name })
		if place < 0 {
			if !t.Labels && at > 0 {
				return inputErrorf(file, "has the map %q, which %s does not have", l.Name, first)
			}
			place = len(t.Networks)
			t.Networks = append(t.Networks, l)
		}
		of[b] = place
	}
	if !t.Labels && len(side.Networks) != len(t.Networks) {
		return inputErrorf(file, "has %d maps, %s has %d", len(side.Networks), first, len(t.Networks))
	}
	before := t.fill
	t.reading = max(t.reading, side.reading)
	t.fill = func(ctx context.Context, f Files, rows [][]float64) error {
		if err := before(ctx, f, rows); err != nil {
			return err
		}
		part := make([][]float64, len(of))
		for b, place := range of {
			part[b] = rows[place][at : at+side.places]
		}
		return side.fill(ctx, f, part)
	}
	return nil
}

// templates gives the networks of one hemisphere's file.
func (h Hemisphere) templates(f Files, path string, names LabelTable) (*Templates, error) {
	g, err := f.Gifti(path)
	if err != nil {
		return nil, err
	}
	if g.Find(IntentLabel) != nil {
		l, err := h.labels(g, names)
		if err != nil {
			return nil, err
		}
		return l.asTemplates(path, nil), nil
	}
	if err := h.SameSide(path, g); err != nil {
		return nil, err
	}
	s, err := f.surfaceData(path)
	if err != nil {
		return nil, err
	}
	if s.cols != h.Vertices {
		return nil, inputErrorf(path, "has maps of %d vertices, %s has %d", s.cols, h.Path, h.Vertices)
	}
	t := &Templates{path: path, places: s.cols, reading: s.bytes() + 8*int64(s.rows)*int64(s.cols)}
	for r := range s.rows {
		name := ""
		if !s.one {
			name = g.Arrays[r].Meta["Name"]
		}
		if err := t.add(mapLabel(r, name, names)); err != nil {
			return nil, err
		}
	}
	t.fill = func(ctx context.Context, _ Files, rows [][]float64) error {
		if err := s.load(ctx, Storage{Memory: s.bytes()}); err != nil {
			return err
		}
		defer s.release()
		all := make([]float64, s.rows*s.cols)
		if err := s.ReadFloat64(ctx, 0, s.cols, all, s.cols); err != nil {
			return err
		}
		for r, row := range rows {
			copy(row, all[r*s.cols:])
		}
		return nil
	}
	return t, nil
}

// Write implements Places: a file for each hemisphere.
func (p *surfacePlaces) Write(ctx context.Context, out Output, m Maps) error {
	at, row := 0, make([]float64, p.Len())
	for _, h := range p.hemispheres {
		path, err := out.Place(m.Name + h.mark + ".func.gii")
		if err != nil {
			return err
		}
		g := &Gifti{}
		if h.Structure != "" {
			g.Meta = map[string]string{structureKey: h.Structure}
		}
		lo, hi := at, at+h.Vertices
		at = hi
		err = out.Files.writeGifti(path, g, m.Rows.Rows(), func(r int) (*GiftiArray, error) {
			if err := m.Row(ctx, r, row); err != nil {
				return nil, err
			}
			a, err := NewGiftiArray(IntentNone, Float32, []int{h.Vertices}, row[lo:hi]) // GIFTI has no doubles
			a.Meta = map[string]string{"Name": m.Label(r)}
			return &a, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// WriteMask implements Places: every vertex has its column.
func (p *surfacePlaces) WriteMask(context.Context, Output) error { return nil }
