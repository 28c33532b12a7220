// Package arrows checks which package of the module imports which.
package arrows

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// table lists the arrows that may be: packages, a colon, those that they import, all
// below the module. A * stands for one element of a path; lines add up. It is the picture of
// docs/architecture.md, "The packages". Files of every platform and build tag count;
// tests may import what they like.
const table = `
cmd/voxen: study study/* internal/demo bench store engine cpu cuda internal/worker internal/slurm
bench/gpu bench/peers/worker: bench cpu engine/dict engine/ridge engine/tile
bench/gpu: cuda engine internal/conform engine/op
bench/compare: store
bench/peers/worker: internal/blas internal/eig engine/op store study/encode
bench: internal/blas engine internal/conform engine/dict engine/op engine/ridge engine/tile

study: study/step study/extract study/align study/learn study/encode study/null study/mask study/match
study: study/organize study/couple study/lesion study/group study/report brain lm store engine engine/op engine/ridge testdata
study/*: study/step brain store engine engine/op engine/tile
internal/demo: study/align study/encode study/extract study/learn study/match study/null study/organize study/report
internal/demo: study/step brain store engine/tile internal/plotting lm testdata
study/report: study/couple study/match report internal/plotting internal/stimulus internal/templates
study/plot: report internal/plotting internal/templates internal/hdf5
internal/templates: brain store testdata
study/organize: study/match internal/plotting
study/null: study/encode study/match engine/ridge internal/stimulus
study/match: internal/plotting internal/permute engine/ridge internal/spatial
study/couple: internal/coupling engine/dict internal/permute
study/group study/localize study/lesion: internal/permute
study/learn: engine/dict
study/encode study/encode/internal/* study/predict: engine/ridge
study/encode: study/encode/internal/* study/internal/cv study/internal/pvalues
study/encode/internal/*: study/encode/internal/fit study/step engine/op
study/encode/internal/fit: engine/tile store
study/encode/internal/bands study/encode/internal/layers: store
study/encode/internal/chance study/encode/internal/isc: internal/stimulus
study/encode/internal/chance: study/internal/pvalues
study/encode/internal/isc study/encode/internal/layers study/encode/internal/bands: engine/tile
study/internal/cv: engine/ridge study/step engine/op
study/internal/pvalues: engine/ridge study/step internal/permute internal/stimulus
study: study/internal/cv study/speech
study/score: engine/ridge study/internal/pvalues internal/stimulus
study/step: engine/ridge
study/extract study/lesion: lm
study/extract: study/lesion
internal/steptest: internal/npytest study/step brain store engine/op cpu

lm: engine engine/op store
report: brain internal/plotting
internal/plotting: brain
internal/gallery: internal/plotting brain store
brain internal/faultfs internal/npytest: store
store: internal/hdf5

engine/*: engine engine/op engine/tile
engine: engine/op engine/tile internal/heap
cpu: engine internal/heap engine/op internal/blas internal/eig internal/sparse internal/sysblas internal/vec
internal/eig internal/sparse internal/sysblas internal/vec: internal/blas
internal/blas internal/eig engine/ridge: internal/team
internal/conform internal/coupling internal/permute internal/spatial: engine engine/op
internal/conform/conformtest: internal/conform engine engine/op
internal/coupling internal/permute internal/spatial: engine/tile
internal/stimulus: engine/op
internal/slurm: study
internal/worker: study/step store engine engine/dict engine/op engine/ridge engine/tile
cuda: engine internal/heap engine/op internal/cuda/lazy kernels
internal/cuda/sim: kernels
internal/cuda/cudatest: cuda internal/cuda/lazy internal/cuda/sim engine
`

// arrow is a line of the table, taken apart.
type arrow struct {
	from, to string // patterns
	used     bool
}

func arrows(t *testing.T) (list []*arrow) {
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		from, to, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("line %q of the table has no colon", line)
		}
		for _, f := range strings.Fields(from) {
			for _, p := range strings.Fields(to) {
				list = append(list, &arrow{from: f, to: p})
			}
		}
	}
	return list
}

// matches reports whether a pattern stands for a package.
func matches(t *testing.T, pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	if err != nil {
		t.Fatalf("pattern %q: %v", pattern, err)
	}
	return ok
}

// listed is what go list says of a package.
type listed struct {
	Dir, ImportPath, Name, Doc        string
	Module                            struct{ Path string }
	GoFiles, CgoFiles, IgnoredGoFiles []string
}

// packages lists those of the module.
func packages(t *testing.T) (all []listed) {
	command, err := exec.LookPath("go")
	if err != nil {
		t.Skip("go is not there")
	}
	var said bytes.Buffer
	list := exec.Command(command, "list", "-e", "-json=Dir,ImportPath,Name,Doc,Module,GoFiles,CgoFiles,IgnoredGoFiles", "./...")
	list.Dir, list.Stderr = "../..", &said
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, said.String())
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// imports lists the packages of the module that a package's files import, whatever they
// are built for.
func imports(t *testing.T, p listed) (names []string) {
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if below, ours := strings.CutPrefix(imported, p.Module.Path+"/"); ours && !slices.Contains(names, below) {
				names = append(names, below)
			}
		}
	}
	return names
}

// Packages import what the table says, and the table says nothing else.
func TestArrows(t *testing.T) {
	allowed := arrows(t)
	all := packages(t)
	if len(all) < 30 {
		t.Fatalf("go list names %d packages, expected those of the whole module", len(all))
	}
	for _, p := range all {
		from := strings.TrimPrefix(p.ImportPath, p.Module.Path+"/")
		for _, to := range imports(t, p) {
			found := false
			for _, a := range allowed {
				if matches(t, a.from, from) && matches(t, a.to, to) {
					a.used, found = true, true
				}
			}
			if !found {
				t.Errorf("%s imports %s, an arrow that the table does not have", from, to)
			}
		}
	}
	for _, a := range allowed {
		if !a.used {
			t.Errorf("the table has %s: %s, which no package imports", a.from, a.to)
		}
	}
}
