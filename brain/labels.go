package brain

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/store"
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

// LabelTable reads the table of a label image (BIDS dseg.tsv): columns index,
// name and, if there is one, color as #rrggbb.
func (f Files) LabelTable(path string) (LabelTable, error) {
	t, err := f.table(path)
	if err != nil {
		return nil, err
	}
	defer t.close()
	index, err := t.column("index")
	if err != nil {
		return nil, err
	}
	name, err := t.column("name")
	if err != nil {
		return nil, err
	}
	colors, noColors := t.column("color", "colour")
	var table LabelTable
	err = t.each(func(l tableLine) error {
		label := Label{Name: strings.TrimSpace(l.fields[name]), Color: grey}
		if label.Key, err = strconv.Atoi(strings.TrimSpace(l.fields[index])); err != nil {
			return inputErrorf(path, "line %d: index is %q, expected a whole number", l.number, l.fields[index])
		}
		if noColors == nil && l.fields[colors] != "" && l.fields[colors] != "n/a" {
			if label.Color, err = parseColor(l.fields[colors]); err != nil {
				return inputErrorf(path, "line %d: %v", l.number, err)
			}
		}
		table = append(table, label)
		return f.room(path, "the table", int64(cap(table))*labelBytes)
	})
	if err != nil {
		return nil, err
	}
	table, err = table.sorted()
	return table, fileError(path, err)
}

// labelBytes is about what a label takes in memory.
const labelBytes = 64

// grey is the colour of labels without one.
var grey = [4]uint8{128, 128, 128, 255}

// Distinct returns a name for each label that no other has: its own, with its key
// behind it where several have one name.
func (t LabelTable) Distinct() []string {
	count := map[string]int{}
	for _, l := range t {
		count[l.Name]++
	}
	names := make([]string, len(t))
	for i, l := range t {
		names[i] = l.Name
		if count[l.Name] > 1 {
			names[i] += " (" + strconv.Itoa(l.Key) + ")"
		}
	}
	return names
}

