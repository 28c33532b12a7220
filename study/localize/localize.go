// Package localize finds the units of a language model that prefer one kind of text to
// another, as language localizers find the voxels that prefer sentences to lists of
// non-words.
package localize

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/internal/permute"
	"voxen/store"
	"voxen/study/step"
)

// Options are the localize step.
type Options struct {
	Preferred    []string        `opt:"preferred" file:"in" required:"true" doc:"responses of extract to the texts that units are to prefer (sentences); repeat for several files"`
	Other        []string        `opt:"other" file:"in" required:"true" doc:"responses of the same units to the other texts (lists of non-words)"`
	Items        []string        `opt:"items" file:"in" doc:"tables (.tsv, .csv) with a row per row of responses, one for each --preferred, then for each --other, whose column --item-column says which item a row is of"`
	ItemColumn   string          `opt:"item-column" doc:"column of --items (default: item)"`
	ItemRows     step.Maybe[int] `opt:"item-rows" min:"1" doc:"rows that make one item, whose mean is one observation: the words of a sentence (default: 1)"`
	Top          string          `opt:"top" default:"1%" form:"N% or N" doc:"units to take at most, those of the largest t: a share of all, or a number"`
	FDR          float64         `opt:"fdr" default:"0.05" above:"0" max:"1" doc:"take those whose q is below this; 1 takes them whatever their q"`
	Name         string          `opt:"name" default:"preferred" doc:"what the units are called in the column network of neurons.tsv"`
	Subgroups    string          `opt:"subgroups" file:"in" doc:"neurons.tsv of organize: how many of the units are in the sub-group of each network, and how many by chance"`
	Permutations step.Maybe[int] `opt:"permutations" min:"2" max:"1000000" doc:"of the units within each layer, for the chance of an overlap (default: 5000)"`
	Seed         uint64          `opt:"seed" doc:"of the permutations"`
	Out          string          `opt:"out" file:"out" required:"true" doc:"folder of the results"`
}

// Summary is what the localize step found.
type Summary struct {
	step.Ended
	Units     int       `json:"units"`
	Preferred int       `json:"preferred_items"`
	Other     int       `json:"other_items"`
	Passed    int       `json:"passed"`    // units with t > 0 and q below --fdr
	Localized int       `json:"localized"` // of them, those taken
	Overlaps  []Overlap `json:"overlaps,omitempty"`
}

// New gives the step with every option at its default.
func New() *Options { return step.Default(&Options{}) }

// Command says what the step is. Its arithmetic is in float64 throughout.
func (o *Options) Command() step.Command {
	return step.Command{Name: "localize", Results: 2, Neutral: []string{"precision"}}
}

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule {
	return []step.Rule{step.Not("--items", "--item-rows", "both say which rows are an item"), step.Needs("--item-column", "--items", "it is a column of theirs"),
		step.Needs("--permutations", "--subgroups", "they are for overlaps")}
}

// itemColumn, itemRows and permutations are what holds where they are not given.
func (o *Options) itemColumn() string { return cmp.Or(o.ItemColumn, "item") }
func (o *Options) itemRows() int      { return o.ItemRows.Or(1) }
func (o *Options) permutations() int  { return o.Permutations.Or(5000) }

// Check refuses a share that is none, a name that means none, and tables that are not of
// the files.
func (o *Options) Check() error {
	if _, err := o.most(1); err != nil {
		return err
	}
	if step.Missing(o.Name) {
		return step.BadInput("", "--name %q, expected a name: that is how units without a network are written", o.Name)
	}
	if n, want := len(o.Items), len(o.Preferred)+len(o.Other); n != 0 && n != want {
		return step.BadInput("", "%d --items, expected one for each of %d files of responses", n, want)
	}
	return nil
}

// most is how many of n units --top takes: a share is rounded up.
func (o *Options) most(n int) (int, error) {
	text, share := strings.CutSuffix(o.Top, "%")
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil, !(x > 0), share && x > 100, !share && (x != math.Trunc(x) || x > math.MaxInt32):
		return 0, step.BadInput("", "--top %q, expected a share such as 1%%, above 0 and at most 100%%, or a whole number of units", o.Top)
	case share:
		return int(math.Ceil(x*float64(n)/100 - 1e-9)), nil // 7% of 100 is 7.000000000000001 in floating point
	}
	return min(n, int(x)), nil
}

