package brain

import (
	"slices"
	"testing"
)

const confoundText = "trans_x\ttrans_x_derivative1\tframewise_displacement\ta_comp_cor_00\ta_comp_cor_01\n" +
	"0.5\tn/a\tn/a\t1e-3\t2\n0.25\t-0.25\tn/a\t2\t3\n0.5\t0.25\t0.1\t-3\t4\n"

func TestReadConfounds(t *testing.T) {
	path := writeTable(t, "desc-confounds_timeseries.tsv", confoundText)
	c, err := disk.Confounds(path, []string{"a_comp_cor_*", "trans_x", "trans_x_derivative1", "framewise_displacement", "trans_x"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a_comp_cor_00", "a_comp_cor_01", "trans_x", "trans_x_derivative1", "framewise_displacement"}; !slices.Equal(c.Names, want) {
		t.Errorf("columns %q, want %q", c.Names, want)
	}
	for i, want := range [][]float64{{1e-3, 2, -3}, {2, 3, 4}, {0.5, 0.25, 0.5}, {-0.25, -0.25, 0.25}, {0.1, 0.1, 0.1}} {
		if !slices.Equal(c.Columns[i], want) {
			t.Errorf("%s is %v, want %v", c.Names[i], c.Columns[i], want)
		}
	}
	if c.Rows != 3 || c.Filled != 3 {
		t.Errorf("%d rows, %d filled; want 3, 3", c.Rows, c.Filled)
	}
	if all, err := disk.Confounds(path, nil); err != nil || len(all.Names) != 5 || all.Names[0] != "trans_x" {
		t.Errorf("all columns are %v (%v)", all, err)
	}
}

// Derivatives and squares that a table lacks are computed; those that it has are read.
func TestConfoundsComputed(t *testing.T) {
	path := writeTable(t, "confounds.tsv", "rot_x\ttrans_x\ttrans_x_derivative1\n1\t2\tn/a\n3\t5\t7\n-2\t1\t-4\n")
	for name, want := range map[string][]float64{
		"trans_x_derivative1":        {7, 7, -4},
		"trans_x_derivative1_power2": {49, 49, 16},
		"trans_x_power2":             {4, 25, 1},
		"rot_x_derivative1":          {2, 2, -5},
		"rot_x_derivative1_power2":   {4, 4, 25},
		"rot_x_power2":               {1, 9, 4},
	} {
		c, err := disk.Confounds(path, []string{"rot_x", name})
		if err != nil {
			t.Fatal(name, err)
		}
		if !slices.Equal(c.Names, []string{"rot_x", name}) || !slices.Equal(c.Columns[1], want) {
			t.Errorf("%q: %v, want %s %v", c.Names, c.Columns, name, want)
		}
	}
	_, err := disk.Confounds(path, []string{"csf_derivative1"})
	refused(t, err, "confounds.tsv", `no column "csf_derivative1"`)
	if names, err := disk.ConfoundNames(path); err != nil || !slices.Equal(names, []string{"rot_x", "trans_x", "trans_x_derivative1"}) {
		t.Errorf("header is %q (%v)", names, err)
	}
}

func TestReadConfoundsRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		columns []string
		want    string
	}{
		"no such column": {confoundText, []string{"csf"}, `no column "csf" among "trans_x"`},
		"two of a name":  {"csf\tfd\tcsf\n1\t2\t3\n", []string{"csf"}, `two columns "csf"`},
		"of a pattern":   {"csf\tfd\tcsf\n1\t2\t3\n", []string{"f*", "c*"}, `two columns "csf"`},
		"NA below":       {"a\n1\nNA\n2\n", nil, "line 3: a is NA below numbers"},
		"empty below":    {"a\tb\n1\t1\n\t2\n", nil, "line 3: a is empty below numbers"},
		"bad pattern":    {confoundText, []string{"a["}, "not valid"},
		"n/a below":      {"a\n1\nn/a\n2\n", nil, "line 3: a is n/a below numbers"},
		"all n/a":        {"a\nn/a\nn/a\n", nil, "column a holds no number"},
		"header only":    {"a\tb\n", nil, "no rows"},
		"text":           {"a\n1\nx\n", nil, `line 3: a is "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := disk.Confounds(writeTable(t, "confounds.tsv", c.text), c.columns)
			refused(t, err, "confounds.tsv", c.want)
		})
	}
}

// What other tools write for a missing value at the head is as n/a; a pattern that
// one run does not have is no error, one that none has is found.
func TestConfoundsMissing(t *testing.T) {
	for _, word := range []string{"n/a", "N/A", "NA", "nan", "NaN", "", "null", "None", "<NA>"} {
		c, err := disk.Confounds(writeTable(t, "c.tsv", "a\tb\n"+word+"\t1\n2\t3\n"), nil)
		if err != nil || c.Filled != 1 || !slices.Equal(c.Columns[0], []float64{2, 2}) {
			t.Errorf("%q: %+v (%v)", word, c, err)
		}
	}
	with, err := disk.Confounds(writeTable(t, "c.tsv", "a\toutlier00\n1\t0\n2\t1\n"), []string{"a", "outlier*", "b?"})
	if err != nil {
		t.Fatal(err)
	}
	without, err := disk.Confounds(writeTable(t, "c.tsv", "a\n1\n2\n"), []string{"a", "outlier*", "b?"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(with.Unmatched, []string{"b?"}) || !slices.Equal(without.Unmatched, []string{"outlier*", "b?"}) {
		t.Errorf("unmatched %q and %q", with.Unmatched, without.Unmatched)
	}
	if got := MissingFromAll([]*Confounds{without, with}); got != "b?" {
		t.Errorf("missing from all: %q, want b?", got)
	}
}
