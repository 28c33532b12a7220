package step

import (
	"strings"
	"testing"
)

type shared struct {
	Seed uint64 `opt:"seed" doc:"of the draws"`
}

type sample struct {
	Maps   []string       `opt:"maps" file:"in" required:"true" doc:"a map per subject"`
	Score  string         `opt:"score-by" default:"r2" oneof:"r2,r,mse" doc:"score"`
	Draws  int            `opt:"draws" default:"5000" min:"1" max:"1000000" doc:"draws"`
	FDR    float64        `opt:"fdr" key:"rate" default:"0.05" above:"0" below:"1" doc:"rate"`
	TR     Maybe[float64] `opt:"tr" key:"-" above:"0" doc:"seconds"`
	Names  []string       `opt:"names" list:"comma" doc:"names"`
	Center bool           `opt:"center" doc:"center"`
	Note   string
	shared
}

func option(t *testing.T, s *sample, name string) Option {
	for _, o := range Options(s) {
		if o.Name == name {
			return o
		}
	}
	t.Fatalf("no option %s", name)
	return Option{}
}

func TestOptionsOfTags(t *testing.T) {
	s := Default(&sample{})
	if s.Score != "r2" || s.Draws != 5000 || s.FDR != 0.05 || s.TR.Given {
		t.Errorf("defaults are %+v", s)
	}
	var names, keys []string
	for _, o := range Options(s) {
		names, keys = append(names, o.Name), append(keys, o.Key)
	}
	if got := strings.Join(names, " "); got != "maps score-by draws fdr tr names center seed" {
		t.Errorf("names %q", got)
	}
	if got := strings.Join(keys, " "); got != " score_by draws rate  names center seed" {
		t.Errorf("keys %q", got)
	}
}

func TestOptionValues(t *testing.T) {
	for _, c := range []struct{ name, set, is string }{
		{"score-by", "mse", "mse"}, {"draws", "0", "0"}, {"fdr", "1e-3", "0.001"}, {"tr", "0", "0"}, {"names", "a, b", "a,b"}, {"center", "true", "true"},
		{"seed", "18446744073709551615", "18446744073709551615"}, {"maps", "a,b.gii", "a,b.gii"},
	} {
		o := option(t, Default(&sample{}), c.name)
		if err := o.Set(c.set); err != nil {
			t.Errorf("%s %s: %v", c.name, c.set, err)
		} else if got := o.String(); got != c.is {
			t.Errorf("%s %s is %q, expected %q", c.name, c.set, got, c.is)
		}
	}
	for _, c := range []struct{ name, set string }{{"draws", "1.5"}, {"draws", "3000000000"}, {"seed", "-1"}, {"fdr", "NaN"}, {"tr", "inf"}, {"center", "maybe"}} {
		if err := option(t, &sample{}, c.name).Set(c.set); err == nil || !strings.Contains(err.Error(), c.set) {
			t.Errorf("%s %s: %v, expected a refusal with the value", c.name, c.set, err)
		}
	}
}

func TestOptionBounds(t *testing.T) {
	for _, c := range []struct{ name, set, expected string }{
		{"score-by", "r3", `--score-by "r3", expected r2, r or mse`}, {"score-by", "", `--score-by "", expected r2, r or mse`},
		{"draws", "0", "--draws 0, expected 1 to 1000000"}, {"draws", "1000001", "--draws 1000001, expected 1 to 1000000"},
		{"draws", "1", ""}, {"draws", "1000000", ""},
		{"fdr", "0", "--fdr 0, expected a number between 0 and 1"}, {"fdr", "1", "--fdr 1, expected a number between 0 and 1"},
		{"tr", "0", "--tr 0, expected a number above 0"}, {"tr", "0.1", ""},
	} {
		s := Default(&sample{Maps: []string{"a"}})
		if err := option(t, s, c.name).Set(c.set); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := checkOptions(s); err != nil {
			got = err.Error()
		}
		if got != c.expected {
			t.Errorf("%s %q: %q, expected %q", c.name, c.set, got, c.expected)
		}
	}
	if err := checkOptions(Default(&sample{})); err == nil || err.Error() != "--maps is needed: a map per subject" {
		t.Errorf("without what is required: %v", err)
	}
}
