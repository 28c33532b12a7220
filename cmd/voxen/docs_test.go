package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

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
	for _, name := range []string{"match", "organize", "couple", "group", "report", "run"} {
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
