package step

import "slices"

// Motion names the six parameters of fMRIPrep's rigid realignment.
var Motion = []string{"trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"}

// CompCor is a pattern of the first five aCompCor components of fMRIPrep's tables.
const CompCor = "a_comp_cor_0[0-4]"

// Motion24 names the 24 motion parameters (Friston et al. 1996, in the form of
// Satterthwaite et al. 2013): the six, their derivatives, and the squares of both.
func Motion24() []string {
	var names []string
	for _, suffix := range []string{"", "_derivative1", "_power2", "_derivative1_power2"} {
		for _, p := range Motion {
			names = append(names, p+suffix)
		}
	}
	return names
}

// ControlsInWords says what columns of confounds are, naming those that a study takes by default.
func ControlsInWords(columns []string) string {
	motion := !slices.ContainsFunc(Motion24(), func(name string) bool { return !slices.Contains(columns, name) })
	text := ""
	rest := slices.Clone(columns)
	if motion {
		text = "24 motion parameters (six, their derivatives, and the squares of both)"
		rest = slices.DeleteFunc(rest, func(c string) bool { return slices.Contains(Motion24(), c) })
	}
	if i := slices.Index(rest, CompCor); i >= 0 {
		text = and(text, "five aCompCor components")
		rest = slices.Delete(rest, i, i+1)
	}
	for _, c := range rest {
		text = and(text, c)
	}
	return text
}

func and(a, b string) string {
	if a == "" {
		return b
	}
	return a + " and " + b
}