// Names are those of the labels, each once, sorted.
func (t LabelTable) Names() (names []string) {
	for _, l := range t {
		names = append(names, l.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
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

// Atlas reads a label image of one volume. Names and colours come from the table,
// or, if it is empty, from one beside the image (see besideTable); a label without
// an entry is called by its number.
func (f Files) Atlas(ctx context.Context, path, table string) (*Atlas, error) {
	im, err := f.Nifti(path)
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
	keys := newLabelKeys(im.Header)
	if err := keys.add(a.Volume.Values, func(i int) int { return i }); err != nil {
		return nil, fileError(path, err)
	}
	names, err := f.besideTable(path, table)
	if err != nil {
		return nil, err
	}
	a.Labels, _, err = keys.table(path, names)
	return a, err
}

// TableBeside finds the table of a label image that lies beside it: the .tsv of its
// name or, as BIDS has it, of a name that leaves out some of its parts, such as
// yeo7.tsv beside yeo7_space-MNI_label.nii.gz; the longest of several. It is empty if
// there is none, or if what there is with a shorter name is a table of something else.
func (f Files) TableBeside(image string) (string, error) {
	dir, parts := filepath.Dir(image), strings.Split(stem(filepath.Base(image)), "_")
	entries, err := f.fs().ReadDir(dir)
	if err != nil {
		return "", fileError(dir, diskError("readdir", dir, err))
	}
	var found []string
	most := 0
	for _, e := range entries {
		name := e.Name()
		if strings.ToLower(filepath.Ext(name)) != ".tsv" || e.IsDir() {
			continue
		}
		have := strings.Split(strings.TrimSuffix(name, filepath.Ext(name)), "_")
		if have[0] != parts[0] || !subsequence(have, parts) || len(have) < most {
			continue
		}
		if len(have) > most {
			most, found = len(have), nil
		}
		found = append(found, filepath.Join(dir, name))
	}
	switch {
	case len(found) == 0:
		return "", nil
	case len(found) > 1:
		return "", inputErrorf(image, "%s and %s beside it may be the table of its labels: name one", found[0], filepath.Base(found[1]))
	case most < len(parts):
		if _, err := f.LabelTable(found[0]); store.IsInput(err) {
			return "", nil
		}
	}
	return found[0], nil
}

// besideTable reads the table named or, without one, that beside the image, nil if
// there is none.
func (f Files) besideTable(image, table string) (LabelTable, error) {
	if table == "" {
		var err error
		if table, err = f.TableBeside(image); table == "" || err != nil {
			return nil, err
		}
	}
	return f.LabelTable(table)
}

// subsequence reports whether all of a are in b, in the same order.
func subsequence(a, b []string) bool {
	for _, x := range b {
		if len(a) > 0 && a[0] == x {
			a = a[1:]
		}
	}
	return len(a) == 0
}

const (
	// maxLabels bounds the labels of an image, far above any atlas's: more are the
	// values of something else.
	maxLabels = 100_000
	// wholeSingle and wholeDouble are how far all whole numbers are exact in float32
	// and float64.
	wholeSingle = 1 << 24
	wholeDouble = 1 << 53
)

// labelKeys collects the labels that occur in an image.
type labelKeys struct {
	seen  map[int]bool
	limit float64 // up to which whole numbers are exact as stored
	last  float64 // the value seen last, which is often the next one too
}

func newLabelKeys(h *Header) *labelKeys {
	k := &labelKeys{seen: map[int]bool{0: true}, limit: wholeDouble}
	if h.Datatype == Float32 {
		k.limit = wholeSingle
	}
	return k
}

// add takes more values; place names the voxel of value i in a refusal.
func (k *labelKeys) add(values []float64, place func(i int) int) error {
	for i, x := range values {
		if x == k.last {
			continue
		}
		switch {
		case x != math.Trunc(x) || !finite(x):
			return fmt.Errorf("voxel %d is %g, expected a label (a whole number)", place(i), x)
		case math.Abs(x) > k.limit:
			return fmt.Errorf("voxel %d is %.0f, expected labels up to %.0f, the largest that are exact as they are stored", place(i), x, k.limit)
		case len(k.seen) > maxLabels:
			return fmt.Errorf("more than %d values, expected labels", maxLabels)
		}
		k.last = x
		k.seen[int(x)] = true
	}
	return nil
}

// table returns the labels that occur, without 0: with the names of a table, or
// called by their number. One below 0 that the table does not name marks what
// belongs to no region, and is said.
func (k *labelKeys) table(path string, names LabelTable) (table LabelTable, notes []string, err error) {
	var without []string
	for _, key := range slices.Sorted(maps.Keys(k.seen)) {
		label, named := names.Find(key)
		switch {
		case key == 0:
			continue
		case key < 0 && !named:
			without = append(without, strconv.Itoa(key))
			continue
		case !named:
			label = Label{Key: key, Name: strconv.Itoa(key), Color: grey}
		}
		table = append(table, label)
	}
	if len(without) > 0 {
		notes = append(notes, fmt.Sprintf("%s: labels below 0 that no table names are taken as no region: %s", path, strings.Join(without[:min(len(without), maxShown)], ", ")))
	}
	if len(table) == 0 {
		return nil, nil, inputErrorf(path, "no label above 0, expected at least 1")
	}
	return table, notes, nil
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
	return a.Labels.places(values), nil
}

// places returns the place in the table of each value, -1 for those it has not.
func (t LabelTable) places(values []float64) []int {
	place := make(map[float64]int, len(t))
	for i, l := range t {
		place[float64(l.Key)] = i
	}
	at := make([]int, len(values))
	for v, x := range values {
		at[v] = -1
		if i, ok := place[x]; ok {
			at[v] = i
		}
	}
	return at
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
