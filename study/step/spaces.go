package step

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/store"
)

// spaceName is how the files of a run begin that are feature spaces by name.
var spaceName = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_.-]*)=(.+)$`)

// Space is a feature space: a file for each run.
type Space struct {
	Name  string // "" for features that are one file per run
	Paths []string
}

// Spaces reads a value of --features for each run: a file, or feature spaces by name,
// a=A.npy,b=B.npy, with the same names in every run. A file whose own name has that
// form is written ./a=A.npy.
func Spaces(runs []string) ([]Space, error) { return SpacesOf("features", "feature spaces", runs) }

// SpacesOf is Spaces of an option of another name, of which what is what has names.
func SpacesOf(option, what string, runs []string) ([]Space, error) {
	var spaces []Space
	for i, run := range runs {
		if !spaceName.MatchString(run) {
			if i > 0 && spaces[0].Name != "" {
				return nil, BadInput("", "--%s %s has no names of %s, %s has: expected NAME=FILE,NAME=FILE", option, run, what, runs[0])
			}
			if i == 0 {
				spaces = []Space{{}}
			}
			spaces[0].Paths = append(spaces[0].Paths, run)
			continue
		}
		parts := strings.Split(run, ",")
		for j, part := range parts {
			m := spaceName.FindStringSubmatch(part)
			if m == nil {
				return nil, BadInput("", "--%s %s: %q has no name, expected NAME=FILE,NAME=FILE", option, run, part)
			}
			if i == 0 {
				if slices.ContainsFunc(spaces, func(s Space) bool { return s.Name == m[1] }) {
					return nil, BadInput("", "--%s %s names %s twice", option, run, m[1])
				}
				spaces = append(spaces, Space{Name: m[1]})
			}
			if j >= len(spaces) || spaces[j].Name != m[1] || i > 0 && len(spaces) != len(parts) {
				return nil, BadInput("", "--%s %s names other %s than %s, expected the same in each run", option, run, what, runs[0])
			}
			spaces[j].Paths = append(spaces[j].Paths, m[2])
		}
	}
	return spaces, nil
}

// FilesOfSpaces lists the files of a value of --features.
func FilesOfSpaces(run string) []string {
	spaces, err := Spaces([]string{run})
	if err != nil {
		return []string{run}
	}
	var files []string
	for _, s := range spaces {
		files = append(files, s.Paths...)
	}
	return files
}

// loadSpaces puts feature spaces side by side.
func loadSpaces(ctx context.Context, fsys store.FS, spaces []Space, labels string, ends Ends) (Features, error) {
	var all Features
	for i, s := range spaces {
		f, err := LoadFeatures(ctx, fsys, s.Paths, labels, ends)
		if err != nil {
			return f, err
		}
		f.Spaces = []SpaceColumns{{s.Name, 0, f.Cols}}
		if i == 0 {
			all = f
			continue
		}
		if err := sameRowsAs(s.Paths, f.Files, spaces[0].Paths, all.Files); err != nil {
			return f, err
		}
		data := make([]float64, 0, len(all.Data)+len(f.Data))
		for t := range all.Rows {
			data = append(append(data, all.Row(t)...), f.Row(t)...)
		}
		all.Spaces = append(all.Spaces, SpaceColumns{s.Name, all.Cols, all.Cols + f.Cols})
		all.Data, all.Cols, all.Narrow = data, all.Cols+f.Cols, all.Narrow && f.Narrow
	}
	return all, nil
}

// sameRowsAs wants as many rows of each run in two feature spaces.
func sameRowsAs(paths []string, files op.Borders, first []string, others op.Borders) error {
	for i := range paths {
		if n, m := files.Rows(i), others.Rows(i); n != m {
			return BadInput(paths[i], "has %d rows, %s has %d", n, first[i], m)
		}
	}
	return nil
}
