package brain

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The XML of CIFTI-2 (nitrc.org/projects/cifti), as far as the dense kinds use
// it.
type xmlCifti struct {
	XMLName xml.Name      `xml:"CIFTI"`
	Version string        `xml:"Version,attr"`
	Maps    []xmlIndexMap `xml:"Matrix>MatrixIndicesMap"`
}

type xmlIndexMap struct {
	Dimension string        `xml:"AppliesToMatrixDimension,attr"`
	Type      string        `xml:"IndicesMapToDataType,attr"`
	Points    string        `xml:"NumberOfSeriesPoints,attr,omitempty"`
	Exponent  string        `xml:"SeriesExponent,attr,omitempty"`
	Start     string        `xml:"SeriesStart,attr,omitempty"`
	Step      string        `xml:"SeriesStep,attr,omitempty"`
	Unit      string        `xml:"SeriesUnit,attr,omitempty"`
	Named     []xmlNamedMap `xml:"NamedMap"`
	Volume    *xmlVolume    `xml:"Volume"`
	Models    []xmlModel    `xml:"BrainModel"`
}

type xmlNamedMap struct {
	Labels *xmlLabelTable `xml:"LabelTable"`
	Name   string         `xml:"MapName"`
}

type xmlLabelTable struct {
	Labels []xmlLabel `xml:"Label"`
}

type xmlLabel struct {
	Key   int     `xml:"Key,attr"`
	Red   float64 `xml:"Red,attr"`
	Green float64 `xml:"Green,attr"`
	Blue  float64 `xml:"Blue,attr"`
	Alpha float64 `xml:"Alpha,attr"`
	Name  string  `xml:",chardata"`
}

type xmlVolume struct {
	Dimensions string    `xml:"VolumeDimensions,attr"`
	Matrix     xmlMatrix `xml:"TransformationMatrixVoxelIndicesIJKtoXYZ"`
}

type xmlMatrix struct {
	Exponent int    `xml:"MeterExponent,attr"`
	Numbers  string `xml:",chardata"`
}

type xmlModel struct {
	Offset    int    `xml:"IndexOffset,attr"`
	Count     int    `xml:"IndexCount,attr"`
	Type      string `xml:"ModelType,attr"`
	Structure string `xml:"BrainStructure,attr"`
	Vertices  int    `xml:"SurfaceNumberOfVertices,attr,omitempty"`
	// At most one of the two is there.
	VertexIndices string `xml:"VertexIndices,omitempty"`
	VoxelIndices  string `xml:"VoxelIndicesIJK,omitempty"`
}

const (
	indexSeries  = "CIFTI_INDEX_TYPE_SERIES"
	indexScalars = "CIFTI_INDEX_TYPE_SCALARS"
	indexLabels  = "CIFTI_INDEX_TYPE_LABELS"
	indexBrain   = "CIFTI_INDEX_TYPE_BRAIN_MODELS"
	modelSurface = "CIFTI_MODEL_TYPE_SURFACE"
	modelVoxels  = "CIFTI_MODEL_TYPE_VOXELS"
)

func parseCiftiXML(b []byte) (*CiftiHeader, error) {
	var x xmlCifti
	if err := xml.Unmarshal(bytes.TrimRight(b, "\x00"), &x); err != nil {
		return nil, fmt.Errorf("CIFTI description: %w", err)
	}
	if x.Version != "2" && x.Version != "2.0" {
		return nil, fmt.Errorf("CIFTI version is %q, expected 2", x.Version)
	}
	if len(x.Maps) != 2 {
		var types []string
		for _, m := range x.Maps {
			types = append(types, m.Type+" (dimension "+m.Dimension+")")
		}
		return nil, fmt.Errorf("a CIFTI file of %d index maps: %s; expected dtseries, dscalar or dlabel, with one of rows and one of grayordinates",
			len(x.Maps), strings.Join(types, ", "))
	}
	rows, columns := x.Maps[0], x.Maps[1]
	if rows.Dimension == "1" {
		rows, columns = columns, rows
	}
	if rows.Dimension != "0" || columns.Dimension != "1" || columns.Type != indexBrain {
		return nil, fmt.Errorf("a CIFTI file of %s (dimension %s) by %s (dimension %s), expected dtseries, dscalar or dlabel",
			rows.Type, rows.Dimension, columns.Type, columns.Dimension)
	}
	h := &CiftiHeader{}
	if err := h.parseRows(&rows); err != nil {
		return nil, err
	}
	return h, h.parseModels(&columns)
}

