package study_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/store"
	"voxen/study"
)

var update = flag.Bool("update", false, "write the table of keys in docs/study.md anew")

// reference is the table of keys as docs/study.md has it.
func reference() string {
	var b strings.Builder
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, k := range study.ConfigKeys() {
		kind, def := k.Type, k.Default
		if kind == "" {
			kind = "*section*"
			if strings.HasSuffix(k.Name, "[]") {
				kind = "*list*"
			}
		}
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, kind, def, k.Doc)
	}
	return b.String()
}

const (
	keysBegin = "<!-- keys: written by go test ./study -run ConfigReference -update -->\n"
	keysEnd   = "<!-- end of keys -->"
)

// The documentation has every key with the default and the meaning of the code.
func TestConfigReference(t *testing.T) {
	const path = "../docs/study.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), keysBegin)
	table, after, ok2 := strings.Cut(rest, keysEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no table of keys", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+keysBegin+reference()+keysEnd+after), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != reference() {
		t.Errorf("%s differs from the configuration: go test ./study -run ConfigReference -update", path)
	}
}

// The example names every key, and what it comments out are the defaults.
func TestExampleNamesEveryKey(t *testing.T) {
	for _, k := range study.ConfigKeys() {
		name := k.Name[strings.LastIndexByte(k.Name, '.')+1:]
		name = strings.TrimSuffix(name, "[]")
		if !strings.Contains(study.ExampleYAML, name+":") {
			t.Errorf("example.yaml does not name %s", k.Name)
		}
	}
	for _, section := range []string{"align", "dictionary", "encode", "match", "organize", "couple", "group"} {
		_, text, _ := strings.Cut(study.ExampleYAML, "\n"+section+":\n")
		text, _, _ = strings.Cut(text, "\n\n")
		for line := range strings.Lines(text) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
			key, commented := strings.CutPrefix(key, "# ")
			if !ok || !commented {
				continue
			}
			value, _, _ = strings.Cut(value, "#")
			for _, k := range study.ConfigKeys() {
				if k.Name == section+"."+key && k.Default != "" && k.Default != strings.TrimSpace(value) {
					t.Errorf("example.yaml says that %s is %q by default, it is %q", k.Name, strings.TrimSpace(value), k.Default)
				}
			}
		}
	}
}

// FuzzReadConfig looks for configurations that are neither taken nor refused in
// one line.
func FuzzReadConfig(f *testing.F) {
	f.Add(study.ExampleYAML)
	f.Add("data: {dataset: a}\nmodels: [{path: b}]\n")
	f.Add("a: &a [*a]\n")
	f.Add("models: &m {path: x}\ndata: {subjects: *m}\n<<: *m\n")
	f.Add("? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "study.yaml")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		readConfig(t, path)
	})
}

// readConfig wants a configuration or a refusal.
func readConfig(t *testing.T, path string) {
	c, err := study.ReadConfig(store.OS{}, path)
	switch {
	case err == nil && len(c.Models) == 0:
		t.Error("taken without models")
	case err != nil && !store.IsInput(err):
		t.Errorf("%v, expected a refusal", err)
	}
}

// Configurations with any line gone, doubled, or any letter changed are taken or
// refused, and a refusal of a line names it.
func TestConfigMutations(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	dir := t.TempDir()
	path := filepath.Join(dir, "study.yaml")
	lines := strings.SplitAfter(study.ExampleYAML, "\n")
	for range 600 {
		changed := append([]string(nil), lines...)
		i := rng.IntN(len(changed))
		switch rng.IntN(3) {
		case 0:
			changed[i] = ""
		case 1:
			changed[i] += changed[i]
		case 2:
			b := []byte(changed[i])
			if len(b) > 0 {
				b[rng.IntN(len(b))] = byte(rng.IntN(128))
			}
			changed[i] = string(b)
		}
		if err := os.WriteFile(path, []byte(strings.Join(changed, "")), 0o666); err != nil {
			t.Fatal(err)
		}
		readConfig(t, path)
	}
}
