package report_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/steptest"
	"voxen/study/report"
	"voxen/study/step"
)

// Sub-groups without a p are no part of what is found; the page says how many they are.
func TestLesionsWithoutP(t *testing.T) {
	dir := t.TempDir()
	head := "model\tnetwork\tunits\twords\tintact\tloss\trandom\trandom_low\trandom_high\tmean_response\tshared\tdraws\tdistinct\tp\tq\n"
	row := func(network, p string) string {
		return "m\t" + network + "\t3\t20\t5\t6\t5.5\t5.2\t5.9\t1\t0.1\t9\t9\t" + p + "\t" + p + "\n"
	}
	for name, text := range map[string]string{
		"lesions.tsv": head + row("A", "0.01") + row("B", "n/a") + row("C", "0.5") + row("D", "n/a"),
		"losses.tsv":  "network\tunits\tdraw\tloss\tmean_response\nn/a\tnone\tn/a\t5\tn/a\nA\tsubgroup\tn/a\t6\t1\nA\trandom\t0\t5.5\t1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	o := report.New()
	o.Models, o.Out = []report.Model{{Name: "m", Lesion: dir}}, filepath.Join(t.TempDir(), "report.html")
	if _, err := step.Do[*report.Summary](context.Background(), steptest.Env(), o); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	if want := "the model needs 1 of 2 sub-groups more than other units like them (q &lt; 0.05). 2 more are left out: there are too few other units like theirs."; !strings.Contains(string(page), want) {
		t.Errorf("the page has no %q", want)
	}
}
