package brain

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Label names one value of a label image: a region or a network.
type Label struct {
	Key   int
	Name  string
	Color [4]uint8 // red, green, blue, alpha
}

// LabelTable holds labels with increasing keys.
type LabelTable []Label

// Find returns the label of a key.
func (t LabelTable) Find(key int) (Label, bool) {
	i, ok := slices.BinarySearchFunc(t, key, func(l Label, key int) int { return cmp.Compare(l.Key, key) })
	if !ok {
		return Label{}, false
	}
	return t[i], true
}

// ReadLabelTable reads the table of a label image (BIDS dseg.tsv): columns
// index, name and, if there is one, color as #rrggbb.
func ReadLabelTable(path string) (LabelTable, error) {
	t, err := readTable(path)
	if err != nil {
		return nil, err
	}
	index, err := t.column("index")
	if err != nil {
		return nil, err
	}
	name, err := t.column("name")
	if err != nil {
		return nil, err
	}
	colors, noColors := t.column("color", "colour")
	lines, err := t.body()
	if err != nil {
		return nil, err
	}
	var table LabelTable
	for _, l := range lines {
		label := Label{Name: strings.TrimSpace(l.fields[name]), Color: [4]uint8{128, 128, 128, 255}}
		if label.Key, err = strconv.Atoi(strings.TrimSpace(l.fields[index])); err != nil {
			return nil, inputErrorf(path, "line %d: index is %q, expected a whole number", l.number, l.fields[index])
		}
		if noColors == nil && l.fields[colors] != "" && l.fields[colors] != "n/a" {
			if label.Color, err = parseColor(l.fields[colors]); err != nil {
				return nil, inputErrorf(path, "line %d: %v", l.number, err)
			}
		}
		table = append(table, label)
	}
	table, err = table.sorted()
	return table, fileError(path, err)
}

// sorted orders the table and refuses a key that stands twice.
func (t LabelTable) sorted() (LabelTable, error) {
	slices.SortStableFunc(t, func(a, b Label) int { return cmp.Compare(a.Key, b.Key) })
	for i := 1; i < len(t); i++ {
		if t[i].Key == t[i-1].Key {
			return nil, fmt.Errorf("label %d stands twice, as %q and %q", t[i].Key, t[i-1].Name, t[i].Name)
		}
	}
	return t, nil
}

func parseColor(s string) ([4]uint8, error) {
	s = strings.TrimSpace(s)
	x, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 16, 32)
	if err != nil || len(s) != 7 || s[0] != '#' {
		return [4]uint8{}, fmt.Errorf("color is %q, expected #rrggbb", s)
	}
	return [4]uint8{uint8(x >> 16), uint8(x >> 8), uint8(x), 255}, nil
}

// Atlas is a label volume: every voxel belongs to one label or to none.
type Atlas struct {
	Path   string
	Volume *Volume // whole numbers, 0 for none
	// Labels are the labels that occur in the volume, without 0.
	Labels LabelTable
}

// LoadAtlas reads a label image of one volume. Names and colours come from the
// table, or, if it is empty, from a .tsv beside the image with its name; a
// label without an entry is called by its number.
func LoadAtlas(ctx context.Context, path, table string) (*Atlas, error) {
	im, err := Open(path)
	if err != nil {
		return nil, err
	}
	if n := im.Header.Volumes(); n != 1 {
		return nil, inputErrorf(path, "%d volumes, expected a label image of 1", n)
	}
	a := &Atlas{Path: path}
	if a.Volume, err = im.Volume(ctx, 0); err != nil {
		return nil, err
	}
	keys, err := labelKeys(a.Volume.Values)
	if err != nil {
		return nil, fileError(path, err)
	}
	names, err := besideTable(path, table)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		label, ok := names.Find(key)
		if !ok {
			label = Label{Key: key, Name: strconv.Itoa(key), Color: [4]uint8{128, 128, 128, 255}}
		}
		a.Labels = append(a.Labels, label)
	}
	return a, nil
}

// besideTable reads the table named, or that beside the image if there is one.
func besideTable(image, table string) (LabelTable, error) {
	if table != "" {
		return ReadLabelTable(table)
	}
	base := strings.TrimSuffix(strings.TrimSuffix(image, ".gz"), filepath.Ext(strings.TrimSuffix(image, ".gz")))
	if ok, err := isFile(base + ".tsv"); !ok || err != nil {
		return nil, err
	}
	return ReadLabelTable(base + ".tsv")
}

