package report_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/plotting"
	"voxen/report"
)

// blob is a volume of 5 mm voxels with a ball of value 1 about (20, -30, 10) mm.
func blob() *brain.Volume {
	g := &brain.Grid{Dims: [3]int{36, 43, 34}, Affine: brain.Affine{{-5, 0, 0, 90}, {0, 5, 0, -126}, {0, 0, 5, -72}, {0, 0, 0, 1}}}
	v := &brain.Volume{Grid: g, Values: make([]float64, g.Voxels())}
	n := 0
	for i := range g.Dims[0] {
		for j := range g.Dims[1] {
			for k := range g.Dims[2] {
				p := g.Affine.Apply(float64(i), float64(j), float64(k))
				d := math.Hypot(math.Hypot(p[0]-20, p[1]+30), p[2]-10)
				v.Values[n] = math.Exp(-d * d / 400)
				n++
			}
		}
	}
	v.Values[0] = math.NaN()
	return v
}

// everything is a page with a block of each kind.
func everything(t *testing.T) *report.Page {
	t.Helper()
	p := &report.Page{Title: "A <b>title</b> & more", Subtitle: "of nothing", Simulated: "All of it.", Facts: []report.Fact{{"12", "subjects"}}, Footer: "made by a test"}
	s := p.Section("one", "One", "What is here.")
	drawn, err := plotting.Chart{XLabel: "layer", YLabel: "diversity", Alt: "two courses that rise", Series: []plotting.Series{
		{Name: "a < b", X: []float64{0, 1, 2, 3}, Y: []float64{1, math.NaN(), 3, 4}}, {Name: "c", X: []float64{0, 3}, Y: []float64{2, 2}}}}.Draw()
	if err != nil {
		t.Fatal(err)
	}
	p.Findings = []report.Finding{{Text: "Two <i>courses</i> rise.", Evidence: "By eye.", Section: "one"}}
	var many []report.Row
	for i := range 20 {
		many = append(many, report.Row{Cells: []string{fmt.Sprintf("row %d", i), fmt.Sprint(100 - 7*i), strings.Repeat("0123456789abcdef", 4)}})
	}
	s.Add(report.Text("A paragraph with </script><script>alert(1)</script>."), report.Heading("Smaller"), report.Missing("There is no sleep data."),
		report.Code("voxen encode"),
		report.Table{Caption: "Numbers", Columns: []report.Column{{Name: "name"}, {Name: "value", Number: true}}, Rows: []report.Row{{Cells: []string{"a", "1.5"}, Strong: true}, {Cells: []string{"b", "n/a"}}}},
		report.Details{Summary: "More", Blocks: []report.Block{report.Text("within")}},
		report.Table{Caption: "Many rows", Source: "./tables/many.tsv", Columns: []report.Column{{Name: "row"}, {Name: "value", Number: true}, {Name: "digest"}}, Rows: many},
		report.Figure{Caption: "Two courses.", Drawing: drawn})
	v, err := report.MapVolume("ball", []string{"first", "second"}, []*brain.Volume{blob(), blob()})
	if err != nil {
		t.Fatal(err)
	}
	labels := blob()
	for i, x := range labels.Values {
		labels.Values[i] = math.Round(2 * x)
	}
	table := brain.LabelTable{{Key: 1, Name: "rim", Color: [4]uint8{0, 114, 178, 255}}, {Key: 2, Name: "core", Color: [4]uint8{230, 159, 0, 255}}}
	l, err := report.LabelVolume("labels", labels, table)
	if err != nil {
		t.Fatal(err)
	}
	mask := blob()
	for i, x := range mask.Values {
		mask.Values[i] = 0
		if x > 0.02 {
			mask.Values[i] = 1
		}
	}
	grey, err := report.MapVolume("mask", nil, []*brain.Volume{mask})
	if err != nil {
		t.Fatal(err)
	}
	s.Add(report.Viewer{ID: "viewer", Caption: "A ball.", Background: &grey, Volumes: []report.Volume{v, l}})
	surfaces := report.SurfaceViewer{ID: "surfaces", Caption: "Two balls."}
	points, triangles := ball(30)
	for side := range 2 {
		if err := surfaces.SetMesh(side, points, triangles); err != nil {
			t.Fatal(err)
		}
	}
	x, y := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		x[i], y[i] = p[1], p[2]
	}
	x[0] = math.NaN()
	surfaces.Maps = []report.SurfaceMap{report.NewSurfaceMap("gradient", []string{"forward", "up"}, [][2][]float64{{x, y}, {y, x}}), report.NewSurfaceMap("left alone", nil, [][2][]float64{{y, nil}})}
	kinds := make([]float64, len(points))
	for i, p := range points {
		if kinds[i] = 1; p[0] > 0 {
			kinds[i] = 2
		}
	}
	parcels, err := report.NewLabelMap("parcels", [2][]float64{kinds, kinds}, table)
	if err != nil {
		t.Fatal(err)
	}
	surfaces.Maps = append(surfaces.Maps, parcels)
	s.Add(surfaces)
	return p
}

