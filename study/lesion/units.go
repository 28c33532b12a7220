package lesion

import (
	"slices"
	"strconv"

	"voxen/lm"
	"voxen/store"
	"voxen/study/step"
)

// Unit is a row of a table of neurons: a unit of a model, and what it belongs to.
type Unit struct {
	lm.Column
	Network string
}

// ReadUnits reads the rows of the neurons.tsv of organize or localize that are of a model and
// have a network, in their order. The tap of a unit is the table's, or tap where it has no
// such column, as tables of before: several with commas between are refused there. A table
// without units of the model is refused; models are those that it has.
func ReadUnits(fsys store.FS, path, model, tap string) (units []Unit, models []string, err error) {
	t, err := store.ReadTable(fsys, path)
	if err != nil {
		return nil, nil, err
	}
	cells := map[string][]string{}
	for _, column := range []string{"model", "layer", "unit", "network"} {
		if cells[column], err = t.Column(column); err != nil {
			return nil, nil, err
		}
	}
	taps, err := tapsOf(t, tap)
	if err != nil {
		return nil, nil, err
	}
	for i, network := range cells["network"] {
		if cells["model"][i] != model || step.Missing(network) {
			continue
		}
		layer, err1 := strconv.Atoi(cells["layer"][i])
		unit, err2 := strconv.Atoi(cells["unit"][i])
		if err1 != nil || err2 != nil {
			return nil, nil, step.BadInput(path, "line %d has layer %q and unit %q, expected whole numbers", t.Lines[i], cells["layer"][i], cells["unit"][i])
		}
		units = append(units, Unit{lm.Column{Layer: layer, Tap: taps[i], Unit: unit}, network})
	}
	return units, Distinct(cells["model"]), nil
}

// Distinct lists what cells hold, each once, without those that are missing.
func Distinct(cells []string) []string {
	list := slices.Compact(slices.Sorted(slices.Values(cells)))
	return slices.DeleteFunc(list, step.Missing)
}

// tapsOf gives the tap of each row: the table's, or tap where it has none.
func tapsOf(t *store.Table, tap string) ([]lm.Tap, error) {
	if slices.Contains(t.Columns, "tap") {
		cells, err := t.Column("tap")
		taps := make([]lm.Tap, len(cells))
		for i, c := range cells {
			taps[i] = lm.Tap(c)
		}
		return taps, err
	}
	taps, err := lm.ParseTaps(tap)
	if err == nil && len(taps) > 1 {
		err = step.BadInput(t.Path, "has no column tap, and --tap %s are several: expected the one that its units are of", tap)
	}
	return slices.Repeat(taps, len(t.Rows)), err
}

// columnsOf gives the units themselves.
func columnsOf(units []Unit) []lm.Column {
	var list []lm.Column
	for _, u := range units {
		list = append(list, u.Column)
	}
	return list
}