func (h *CiftiHeader) parseRows(m *xmlIndexMap) (err error) {
	switch m.Type {
	case indexSeries:
		h.Kind = DenseSeries
		return h.parseSeries(m)
	case indexScalars:
		h.Kind = DenseScalar
	case indexLabels:
		h.Kind = DenseLabel
	default:
		return fmt.Errorf("rows of the CIFTI file are %s, expected series, scalars or labels", m.Type)
	}
	h.Rows = len(m.Named)
	for _, named := range m.Named {
		row := CiftiMap{Name: strings.TrimSpace(named.Name)}
		if h.Kind == DenseLabel {
			if named.Labels == nil {
				return fmt.Errorf("map %q has no label table", row.Name)
			}
			if row.Labels, err = named.Labels.table(); err != nil {
				return err
			}
		}
		h.Maps = append(h.Maps, row)
	}
	return nil
}

func (h *CiftiHeader) parseSeries(m *xmlIndexMap) error {
	points, err := strconv.Atoi(m.Points)
	if err != nil || points < 1 {
		return fmt.Errorf("NumberOfSeriesPoints is %q, expected a positive number", m.Points)
	}
	start, err1 := strconv.ParseFloat(m.Start, 64)
	step, err2 := strconv.ParseFloat(m.Step, 64)
	exponent, err3 := strconv.Atoi(m.Exponent)
	if err := errors.Join(err1, err2, err3); err != nil || !finite(start) || !finite(step) {
		return fmt.Errorf("series starts at %q in steps of %q e%s, expected numbers", m.Start, m.Step, m.Exponent)
	}
	h.Rows, h.Unit = points, m.Unit
	if h.Start, err1 = shifted(start, 64, exponent); err1 == nil {
		h.Step, err1 = shifted(step, 64, exponent)
	}
	return err1
}

// shifted returns x times 10 to the power of e in decimals: 720 and -3 are 0.72,
// not a product of roundings. bits is the precision that x was stored in.
func shifted(x float64, bits, e int) (float64, error) {
	return strconv.ParseFloat(strconv.FormatFloat(x, 'f', -1, bits)+"e"+strconv.Itoa(e), 64)
}

func (t *xmlLabelTable) table() (LabelTable, error) {
	var table LabelTable
	for _, l := range t.Labels {
		label := Label{Key: l.Key, Name: strings.TrimSpace(l.Name)}
		for i, x := range []float64{l.Red, l.Green, l.Blue, l.Alpha} {
			label.Color[i] = uint8(math.Round(255 * min(max(x, 0), 1)))
		}
		table = append(table, label)
	}
	return table.sorted()
}

func (h *CiftiHeader) parseModels(m *xmlIndexMap) error {
	slices.SortStableFunc(m.Models, func(a, b xmlModel) int { return a.Offset - b.Offset })
	offset := 0
	for i := range m.Models {
		x := &m.Models[i]
		if x.Offset != offset || x.Count < 1 {
			return fmt.Errorf("%s begins at %d with %d grayordinates, expected the first at %d", x.Structure, x.Offset, x.Count, offset)
		}
		model, err := x.model()
		if err != nil {
			return err
		}
		h.Models = append(h.Models, model)
		offset += x.Count
	}
	if offset == 0 {
		return errors.New("no brain models, expected at least one")
	}
	return h.parseVolume(m.Volume)
}

func (x *xmlModel) model() (BrainModel, error) {
	m := BrainModel{Structure: x.Structure}
	switch x.Type {
	case modelSurface:
		indices, err := parseInts(x.VertexIndices, x.Count, x.Structure)
		if err != nil {
			return m, err
		}
		for _, v := range indices {
			if int(v) >= x.Vertices {
				return m, fmt.Errorf("%s has vertex %d, expected less than %d", x.Structure, v, x.Vertices)
			}
		}
		m.SurfaceVertices, m.Vertices = x.Vertices, indices
		return m, nil
	case modelVoxels:
		if x.Count > maxVoxels {
			return m, fmt.Errorf("%s has %d voxels, expected at most %d", x.Structure, x.Count, maxVoxels)
		}
		indices, err := parseInts(x.VoxelIndices, 3*x.Count, x.Structure)
		for i := 0; i+3 <= len(indices); i += 3 {
			m.Voxels = append(m.Voxels, [3]int32(indices[i:i+3]))
		}
		return m, err
	}
	return m, fmt.Errorf("%s is of type %s, expected surface or voxels", x.Structure, x.Type)
}

// parseInts reads n numbers of at least 0 separated by white space.
func parseInts(s string, n int, what string) ([]int32, error) {
	// A number takes two characters, so a text bounds how many are worth room.
	out := make([]int32, 0, min(n, len(s)/2+1))
	for field := range strings.FieldsSeq(s) {
		x, err := strconv.ParseInt(field, 10, 32)
		if err != nil || x < 0 {
			return nil, fmt.Errorf("%s has index %q, expected a number of at least 0", what, field)
		}
		out = append(out, int32(x))
	}
	if len(out) != n {
		return nil, fmt.Errorf("%s has %d indices, expected %d", what, len(out), n)
	}
	return out, nil
}

