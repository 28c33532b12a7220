package study

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// recording is what was measured of one subject in one run.
type recording struct {
	subject   string // without sub-
	run       int    // of the stimulus
	bold      string // a file, or two hemispheres separated by a comma
	confounds string // "" for none
	mask      string // of the brain; "" for none
}

// bidsFile is a file whose name has BIDS entities.
type bidsFile struct {
	path     string
	entities map[string]string // sub, task, space, ...
	suffix   string            // bold, mask, timeseries
	ext      string            // .nii.gz, .func.gii
}

// parseBIDS splits a name such as sub-01_task-alice_bold.nii.gz. Parts without a
// dash before the suffix, as in sub-18_task-alice_bold_preprocessed, belong to
// the suffix.
func parseBIDS(path string) bidsFile {
	f := bidsFile{path: path, entities: map[string]string{}}
	stem, ext, _ := strings.Cut(filepath.Base(path), ".")
	f.ext = "." + ext
	var suffix []string
	for part := range strings.SplitSeq(stem, "_") {
		if key, value, ok := strings.Cut(part, "-"); ok && len(suffix) == 0 {
			f.entities[key] = value
		} else {
			suffix = append(suffix, part)
		}
	}
	f.suffix = strings.Join(suffix, "_")
	return f
}

// dataset finds the recordings of a study.
type dataset struct {
	c        *Config
	fsys     store.FS
	root     string
	layout   string
	subjects []string              // with files of the runs, sorted
	files    map[string][]bidsFile // by subject
	warn     func(format string, args ...any)
}

// recordings lists what the configuration asks for, subject by subject in the
// order of runs.
func (c *Config) recordings(fsys store.FS, warn func(string, ...any)) ([]recording, error) {
	if len(c.Data.Subjects) > 0 {
		return c.listed(fsys), nil
	}
	d := &dataset{c: c, fsys: fsys, root: c.resolve(c.Data.Dataset), files: map[string][]bidsFile{}, warn: warn}
	if err := d.open(); err != nil {
		return nil, err
	}
	if err := d.fillStimulus(); err != nil {
		return nil, err
	}
	all, err := d.find()
	if err != nil {
		return nil, err
	}
	return all, d.stimuli(all)
}

// listed takes the files that the configuration names.
func (c *Config) listed(fsys store.FS) []recording {
	var all []recording
	for _, s := range c.Data.Subjects {
		for i, bold := range s.Bold {
			r := recording{subject: s.Name, run: i, bold: c.resolve(bold)}
			switch {
			case len(s.Confounds) > 0 && (c.tables() || c.controlled()):
				r.confounds = c.resolve(s.Confounds[i])
			case bold != "" && (c.Data.Censor != "" || c.controlled() && !parseBIDS(brain.Parts(r.bold)[0]).cleaned()):
				r.confounds = confoundsBeside(fsys, r.bold)
			}
			if bold != "" {
				all = append(all, r)
			}
		}
	}
	return all
}

// open looks for derivatives and lists the files of each subject.
func (d *dataset) open() error {
	if info, err := d.fsys.Stat(d.root); err != nil || !info.IsDir() {
		return d.c.bad("data.dataset", "is %s, which is no folder", d.root)
	}
	for _, dir := range []string{d.root, filepath.Join(d.root, "derivatives", "fmriprep"), filepath.Join(d.root, "derivatives")} {
		if err := d.list(dir); err != nil {
			return err
		}
		if d.layout != "" {
			break
		}
	}
	if d.layout == "" {
		return d.c.bad("data.dataset", "is %s, which has no preprocessed images: expected derivatives/sub-NN/sub-NN_task-NAME_bold_preprocessed.nii.gz, "+
			"or fMRIPrep's sub-NN/func/sub-NN_task-NAME_..._desc-preproc_bold.nii.gz or _bold.func.gii", d.root)
	}
	return d.choose()
}

// list takes the subjects of a folder if it holds derivatives of a layout that is
// known and asked for.
func (d *dataset) list(dir string) error {
	entries, err := d.fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	found := map[string][]bidsFile{}
	layout := ""
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), "sub-")
		if !ok {
			continue
		}
		files, err := d.walk(filepath.Join(dir, e.Name()), 3)
		if err != nil {
			return err
		}
		for _, f := range files {
			switch {
			case f.suffix == "bold_preprocessed" && d.c.Data.Layout != "fmriprep":
				layout = "alice"
			case f.isPrep() && d.c.Data.Layout != "alice" && layout == "":
				layout = "fmriprep"
			}
		}
		if len(files) > 0 {
			found[name] = files
		}
	}
	if layout != "" {
		d.layout, d.files = layout, found
	}
	return nil
}

