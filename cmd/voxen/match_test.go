package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"voxen/store"
)

// matchedR is the column r of matches.tsv, atom by atom.
func matchedR(t *testing.T, dir string) []float64 {
	t.Helper()
	table, err := store.ReadTable(store.OS{}, filepath.Join(dir, "matches.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	cells, err := table.Column("r")
	if err != nil {
		t.Fatal(err)
	}
	var r []float64
	for _, c := range cells {
		x, err := strconv.ParseFloat(c, 64)
		if err != nil {
			t.Fatal(err)
		}
		r = append(r, x)
	}
	return r
}

// TestMatchCommand runs voxen match on each sort of maps as a user does, and compares
// every correlation with numpy's (testdata/golden/match.py): labels of another grid
// are taken from the nearest voxel, maps are interpolated trilinearly, and maps on
// both cortices are turned over their spheres. The table has seven digits.
func TestMatchCommand(t *testing.T) {
	const volume, surface = "../../testdata/golden/match/volume/", "../../testdata/golden/match/surface/"
	both := func(name, ending string) string {
		return surface + name + "_hemi-L" + ending + "," + surface + name + "_hemi-R" + ending
	}
	subjects := []string{"--maps", volume + "sub-01_space-MNI_weights.nii.gz", "--maps", volume + "sub-02_space-MNI_weights.nii.gz"}
	spheres := []string{"--sphere", surface + "sphere_hemi-L.surf.gii", "--sphere", surface + "sphere_hemi-R.surf.gii"}
	type golden struct {
		R [][]float64 `json:"r"`
	}
	var volumes map[string]golden
	var cortex golden
	for path, into := range map[string]any{volume + "expected.json": &volumes, surface + "expected.json": &cortex} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		want golden
		says string
	}{
		{"labels", append(subjects, "--templates", volume+"networks_space-MNI_label.nii.gz"), volumes["labels"], "variogram surrogates"},
		{"maps", append(subjects, "--templates", volume+"maps_space-MNI152NLin6Asym.nii.gz"), volumes["maps"], "variogram surrogates"},
		{"cifti", append(spheres, "--maps", surface+"weights.dscalar.nii", "--templates", surface+"networks.dlabel.nii"), cortex, "spin surrogates"},
		{"gifti", append(spheres, "--maps", both("weights", ".func.gii"), "--templates", both("networks", ".label.gii")), cortex, "58 voxels outside"},
		{"gifti-maps", append(spheres, "--maps", both("weights", ".func.gii"), "--templates", both("networks", ".shape.gii")), cortex, "spin surrogates"},
	} {
		out := filepath.Join(dir, c.name)
		if said := mustRun(t, append([]string{"match", "--draws", "200", "--seed", "5", "--out", out}, c.args...)...); !strings.Contains(said, c.says) {
			t.Errorf("%s: said %q, expected %q", c.name, said, c.says)
		}
		r := matchedR(t, out)
		for k, row := range c.want.R {
			for b, want := range row {
				if got := r[k*len(row)+b]; math.Abs(got-want) > 2e-6 {
					t.Errorf("%s: atom %d, network %d: r %g, expected %g", c.name, k, b, got, want)
				}
			}
		}
	}
	null := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name, "null.npy"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if want := null("cifti"); !bytes.Equal(want, null("gifti")) || !bytes.Equal(want, null("gifti-maps")) {
		t.Error("the null of the same maps differs between CIFTI and GIFTI")
	}
	// the same labels under the name of another space
	labels, err := os.ReadFile(volume + "networks_space-MNI_label.nii.gz")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "networks_space-T1w_label.nii.gz")
	if err := os.WriteFile(other, labels, 0o666); err != nil {
		t.Fatal(err)
	}
	_, said, status := voxen(append(subjects, "match", "--templates", other, "--out", filepath.Join(dir, "refused"))...)
	if status != 2 || !strings.Contains(said, "in space T1w, expected MNI") || strings.Count(strings.TrimSpace(said), "\n") != 0 {
		t.Errorf("another space: status %d, %q", status, said)
	}
}
