package group_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/group"
	"voxen/study/step"
)

// fit writes what group reads of an encoding model of one subject: results by name, and
// the run.json that says so.
func fit(t *testing.T, dir, score string, results map[string][]float64) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	run := store.Run{Schema: store.RunSchema, Command: "encode", Options: []store.Option{{Name: "--score", Value: score}}}
	for name, values := range results {
		if err := npytest.Save(filepath.Join(dir, name+".npy"), []int{len(values)}, values); err != nil {
			t.Fatal(err)
		}
		run.Outputs = append(run.Outputs, store.Output{Name: name + ".npy"})
	}
	b, err := json.Marshal(&run)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "run.json"), b, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fits writes subjects of a study, each with the results that it is given, and names the
// maps of one of them.
func fits(t *testing.T, result string, n int, of func(s int) (score string, results map[string][]float64)) (maps []string) {
	t.Helper()
	dir := t.TempDir()
	for s := range n {
		score, results := of(s)
		maps = append(maps, filepath.Join(fit(t, filepath.Join(dir, fmt.Sprintf("sub-%02d", s)), score, results), result+".npy"))
	}
	return maps
}

func runGroup(t *testing.T, change func(o *group.Options)) (*group.Summary, string, error) {
	t.Helper()
	o := group.New()
	o.Permutations, o.Out = 200, filepath.Join(t.TempDir(), "out")
	change(o)
	sum, err := step.Do[*group.Summary](context.Background(), &step.Env{Device: "cpu", Threads: 1}, o)
	return sum, o.Out, err
}

// What maps are is read beside them: selection scores are refused with what to give
// instead, and all subjects have one kind of score.
func TestGroupKindsOfScores(t *testing.T) {
	values := []float64{0.1, 0.2, 0.3}
	all := func(names ...string) map[string][]float64 {
		m := map[string][]float64{}
		for _, name := range names {
			m[name] = values
		}
		return m
	}
	for says, c := range map[string]struct {
		result string
		of     func(s int) (string, map[string][]float64)
	}{
		"cv_score.npy: is a selection score, by which alphas were chosen and which is above 0 on noise: fit with held-out runs": {"cv_score",
			func(int) (string, map[string][]float64) { return "r", all("cv_score") }},
		"give the nested_score beside it": {"cv_score", func(int) (string, map[string][]float64) { return "r", all("cv_score", "nested_score") }},
		"give the test_score beside it":   {"cv_score", func(int) (string, map[string][]float64) { return "r", all("cv_score", "nested_score", "test_score") }},
		"is test_score (test r2), but ":   {"test_score", func(s int) (string, map[string][]float64) { return []string{"r", "r2"}[s%2], all("test_score") }},
	} {
		maps := fits(t, c.result, 4, c.of)
		if _, _, err := runGroup(t, func(o *group.Options) { o.Maps = maps }); err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("refusal is %v, expected %q", err, says)
		}
	}
	mixed := fits(t, "test_score", 3, func(int) (string, map[string][]float64) { return "r", all("test_score", "nested_score") })
	mixed[1] = strings.Replace(mixed[1], "test_score", "nested_score", 1)
	if _, _, err := runGroup(t, func(o *group.Options) { o.Maps = mixed }); err == nil || !strings.Contains(err.Error(), "is nested_score (nested r), but") {
		t.Errorf("refusal is %v", err)
	}
}

