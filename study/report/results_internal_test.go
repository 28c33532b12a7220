package report

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"voxen/brain"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/study/step"
)

// Scores in arrays are drawn where the mask of match says they lie, if they are as many.
func TestArraysOnTheMaskOfMatch(t *testing.T) {
	dir, ctx := t.TempDir(), context.Background()
	mask, err := (brain.Files{}).Mask(ctx, "../../testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := (brain.Files{}).WriteMask(ctx, filepath.Join(dir, "mask.nii.gz"), mask); err != nil {
		t.Fatal(err)
	}
	scores := make([]float32, mask.Len())
	scores[1] = 0.5
	for name, n := range map[string]int{"cv_score.npy": mask.Len(), "q.npy": mask.Len() - 1} {
		if err := npytest.Save(filepath.Join(dir, name), []int{n}, scores[:n]); err != nil {
			t.Fatal(err)
		}
	}
	b := &reporter{Run: &step.Run{Worker: &step.Worker{Env: steptest.Env()}}}
	b.files = b.Env.Files()
	v, _, err := b.resultOf(ctx, Model{Match: dir}, dir, "cv_score")
	if err != nil || v == nil {
		t.Fatal(v, err)
	}
	i, j, k := mask.Voxel(1)
	if v.At(i, j, k) != 0.5 || !math.IsNaN(v.At(0, 0, 0)) {
		t.Errorf("a voxel of the mask is %g, one outside %g; want 0.5 and NaN", v.At(i, j, k), v.At(0, 0, 0))
	}
	for name, m := range map[string]Model{"q": {Match: dir}, "none": {Match: dir}, "cv_score": {}} {
		if v, _, err := b.resultOf(ctx, m, dir, name); v != nil || err != nil {
			t.Errorf("%s with match %q: %v, %v; want nothing to draw", name, m.Match, v, err)
		}
	}
}
