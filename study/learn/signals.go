package learn

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// Shared is one run of several models: a file of each, by name.
type Shared []NamedFile

// NamedFile is the file of a model.
type NamedFile struct{ Model, Path string }

// UnmarshalText reads MODEL=FILE pairs with commas between.
func (s *Shared) UnmarshalText(text []byte) error {
	*s = nil
	for pair := range strings.SplitSeq(string(text), ",") {
		model, path, ok := strings.Cut(pair, "=")
		switch {
		case !ok || model == "" || path == "":
			return fmt.Errorf("%q: %q, expected MODEL=FILE", text, pair)
		case slices.ContainsFunc(*s, func(f NamedFile) bool { return f.Model == model }):
			return fmt.Errorf("%q: model %s is there twice", text, model)
		}
		*s = append(*s, NamedFile{model, path})
	}
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (s Shared) MarshalText() ([]byte, error) {
	var pairs []string
	for _, f := range s {
		pairs = append(pairs, f.Model+"="+f.Path)
	}
	return []byte(strings.Join(pairs, ",")), nil
}

// models are the names of a run's models.
func (s Shared) models() (names []string) {
	for _, f := range s {
		names = append(names, f.Model)
	}
	return names
}

// signals are the columns of one model, or of several side by side: a tile.Source.
type signals struct {
	models []string // names; none where there is one model without a name
	parts  []*step.Responses
	starts []int // first column of each part, and their number
}

// files lists the files of each model, a file per run.
func (o *Options) files() (models []string, files [][]string) {
	if len(o.Shared) == 0 {
		return nil, [][]string{o.Responses}
	}
	models = o.Shared[0].models()
	files = make([][]string, len(models))
	for _, run := range o.Shared {
		for i, f := range run {
			files[i] = append(files[i], f.Path)
		}
	}
	return models, files
}

// openSignals opens the files of all models, which have the same rows.
func openSignals(e *step.Env, o *Options) (*signals, error) {
	models, files := o.files()
	s := &signals{models: models, starts: []int{0}}
	for i, paths := range files {
		part, err := step.OpenStack(e, paths)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.parts, s.starts = append(s.parts, part), append(s.starts, s.starts[i]+part.Cols())
		if part.Rows() == 0 || part.Cols() == 0 {
			s.Close()
			return nil, step.BadInput(paths[0], "is %d x %d, expected at least one row and one signal", part.Rows(), part.Cols())
		}
		first, own := s.parts[0].Borders(), part.Borders()
		for r, path := range paths {
			if first.Rows(r) != own.Rows(r) {
				s.Close()
				return nil, step.BadInput(path, "has %d rows, %s has %d", own.Rows(r), files[0][r], first.Rows(r))
			}
		}
	}
	return s, nil
}

// Close closes all files.
func (s *signals) Close() {
	for _, p := range s.parts {
		p.Close()
	}
}

// Rows is the number of time points.
func (s *signals) Rows() int { return s.parts[0].Rows() }

// Cols is the number of signals of all models.
func (s *signals) Cols() int { return s.starts[len(s.parts)] }

// Wide reports whether a file has values that may need more digits than a float32 has.
func (s *signals) Wide() bool { return slices.ContainsFunc(s.parts, (*step.Responses).Wide) }

// ReadFloat32 reads each model's columns among [lo, hi).
func (s *signals) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return s.each(lo, hi, func(p *step.Responses, from, to, at int) error { return p.ReadFloat32(ctx, from, to, dst[at:], stride) })
}

// ReadFloat64 reads each model's columns among [lo, hi).
func (s *signals) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return s.each(lo, hi, func(p *step.Responses, from, to, at int) error { return p.ReadFloat64(ctx, from, to, dst[at:], stride) })
}

// each reads the columns that models have among [lo, hi), the first of them to column at.
func (s *signals) each(lo, hi int, read func(p *step.Responses, from, to, at int) error) error {
	for i, p := range s.parts {
		from, to := max(lo, s.starts[i]), min(hi, s.starts[i+1])
		if from >= to {
			continue
		}
		if err := read(p, from-s.starts[i], to-s.starts[i], from-lo); err != nil {
			return err
		}
	}
	return nil
}

// at is the file that a value lies in, with its row and column there.
func (s *signals) at(row, column int) (path string, r, c int) {
	i := 0
	for column >= s.starts[i+1] {
		i++
	}
	path, r = s.parts[i].FileOf(row)
	return path, r, column - s.starts[i]
}

// writeColumns hands on the table of columns of the first run: that of one model as it
// is, those of several below each other under the names that the models were given.
func (s *signals) writeColumns(e *step.Env, job *store.Job) error {
	if s.models == nil {
		return step.CarryColumns(e.FS, s.parts[0].Paths[0], job, "columns.tsv")
	}
	names := make([]*step.ColumnNames, len(s.parts))
	for i, p := range s.parts {
		var err error
		if names[i], err = step.ReadColumns(e.FS, p.Paths[0]+".columns.tsv", p.Cols()); err != nil {
			return err
		}
	}
	return job.WriteFile("columns.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "column", "model", "layer", "unit", "tap")
		for i, p := range s.parts {
			for c := range p.Cols() {
				of := []string{"", "n/a", strconv.Itoa(c), "n/a"} // of a file without a table
				if names[i] != nil {
					of = names[i].Of(c)
				}
				t.Row(strconv.Itoa(s.starts[i]+c), s.models[i], of[1], of[2], of[3])
			}
		}
		return t.Flush()
	})
}

// someRows are rows [lo, hi) of a source.
type someRows struct {
	tile.Source
	lo, hi int
}

// Rows is the number of rows.
func (s someRows) Rows() int { return s.hi - s.lo }

// Wide reports whether the source is.
func (s someRows) Wide() bool { return tile.IsWide(s.Source) }

// ReadFloat32 reads all rows and hands on its own.
func (s someRows) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readSome(s, lo, hi, dst, stride, func(all []float32) error { return s.Source.ReadFloat32(ctx, lo, hi, all, hi-lo) })
}

// ReadFloat64 reads all rows and hands on its own.
func (s someRows) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readSome(s, lo, hi, dst, stride, func(all []float64) error { return s.Source.ReadFloat64(ctx, lo, hi, all, hi-lo) })
}

func readSome[F float32 | float64](s someRows, lo, hi int, dst []F, stride int, read func(all []F) error) error {
	width := hi - lo
	all := make([]F, s.Source.Rows()*width)
	if err := read(all); err != nil {
		return err
	}
	for r := range s.Rows() {
		copy(dst[r*stride:][:width], all[(s.lo+r)*width:])
	}
	return nil
}
