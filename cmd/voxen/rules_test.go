package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"voxen/study/step"
)

// newStep gives the step of a command with every option at its default; nil for a command
// that is none.
func newStep(command string) step.Step {
	a := &app{}
	a.root()
	return a.steps[command]
}

// commandsOfSteps are the names of the commands that are steps.
func commandsOfSteps() []string {
	a := &app{}
	a.root()
	return slices.Sorted(maps.Keys(a.steps))
}

// givenAs is what has a side of a rule hold on a command line: values of options that are
// no switch, and what makes a fact.
var givenAs = map[string][]string{
	"bands":                       {"--bands", "a=0:1,b=1:2"},
	"held-out predictions":        {"--nested"},
	"predictions of nested folds": {"--save-predictions", "--nested"},
	"--atlas":                     {"--atlas", "a.nii.gz"},
	"--band-samples":              {"--band-samples", "3"},
	"--band-weights":              {"--band-weights", "w.npy"},
	"--baseline":                  {"--baseline", "a"},
	"--censor":                    {"--censor", "fd>0.5"},
	"--concentration":             {"--concentration", "1"},
	"--confound-columns":          {"--confound-columns", "csf"},
	"--contrast":                  {"--contrast", "a-b"},
	"--covariates":                {"--covariates", "age"},
	"--cv=chunks:*":               {"--cv", "chunks:2,n=1,boots=3"},
	"--columns":                   {"--columns", "word,onset,offset"},
	"--seen-columns":              {"--seen-columns", "word,onset,offset"},
	"--stories-columns":           {"--stories-columns", "word,onset,offset"},
	"--detrend=cosine:*":          {"--detrend", "cosine:128"},
	"--detrend=linear|cosine:*":   {"--detrend", "linear"},
	"--item-column":               {"--item-column", "sentence"},
	"--item-rows":                 {"--item-rows", "2"},
	"--permutations":              {"--permutations", "20"},
	"--loss-draws":                {"--loss-draws", "20"},
	"--loss-seed":                 {"--loss-seed", "2"},
	"--zero-network":              {"--zero-network", "Default"},
	"--context":                   {"--context", "3"},
	"--mask":                      {"--mask", "m.nii.gz"},
	"--metrics":                   {"--metrics", "r"},
	"--alphas":                    {"--alphas", "1,10"},
	"--text":                      {"--text", "words.txt"},
	"--model!=ridge":              {"--model", "lasso"},
	"--networks":                  {"--networks", "Default"},
	"--null":                      {"--null", "shift:5"},
	"--null=blocks:*":             {"--null", "blocks:5"},
	"--participants":              {"--participants", "p.tsv"},
	"--rate":                      {"--rate", "3"},
	"--scores":                    {"--scores", "moca"},
	"--shared":                    {"--shared", "a=A.npy"},
	"--tr":                        {"--tr", "2"},
}

// hold are the flags with which a side of a rule holds.
func hold(t *testing.T, o map[string]step.Option, side string) []string {
	if args := givenAs[side]; args != nil {
		return args
	}
	name := nameOf(side)
	_, want, _ := strings.Cut(side, "=")
	option, ok := o[strings.TrimPrefix(name, "--")]
	switch {
	case !ok:
		t.Fatalf("%q is neither an option nor has it flags in this test", side)
	case option.IsBool():
		return []string{name}
	case want != "":
		return []string{name, strings.Split(want, "|")[0]}
	case option.File != "":
		return []string{name, "f.tsv"}
	}
	t.Fatalf("a value of %q is missing in this test", side)
	return nil
}

// nameOf is a side of a rule without its value.
func nameOf(side string) string {
	name, _, _ := strings.Cut(side, "=")
	return strings.TrimSuffix(name, "!")
}

// needs are the flags that a side needs by other rules than one, and those that these need.
func needs(t *testing.T, o map[string]step.Option, rules []step.Rule, but step.Rule, side string) (args []string) {
	rest := slices.DeleteFunc(slices.Clone(rules), func(q step.Rule) bool { return q == but })
	for _, q := range rest {
		if q.Needs && nameOf(q.X) == nameOf(side) {
			args = append(append(args, hold(t, o, q.Y)...), needs(t, o, rest, q, q.Y)...)
		}
	}
	return args
}

// refusalOf is what a step with flags says before any file is opened, "" if nothing.
func refusalOf(t *testing.T, s step.Step, args []string) string {
	options, given := step.Options(s), map[string]bool{}
	set := func(name, value string) {
		i := slices.IndexFunc(options, func(o step.Option) bool { return "--"+o.Name == name })
		if given[name] && !options[i].Repeats() { // needed by both sides
			return
		}
		given[name] = true
		if err := options[i].Set(value); err != nil {
			t.Fatalf("%s %s: %v", name, value, err)
		}
	}
	for _, o := range options {
		switch {
		case !o.Required:
		case strings.HasSuffix(o.Type(), "number"):
			set("--"+o.Name, "1")
		default:
			set("--"+o.Name, "none.npy")
		}
	}
	for len(args) > 0 {
		if n := len(args); n == 1 || strings.HasPrefix(args[1], "--") {
			set(args[0], "true")
			args = args[1:]
			continue
		}
		set(args[0], args[1])
		args = args[2:]
	}
	if err := step.Check(s); err != nil {
		return err.Error()
	}
	return ""
}

// Every rule of every step refuses its two sides, naming both and why, and neither of them
// by itself, but for what is refused without the other.
func TestRules(t *testing.T) {
	for _, name := range commandsOfSteps() {
		ruled, ok := newStep(name).(step.Ruled)
		if !ok {
			continue
		}
		options := map[string]step.Option{}
		for _, o := range step.Options(newStep(name)) {
			options[o.Name] = o
		}
		for _, r := range ruled.Rules() {
			x, y := hold(t, options, r.X), hold(t, options, r.Y)
			x, y = append(x, needs(t, options, ruled.Rules(), r, r.X)...), append(y, needs(t, options, ruled.Rules(), r, r.Y)...)
			middle := map[bool]string{true: " without " + r.Y + ": ", false: " with "}[r.Needs]
			says := func(args ...string) bool {
				text := refusalOf(t, newStep(name), args)
				return strings.HasPrefix(text, x[0]) && strings.Contains(text, middle) && strings.HasSuffix(text, ": "+r.Why)
			}
			if alone, both := says(x...), says(slices.Concat(x, y)...); alone != r.Needs || both == r.Needs {
				t.Errorf("%s %+v: %v alone is refused: %v, with %v: %v (%s)", name, r, x, alone, y, both, refusalOf(t, newStep(name), slices.Concat(x, y)))
			}
			if says(y...) {
				t.Errorf("%s %+v: %v alone is refused", name, r, y)
			}
		}
	}
}
