package brain

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Places say where in the brain the columns of an image lie, in their order:
// voxels of a grid, grayordinates or vertices.
type Places interface {
	Kind() Kind
	// Path is the file that they are of, for refusals.
	Path() string
	// Len returns their number.
	Len() int
	// Same returns nil if other are these places in this order, else an InputError
	// about other that says the first difference.
	Same(other Places) error
	// Labels reads a label file on these places: an atlas or networks. table names
	// the table of its labels, empty for that of the file, or beside it.
	Labels(ctx context.Context, f Files, path, table string) (*Labels, error)
	// Templates reads which networks a file of labels or maps has on these places.
	Templates(ctx context.Context, f Files, path, table string) (*Templates, error)
	// Write stores results as an image of the same kind.
	Write(ctx context.Context, out Output, m Maps) error
	// WriteMask stores, beside results, which places they are of, where the images
	// do not say it themselves.
	WriteMask(ctx context.Context, out Output) error
}

// GridPlaces are places on a grid.
type GridPlaces interface {
	Places
	// Mask is the voxels.
	Mask() *Mask
}

// SurfacePlaces are places on surfaces.
type SurfacePlaces interface {
	Places
	// Hemispheres lists the surfaces.
	Hemispheres() []Hemisphere
	// Vertices gives the vertex of each place.
	Vertices() []Vertex
}

// Hemisphere is a surface on which places lie.
type Hemisphere struct {
	Path      string // the file that says so
	Vertices  int    // of the whole surface
	Structure string // as GIFTI names it, such as CortexLeft; empty if it is not said

	mark string // what the names of results say of it
}

// Cortex returns 0 for the left cortex, 1 for the right one, -1 for another
// structure or one that is not said.
func (h Hemisphere) Cortex() int { return slices.Index(cortexStructures[:], h.Structure) }

// cortexStructures are GIFTI's names of the two cortices.
var cortexStructures = [2]string{"CortexLeft", "CortexRight"}

// Vertex is a place on a surface: the place of its hemisphere among those of the
// image, and its own on the surface. A place in a volume has hemisphere -1.
type Vertex struct{ Hemisphere, Index int }

// OnCortex spreads values at places over the vertices of the left and the right
// cortex, NaN where there is none; a side that is not there is nil. Two surfaces that
// do not say what they are are the left and the right one.
func OnCortex(p SurfacePlaces, values []float64) (out [2][]float64) {
	hemispheres := p.Hemispheres()
	side := make([]int, len(hemispheres))
	for h, hemisphere := range hemispheres {
		side[h] = hemisphere.Cortex()
		if hemisphere.Structure == "" && len(hemispheres) == 2 {
			side[h] = h
		}
		if side[h] >= 0 {
			out[side[h]] = slices.Repeat([]float64{math.NaN()}, hemisphere.Vertices)
		}
	}
	for v, at := range p.Vertices() {
		if at.Hemisphere >= 0 && side[at.Hemisphere] >= 0 {
			out[side[at.Hemisphere]][at.Index] = values[v]
		}
	}
	return out
}

// Row reads one row of an array in bounded pieces.
func Row(ctx context.Context, src Columns, r int) ([]float64, error) {
	rows, cols := src.Rows(), src.Cols()
	out := make([]float64, cols)
	width := min(cols, max(1, readBuffer/max(1, rows)))
	block := make([]float64, rows*width)
	for lo := 0; lo < cols; lo += width {
		hi := min(lo+width, cols)
		if err := src.ReadFloat64(ctx, lo, hi, block, width); err != nil {
			return nil, err
		}
		copy(out[lo:hi], block[r*width:])
	}
	return out, nil
}

// Output is where the images of results go.
type Output struct {
	Files Files
	// Place gives the path at which a file of this name is written.
	Place    func(name string) (string, error)
	Datatype Datatype // of volumes; CIFTI and GIFTI results are float32
}

// Maps are results over places, a row each.
type Maps struct {
	Name  string             // of the result: cv_score, weights
	Rows  Columns            // (maps x places)
	Label func(r int) string // names a row
	// Row fills dst with one row.
	Row func(ctx context.Context, r int, dst []float64) error
}

// Labels are labels at places: regions or networks.
type Labels struct {
	At    []int      // the place of each one's label in Table, -1 for none
	Table LabelTable // without 0
	Notes []string   // what a user should know, a line each
}