// ball is a sphere of triangles about the origin.
func ball(radius float64) (points [][3]float64, triangles [][3]int) {
	const rings, sides = 24, 48
	for i := range rings + 1 {
		for j := range sides {
			a, b := math.Pi*float64(i)/rings, 2*math.Pi*float64(j)/sides
			points = append(points, [3]float64{radius * math.Sin(a) * math.Cos(b), radius * math.Sin(a) * math.Sin(b), radius * math.Cos(a)})
			if i < rings {
				p, q := i*sides+j, i*sides+(j+1)%sides
				triangles = append(triangles, [3]int{p, p + sides, q}, [3]int{q, p + sides, q + sides})
			}
		}
	}
	return points, triangles
}

// unpacked reads what the viewer of surfaces reads.
func unpacked[T uint8 | int16 | uint32](t *testing.T, text string) []T {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]T, len(data)/binary.Size(T(0)))
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Points and values come back within a step of those embedded; hemispheres that lie
// on each other are moved apart, and triangles that are the same are there once.
func TestSurfaceViewerData(t *testing.T) {
	points, triangles := ball(30)
	var v report.SurfaceViewer
	for side := range 2 {
		if err := v.SetMesh(side, points, triangles); err != nil {
			t.Fatal(err)
		}
	}
	for side, shift := range []float64{-32, 32} {
		m := v.Meshes[side]
		places := unpacked[int16](t, m.Points)
		if len(places) != 3*len(points) {
			t.Fatalf("%d coordinates of %d points", len(places), len(points))
		}
		for i, p := range points {
			for k, want := range [3]float64{p[0] + shift, p[1], p[2]} {
				if got := float64(places[3*i+k]) * m.Scale; math.Abs(got-want) > m.Scale/2*1.001 {
					t.Fatalf("side %d, point %d: %g, want %g", side, i, got, want)
				}
			}
		}
	}
	corners := unpacked[uint32](t, v.Meshes[0].Triangles)
	if len(corners) != 3*len(triangles) || int(corners[4]) != triangles[1][1] || v.Meshes[1].Triangles != "" {
		t.Errorf("%d corners, right %q", len(corners), v.Meshes[1].Triangles)
	}
	m := report.NewSurfaceMap("map", nil, [][2][]float64{{{0.5, -2}, nil}, {{math.NaN(), 1}, nil}})
	if got := unpacked[int16](t, m.Data[0]); !slices.Equal(got, []int16{250, -1000, 0, 500}) || m.Limit != 2 || m.Data[1] != "" {
		t.Errorf("%v, limit %g, right %q", got, m.Limit, m.Data[1])
	}
	if err := v.SetMesh(0, nil, nil); err == nil {
		t.Error("a surface of nothing is embedded")
	}
}