// Without the mean of the null of every subject, or with that of another score, held-out
// scores have means alone; maps that encode did not make are tested as they are.
func TestGroupMeansOnly(t *testing.T) {
	values := func(s int) []float64 { return []float64{0.1 + 0.01*float64(s*s), 0.3 - 0.01*float64(s), math.NaN()} }
	for name, c := range map[string]struct {
		result, kind string
		meansOnly    bool
		of           func(s int) map[string][]float64
	}{
		"no null": {"test_score", "test r", true, func(s int) map[string][]float64 { return map[string][]float64{"test_score": values(s)} }},
		"one without": {"test_score", "test r", true, func(s int) map[string][]float64 {
			m := map[string][]float64{"test_score": values(s), "null_mean": {0, 0, 0}}
			if s == 3 {
				delete(m, "null_mean")
			}
			return m
		}},
		"null of the test score": {"nested_score", "nested r", true, func(s int) map[string][]float64 {
			return map[string][]float64{"test_score": values(s), "nested_score": values(s), "null_mean": {0, 0, 0}}
		}},
		"null of r": {"test_r2", "test r2", true, func(s int) map[string][]float64 {
			return map[string][]float64{"test_score": values(s), "test_r2": values(s), "null_mean": {0, 0, 0}}
		}},
		"the score under its own name": {"nested_r", "nested r", false, func(s int) map[string][]float64 {
			return map[string][]float64{"nested_score": values(s), "nested_r": values(s), "null_mean": {0, 0, 0}}
		}},
		"no score": {"gain", "", false, func(s int) map[string][]float64 { return map[string][]float64{"gain": values(s)} }},
	} {
		maps := fits(t, c.result, 5, func(s int) (string, map[string][]float64) { return "r", c.of(s) })
		table := filepath.Join(filepath.Dir(filepath.Dir(maps[0])), "participants.tsv")
		os.WriteFile(table, []byte("participant_id\tMoCA\nsub-00\t1\nsub-01\t3\nsub-02\t2\nsub-03\t5\nsub-04\t4\n"), 0o666)
		sum, out, err := runGroup(t, func(o *group.Options) { o.Maps, o.Participants, o.Scores = maps, table, []string{"MoCA"} })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows := steptest.ReadTable(t, filepath.Join(out, "group.tsv")).Rows
		run, err := store.ReadRun(store.OS{}, filepath.Join(out, "run.json"))
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(strings.Join(run.Warnings, "\n"), "means alone are given, nothing is tested or correlated")
		_, noT := os.Stat(filepath.Join(out, "t.npy"))
		if sum.Score != c.kind || sum.MeansOnly != c.meansOnly || said != c.meansOnly || (noT != nil) != c.meansOnly || (sum.Tests == 0) != c.meansOnly || (len(rows) == 1) != c.meansOnly {
			t.Errorf("%s: %+v, warnings %q, %d rows, t.npy: %v", name, sum, run.Warnings, len(rows), noT)
		}
		if got, want := steptest.Parsed(t, rows[0][4]), 0.5*(0.1+0.01*6+0.3-0.01*2); math.Abs(got-want) > 1e-6 || (rows[0][8] == "n/a") != c.meansOnly {
			t.Errorf("%s: row %v, want an estimate of %g", name, rows[0], want)
		}
		mean, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(out, "mean.npy"))
		if err != nil || math.Abs(mean[0]-0.16) > 1e-6 || !math.IsNaN(mean[2]) {
			t.Errorf("%s: mean %v, %v", name, mean, err)
		}
	}
}

// Tested are scores less the means of their nulls, with Fisher's z of both where that is asked for.
func TestGroupLessNull(t *testing.T) {
	const n, V = 6, 9
	random := rand.New(rand.NewPCG(5, 6))
	score, null := make([][]float64, n), make([][]float64, n)
	for s := range n {
		for range V {
			null[s] = append(null[s], 0.2*random.Float64())
			score[s] = append(score[s], 0.3+0.1*random.NormFloat64())
		}
	}
	maps := fits(t, "nested_score", n, func(s int) (string, map[string][]float64) {
		return "r", map[string][]float64{"cv_score": score[s], "nested_score": score[s], "null_mean": null[s]}
	})
	for _, z := range []bool{false, true} {
		sum, out, err := runGroup(t, func(o *group.Options) { o.Maps, o.FisherZ = maps, z })
		if err != nil || sum.MeansOnly || sum.Score != "nested r" {
			t.Fatalf("%+v, %v", sum, err)
		}
		f := func(x float64) float64 { return x }
		if z {
			f = math.Atanh
		}
		mean, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(out, "mean.npy"))
		if err != nil {
			t.Fatal(err)
		}
		whole := 0.0
		for v := range V {
			want := 0.0
			for s := range n {
				want += (f(score[s][v]) - f(null[s][v])) / n
			}
			if math.Abs(mean[v]-want) > 1e-6 {
				t.Errorf("z %t: the mean of voxel %d is %g, want %g", z, v, mean[v], want)
			}
		}
		scores, nulls := steptest.ReadTable(t, filepath.Join(out, "brain_scores.tsv")), steptest.ReadTable(t, filepath.Join(out, "brain_nulls.tsv"))
		for s := range n {
			a, b := 0.0, 0.0
			for v := range V {
				a, b = a+score[s][v]/V, b+null[s][v]/V
			}
			whole += (f(a) - f(b)) / n
			if math.Abs(steptest.Parsed(t, scores.Rows[s][1])-a) > 1e-6 || math.Abs(steptest.Parsed(t, nulls.Rows[s][1])-b) > 1e-6 {
				t.Errorf("subject %d: score %s and null %s, want %g and %g", s, scores.Rows[s][1], nulls.Rows[s][1], a, b)
			}
		}
		if got := steptest.Parsed(t, steptest.ReadTable(t, filepath.Join(out, "group.tsv")).Rows[0][4]); math.Abs(got-whole) > 1e-6 {
			t.Errorf("z %t: the mean brain score is %g, want %g", z, got, whole)
		}
	}
}

