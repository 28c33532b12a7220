package study

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gorgonia.org/tensor"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/store"
)

// places says where in the brain the columns of responses lie: in voxels of a
// grid, grayordinates of a CIFTI file or vertices of surfaces.
type places interface {
	// kind names the sort of file, for refusals.
	kind() string
	// write stores one result as images of the same sort.
	write(ctx context.Context, w *mapWriter, m maps) error
	// regions gives the region of each column in an atlas, -1 for none.
	regions(ctx context.Context, path string) ([]int, brain.LabelTable, error)
}

// maps are results over places, a row each.
type maps struct {
	name  string // of the result: cv_score, weights
	rows  brain.Columns
	label func(r int) string // names a row
	// row fills dst with one row.
	row func(ctx context.Context, r int, dst []float64) error
}

// mapWriter is where images of results go.
type mapWriter struct {
	job       *store.Job
	fsys      store.FS
	precision tensor.Dtype
}

// datatype is how values are stored in images.
func (w *mapWriter) datatype() brain.Datatype {
	if w.precision == op.Float64 {
		return brain.Float64
	}
	return brain.Float32
}

// volumePlaces are voxels of a mask.
type volumePlaces struct {
	path   string
	mask   *brain.Mask
	header *brain.Header // of the first image
}

func (p *volumePlaces) kind() string { return "volumes" }

// writeMask stores the mask beside the results. Steps do it before they compute,
// so that --mask mask.nii.gz --out . is refused at once.
func (p *volumePlaces) writeMask(ctx context.Context, job *store.Job) error {
	path, err := job.Path("mask.nii.gz")
	if err != nil {
		return err
	}
	return p.mask.Write(ctx, path)
}

func (p *volumePlaces) write(ctx context.Context, w *mapWriter, m maps) error {
	path, err := w.job.Path(m.name + ".nii.gz")
	if err != nil {
		return err
	}
	row := func(r int, dst []float64) error { return m.row(ctx, r, dst) }
	return brain.WriteMaps(ctx, path, p.mask, m.rows.Rows(), row, brain.MapOptions{Datatype: w.datatype(), Template: p.header, FS: w.fsys})
}

func (p *volumePlaces) regions(ctx context.Context, path string) ([]int, brain.LabelTable, error) {
	if err := brain.SameSpace(path, p.path); err != nil {
		return nil, nil, err
	}
	atlas, err := brain.LoadAtlas(ctx, path, "")
	if err != nil {
		return nil, nil, err
	}
	region, err := atlas.OnMask(p.mask)
	return region, atlas.Labels, err
}

// ciftiPlaces are the grayordinates of a CIFTI-2 file.
type ciftiPlaces struct {
	path   string
	header brain.CiftiHeader
}

func (p *ciftiPlaces) kind() string { return "CIFTI files" }

func (p *ciftiPlaces) write(ctx context.Context, w *mapWriter, m maps) error {
	path, err := w.job.Path(m.name + ".dscalar.nii")
	if err != nil {
		return err
	}
	h := brain.CiftiHeader{Kind: brain.DenseScalar, Rows: m.rows.Rows(), Models: p.header.Models, Grid: p.header.Grid}
	for r := range h.Rows {
		h.Maps = append(h.Maps, brain.CiftiMap{Name: m.label(r)})
	}
	return brain.WriteCifti(ctx, path, &h, m.rows)
}

