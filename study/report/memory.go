package report

import (
	"context"
	"path/filepath"
	"slices"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// leastBytes is what tables, figures and the page of a small study take.
const leastBytes = 8 << 20

// What is made of each voxel of a grid, in bytes: of one model's mean map, with the subject's that is
// added, its mask and the pictures; of every model's volumes that stay on the page, as text; of each
// network's map while all of a model are scaled alike; and of what is behind the maps.
const (
	perMean    = 28
	perShown   = 1
	perNetwork = 26
	perBehind  = 8
)

// perVertex is what a surface takes of each vertex: its point and two triangles, as stored, as
// numbers, as they are drawn and as text of the page.
const perVertex = 160

// perScore is what is made of each of a file of scores: sorted, and those above 0.
const perScore = 24

// plan refuses a bound of memory that is too small for what the report reads, by the headers
// of images and arrays, and the lengths of tables.
func (b *reporter) plan(ctx context.Context) error {
	files, err := b.o.MoreInputs(b.Env)
	if err != nil {
		return err
	}
	for _, path := range []string{b.o.Background, b.o.Templates} {
		if path != "" {
			files = append(files, step.File{Path: path})
		}
	}
	var grid, table, array int64
	for _, f := range files {
		if err := b.size(f.Path, &grid, &table, &array); err != nil {
			return err
		}
	}
	shown, networks := int64(0), 0
	for _, m := range b.o.Models {
		shown++
		n, err := b.bestAtoms(m)
		if err != nil {
			return err
		}
		networks = max(networks, n)
	}
	maps := grid * (perShown*shown + max(perMean, perNetwork*int64(networks)))
	if b.o.Background != "" || b.o.Anatomy != "none" || b.o.Templates != "" {
		maps += perBehind * grid
	}
	own := leastBytes + max(table, array, maps) // of one section at a time
	for _, path := range b.o.Surfaces {
		g, _, err := b.files.GiftiHead(path)
		if err != nil {
			return err
		}
		if len(g.Arrays) > 0 { // others are refused as they are read
			own += perVertex * int64(g.Arrays[0].Dims[0])
		}
	}
	return b.PlanMemory(ctx, step.Stage{Own: own})
}

// size adds a file to the largest grid, table and array of scores.
func (b *reporter) size(path string, grid, table, array *int64) error {
	switch {
	case filepath.Ext(path) == ".tsv":
		n, err := store.TableBytes(b.Env.FS, path)
		*table = max(*table, 2*n)
		return err
	case slices.Contains(scoreFiles, filepath.Base(path)):
		a, err := store.OpenArray(b.Env.FS, path)
		if err != nil {
			return err
		}
		n := int64(1)
		for _, d := range a.Shape() {
			n *= int64(d)
		}
		*array = max(*array, perScore*n)
		return a.Close()
	case isOf(path, brain.OnGrid):
		s, err := b.files.Describe(path)
		*grid = max(*grid, int64(s.Cols))
		return err
	}
	return nil
}

// scoreFiles are the arrays that are read whole.
var scoreFiles = []string{"cv_score.npy", "nested_score.npy", "test_score.npy", "band_weights.npy", "product_measure.npy", "split_r.npy"}

// bestAtoms counts the networks of a model that have an atom.
func (b *reporter) bestAtoms(m Model) (n int, err error) {
	matches, err := b.matches(m)
	if matches == nil || err != nil {
		return 0, err
	}
	for place := range matches.networks {
		if matches.best(place) >= 0 {
			n++
		}
	}
	return n, nil
}