// maxLabel bounds label values; float32 holds whole numbers exactly up to it.
const maxLabel = 1 << 24

// labelKeys returns the values that occur, sorted, without 0.
func labelKeys(values []float64) ([]int, error) {
	seen := make(map[int]bool)
	for v, x := range values {
		if x != math.Trunc(x) || math.Abs(x) > maxLabel {
			return nil, fmt.Errorf("voxel %d is %g, expected a label (a whole number)", v, x)
		}
		seen[int(x)] = true
	}
	delete(seen, 0)
	if len(seen) == 0 {
		return nil, fmt.Errorf("no label in %d voxels, expected at least 1", len(values))
	}
	keys := make([]int, 0, len(seen))
	for k := range seen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys, nil
}

// OnMask returns, for each voxel of a mask, the place in Labels of the label
// that it has, -1 if none: that of the nearest atlas voxel if the grids differ.
// Files whose names declare different spaces are refused.
func (a *Atlas) OnMask(m *Mask) ([]int, error) {
	if err := SameSpace(a.Path, m.Path); err != nil {
		return nil, err
	}
	values, err := a.Volume.AtMask(m, Nearest, 0)
	if err != nil {
		return nil, fileError(a.Path, err)
	}
	place := make(map[int]int, len(a.Labels))
	for i, l := range a.Labels {
		place[l.Key] = i
	}
	region := make([]int, len(values))
	for v, x := range values {
		region[v] = -1
		if i, ok := place[int(x)]; ok {
			region[v] = i
		}
	}
	return region, nil
}

// RegionSeries is the mean time course of each region: Values is (Rows x
// Regions), row-major, NaN for a region without a voxel.
type RegionSeries struct {
	Rows, Regions int
	Values        []float64
	Voxels        []int // per region, those that went into the mean
	Used          []int // region of each column that went into its mean, -1 for the others
	// LeftOut counts columns of regions that are not in their means.
	LeftOut int
}

// RegionMeans averages the columns of src that belong to each region: column v
// to region[v], none if that is -1. Columns that hold a value that is not finite
// are left out and counted, constant ones too unless they are to be kept. Sums run
// over the columns in their order, in float64.
func RegionMeans(ctx context.Context, src Columns, region []int, regions int, keepConstant bool) (*RegionSeries, error) {
	rows, cols := src.Rows(), src.Cols()
	if len(region) != cols {
		return nil, fmt.Errorf("regions of %d voxels, expected %d", len(region), cols)
	}
	out := &RegionSeries{Rows: rows, Regions: regions, Values: make([]float64, rows*regions), Voxels: make([]int, regions), Used: slices.Clone(region)}
	width := min(alignPanel, cols)
	block, column := make([]float64, rows*width), make([]float64, rows)
	for lo := 0; lo < cols; lo += width {
		hi := min(lo+width, cols)
		if !slices.ContainsFunc(region[lo:hi], func(r int) bool { return r >= 0 }) {
			continue
		}
		if err := src.ReadFloat64(ctx, lo, hi, block, width); err != nil {
			return nil, err
		}
		for v := lo; v < hi; v++ {
			if region[v] >= 0 {
				for t := range column {
					column[t] = block[t*width+v-lo]
				}
				if !out.add(region[v], column, keepConstant) {
					out.Used[v] = -1
					out.LeftOut++
				}
			}
		}
	}
	for r, n := range out.Voxels {
		for t := range rows {
			if n == 0 {
				out.Values[t*regions+r] = math.NaN()
			} else {
				out.Values[t*regions+r] /= float64(n)
			}
		}
	}
	return out, nil
}

// add adds a column to the sums of a region, if it belongs there.
func (s *RegionSeries) add(region int, column []float64, keepConstant bool) bool {
	varies := keepConstant
	for _, x := range column {
		if !finite(x) {
			return false
		}
		varies = varies || x != column[0]
	}
	if !varies {
		return false
	}
	s.Voxels[region]++
	for t, x := range column {
		s.Values[t*s.Regions+region] += x
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
