package plot_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/hdf5"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/plot"
	"voxen/study/step"
)

const golden = "../../testdata/golden/match/"

// done draws and gives what was written.
func done(t *testing.T, ending string, set func(o *plot.Options)) []byte {
	t.Helper()
	o := plot.New()
	o.Out = filepath.Join(t.TempDir(), "figure"+ending)
	set(o)
	if _, err := step.Do[*plot.Summary](context.Background(), steptest.Env(), o); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// save writes a vector.
func save(path string, values []float64) error {
	return store.WriteFile(store.OS{}, path, func(w io.Writer) error { return store.WriteNpy(w, []int{len(values)}, values) })
}

// Every kind of map becomes every kind of figure, which says what it shows.
func TestPlotKinds(t *testing.T) {
	dir := t.TempDir()
	array := filepath.Join(dir, "alpha.npy")
	if err := save(array, []float64{1, 10, 10, 1000, math.NaN()}); err != nil {
		t.Fatal(err)
	}
	spheres := []string{golden + "surface/sphere_hemi-L.surf.gii", golden + "surface/sphere_hemi-R.surf.gii"}
	volume := func(o *plot.Options) {
		o.Maps, o.Mask = []string{golden + "volume/sub-01_space-MNI_weights.nii.gz"}, golden+"volume/mask.nii.gz"
	}
	for name, c := range map[string]struct {
		set  func(o *plot.Options)
		want []string
	}{
		"slices": {volume, []string{"z = ", ">L<", ">R<"}},
		"side":   {func(o *plot.Options) { volume(o); o.View, o.Title = "sagittal", "A <title>" }, []string{"x = ", ">P<", ">A<", "A &lt;title&gt;"}},
		"glass":  {func(o *plot.Options) { volume(o); o.View, o.Number = "glass", 1 }, []string{"from above", "from the front"}},
		"q":      {func(o *plot.Options) { volume(o); o.Q = o.Maps[0] }, []string{"full colour: q &lt; 0.05"}},
		"labels": {func(o *plot.Options) {
			o.Maps, o.Colours = []string{golden + "volume/networks_space-MNI_label.nii.gz"}, "labels"
		}, []string{"z = "}},
		"surface": {func(o *plot.Options) { o.Maps, o.Surfaces = []string{golden + "surface/weights.dscalar.nii"}, spheres }, []string{"left, lateral", "right, medial"}},
		"parcels": {func(o *plot.Options) {
			o.Maps, o.Surfaces = []string{golden + "surface/networks.dlabel.nii"}, spheres[:1]
		}, []string{"left, lateral"}},
		"cortex": {func(o *plot.Options) {
			o.Maps, o.Colours, o.View = []string{"../../testdata/networks/yeo7_space-MNI_res-3_label.nii.gz"}, "labels", "inflated"
		}, []string{"left, lateral", "right, medial", ">Default<"}},
		"pial": {func(o *plot.Options) {
			o.Maps, o.View = []string{"../../testdata/networks/yeo7_space-MNI_res-3_label.nii.gz"}, "pial"
			o.Q = o.Maps[0]
		}, []string{"left, medial", "full colour: q &lt; 0.05"}},
		"on the MNI": {func(o *plot.Options) { volume(o); o.Anatomy = "mni152" }, []string{"z = "}},
		"histogram":  {func(o *plot.Options) { volume(o); o.Kind, o.Label = "histogram", "weight" }, []string{"share of voxels (%)", ">weight<", "median"}},
		"alphas":     {func(o *plot.Options) { o.Maps, o.Kind = []string{array}, "alphas" }, []string{">1000<", "4 voxels; 50.0% have the smallest or the largest"}},
		"layers": {func(o *plot.Options) {
			volume(o)
			o.Kind, o.Maps = "layers", append(o.Maps, golden+"volume/sub-02_space-MNI_weights.nii.gz")
		}, []string{"layer with the highest value", ">1<", ">2<"}},
		"both hemispheres": {func(o *plot.Options) {
			o.Maps, o.Surfaces = []string{golden + "surface/networks_hemi-L.label.gii," + golden + "surface/networks_hemi-R.label.gii"}, spheres
		}, []string{"left, lateral", ">networks<"}},
	} {
		svg := string(done(t, ".svg", c.set))
		for _, want := range c.want {
			if !strings.Contains(svg, want) {
				t.Errorf("%s: the drawing has no %q", name, want)
			}
		}
	}
	for ending, want := range map[string]string{".png": "\x89PNG", ".pdf": "%PDF", ".PNG": "\x89PNG"} {
		if data := done(t, ending, volume); !bytes.HasPrefix(data, []byte(want)) {
			t.Errorf("%s begins with %q", ending, data[:8])
		}
	}
	for _, set := range []func(o *plot.Options){volume, func(o *plot.Options) { o.Maps, o.Surfaces = []string{golden + "surface/weights.dscalar.nii"}, spheres }} {
		if page := string(done(t, ".html", set)); !strings.Contains(page, "figure class=\"viewer") || !strings.Contains(page, "NiiVue") {
			t.Error("the page has no viewer")
		}
	}
}

// The colours are signed where a map reaches as far below 0 as above.
func TestPlotColours(t *testing.T) {
	dir := t.TempDir()
	mask := golden + "volume/mask.nii.gz"
	m, err := (brain.Files{}).Mask(context.Background(), mask, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lowest  float64
		colours string
		signed  bool
	}{{-1, "auto", true}, {-0.5, "auto", true}, {-0.2, "auto", false}, {0, "auto", false}, {-0.2, "signed", true}, {-1, "scores", false}} {
		values := make([]float64, m.Len())
		for v := range values {
			values[v] = c.lowest + (1-c.lowest)*float64(v)/float64(len(values)-1)
		}
		path := filepath.Join(dir, "v.npy")
		if err := save(path, values); err != nil {
			t.Fatal(err)
		}
		svg := string(done(t, ".svg", func(o *plot.Options) {
			o.Maps, o.Mask, o.Colours, o.Limit = []string{path}, mask, c.colours, step.Some(0.5)
		}))
		if signed := strings.Contains(svg, ">≤ −0.5<") || strings.Contains(svg, ">−0.5<"); signed != c.signed || !strings.Contains(svg, ">≥ 0.5<") {
			t.Errorf("from %g to 1 with %s: signed %t, expected %t", c.lowest, c.colours, signed, c.signed)
		}
	}
}

// Of layers that are as high the first is taken, and where none is above 0 there is none.
func TestPlotLayers(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	mask := golden + "volume/mask.nii.gz"
	m, err := (brain.Files{}).Mask(ctx, mask, nil)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for l, pattern := range [][]float64{{1, 2, 0, -1, 1}, {1, 1, 0, -2, 3}} {
		values := make([]float64, m.Len())
		for v := range values {
			values[v] = pattern[v%len(pattern)]
		}
		paths = append(paths, filepath.Join(dir, fmt.Sprint(l, ".npy")))
		if err := save(paths[l], values); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "layers.npy")
	if err := os.WriteFile(path, done(t, ".npy", func(o *plot.Options) { o.Maps, o.Mask, o.Kind = paths, mask, "layers" }), 0o666); err != nil {
		t.Fatal(err)
	}
	values, _, err := store.LoadFloat64(ctx, store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[float64]int{}, map[float64]int{}
	for _, x := range values {
		if !math.IsNaN(x) {
			got[x]++
		}
	}
	for v := range m.Len() {
		if layer := []float64{1, 1, 0, 0, 2}[v%5]; layer > 0 {
			want[layer]++
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("voxels of each layer: %v, want %v", got, want)
	}
}

// The values for pycortex are (z, y, x) of the grid, and the vertices of both cortices.
func TestPlotExport(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	image := golden + "volume/sub-01_space-MNI_weights.nii.gz"
	written := func(set func(o *plot.Options)) ([]float64, []int) {
		path := filepath.Join(dir, "out.npy")
		if err := os.WriteFile(path, done(t, ".npy", set), 0o666); err != nil {
			t.Fatal(err)
		}
		values, shape, err := store.LoadFloat64(ctx, store.OS{}, path)
		if err != nil {
			t.Fatal(err)
		}
		return values, shape
	}
	im, err := (brain.Files{}).Nifti(image)
	if err != nil {
		t.Fatal(err)
	}
	v, err := im.Volume(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := v.Grid.Dims
	values, shape := written(func(o *plot.Options) { o.Maps = []string{image} })
	if !slices.Equal(shape, []int{d[2], d[1], d[0]}) {
		t.Fatalf("shape %v of a grid %v", shape, d)
	}
	for i := range d[0] {
		for j := range d[1] {
			for k := range d[2] {
				if got, want := values[(k*d[1]+j)*d[0]+i], v.At(i, j, k); math.Abs(got-want) > 1e-6*math.Abs(want) {
					t.Fatalf("voxel %d, %d, %d is %g, expected %g", i, j, k, got, want)
				}
			}
		}
	}
	mesh, err := (brain.Files{}).Meshes([]string{golden + "surface/sphere_hemi-L.surf.gii", golden + "surface/sphere_hemi-R.surf.gii"})
	if err != nil {
		t.Fatal(err)
	}
	if _, shape := written(func(o *plot.Options) { o.Maps = []string{golden + "surface/weights.dscalar.nii"} }); !slices.Equal(shape, []int{len(mesh[0].Points) + len(mesh[1].Points)}) {
		t.Errorf("shape %v of %d and %d vertices", shape, len(mesh[0].Points), len(mesh[1].Points))
	}
}

// A file of pycortex has the values of the array, named by their digest, and a view of them
// with the ends of its colours; what does not say whose they are is refused.
func TestPlotPycortex(t *testing.T) {
	volume, vertices := golden+"volume/sub-01_space-MNI_weights.nii.gz", golden+"surface/weights.dscalar.nii"
	for _, c := range []struct{ path, owner, end string }{{volume, "S1,fullhead", `["fullhead"]`}, {vertices, "fsaverage", "null"}} {
		data := done(t, ".hdf", func(o *plot.Options) { o.Maps, o.Pycortex, o.Limit = []string{c.path}, c.owner, step.Some(0.5) })
		array := done(t, ".npy", func(o *plot.Options) { o.Maps = []string{c.path} })
		f, err := hdf5.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(data, []byte("[\"__")) // the first text of the view
		if at < 0 {
			t.Fatal("no view names the values")
		}
		name := string(data[at+2 : at+20])
		d, err := f.Dataset("/data/" + name)
		if err != nil {
			t.Fatal(err)
		}
		r, from, ok, err := d.Contiguous()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		values := make([]byte, d.Bytes())
		if _, err := r.ReadAt(values, from); err != nil || !bytes.HasSuffix(array, values) {
			t.Errorf("%s: the values are not those of the array: %v", c.path, err)
		}
		if sum := fmt.Sprintf("__%x", sha1.Sum(values))[:18]; sum != name {
			t.Errorf("the values are named %s, their digest is %s", name, sum)
		}
		for _, want := range []string{c.end, "[0.5]", strings.Split(c.owner, ",")[0], `{"priority": 1}`} {
			if !bytes.Contains(data, []byte(want)) {
				t.Errorf("%s: no %s", c.path, want)
			}
		}
	}
	for owner, path := range map[string]string{"S1": volume, "fsaverage,identity": vertices, "": volume, ",fullhead": volume, "S1,": volume, "S1,a,b": volume} {
		o := plot.New()
		o.Maps, o.Pycortex, o.Out = []string{path}, owner, filepath.Join(t.TempDir(), "map.hdf")
		if _, err := step.Do[*plot.Summary](context.Background(), steptest.Env(), o); !store.IsInput(err) || !strings.Contains(err.Error(), "--pycortex") {
			t.Errorf("--pycortex %q of %s: %v", owner, path, err)
		}
	}
}