// isPrep reports whether a file is a run that fMRIPrep wrote, or one cleaned
// afterwards. Before release 20.1 surfaces had no suffix: hemi-L.func.gii.
func (f bidsFile) isPrep() bool {
	switch f.ext {
	case ".nii.gz", ".nii":
		return f.suffix == "bold" && (f.entities["desc"] == "preproc" || f.entities["desc"] == "clean")
	case ".func.gii":
		return f.entities["hemi"] != "" && (f.suffix == "bold" || f.suffix == "")
	}
	return f.suffix == "bold" && f.ext == ".dtseries.nii"
}

// walk lists the files below a folder, at most depth folders deep.
func (d *dataset) walk(dir string, depth int) ([]bidsFile, error) {
	entries, err := d.fsys.ReadDir(dir)
	if err != nil {
		if info, serr := d.fsys.Stat(dir); serr == nil && !info.IsDir() {
			return nil, nil // a file called sub-NN.html
		}
		return nil, err
	}
	var files []bidsFile
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := d.fsys.Stat(path) // follows the links of annexed datasets
		switch {
		case err != nil:
			continue // a link to what was not downloaded
		case info.IsDir() && depth > 1:
			below, err := d.walk(path, depth-1)
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
		case !info.IsDir():
			files = append(files, parseBIDS(path))
		}
	}
	return files, nil
}

// choose applies include and exclude.
func (d *dataset) choose() error {
	var all []string
	for name := range d.files {
		all = append(all, name)
	}
	slices.Sort(all)
	trim := func(s string) string { return strings.TrimPrefix(s, "sub-") }
	for _, l := range []struct {
		key   string
		names []string
	}{{"data.include", d.c.Data.Include}, {"data.exclude", d.c.Data.Exclude}} {
		for i, name := range l.names {
			if !slices.Contains(all, trim(name)) {
				return d.c.bad(element(l.key, i), "is %q, which %s does not have; the nearest is %q", name, d.root, step.Nearest(trim(name), all))
			}
		}
	}
	in := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return trim(s) == name })
	}
	for _, name := range all {
		if (len(d.c.Data.Include) == 0 || in(d.c.Data.Include, name)) && !in(d.c.Data.Exclude, name) {
			d.subjects = append(d.subjects, name)
		}
	}
	if len(d.subjects) == 0 {
		return d.c.bad("data.exclude", "leaves no subject of %d", len(all))
	}
	return nil
}

// fillStimulus takes the one task of the dataset if no run is given, and refuses
// tasks that it lacks.
func (d *dataset) fillStimulus() error {
	if len(d.c.Stimulus) == 0 {
		tasks := d.tasks()
		if len(tasks) != 1 {
			return d.c.bad("stimulus", "is not given, and the dataset has %d tasks: %s", len(tasks), strings.Join(tasks, ", "))
		}
		d.c.Stimulus = []StimulusConfig{{Name: tasks[0], Task: tasks[0]}}
	}
	for i := range d.c.Stimulus {
		s := d.c.Stimulus[i]
		if !slices.Contains(d.tasks(), s.Task) {
			return d.c.bad(element("stimulus", i)+".task", "is %q, which no subject has; the nearest is %q", s.Task, step.Nearest(s.Task, d.tasks()))
		}
	}
	return nil
}

// rawOf is the dataset that derivatives are of: what is above a folder
// called derivatives, or the folder itself.
func rawOf(root string) string {
	root = filepath.Clean(root)
	for dir := root; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if filepath.Base(dir) == "derivatives" {
			return filepath.Dir(dir)
		}
	}
	return root
}

// tasks lists the tasks of all runs.
func (d *dataset) tasks() []string {
	var tasks []string
	for _, name := range d.subjects {
		for _, f := range d.files[name] {
			if t := f.entities["task"]; t != "" && d.isRun(f) && !slices.Contains(tasks, t) {
				tasks = append(tasks, t)
			}
		}
	}
	slices.Sort(tasks)
	if len(tasks) == 0 {
		return []string{""}
	}
	return tasks
}

// isRun reports whether a file is a run of the dataset's layout.
func (d *dataset) isRun(f bidsFile) bool {
	if d.layout == "alice" {
		return f.suffix == "bold_preprocessed"
	}
	return f.isPrep()
}

// find takes the files of each subject and run.
func (d *dataset) find() ([]recording, error) {
	var all []recording
	for _, name := range d.subjects {
		var own []recording
		train := 0
		for i := range d.c.Stimulus {
			r, err := d.recording(name, i)
			if err != nil {
				return nil, err
			}
			if r == nil {
				continue
			}
			own = append(own, *r)
			if !d.c.Stimulus[i].Test {
				train++
			}
		}
		if train == 0 {
			if len(d.c.Data.Include) > 0 {
				return nil, d.c.bad("data.include", "has subject %s, of whom there is no run to fit in %s", name, d.root)
			}
			d.warn("sub-%s is left out: no run to fit", name)
			continue
		}
		all = append(all, own...)
	}
	if len(all) == 0 {
		return nil, d.c.bad("stimulus", "has no run that a subject of %s has", d.root)
	}
	return all, nil
}

