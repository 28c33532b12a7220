package main

import (
	goflag "flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"voxen/study"
	"voxen/study/step"
)

var update = goflag.Bool("update", false, "write the tables in docs/options.md anew")

const (
	optionsBegin = "<!-- options: written by go test ./cmd/voxen -run OptionsReference -update -->\n"
	optionsEnd   = "<!-- end of options -->\n"
)

// docs/options.md has every option of every command as the code has it.
func TestOptionsReference(t *testing.T) {
	const path = "../../docs/options.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), optionsBegin)
	tables, after, ok2 := strings.Cut(rest, optionsEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no tables of options", path)
	}
	reference := optionTables()
	switch {
	case *update:
		if err := os.WriteFile(path, []byte(before+optionsBegin+reference+optionsEnd+after), 0o666); err != nil {
			t.Fatal(err)
		}
	case tables != reference:
		t.Errorf("%s differs from the options: go test ./cmd/voxen -run OptionsReference -update", path)
	}
}

// optionTables are a table of the shared options and one for each command that has
// options of its own, in the order in which its struct has them.
func optionTables() string {
	keys := map[string]study.ConfigKey{}
	for _, k := range study.ConfigKeys() {
		keys[k.Name] = k
	}
	root := (&app{}).root()
	var b strings.Builder
	b.WriteString("\n## Every command\n\n")
	optionTable(&b, root.PersistentFlags(), "", keys)
	for _, c := range root.Commands() {
		if c.Flags().HasFlags() {
			fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n", c.Name(), c.Short)
			optionTable(&b, c.Flags(), sectionOf(c.Name()), keys)
			ruleList(&b, newStep(c.Name()))
		}
	}
	return b.String()
}

// ruleList says which options of a step do not go together.
func ruleList(b *strings.Builder, s step.Step) {
	ruled, ok := s.(step.Ruled)
	if !ok {
		return
	}
	b.WriteString("\nOptions that do not go together:\n\n")
	for _, r := range ruled.Rules() {
		how := "not with"
		if r.Needs {
			how = "not without"
		}
		fmt.Fprintf(b, "- %s %s %s: %s\n", sideOf(r.X), how, sideOf(r.Y), r.Why)
	}
}

// sideOf writes a side of a rule for people: "--cv chunks:...", "--model other than ridge".
func sideOf(side string) string {
	name, value, valued := strings.Cut(side, "=")
	if !strings.HasPrefix(name, "--") {
		return side
	}
	if other, ok := strings.CutSuffix(name, "!"); ok {
		return code(other) + " other than " + value
	}
	if !valued {
		return code(name)
	}
	return code(name + " " + strings.ReplaceAll(strings.ReplaceAll(value, "|", " or "), "*", "..."))
}

// sectionOf is the section of study.yaml that has a command's options.
func sectionOf(command string) string {
	switch command {
	case "learn":
		return "dictionary"
	case "extract":
		return "models[]"
	}
	return command
}

// optionTable writes a row for each flag. The key is that of a study, with its default
// there where that is another.
func optionTable(b *strings.Builder, flags *pflag.FlagSet, section string, keys map[string]study.ConfigKey) {
	b.WriteString("| option | key | value | default | meaning |\n|---|---|---|---|---|\n")
	flags.SortFlags = false
	flags.VisitAll(func(f *pflag.Flag) {
		o, ok := f.Value.(*flag)
		if !ok { // of the command, not of a step
			fmt.Fprintf(b, "| `--%s` | | switch | | %s |\n", f.Name, cell(f.Usage))
			return
		}
		key, byDefault := "", code(o.Default)
		if k, ok := keys[section+"."+o.Key]; ok && o.Key != "" {
			key = code(k.Name)
			if k.Default != o.Default && k.Default != o.String() {
				key += " (" + code(k.Default) + ")"
			}
		}
		switch {
		case o.Required:
			byDefault = "*needed*"
		case o.Default == "" && strings.HasSuffix(o.Option.Type(), "number"):
			byDefault = code(o.String())
		}
		fmt.Fprintf(b, "| `--%s` | %s | %s | %s | %s |\n", o.Name, key, cell(valueOf(o)), byDefault, cell(o.Doc))
	})
}

