package brain

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/internal/faultfs"
	"voxen/store"
)

func TestKindByName(t *testing.T) {
	for path, want := range map[string]Kind{
		"a.nii": volumes{}, "a.nii.gz": volumes{}, "A.NII.GZ": volumes{}, "b.Nii": volumes{},
		"a.dtseries.nii": grayordinates{}, "a.dscalar.nii.gz": grayordinates{}, "A.DLABEL.NII": grayordinates{}, "a.ptseries.nii": grayordinates{},
		"a.gii": surfaces{}, "a.func.gii.gz": surfaces{}, "l.gii,r.gii": surfaces{}, "L.GII,r.func.gii.gz": surfaces{},
		"a.npy": nil, "l.gii,r.npy": nil, "a.nii,b.nii.txt": nil, "a.mgz": nil, "nii": nil, "": nil, "a.h5:/x": nil,
	} {
		if got := KindByName(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string][]string{"l.gii,r.gii": {"l.gii", "r.gii"}, "a,b.nii": {"a,b.nii"}, "a.npy,b.npy": {"a.npy,b.npy"}} {
		if got := Parts(path); !slices.Equal(got, want) {
			t.Errorf("%s has parts %q, want %q", path, got, want)
		}
	}
	for like, want := range map[string]string{
		"x_bold.nii": "o/score.nii.gz", "x.dtseries.nii": "o/score.dscalar.nii", "x_hemi-R.func.gii,x_hemi-L.func.gii": "o/score_hemi-R.func.gii,o/score_hemi-L.func.gii",
		"x.func.gii": "", "x.npy": "",
	} {
		if got := ResultName("o/score", like); got != want {
			t.Errorf("results of %s are %q, want %q", like, got, want)
		}
	}
}

// load opens an image and reads all of it.
func load(t *testing.T, f Files, path string, o OpenOptions, st Storage) (Image, [][]float64) {
	t.Helper()
	im, err := f.Open(ctx, path, o)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	t.Cleanup(func() { im.Close() })
	if err := im.Load(ctx, st); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return im, readColumns(t, im, 2)
}

// put stores a file.
func put(t *testing.T, disk *faultfs.Mem, name string, content []byte) {
	t.Helper()
	if err := store.WriteFile(disk, name, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
		t.Fatal(err)
	}
}

// The same file has the same values compressed and under an ending in capitals, in
// memory and in a scratch file.
func TestOpenEndings(t *testing.T) {
	disk := faultfs.NewMem()
	for path, others := range map[string][]string{
		nifti("v1_be_int16.nii"):             {"a.nii.gz", "A.NII", "A.NII.GZ"},
		surface("series.dtseries.nii"):       {"a.dtseries.nii.gz", "A.DTSERIES.NII", "a.nii"},
		surface("series_int16.dtseries.nii"): {"b.dtseries.nii.gz"},
		surface("func_gz.func.gii"):          {"a.func.gii.gz", "A.FUNC.GII", "A.GII.GZ"},
		surface("func_be.func.gii"):          {"b.func.gii.gz"},
	} {
		_, want := load(t, Files{}, path, OpenOptions{}, Storage{Memory: 1 << 20})
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range others {
			content := b
			if strings.HasSuffix(strings.ToLower(name), ".gz") {
				content = packed(b)
			}
			put(t, disk, name, content)
			for _, st := range []Storage{{Memory: 1 << 20}, {Scratch: "scratch", FS: disk}} {
				im, got := load(t, Files{FS: disk}, name, OpenOptions{}, st)
				for r := range want {
					if maxAbs(got[r], want[r]) != 0 {
						t.Errorf("%s as %s: row %d differs", path, name, r)
					}
				}
				if err := im.Close(); err != nil {
					t.Error(err)
				}
				if _, left := disk.Files()["scratch"]; left {
					t.Errorf("%s: a scratch file is left", name)
				}
			}
		}
	}
}

// nilearn stores the data of a surface as one array of vertices x volumes, in either
// order of indices.
func TestSurfaceOfOneArray(t *testing.T) {
	const V, T = 5, 7
	values := make([]float64, V*T)
	want := make([][]float64, T)
	for r := range want {
		want[r] = make([]float64, V)
		for v := range V {
			want[r][v] = float64(10*v+r) / 7
			values[v*T+r] = float64(float32(want[r][v]))
			want[r][v] = values[v*T+r]
		}
	}
	a, err := NewGiftiArray(IntentNone, Float32, []int{V, T}, values)
	if err != nil {
		t.Fatal(err)
	}
	disk := Files{FS: faultfs.NewMem()}
	if err := disk.WriteGifti("rows.gii", &Gifti{Arrays: []GiftiArray{a}}); err != nil {
		t.Fatal(err)
	}
	turned := make([]float64, V*T)
	for v := range V {
		for r := range T {
			turned[r*V+v] = values[v*T+r]
		}
	}
	a, err = NewGiftiArray(IntentTimeSeries, Float32, []int{V, T}, turned)
	if err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteGifti("columns.gii", &Gifti{Arrays: []GiftiArray{a}}); err != nil {
		t.Fatal(err)
	}
	text := disk.FS.(*faultfs.Mem).Files()["columns.gii"]
	put(t, disk.FS.(*faultfs.Mem), "columns.gii", []byte(strings.Replace(text, "RowMajorOrder", "ColumnMajorOrder", 1)))
	for _, name := range []string{"rows.gii", "columns.gii"} {
		for _, st := range []Storage{{Memory: 1 << 20}, {Scratch: "scratch", FS: disk.FS}} {
			im, got := load(t, disk, name, OpenOptions{}, st)
			if im.Rows() != T || im.Cols() != V {
				t.Fatalf("%s: %d x %d", name, im.Rows(), im.Cols())
			}
			for r := range want {
				if maxAbs(got[r], want[r]) != 0 {
					t.Errorf("%s: row %d is %v, want %v", name, r, got[r], want[r])
				}
			}
			im.Close()
		}
		if s, err := disk.Describe(name); err != nil || s.Rows != T || s.Cols != V {
			t.Errorf("%s is described as %+v (%v)", name, s, err)
		}
		g, err := disk.Gifti(name)
		if err != nil || !slices.Equal(g.Arrays[0].Float64s(), values) {
			t.Errorf("%s: values %v (%v)", name, g, err)
		}
	}
}

// giftiOf is a file of one array per row, of a structure.
func giftiOf(t *testing.T, structure string, rows ...[]float64) *Gifti {
	t.Helper()
	g := &Gifti{}
	if structure != "" {
		g.Meta = map[string]string{structureKey: structure}
	}
	for _, row := range rows {
		a, err := NewGiftiArray(IntentTimeSeries, Float32, []int{len(row)}, row)
		if err != nil {
			t.Fatal(err)
		}
		g.Arrays = append(g.Arrays, a)
	}
	return g
}

// Two files of one hemisphere are refused, however they say it, and every hemisphere
// has a name of its own among the results.
func TestHemispheres(t *testing.T) {
	disk := Files{FS: faultfs.NewMem()}
	for name, structure := range map[string]string{
		"l.gii": "CortexLeft", "l2.gii": "CortexLeft", "r.gii": "CortexRight", "x.gii": "", "y.gii": "", "a_hemi-L.gii": "", "b_hemi-L.gii": "", "b_hemi-R.gii": "",
		"c_hemi-L.gii": "CortexRight", "cerebellum.gii": "Cerebellum", "m_hemi-L.gii": "CerebellumLeft",
	} {
		if err := disk.WriteGifti(name, giftiOf(t, structure, []float64{1, 2, 3}, []float64{4, 5, 6})); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.WriteGifti("short.gii", giftiOf(t, "CortexRight", []float64{1, 2, 3})); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"l.gii,l2.gii": "is of CortexLeft, as l.gii is", "l.gii,l.gii": "given twice", "x.gii,x.gii": "given twice", "a_hemi-L.gii,b_hemi-L.gii": "is of CortexLeft",
		"l.gii,a_hemi-L.gii": "is of CortexLeft", "c_hemi-L.gii": "hemisphere L by its name but of CortexRight", "l.gii,short.gii": "short.gii: has 1 volumes, l.gii has 2",
	} {
		_, err := disk.Open(ctx, path, OpenOptions{})
		refused(t, err, ".gii", want)
	}
	for path, want := range map[string][]string{
		"l.gii,r.gii": {"_hemi-L", "_hemi-R"}, "r.gii,l.gii": {"_hemi-R", "_hemi-L"}, "x.gii,y.gii": {"_1", "_2"}, "l.gii": {"_hemi-L"}, "x.gii": {""},
		"l.gii,cerebellum.gii": {"_hemi-L", "_2"}, "a_hemi-L.gii,m_hemi-L.gii": {"_hemi-L", "_2"},
	} {
		im, _ := load(t, disk, path, OpenOptions{}, Storage{Memory: 1000})
		var names []string
		out := Output{Files: disk, Place: func(name string) (string, error) { names = append(names, name); return name, nil }}
		rows := matrix{rows: 1, cols: im.Cols(), data: make([]float64, im.Cols())}
		if err := im.Places().Write(ctx, out, Maps{Name: "map", Rows: rows, Label: func(int) string { return "map" }, Row: rows.row}); err != nil {
			t.Fatal(err)
		}
		for i, mark := range want {
			if names[i] != "map"+mark+".func.gii" {
				t.Errorf("%s: results in %q, want marks %q", path, names, want)
			}
		}
	}
}

// Places of other images are compared by what they are, in words that name both.
func TestPlacesSame(t *testing.T) {
	disk := Files{FS: faultfs.NewMem()}
	for name, g := range map[string]*Gifti{"l.gii": giftiOf(t, "CortexLeft", []float64{1, 2, 3}), "r.gii": giftiOf(t, "CortexRight", []float64{1, 2, 3}), "more.gii": giftiOf(t, "CortexLeft", []float64{1, 2, 3, 4})} {
		if err := disk.WriteGifti(name, g); err != nil {
			t.Fatal(err)
		}
	}
	places := func(f Files, path string) Places {
		im, err := f.Open(ctx, path, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { im.Close() })
		return im.Places()
	}
	l := places(disk, "l.gii")
	full := places(Files{}, nifti("full.nii.gz"))
	c := places(Files{}, surface("series.dtseries.nii"))
	for _, same := range []Places{l, full, c} {
		if err := same.Same(same); err != nil {
			t.Error(err)
		}
	}
	masked, err := Files{}.OnMask(ctx, nifti("mask.nii"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		a, b Places
		want string
	}{
		{l, places(disk, "r.gii"), `r.gii: has 3 vertices of "CortexRight", l.gii has 3 of "CortexLeft"`},
		{l, places(disk, "more.gii"), "has 4 vertices"},
		{l, places(disk, "l.gii,r.gii"), "is one of 2 hemispheres, expected 1"},
		{l, full, "expected surfaces"}, {full, l, "expected volumes"}, {c, l, "expected CIFTI files"},
		{full, masked, "voxels"},
		{full, places(Files{}, "../testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz"), "not on the grid of"},
	} {
		refused(t, p.a.Same(p.b), p.b.Path(), p.want)
	}
	_, err = disk.Open(ctx, "r.gii", OpenOptions{Like: l})
	refused(t, err, "r.gii", "CortexRight")
	_, err = disk.Open(ctx, "l.gii", OpenOptions{Mask: "m.nii"})
	refused(t, err, "m.nii", "is a mask of volumes, but l.gii is on surfaces")
	_, err = disk.Open(ctx, "l.mgz", OpenOptions{})
	refused(t, err, "l.mgz", "expected .dtseries.nii, .nii, .gii")
}

// labelImage stores a label image of 2 x 2 x 2 voxels.
func labelImage(t *testing.T, disk Files, name string, d Datatype, keys ...float64) {
	t.Helper()
	im := &Nifti{Header: &Header{Version: 1, NDim: 3, Dims: [7]int64{2, 2, 2, 1, 1, 1, 1}, SformCode: 1, Srow: [3][4]float64{{1}, {0, 1}, {0, 0, 1}}, Slope: 1}}
	var err error
	if im.Grid, err = im.Header.Grid(); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteMap(ctx, name, im.FullMask(), keys, MapOptions{Datatype: d}); err != nil {
		t.Fatal(err)
	}
}

// Labels are exact as far as their type is; those below 0 that no table names are no
// region; labels of one name are one network.
func TestLabelsOfVolumes(t *testing.T) {
	disk := Files{FS: faultfs.NewMem()}
	labelImage(t, disk, "where.nii", Uint8, 1, 1, 1, 1, 1, 1, 1, 1)
	labelImage(t, disk, "large.nii", Int32, 0, 0, 20000003, 20000003, 20000005, 20000005, 0, 0)
	labelImage(t, disk, "float.nii", Float32, 0, 0, 20000004, 1, 1, 1, 0, 0)
	labelImage(t, disk, "double.nii", Float64, 0, 0, 9007199254740991, 1, 1, 1, 0, 0)
	labelImage(t, disk, "negative.nii", Int16, -1, -1, 1, 1, 2, 2, -5, 0)
	labelImage(t, disk, "named.nii", Int16, -1, -1, 1, 1, 2, 2, 2, 0)
	labelImage(t, disk, "below.nii", Int16, -1, -1, -1, -1, -1, -1, -1, 0)
	labelImage(t, disk, "half.nii", Float32, 0, 0.5, 1, 1, 1, 1, 1, 1)
	mem := disk.FS.(*faultfs.Mem)
	put(t, mem, "names.tsv", []byte("index\tname\n-1\tbelow\n1\ta\n2\ta\n20000003\tfar\n"))
	im, err := disk.Open(ctx, "where.nii", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for _, c := range []struct {
		path, table string
		names       []string
		at          []int
		notes       string
	}{
		{"large.nii", "", []string{"20000003", "20000005"}, []int{-1, -1, 0, 0, 1, 1, -1, -1}, ""},
		{"large.nii", "names.tsv", []string{"far", "20000005"}, []int{-1, -1, 0, 0, 1, 1, -1, -1}, ""},
		{"double.nii", "", []string{"1", "9007199254740991"}, []int{-1, -1, 1, 0, 0, 0, -1, -1}, ""},
		{"negative.nii", "", []string{"1", "2"}, []int{-1, -1, 0, 0, 1, 1, -1, -1}, "no region: -5, -1"},
		{"named.nii", "names.tsv", []string{"below", "a", "a"}, []int{0, 0, 1, 1, 2, 2, 2, -1}, ""},
	} {
		l, err := im.Places().Labels(ctx, disk, c.path, c.table)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		var names []string
		for _, label := range l.Table {
			names = append(names, label.Name)
		}
		if !slices.Equal(names, c.names) || !slices.Equal(l.At, c.at) || !strings.Contains(strings.Join(l.Notes, ""), c.notes) || c.notes == "" && len(l.Notes) > 0 {
			t.Errorf("%s: labels %q at %v, notes %q; want %q at %v", c.path, names, l.At, l.Notes, c.names, c.at)
		}
	}
	for path, want := range map[string]string{"float.nii": "20000004, expected labels up to 16777216", "below.nii": "no label above 0", "half.nii": "is 0.5, expected a label"} {
		_, err := im.Places().Labels(ctx, disk, path, "")
		refused(t, err, path, want)
	}
	tm, err := im.Places().Templates(ctx, disk, "named.nii", "names.tsv")
	if err != nil {
		t.Fatal(err)
	}
	values, err := tm.Load(ctx, disk)
	if err != nil {
		t.Fatal(err)
	}
	if len(tm.Networks) != 2 || !tm.Labels || !slices.Equal(values[8:], []float64{0, 0, 1, 1, 1, 1, 1, 0}) || len(tm.Notes) != 1 || !strings.Contains(tm.Notes[0], "3 labels are 2 networks") {
		t.Errorf("networks %v of values %v, notes %q", tm.Networks, values, tm.Notes)
	}
}

// What is sampled while an image is read is what Volume.AtMask takes from it, to the
// bit, on any grid.
func TestSampledAsVolume(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 60 {
		h := &Header{Version: 1, NDim: 4, Datatype: Float64, Slope: 1, SformCode: 1}
		h.Dims = [7]int64{int64(1 + rng.IntN(4)), int64(1 + rng.IntN(5)), int64(1 + rng.IntN(4)), 2, 1, 1, 1}
		to := &Grid{Dims: [3]int{1 + rng.IntN(5), 1 + rng.IntN(4), 1 + rng.IntN(5)}}
		to.Affine[3][3] = 1
		for r := range 3 {
			h.Srow[r][r], to.Affine[r][r] = 1+rng.Float64(), 1+rng.Float64()
			h.Srow[r][3], to.Affine[r][3] = rng.Float64(), 2*rng.Float64()-1
			h.Srow[r][(r+1)%3] = 0.3 * rng.Float64()
		}
		b := h.encode()
		for range 2 * h.Dims[0] * h.Dims[1] * h.Dims[2] {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(rng.NormFloat64()))
		}
		im, err := memDisk(t, "x.nii", string(b)).Nifti("x.nii")
		if err != nil {
			t.Fatal(err)
		}
		if n%5 == 0 {
			to = im.Grid
		}
		mask := (&Nifti{Header: h, Grid: to}).FullMask()
		mask = listed(mask, slices.DeleteFunc(mask.file(), func(int32) bool { return rng.IntN(4) == 0 }))
		for _, how := range []Interpolation{Nearest, Trilinear} {
			s, err := im.sample(mask, how)
			if err != nil {
				t.Fatal(err)
			}
			err = s.each(ctx, im, -7, func(r int, got []float64) error {
				v, err := im.Volume(ctx, r)
				if err != nil {
					return err
				}
				want, err := v.AtMask(mask, how, -7)
				if err == nil && !slices.Equal(got, want) {
					err = fmt.Errorf("volume %d: %v, want %v", r, got, want)
				}
				return err
			})
			if err != nil {
				t.Fatalf("%v to %v, %v: %v", h.Dims, to.Dims, how, err)
			}
		}
	}
}

// Headers that nibabel 5.4 reads are read alike: its values and affines are written here.
func TestHeadersAsNibabel(t *testing.T) {
	le := binary.LittleEndian
	put32 := func(at int, x float32) func(b []byte) {
		return func(b []byte) { le.PutUint32(b[at:], math.Float32bits(x)) }
	}
	put16 := func(at int, x int16) func(b []byte) { return func(b []byte) { le.PutUint16(b[at:], uint16(x)) } }
	putInt := func(at int, x uint32) func(b []byte) { return func(b []byte) { le.PutUint32(b[at:], x) } }
	bytesAt := func(at int, x ...byte) func(b []byte) { return func(b []byte) { copy(b[at:], x) } }
	for name, c := range map[string]struct {
		two     bool // a NIfTI-2 file
		changes []func(b []byte)
		x       [4]float64 // first row of the affine; not compared if zero
	}{
		"vox_offset 0":            {changes: []func([]byte){put32(108, 0)}},
		"vox_offset 352.5":        {changes: []func([]byte){put32(108, 352.5)}},
		"vox_offset 0, NIfTI-2":   {two: true, changes: []func([]byte){putInt(168, 0)}},
		"sizeof_hdr 0":            {changes: []func([]byte){putInt(0, 0)}},
		"sizeof_hdr 540":          {changes: []func([]byte){putInt(0, 540)}},
		"ni1 in one file":         {changes: []func([]byte){bytesAt(344, 'n', 'i', '1', 0)}},
		"no end-of-line check":    {two: true, changes: []func([]byte){bytesAt(8, 0, 0, 0, 0)}},
		"bitpix 0":                {changes: []func([]byte){put16(72, 0)}},
		"qfac 0":                  {changes: []func([]byte){put16(254, 0), put16(252, 1), put32(76, 0), put32(80, 2)}, x: [4]float64{2, 0, 0, 0}},
		"a size of 0, qform":      {changes: []func([]byte){put16(254, 0), put16(252, 1), put32(80, 0)}, x: [4]float64{1, 0, 0, 0}},
		"a size below 0, qform":   {changes: []func([]byte){put16(254, 0), put16(252, 1), put32(80, -2)}, x: [4]float64{2, 0, 0, 0}},
		"a size of 0, no form":    {changes: []func([]byte){put16(254, 0), put16(252, 0), put32(80, 0)}, x: [4]float64{-1, 0, 0, 1.5}},
		"a size below 0, no form": {changes: []func([]byte){put16(254, 0), put16(252, 0), put32(80, -2)}, x: [4]float64{-2, 0, 0, 3}},
		"sform code -1":           {changes: []func([]byte){put16(254, -1), put16(252, 0), put32(80, 2)}, x: [4]float64{-2, 0, 0, 3}},
		"scl_slope NaN":           {changes: []func([]byte){put32(112, float32(math.NaN())), put32(116, 5)}},
		"scl_slope 0":             {changes: []func([]byte){put32(112, 0), put32(116, 5)}},
		"extension flag alone":    {changes: []func([]byte){bytesAt(348, 9, 1, 1, 1)}},
		"behind the axes":         {changes: []func([]byte){put16(54, -1)}},
	} {
		b := header1()
		if c.two {
			b = header2()
		}
		b = append(slices.Clone(b), bytes.Repeat([]byte{1, 2, 3, 4, 5, 6}, smallVoxels/6)...)
		want, err := memDisk(t, "x.nii", string(b)).Nifti("x.nii")
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range c.changes {
			change(b)
		}
		got, err := memDisk(t, "x.nii", string(b)).Nifti("x.nii")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := got.Volume(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		w, err := want.Volume(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if maxAbs(v.Values, w.Values) != 0 || c.x != [4]float64{} && got.Grid.Affine[0] != c.x {
			t.Errorf("%s: other voxels, or an affine of %v, want %v", name, got.Grid.Affine[0], c.x)
		}
	}
}

// The TR of a header in single precision is the decimal that was meant, in any unit.
func TestHeaderTR(t *testing.T) {
	for _, c := range []struct {
		version, units int
		pixdim, want   float64
	}{
		{1, 8, float64(float32(0.8)), 0.8}, {1, 16, 720, 0.72}, {1, 16, float64(float32(719.99)), 0.71999}, {1, 24, 800000, 0.8}, {1, 0, 2, 2}, {2, 8, 0.8, 0.8},
		{2, 16, 1490, 1.49}, {1, 8, math.NaN(), 0}, {1, 8, -2, 0}, {1, 8, math.Inf(1), 0}, {1, 8, 0, 0},
	} {
		h := Header{Version: c.version, NDim: 4, XYZTUnits: c.units, Pixdim: [8]float64{4: c.pixdim}}
		if got := h.TR(); got != c.want {
			t.Errorf("%v in units %d of NIfTI-%d: TR is %v, want %v", c.pixdim, c.units, c.version, got, c.want)
		}
	}
}

// Results of every kind are found by the name that they were written under.
func TestFindResult(t *testing.T) {
	for _, path := range []string{nifti("full.nii.gz"), surface("series.dtseries.nii")} {
		disk := Files{FS: faultfs.NewMem()}
		im, err := Files{}.Open(ctx, path, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		if found, err := disk.FindResult("map"); found != "" || err != nil {
			t.Fatalf("found %q (%v) where nothing is", found, err)
		}
		out := Output{Files: disk, Place: func(name string) (string, error) { return name, nil }}
		values := make([]float64, im.Cols())
		for v := range values {
			values[v] = float64(v)
		}
		m := Maps{Name: "map", Rows: matrix{rows: 1, cols: im.Cols(), data: values}, Label: func(int) string { return "map" },
			Row: func(_ context.Context, _ int, dst []float64) error { copy(dst, values); return nil }}
		if err := im.Places().Write(ctx, out, m); err != nil {
			t.Fatal(err)
		}
		found, err := disk.FindResult("map")
		if err != nil || found != ResultName("map", path) {
			t.Fatalf("found %q (%v), want %q", found, err, ResultName("map", path))
		}
		back, got := load(t, disk, found, OpenOptions{Rows: MapRows, Like: im.Places()}, Storage{Memory: 1 << 20})
		if maxAbs(got[0], values) != 0 {
			t.Errorf("%s reads back as %v", filepath.Base(path), got[0])
		}
		back.Close()
	}
}

// Values that are stored big-endian, by column, are read where they lie.
func TestStoredBigEndian(t *testing.T) {
	b := []byte{9, 9}
	for i := range 6 {
		b = binary.BigEndian.AppendUint16(b, uint16(300+i))
	}
	s := &stored{path: "x", rows: 2, cols: 3, byColumn: true, datatype: Int16, bigEndian: true, direct: bytes.NewReader(b), first: 2}
	got := make([]float64, 6)
	if err := readStored(ctx, s, 0, 3, got, 3); err != nil || !slices.Equal(got, []float64{300, 302, 304, 301, 303, 305}) {
		t.Errorf("values %v (%v)", got, err)
	}
}

// Voxels that are NaN in a mask are outside, and masks meet in the voxels of both.
func TestMasksMeet(t *testing.T) {
	disk := Files{FS: faultfs.NewMem()}
	nan := math.NaN()
	labelImage(t, disk, "a.nii", Float32, 1, 0, nan, 1, 2, 1, 0, 1)
	labelImage(t, disk, "b.nii", Float32, 0, 1, 1, 1, nan, 1, 0, 3)
	labelImage(t, disk, "none.nii", Float32, 0, 1, 1, 0, 0, 0, 0, 0)
	masks := map[string]*Mask{}
	for name, want := range map[string]int{"a.nii": 5, "b.nii": 5, "none.nii": 2} {
		m, err := disk.Mask(ctx, name, nil)
		if err != nil || m.Len() != want {
			t.Fatalf("%s: %v (%v), want %d voxels", name, m, err, want)
		}
		masks[name] = m
	}
	both, err := masks["a.nii"].Intersect(masks["b.nii"])
	if err != nil {
		t.Fatal(err)
	}
	spread, err := both.Spread([]float64{1, 1, 1}, 0)
	if err != nil || !slices.Equal(spread.Values, []float64{0, 0, 0, 1, 0, 1, 0, 1}) {
		t.Errorf("in both are %v (%v)", spread, err)
	}
	_, err = masks["a.nii"].Intersect(masks["none.nii"])
	refused(t, err, "none.nii", "no voxel in common")
	if err := disk.WriteMaps(ctx, "o.nii", both, 1, func(_ int, dst []float64) error { copy(dst, []float64{4, 5, 6}); return nil }, MapOptions{Outside: -3}); err != nil {
		t.Fatal(err)
	}
	im, err := disk.Nifti("o.nii")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := im.Volume(ctx, 0); err != nil || !slices.Equal(v.Values, []float64{-3, -3, -3, 4, -3, 5, -3, 6}) {
		t.Errorf("written %v (%v)", v, err)
	}
}

// Results on two hemispheres are each hemisphere's own part, and on the cortex every
// value lies at its vertex.
func TestCortexResults(t *testing.T) {
	disk := Files{FS: faultfs.NewMem()}
	for name, g := range map[string]*Gifti{"r.gii": giftiOf(t, "CortexRight", []float64{0, 0}), "l.gii": giftiOf(t, "CortexLeft", []float64{0, 0, 0})} {
		if err := disk.WriteGifti(name, g); err != nil {
			t.Fatal(err)
		}
	}
	im, err := disk.Open(ctx, "r.gii,l.gii", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows := matrix{rows: 2, cols: 5, data: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
	out := Output{Files: disk, Place: func(name string) (string, error) { return name, nil }}
	if err := im.Places().Write(ctx, out, Maps{Name: "m", Rows: rows, Label: func(int) string { return "m" }, Row: rows.row}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][][]float64{"m_hemi-R.func.gii": {{1, 2}, {6, 7}}, "m_hemi-L.func.gii": {{3, 4, 5}, {8, 9, 10}}} {
		_, got := load(t, disk, name, OpenOptions{}, Storage{Memory: 1000})
		for r := range want {
			if !slices.Equal(got[r], want[r]) {
				t.Errorf("%s row %d is %v, want %v", name, r, got[r], want[r])
			}
		}
	}
	if c := OnCortex(im.Places().(SurfacePlaces), []float64{1, 2, 3, 4, 5}); !slices.Equal(c[0], []float64{3, 4, 5}) || !slices.Equal(c[1], []float64{1, 2}) {
		t.Errorf("on the cortex %v", c)
	}
	p := &ciftiPlaces{header: CiftiHeader{Models: []BrainModel{
		{Structure: "CIFTI_STRUCTURE_CORTEX_RIGHT", SurfaceVertices: 4, Vertices: []int32{3, 1}},
		{Structure: "CIFTI_STRUCTURE_THALAMUS_LEFT", Voxels: [][3]int32{{0, 0, 0}}}}}}
	c := OnCortex(p, []float64{7, 8, 9})
	if c[0] != nil || c[1][3] != 7 || c[1][1] != 8 || c[1][0] == c[1][0] {
		t.Errorf("grayordinates on the cortex %v", c)
	}
}

// A grayordinate that an atlas does not have is of no region, and outside templates.
func TestLabelsOfGrayordinates(t *testing.T) {
	disk := Files{FS: faultfs.NewMem()}
	models := func(vertices ...int32) []BrainModel {
		return []BrainModel{{Structure: "CIFTI_STRUCTURE_CORTEX_LEFT", SurfaceVertices: 9, Vertices: vertices}}
	}
	h := &CiftiHeader{Kind: DenseLabel, Rows: 1, Models: models(1, 2, 5), Maps: []CiftiMap{{Name: "x", Labels: LabelTable{{0, "none", grey}, {4, "four", grey}, {7, "seven", grey}}}}}
	if err := disk.WriteCifti(ctx, "x.dlabel.nii", h, matrix{rows: 1, cols: 3, data: []float64{7, 0, 4}}); err != nil {
		t.Fatal(err)
	}
	p := &ciftiPlaces{path: "maps", header: CiftiHeader{Models: models(5, 3, 2, 1)}}
	l, err := p.Labels(ctx, disk, "x.dlabel.nii", "")
	if err != nil || !slices.Equal(l.At, []int{0, -1, -1, 1}) {
		t.Errorf("labels %+v (%v)", l, err)
	}
	tm, err := p.Templates(ctx, disk, "x.dlabel.nii", "")
	if err != nil {
		t.Fatal(err)
	}
	v, err := tm.Load(ctx, disk)
	if err != nil {
		t.Fatal(err)
	}
	if v[0] != 1 || v[1] == v[1] || v[2] != 0 || v[3] != 0 {
		t.Errorf("template %v", v)
	}
}
