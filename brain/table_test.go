package brain

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func writeTable(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSplitFields(t *testing.T) {
	for line, want := range map[string][]string{
		"a,b,c":           {"a", "b", "c"},
		"":                {""},
		",":               {"", ""},
		`"a,b",c`:         {"a,b", "c"},
		`"say ""hi""",c`:  {`say "hi"`, "c"},
		`"`:               {`"`},
		`"open,b`:         {`"open`, "b"},
		`a"b,"c`:          {`a"b`, `"c`},
		`"a"b,c`:          {`"a"b`, "c"},
		`"",""`:           {"", ""},
		`“Oh,”,"“dear”"`:  {"“Oh", "”", "“dear”"},
		`x,"ends in one"`: {"x", "ends in one"},
	} {
		if got := splitFields(line, ','); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// FuzzTable: no panic on any text, and what is accepted has finite times.
func FuzzTable(f *testing.F) {
	f.Add("onset\tduration\n1\t2\n")
	f.Add("\ufeffword,onset,offset\r\n\"a,b\",1,2\r\n")
	f.Add("a,a,1,2\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		const path = "t.tsv"
		disk := memDisk(t, path, text)
		if events, _, err := disk.Events(path); err == nil {
			if _, err := BlockRegressor([]Block{{events[0].Onset, events[0].Duration, 1}}, []float64{0, 2, 4}, Glover); err != nil {
				t.Errorf("%+v: %v", events[0], err)
			}
		}
		if words, err := disk.Words(path, WordColumns{}); err == nil {
			for _, w := range words {
				if !finite(w.Onset) || !finite(w.Offset) {
					t.Errorf("%+v", w)
				}
			}
		}
	})
}