// recording finds the files of a subject in a run, nil if there are none.
func (d *dataset) recording(subject string, run int) (*recording, error) {
	s := d.c.Stimulus[run]
	var runs []bidsFile
	for _, f := range d.files[subject] {
		if d.isRun(f) && f.entities["task"] == s.Task && agrees(s.Run, f.entities["run"]) && agrees(d.c.Data.Session, f.entities["ses"]) &&
			agrees(d.c.Data.Space, f.entities["space"]) && agrees(d.c.Data.Resolution, f.entities["res"]) {
			runs = append(runs, f)
		}
	}
	if len(runs) == 0 {
		return nil, nil
	}
	r := &recording{subject: subject, run: run, bold: runs[0].path}
	hemispheres := runs[0].entities["hemi"] != ""
	for _, f := range runs[1:] {
		for _, e := range []struct{ entity, key string }{{"space", "data.space"}, {"res", "data.resolution"}, {"ses", "data.session"}, {"run", element("stimulus", run) + ".run"}} {
			if a, b := runs[0].entities[e.entity], f.entities[e.entity]; a != b {
				return nil, d.c.bad(e.key, "is not given, and sub-%s has %s-%s and %s-%s: expected one of them", subject, e.entity, a, e.entity, b)
			}
		}
		if !hemispheres {
			return nil, d.c.bad(element("stimulus", run), "is found twice, in %s and %s", runs[0].path, f.path)
		}
	}
	if hemispheres {
		left, right := hemi(runs, "L"), hemi(runs, "R")
		if left == "" || right == "" || len(runs) != 2 {
			return nil, d.c.bad("data.dataset", "has %d surface files of sub-%s in task %s, expected hemi-L and hemi-R", len(runs), subject, s.Task)
		}
		r.bold = left + "," + right
	}
	if d.layout == "fmriprep" {
		r.mask = d.beside(runs[0], func(f bidsFile) bool {
			return f.suffix == "mask" && f.entities["desc"] == "brain" && f.entities["space"] == runs[0].entities["space"] && f.entities["res"] == runs[0].entities["res"]
		})
		if d.c.tables() || d.c.controlled() && !runs[0].cleaned() {
			r.confounds = d.beside(runs[0], bidsFile.isConfounds)
		}
	}
	if d.c.tables() && r.confounds == "" {
		key := "data.confounds"
		if len(d.c.Data.Confounds) == 0 {
			key = "data.censor"
		}
		return nil, d.c.bad(key, "are asked for, but sub-%s has no desc-confounds_timeseries.tsv for task %s", subject, s.Task)
	}
	return r, nil
}

// agrees reports whether an entity is the one asked for, if any is.
func agrees(want, have string) bool { return want == "" || want == have }

func hemi(files []bidsFile, side string) string {
	for _, f := range files {
		if f.entities["hemi"] == side {
			return f.path
		}
	}
	return ""
}

// beside finds the file of the same subject, session, task and run.
func (d *dataset) beside(of bidsFile, is func(bidsFile) bool) string {
	for _, f := range d.files[of.entities["sub"]] {
		same := is(f)
		for _, e := range []string{"ses", "task", "run"} {
			same = same && f.entities[e] == of.entities[e]
		}
		if same {
			return f.path
		}
	}
	return ""
}

// shape is the time axis of a recording, as its files say it.
type shape struct {
	volumes int
	tr      float64 // 0: not said
	columns int     // voxels of the whole grid; 0: not known without reading
	voxel   float64 // size of a voxel in mm: the cubic root of its volume; 0 if there is none
}

// shapeOf reads headers and the sidecar, not the values.
func (c *Config) shapeOf(fsys store.FS, r recording) (shape, error) {
	var s shape
	first := brain.Parts(r.bold)[0]
	if brain.KindByName(r.bold) != nil {
		im, err := brain.Files{FS: fsys}.Describe(r.bold)
		if err != nil {
			return s, err
		}
		s = shape{im.Rows, im.TR, im.Cols, im.Voxel}
	} else {
		a, err := step.OpenMatrix(fsys, first)
		if err != nil {
			return s, err
		}
		defer a.Close()
		s = shape{volumes: a.Rows(), columns: a.Cols()}
	}
	if tr := c.sidecarTR(fsys, first); tr > 0 {
		s.tr = tr
	}
	return s, nil
}

// sidecarTR reads RepetitionTime from the sidecars of an image, the nearest first;
// 0 if none has it.
func (c *Config) sidecarTR(fsys store.FS, path string) float64 {
	for _, place := range c.sidecars(fsys, path) {
		text, err := step.ReadText(context.Background(), fsys, place)
		if err != nil {
			continue
		}
		var sidecar struct{ RepetitionTime float64 }
		if json.Unmarshal([]byte(text), &sidecar) == nil && sidecar.RepetitionTime > 0 {
			return sidecar.RepetitionTime
		}
	}
	return 0
}
