package main

import (
	_ "embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed list.tsv
var list string

// change is one line of the list.
type change struct {
	line     int
	file     string // from the root of the module
	old, new string
	packages []string // "./engine": the file's own first
}

// String names the change.
func (c change) String() string { return fmt.Sprintf("%s: %s -> %s", c.file, c.old, c.new) }

// parse reads a list: a change per line in four fields between tabs; lines that begin with # and empty ones are skipped.
func parse(text string) (changes []change, err error) {
	seen := map[string]int{}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 3 && len(f) != 4 {
			return nil, fmt.Errorf("list.tsv, line %d: %d fields, expected file, old text, new text and packages", i+1, len(f))
		}
		c := change{line: i + 1, file: f[0], old: f[1], new: f[2], packages: []string{"./" + path.Dir(f[0])}}
		if c.old == "" || c.old == c.new {
			return nil, fmt.Errorf("list.tsv, line %d: the texts %q and %q, expected two that differ", i+1, c.old, c.new)
		}
		if j, ok := seen[c.String()]; ok {
			return nil, fmt.Errorf("list.tsv, line %d: as line %d", i+1, j)
		}
		seen[c.String()] = i + 1
		if len(f) == 4 {
			for _, p := range strings.Fields(f[3]) {
				c.packages = append(c.packages, "./"+p)
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// changed is the file with the change made.
func (c change) changed(root string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(root, c.file))
	if err != nil {
		return nil, fmt.Errorf("list.tsv, line %d: %w", c.line, err)
	}
	if n := strings.Count(string(data), c.old); n != 1 {
		return nil, fmt.Errorf("list.tsv, line %d: %s holds %q %d times, expected once", c.line, c.file, c.old, n)
	}
	return []byte(strings.Replace(string(data), c.old, c.new, 1)), nil
}

// sample takes about n changes, spread over the list; turns 0, 1, ... take others until all were taken.
func sample(changes []change, n, turn int) (part []change) {
	if n <= 0 || n >= len(changes) {
		return changes
	}
	step := (len(changes) + n - 1) / n
	for i := turn % step; i < len(changes); i += step {
		part = append(part, changes[i])
	}
	return part
}

// packages lists those of all changes.
func packages(changes []change) (all []string) {
	for _, c := range changes {
		all = append(all, c.packages...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
