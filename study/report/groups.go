package report

import (
	"context"
	"slices"
	"strings"

	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// groups shows tests over subjects.
func (b *reporter) groups(context.Context) error {
	s := b.page.Section("group", "Over subjects", "Random effects: t of the mean by flipping the signs of subjects, correlations with cognitive scores by permuting residuals (Freedman and Lane), covariates held constant. q is over the regions, or over the indices.")
	any := false
	for _, m := range b.o.Models {
		if m.Group == "" {
			continue
		}
		t, err := b.table(m.Group, "group.tsv")
		if err != nil {
			return err
		}
		if t == nil {
			s.Add(b.lack("%s: no group.tsv in the folder of the group step.", m.Name))
			continue
		}
		any = true
		s.Add(page.Heading(m.Name))
		if err := b.groupTables(s, m, t); err != nil {
			return err
		}
	}
	if !any {
		s.Add(b.lack("No folder of the group step was given: nothing is tested over subjects."))
	}
	return nil
}

// groupTables shows a table and a chart of estimates per test.
func (b *reporter) groupTables(s *page.Section, m Model, t *store.Table) error {
	columns := map[string][]string{}
	var err error
	names := []string{"test", "of", "variable", "subjects", "estimate", "t", "p", "p_max", "q"}
	for _, name := range names {
		if columns[name], err = t.Column(name); err != nil {
			return err
		}
	}
	var tests []string
	rows := map[string][]int{}
	for i := range t.Rows {
		test := columns["test"][i] + " of " + columns["of"][i]
		if rows[test] == nil {
			tests = append(tests, test)
		}
		rows[test] = append(rows[test], i)
	}
	for _, test := range tests {
		caption := "; rows with q < 0.05 are set off."
		if !slices.ContainsFunc(rows[test], func(i int) bool { return !step.Missing(columns["p"][i]) }) {
			caption = "; means only: without the mean of each subject's null nothing is tested."
		}
		out := page.Table{Source: b.source(t), Caption: strings.ToUpper(test[:1]) + test[1:] + caption, Columns: []page.Column{{Name: "Of"}, {Name: "Subjects", Number: true}, {Name: "Estimate", Number: true},
			{Name: "t", Number: true}, {Name: "p", Number: true}, {Name: "familywise p", Number: true}, {Name: "q", Number: true}}}
		for _, i := range rows[test] {
			row := page.Row{Cells: []string{columns["variable"][i], columns["subjects"][i]}}
			for _, name := range []string{"estimate", "t", "p", "p_max", "q"} {
				x := known(columns[name][i])
				row.Cells = append(row.Cells, short(x))
				row.Strong = row.Strong || name == "q" && x < 0.05
			}
			out.Rows = append(out.Rows, row)
		}
		s.Add(out)
		below := 0
		for _, r := range out.Rows {
			if r.Strong {
				below++
			}
		}
		if strings.HasPrefix(caption, "; rows") {
			b.found("group", "q over what is tested, by flips of subjects' signs or permuted residuals.", "%s, %s: q < 0.05 in %d of %d.", m.Name, test, below, len(out.Rows))
		}
	}
	return nil
}