// MoreInputs are the tables of columns beside the responses.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	return step.ColumnTables(e.FS, slices.Concat(o.Preferred, o.Other)), nil
}

// Do tests every unit, takes those of the largest t, and compares them with sub-groups.
func (o *Options) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x := &localizer{Run: r, o: o}
	defer x.close()
	if len(o.Items) == 0 {
		r.Resolve("item-rows", strconv.Itoa(o.itemRows()))
	}
	if err := r.Stage("reading", 0, func() error { return x.open(ctx) }); err != nil {
		return nil, err
	}
	if err := r.Stage("testing units", x.units(), func() error { return x.test(ctx) }); err != nil {
		return nil, err
	}
	x.take()
	sum := &Summary{Units: x.units(), Preferred: x.sides[0].items, Other: x.sides[1].items, Passed: x.passed, Localized: x.localized}
	if o.Subgroups != "" {
		overlaps, err := x.overlaps(ctx)
		if err != nil {
			return nil, err
		}
		sum.Overlaps = overlaps
	}
	r.Result("localized", float64(x.localized))
	return sum, r.Stage("writing", 0, func() error { return x.write(sum.Overlaps) })
}

// localizer is one execution of the step.
type localizer struct {
	*step.Run
	o     *Options
	sides [2]side // preferred and other
	names *step.ColumnNames
	held  int64     // bytes of names, items and tests
	tests []Welch   // of every unit
	q     []float64 // of their p
	taken []bool

	passed, localized int
}

// side is one kind of text.
type side struct {
	responses *step.Responses
	item      []int // of every row
	items     int
}

func (x *localizer) units() int { return x.sides[0].responses.Cols() }

func (x *localizer) close() {
	for _, s := range x.sides {
		if s.responses != nil {
			s.responses.Close()
		}
	}
}

// leastUnits are read at once, of files that have so many: fewer would take as many reads of a row for
// each of them.
const leastUnits = 64

// perUnit is what is known of a unit while units are tested, sorted and taken.
const perUnit = 80

// plan refuses a bound of memory that is too small for the tables and the tests of all
// units, with responses of some units at a time.
func (x *localizer) plan(ctx context.Context) error {
	var names, items, rows int64
	tables := func(paths []string, ending string, most *int64) error {
		for _, path := range paths {
			if path += ending; !step.Exists(x.Env.FS, path) {
				continue // which is refused when it is read
			}
			n, err := store.TableBytes(x.Env.FS, path)
			if err != nil {
				return err
			}
			*most = max(*most, n)
		}
		return nil
	}
	if err := tables(slices.Concat(x.o.Preferred, x.o.Other), ".columns.tsv", &names); err != nil {
		return err
	}
	if err := tables(x.o.Items, "", &items); err != nil {
		return err
	}
	for _, s := range x.sides {
		rows += int64(s.responses.Rows())
	}
	units := int64(x.units())
	x.held = names + perUnit*units + 8*rows
	stages := []step.Stage{{Own: 3 * names}, {Own: names + 8*rows + 2*items}, {Own: x.held + 2*8*rows*min(units, leastUnits)}} // a table of names beside the first, as cells and columns; items; a block
	if x.o.Subgroups != "" {
		table, err := store.TableBytes(x.Env.FS, x.o.Subgroups)
		if err != nil {
			return err
		}
		stages = append(stages, step.Stage{Own: x.held + 2*table + perKnown*units})
	}
	return x.PlanMemory(ctx, stages...)
}