// valueOf says what an option takes: choices, a form, or a type with its bounds, and
// how several are given.
func valueOf(o *flag) string {
	value := o.Option.Type()
	switch bounds := o.Bounds(); {
	case len(o.Choices) > 0:
		value = "`" + strings.Join(o.Choices, "`, `") + "`"
	case o.Form != "":
		value = o.Form
	case strings.HasPrefix(bounds, "a "):
		value = strings.TrimPrefix(bounds, "a ")
	case bounds != "":
		value += ", " + bounds
	}
	switch {
	case o.Repeats():
		value += "; repeated"
	case o.IsList():
		value += "; several with commas between"
	}
	return value
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + cell(text) + "`"
}

// cell is text that ends no cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// What a command must have beside its code, so that a new one is found, understood and
// refused: a row of the README's table, a line in the docs, an example that
// TestExamplesRun runs, and words that a shell offers wherever a value is one of a few.
// TestRefusals wants wrong inputs of each.
func TestCommandsAreWhole(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, c := range (&app{}).root().Commands() {
		command := "voxen " + c.Name()
		if !regexp.MustCompile("(?m)^\\| .*`" + command + "[ `]").MatchString(table) {
			t.Errorf("README.md: its table of commands has no row of %s", command)
		}
		if c.GroupID == "" {
			t.Errorf("voxen --help: %s is in no group", c.Name())
		}
		if !describes(t, c.Name()) {
			t.Errorf("docs: no page has %s as a heading", c.Name())
		}
		if !strings.Contains(c.Example, command) {
			t.Errorf("%s --help: no example", command)
		}
		completes(t, c.Name(), c, c.Flags())
	}
	root := (&app{}).root()
	completes(t, "voxen", root, root.PersistentFlags())
}

// describes reports whether a heading of a page of the docs, but the reference of
// options, names a command.
func describes(t *testing.T, command string) bool {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("docs: %v", err)
	}
	heading := regexp.MustCompile(`(?m)^#+ (.*[ ,])?` + command + `(,.*)?$`)
	return slices.ContainsFunc(pages, func(page string) bool {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Base(page) != "options.md" && heading.Match(text)
	})
}

// completes wants a word offered for every choice of an option and every fixed word of
// its form: none, linear and cosine: of "none, linear or cosine:SECONDS".
func completes(t *testing.T, name string, cmd *cobra.Command, flags *pflag.FlagSet) {
	fixed := regexp.MustCompile(`^[a-z]+[0-9]*:?`)
	flags.VisitAll(func(f *pflag.Flag) {
		o, ok := f.Value.(*flag)
		if !ok {
			return
		}
		want := slices.Clone(o.Choices)
		for _, word := range regexp.MustCompile(`, | or `).Split(o.Form, -1) {
			if w := fixed.FindString(word); o.File == "" && len(w) > 1 && !strings.Contains(word, ",") {
				want = append(want, w)
			}
		}
		var offered []string
		if complete, ok := cmd.GetFlagCompletionFunc(f.Name); ok {
			offered, _ = complete(cmd, nil, "")
		}
		for _, w := range want {
			if !slices.Contains(offered, w) {
				t.Errorf("%s: a shell offers %q for --%s, which may be %q", name, offered, f.Name, w)
			}
		}
	})
}

// docs/study.md fixes the synopses of the steps of a study: each names every flag
// of its command, and no other.
func TestStudyDocsNameFlags(t *testing.T) {
	text, err := os.ReadFile("../../docs/study.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(text), "\n## ")[1:] {
		name, body, _ := strings.Cut(s, "\n")
		sections[name] = body
	}
	flag := regexp.MustCompile(`--[a-z][a-z-]*`)
	root := (&app{}).root()
	for _, name := range []string{"match", "null", "organize", "couple", "group", "report", "run"} {
		var cmd *cobra.Command
		for _, c := range root.Commands() {
			if c.Name() == name {
				cmd = c
			}
		}
		body, ok := sections[name]
		if cmd == nil || !ok {
			t.Errorf("no command, or no section, of the name %s", name)
			continue
		}
		var synopsis strings.Builder
		for line := range strings.Lines(strings.TrimLeft(body, "\n")) {
			if !strings.HasPrefix(line, "    ") {
				break
			}
			synopsis.WriteString(line)
		}
		named := map[string]bool{}
		for _, f := range flag.FindAllString(synopsis.String(), -1) {
			named[strings.TrimPrefix(f, "--")] = true
			if cmd.Flags().Lookup(strings.TrimPrefix(f, "--")) == nil {
				t.Errorf("%s: its synopsis has %s, which the command has not", name, f)
			}
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !named[f.Name] {
				t.Errorf("%s: its synopsis lacks --%s", name, f.Name)
			}
		})
	}
}