func (p *ciftiPlaces) regions(ctx context.Context, path string) ([]int, brain.LabelTable, error) {
	c, err := brain.OpenCifti(path)
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	labels, table, err := c.CiftiLabels(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	at := p.header.Match(&c.CiftiHeader)
	found := false
	for v, from := range at {
		if from >= 0 {
			at[v] = labels[from]
			found = true
		}
	}
	if !found {
		return nil, nil, input(path, "has no grayordinate of %s", p.path)
	}
	return at, table, nil
}

// surfacePlaces are the vertices of one or two hemispheres, side by side.
type surfacePlaces struct {
	hemispheres []hemisphere
}

// hemisphere is a surface of which a GIFTI file holds data.
type hemisphere struct {
	path      string
	vertices  int
	structure string // such as CortexLeft; empty if the file does not say
	mark      string // what the name of a result's file says of it
}

func (p *surfacePlaces) kind() string { return "surfaces" }

func (p *surfacePlaces) write(ctx context.Context, w *mapWriter, m maps) error {
	at := 0
	for _, h := range p.hemispheres {
		path, err := w.job.Path(m.name + h.mark + ".func.gii")
		if err != nil {
			return err
		}
		g := &brain.Gifti{}
		if h.structure != "" {
			g.Meta = map[string]string{structureKey: h.structure}
		}
		values := make([]float64, m.rows.Rows()*h.vertices)
		if err := m.rows.ReadFloat64(ctx, at, at+h.vertices, values, h.vertices); err != nil {
			return err
		}
		at += h.vertices
		for r := range m.rows.Rows() { // GIFTI has no doubles
			a, err := brain.NewGiftiArray(brain.IntentNone, brain.Float32, []int{h.vertices}, values[r*h.vertices:(r+1)*h.vertices])
			if err != nil {
				return err
			}
			a.Meta = map[string]string{"Name": m.label(r)}
			g.Arrays = append(g.Arrays, a)
		}
		if err := g.Write(path); err != nil {
			return err
		}
	}
	return nil
}

// regions reads a label file per hemisphere, separated by a comma as the data's.
func (p *surfacePlaces) regions(_ context.Context, path string) ([]int, brain.LabelTable, error) {
	files, err := p.files(path, "an atlas", ".label.gii")
	if err != nil {
		return nil, nil, err
	}
	var region []int
	var table brain.LabelTable
	for i, file := range files {
		h := p.hemispheres[i]
		g, err := h.open(file)
		if err != nil {
			return nil, nil, err
		}
		labels, names, err := h.labels(g)
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
				l.Name = strings.TrimPrefix(h.mark, "_") + " " + l.Name
			}
			table = append(table, l)
		}
	}
	return region, table, nil
}

// files splits the name of what lies on the same surfaces, a file for each.
func (p *surfacePlaces) files(path, what, ending string) ([]string, error) {
	files := hemispheresOf(path)
	if len(files) != len(p.hemispheres) {
		return nil, input(path, "is %s of %d surfaces, expected %d: a %s for each, separated by a comma", what, len(files), len(p.hemispheres), ending)
	}
	return files, nil
}

// open reads a GIFTI file that lies on the hemisphere.
func (h *hemisphere) open(path string) (*brain.Gifti, error) {
	g, err := brain.ReadGifti(path, maxAtlas)
	if err != nil {
		return nil, err
	}
	return g, h.same(path, g)
}

// same refuses a file that says it is of another hemisphere: both sides may have
// as many vertices.
func (h *hemisphere) same(path string, g *brain.Gifti) error {
	other := newHemisphere(path, g, 0, 0, 1)
	if h.structure != "" && other.structure != "" && h.structure != other.structure {
		return input(path, "is of %s, expected %s as %s", other.structure, h.structure, h.path)
	}
	return nil
}

// labels gives the place of each vertex's label in the table of those that are not 0,
// -1 for 0.
func (h *hemisphere) labels(g *brain.Gifti) ([]int, brain.LabelTable, error) {
	a := g.Find(brain.IntentLabel)
	if a == nil || a.Len() != h.vertices {
		return nil, nil, input(g.Path, "has no labels of %d vertices, as %s has", h.vertices, h.path)
	}
	place := map[int]int{0: -1}
	var table brain.LabelTable
	for _, l := range g.Labels {
		if l.Key != 0 {
			place[l.Key] = len(table)
			table = append(table, l)
		}
	}
	region := make([]int, h.vertices)
	for v, x := range a.Float64s() {
		at, ok := place[int(x)]
		if !ok {
			return nil, nil, input(g.Path, "has label %g at vertex %d, which its table does not name", x, v)
		}
		region[v] = at
	}
	return region, table, nil
}

// maxAtlas bounds the bytes of a label file's arrays.
const maxAtlas = 1 << 30

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

