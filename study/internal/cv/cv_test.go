package cv_test

import (
	"strings"
	"testing"

	"voxen/study/internal/cv"
)

// Folds are read as they are written, and what is none is refused.
func TestFolds(t *testing.T) {
	for _, text := range []string{"runs", "kfold:5", "kfold:3,within=runs", "kfold:5,gap=10", "kfold:3,within=runs,gap=2", "runs,gap=4"} {
		f, err := cv.Parse(text)
		if err != nil || f.String() != text {
			t.Errorf("%s is %v, %v", text, f, err)
		}
	}
	for _, text := range []string{"", "jackknife", "runs:2", "kfold", "kfold:1", "kfold:x", "kfold:5,gap", "kfold:5,gap=-1", "kfold:5,gap=1,gap=2", "kfold:5,gap=1.5", "runs,within=runs", "kfold:5,", "kfold:5 ,gap=2"} {
		if f, err := cv.Parse(text); err == nil || !strings.Contains(err.Error(), "--cv") {
			t.Errorf("%q is %v, %v", text, f, err)
		}
	}
}

// A study's folds: five of one run, three of each of two, else a run at a time, with a gap
// of 20 s, halved until two thirds of the rows train.
func TestOfStudy(t *testing.T) {
	for _, c := range []struct {
		text    string
		volumes []int
		tr      float64
		nested  bool
		want    string
	}{
		{"", []int{400}, 2, true, "kfold:5,gap=10"},
		{"", []int{400}, 1.5, false, "kfold:5,gap=14"},
		{"", []int{60}, 2, true, "kfold:5,gap=2"}, // 12 + 2 x 5 rows are more than a third, 12 + 2 x 2 are not
		{"", []int{12}, 2, true, "kfold:5"},
		{"", []int{200, 300}, 2, true, "kfold:3,within=runs,gap=10"},
		{"", []int{200, 300}, 2, false, "runs"},
		{"", []int{200, 300, 100}, 2, true, "runs"},
		{"kfold:4", []int{200, 300, 100}, 2, true, "kfold:4,gap=10"},
		{"kfold:4,gap=0", []int{200}, 2, true, "kfold:4"},
		{"kfold:4,gap=3", []int{200}, 2, true, "kfold:4,gap=3"},
		{"runs", []int{200, 300}, 2, true, "runs"},
	} {
		f, err := cv.OfStudy(c.text, c.volumes, c.tr, c.nested)
		if err != nil || f.String() != c.want {
			t.Errorf("%+v: %v, %v", c, f, err)
		}
	}
	if _, err := cv.OfStudy("kfold:9", []int{8}, 2, true); err == nil {
		t.Error("nine folds of eight rows")
	}
}

// What --cv takes is what it writes.
func TestFoldsOfRules(t *testing.T) {
	for _, text := range []string{"loo", "gcv", "chunks:40,n=20,boots=15", "chunks:40,n=20,boots=15,seed=9"} {
		f, err := cv.Parse(text)
		if err != nil || f.String() != text || f.ByFolds() {
			t.Errorf("%s: %+v, %v", text, f, err)
		}
		if f, err := cv.OfStudy(text, []int{1000, 900}, 2, false); err != nil || f.String() != text {
			t.Errorf("%s in a study: %s, %v", text, f, err)
		}
	}
	for _, text := range []string{"loo:1", "gcv,gap=1", "chunks", "chunks:40", "chunks:0,n=1,boots=1", "chunks:40,n=20", "chunks:40,n=20,boots=15,", "chunks:-4,n=2,boots=1", "chunks:4,n=2,boots=1,length=5", "chunksx:4,n=2,boots=1"} {
		if f, err := cv.Parse(text); err == nil {
			t.Errorf("%s is read as %s", text, f)
		}
	}
}
