package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// doors are the files that reach the file system of the machine by themselves, and why;
// all others go through a store.FS that they are handed, so that faults can be injected
// and a test sees everything that a command writes. A name that ends in a slash stands
// for all below it.
var doors = map[string]string{
	"store/":                         "the file system itself",
	"cmd/voxen/main.go":              "hands it to the program",
	"study/step/env.go":              "the default of a program that names none",
	"brain/files.go":                 "the default of a program that names none",
	"brain/stored.go":                "the default of a program that names none",
	"study/step/memory.go":           "asks the kernel for the resident set",
	"cpu/memory_linux.go":            "asks the kernel for the machine's memory",
	"internal/cuda/lazy/library.go":  "looks for the driver's libraries",
	"internal/cuda/lazy/generate.go": "makes source, by go generate",
	"internal/cuda/sim/":             "builds the simulated driver of tests",
	"internal/browser/":              "starts a browser for tests",
	"study/step/run.go":              "the runner, which opens the job of a step",
	"study/step/checkpoint.go":       "writes the job's own scratch file",
	"study/cluster.go":               "keeps the ids of a study's jobs, where their logs are",
	"internal/steptest/":             "makes files for tests",
	"internal/worker/":               "maps the files that another process shares with it",
	"internal/npytest/":              "makes files for tests",
	"bench/peers/":                   "is a program of its own, which compares others with voxen",
	"bench/compare/":                 "is a program of the project itself",
	"internal/mutate/":               "is a program of the project itself",
	"internal/notices/":              "is a program of the project itself",
	"internal/gallery/":              "is a program of the project itself",
}

// storePath is the package that holds the file system.
const storePath = "voxen/store"

// reaching are the names of packages that reach the file system.
var reaching = map[string][]string{
	"os": {"Chmod", "Chtimes", "Chdir", "Create", "CreateTemp", "DirFS", "Link", "Lstat", "Mkdir", "MkdirAll", "MkdirTemp", "Open", "OpenFile", "OpenRoot",
		"ReadDir", "ReadFile", "Readlink", "Remove", "RemoveAll", "Rename", "Stat", "Symlink", "Truncate", "WriteFile", "CopyFS"},
	"io/ioutil":     {"ReadAll", "ReadDir", "ReadFile", "TempDir", "TempFile", "WriteFile"},
	"path/filepath": {"EvalSymlinks", "Glob", "Walk", "WalkDir"},
	"syscall":       {"Open", "Mkdir", "Rename", "Unlink", "Rmdir", "Link", "Symlink", "Stat", "Lstat"},
	storePath:       {"OS"},
}

// pastJob are the functions of the store that write a file by its path: a step writes
// through its job. The digests that a study remembers and the lock on its folder are no
// results, and store keeps them.
var pastJob = []string{"WriteFile", "OpenJob"}

// ofFS are the methods by which a store.FS, by these names, is changed.
var ofFS = []string{"Create", "Edit", "MkdirAll", "Remove", "Rename", "SyncDir"}

// TestDoors reads every source of the module, of every platform and build tag.
func TestDoors(t *testing.T) {
	used := map[string]bool{}
	fset := token.NewFileSet()
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "build"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel("../..", name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, door := range doorsIn(f, rel) {
			entry := doorOf(rel)
			if entry == "" {
				t.Errorf("%s: %s: expected a store.FS that is handed in, a job that writes, or an entry among the doors", fset.Position(door.Pos()), written(door))
			}
			used[entry] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file, why := range doors {
		if !used[file] {
			t.Errorf("the doors have %s (%s), which reaches no file", file, why)
		}
	}
}

// doorOf is the entry by which a file may reach the file system, "" if it may not.
func doorOf(file string) string {
	for door := range doors {
		if file == door || strings.HasSuffix(door, "/") && strings.HasPrefix(file, door) {
			return door
		}
	}
	return ""
}

// written is a selector as it is written, the last two names of it.
func written(s *ast.SelectorExpr) string { return lastName(s.X) + "." + s.Sel.Name }

// lastName is that of an expression: FS of e.FS and of job.FS().
func lastName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.CallExpr:
		return lastName(x.Fun)
	}
	return ""
}

// doorsIn finds the selectors of a file that reach the file system, whatever name an
// import has; in the steps and commands also those that write past the job.
func doorsIn(f *ast.File, file string) []*ast.SelectorExpr {
	imported := map[string]string{}
	for _, spec := range f.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := p[strings.LastIndex(p, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = p
	}
	steps := strings.HasPrefix(file, "study/") || strings.HasPrefix(file, "cmd/voxen/")
	var found []*ast.SelectorExpr
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		p, isPackage := "", false
		if ok {
			p, isPackage = imported[x.Name]
		}
		switch {
		case isPackage && slices.Contains(reaching[p], s.Sel.Name),
			isPackage && p == storePath && steps && slices.Contains(pastJob, s.Sel.Name),
			!isPackage && steps && slices.Contains([]string{"FS", "fsys"}, lastName(s.X)) && slices.Contains(ofFS, s.Sel.Name):
			found = append(found, s)
		}
		return true
	})
	return found
}
