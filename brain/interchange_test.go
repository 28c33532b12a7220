package brain

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// With -interchange DIR, what this package writes is left in DIR for
// testdata/brain/check.py, which reads it with nibabel:
//
//	go test ./brain -run Interchange -args -interchange DIR
//	python testdata/brain/check.py DIR
var interchange = flag.String("interchange", "", "leave images for testdata/brain/check.py in this folder")

func TestInterchange(t *testing.T) {
	dir := *interchange
	if dir == "" {
		dir = t.TempDir()
	} else if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	mask, err := disk.Mask(ctx, nifti("mask.nii"), nil)
	if err != nil {
		t.Fatal(err)
	}
	full := mustOpen(t, nifti("full.nii.gz"))
	for name, opt := range map[string]MapOptions{
		"maps.nii.gz":     {Template: full.Header},
		"maps_f64.nii":    {Datatype: Float64, TR: 0.8},
		"maps_int16.nii":  {Datatype: Int16, IntentCode: 1002, IntentName: "labels", Descrip: "made by a test"},
		"nifti2.nii.gz":   {Template: mustOpen(t, nifti("v2_be_float32.nii")).Header},
		"one_uint8.nii":   {Datatype: Uint8},
		"slope_gone.nii":  {Template: mustOpen(t, nifti("slope_int16.nii")).Header},
		"quaternion.nii":  {},
		"many_maps.nii":   {},
		"mask_kept.nii":   {Datatype: Uint8},
		"nan_inside.nii":  {},
		"outside_nan.nii": {Outside: math.NaN()},
	} {
		m, n := mask, 3
		switch name {
		case "quaternion.nii":
			m = mustOpen(t, nifti("qform_only.nii")).FullMask()
		case "many_maps.nii":
			n = 40000 // more than NIfTI-1 counts
		case "one_uint8.nii":
			n = 1
		case "mask_kept.nii":
			if err := disk.WriteMask(ctx, filepath.Join(dir, name), mask); err != nil {
				t.Fatal(err)
			}
			continue
		}
		err := disk.WriteMaps(ctx, filepath.Join(dir, name), m, n, func(r int, dst []float64) error {
			for v := range dst {
				dst[v] = float64((100*r + v) % 120)
			}
			if name == "nan_inside.nii" {
				dst[1] = math.NaN()
			}
			return nil
		}, opt)
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range loadSurface(t).Cifti {
		c, err := disk.Cifti(surface(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := disk.WriteCifti(ctx, filepath.Join(dir, name), &c.CiftiHeader, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"func_gz.func.gii", "small.surf.gii", "small.label.gii", "small.shape.gii"} {
		g, err := (Files{Memory: 1 << 20}).Gifti(surface(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := disk.WriteGifti(filepath.Join(dir, name), g); err != nil {
			t.Fatal(err)
		}
	}
}
