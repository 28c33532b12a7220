package study_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study"
)

// TestForeseen: what will be warned of is known before anything is done, and what is no
// trouble is not listed.
func TestForeseen(t *testing.T) {
	dir, yaml := small(t)
	example, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "many.tsv")
	if err := os.WriteFile(table, []byte(strings.Replace(motionTable(t, filepath.Join(dir, "example-data/sub-01_confounds.tsv"), 20), "\n0", "\nn/a", 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	many := strings.NewReplacer("confounds: example-data/sub-01_confounds.tsv", "confounds: "+table, "confounds: example-data/sub-02_confounds.tsv", "confounds: "+table, "confounds: [trans_*, csf]", `confounds: ["*"]`)
	for name, c := range map[string]struct {
		edit       *strings.Replacer
		want, lack []string
	}{
		"as it is": {strings.NewReplacer(), []string{
			"match tiny-bert: 2 subjects: too few for the null of subjects, which takes 6",
			"group tiny-bert: without encode.null scores have no mean of their null",
		}, []string{"more than a third", "no table of labels", "nothing is held out", "n/a at the head", "images are fitted without"}},
		"many confounds": {many, []string{
			"encode tiny-bert sub-01 and 1 more: " + table + ": trends and confounds are 28 regressors of a run of 60 rows, more than a third",
			"encode tiny-bert sub-01 and 1 more: n/a at the head of a column of confounds takes the first value below it",
		}, nil},
		"nothing held out": {strings.NewReplacer("# nested: true", "nested: false"), []string{
			"encode tiny-bert sub-01 and 1 more: nothing is held out",
		}, []string{"group tiny-bert"}},
		"raw images": {strings.NewReplacer("# per_run: zscore", "per_run: none", "# detrend: cosine:128", "detrend: none", "confounds: [trans_*, csf]", "confounds: none"), []string{
			"encode tiny-bert sub-01 and 1 more: images are fitted without an intercept or per-run steps",
		}, nil},
		"a null":       {strings.NewReplacer("# null: shift:1000", "null: blocks:20"), nil, []string{"group tiny-bert"}},
		"few lesions":  {strings.NewReplacer("# lesion:\n#   words: example-data/unseen.tsv ", "lesion:\n  draws: 9\n  words: example-data/unseen.tsv "), []string{"lesion tiny-bert: lesion.draws 9: the smallest p of a sub-group is 0.1, so that none can pass 0.05"}, nil},
		"more lesions": {strings.NewReplacer("# lesion:\n#   words: example-data/unseen.tsv ", "lesion:\n  words: example-data/unseen.tsv "), nil, []string{"lesion.draws"}},
		"enough":       {strings.NewReplacer("stimulus_draws: 50", "stimulus_draws: 2000"), nil, []string{"match.stimulus_draws"}},
	} {
		if err := os.WriteFile(yaml, []byte(c.edit.Replace(string(example))), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		states, err := s.States(steptest.Env())
		if err != nil {
			t.Fatal(err)
		}
		lines, err := s.Foreseen(steptest.Env(), states)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all := strings.Join(lines, "\n") + "\n"
		for _, want := range c.want {
			if !strings.Contains("\n"+all, "\n"+want) {
				t.Errorf("%s: no %q in\n%s", name, want, all)
			}
		}
		for _, lack := range c.lack {
			if strings.Contains(all, lack) {
				t.Errorf("%s: %q in\n%s", name, lack, all)
			}
		}
	}
	// networks without their table
	if err := os.WriteFile(yaml, example, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "example-data/networks.tsv")); err != nil {
		t.Fatal(err)
	}
	s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	states, err := s.States(steptest.Env())
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := s.Foreseen(steptest.Env(), states); err != nil || !strings.Contains(strings.Join(lines, "\n"), "networks.nii.gz has no table of labels beside it: networks are called by their numbers") {
		t.Errorf("%q, %v", lines, err)
	}
}
