package report_test

import (
	"context"
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/couple"
	"voxen/study/encode"
	"voxen/study/group"
	"voxen/study/learn"
	"voxen/study/report"
	"voxen/study/step"
)

// planted runs the steps on real neuron responses and BOLD that is simulated on
// a coarse grid: two networks, the front and the back of the brain, follow an atom
// each. What match and organize would write is made from what was planted.
func planted(t *testing.T, dir string) report.Options {
	t.Helper()
	ctx, env := context.Background(), &step.Env{Device: "cpu", Threads: 2, Version: "test"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	const n, K = 48, 4
	responses, _, T := steptest.AliceAligned(t, dir, n)
	dictionary := learn.New()
	dictionary.Responses, dictionary.Out, dictionary.Atoms, dictionary.Batch = []string{responses}, path("dictionary"), K, 16
	dictionary.Seeds = 2
	_, err := step.Do[*learn.Summary](ctx, env, dictionary)
	must(err)
	atoms, _, err := store.LoadFloat64(ctx, store.OS{}, path("dictionary", "atoms.npy"))
	must(err)
	mask, err := (brain.Files{}).Mask(ctx, "../../testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz", nil)
	must(err)
	must((brain.Files{}).WriteMask(ctx, path("mask.nii.gz"), mask))
	labels := make([]float64, mask.Len())
	for v := range labels {
		_, j, _ := mask.Voxel(v)
		labels[v] = float64(1 + j/5)
	}
	must((brain.Files{}).WriteMap(ctx, path("networks.nii.gz"), mask, labels, brain.MapOptions{Datatype: brain.Int16}))
	must(os.WriteFile(path("networks.tsv"), []byte("index\tname\tcolor\n1\tBack & below\t#0072B2\n2\tFront\t#E69F00\n"), 0o666))
	rng := rand.New(rand.NewPCG(3, 3))
	model := report.Model{Name: "minilm", Responses: responses, Learn: path("dictionary"), Match: path("match"), Couple: path("couple"), Group: path("group")}
	var bold, maps []string
	for s := range 3 {
		level := make([][]float64, 2)
		for i := range level {
			level[i] = steptest.Scaled(atoms, T, K, i)
		}
		noises := make([][]float64, mask.Len())
		for v := range noises {
			noises[v] = steptest.Noise(rng, T)
		}
		file := path(fmt.Sprintf("sub-%d_bold.nii.gz", s))
		must((brain.Files{}).WriteMaps(ctx, file, mask, T, func(r int, dst []float64) error {
			for v := range dst {
				dst[v] = 1000 + 10*(0.6*level[int(labels[v])-1][r]+noises[v][r])
				if v == 3 {
					dst[v] = 7
				}
			}
			return nil
		}, brain.MapOptions{TR: 2}))
		out := path("encode", fmt.Sprintf("sub-%d", s))
		fit := encode.New()
		fit.Features, fit.Responses, fit.Mask, fit.Out = []string{path("dictionary", "atoms.npy")}, []string{file}, path("mask.nii.gz"), out
		fit.Score, fit.PerRun, fit.Alphas, fit.Nested, fit.Null = "r", "zscore", "1,10,100", true, "phase:9"
		_, err := step.Do[*encode.Summary](ctx, env, fit)
		must(err)
		bold, maps, model.Encode = append(bold, file), append(maps, filepath.Join(out, "nested_score.nii.gz")), append(model.Encode, out)
	}
	coupling := couple.New()
	coupling.Responses, coupling.Bold, coupling.Mask, coupling.Atoms, coupling.Out = []string{responses}, bold[:1], path("mask.nii.gz"), 3, model.Couple
	coupling.Words, coupling.TR = []string{"../../testdata/alice/words.tsv"}, step.Some(2.0)
	_, err = step.Do[*couple.Summary](ctx, env, coupling)
	must(err)
	must(os.WriteFile(path("participants.tsv"), []byte("participant_id\tMoCA\nsub-0\t21\nsub-1\t26\nsub-2\t24\n"), 0o666))
	_, err = step.Do[*group.Summary](ctx, env, &group.Options{Maps: maps, Mask: path("mask.nii.gz"), Atlas: path("networks.nii.gz"), Participants: path("participants.tsv"),
		Scores: []string{"MoCA"}, Permutations: 50, Out: model.Group})
	must(err)
	standIns(t, dir, mask, n, K)
	return report.Options{Title: "A planted study", Simulated: "The BOLD is simulated.", Out: path("report.html"), Models: []report.Model{model},
		Organize: path("organized"), Words: "../../testdata/alice/words.tsv", TR: step.Some(2.0), HRF: "glover", Anatomy: "none", Templates: path("networks.nii.gz")}
}

// standIns writes tables of the match and organize steps for what was planted.
func standIns(t *testing.T, dir string, mask *brain.Mask, n, K int) {
	t.Helper()
	var matches, neurons, layers strings.Builder
	matches.WriteString("atom\tnetwork\tr\tdice\tjaccard\toverlap\tsign\tp_maps\tp_subjects\tp_stimulus\tp\tq\tmargin\n")
	for k := range K {
		for i, network := range []string{"Back & below", "Front"} {
			switch {
			case k == i:
				fmt.Fprintf(&matches, "%d\t%s\t%g\t0.8\t0.7\t0.9\t%d\t0.0002\tn/a\tn/a\t0.0002\t0.0008\t0.7\n", k, network, 0.9*float64(1-2*i), 1-2*i)
			case k > 1 && i == 0:
				fmt.Fprintf(&matches, "%d\t%s\t0.5\t0\t0\t0\t1\t0.6\tn/a\tn/a\t0.6\t0.6\t0.3\n", k, network)
			default:
				fmt.Fprintf(&matches, "%d\t%s\t-0.2\t0\t0\t0%s\n", k, network, strings.Repeat("\tn/a", 7))
			}
		}
	}
	neurons.WriteString("model\tlayer\tunit\tnetwork\tshare\tsign\n")
	for c := range n {
		from := c * (2304 / n)
		fmt.Fprintf(&neurons, "minilm\t%d\t%d\t%s\t0.7\t%d\n", from/384, from%384, []string{"Back & below", "Front", "none"}[c%3], 1-2*(c%2))
	}
	layers.WriteString("model\tlayer\tdiversity\tcoverage\tspecialisation\n")
	for l := range 6 {
		fmt.Fprintf(&layers, "minilm\t%d\t%g\t0.66\t0.7\n", l, 1.5+0.1*float64(l))
	}
	for name, text := range map[string]string{
		"match/matches.tsv": matches.String(), "organized/neurons.tsv": neurons.String(), "organized/layers.tsv": layers.String(),
		"organized/models.tsv":      "model\tlayers\tdiversity\tdiversity_low\tdiversity_high\tconsistency_layers\nminilm\t6\t1.75\t1.5\t1.9\t0.98\n",
		"organized/subgroups.tsv":   "model\tnetwork\tatoms\tneurons\tcompactness\tconsistency_subjects\nminilm\tFront\t1\t16\t0.4\t0.9\n",
		"organized/interaction.tsv": "model\tnetwork\twith\tinteraction\nminilm\tBack & below\tFront\t0.12\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	err := (brain.Files{}).WriteMaps(context.Background(), filepath.Join(dir, "match", "group_maps.nii.gz"), mask, K, func(r int, dst []float64) error {
		for v := range dst {
			_, j, _ := mask.Voxel(v)
			dst[v] = 0.1 * float64(1-2*((j/5+r)%2))
		}
		return nil
	}, brain.MapOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// The report holds every part of a study, says that it is simulated, and its
// numbers are those of the tables.
func TestReport(t *testing.T) {
	o := planted(t, t.TempDir())
	sum, err := step.Do[*report.Summary](context.Background(), &step.Env{Device: "cpu", Version: "test"}, &o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	if int64(len(page)) != sum.Bytes || sum.Viewers != 1 || sum.Figures < 10 {
		t.Errorf("summary %+v, page of %d bytes", sum, len(page))
	}
	for _, want := range []string{
		"Simulated data.", "The BOLD is simulated.", "minilm: encode sub-2", "sha256:", "Left out, constant voxels: 1.",
		"minilm: the 4 atoms over time", "2 of 4 atoms that belong to a network", "Back &amp; below", "minilm: held-out r (nested score), mean over 3 subjects",
		"chosen on the other folds alone", "seed 0; Mairal", "freed of no confounds",
		"Indices by layer", "The balance of each model", "minilm: interaction", "Sub-groups: compactness", "Words (z, times heard)", "Correlation with MoCA of brain score",
		"coupled with", "What was found, on what evidence", "In full colour where q &lt; 0.05 in at least half of 3 subjects", "Shown where the score has q", "Words that drive the network&#39;s atoms (z, times heard)", `href="./match/matches.tsv"`, "of each subject", "Mairal et al. 2009", "Freedman, D. and Lane, D. (1983)", "over 2 seeds the median atom is found again with a cosine of", "4 atoms were learned by online dictionary learning", "ridge regression was fitted to every voxel of 3 subjects",
		"NiiVue", "network templates", "Scores against chance", "<td>phase</td>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the report", want)
		}
	}
	if strings.Contains(page, "Yeo, B. T. T.") {
		t.Error("a reference that nothing cites is listed")
	}
	for _, m := range sum.Missing {
		if !strings.Contains(m, "run.json") {
			t.Errorf("missing: %s", m)
		}
	}
	if words := regexp.MustCompile(`<td>Front</td><td class="number">16</td><td class="wordy">([^<]*)</td>`).FindStringSubmatch(page); words == nil || strings.Count(words[1], ",") < 10 {
		t.Errorf("words of the sub-group Front: %q", words)
	}
	run, err := store.ReadRun(store.OS{}, o.Out+".run.json")
	if err != nil || len(run.Inputs) < 8 {
		t.Errorf("run.json of the report: %v, %v", run, err)
	}
}

// Without any part there is still a report, which says what it lacks.
func TestReportOfNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	for i, o := range []report.Options{
		*report.New(),
		{HRF: "none", Anatomy: "mni152", Models: []report.Model{{Learn: empty, Encode: []string{empty}, Match: empty, Couple: empty, Group: empty}}, Organize: empty, Runs: []string{empty}},
	} {
		o.Out = filepath.Join(dir, fmt.Sprintf("%d.html", i))
		sum, err := step.Do[*report.Summary](context.Background(), &step.Env{}, &o)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Viewers != 0 || sum.Figures != 0 || len(sum.Missing) < 7 {
			t.Errorf("summary %+v", sum)
		}
		data, err := os.ReadFile(o.Out)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range sum.Missing {
			if !strings.Contains(string(data), html.EscapeString(m)) {
				t.Errorf("the report does not say %q", m)
			}
		}
	}
}

