package report

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/brain"
	page "voxen/report"
	"voxen/store"
	"voxen/study/couple"
	"voxen/study/step"
)

// words lists what drives each sub-group.
func (b *reporter) words(ctx context.Context) error {
	s := b.page.Section("words", "Words that drive each sub-group", "The mean response of a sub-group's neurons (z-scores, each with the sign of its codes) is put down to the words through the haemodynamic response. z compares the mean over a word's occurrences with that of all words; words heard once are left out.")
	switch {
	case b.o.Words == "":
		s.Add(b.lack("No word table was given."))
		return nil
	case b.neurons == nil:
		s.Add(b.lack("Without neurons.tsv there are no sub-groups to list words of."))
		return nil
	}
	columns, err := step.WordColumns(b.o.Columns)
	if err != nil {
		return err
	}
	words, err := b.files.Words(b.o.Words, columns)
	if err != nil {
		return err
	}
	groups, _, err := b.subgroups()
	if err != nil {
		return err
	}
	t := page.Table{Caption: "The ten words with the highest z of each sub-group, with z and the number of occurrences.",
		Columns: []page.Column{{Name: "Model"}, {Name: "Network"}, {Name: "Neurons", Number: true}, {Name: "Words (z, times heard)"}}}
	for _, m := range b.o.Models {
		if m.plain() || m.Responses == "" && m.Learn != "" && slices.ContainsFunc(b.o.Models, b.o.shares) {
			continue
		}
		if m.Responses == "" {
			s.Add(b.lack("%s: its aligned responses were not given, so no words are listed.", m.Name))
			continue
		}
		rows, err := b.modelWords(ctx, m, groups, words)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, rows...)
	}
	if len(t.Rows) > 0 {
		s.Add(t)
	}
	return nil
}

// modelWords lists the words of a model's sub-groups.
func (b *reporter) modelWords(ctx context.Context, m Model, groups []*subgroup, words brain.Words) ([]page.Row, error) {
	x, err := step.OpenMatrix(b.Env.FS, m.Responses)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	names, err := step.ReadColumns(b.Env.FS, m.Responses+".columns.tsv", x.Cols())
	if err != nil {
		return nil, err
	}
	if names == nil {
		return nil, step.BadInput(m.Responses, "has no table of columns beside it (%s): which neuron a column is is not known", filepath.Base(m.Responses)+".columns.tsv")
	}
	hrf, err := brain.ParseHRF(b.o.HRF)
	if err != nil {
		return nil, err
	}
	l := couple.NewListener(words, b.o.TR.Value, b.o.Start, x.Rows(), hrf)
	if len(l.Words) == 0 {
		return nil, step.BadInput(b.o.Words, "has no word within the %d volumes of %g s from %g s", x.Rows(), b.o.TR.Value, b.o.Start)
	}
	courses, own, err := subgroupCourses(ctx, x, names, groups)
	if err != nil {
		return nil, err
	}
	var rows []page.Row
	for i, g := range own {
		rows = append(rows, page.Row{Cells: []string{g.model, g.network, thousands(len(g.unit)), listed(l.Drivers(courses[i], 10))}})
	}
	return rows, nil
}

// listed are words with z and the number of occurrences.
func listed(drivers []couple.Driver) string {
	var list []string
	for _, d := range drivers {
		list = append(list, fmt.Sprintf("%s (%.1f, %d)", d.Word, d.Z, d.Count))
	}
	return strings.Join(list, ", ")
}

// drivers says beside the maps of a model's networks which words drive each: those in
// whose responses the mean of the z-scored courses of its atoms, each with the sign of
// its match, is highest. It says nothing without words, or where the atoms' rows are not
// those that the words are of.
func (b *reporter) drivers(ctx context.Context, m Model, matches *modelMatches) (func(place int) string, error) {
	silent := func(int) string { return "" }
	path := filepath.Join(m.Learn, "atoms.npy")
	if b.o.Words == "" || m.Responses == "" || m.Learn == "" || !b.there(path) {
		return silent, nil
	}
	x, err := step.OpenMatrix(b.Env.FS, m.Responses)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	atoms, shape, err := store.LoadFloat64(ctx, b.Env.FS, path)
	if err != nil || len(shape) != 2 || shape[0] != x.Rows() {
		return silent, err
	}
	columns, err := step.WordColumns(b.o.Columns)
	if err != nil {
		return nil, err
	}
	words, err := b.files.Words(b.o.Words, columns)
	if err != nil {
		return nil, err
	}
	hrf, err := brain.ParseHRF(b.o.HRF)
	if err != nil {
		return nil, err
	}
	T, K := shape[0], shape[1]
	l := couple.NewListener(words, b.o.TR.Value, b.o.Start, T, hrf)
	return func(place int) string {
		mean, one := make([]float64, T), make([]float64, T)
		for k, a := range matches.atoms[:min(K, len(matches.atoms))] {
			if !a.belongs || a.place != place {
				continue
			}
			for t := range one {
				one[t] = atoms[t*K+k]
			}
			for t, z := range step.ZScore(one) {
				mean[t] += math.Copysign(1, a.r) * z
			}
		}
		if list := listed(l.Drivers(mean, 8)); list != "" {
			return " Words that drive the network's atoms (z, times heard): " + list + "."
		}
		return ""
	}, nil
}

// subgroupCourses averages the signed z-scores of the neurons of each sub-group
// whose model the columns name.
func subgroupCourses(ctx context.Context, x store.Array, names *step.ColumnNames, groups []*subgroup) ([][]float64, []*subgroup, error) {
	type member struct {
		group int
		sign  float64
	}
	members := map[[3]string]member{}
	var own []*subgroup
	for _, g := range groups {
		if !slices.Contains(names.Model, g.model) {
			continue
		}
		for i := range g.unit {
			members[[3]string{g.model, g.layer[i], g.unit[i]}] = member{len(own), g.sign[i]}
		}
		own = append(own, g)
	}
	T := x.Rows()
	courses := make([][]float64, len(own))
	for i := range courses {
		courses[i] = make([]float64, T)
	}
	const block = 1024 // columns read at once
	buf, one := make([]float64, T*block), make([]float64, T)
	for lo := 0; lo < x.Cols(); lo += block {
		hi := min(lo+block, x.Cols())
		if err := x.ReadFloat64(ctx, lo, hi, buf, block); err != nil {
			return nil, nil, err
		}
		for c := lo; c < hi; c++ {
			who, ok := members[[3]string{names.Model[c], names.Layer[c], names.Unit[c]}]
			if !ok {
				continue
			}
			for t := range one {
				one[t] = buf[t*block+c-lo]
			}
			for t, z := range step.ZScore(one) {
				courses[who.group][t] += who.sign * z / float64(len(own[who.group].unit))
			}
		}
	}
	return courses, own, nil
}