// newHemisphere describes a surface by its file: the metadata, or what BIDS has
// in the name.
func newHemisphere(path string, g *brain.Gifti, vertices, index, of int) hemisphere {
	h := hemisphere{path: path, vertices: vertices, structure: g.Meta[structureKey]}
	for i := range g.Arrays {
		if s := g.Arrays[i].Meta[structureKey]; h.structure == "" && s != "" {
			h.structure = s
		}
	}
	side := sideOf(path)
	if side == "" && strings.HasSuffix(h.structure, "Left") {
		side = "L"
	} else if side == "" && strings.HasSuffix(h.structure, "Right") {
		side = "R"
	}
	switch {
	case side != "":
		h.mark = "_hemi-" + side
		if h.structure == "" {
			h.structure = map[string]string{"L": "CortexLeft", "R": "CortexRight"}[side]
		}
	case of > 1:
		h.mark = "_" + strconv.Itoa(index+1)
	}
	return h
}

// same refuses surfaces that are not those of an earlier run.
func (p *surfacePlaces) same(first *surfacePlaces) error {
	if len(p.hemispheres) != len(first.hemispheres) {
		return input(p.hemispheres[0].path, "is one of %d hemispheres, expected %d as with %s", len(p.hemispheres), len(first.hemispheres), first.hemispheres[0].path)
	}
	for i, h := range p.hemispheres {
		f := first.hemispheres[i]
		if h.vertices != f.vertices || h.structure != f.structure {
			return input(h.path, "has %d vertices of %q, %s has %d of %q", h.vertices, h.structure, f.path, f.vertices, f.structure)
		}
	}
	return nil
}

// hemispheresOf splits the name of a run's data at a comma if both parts are
// GIFTI files.
func hemispheresOf(path string) []string {
	parts := strings.Split(path, ",")
	for _, p := range parts {
		if !strings.HasSuffix(p, ".gii") {
			return []string{path}
		}
	}
	return parts
}

// painted shows results per region at the places of each region.
type painted struct {
	rows, regions int
	values        []float64 // (rows x regions)
	region        []int
}

// paint loads results per region.
func paint(ctx context.Context, src brain.Columns, region []int) (*painted, error) {
	p := &painted{rows: src.Rows(), regions: src.Cols(), region: region}
	p.values = make([]float64, p.rows*p.regions)
	return p, src.ReadFloat64(ctx, 0, p.regions, p.values, p.regions)
}

func (p *painted) Rows() int { return p.rows }
func (p *painted) Cols() int { return len(p.region) }

func (p *painted) at(r, v int) float64 {
	if p.region[v] < 0 {
		return math.NaN()
	}
	return p.values[r*p.regions+p.region[v]]
}

func (p *painted) ReadFloat32(_ context.Context, lo, hi int, dst []float32, stride int) error {
	for r := range p.rows {
		for v := lo; v < hi; v++ {
			dst[r*stride+v-lo] = float32(p.at(r, v))
		}
	}
	return nil
}

func (p *painted) ReadFloat64(_ context.Context, lo, hi int, dst []float64, stride int) error {
	for r := range p.rows {
		for v := lo; v < hi; v++ {
			dst[r*stride+v-lo] = p.at(r, v)
		}
	}
	return nil
}

func (p *painted) row(_ context.Context, r int, dst []float64) error {
	for v := range dst {
		dst[v] = p.at(r, v)
	}
	return nil
}

// storedMaps opens a result that has been written as .npy; a vector is one row.
func storedMaps(fsys store.FS, path string, rows int) (store.Array, maps, error) {
	a, err := store.OpenNpy(fsys, path)
	if err != nil {
		return nil, maps{}, err
	}
	flat := a.AsRow()
	m := maps{rows: a, row: func(ctx context.Context, r int, dst []float64) error {
		return flat.ReadFloat64(ctx, r*len(dst), (r+1)*len(dst), dst, len(dst))
	}}
	if a.Rows() != rows {
		if rows != 1 {
			a.Close()
			return nil, maps{}, fmt.Errorf("%s: %d rows, expected %d", path, a.Rows(), rows)
		}
		m.rows = flat
	}
	return a, m, nil
}
