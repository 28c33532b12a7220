package step

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"voxen/store"
)

// CarryColumns copies the table of columns beside an input to the output of a
// job with the given name; an input without one has nothing to hand on.
func CarryColumns(fsys store.FS, from string, job *store.Job, name string) error {
	f, err := fsys.Open(from + ".columns.tsv")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	return job.WriteFile(name, func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(f, 0, size))
		return err
	})
}

// ColumnNames is the table of columns beside responses.
type ColumnNames struct {
	Model, Layer, Unit, Tap []string
	Head                    []string // nil where no tap has heads
}

// ReadColumns reads a table of columns; one that is not there gives nil.
func ReadColumns(fsys store.FS, path string, columns int) (*ColumnNames, error) {
	if _, err := fsys.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	t, err := store.ReadTable(fsys, path)
	if err != nil {
		return nil, err
	}
	if len(t.Rows) != columns {
		return nil, BadInput(path, "has %d rows, expected one for each of %d columns", len(t.Rows), columns)
	}
	n := &ColumnNames{}
	for name, dst := range map[string]*[]string{"model": &n.Model, "layer": &n.Layer, "unit": &n.Unit, "tap": &n.Tap} {
		if *dst, err = t.Column(name); err != nil {
			return nil, err
		}
	}
	if slices.Contains(t.Columns, "head") {
		n.Head, err = t.Column("head")
	}
	return n, err
}

// Same reports whether two tables name the same columns.
func (n *ColumnNames) Same(o *ColumnNames) bool {
	return slices.Equal(n.Model, o.Model) && slices.Equal(n.Layer, o.Layer) && slices.Equal(n.Unit, o.Unit) && slices.Equal(n.Tap, o.Tap)
}

// Twice finds two columns of the same unit, the first of the two below the other; 0, 0 if
// there are none.
func (n *ColumnNames) Twice() (a, b int) {
	order := make([]int, len(n.Unit))
	for i := range order {
		order[i] = i
	}
	unit := func(i, j int) int {
		return cmp.Or(strings.Compare(n.Model[i], n.Model[j]), strings.Compare(n.Layer[i], n.Layer[j]), strings.Compare(n.Unit[i], n.Unit[j]), strings.Compare(n.Tap[i], n.Tap[j]))
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(unit(i, j), i-j) })
	for k := 1; k < len(order); k++ {
		if unit(order[k-1], order[k]) == 0 {
			return order[k-1], order[k]
		}
	}
	return 0, 0
}

// Of gives model, layer, unit and tap of a column, empty without a table.
func (n *ColumnNames) Of(column int) []string {
	if n == nil {
		return []string{"", "", "", ""}
	}
	return []string{n.Model[column], n.Layer[column], n.Unit[column], n.Tap[column]}
}

// Only is the table of some columns.
func (n *ColumnNames) Only(columns []int) *ColumnNames {
	o := &ColumnNames{}
	for _, c := range columns {
		o.Model, o.Layer = append(o.Model, n.Model[c]), append(o.Layer, n.Layer[c])
		o.Unit, o.Tap = append(o.Unit, n.Unit[c]), append(o.Tap, n.Tap[c])
		if n.Head != nil {
			o.Head = append(o.Head, n.Head[c])
		}
	}
	return o
}

// ColumnTables are the tables of columns that lie beside files, as inputs.
func ColumnTables(fsys store.FS, paths []string) []File {
	var files []File
	for _, path := range paths {
		if table := path + ".columns.tsv"; Exists(fsys, table) {
			files = append(files, File{"--columns", table})
		}
	}
	return files
}
