package step

import (
	"fmt"
	"slices"
	"strings"
)

// Rule is one of the rules of a step: option X does not go with Y, or needs it.
//
// X and Y are written "--name" for an option that is given, "--name=a|b*" for one whose
// value is a, or begins with b, "--name!=a" for one of another value than a; or they are a
// fact of the step (Facts), such as "bands".
type Rule struct {
	X, Y  string
	Needs bool   // X is refused without Y, else with it
	Why   string // and what was expected
}

// Not is the rule that x does not go with y.
func Not(x, y, why string) Rule { return Rule{X: x, Y: y, Why: why} }

// Needs is the rule that x is refused without y.
func Needs(x, y, why string) Rule { return Rule{X: x, Y: y, Needs: true, Why: why} }

// Ruled is a Step with rules. They are checked after choices and bounds of single options,
// before Check.
type Ruled interface{ Rules() []Rule }

// Facts is a Step whose rules name what is no single option.
type Facts interface {
	// Facts says of each fact how a refusal names it, "" if it does not hold.
	Facts() map[string]string
}

// CheckRules refuses the first rule of a step that is broken.
func CheckRules(s Step) error {
	ruled, ok := s.(Ruled)
	if !ok {
		return nil
	}
	given := newTerms(s)
	for _, r := range ruled.Rules() {
		x, y := given.find(r.X), given.find(r.Y)
		switch {
		case x == "":
		case r.Needs && y == "":
			return refuse("%s without %s: %s", x, r.Y, r.Why)
		case !r.Needs && y != "":
			return refuse("%s with %s: %s", x, y, r.Why)
		}
	}
	return nil
}

// terms is what the rules of a step speak of.
type terms struct {
	options map[string]Option
	facts   map[string]string
}

func newTerms(s Step) terms {
	t := terms{options: map[string]Option{}}
	for _, o := range Options(s) {
		t.options["--"+o.Name] = o
	}
	if f, ok := s.(Facts); ok {
		t.facts = f.Facts()
	}
	return t
}

// find is how a refusal names a side of a rule, "" if it does not hold.
func (t terms) find(side string) string {
	name, want, valued := strings.Cut(side, "=")
	name, other := strings.CutSuffix(name, "!")
	o, ok := t.options[name]
	if !ok {
		fact, known := t.facts[side]
		if !known {
			panic(fmt.Sprintf("a rule of %q, which is neither an option nor a fact", side)) // a fault of the table, which a test sees
		}
		return fact
	}
	value := o.String()
	switch {
	case value == "" || o.IsBool() && value == "false", valued && matches(want, value) == other:
		return ""
	case o.IsBool() || o.File != "" && o.Repeats():
		return name
	}
	return name + " " + value
}

// matches reports whether a value is one of a|b*.
func matches(want, value string) bool {
	return slices.ContainsFunc(strings.Split(want, "|"), func(w string) bool {
		head, open := strings.CutSuffix(w, "*")
		return value == w || open && strings.HasPrefix(value, head)
	})
}
