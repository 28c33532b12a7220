package brain

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Every encoding, byte order and index order gives the values that nibabel
// wrote, in float32.
func TestGiftiAsNibabel(t *testing.T) {
	g := loadSurface(t)
	for name, want := range map[string][][]float64{
		"func_ascii.func.gii": g.Func, "func_b64.func.gii": g.Func, "func_gz.func.gii": g.Func, "func_be.func.gii": g.Func[:1],
	} {
		im, err := (Files{Memory: 1 << 20}).Gifti(surface(name))
		if err != nil {
			t.Fatal(err)
		}
		s, err := disk.Open(ctx, surface(name), OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Load(ctx, Storage{Memory: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		for r, row := range readColumns(t, s, 2) {
			// Plain text holds six digits.
			limit := 0.0
			if name == "func_ascii.func.gii" {
				limit = 1e-6
			}
			if d := maxAbs(row, want[r]); !(d <= limit) {
				t.Errorf("%s row %d differs by %g", name, r, d)
			}
		}
		if name != "func_be.func.gii" && (im.Meta["subject"] != "sub-1 & <co>" || im.Arrays[0].Meta["TR"] != "2") {
			t.Errorf("%s: metadata %v, %v", name, im.Meta, im.Arrays[0].Meta)
		}
	}
	shape, err := (Files{Memory: 1 << 20}).Gifti(surface("small.shape.gii"))
	if err != nil {
		t.Fatal(err)
	}
	if shape.Meta["AnatomicalStructurePrimary"] != "CortexLeft" || shape.Arrays[0].Meta["Name"] != "thickness" || shape.Arrays[1].Intent != IntentShape {
		t.Errorf("shape: metadata %v, %v, intent %s", shape.Meta, shape.Arrays[0].Meta, shape.Arrays[1].Intent)
	}
	for r, a := range shape.Arrays {
		if d := maxAbs(a.Float64s(), known(g.Shape[r])); d != 0 || a.Datatype != Float32 {
			t.Errorf("shape %d differs by %g, of %s", r, d, a.Datatype)
		}
	}
	im, err := (Files{Memory: 1 << 20}).Gifti(surface("small.surf.gii"))
	if err != nil {
		t.Fatal(err)
	}
	points, triangles, err := im.Surface()
	if err != nil || !slices.Equal(points, g.Points) || !slices.Equal(triangles, g.Faces) {
		t.Errorf("surface %v %v (%v), want %v %v", points, triangles, err, g.Points, g.Faces)
	}
	label, err := (Files{Memory: 1 << 20}).Gifti(surface("small.label.gii"))
	if err != nil {
		t.Fatal(err)
	}
	want := LabelTable{{0, "???", [4]uint8{255, 255, 255, 0}}, {3, "Visual", [4]uint8{128, 0, 255, 255}}, {7, "Défaut & <co>", [4]uint8{0, 255, 0, 255}}}
	if !slices.Equal(label.Labels, want) || maxAbs(label.Find(IntentLabel).Float64s(), g.Keys) != 0 {
		t.Errorf("labels %v %v", label.Labels, label.Arrays)
	}
}

// known gives numbers of which some are NaN.
func known(x []*float64) []float64 {
	out := make([]float64, len(x))
	for i, p := range x {
		out[i] = math.NaN()
		if p != nil {
			out[i] = *p
		}
	}
	return out
}

func TestGiftiRoundTrip(t *testing.T) {
	for _, name := range []string{"func_gz.func.gii", "small.surf.gii", "small.label.gii", "small.shape.gii"} {
		im, err := (Files{Memory: 1 << 20}).Gifti(surface(name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := disk.WriteGifti(path, im); err != nil {
			t.Fatal(err)
		}
		back, err := (Files{Memory: 1 << 20}).Gifti(path)
		if err != nil {
			t.Fatal(err)
		}
		if back.Path = im.Path; !reflect.DeepEqual(back, im) { // bytes, so that NaN is equal
			t.Errorf("%s: %+v, want %+v", name, back, im)
		}
	}
	if _, err := NewGiftiArray(IntentShape, Float32, []int{3}, []float64{1, 2}); err == nil {
		t.Error("two values for three are accepted")
	}
	if _, err := NewGiftiArray(IntentLabel, Uint8, []int{1}, []float64{300}); err == nil {
		t.Error("300 in a byte is accepted")
	}
}

const giftiText = `<GIFTI Version="1.0"><DataArray Intent="NIFTI_INTENT_NONE" DataType="NIFTI_TYPE_UINT8" ` +
	`ArrayIndexingOrder="RowMajorOrder" Dimensionality="2" Dim0="2" Dim1="3" Encoding="Base64Binary" Endian="LittleEndian">` +
	`<Data>AQID BAUG</Data></DataArray></GIFTI>`

func TestGiftiRefuses(t *testing.T) {
	path := writeTable(t, "x.gii", giftiText)
	im, err := (Files{Memory: 6}).Gifti(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := maxAbs(im.Arrays[0].Float64s(), []float64{1, 2, 3, 4, 5, 6}); d != 0 {
		t.Errorf("values %v", im.Arrays[0].Float64s())
	}
	_, _, err = im.Surface()
	refused(t, err, "x.gii", "expected a surface")
	_, err = (Files{Memory: 5}).Gifti(path)
	refused(t, err, "x.gii", "takes 6 bytes of memory, more than the 5 allowed")

	replace := func(old, new string) string {
		if !strings.Contains(giftiText, old) {
			t.Fatalf("%q is not in the text", old)
		}
		return strings.Replace(giftiText, old, new, 1)
	}
	for want, text := range map[string]string{
		"not a GIFTI file":             "",
		`first element is "html"`:      "<html></html>",
		"cut off or damaged":           "<GIFTI>",
		"array is cut off: 3 bytes":    replace("AQID BAUG", "AQID     "),
		"more than the 6 bytes":        replace("AQID BAUG", "AQIDBAUGBwgJ"),
		"array":                        replace("AQID BAUG", "AQID?AUG"),
		"complex":                      replace("UINT8", "complex"),
		`Dimensionality is "0"`:        replace(`Dimensionality="2"`, `Dimensionality="0"`),
		`Dim1 is "-3"`:                 replace(`Dim1="3"`, `Dim1="-3"`),
		`Dim1 is ""`:                   replace(`Dim1="3"`, ``),
		"ask for more than":            replace(`Dim1="3"`, `Dim1="4611686018427387904"`),
		"6 bytes of values, expected":  replace(`Dim1="3"`, `Dim1="300"`),
		"compressed values":            replace("Base64Binary", "GZipBase64Binary"),
		"ExternalFileBinary":           replace("Base64Binary", "ExternalFileBinary"),
		`value 0 is "AQID"`:            replace("Base64Binary", "ASCII"),
		"label 1 stands twice":         `<GIFTI><LabelTable><Label Key="1">a</Label><Label Key="1">b</Label></LabelTable></GIFTI>`,
		"more than two axes in column": strings.NewReplacer("RowMajor", "ColumnMajor", `Dimensionality="2"`, `Dimensionality="3" Dim2="1"`).Replace(giftiText),
	} {
		_, err := (Files{Memory: 1000}).Gifti(writeTable(t, "x.gii", text))
		refused(t, err, "x.gii", want)
	}

	p, err := NewGiftiArray(IntentPoints, Float32, []int{2, 3}, make([]float64, 6))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewGiftiArray(IntentTriangles, Int32, []int{1, 3}, []float64{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = (&Gifti{Path: "x.gii", Arrays: []GiftiArray{p, c}}).Surface()
	refused(t, err, "x.gii", "corner 2, expected 0 to 1")
}

// FuzzGifti: no panic on any text, values as many as the dimensions say.
func FuzzGifti(f *testing.F) {
	f.Add(giftiText)
	for _, name := range []string{"func_ascii.func.gii", "func_gz.func.gii", "small.surf.gii", "small.label.gii", "small.shape.gii"} {
		if b, err := os.ReadFile(surface(name)); err == nil {
			f.Add(string(b))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		disk := memDisk(t, "x.gii", text)
		disk.Memory = 1 << 20
		if im, err := disk.Open(ctx, "x.gii", OpenOptions{}); err == nil && im.Load(ctx, Storage{Memory: 1 << 20}) == nil {
			if err := im.ReadFloat64(ctx, 0, 1, make([]float64, im.Rows()), 1); err != nil {
				t.Fatal(err)
			}
		}
		g, err := disk.Gifti("x.gii")
		if err != nil {
			return
		}
		for _, a := range g.Arrays {
			n := 1
			for _, k := range a.Dims {
				n *= k
			}
			if n != a.Len() || n != len(a.Float64s()) {
				t.Fatal(fmt.Sprint(a.Dims, a.Len()))
			}
		}
		g.Surface()
	})
}
