package lesion

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
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
	names := map[string]string{} // that do not hold the whole table
	for i, network := range cells["network"] {
		if cells["model"][i] != model || step.Missing(network) {
			continue
		}
		layer, err1 := strconv.Atoi(cells["layer"][i])
		unit, err2 := strconv.Atoi(cells["unit"][i])
		if err1 != nil || err2 != nil {
			return nil, nil, step.BadInput(path, "line %d has layer %q and unit %q, expected whole numbers", t.Lines[i], cells["layer"][i], cells["unit"][i])
		}
		if _, known := names[network]; !known {
			own := strings.Clone(network)
			names[own] = own
		}
		units = append(units, Unit{lm.Column{Layer: layer, Tap: taps[i], Unit: unit}, names[network]})
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
		taps, known := make([]lm.Tap, len(cells)), map[string]lm.Tap{}
		for i, c := range cells {
			if _, is := known[c]; !is {
				own := strings.Clone(c)
				known[own] = lm.Tap(own)
			}
			taps[i] = known[c]
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

// Twice is the first of a list that is there twice, "" without one.
func Twice(list []string) string {
	for i, name := range list {
		if slices.Contains(list[:i], name) {
			return name
		}
	}
	return ""
}

// Unknown says of the first of some networks that is none of a list what it is, with the
// nearest and all of them; "" without one.
func Unknown(networks, known []string) string {
	for _, name := range networks {
		if !slices.Contains(known, name) && len(known) > 0 {
			return fmt.Sprintf("%q, expected one of %s: the nearest is %q", name, strings.Join(known, ", "), step.Nearest(name, known))
		}
	}
	return ""
}

// knownNetworks refuses one of --networks that no unit of any model belongs to and that the table of
// networks has not either.
func (o *Options) knownNetworks(files brain.Files) error {
	if len(o.Networks) == 0 {
		return nil
	}
	t, err := store.ReadTable(files.FS, o.Subgroups)
	if err != nil {
		return err
	}
	cells, err := t.Column("network")
	if err != nil {
		return err
	}
	known := Distinct(cells)
	if o.NetworkTable != "" {
		table, err := files.LabelTable(o.NetworkTable)
		if err != nil {
			return err
		}
		known = Distinct(append(known, table.Names()...))
	}
	if why := Unknown(o.Networks, known); why != "" {
		return step.BadInput(o.Subgroups, "--networks has %s", why)
	}
	return nil
}
