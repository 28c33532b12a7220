package brain

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// A derived image keeps what the template says of geometry and study, holds
// the values at the mask's voxels, NaN included, and 0 outside.
func TestWriteMapsKeepsTemplate(t *testing.T) {
	mask, err := disk.Mask(ctx, nifti("mask.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	source, err := disk.Nifti(nifti("full.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	value := func(r, v int) float64 {
		if r == 1 && v == 2 {
			return math.NaN()
		}
		return float64(float32(0.1*float64(v) - float64(r)))
	}
	for _, name := range []string{"maps.nii", "maps.nii.gz"} {
		path := filepath.Join(t.TempDir(), name)
		err = disk.WriteMaps(ctx, path, mask, 3, func(r int, dst []float64) error {
			for v := range dst {
				dst[v] = value(r, v)
			}
			return nil
		}, MapOptions{Template: source.Header})
		if err != nil {
			t.Fatal(err)
		}
		im, err := disk.Nifti(path)
		if err != nil {
			t.Fatal(err)
		}
		if im.compressed != (name == "maps.nii.gz") {
			t.Errorf("%s: compressed is %v", name, im.compressed)
		}
		want := *source.Header
		want.Pixdim[4], want.TOffset = 1, 0
		if got := *im.Header; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: header\n%+v, want\n%+v", name, got, want)
		}
		inMask := make(map[int]int)
		for v := range mask.Len() {
			i, j, k := mask.Voxel(v)
			inMask[(i*3+j)*2+k] = v
		}
		err = eachVolume(im, func(r int, volume []float64) error {
			for at, got := range volume {
				v, in := inMask[at]
				switch {
				case !in && got != 0:
					t.Errorf("outside the mask is %g", got)
				case in && got != value(r, v) && !(math.IsNaN(got) && math.IsNaN(value(r, v))):
					t.Errorf("map %d voxel %d is %g, want %g", r, v, got, value(r, v))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What is written in any type reads back equal.
func TestWriteMapTypes(t *testing.T) {
	im, err := disk.Nifti(nifti("v2_be_int16.nii"))
	if err != nil {
		t.Fatal(err)
	}
	mask := im.FullMask()
	values := make([]float64, mask.Len())
	for v := range values {
		values[v] = float64(v)
	}
	for _, d := range []Datatype{Uint8, Int8, Int16, Uint16, Int32, Uint32, Int64, Uint64, Float32, Float64} {
		path := filepath.Join(t.TempDir(), "map.nii.gz")
		if err := disk.WriteMap(ctx, path, mask, values, MapOptions{Datatype: d, TR: 1.5, Descrip: "test", IntentCode: 1002, IntentName: "labels"}); err != nil {
			t.Fatal(err)
		}
		back, err := disk.Nifti(path)
		if err != nil {
			t.Fatal(err)
		}
		h := back.Header
		if h.Version != 2 || h.Datatype != d || h.TR() != 1.5 || h.Descrip != "test" || h.IntentCode != 1002 || h.IntentName != "labels" {
			t.Errorf("%s: header %+v", d, h)
		}
		volume, err := back.Volume(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := maxAbs(volume.Values, values); diff != 0 {
			t.Errorf("%s: differs by %g", d, diff)
		}
		if lo, hi, integer := d.limits(); integer {
			for _, x := range []float64{lo - 1 - math.Abs(lo), 2*hi + 1, math.NaN()} {
				values[3] = x
				if err := disk.WriteMap(ctx, path, mask, values, MapOptions{Datatype: d}); err == nil {
					t.Errorf("%s: %g is accepted", d, x)
				}
			}
			values[3] = 3
		}
	}
}

// A map that cannot be finished leaves nothing behind and what was there
// before untouched.
func TestWriteMapsWholeOrNot(t *testing.T) {
	mask, err := disk.Mask(ctx, nifti("mask.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "map.nii.gz")
	if err := disk.WriteMask(ctx, path, mask); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	failed := errors.New("row is not there")
	err = disk.WriteMaps(ctx, path, mask, 5, func(r int, _ []float64) error {
		if r == 3 {
			return failed
		}
		return nil
	}, MapOptions{})
	if !errors.Is(err, failed) {
		t.Errorf("error is %v, want %v", err, failed)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := disk.WriteMask(cancelled, path, mask); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
	after, _ := os.ReadFile(path)
	entries, _ := os.ReadDir(dir)
	if string(before) != string(after) || len(entries) != 1 {
		t.Error("a failed write changed the folder")
	}
	again, err := disk.Mask(ctx, path, nil)
	if err != nil || !reflect.DeepEqual(again.file(), mask.file()) {
		t.Errorf("mask does not survive a round trip: %v", err)
	}
}

func TestWriteMapsRefuses(t *testing.T) {
	mask, err := disk.Mask(ctx, nifti("mask.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := disk.Nifti("../testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	zeros := func(int, []float64) error { return nil }
	for name, err := range map[string]error{
		"name":     disk.WriteMaps(ctx, filepath.Join(dir, "map.img"), mask, 1, zeros, MapOptions{}),
		"no maps":  disk.WriteMaps(ctx, filepath.Join(dir, "map.nii"), mask, 0, zeros, MapOptions{}),
		"template": disk.WriteMaps(ctx, filepath.Join(dir, "map.nii"), mask, 1, zeros, MapOptions{Template: other.Header}),
		"type":     disk.WriteMaps(ctx, filepath.Join(dir, "map.nii"), mask, 1, zeros, MapOptions{Datatype: 32}),
		"folder":   disk.WriteMaps(ctx, filepath.Join(dir, "no", "map.nii"), mask, 1, zeros, MapOptions{}),
		"length":   disk.WriteMap(ctx, filepath.Join(dir, "map.nii"), mask, make([]float64, 3), MapOptions{}),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

func TestSpreadGather(t *testing.T) {
	mask, err := disk.Mask(ctx, nifti("mask.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float64, mask.Len())
	for v := range values {
		values[v] = float64(v) + 0.5
	}
	volume, err := mask.Spread(values, -1)
	if err != nil {
		t.Fatal(err)
	}
	outside := 0
	for _, x := range volume.Values {
		if x == -1 {
			outside++
		}
	}
	if outside != len(volume.Values)-mask.Len() {
		t.Errorf("%d voxels outside, want %d", outside, len(volume.Values)-mask.Len())
	}
	if i, j, k := mask.Voxel(3); volume.At(i, j, k) != 3.5 {
		t.Errorf("voxel 3 is %g", volume.At(i, j, k))
	}
	back, err := mask.Gather(volume)
	if err != nil || maxAbs(back, values) != 0 {
		t.Errorf("gathered %v (%v), want %v", back, err, values)
	}
	if _, err := mask.Spread(values[1:], 0); err == nil {
		t.Error("spread accepts too few values")
	}
	if _, err := mask.Gather(&Volume{Grid: &Grid{Dims: [3]int{1, 1, 1}}, Values: []float64{1}}); err == nil {
		t.Error("gather accepts another grid")
	}
}
