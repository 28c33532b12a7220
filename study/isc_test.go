package study_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study"
	"voxen/study/encode"
)

// With encode.isc every subject is compared with all others, in the runs of its held-out
// score; what is not to be compared is refused with its line.
func TestISCOfAStudy(t *testing.T) {
	dir := t.TempDir()
	yaml := filepath.Join(dir, "study.yaml")
	if err := study.InitStudy(context.Background(), steptest.Env(), yaml); err != nil {
		t.Fatal(err)
	}
	asked := strings.Replace(study.ExampleYAML, "\nencode:\n", "\nencode:\n  isc: true\n", 1)
	for name, c := range map[string]struct {
		edit    func(text string) string
		refused string
	}{
		"four subjects": {func(text string) string { return text }, ""},
		"three": {func(text string) string {
			return strings.Join(slices.DeleteFunc(slices.Collect(strings.Lines(text)), func(line string) bool {
				return strings.Contains(line, `name: "04"`) || strings.Contains(line, "scores:")
			}), "")
		}, "encode.isc is true, and there are 3 subjects: expected at least 4"},
		"no held-out score": {func(text string) string {
			return strings.Replace(text, "isc: true\n", "isc: true\n  nested: false\n", 1)
		}, "encode.isc is true without held-out scores"},
	} {
		if err := os.WriteFile(yaml, []byte(c.edit(asked)), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
		if c.refused != "" {
			if err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want a refusal: %s", name, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var fits []*encode.Options
		for _, task := range s.Tasks {
			if o, ok := task.Step.(*encode.Options); ok {
				fits = append(fits, o)
			}
		}
		if len(fits) < 4 {
			t.Fatalf("%d fits", len(fits))
		}
		for i, o := range fits[:4] {
			var want []string
			for j, other := range fits[:4] {
				if i != j {
					want = append(want, other.Responses...)
				}
			}
			if !slices.Equal(o.ISC, want) || len(want) == 0 {
				t.Errorf("subject %d is compared with %q, want %q", i, o.ISC, want)
			}
		}
	}
}
