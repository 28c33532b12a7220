package study

import (
	"slices"
	"strings"

	"voxen/brain"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

// Confounds that a study regresses out when its configuration does not say which: the 24
// motion parameters and five aCompCor components of fMRIPrep's tables, where there are
// some beside the BOLD.

// none is data.confounds without any.
const none = "none"

// checkConfounds takes none for no columns, and refuses a condition that is none.
func (c *Config) checkConfounds() error {
	if err := (step.Censoring{Censor: c.Data.Censor}).Check(); err != nil {
		return c.bad("data.censor", "is refused: %v", err)
	}
	if !slices.Contains(c.Data.Confounds, none) {
		return nil
	}
	if len(c.Data.Confounds) > 1 {
		return c.bad("data.confounds", "are %s, expected columns or none", strings.Join(c.Data.Confounds, ", "))
	}
	c.Data.Confounds = nil
	return nil
}

// tables reports whether tables of confounds are asked for.
func (c *Config) tables() bool { return len(c.Data.Confounds) > 0 || c.Data.Censor != "" }

// encodeControls are the options of an encoding model that say what is left out and
// regressed out.
func (s *Study) encodeControls(o *encode.Options) {
	o.Censor, o.ConfoundColumns = s.Data.Censor, s.Data.Confounds
	if len(o.ConfoundColumns) == 0 && o.Censor != "" {
		o.ConfoundColumns = []string{step.NoColumns}
	}
}

// controlled reports whether confounds are those of the default.
func (c *Config) controlled() bool { return c.lines["data.confounds"] == 0 }

// isConfounds reports whether a file is fMRIPrep's table of confounds.
func (f bidsFile) isConfounds() bool {
	return f.entities["desc"] == "confounds" && f.ext == ".tsv" && (f.suffix == "timeseries" || f.suffix == "regressors")
}

// cleaned reports whether BOLD had its confounds taken out already, as its name says.
func (f bidsFile) cleaned() bool { return f.entities["desc"] == "clean" }

// ofImage are the entities that an image's name has and the table of its run has not.
var ofImage = []string{"space-", "res-", "den-", "desc-", "hemi-", "cohort-"}

// confoundsBeside is fMRIPrep's table beside an image, "" if there is none.
func confoundsBeside(fsys store.FS, bold string) string {
	first := brain.Parts(bold)[0]
	dir, name := splitPath(first)
	stem, _, _ := strings.Cut(name, ".")
	var kept []string
	for _, part := range strings.Split(stem, "_") {
		if strings.Contains(part, "-") && !slices.ContainsFunc(ofImage, func(e string) bool { return strings.HasPrefix(part, e) }) {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	for _, suffix := range []string{"timeseries", "regressors"} {
		if path := dir + strings.Join(kept, "_") + "_desc-confounds_" + suffix + ".tsv"; step.Exists(fsys, path) {
			return path
		}
	}
	return ""
}

// splitPath cuts a path before the name of its file.
func splitPath(path string) (dir, name string) {
	at := strings.LastIndexAny(path, `/\`) + 1
	return path[:at], path[at:]
}

// controls decides which confounds are regressed out where the configuration leaves it
// open, and says so.
func (s *Study) controls() error {
	if !s.controlled() {
		return nil
	}
	with, without := "", ""
	motion, lacking, components := "", "", false
	for _, r := range s.recordings {
		if parseBIDS(brain.Parts(r.bold)[0]).cleaned() {
			continue
		}
		if r.confounds == "" {
			without = r.bold
			continue
		}
		with = r.confounds
		names, err := s.disk().ConfoundNames(r.confounds)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(step.Motion, func(p string) bool { return !slices.Contains(names, p) }) {
			lacking = r.confounds
		} else {
			motion = r.confounds
		}
		components = components || slices.Contains(names, "a_comp_cor_00")
	}
	switch {
	case with == "":
		return nil
	case without != "":
		return s.bad("data.confounds", "are not given, and %s is beside its BOLD, but no such table is beside %s: leave the subject out (data.exclude), or say which columns, or none", with, without)
	case motion != "" && lacking != "":
		return s.bad("data.confounds", "are not given, and %s has %s, but %s has not: say which columns, or none", motion, strings.Join(step.Motion, ", "), lacking)
	}
	if motion != "" {
		s.Data.Confounds = step.Motion24()
	}
	if components {
		s.Data.Confounds = append(s.Data.Confounds, step.CompCor)
	}
	if len(s.Data.Confounds) == 0 {
		if s.Data.Censor == "" {
			for i := range s.recordings {
				s.recordings[i].confounds = ""
			}
		}
		s.warn("%s has neither %s nor aCompCor components: nothing of it is regressed out; data.confounds names columns", with, strings.Join(step.Motion, ", "))
		return nil
	}
	s.note("%s are regressed out of features and responses within each run; data.confounds names other columns, or none", step.ControlsInWords(s.Data.Confounds))
	return nil
}