// open opens the responses, and refuses those of other units.
func (x *localizer) open(ctx context.Context) (err error) {
	if in, first, twice := x.Twice("--preferred", "--other"); twice {
		return step.BadInput(in.Path, "given as %s has the responses of %s, expected each file once, of one kind of text", in.Role, first)
	}
	for i, paths := range [][]string{x.o.Preferred, x.o.Other} {
		if x.sides[i].responses, err = step.OpenStack(x.Env, paths); err != nil {
			return err
		}
	}
	if err := x.plan(ctx); err != nil {
		return err
	}
	if x.units() == 0 {
		return step.BadInput(x.o.Preferred[0], "has no columns, expected at least 1 unit")
	}
	for i, paths := range [][]string{x.o.Preferred, x.o.Other} {
		s := &x.sides[i]
		for _, path := range paths {
			if err := x.named(path, s.responses.Cols()); err != nil {
				return err
			}
		}
		if err := x.readItems(i, paths); err != nil {
			return err
		}
		if s.items < 2 {
			return step.BadInput(paths[0], "is %d items, expected at least 2 of each kind of text", s.items)
		}
	}
	return nil
}

// named reads the table of columns of a file, which is that of all files.
func (x *localizer) named(path string, columns int) error {
	table := path + ".columns.tsv"
	names, err := step.ReadColumns(x.Env.FS, table, columns)
	switch {
	case err != nil:
		return err
	case names == nil:
		return step.BadInput(path, "has no %s beside it, which says which unit each column is", table)
	case x.names == nil:
		if a, b := names.Twice(); b > 0 {
			return step.BadInput(table, "columns %d and %d are both unit %s of model %s, layer %s, tap %s, expected each unit once", a, b, names.Unit[a], names.Model[a], names.Layer[a], names.Tap[a])
		}
		x.names = names
	case !names.Same(x.names):
		return step.BadInput(path, "is of other units than %s", x.o.Preferred[0])
	}
	return nil
}

// readItems finds which item each row of one kind of text is of: items are of one file.
func (x *localizer) readItems(kind int, paths []string) error {
	s := &x.sides[kind]
	for i, part := range s.responses.Parts {
		n := part.Rows()
		if len(x.o.Items) == 0 {
			if n%x.o.itemRows() != 0 {
				return step.BadInput(paths[i], "has %d rows, expected a multiple of --item-rows %d", n, x.o.itemRows())
			}
			for row := range n {
				s.item = append(s.item, s.items+row/x.o.itemRows())
			}
			s.items += n / x.o.itemRows()
			continue
		}
		labels, err := x.labels(x.o.Items[kind*len(x.o.Preferred)+i], n)
		if err != nil {
			return err
		}
		of := map[string]int{}
		for _, label := range labels {
			if _, known := of[label]; !known {
				of[label] = s.items
				s.items++
			}
			s.item = append(s.item, of[label])
		}
	}
	return nil
}

// labels reads the items of n rows.
func (x *localizer) labels(path string, n int) ([]string, error) {
	t, err := store.ReadTable(x.Env.FS, path)
	if err != nil {
		return nil, err
	}
	labels, err := t.Column(x.o.itemColumn())
	if err != nil {
		return nil, err
	}
	if len(labels) != n {
		return nil, step.BadInput(path, "has %d rows, expected one for each of %d rows of responses", len(labels), n)
	}
	if i := slices.IndexFunc(labels, step.Missing); i >= 0 {
		return nil, step.BadInput(path, "line %d has no %s, expected the item of each row", t.Lines[i], x.o.itemColumn())
	}
	return labels, nil
}

// blockBytes is the most memory for responses of some units to one kind of text.
const blockBytes = 32 << 20

// test compares the two kinds of text, some units at a time.
func (x *localizer) test(ctx context.Context) error {
	a, b := &x.sides[0], &x.sides[1]
	column := 8 * int64(len(a.item)+a.items+len(b.item)+b.items)
	width := int(max(min(int64(x.units()), leastUnits), min(int64(x.units()), min(blockBytes, x.Env.HostBudget(x.held))/column)))
	x.tests = make([]Welch, x.units())
	for lo := 0; lo < x.units(); lo += width {
		hi := min(lo+width, x.units())
		first, err := a.means(ctx, lo, hi)
		if err != nil {
			return err
		}
		second, err := b.means(ctx, lo, hi)
		if err != nil {
			return err
		}
		for u := range hi - lo {
			x.tests[lo+u] = NewWelch(first[u*a.items:(u+1)*a.items], second[u*b.items:(u+1)*b.items])
		}
		x.Progress(hi)
	}
	return nil
}

