package step

import (
	"context"
	"io"
	"math"
	"strconv"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/store"
)

// RegionMeans are responses averaged within the regions of an atlas.
type RegionMeans struct {
	Of      []int // region of each place, -1 for none
	used    []int // the same of the places that went into the means
	Table   brain.LabelTable
	Voxels  []int // that went into the mean of each region
	LeftOut int   // voxels of regions that are constant or not finite
}

// Average replaces the responses by the mean time course of each region of an
// atlas, float64 sums over the region's columns in their order. Held-out responses
// are averaged over the places of the training ones, whether they vary or not.
func (r *Responses) Average(ctx context.Context, e *Env, path string, training *RegionMeans) error {
	if r.Places == nil {
		return BadInput(path, "is an atlas, but responses %s are an array without places", r.Paths[0])
	}
	files := e.Files()
	labels, err := r.Places.Labels(ctx, files, path, "")
	if err != nil {
		return err
	}
	use := labels.At
	if training != nil {
		use = training.used
	}
	means, err := brain.RegionMeans(ctx, r, use, len(labels.Table), training != nil)
	if err != nil {
		return err
	}
	if training == nil {
		e.Notes(labels.Notes)
	}
	r.Regions = &RegionMeans{Of: labels.At, used: means.Used, Table: labels.Table, Voxels: means.Voxels, LeftOut: means.LeftOut}
	if !anyPositive(means.Voxels) {
		return BadInput(path, "has no region with a voxel that varies in %s", r.Paths[0])
	}
	borders := r.Borders()
	for i := range r.Parts {
		lo, hi := borders[i]*means.Regions, borders[i+1]*means.Regions
		if r.Parts[i], err = tile.Of(borders.Rows(i), means.Regions, means.Values[lo:hi]); err != nil {
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

// Write writes which region each column of the results is.
func (m *RegionMeans) Write(job *store.Job) error {
	return job.WriteFile("regions.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "column", "index", "name", "voxels")
		for i, l := range m.Table {
			t.Row(strconv.Itoa(i), strconv.Itoa(l.Key), l.Name, strconv.Itoa(m.Voxels[i]))
		}
		return t.Flush()
	})
}

// Painted shows results per region at the places of each region.
type Painted struct {
	rows, regions int
	values        []float64 // (rows x regions)
	region        []int
}

// Paint loads results per region.
func Paint(ctx context.Context, src brain.Columns, region []int) (*Painted, error) {
	p := &Painted{rows: src.Rows(), regions: src.Cols(), region: region}
	p.values = make([]float64, p.rows*p.regions)
	return p, src.ReadFloat64(ctx, 0, p.regions, p.values, p.regions)
}

// Rows is the number of results.
func (p *Painted) Rows() int { return p.rows }

// Cols is the number of places.
func (p *Painted) Cols() int { return len(p.region) }

func (p *Painted) at(r, v int) float64 {
	if p.region[v] < 0 {
		return math.NaN()
	}
	return p.values[r*p.regions+p.region[v]]
}

// ReadFloat32 reads columns, NaN outside the regions.
func (p *Painted) ReadFloat32(_ context.Context, lo, hi int, dst []float32, stride int) error {
	for r := range p.rows {
		for v := lo; v < hi; v++ {
			dst[r*stride+v-lo] = float32(p.at(r, v))
		}
	}
	return nil
}

// ReadFloat64 reads columns, NaN outside the regions.
func (p *Painted) ReadFloat64(_ context.Context, lo, hi int, dst []float64, stride int) error {
	for r := range p.rows {
		for v := lo; v < hi; v++ {
			dst[r*stride+v-lo] = p.at(r, v)
		}
	}
	return nil
}

// Row fills dst with one result, NaN outside the regions.
func (p *Painted) Row(_ context.Context, r int, dst []float64) error {
	for v := range dst {
		dst[v] = p.at(r, v)
	}
	return nil
}

// LabelTables is the table of labels that is read beside a label image, as an input of
// the option that names the image; none where there is no table, or labels are in the
// image itself.
func LabelTables(fsys store.FS, role, image string) ([]File, error) {
	if k := brain.KindByName(image); k == nil || k.Geometry() != brain.OnGrid || !Exists(fsys, image) {
		return nil, nil
	}
	table, err := brain.Files{FS: fsys}.TableBeside(image)
	if table == "" || err != nil {
		return nil, err
	}
	return []File{{role, table}}, nil
}
