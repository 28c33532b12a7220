package brain

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"voxen/internal/faultfs"
	"voxen/store"
)

// disk is the file system of the operating system.
var disk Files

const goldenDir = "../testdata/brain"

// goldenImage is what nibabel reads from one file of testdata/brain/nifti.
type goldenImage struct {
	Shape   []int
	Affine  [4][4]float64
	Dtype   string
	Data    [][]float64
	Masked  [][]float64
	Version int
}

type goldenImages struct {
	Images map[string]goldenImage
	Mask   [][3]int
	Haxby  struct {
		Shape       [2]int
		ColumnMeans []float64 `json:"column_means"`
		Columns     map[string][]float64
	}
}

// readGolden reads a file that testdata/brain/make.py wrote.
func readGolden(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func loadImages(t testing.TB) goldenImages {
	var g goldenImages
	readGolden(t, "images.json", &g)
	return g
}

func nifti(name string) string { return filepath.Join(goldenDir, "nifti", name) }

// maxAbs returns the largest absolute difference, and NaN if lengths differ or
// a value is NaN on one side only.
func maxAbs(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.NaN()
	}
	var worst float64
	for i := range got {
		if math.IsNaN(got[i]) && math.IsNaN(want[i]) {
			continue
		}
		if d := math.Abs(got[i] - want[i]); !(d <= worst) {
			worst = d
		}
	}
	return worst
}

func mustOpen(t *testing.T, path string) *Nifti {
	t.Helper()
	im, err := disk.Nifti(path)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// memDisk is a file system in memory that holds one file.
func memDisk(t testing.TB, name, content string) Files {
	t.Helper()
	disk := faultfs.NewMem()
	err := store.WriteFile(disk, name, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return Files{FS: disk}
}

// eachVolume hands on the volumes of an image one after the other.
func eachVolume(im *Nifti, visit func(r int, volume []float64) error) error {
	for r := range im.Header.Volumes() {
		v, err := im.Volume(ctx, r)
		if err == nil {
			err = visit(r, v.Values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