// significant counts, of simulated studies of noise, those with p < .05 of the brain score
// and of its correlation with cognition. A subject's scores lie above 0 by how smooth their
// noise is, which goes with cognition; the mean of the null does too. less says whether
// the null is there.
func significant(t *testing.T, studies int, less bool) (mean, correlation int) {
	t.Helper()
	const n, V = 8, 40
	random := rand.New(rand.NewPCG(12, 13))
	dir := t.TempDir()
	for i := range studies {
		var maps []string
		table := "participant_id\tMoCA\n"
		for s := range n {
			smooth := random.Float64() // of the noise: the bias of its scores and their spread
			score, null := make([]float64, V), make([]float64, V)
			subject := 0.02 * (0.5 + smooth) * random.NormFloat64()
			for v := range V {
				score[v] = 0.1*smooth + subject + 0.05*(0.5+smooth)*random.NormFloat64()
				null[v] = 0.1*smooth + 0.005*random.NormFloat64()
			}
			results := map[string][]float64{"gain": score} // no score of a name that has a null
			if less {
				results = map[string][]float64{"test_score": score, "null_mean": null}
			}
			name := fmt.Sprintf("sub-%02d", s)
			at := fit(t, filepath.Join(dir, fmt.Sprint(i), name), "r", results)
			if less {
				maps = append(maps, filepath.Join(at, "test_score.npy"))
			} else {
				maps = append(maps, filepath.Join(at, "gain.npy"))
			}
			table += fmt.Sprintf("%s\t%.6f\n", name, smooth+0.3*random.NormFloat64())
		}
		participants := filepath.Join(dir, fmt.Sprint(i), "participants.tsv")
		os.WriteFile(participants, []byte(table), 0o666)
		_, out, err := runGroup(t, func(o *group.Options) {
			o.Maps, o.Participants, o.Scores, o.Seed = maps, participants, []string{"MoCA"}, uint64(i)
		})
		if err != nil {
			t.Fatal(err)
		}
		for j, count := range []*int{&mean, &correlation} {
			if steptest.Parsed(t, steptest.ReadTable(t, filepath.Join(out, "group.tsv")).Rows[j][8]) < 0.05 {
				*count++
			}
		}
	}
	return mean, correlation
}

// Few studies of noise are significant once the null is taken off, and most are without:
// the short form of TestGroupNoiseStudies.
func TestGroupNoise(t *testing.T) {
	const studies = 16
	if mean, correlation := significant(t, studies, true); mean > 4 || correlation > 4 { // 16 at 5%: 1 in 1,000 by chance
		t.Errorf("of %d studies of noise %d have a brain score and %d a correlation with p < .05", studies, mean, correlation)
	}
	if mean, correlation := significant(t, 6, false); mean < 5 || correlation < 2 {
		t.Errorf("as they are, of 6 studies %d have a brain score and %d a correlation with p < .05: the simulation has no bias", mean, correlation)
	}
}