// Templates are networks on places, of which Load reads the values. Networks have unlike
// names; labels of one name are one network.
type Templates struct {
	Networks LabelTable
	Labels   bool // values are 1 inside and 0 outside
	Notes    []string

	path    string
	places  int
	reading int64 // bytes that are held while values are read
	// fill sets a row of zeros for each network.
	fill func(ctx context.Context, f Files, rows [][]float64) error
}

// Bytes is what Load takes: the values, and what is held while they are read.
func (t *Templates) Bytes() (values, reading int64) {
	return 8 * int64(len(t.Networks)) * int64(t.places), t.reading
}

// Load reads the values of every network in turn, one per place, NaN where the file does
// not reach.
func (t *Templates) Load(ctx context.Context, f Files) ([]float64, error) {
	need, _ := t.Bytes()
	if err := f.room(t.path, fmt.Sprintf("%d networks at %d places", len(t.Networks), t.places), need); err != nil {
		return nil, err
	}
	values := make([]float64, len(t.Networks)*t.places)
	rows := make([][]float64, len(t.Networks))
	for b := range rows {
		rows[b] = values[b*t.places : (b+1)*t.places]
	}
	return values, t.fill(ctx, f, rows)
}

// Numbered gives each place the number of its network, from 1, 0 for none, and the networks
// with these as keys: those of two files may mean unlike networks by one key.
func (t *Templates) Numbered(ctx context.Context, f Files) ([]float64, LabelTable, error) {
	values, err := t.Load(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	numbers, table := make([]float64, t.places), slices.Clone(t.Networks)
	for k := range table {
		table[k].Key = k + 1
		for v, x := range values[k*t.places : (k+1)*t.places] {
			if x == 1 {
				numbers[v] = float64(k + 1)
			}
		}
	}
	return numbers, table, nil
}

// asTemplates turns labels into maps of 0 and 1. reached says where the file
// reaches; nil for everywhere.
func (l *Labels) asTemplates(path string, reached []bool) *Templates {
	networks, of := l.Table.byName()
	t := &Templates{Networks: networks, Labels: true, Notes: l.Notes, path: path, places: len(l.At), reading: 9 * int64(len(l.At))}
	if n := len(l.Table) - len(networks); n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s: labels of one name are one network: %d labels are %d networks", path, len(l.Table), len(networks)))
	}
	t.fill = func(_ context.Context, _ Files, rows [][]float64) error {
		for v, at := range l.At {
			switch {
			case reached != nil && !reached[v]:
				for b := range rows {
					rows[b][v] = math.NaN()
				}
			case at >= 0:
				rows[of[at]][v] = 1
			}
		}
		return nil
	}
	return t
}

// byName merges labels of one name: the first of each, and for every label the
// place of its network.
func (t LabelTable) byName() (networks LabelTable, of []int) {
	place := map[string]int{}
	for _, l := range t {
		at, ok := place[l.Name]
		if !ok {
			at = len(networks)
			place[l.Name] = at
			networks = append(networks, l)
		}
		of = append(of, at)
	}
	return networks, of
}

// add appends a network that is a map. Two of one name are refused.
func (t *Templates) add(l Label) error {
	if slices.ContainsFunc(t.Networks, func(other Label) bool { return other.Name == l.Name }) {
		return inputErrorf(t.path, "has two maps that are called %q", l.Name)
	}
	t.Networks = append(t.Networks, l)
	return nil
}

// mapLabel names a template that is map r of its file: by the table, by the name in
// the file, or by its number.
func mapLabel(r int, name string, table LabelTable) Label {
	if l, ok := table.Find(r + 1); ok {
		return l
	}
	if name == "" {
		name = strconv.Itoa(r + 1)
	}
	return Label{Key: r + 1, Name: name, Color: grey}
}

// renamed gives labels the names and colours that a table has for them.
func (t LabelTable) renamed(table LabelTable) LabelTable {
	out := slices.Clone(t)
	for i, l := range out {
		if named, ok := table.Find(l.Key); ok {
			out[i] = named
		}
	}
	return out
}

// namedTable reads a table of labels if one is named.
func (f Files) namedTable(path string) (LabelTable, error) {
	if path == "" {
		return nil, nil
	}
	return f.LabelTable(path)
}
