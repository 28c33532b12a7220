package brain

import (
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/store"
)

const networks = "../testdata/networks/"

func TestLoadAtlasYeo(t *testing.T) {
	var g goldenAtlas
	readGolden(t, "atlas.json", &g)
	a, err := disk.Atlas(ctx, networks+"yeo7_space-MNI_res-3_label.nii.gz", networks+"yeo7.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Labels) != 7 || a.Labels[6] != (Label{7, "Default", [4]uint8{0xcd, 0x3d, 0x4e, 255}}) {
		t.Fatalf("labels %v", a.Labels)
	}
	im, err := disk.Nifti(a.Path)
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

// The table of a label image is the one named, that of its name, or one beside it
// whose name leaves out some of its parts, the longest first; else labels are called
// by their numbers.
func TestAtlasTables(t *testing.T) {
	const image = "yeo17_space-MNI_res-3_label.nii.gz"
	for _, c := range []struct {
		tables []string // beside the image, with the name of label 17 in each
		want   string
	}{
		{nil, "17"},
		{[]string{"yeo17.tsv"}, "yeo17.tsv"},
		{[]string{"yeo17.tsv", "yeo17_label.tsv"}, "yeo17_label.tsv"},
		{[]string{"yeo17_res-3.tsv", "yeo17_space-MNI_res-3_label.tsv"}, "yeo17_space-MNI_res-3_label.tsv"},
		{[]string{"yeo7.tsv", "yeo17_res-2.tsv", "yeo17_res-3_space-MNI.tsv", "yeo17_events.tsv"}, "17"},
		{[]string{"yeo17_res-3.tsv", "yeo17_label.tsv"}, "may be the table"},
	} {
		dir := t.TempDir()
		copyFile(t, networks+image, filepath.Join(dir, image))
		for _, name := range c.tables {
			store.WriteFile(store.OS{}, filepath.Join(dir, name), func(w io.Writer) error {
				_, err := io.WriteString(w, "index\tname\n17\t"+name+"\n")
				return err
			})
		}
		a, err := disk.Atlas(ctx, filepath.Join(dir, image), "")
		switch {
		case err != nil && strings.Contains(err.Error(), c.want):
		case err != nil || a.Labels[16].Name != c.want:
			t.Errorf("beside %q: %v (%v), want %q", c.tables, a, err, c.want)
		}
	}
	// A table that is none of labels is left alone, but not one of the image's own name.
	dir := t.TempDir()
	copyFile(t, networks+image, filepath.Join(dir, image))
	copyFile(t, "../testdata/alice/words.tsv", filepath.Join(dir, "yeo17.tsv"))
	if a, err := disk.Atlas(ctx, filepath.Join(dir, image), ""); err != nil || a.Labels[16].Name != "17" {
		t.Errorf("beside a table of words: %v (%v)", a, err)
	}
	copyFile(t, "../testdata/alice/words.tsv", filepath.Join(dir, "yeo17_space-MNI_res-3_label.tsv"))
	_, err := disk.Atlas(ctx, filepath.Join(dir, image), "")
	refused(t, err, "yeo17_space-MNI_res-3_label.tsv", `no column "index"`)
}

// A mask on another grid takes the label of the nearest voxel.
func TestAtlasOnOtherGrid(t *testing.T) {
	a, err := disk.Atlas(ctx, networks+"yeo7_space-MNI_res-3_label.nii.gz", networks+"yeo7.tsv")
	if err != nil {
		t.Fatal(err)
	}
	other := *a.Volume.Grid
	other.Affine[0][3]++ // by a third of a voxel
	mask := (&Nifti{Header: &Header{}, Grid: &other}).FullMask()
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
	_, err := disk.Atlas(ctx, nifti("full.nii.gz"), "")
	refused(t, err, "full.nii.gz", "3 volumes")
	mask, err := disk.Mask(ctx, nifti("mask.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, x := range map[string]float64{"is 0.5, expected a label": 0.5, "is NaN": math.NaN(), "labels up to 16777216": 1e30, "no label above 0": 0} {
		path := filepath.Join(t.TempDir(), "label.nii")
		values := make([]float64, mask.Len())
		values[1] = x
		if err := disk.WriteMap(ctx, path, mask, values, MapOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := disk.Atlas(ctx, path, "")
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
		_, err := disk.LabelTable(writeTable(t, "labels.tsv", text))
		refused(t, err, "labels.tsv", want)
	}
}

// Regions of one name are told apart by their keys, so that a table has a column each.
func TestDistinct(t *testing.T) {
	table := LabelTable{{Key: 3, Name: "a"}, {Key: 5, Name: "b"}, {Key: 9, Name: "a"}}
	if got := table.Distinct(); !slices.Equal(got, []string{"a (3)", "b", "a (9)"}) {
		t.Errorf("names %q", got)
	}
}
