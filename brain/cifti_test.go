package brain

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"voxen/engine/tile"
)

var (
	_ tile.Source = (*Cifti)(nil)
	_ tile.Source = (Image)(nil)
)

type goldenSurface struct {
	Cifti  map[string][][]float64
	Func   [][]float64
	Shape  [][]*float64 // nil: NaN
	Points [][3]float64
	Faces  [][3]int
	Keys   []float64
}

func surface(name string) string { return filepath.Join(goldenDir, "surface", name) }

func loadSurface(t *testing.T) (g goldenSurface) {
	readGolden(t, "surface.json", &g)
	return g
}

// readColumns reads all of a Source in blocks of the given width.
func readColumns(t *testing.T, src Columns, width int) [][]float64 {
	t.Helper()
	out := make([][]float64, src.Rows())
	for lo := 0; lo < src.Cols(); lo += width {
		hi := min(lo+width, src.Cols())
		block, single := make([]float64, src.Rows()*(width+1)), make([]float32, src.Rows()*(width+1))
		if err := src.ReadFloat64(ctx, lo, hi, block, width+1); err != nil {
			t.Fatal(err)
		}
		if err := src.ReadFloat32(ctx, lo, hi, single, width+1); err != nil {
			t.Fatal(err)
		}
		for r := range out {
			out[r] = append(out[r], block[r*(width+1):r*(width+1)+hi-lo]...)
			for v := range hi - lo {
				if single[r*(width+1)+v] != float32(block[r*(width+1)+v]) {
					t.Fatalf("row %d column %d differs in float32", r, lo+v)
				}
			}
		}
	}
	return out
}

