package brain

import (
	"math"
	"path/filepath"
	"slices"
	"testing"
)

const networks = "../testdata/networks/"

func TestLoadAtlasYeo(t *testing.T) {
	var g goldenAtlas
	readGolden(t, "atlas.json", &g)
	a, err := LoadAtlas(ctx, networks+"yeo7_space-MNI_res-3_label.nii.gz", networks+"yeo7.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Labels) != 7 || a.Labels[6] != (Label{7, "Default", [4]uint8{0xcd, 0x3d, 0x4e, 255}}) {
		t.Fatalf("labels %v", a.Labels)
	}
	im, err := Open(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	mask, err := NewMask(im.Header, a.Volume)
	if err != nil {
		t.Fatal(err)
	}
	region, err := a.OnMask(mask)
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int, 7)
	src := matrix{rows: 5, cols: mask.Len(), data: make([]float64, 5*mask.Len())}
	for v, r := range region {
		counts[r]++
		for s := range 5 {
			src.data[s*src.cols+v] = math.Sin(float64(v+1) * 0.01 * float64(1+s))
		}
	}
	for r, want := range g.Counts {
		if counts[r] != want {
			t.Errorf("%s has %d voxels, want %d", a.Labels[r].Name, counts[r], want)
		}
	}
	means, err := RegionMeans(ctx, src, region, len(a.Labels), false)
	if err != nil {
		t.Fatal(err)
	}
	// numpy sums in pairs, we in order: thousands of values below 1.
	for s, want := range g.Means {
		if d := maxAbs(means.Values[7*s:7*s+7], want); !(d <= 1e-12) {
			t.Errorf("means of row %d differ by %g", s, d)
		}
	}
}

func TestLoadAtlasNames(t *testing.T) {
	a, err := LoadAtlas(ctx, networks+"yeo17_space-MNI_res-3_label.nii.gz", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Labels) != 17 || a.Labels[16].Name != "17" {
		t.Errorf("without a table, labels are %v", a.Labels)
	}
	dir := t.TempDir()
	mask, err := NewMask(mustOpen(t, a.Path).Header, a.Volume)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x_label.nii.gz")
	values, err := mask.Gather(a.Volume)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteMap(ctx, path, mask, values, MapOptions{Datatype: Int16}); err != nil {
		t.Fatal(err)
	}
	copyFile(t, networks+"yeo17.tsv", filepath.Join(dir, "x_label.tsv"))
	if a, err = LoadAtlas(ctx, path, ""); err != nil || a.Labels[16].Name != "network_17" {
		t.Errorf("with a table beside it, labels are %v (%v)", a.Labels, err)
	}
}

// A mask on another grid takes the label of the nearest voxel.
func TestAtlasOnOtherGrid(t *testing.T) {
	a, err := LoadAtlas(ctx, networks+"yeo7_space-MNI_res-3_label.nii.gz", networks+"yeo7.tsv")
	if err != nil {
		t.Fatal(err)
	}
	other := *a.Volume.Grid
	other.Affine[0][3]++ // by a third of a voxel
	mask := (&Image{Header: &Header{}, Grid: &other}).FullMask()
	region, err := a.OnMask(mask)
	if err != nil {
		t.Fatal(err)
	}
	for v, r := range region {
		key := 0
		if r >= 0 {
			key = a.Labels[r].Key
		}
		if want := int(a.Volume.Values[v]); key != want {
			t.Fatalf("voxel %d has label %d, want %d", v, key, want)
		}
	}
	mask.Path = "sub-1_space-T1w_mask.nii.gz"
	_, err = a.OnMask(mask)
	refused(t, err, "yeo7_space-MNI", "expected T1w")
}

func TestRegionMeansLeavesOut(t *testing.T) {
	nan := math.NaN()
	src := matrix{rows: 2, cols: 6, data: []float64{
		1, 5, 3, nan, 7, 1,
		2, 5, 5, 1, 8, 2}}
	got, err := RegionMeans(ctx, src, []int{0, 0, 0, 1, 2, -1}, 4, false)
	if err != nil {
		t.Fatal(err)
	}
	if d := maxAbs(got.Values, []float64{2, nan, 7, nan, 3.5, nan, 8, nan}); d != 0 {
		t.Errorf("means %v", got.Values)
	}
	if got.LeftOut != 2 || got.Voxels[0] != 2 || got.Voxels[1] != 0 || got.Voxels[2] != 1 {
		t.Errorf("%d left out, %v in the means", got.LeftOut, got.Voxels)
	}
	if want := []int{0, -1, 0, -1, 2, -1}; !slices.Equal(got.Used, want) {
		t.Errorf("used %v, want %v", got.Used, want)
	}
	if got, err = RegionMeans(ctx, src, []int{0, 0, 0, 1, 2, -1}, 4, true); err != nil || got.Values[0] != 3 || got.LeftOut != 1 {
		t.Errorf("with constant columns: %v, %d left out, %v", got.Values, got.LeftOut, err)
	}
	if _, err := RegionMeans(ctx, src, []int{0}, 1, false); err == nil {
		t.Error("too few regions are accepted")
	}
}

func TestLabelsRefuse(t *testing.T) {
	_, err := LoadAtlas(ctx, nifti("full.nii.gz"), "")
	refused(t, err, "full.nii.gz", "3 volumes")
	mask, err := LoadMask(ctx, nifti("mask.nii"))
	if err != nil {
		t.Fatal(err)
	}
	for want, x := range map[string]float64{"is 0.5, expected a label": 0.5, "is NaN": math.NaN(), "is 1.0000000150474662e+30": 1e30, "no label in": 0} {
		path := filepath.Join(t.TempDir(), "label.nii")
		values := make([]float64, mask.Len())
		values[1] = x
		if err := WriteMap(ctx, path, mask, values, MapOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := LoadAtlas(ctx, path, "")
		refused(t, err, "label.nii", want)
	}
	for want, text := range map[string]string{
		`index is "one"`:          "index\tname\none\tA\n",
		"label 2 stands twice":    "index\tname\n2\tA\n1\tB\n2\tC\n",
		`color is "red"`:          "index\tname\tcolor\n1\tA\tred\n",
		`no column "name"`:        "index\tlabel\n1\tA\n",
		"line 2 has 1 fields":     "index\tname\n1\n",
		`color is "#12345"`:       "index\tname\tcolor\n1\tA\t#12345\n",
		`no column "index" among`: "name\tcolor\nA\t#123456\n",
	} {
		_, err := ReadLabelTable(writeTable(t, "labels.tsv", text))
		refused(t, err, "labels.tsv", want)
	}
}
