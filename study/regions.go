package study

import (
	"context"
	"io"
	"strconv"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
)

// regionMeans are responses averaged within the regions of an atlas.
type regionMeans struct {
	of      []int // region of each place, -1 for none
	used    []int // the same of the places that went into the means
	table   brain.LabelTable
	voxels  []int // that went into the mean of each region
	leftOut int   // voxels of regions that are constant or not finite
}

// average replaces the responses by the mean time course of each region of an
// atlas, float64 sums over the region's columns in their order. Held-out responses
// are averaged over the places of the training ones, whether they vary or not.
func (r *responses) average(ctx context.Context, path string, training *regionMeans) error {
	if r.places == nil {
		return input(path, "is an atlas, but responses %s are an array without places", r.paths[0])
	}
	region, table, err := r.places.regions(ctx, path)
	if err != nil {
		return err
	}
	use := region
	if training != nil {
		use = training.used
	}
	means, err := brain.RegionMeans(ctx, r, use, len(table), training != nil)
	if err != nil {
		return err
	}
	r.regions = &regionMeans{of: region, used: means.Used, table: table, voxels: means.Voxels, leftOut: means.LeftOut}
	if !anyPositive(means.Voxels) {
		return input(path, "has no region with a voxel that varies in %s", r.paths[0])
	}
	borders := r.borders()
	for i := range r.parts {
		lo, hi := borders[i]*means.Regions, borders[i+1]*means.Regions
		if r.parts[i], err = tile.Of(borders.Rows(i), means.Regions, means.Values[lo:hi]); err != nil {
			return err
		}
	}
	return nil
}

func anyPositive(counts []int) bool {
	for _, n := range counts {
		if n > 0 {
			return true
		}
	}
	return false
}

// write writes which region each column of the results is.
func (m *regionMeans) write(job *store.Job) error {
	return job.WriteFile("regions.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "column", "index", "name", "voxels")
		for i, l := range m.table {
			t.Row(strconv.Itoa(i), strconv.Itoa(l.Key), l.Name, strconv.Itoa(m.voxels[i]))
		}
		return t.Flush()
	})
}
