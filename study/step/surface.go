package step

import (
	"context"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"voxen/brain"
)

// SurfacePlaces are the vertices of one or two hemispheres, side by side.
type SurfacePlaces struct {
	Hemispheres []Hemisphere
}

// Hemisphere is a surface of which a GIFTI file holds data.
type Hemisphere struct {
	Path      string
	Vertices  int
	Structure string // such as CortexLeft; empty if the file does not say
	Mark      string // what the name of a result's file says of it
}

// Kind is "surfaces".
func (p *SurfacePlaces) Kind() string { return "surfaces" }

// Write stores a result as GIFTI, a file per hemisphere with an array per row.
func (p *SurfacePlaces) Write(ctx context.Context, w *MapWriter, m Maps) error {
	at := 0
	for _, h := range p.Hemispheres {
		path, err := w.Job.Path(m.Name + h.Mark + ".func.gii")
		if err != nil {
			return err
		}
		g := &brain.Gifti{}
		if h.Structure != "" {
			g.Meta = map[string]string{structureKey: h.Structure}
		}
		values := make([]float64, m.Rows.Rows()*h.Vertices)
		if err := m.Rows.ReadFloat64(ctx, at, at+h.Vertices, values, h.Vertices); err != nil {
			return err
		}
		at += h.Vertices
		for r := range m.Rows.Rows() { // GIFTI has no doubles
			a, err := brain.NewGiftiArray(brain.IntentNone, brain.Float32, []int{h.Vertices}, values[r*h.Vertices:(r+1)*h.Vertices])
			if err != nil {
				return err
			}
			a.Meta = map[string]string{"Name": m.Label(r)}
			g.Arrays = append(g.Arrays, a)
		}
		if err := g.Write(path); err != nil {
			return err
		}
	}
	return nil
}

// Regions reads a label file per hemisphere, separated by a comma as the data's.
func (p *SurfacePlaces) Regions(_ context.Context, path string) ([]int, brain.LabelTable, error) {
	files, err := p.Files(path, "an atlas", ".label.gii")
	if err != nil {
		return nil, nil, err
	}
	var region []int
	var table brain.LabelTable
	for i, file := range files {
		h := p.Hemispheres[i]
		g, err := h.Open(file)
		if err != nil {
			return nil, nil, err
		}
		labels, names, err := h.Labels(g)
		if err != nil {
			return nil, nil, err
		}
		for _, at := range labels {
			if at >= 0 {
				at += len(table)
			}
			region = append(region, at)
		}
		for _, l := range names {
			if len(files) > 1 {
				l.Name = strings.TrimPrefix(h.Mark, "_") + " " + l.Name
			}
			table = append(table, l)
		}
	}
	return region, table, nil
}

// Files splits the name of what lies on the same surfaces, a file for each.
func (p *SurfacePlaces) Files(path, what, ending string) ([]string, error) {
	files := HemispheresOf(path)
	if len(files) != len(p.Hemispheres) {
		return nil, BadInput(path, "is %s of %d surfaces, expected %d: a %s for each, separated by a comma", what, len(files), len(p.Hemispheres), ending)
	}
	return files, nil
}

// Open reads a GIFTI file that lies on the hemisphere.
func (h *Hemisphere) Open(path string) (*brain.Gifti, error) {
	g, err := brain.ReadGifti(path, MaxAtlas)
	if err != nil {
		return nil, err
	}
	return g, h.Same(path, g)
}

// Same refuses a file that says it is of another hemisphere: both sides may have
// as many vertices.
func (h *Hemisphere) Same(path string, g *brain.Gifti) error {
	other := NewHemisphere(path, g, 0, 0, 1)
	if h.Structure != "" && other.Structure != "" && h.Structure != other.Structure {
		return BadInput(path, "is of %s, expected %s as %s", other.Structure, h.Structure, h.Path)
	}
	return nil
}

// Labels gives the place of each vertex's label in the table of those that are not 0,
// -1 for 0.
func (h *Hemisphere) Labels(g *brain.Gifti) ([]int, brain.LabelTable, error) {
	a := g.Find(brain.IntentLabel)
	if a == nil || a.Len() != h.Vertices {
		return nil, nil, BadInput(g.Path, "has no labels of %d vertices, as %s has", h.Vertices, h.Path)
	}
	place := map[int]int{0: -1}
	var table brain.LabelTable
	for _, l := range g.Labels {
		if l.Key != 0 {
			place[l.Key] = len(table)
			table = append(table, l)
		}
	}
	region := make([]int, h.Vertices)
	for v, x := range a.Float64s() {
		at, ok := place[int(x)]
		if !ok {
			return nil, nil, BadInput(g.Path, "has label %g at vertex %d, which its table does not name", x, v)
		}
		region[v] = at
	}
	return region, table, nil
}

// MaxAtlas bounds the bytes of a label file's arrays.
const MaxAtlas = 1 << 30

// structureKey is the GIFTI metadata that names a hemisphere.
const structureKey = "AnatomicalStructurePrimary"

var hemiEntity = regexp.MustCompile(`(?:^|_)hemi-(L|R)(?:[_.]|$)`)

// SideOf is the hemisphere, L or R, that a BIDS name says; "" if it says none.
func SideOf(path string) string {
	m := hemiEntity.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return ""
	}
	return m[1]
}

// NewHemisphere describes a surface by its file: the metadata, or what BIDS has
// in the name.
func NewHemisphere(path string, g *brain.Gifti, vertices, index, of int) Hemisphere {
	h := Hemisphere{Path: path, Vertices: vertices, Structure: g.Meta[structureKey]}
	for i := range g.Arrays {
		if s := g.Arrays[i].Meta[structureKey]; h.Structure == "" && s != "" {
			h.Structure = s
		}
	}
	side := SideOf(path)
	if side == "" && strings.HasSuffix(h.Structure, "Left") {
		side = "L"
	} else if side == "" && strings.HasSuffix(h.Structure, "Right") {
		side = "R"
	}
	switch {
	case side != "":
		h.Mark = "_hemi-" + side
		if h.Structure == "" {
			h.Structure = map[string]string{"L": "CortexLeft", "R": "CortexRight"}[side]
		}
	case of > 1:
		h.Mark = "_" + strconv.Itoa(index+1)
	}
	return h
}

// Same refuses surfaces that are not those of an earlier run.
func (p *SurfacePlaces) Same(first *SurfacePlaces) error {
	if len(p.Hemispheres) != len(first.Hemispheres) {
		return BadInput(p.Hemispheres[0].Path, "is one of %d hemispheres, expected %d as with %s", len(p.Hemispheres), len(first.Hemispheres), first.Hemispheres[0].Path)
	}
	for i, h := range p.Hemispheres {
		f := first.Hemispheres[i]
		if h.Vertices != f.Vertices || h.Structure != f.Structure {
			return BadInput(h.Path, "has %d vertices of %q, %s has %d of %q", h.Vertices, h.Structure, f.Path, f.Vertices, f.Structure)
		}
	}
	return nil
}

// HemispheresOf splits the name of a run's data at a comma if both parts are
// GIFTI files.
func HemispheresOf(path string) []string {
	parts := strings.Split(path, ",")
	for _, p := range parts {
		if !strings.HasSuffix(p, ".gii") {
			return []string{path}
		}
	}
	return parts
}