// Values, axes and labels are those of the files that nibabel wrote.
func TestCiftiAsNibabel(t *testing.T) {
	models := []BrainModel{
		{Structure: "CIFTI_STRUCTURE_CORTEX_LEFT", SurfaceVertices: 10, Vertices: []int32{0, 1, 3, 5, 8}},
		{Structure: "CIFTI_STRUCTURE_CORTEX_RIGHT", SurfaceVertices: 10, Vertices: []int32{2, 3, 9}},
		{Structure: "CIFTI_STRUCTURE_THALAMUS_LEFT", Voxels: [][3]int32{{1, 2, 3}, {4, 0, 3}}},
	}
	grid := &Grid{Dims: [3]int{5, 6, 7}, Affine: Affine{{-2, 0, 0, 90}, {0, 2, 0, -126}, {0, 0, 2, -72}, {0, 0, 0, 1}}}
	table := LabelTable{{0, "???", [4]uint8{255, 255, 255, 0}}, {3, "Visual", [4]uint8{128, 0, 255, 255}}, {7, "Défaut & <co>", [4]uint8{0, 255, 0, 255}}}
	other := LabelTable{{0, "???", [4]uint8{}}, {3, "X", [4]uint8{255, 0, 0, 255}}}
	want := map[string]CiftiHeader{
		"series.dtseries.nii":       {Kind: DenseSeries, Rows: 4, Start: 1.5, Step: 0.72, Unit: "SECOND"},
		"series_int16.dtseries.nii": {Kind: DenseSeries, Rows: 4, Step: 2, Unit: "SECOND"},
		"maps.dscalar.nii":          {Kind: DenseScalar, Rows: 2, Maps: []CiftiMap{{Name: "one"}, {Name: "two"}}},
		"labels.dlabel.nii":         {Kind: DenseLabel, Rows: 2, Maps: []CiftiMap{{"a", table}, {"b", other}}},
	}
	for name, data := range loadSurface(t).Cifti {
		c, err := disk.Cifti(surface(name))
		if err != nil {
			t.Fatal(err)
		}
		h := want[name]
		h.Models, h.Grid = models, grid
		if !reflect.DeepEqual(c.CiftiHeader, h) {
			t.Errorf("%s: %+v, want %+v", name, c.CiftiHeader, h)
		}
		for _, width := range []int{1, 3, 10} {
			for r, row := range readColumns(t, c, width) {
				if d := maxAbs(row, data[r]); d != 0 {
					t.Errorf("%s width %d row %d differs by %g", name, width, r, d)
				}
			}
		}
		if row, err := c.Map(ctx, 1); err != nil || maxAbs(row, data[1]) != 0 {
			t.Errorf("%s: map 1 is %v (%v)", name, row, err)
		}
		if _, err := c.Map(ctx, h.Rows); err == nil {
			t.Errorf("%s: read a map beyond the last", name)
		}
		if err := c.ReadFloat64(ctx, 5, 11, make([]float64, 100), 10); err == nil {
			t.Errorf("%s: read beyond the last column", name)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What is written reads back equal: header and values.
func TestCiftiRoundTrip(t *testing.T) {
	for name := range loadSurface(t).Cifti {
		c, err := disk.Cifti(surface(name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := disk.WriteCifti(ctx, path, &c.CiftiHeader, c); err != nil {
			t.Fatal(err)
		}
		back, err := disk.Cifti(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back.CiftiHeader, c.CiftiHeader) {
			t.Errorf("%s: %+v, want %+v", name, back.CiftiHeader, c.CiftiHeader)
		}
		want := readColumns(t, c, 4)
		for r, row := range readColumns(t, back, 10) {
			for v, x := range row {
				if x != float64(float32(want[r][v])) {
					t.Errorf("%s: row %d column %d is %g, want %g in float32", name, r, v, x, want[r][v])
				}
			}
		}
		wrong := CiftiHeader{Kind: c.Kind, Rows: 99, Models: c.Models}
		if err := disk.WriteCifti(ctx, path, &wrong, c); err == nil {
			t.Errorf("%s: wrote %d rows as 99", name, c.Rows())
		}
		if err := disk.WriteCifti(ctx, filepath.Join(t.TempDir(), "x.nii"), &c.CiftiHeader, c); err == nil {
			t.Errorf("%s: wrote under another ending", name)
		}
		wrong = c.CiftiHeader
		wrong.Grid = nil
		if err := disk.WriteCifti(ctx, path, &wrong, c); err == nil {
			t.Errorf("%s: wrote voxels without a volume", name)
		}
	}
}

// The shipped networks: 59,412 cortical vertices, seven names.
func TestCiftiYeo(t *testing.T) {
	c, err := disk.Cifti(networks + "yeo7_space-fsLR_den-32k.dlabel.nii")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	labels, table, err := c.CiftiLabels(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(labels) != 59412 || len(table) != 7 || table[6].Name != "Default" {
		t.Errorf("%d grayordinates, labels %v", len(labels), table)
	}
	tsv, err := disk.LabelTable(networks + "yeo7.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range tsv {
		if l != table[i] {
			t.Errorf("table has %v, file %v", l, table[i])
		}
	}
	counts := make([]int, 8)
	for _, k := range labels {
		counts[k+1]++
	}
	for k, n := range counts[1:] {
		if n < 2000 || n > 20000 {
			t.Errorf("%s has %d vertices", table[k].Name, n)
		}
	}
}

func TestCiftiMatch(t *testing.T) {
	g := &Grid{Dims: [3]int{4, 4, 4}, Affine: Affine{{2, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 2, 0}, {0, 0, 0, 1}}}
	from := CiftiHeader{Grid: g, Models: []BrainModel{
		{Structure: "R", SurfaceVertices: 9, Vertices: []int32{4, 2}},
		{Structure: "L", SurfaceVertices: 9, Vertices: []int32{0, 1, 2}},
		{Structure: "T", Voxels: [][3]int32{{1, 1, 1}, {2, 2, 2}}}}}
	to := CiftiHeader{Grid: g, Models: []BrainModel{
		{Structure: "L", SurfaceVertices: 9, Vertices: []int32{2, 5, 0}},
		{Structure: "R", SurfaceVertices: 8, Vertices: []int32{4}},
		{Structure: "T", Voxels: [][3]int32{{2, 2, 2}, {0, 0, 0}}}}}
	if got, want := to.Match(&from), []int{4, -1, 2, -1, 6, -1}; !reflect.DeepEqual(got, want) {
		t.Errorf("places %v, want %v", got, want)
	}
	moved := *g
	moved.Affine[0][3] = 1
	to.Grid = &moved
	if got, want := to.Match(&from), []int{4, -1, 2, -1, -1, -1}; !reflect.DeepEqual(got, want) {
		t.Errorf("on another grid, places %v, want %v", got, want)
	}
}

func TestCiftiRefuses(t *testing.T) {
	_, err := disk.Cifti(surface("refused.dconn.nii"))
	refused(t, err, "refused.dconn.nii", "CIFTI_INDEX_TYPE_BRAIN_MODELS")
	_, err = disk.Cifti(nifti("full.nii.gz"))
	refused(t, err, "full.nii.gz", "no CIFTI description")
	_, err = disk.Nifti(surface("series.dtseries.nii"))
	refused(t, err, "series.dtseries.nii", "dim[5] is 4")

	b, err := os.ReadFile(surface("series.dtseries.nii"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range map[string]struct {
		content []byte
		want    string
	}{
		"cut off": {b[:len(b)-1], "header claims"},
		"version": {bytes.Replace(b, []byte(`Version="2.0"`), []byte(`Version="1.0"`), 1), "version is"},
		"rows":    {bytes.Replace(b, []byte(`NumberOfSeriesPoints="4"`), []byte(`NumberOfSeriesPoints="5"`), 1), "of 5 x 10 values"},
		"gap":     {bytes.Replace(b, []byte(`IndexOffset="5"`), []byte(`IndexOffset="6"`), 1), "begins at 6"},
		"count":   {bytes.Replace(b, []byte(`IndexCount="5"`), []byte(`IndexCount="4"`), 1), "expected"},
		"XML":     {bytes.Replace(b, []byte(`</Matrix>`), []byte(`</Mxtrix>`), 1), "CIFTI description"},
	} {
		path := filepath.Join(dir, "x.dtseries.nii")
		os.WriteFile(path, c.content, 0o600)
		_, err := disk.Cifti(path)
		refused(t, err, path, c.want)
	}

	good := ciftiXML(t)
	for want, change := range map[string][2]string{
		"vertex 10, expected less than 10": {">0 1 3 5 8<", ">0 1 3 5 10<"},
		"4 indices, expected 5":            {">0 1 3 5 8<", ">0 1 3 5<"},
		`index "-1"`:                       {">0 1 3 5 8<", ">-1 1 3 5 8<"},
		"outside 5 x 6 x 7":                {"4 0 3", "5 0 3"},
		"VolumeDimensions":                 {`"5,6,7"`, `"5,6"`},
		"expected 16":                      {"-2 0 0 90", "-2 0 90"},
		"without a volume":                 {volumeElement(good), ""},
		"rows of the CIFTI file are CIFTI_INDEX_TYPE_PARCELS": {indexSeries, "CIFTI_INDEX_TYPE_PARCELS"},
		"NumberOfSeriesPoints":                                {`NumberOfSeriesPoints="4"`, `NumberOfSeriesPoints="-4"`},
		"series starts at":                                    {`SeriesStep="0.72"`, `SeriesStep="NaN"`},
		"is of type CIFTI_MODEL_TYPE_OTHER":                   {modelVoxels, "CIFTI_MODEL_TYPE_OTHER"},
		"expected at most 268435456":                          {`IndexCount="2"`, `IndexCount="3000000000"`},
		"expected dtseries, dscalar or dlabel":                {`AppliesToMatrixDimension="0"`, `AppliesToMatrixDimension="0,1"`},
	} {
		spoilt := strings.Replace(good, change[0], change[1], 1)
		if spoilt == good {
			t.Fatalf("%q is not in the description", change[0])
		}
		if _, err := parseCiftiXML([]byte(spoilt)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// volumeElement cuts the volume out of a description.
func volumeElement(s string) string {
	return s[strings.Index(s, "<Volume "):][:strings.Index(s, "</Volume>")+len("</Volume>")-strings.Index(s, "<Volume ")]
}

// ciftiXML returns our own description of the dtseries that nibabel wrote.
func ciftiXML(t testing.TB) string {
	t.Helper()
	c, err := disk.Cifti(surface("series.dtseries.nii"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := xml.Marshal(c.xml())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzCifti: no panic on any description, and what is accepted survives being
// written.
func FuzzCifti(f *testing.F) {
	f.Add(ciftiXML(f))
	for _, name := range []string{"maps.dscalar.nii", "labels.dlabel.nii"} {
		if b, err := os.ReadFile(surface(name)); err == nil {
			from, to := bytes.Index(b, []byte("<CIFTI")), bytes.Index(b, []byte("</CIFTI>"))
			f.Add(string(b[from : to+8]))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseCiftiXML([]byte(s))
		if err != nil {
			return
		}
		b, err := xml.Marshal(h.xml())
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseCiftiXML(b)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if again.Rows != h.Rows || again.Cols() != h.Cols() || len(again.Maps) != len(h.Maps) {
			t.Fatalf("%+v, want %+v", again, h)
		}
	})
}