func write(t *testing.T, p *report.Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A page is whole by itself: nothing in it points elsewhere, and text stays text.
func TestPage(t *testing.T) {
	p := everything(t)
	page := write(t, p)
	for _, want := range []string{`"H4sI`, "A &lt;b&gt;title&lt;/b&gt; &amp; more", "Simulated data.", "There is no sleep data.", "const colourTables",
		`<td class="number">1.5</td>`, "a &lt; b", `aria-label="two courses that rise"`, `href="./tables/many.tsv"`, `<input type="search">`, "Two &lt;i&gt;courses&lt;/i&gt; rise.", `<td class="long">0123`, "NiiVue " + report.NiivueVersion(), "Redistributions in binary form"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if strings.Contains(page, "<script>alert(1)") {
		t.Error("text became a script")
	}
	if found := regexp.MustCompile(`(?i)\b(src|href)="?(https?:|//)[^"> ]*`).FindString(page[:strings.Index(page, "NiiVue")]); found != "" {
		t.Errorf("the page points to %s", found)
	}
	if p.Figures() != 1 || p.Viewers() != 2 {
		t.Errorf("%d figures and %d viewers, want 1 and 2", p.Figures(), p.Viewers())
	}
	p.Sections[0].Blocks = p.Sections[0].Blocks[:4]
	if small := write(t, p); strings.Contains(small, "NiiVue") || len(small) > 20_000 {
		t.Errorf("a page without a viewer has %d bytes", len(small))
	}
}

// The embedded volume is a NIfTI that reads back with its geometry and values.
func TestVolumeReadsBack(t *testing.T) {
	ball := blob()
	v, err := report.MapVolume("ball", nil, []*brain.Volume{ball})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := base64.StdEncoding.DecodeString(v.Data)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "v.nii")
	if err := os.WriteFile(path, plain, 0o666); err != nil {
		t.Fatal(err)
	}
	im, err := (brain.Files{}).Nifti(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := im.Grid.Same(ball.Grid); err != nil {
		t.Error(err)
	}
	back, err := im.Volume(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range ball.Values {
		if math.IsNaN(x) {
			x = 0
		}
		if math.Abs(back.Values[i]-x) > 0.51*v.Limit/1000 { // half a step, and the step is in float32
			t.Fatalf("voxel %d is %g, want %g", i, back.Values[i], x)
		}
	}
}

// TestSeveralMaps: of several maps colours are told apart in 100 steps, to beyond where they
// end, and a map of 228,000 voxels takes less than a third of a megabyte; in fewer steps
// where there is less room.
func TestSeveralMaps(t *testing.T) {
	g := &brain.Grid{Dims: [3]int{61, 61, 62}, Affine: brain.Affine{{2, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 2, 0}, {0, 0, 0, 1}}}
	random := rand.New(rand.NewPCG(1, 2))
	maps := []*brain.Volume{{Grid: g, Values: make([]float64, g.Voxels())}, {Grid: g, Values: make([]float64, g.Voxels())}}
	for _, m := range maps {
		for i := range m.Values {
			m.Values[i] = random.NormFloat64()
		}
		m.Values[0] = 20
	}
	v, err := report.MapVolume("noise", []string{"a", "b"}, maps)
	if err != nil {
		t.Fatal(err)
	}
	if each := len(v.Data) / 2; v.Limit != 20 || each > 320_000 {
		t.Errorf("limit %g, %d bytes for %d voxels", v.Limit, each, g.Voxels())
	}
	whole := report.Viewer{Volumes: []report.Volume{v}}
	if whole.Fit(len(v.Data)); whole.Volumes[0].Data != v.Data {
		t.Error("maps that fit are embedded anew")
	}
	compare(t, v, maps[1].Values, 3.2/100)
	whole.Fit(500_000)
	if n := len(whole.Volumes[0].Data); n > 500_000 || n < 350_000 {
		t.Errorf("%d bytes in fewer steps, expected nearly 500,000", n)
	}
	compare(t, whole.Volumes[0], maps[1].Values, 3.2/25)
}

// compare reads the second map of a volume back, in steps of a size.
func compare(t *testing.T, v report.Volume, values []float64, step float64) {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(v.Data)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "v.nii.gz")
	if err := os.WriteFile(path, packed, 0o666); err != nil {
		t.Fatal(err)
	}
	im, err := (brain.Files{}).Nifti(path)
	if err != nil {
		t.Fatal(err)
	}
	back, err := im.Volume(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range values {
		// the 99.8th percentile of |x| is 3.09; a coarser step rounds a rounded value
		if x = max(-1.27*3.09, min(1.27*3.09, x)); math.Abs(back.Values[i]-x) > 3.2/100/2+step/2 {
			t.Fatalf("voxel %d is %g, want %g", i, back.Values[i], x)
		}
	}
}

// TestSolid: which voxels are significant is embedded in the order of the values.
func TestSolid(t *testing.T) {
	g := &brain.Grid{Dims: [3]int{2, 1, 3}, Affine: brain.Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}
	var v report.Volume
	v.SetSolid(g, []bool{true, false, false, false, true, true}, "q < 0.05") // (i, k) with k fastest
	if got := unpacked[uint8](t, v.Solid); !slices.Equal(got, []uint8{1, 0, 0, 1, 0, 1}) || v.SolidName != "q < 0.05" {
		t.Errorf("%v, %q", got, v.SolidName)
	}
	var m report.SurfaceMap
	m.SetSolid([2][]bool{{true, false}, nil}, "q < 0.05")
	if got := unpacked[uint8](t, m.Solid[0]); !slices.Equal(got, []uint8{1, 0}) || m.Solid[1] != "" {
		t.Errorf("%v, right %q", got, m.Solid[1])
	}
}
