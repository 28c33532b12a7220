package study

import (
	"context"
	"fmt"
	"slices"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// Study is a configuration and the steps that it asks for, in an order in which
// each comes after those whose outputs it reads.
type Study struct {
	Config
	Tasks []*Task

	fsys       store.FS
	dir        string // of all results
	recordings []recording
	shapes     []shape // of the runs of the stimulus
	words      []brain.Words
	columns    int      // voxels of a recording, as far as headers and the mask say
	voxel      float64  // their size in mm; 0 if not of a volume
	masks      []string // the brain masks that maskStep joins
	maskStep   *Task
	notes      []string // why steps are left out, and what is done unasked
	warn       func(format string, args ...any)
}

// OpenStudy reads a configuration, looks for the files it names, and lists the
// steps. warn hears of subjects that are left out.
func OpenStudy(fsys store.FS, path string, warn func(format string, args ...any)) (*Study, error) {
	c, err := ReadConfig(fsys, path)
	if err != nil {
		return nil, err
	}
	s := &Study{Config: *c, fsys: fsys, warn: warn}
	s.dir = s.resolve(s.Out)
	if s.recordings, err = s.Config.recordings(fsys, warn); err != nil {
		return nil, err
	}
	if len(s.recordings) == 0 {
		return nil, s.bad("data.subjects", "have no files of BOLD")
	}
	if err := s.controls(); err != nil {
		return nil, err
	}
	if err := s.files(); err != nil {
		return nil, err
	}
	if err := s.runs(); err != nil {
		return nil, err
	}
	return s, s.build()
}

// files looks for what the configuration names besides BOLD, words and models,
// which are opened: a study should not end hours later over a name.
func (s *Study) files() error {
	type files struct {
		key   string
		paths []string
	}
	named := []files{
		{"encode.atlas", []string{s.Encode.Atlas}}, {"encode.frequencies", []string{s.Encode.Frequencies}}, {"encode.band_weights", []string{s.Encode.BandWeights}}, {"encode.runs", []string{arrayFile(s.Encode.Runs)}}, {"match.templates", []string{s.Match.Templates}}, {"match.table", []string{s.Match.Table}},
		{"match.spheres", s.Match.Spheres}, {"group.atlas", []string{s.Group.Atlas}}, {"group.participants", []string{s.Group.Participants}},
		{"lesion.words", []string{s.Lesion.Words}}, {"lesion.text", []string{s.Lesion.Text}}, {"report.background", []string{s.Report.Background}}, {"report.surfaces", s.Report.Surfaces},
	}
	if m := s.Data.Mask; m != "auto" && m != "none" {
		named = append(named, files{"data.mask", []string{m}})
	}
	for i := range s.Stimulus {
		named = append(named, files{element("stimulus", i) + ".audio", []string{s.Stimulus[i].Audio}})
	}
	for i := range s.Data.Subjects {
		named = append(named, files{element("data.subjects", i) + ".confounds", s.Data.Subjects[i].Confounds})
	}
	for _, n := range named {
		for _, path := range n.paths {
			for _, part := range brain.Parts(s.resolve(path)) {
				if part != "" && !step.Exists(s.fsys, part) {
					return s.bad(n.key, "is %s: no such file", part)
				}
			}
		}
	}
	return nil
}

// arrayFile is the file of an array, less its name there.
func arrayFile(path string) string {
	file, _ := store.SplitMember(path)
	return file
}

// runs finds the volumes, the TR and the words of every run.
func (s *Study) runs() error {
	s.shapes, s.words = make([]shape, len(s.Stimulus)), make([]brain.Words, len(s.Stimulus))
	for i := range s.Stimulus {
		if err := s.time(i); err != nil {
			return err
		}
		run, key := &s.Stimulus[i], element("stimulus", i)
		if run.TR != s.Stimulus[0].TR {
			return s.bad(key+".tr", "is %g s, expected the %g s of the first run: trends are removed from all alike", run.TR, s.Stimulus[0].TR)
		}
		if run.Words == "" && len(s.Models) == 0 && !s.spoken() {
			continue
		}
		if run.Words == "" {
			return s.bad(key+".words", "is not given, and the dataset has no table of words where it is looked for")
		}
		run.Words = s.resolve(run.Words)
		columns, err := step.WordColumns(run.Columns)
		if err != nil {
			return s.bad(key+".columns", "%v", err)
		}
		words, err := s.disk().Words(run.Words, columns)
		if err != nil {
			return err
		}
		s.words[i] = words
	}
	return nil
}

// disk is where images and tables are read while the study is planned: headers, masks
// and tables alone.
func (s *Study) disk() brain.Files { return brain.Files{FS: s.fsys} }

// time finds the volumes and the TR of a run, which are those of all subjects.
func (s *Study) time(i int) error {
	run, key := &s.Stimulus[i], element("stimulus", i)
	_, trimmed := s.Encode.Ends() // checked with the configuration
	first, given, warned := "", run.TR > 0, false
	for _, r := range s.recordings {
		if r.run != i {
			continue
		}
		sh, err := s.shapeOf(s.fsys, r)
		if err != nil {
			return err
		}
		s.columns, s.voxel = max(s.columns, sh.columns), sh.voxel
		if first == "" {
			first = r.bold
			if run.Volumes == 0 { // of features: responses may lack what these lose
				run.Volumes = sh.volumes + trimmed.Sum()
			}
			if run.TR == 0 {
				run.TR = sh.tr
			}
			if err := s.confoundsOf(r, sh.volumes); err != nil {
				return err
			}
		}
		switch {
		case sh.tr == 0 || !step.OtherTR(sh.tr, run.TR):
		case !given:
			return s.bad(key+".tr", "is not given, and %s has %g s between volumes, %s has %g: leave sub-%s out (data.exclude) or say which it is", r.bold, sh.tr, first, run.TR, r.subject)
		case !warned:
			s.warn("%s is %g s, but %s has %g s between volumes, by its header or sidecar", key+".tr", run.TR, r.bold, sh.tr)
			warned = true
		}
		if sh.volumes+trimmed.Sum() != run.Volumes {
			if trimmed.Sum() > 0 {
				return s.bad(key+".volumes", "is %d, but %s has %d volumes, and encode.trim_features %s leaves %d", run.Volumes, r.bold, sh.volumes, s.Encode.TrimFeatures, run.Volumes-trimmed.Sum())
			}
			return s.bad(key+".volumes", "is %d, but %s has %d volumes: leave sub-%s out (data.exclude) or give files of one length", run.Volumes, r.bold, sh.volumes, r.subject)
		}
	}
	switch {
	case first == "":
		return s.bad(key, "is a run that no subject has")
	case !(run.TR > 0):
		return s.bad(key+".tr", "is not given, and neither %s nor a sidecar says it", first)
	}
	s.shapes[i] = shape{volumes: run.Volumes, tr: run.TR, columns: s.columns}
	return nil
}

// confoundsOf refuses what encode would refuse of a table of confounds after the
// language models have run: columns are named alike in all recordings.
func (s *Study) confoundsOf(r recording, volumes int) error {
	if r.confounds == "" || len(s.Data.Confounds) == 0 {
		return nil
	}
	t, err := s.disk().Confounds(r.confounds, s.Data.Confounds)
	if err != nil {
		return err
	}
	if t.Rows != volumes {
		return step.BadInput(r.confounds, "has %d rows, %s has %d", t.Rows, r.bold, volumes)
	}
	return nil
}

// inMask counts the voxels that are fitted: those of the mask, or of the first
// brain mask, which the common one resembles. A mask that cannot be read is
// refused by the steps.
func (s *Study) inMask() {
	path := s.maskFile()
	if s.maskStep != nil {
		path = s.masks[0]
	}
	if path == "" || !onGrid(s.recordings[0].bold) {
		return
	}
	if m, err := s.disk().Mask(context.Background(), path, nil); err == nil {
		s.columns = m.Len()
	}
}

// rows is the number of volumes of all runs.
func (s *Study) rows() int {
	n := 0
	for _, sh := range s.shapes {
		n += sh.volumes
	}
	return n
}

// bySubject groups the recordings.
func (s *Study) bySubject() (names []string, of map[string][]recording) {
	of = map[string][]recording{}
	for _, r := range s.recordings {
		if of[r.subject] == nil {
			names = append(names, r.subject)
		}
		of[r.subject] = append(of[r.subject], r)
	}
	return names, of
}

// note says once that a part is left out, and why.
func (s *Study) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}