// means gives the mean of every item, (units, items), of units [lo, hi).
func (s *side) means(ctx context.Context, lo, hi int) ([]float64, error) {
	n := hi - lo
	rows := make([]float64, len(s.item)*n)
	if err := s.responses.ReadFloat64(ctx, lo, hi, rows, n); err != nil {
		return nil, err
	}
	count := make([]float64, s.items)
	for _, i := range s.item {
		count[i]++
	}
	means := make([]float64, n*s.items)
	for row, i := range s.item {
		for u, v := range rows[row*n : (row+1)*n] {
			means[u*s.items+i] += v / count[i]
		}
	}
	return means, nil
}

// take takes the units of the largest t, of equal ones those before.
func (x *localizer) take() {
	p := make([]float64, len(x.tests))
	order := make([]int, 0, len(x.tests))
	for u, w := range x.tests {
		if p[u] = w.P; !math.IsNaN(w.T) {
			order = append(order, u)
		}
	}
	x.LeaveOut("units", "responses that are not finite, or the same to all items of each kind", len(x.tests)-len(order))
	x.q = permute.FDR(p)
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x.tests[a].T > x.tests[b].T:
			return -1
		case x.tests[a].T < x.tests[b].T:
			return 1
		}
		return 0
	})
	most, _ := x.o.most(len(x.tests)) // checked
	x.taken = make([]bool, len(x.tests))
	for i, u := range order {
		if !(x.tests[u].T > 0) || x.q[u] >= x.o.FDR && x.o.FDR < 1 {
			continue
		}
		x.passed++
		if i < most {
			x.taken[u] = true
			x.localized++
		}
	}
	if x.localized == 0 {
		x.Warn("no unit of the top %s prefers the texts of --preferred with q below %g", x.o.Top, x.o.FDR)
	}
}

// write stores the tables.
func (x *localizer) write(overlaps []Overlap) error {
	if err := x.Job.WriteFile("neurons.tsv", x.neuronTable); err != nil {
		return err
	}
	if err := x.Job.WriteFile("layers.tsv", x.layerTable); err != nil || x.o.Subgroups == "" {
		return err
	}
	return x.Job.WriteFile("overlap.tsv", func(w io.Writer) error { return overlapTable(w, overlaps) })
}

// neuronTable writes a row per unit, in the columns of organize's table and its test.
func (x *localizer) neuronTable(w io.Writer) error {
	t := store.NewTableWriter(w, "model", "layer", "unit", "tap", "network", "share", "sign", "t", "df", "p", "q", "mean_preferred", "mean_other")
	for u, s := range x.tests {
		network, sign := "n/a", "n/a"
		if x.taken[u] {
			network, sign = x.o.Name, "1"
		}
		n := x.names
		t.Row(n.Model[u], n.Layer[u], n.Unit[u], n.Tap[u], network, "n/a", sign,
			step.Number(s.T), step.Number(s.DF), step.Number(s.P), step.Number(x.q[u]), step.Number(s.First), step.Number(s.Second))
	}
	return t.Flush()
}

// layerTable writes how the units lie over the layers.
func (x *localizer) layerTable(w io.Writer) error {
	t := store.NewTableWriter(w, "model", "layer", "units", "localized", "share")
	type layer struct{ model, layer string }
	var order []layer
	units, taken := map[layer]int{}, map[layer]int{}
	for u := range x.tests {
		l := layer{x.names.Model[u], x.names.Layer[u]}
		if units[l] == 0 {
			order = append(order, l)
		}
		units[l]++
		if x.taken[u] {
			taken[l]++
		}
	}
	for _, l := range order {
		t.Row(l.model, l.layer, fmt.Sprint(units[l]), fmt.Sprint(taken[l]), step.Number(float64(taken[l])/float64(units[l])))
	}
	return t.Flush()
}
