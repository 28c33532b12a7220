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
	// Templates reads labels or maps of networks on these places.
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

// Templates are networks on places: values of each, one per place, NaN where the
// file does not reach. Networks have unlike names; labels of one name are one
// network.
type Templates struct {
	Networks LabelTable
	Labels   bool // values are 1 inside and 0 outside
	Values   [][]float64
	Notes    []string
}

// bounded refuses templates that take more memory than is allowed.
func (f Files) templatesRoom(path string, networks, places int) error {
	return f.room(path, fmt.Sprintf("%d networks at %d places", networks, places), 8*int64(networks)*int64(places))
}

// asTemplates turns labels into maps of 0 and 1. reached says where the file
// reaches; nil for everywhere.
func (l *Labels) asTemplates(f Files, path string, reached []bool) (*Templates, error) {
	networks, of := l.Table.byName()
	if err := f.templatesRoom(path, len(networks), len(l.At)); err != nil {
		return nil, err
	}
	t := &Templates{Networks: networks, Labels: true, Notes: l.Notes}
	if n := len(l.Table) - len(networks); n > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%s: labels of one name are one network: %d labels are %d networks", path, len(l.Table), len(networks)))
	}
	for range networks {
		t.Values = append(t.Values, make([]float64, len(l.At)))
	}
	for v, at := range l.At {
		switch {
		case reached != nil && !reached[v]:
			for b := range t.Values {
				t.Values[b][v] = math.NaN()
			}
		case at >= 0:
			t.Values[of[at]][v] = 1
		}
	}
	return t, nil
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
func (t *Templates) add(path string, l Label, values []float64) error {
	if slices.ContainsFunc(t.Networks, func(other Label) bool { return other.Name == l.Name }) {
		return inputErrorf(path, "has two maps that are called %q", l.Name)
	}
	t.Networks, t.Values = append(t.Networks, l), append(t.Values, values)
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
