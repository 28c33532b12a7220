package study_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/store"
	"voxen/study"
	"voxen/study/couple"
	"voxen/study/encode"
	"voxen/study/null"
	"voxen/study/step"
)

// motionTable is fMRIPrep's table with as many rows as another has, of six motion
// parameters and some components.
func motionTable(t *testing.T, like string, components int) string {
	t.Helper()
	text, err := os.ReadFile(like)
	if err != nil {
		t.Fatal(err)
	}
	header := slices.Clone(step.Motion)
	for i := range components {
		header = append(header, fmt.Sprintf("a_comp_cor_%02d", i))
	}
	var b strings.Builder
	fmt.Fprintln(&b, strings.Join(header, "\t"))
	for row := range strings.Count(string(text), "\n") - 1 {
		for i := range header {
			fmt.Fprintf(&b, "%g\t"[:2+min(1, len(header)-1-i)], float64((row*7919+i*104729)%1009)/1009)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// data.censor reaches the encoding models, their null and the coupling, with tables that are read for it
// alone where no confounds are regressed out.
func TestCensorOfAStudy(t *testing.T) {
	_, yaml := small(t)
	example, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	for confounds, want := range map[string]string{"[trans_*, csf]": "trans_* csf", "none": "none", "[]": "none"} {
		text := strings.Replace(string(example), "confounds: [trans_*, csf]", "confounds: "+confounds+"\n  censor: trans_x>3\n ", 1)
		if err := os.WriteFile(yaml, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, task := range s.Tasks {
			switch o := task.Step.(type) {
			case *encode.Options:
				n++
				if o.Censor != "trans_x>3" || strings.Join(o.ConfoundColumns, " ") != want || len(o.Confounds) != 1 {
					t.Errorf("%s: --censor %q, columns %q of %q", task.Name, o.Censor, o.ConfoundColumns, o.Confounds)
				}
			case *null.Options:
				n++
				if o.Censor != "trans_x>3" || len(o.Confounds) != 2 {
					t.Errorf("%s: --censor %q of %q", task.Name, o.Censor, o.Confounds)
				}
			case *couple.Options:
				n++
				if o.Censor != "trans_x>3" || o.ConfoundColumns != strings.ReplaceAll(want, " ", ",") || len(o.Confounds) != 2 {
					t.Errorf("%s: --censor %q, columns %q of %q", task.Name, o.Censor, o.ConfoundColumns, o.Confounds)
				}
			}
		}
		if n != 4 {
			t.Errorf("%d steps are censored, want two encoding models, a null and a coupling", n)
		}
	}
	for _, bad := range []string{"fd", "fd>x", ">0.5", "fd>NaN"} {
		text := strings.Replace(string(example), "confounds: [trans_*, csf]", "censor: \""+bad+"\"\n ", 1)
		if err := os.WriteFile(yaml, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := study.OpenStudy(store.OS{}, yaml, t.Logf); err == nil || !strings.Contains(err.Error(), "data.censor is refused") {
			t.Errorf("censor %q: %v", bad, err)
		}
	}
}

// A study whose BOLD has fMRIPrep's tables beside it regresses out motion and aCompCor
// unless it says otherwise.
func TestControlsByDefault(t *testing.T) {
	dir, yaml := small(t)
	data := filepath.Join(dir, "example-data")
	like := filepath.Join(data, "sub-01_confounds.tsv")
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(desc string) func(text string) string {
		return func(text string) string {
			for _, s := range []string{"01", "02"} {
				from, name := "sub-"+s+"_bold.nii.gz", "sub-"+s+"_task-x_space-a_desc-"+desc+"_bold.nii.gz"
				image, err := os.ReadFile(filepath.Join(data, from))
				if err != nil {
					t.Fatal(err)
				}
				put(name, string(image))
				text = strings.ReplaceAll(strings.ReplaceAll(text, from, name), ", confounds: example-data/sub-"+s+"_confounds.tsv", "")
			}
			return text
		}
	}
	set := func(value string) func(string) string {
		return func(text string) string { return strings.Replace(text, "[trans_*, csf]", value, 1) }
	}
	unset := func(text string) string { return strings.Replace(text, "confounds: [trans_*, csf]", "# nothing", 1) }
	full := append(step.Motion24(), step.CompCor)
	example, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	beside := func(tables ...string) {
		for i, table := range tables {
			path := filepath.Join(data, fmt.Sprintf("sub-%02d_task-x_desc-confounds_timeseries.tsv", i+1))
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if table != "" {
				put(filepath.Base(path), table)
			}
		}
	}
	both, motion := motionTable(t, like, 7), motionTable(t, like, 0)
	for name, c := range map[string]struct {
		tables  [2]string
		change  []func(string) string
		columns []string
		refused string
	}{
		"beside":                    {[2]string{both, both}, []func(string) string{unset, rename("preproc")}, full, ""},
		"motion alone":              {[2]string{motion, motion}, []func(string) string{unset, rename("preproc")}, step.Motion24(), ""},
		"fewer components in one":   {[2]string{both, motion}, []func(string) string{unset, rename("preproc")}, full, ""},
		"none":                      {[2]string{both, both}, []func(string) string{set("none"), rename("preproc")}, nil, ""},
		"an empty list":             {[2]string{both, both}, []func(string) string{set("[]"), rename("preproc")}, nil, ""},
		"clean":                     {[2]string{both, both}, []func(string) string{unset, rename("clean")}, nil, ""},
		"no tables":                 {[2]string{}, []func(string) string{unset, rename("preproc")}, nil, ""},
		"tables of something else":  {[2]string{"x\n1\n", "x\n1\n"}, []func(string) string{unset, rename("preproc")}, nil, ""},
		"columns":                   {[2]string{}, nil, []string{"trans_*", "csf"}, ""},
		"one table alone":           {[2]string{both, ""}, []func(string) string{unset, rename("preproc")}, nil, "no such table"},
		"motion of one alone":       {[2]string{both, "csf\n1\n"}, []func(string) string{unset, rename("preproc")}, nil, "has not"},
		"none and a column":         {[2]string{both, both}, []func(string) string{set("[none, csf]")}, nil, "expected columns or none"},
		"columns without its table": {[2]string{both, both}, []func(string) string{rename("preproc")}, nil, "0 tables"},
	} {
		t.Run(name, func(t *testing.T) {
			beside(c.tables[:]...)
			text := string(example)
			for _, f := range c.change {
				text = f(text)
			}
			if err := os.WriteFile(yaml, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
			if c.refused != "" {
				if err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("%v, want a refusal of %s", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, task := range s.Tasks {
				o, ok := task.Step.(*encode.Options)
				if !ok {
					continue
				}
				n++
				if !slices.Equal(o.ConfoundColumns, c.columns) || len(o.Confounds) > 0 != (len(c.columns) > 0) {
					t.Errorf("%s: %q of %q, want %q", task.Name, o.ConfoundColumns, o.Confounds, c.columns)
				}
			}
			said := slices.ContainsFunc(s.Notes(), func(note string) bool { return strings.Contains(note, "24 motion parameters") })
			if want := len(c.columns) >= 24; n != 2 || said != want {
				t.Errorf("%d encoding models, said %v in %q, want %v", n, said, s.Notes(), want)
			}
		})
	}
}
