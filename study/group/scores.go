package group

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// selectionScore is what encode calls the score by which it chose alphas, and nullMean
// the file of its null's mean.
const (
	selectionScore = "cv_score"
	nullMean       = "null_mean"
)

// score is what a map is, as the run.json that encode wrote beside it says. The zero
// score is a map of something else, which is tested as it is.
type score struct {
	file string // of the result, without its ending: "test_score"
	// kind is which score it is: "test r", "nested r2". Alphas may have been chosen by
	// another.
	kind string
	null string // of which kind null_mean would be
}

func (s score) String() string { return cmp.Or(s.file, "no score of voxen encode") }

// stem is the name of a result of encode: "test_score" of test_score_hemi-L.func.gii.
func stem(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.TrimSuffix(strings.TrimSuffix(name, "_hemi-L"), "_hemi-R")
}

// runOf is the run.json beside a map.
func runOf(path string) string {
	return filepath.Join(filepath.Dir(brain.Parts(path)[0]), "run.json")
}

// nullOf is the mean of the null beside a map, in files like it.
func nullOf(path string) string {
	parts := brain.Parts(path)
	for i, p := range parts {
		parts[i] = filepath.Join(filepath.Dir(p), nullMean+strings.TrimPrefix(filepath.Base(p), stem(p)))
	}
	return strings.Join(parts, ",")
}

// beside lists what is read beside the maps where it is there.
func beside(fsys store.FS, maps []string) (files []step.File) {
	for _, path := range maps {
		if run := runOf(path); step.Exists(fsys, run) {
			files = append(files, step.File{Role: "--run", Path: run})
		}
		for _, part := range brain.Parts(nullOf(path)) {
			if step.Exists(fsys, part) {
				files = append(files, step.File{Role: "--null", Path: part})
			}
		}
	}
	return files
}

// scoreOf says what a map is. A selection score is refused: it is above 0 on noise, by how
// much each subject's noise decides.
func scoreOf(fsys store.FS, path string) (score, error) {
	file := runOf(path)
	if !step.Exists(fsys, file) {
		return score{}, nil
	}
	run, err := store.ReadRun(fsys, file)
	if err != nil || run.Command != "encode" {
		return score{}, err
	}
	s := score{file: stem(path), null: kindOf(run, selectionScore)}
	written := func(name string) bool {
		return slices.ContainsFunc(run.Outputs, func(o store.Output) bool { return stem(o.Name) == name })
	}
	heldOut := ""
	for _, name := range []string{"nested_score", "test_score"} {
		if written(name) {
			heldOut, s.null = name, kindOf(run, name)
		}
	}
	switch {
	case s.file == selectionScore || s.file == selectionScore+"s":
		instead := "fit with held-out runs (encode --test-features) or nested cross-validation (--nested) and give test_score or nested_score"
		if heldOut != "" {
			instead = "give the " + heldOut + " beside it"
		}
		return s, step.BadInput(path, "is a selection score, by which alphas were chosen and which is above 0 on noise: %s", instead)
	case strings.HasPrefix(s.file, "test_"), strings.HasPrefix(s.file, "nested_"):
		s.kind = kindOf(run, s.file)
		return s, nil
	}
	return score{}, nil
}

// kindOf is which score a result of a fit is: test_score is of the score that chose alphas.
func kindOf(run *store.Run, name string) string {
	where, what, _ := strings.Cut(name, "_")
	if what == "score" {
		what = "?"
		for _, o := range run.Options {
			if o.Name == "--score" {
				what = o.Value
			}
		}
	}
	return where + " " + what
}

// scores says what the maps are, one kind for all subjects, and whether each has the mean
// of its null beside it; without is the first that has none.
func scores(fsys store.FS, maps []string) (first score, without string, err error) {
	for i, path := range maps {
		s, err := scoreOf(fsys, path)
		if err != nil {
			return s, "", err
		}
		if i == 0 {
			first = s
		}
		if s.kind != first.kind {
			return s, "", step.BadInput(path, "is %s, but %s is %s: all subjects have one kind of score", inWords(s), maps[0], inWords(first))
		}
		there := s.kind == s.null
		for _, part := range brain.Parts(nullOf(path)) {
			there = there && step.Exists(fsys, part)
		}
		if s.kind != "" && !there && without == "" {
			without = path
		}
	}
	return first, without, nil
}

// inWords is a score for people.
func inWords(s score) string {
	if s.kind == "" {
		return s.String()
	}
	return fmt.Sprintf("%s (%s)", s.file, s.kind)
}

// compared are the maps of all subjects less the means of their nulls, if there are any.
type compared struct {
	maps, nulls tile.Source // nulls may be nil
	fisher      bool        // atanh of both
}

// Rows is the number of subjects.
func (c compared) Rows() int { return c.maps.Rows() }

// Cols is the number of voxels.
func (c compared) Cols() int { return c.maps.Cols() }

// ReadFloat64 reads maps less nulls.
func (c compared) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	if err := c.maps.ReadFloat64(ctx, lo, hi, dst, stride); err != nil {
		return err
	}
	width := hi - lo
	var null []float64
	if c.nulls != nil {
		null = make([]float64, c.Rows()*width)
		if err := c.nulls.ReadFloat64(ctx, lo, hi, null, width); err != nil {
			return err
		}
	}
	for t := range c.Rows() {
		for v := range width {
			x := &dst[t*stride+v]
			*x = c.scaled(*x)
			if null != nil {
				*x -= c.scaled(null[t*width+v])
			}
		}
	}
	return nil
}

// scaled is what is tested of a value.
func (c compared) scaled(x float64) float64 {
	if c.fisher {
		return math.Atanh(x)
	}
	return x
}

// ReadFloat32 is ReadFloat64 rounded.
func (c compared) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return step.ReadNarrow(ctx, c, lo, hi, dst, stride)
}

// columnMeans is the mean of every column, NaN where it is not finite in a row.
func columnMeans(ctx context.Context, src tile.Source) ([]float64, error) {
	const width = 4096
	means := make([]float64, src.Cols())
	block := make([]float64, src.Rows()*min(width, src.Cols()))
	for lo := 0; lo < src.Cols(); lo += width {
		hi := min(lo+width, src.Cols())
		if err := src.ReadFloat64(ctx, lo, hi, block, hi-lo); err != nil {
			return nil, err
		}
		for v := range hi - lo {
			for t := range src.Rows() {
				means[lo+v] += block[t*(hi-lo)+v] / float64(src.Rows())
			}
			if math.IsInf(means[lo+v], 0) {
				means[lo+v] = math.NaN()
			}
		}
	}
	return means, nil
}
