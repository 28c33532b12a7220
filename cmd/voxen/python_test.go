package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// pythonCommands are those that are functions of the Python package: all steps but the demo,
// and run.
func pythonCommands() []string {
	names := slices.DeleteFunc(commandsOfSteps(), func(name string) bool { return name == "demo" })
	return slices.Sorted(slices.Values(append(names, "run")))
}

// python/src/voxen/steps.py has a function for each command of a study, with a keyword
// argument for each option, as the code has them.
func TestPythonOptionsReference(t *testing.T) {
	const path = "../../python/src/voxen/steps.py"
	want := pythonSteps(t)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the options: go test ./cmd/voxen -run OptionsReference -update", path)
	}
}

// pythonSteps writes the module.
func pythonSteps(t *testing.T) string {
	var b strings.Builder
	b.WriteString(`"""The commands of voxen as functions: an argument for each option.

Written by go test ./cmd/voxen -run OptionsReference -update: do not edit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ._step import Results
from ._step import run as _run

Path = str | os.PathLike[str]
`)
	root := (&app{}).root()
	for _, name := range pythonCommands() {
		cmd, _, err := root.Find([]string{name})
		if err != nil || cmd.Name() != name {
			t.Fatalf("no command %s: %v", name, err)
		}
		pythonFunction(&b, cmd, pythonArguments(cmd, root))
	}
	fmt.Fprintf(&b, "\n\n__all__ = [\n    \"Results\",\n")
	for _, name := range pythonCommands() {
		fmt.Fprintf(&b, "    %q,\n", name)
	}
	b.WriteString("]\n")
	return b.String()
}

// pythonArgument is an argument of a function.
type pythonArgument struct {
	name, option string
	kind         string // its annotation
	doc          string
	input        bool // arrays, images and tables may stand in its place
	repeats      bool // a flag for each value, where others have commas between
	needed       bool
}

// pythonArguments lists those of a command: what it needs first, then other inputs, its
// options, and those that all commands share, but the two about what is printed.
func pythonArguments(cmd *cobra.Command, root *cobra.Command) []pythonArgument {
	var list []pythonArgument
	if cmd.Name() == "run" {
		list = append(list, pythonArgument{name: "study", option: "study", kind: "Path", doc: "the study's YAML file", needed: true})
	}
	add := func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "quiet" && f.Name != "json" {
			list = append(list, pythonArgumentOf(f))
		}
	}
	cmd.Flags().SortFlags, root.PersistentFlags().SortFlags = false, false
	cmd.Flags().VisitAll(add)
	root.PersistentFlags().VisitAll(add)
	slices.SortStableFunc(list, func(a, b pythonArgument) int { return a.order() - b.order() })
	return list
}

// order is that of arguments: needed ones, other inputs, options; the last by name alone.
func (a pythonArgument) order() int {
	switch {
	case a.needed:
		return 0
	case a.input:
		return 1
	}
	return 2
}

func pythonArgumentOf(f *pflag.Flag) pythonArgument {
	a := pythonArgument{name: strings.ReplaceAll(f.Name, "-", "_"), option: f.Name, kind: "bool", doc: f.Usage}
	if slices.Contains([]string{"lambda", "from", "in", "is", "not", "global", "class", "import"}, a.name) {
		a.name += "_"
	}
	o, ok := f.Value.(*flag)
	if !ok {
		return a
	}
	a.input = o.File == "in" || o.File == "lists" || o.File == "folder"
	a.repeats = o.Repeats()
	a.needed = o.Required && o.File != "out"
	switch {
	case a.input:
		a.kind = "Any"
	case o.File == "out":
		a.kind = "Path"
	case o.IsBool():
	case o.Option.Type() == "whole number":
		a.kind = "int"
	case o.Option.Type() == "number":
		a.kind = "float"
	default:
		a.kind = "str"
	}
	if o.IsList() && a.kind != "Any" {
		a.kind += " | Sequence[" + a.kind + "]"
	}
	if strings.HasPrefix(a.kind, "str") && strings.HasPrefix(o.Name, "alphas") {
		a.kind += " | Sequence[float]"
	}
	if len(o.Choices) > 0 {
		a.doc += ". One of " + strings.Join(o.Choices, ", ")
	} else if v := valueOf(o); v != "switch" && v != "text" && v != "path" {
		a.doc += ". " + strings.ToUpper(v[:1]) + v[1:]
		a.doc = strings.ReplaceAll(a.doc, "`", "")
	}
	if o.Default != "" && !strings.Contains(o.Doc, "default") {
		a.doc += " (default: " + o.Default + ")"
	}
	return a
}

// pythonFunction writes a function with its documentation.
func pythonFunction(b *strings.Builder, cmd *cobra.Command, arguments []pythonArgument) {
	fmt.Fprintf(b, "\n\ndef %s(\n", cmd.Name())
	keyword := false
	for _, a := range arguments {
		if a.order() == 2 && !keyword {
			keyword = true
			b.WriteString("    *,\n")
		}
		kind := a.kind
		if !a.needed {
			if kind != "Any" {
				kind += " | None"
			}
			kind += " = None"
		}
		fmt.Fprintf(b, "    %s: %s,\n", a.name, kind)
	}
	fmt.Fprintf(b, "    progress: bool = False,\n) -> Results:\n    \"\"\"%s.\n\n    As ``voxen %s``.\n\n    Parameters\n    ----------\n", sentence(cmd.Short), cmd.Name())
	for _, a := range arguments {
		kind := a.kind
		if a.input {
			kind = "path, array, image, table or results; several as a list, feature spaces and models as a dict"
		}
		if !a.needed {
			kind += ", optional"
		}
		fmt.Fprintf(b, "    %s : %s\n%s", a.name, kind, wrapped(sentence(a.doc)+"."))
	}
	b.WriteString("    progress : bool\n        Whether to show a bar, where tqdm is installed.\n")
	b.WriteString("\n    Returns\n    -------\n    results : Results\n        What the command wrote, by the names of its files.\n")
	b.WriteString("\n    Raises\n    ------\n    ValueError\n        Wrong input, in the program's words.\n    \"\"\"\n")
	fmt.Fprintf(b, "    return _run(\n        %q,\n        {\n", cmd.Name())
	for _, a := range arguments {
		fmt.Fprintf(b, "            %q: %s,\n", a.option, a.name)
	}
	var inputs, repeated []string
	for _, a := range arguments {
		switch {
		case a.input:
			inputs = append(inputs, fmt.Sprintf("%q", a.option))
		case a.repeats:
			repeated = append(repeated, fmt.Sprintf("%q", a.option))
		}
	}
	fmt.Fprintf(b, "        },\n        progress,\n        inputs=[%s],\n        repeated=[%s],\n    )\n", strings.Join(inputs, ", "), strings.Join(repeated, ", "))
}

// sentence begins with a capital letter, and has no full stop at its end.
func sentence(text string) string {
	r := []rune(strings.TrimSuffix(text, "."))
	r[0] = unicode.ToUpper(r[0])
	return strings.ReplaceAll(string(r), `\`, `\\`)
}

// wrapped writes text as lines of a docstring.
func wrapped(text string) string {
	var b strings.Builder
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > 100 {
			b.WriteString("        " + line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return b.String() + "        " + line + "\n"
}