// Scores of held-out runs are shown as such; those by which alphas were chosen never are.
func TestReportScores(t *testing.T) {
	dir := t.TempDir()
	save := func(folder, name string, values ...float64) {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := npytest.Save(filepath.Join(dir, folder, name), []int{len(values)}, values); err != nil {
			t.Fatal(err)
		}
	}
	save("sub-1", "cv_score.npy", 0.111, 0.222, 0.333)
	save("sub-2", "cv_score.npy", 0.444, 0.555, 0.666)
	both := []string{"sub-1", "sub-2"}
	for i, c := range []struct {
		file          string
		subjects      []string // who have it
		want, without string
		inputs        int
	}{
		{"", nil, "distribution of the selection score", "eld-out prediction", 2},
		{"nested_score.npy", both[:1], "distribution of the selection score", "distribution of the held-out", 3},
		{"nested_score.npy", both, "distribution of the held-out score (nested score)", "distribution of the selection", 4},
		{"test_score.npy", both[:1], "distribution of the held-out score (nested score)", "distribution of the selection", 5},
		{"test_score.npy", both, "distribution of the held-out score (test score)", "(nested score) over voxels", 6},
	} {
		for _, s := range c.subjects {
			save(s, c.file, 0.777, 0.888, 0.999)
		}
		o := report.New()
		o.Models = []report.Model{{Name: "m", Encode: []string{filepath.Join(dir, "sub-1"), filepath.Join(dir, "sub-2")}}}
		o.Out = filepath.Join(dir, fmt.Sprintf("%d.html", i))
		if _, err := step.Do[*report.Summary](context.Background(), &step.Env{}, o); err != nil {
			t.Fatal(err)
		}
		page := read(t, o.Out)
		if !strings.Contains(page, c.want) || strings.Contains(page, c.without) {
			t.Errorf("with held-out runs of %v: no %q, or %q is there", c.subjects, c.want, c.without)
		}
		held, chosen, there := strings.Cut(page, "Selection score (cv_score)")
		if !there || !strings.Contains(chosen, "0.222") || strings.Contains(held, "0.888") != (len(c.subjects) > 0) {
			t.Errorf("with held-out runs of %v: tables of scores are not those of the files", c.subjects)
		}
		run, err := store.ReadRun(store.OS{}, o.Out+".run.json")
		if err != nil || len(run.Inputs) != c.inputs {
			t.Errorf("inputs %v, %v", run.Inputs, err)
		}
	}
}