func (h *CiftiHeader) parseVolume(v *xmlVolume) error {
	hasVoxels := slices.ContainsFunc(h.Models, func(m BrainModel) bool { return m.SurfaceVertices == 0 })
	if v == nil {
		if hasVoxels {
			return errors.New("models of voxels without a volume")
		}
		return nil
	}
	g := &Grid{}
	dims, err := parseInts(strings.ReplaceAll(v.Dimensions, ",", " "), 3, "VolumeDimensions")
	if err != nil {
		return err
	}
	for i, n := range dims {
		if g.Dims[i] = int(n); n < 1 {
			return fmt.Errorf("VolumeDimensions are %s, expected positive numbers", v.Dimensions)
		}
	}
	numbers := strings.Fields(v.Matrix.Numbers)
	if len(numbers) != 16 {
		return fmt.Errorf("the volume's matrix has %d numbers, expected 16", len(numbers))
	}
	for i, s := range numbers {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !finite(x) {
			return fmt.Errorf("the volume's matrix holds %q, expected numbers", s)
		}
		if i < 12 {
			x *= math.Pow10(v.Matrix.Exponent + 3) // to millimetres
		}
		g.Affine[i/4][i%4] = x
	}
	for _, m := range h.Models {
		for _, p := range m.Voxels {
			for axis, n := range p {
				if int(n) >= g.Dims[axis] {
					return fmt.Errorf("%s has voxel %v, outside %s", m.Structure, p, dimString(g.Dims))
				}
			}
		}
	}
	h.Grid = g
	return nil
}

// xml returns the description of the header.
func (h *CiftiHeader) xml() *xmlCifti {
	rows := xmlIndexMap{Dimension: "0"}
	switch h.Kind {
	case DenseSeries:
		rows.Type, rows.Points, rows.Exponent = indexSeries, strconv.Itoa(h.Rows), "0"
		rows.Start, rows.Step, rows.Unit = decimal(h.Start), decimal(h.Step), h.Unit
		if rows.Unit == "" {
			rows.Unit = "SECOND"
		}
	case DenseScalar:
		rows.Type = indexScalars
	case DenseLabel:
		rows.Type = indexLabels
	}
	for _, m := range h.Maps {
		named := xmlNamedMap{Name: m.Name}
		if h.Kind == DenseLabel {
			named.Labels = m.Labels.xml()
		}
		rows.Named = append(rows.Named, named)
	}
	columns := xmlIndexMap{Dimension: "1", Type: indexBrain}
	if h.Grid != nil {
		columns.Volume = h.Grid.xml()
	}
	offset := 0
	for i := range h.Models {
		columns.Models = append(columns.Models, h.Models[i].xml(offset))
		offset += h.Models[i].Len()
	}
	return &xmlCifti{Version: "2", Maps: []xmlIndexMap{rows, columns}}
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func (t LabelTable) xml() *xmlLabelTable {
	out := &xmlLabelTable{}
	for _, l := range t {
		unit := func(c uint8) float64 { return float64(c) / 255 }
		out.Labels = append(out.Labels, xmlLabel{l.Key, unit(l.Color[0]), unit(l.Color[1]), unit(l.Color[2]), unit(l.Color[3]), l.Name})
	}
	return out
}

func (g *Grid) xml() *xmlVolume {
	v := &xmlVolume{Dimensions: fmt.Sprintf("%d,%d,%d", g.Dims[0], g.Dims[1], g.Dims[2])}
	v.Matrix.Exponent = -3
	var rows []string
	for _, r := range g.Affine {
		rows = append(rows, strings.Join([]string{decimal(r[0]), decimal(r[1]), decimal(r[2]), decimal(r[3])}, " "))
	}
	v.Matrix.Numbers = strings.Join(rows, "\n")
	return v
}

func (m *BrainModel) xml(offset int) xmlModel {
	x := xmlModel{Offset: offset, Count: m.Len(), Type: modelVoxels, Structure: m.Structure, Vertices: m.SurfaceVertices}
	var b []byte
	if m.SurfaceVertices > 0 {
		x.Type = modelSurface
		for _, v := range m.Vertices {
			b = append(strconv.AppendInt(b, int64(v), 10), ' ')
		}
		x.VertexIndices = string(bytes.TrimSpace(b))
		return x
	}
	for _, p := range m.Voxels {
		b = fmt.Appendf(b, "%d %d %d\n", p[0], p[1], p[2])
	}
	x.VoxelIndices = string(bytes.TrimSpace(b))
	return x
}
