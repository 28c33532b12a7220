package report

import (
	"slices"
	"strconv"
	"strings"

	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// chance is a table of how scores compare with their nulls (encode --null), if there are any.
func (b *reporter) chance() []page.Block {
	t := page.Table{Caption: "Scores against chance: the share of voxels with q < 0.05, the false discovery rate over voxels, and with p < 0.05 against the maximum over voxels. The null repeats the whole fit with stimuli that nobody heard: features shifted circularly within each run (shift), or with new random phases (phase); or with blocks of rows permuted (blocks), of held-out predictions or, for nested scores, of features, of which p is too small where responses are slow. It excludes what any slow signal of the brain gives, not another signal that goes with these features.",
		Columns: []page.Column{{Name: "Model"}, {Name: "Subject"}, {Name: "Score"}, {Name: "Null"}, {Name: "Draws", Number: true}, {Name: "Voxels", Number: true},
			{Name: "q < 0.05", Number: true}, {Name: "familywise p < 0.05", Number: true}, {Name: "Mean of the null", Number: true}}}
	for _, m := range b.o.Models {
		for _, subject := range m.Subjects {
			run := b.of(m.Name + ": encode " + subject)
			if run == nil || run.Results["null_draws"] == 0 {
				continue
			}
			kind, _, _ := strings.Cut(option(run, "--null", ""), ":")
			voxels := run.Results["null_voxels"]
			share := func(name string) string { return short(100*run.Results[name]/max(1, voxels)) + "%" }
			t.Rows = append(t.Rows, page.Row{Cells: []string{m.Name, subject, comparedScore(run), kind, strconv.Itoa(int(run.Results["null_draws"])), thousands(int(voxels)),
				share("null_q_below_0.05"), share("null_p_fwe_below_0.05"), short(run.Results["null_mean"])}})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []page.Block{t}
}

// comparedScore is the score that a null of encode is of: held out where there is one.
func comparedScore(run *store.Run) string {
	for _, name := range []string{"test_score", "nested_score"} {
		if slices.ContainsFunc(run.Outputs, func(o store.Output) bool { return o.Name == name+".npy" }) {
			return name
		}
	}
	return "cv_score"
}

// ceilings is a table of how high r may be at most and how much of that it reaches, where fits
// say so: of repeats of one stimulus, and of subjects who share it.
func (b *reporter) ceilings() []page.Block {
	t := page.Table{Caption: "Ceilings of r, over voxels that have one. noise_ceiling: the highest r of any prediction with the mean of the repeats. isc_ceiling: the correlation of a subject with the mean of the others, over the square root of that mean's reliability: what all brains share, which is more than this model's features and less than what one brain responds to. r is divided by isc_ceiling where the correlation with the others has p < 0.05 alone.",
		Columns: []page.Column{{Name: "Model"}, {Name: "Subject"}, {Name: "Ceiling"}, {Name: "Median", Number: true}, {Name: "95th percentile", Number: true},
			{Name: "r / ceiling, median", Number: true}, {Name: "95th percentile of it", Number: true}}}
	for _, m := range b.o.Models {
		for _, subject := range m.Subjects {
			run := b.of(m.Name + ": encode " + subject)
			if run == nil {
				continue
			}
			for _, c := range [][2]string{{step.NoiseCeiling, step.Normalized}, {step.ISCCeiling, step.ISCNormalized("test_r")}, {step.ISCCeiling, step.ISCNormalized("nested_r")}} {
				if _, ok := run.Results[c[1]+"_median"]; !ok {
					continue
				}
				of := func(name string) string { return short(run.Results[name]) }
				t.Rows = append(t.Rows, page.Row{Cells: []string{m.Name, subject, c[0], of(c[0] + "_median"), of(c[0] + "_percentile_95"), of(c[1] + "_median"), of(c[1] + "_percentile_95")}})
			}
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []page.Block{t}
}
