package study_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/internal/race"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study"
)

// lesionEnd is a study of the example's model whose atoms all belong to a network: what is
// asked is not whether they do.
const lesionEnd = tinyModel + `dictionary: {atoms: 8}
encode: {alphas: "10,1000", cv: kfold:3}
match: {templates: example-data/networks.nii.gz, draws: 3, nulls: [maps], fdr: 0.999}
organize: {bootstraps: 5, draws: 5, threshold: 0.3}
couple: {skip: true}
group: {skip: true}
lesion: {%s, draws: 9%s}
`

// Every sub-group of a study is left out of its model, and random sets like it: the tables,
// the report and its methods say what that costs, and a second run keeps it.
func TestLesionsOfAStudy(t *testing.T) {
	if race.Enabled {
		t.Skip("a whole study; the step runs under it by itself")
	}
	dir, yaml := plainStudy(t, fmt.Sprintf(lesionEnd, "text: unseen.txt", ", networks: [FrontLeft, FrontRight, BackLeft, BackRight]")) // two are without a unit
	if err := os.WriteFile(filepath.Join(dir, "unseen.txt"), []byte("A dog runs by the sea, and no one is up so late."), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := runStudy(t, store.OS{}, yaml); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "results", "bert", "lesion")
	neurons, err := store.ReadTable(store.OS{}, filepath.Join(dir, "results", "organize", "neurons.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	of, _ := neurons.Column("network")
	lesions, err := store.ReadTable(store.OS{}, filepath.Join(out, "lesions.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	networks, _ := lesions.Column("network")
	if len(networks) == 0 {
		t.Fatalf("no sub-group is left out, of networks %v", of)
	}
	losses := numbersBy(t, filepath.Join(out, "losses.tsv"))
	for i, network := range networks {
		cell := func(name string) string { list, _ := lesions.Column(name); return list[i] }
		n := 0
		for _, other := range of {
			if other == network {
				n++
			}
		}
		own, random := losses[network+" subgroup"], losses[network+" random"]
		as := 1
		for _, l := range random {
			if l >= own[0] {
				as++
			}
		}
		if cell("units") != fmt.Sprint(n) || len(own) != 1 || len(random) != 9 || own[0] == losses["n/a none"][0] {
			t.Errorf("%s: %s units, want %d; losses %v and %v", network, cell("units"), n, own, random)
		}
		if cell("p") != fmt.Sprintf("%g", float64(as)/10) || cell("intact") == cell("loss") {
			t.Errorf("%s: p %s of %d in 10: %v", network, cell("p"), as, lesions.Rows[i])
		}
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if run.Command != "lesion" || run.Results["words"] != 13 || run.Results["seen"] != 0 {
		t.Errorf("run.json says %s, %v", run.Command, run.Results)
	}
	page, err := os.ReadFile(filepath.Join(dir, "results", "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Does a sub-group matter to the model?", "of 13 words that the model predicts", "without random sets of units like it", "9 random sets of as many units of every layer", "to predict words the model needs 0 of 2 sub-groups more than other units like them", "is simulated, and its language model is random"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report has no %q", want)
		}
	}
	s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	states, err := s.States(steptest.Env())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(states, func(st study.StepState) bool { return st.Step == "lesion bert" })
	if i < 0 || states[i].State != study.StateDone || states[i].Size != "13 words, 9 random sets of each sub-group" {
		t.Errorf("states are %+v", states)
	}
}

// numbersBy reads the losses of losses.tsv by network and units.
func numbersBy(t *testing.T, path string) map[string][]float64 {
	t.Helper()
	table, err := store.ReadTable(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]float64{}
	for _, row := range table.Rows {
		var x float64
		if _, err := fmt.Sscan(row[3], &x); err != nil || math.IsNaN(x) {
			t.Fatalf("%v: %v", row, err)
		}
		found[row[0]+" "+row[1]] = append(found[row[0]+" "+row[1]], x)
	}
	return found
}

// A text that the dictionary has seen, also in another table, and models that cannot be asked
// are refused before anything is computed.
func TestLesionRefusals(t *testing.T) {
	dir, yaml := plainStudy(t, "@")
	config, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := os.ReadFile(filepath.Join(dir, "example-data", "words.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.ToUpper(string(seen)), "\n")
	if err := os.WriteFile(filepath.Join(dir, "part.tsv"), []byte(strings.SplitAfter(string(seen), "\n")[0]+strings.Join(lines[20:60], "")), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, more, edit, want string }{
		"the text of the dictionary": {"words: example-data/words.tsv", "", "", "lesion.words is refused: "},
		"a part of it":               {"words: part.tsv", "", "", "100% of its runs of 8 words are in that of the dictionary too"},
		"no such text":               {"words: gone.tsv", "", "", "lesion.words is"},
		"two texts":                  {"words: example-data/unseen.tsv", ", text: example-data/unseen.tsv", "", "lesion.text is given beside words"},
		"draws of nothing":           {`words: ""`, "", "", "lesion.draws is given without lesion.words or lesion.text"},
		"units without effect":       {"words: example-data/unseen.tsv", "", "window: 40, tap: attn.qk", `lesion is of no model: lesion is without bert: units of "attn.qk" cannot be 0`},
		"a network twice":            {"words: example-data/unseen.tsv", ", networks: [BackRight, BackRight]", "", "lesion.networks names BackRight twice"},
		"a misspelt network":         {"words: example-data/unseen.tsv", ", networks: [BackRigth]", "", `lesion.networks has "BackRigth", expected one of `},
		"no networks":                {"words: example-data/unseen.tsv", "", "", ""},
	} {
		end := fmt.Sprintf(lesionEnd, c.text, c.more)
		if c.edit != "" {
			end = strings.Replace(end, "window: 40", c.edit, 1)
		}
		if c.want == "" {
			end = strings.Replace(end, "templates: example-data/networks.nii.gz, ", "", 1)
		}
		if err := os.WriteFile(yaml, []byte(strings.Replace(string(config), "@", end, 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
		switch {
		case c.want == "" && (err != nil || !slices.Contains(s.Notes(), "lesion is left out: it is of the sub-groups of organize")):
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!store.IsInput(err) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
