package study

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/store"
	"voxen/study/step"
)

// played is what a subject heard in a run, by its events.tsv.
type played struct {
	subject string
	events  string  // the file
	name    string  // of the stimulus: pieman of pieman_audio.wav
	onset   float64 // seconds from the first volume to the beginning of the recording
}

// stimuli fills in the words of the runs, and when they begin, from what the
// dataset says was played: Gentle's words of a recording in Narratives, which count
// from the beginning of the recording; the one table of Alice.
func (d *dataset) stimuli(all []recording) error {
	raw := rawOf(d.root)
	for i := range d.c.Stimulus {
		s, key := &d.c.Stimulus[i], element("stimulus", i)
		if s.Words != "" {
			continue
		}
		p, err := d.playedTo(all, i)
		if err != nil {
			return err
		}
		names := []string{s.Task}
		if p != nil && p.name != s.Task {
			names = []string{p.name, s.Task}
		}
		var places []string
		for _, name := range names {
			places = append(places, filepath.Join("stimuli", "gentle", name, "align.csv"))
		}
		for _, place := range append(places, filepath.Join("code", "annotations.tsv")) {
			if path := filepath.Join(raw, place); step.Exists(d.fsys, path) {
				s.Words, _ = filepath.Abs(path)
				break
			}
		}
		if p == nil || s.Words == "" || d.layout != "fmriprep" || d.c.lines[key+".start"] > 0 {
			continue
		}
		if s.Start = 0 - p.onset; s.Start != 0 {
			d.warn("stimulus %s: start is %g s, since %s has it begin %g s into the run; stimulus.start would change that", s.Name, s.Start, filepath.Base(p.events), p.onset)
		}
	}
	return nil
}

// playedTo is what all subjects of a run heard; nil if events do not say. The
// words are aligned once for all of them, so that they must have heard the same at
// the same time.
func (d *dataset) playedTo(all []recording, run int) (*played, error) {
	var first *played
	for _, r := range all {
		if r.run != run {
			continue
		}
		p, err := d.events(r.subject, d.c.Stimulus[run])
		switch {
		case err != nil:
			return nil, err
		case p == nil:
		case first == nil:
			first = p
		case p.name != first.name:
			return nil, d.c.bad(element("stimulus", run), "was %s for sub-%s and %s for sub-%s (%s): take those who heard the same with data.include, or give stimulus.words",
				first.name, first.subject, p.name, p.subject, p.events)
		case p.onset != first.onset:
			return nil, d.c.bad(element("stimulus", run), "began %g s into the run of sub-%s and %g s into that of sub-%s (%s): take those of one kind with data.include, or give stimulus.words",
				first.onset, first.subject, p.onset, p.subject, p.events)
		}
	}
	return first, nil
}

// events reads what a subject heard in a run; nil if there is no events.tsv, or
// none that names one recording.
func (d *dataset) events(subject string, s StimulusConfig) (*played, error) {
	folder := filepath.Join(rawOf(d.root), "sub-"+subject)
	if !step.Exists(d.fsys, folder) {
		return nil, nil
	}
	files, err := d.walk(folder, 3)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.suffix != "events" || f.ext != ".tsv" || f.entities["task"] != s.Task || !agrees(s.Run, f.entities["run"]) || !agrees(d.c.Data.Session, f.entities["ses"]) {
			continue
		}
		t, err := store.ReadTable(d.fsys, f.path)
		if err != nil {
			return nil, err
		}
		return playedIn(t, subject)
	}
	return nil, nil
}

// playedIn finds the recording that a table of events names, and its first onset:
// music before a story belongs to the recording.
func playedIn(t *store.Table, subject string) (*played, error) {
	if !slices.Contains(t.Columns, "stim_file") || !slices.Contains(t.Columns, "onset") {
		return nil, nil
	}
	names, _ := t.Column("stim_file")
	onsets, _ := t.Column("onset")
	p := &played{subject: subject, events: t.Path, onset: math.Inf(1)}
	for i, name := range names {
		if name == "n/a" || name == "" {
			continue
		}
		name = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)), "_audio")
		onset, err := strconv.ParseFloat(onsets[i], 64)
		if err != nil || math.IsNaN(onset) || math.IsInf(onset, 0) {
			return nil, step.BadInput(t.Path, "line %d has %q in column onset, expected seconds", t.Lines[i], onsets[i])
		}
		if p.name != "" && p.name != name {
			return nil, nil
		}
		p.name, p.onset = name, min(p.onset, onset)
	}
	if p.name == "" {
		return nil, nil
	}
	return p, nil
}

// sidecars lists the files that may say how an image was taken: its own sidecar,
// those of the same run of the same subject beside it (surfaces have none of
// their own) and in the raw dataset, and that of the task for all.
func (c *Config) sidecars(fsys store.FS, path string) []string {
	stem, _, _ := strings.Cut(filepath.Base(path), ".")
	places := []string{filepath.Join(filepath.Dir(path), stem+".json")}
	f := parseBIDS(path)
	if c.Data.Dataset == "" || f.entities["task"] == "" {
		return places
	}
	root := c.resolve(c.Data.Dataset)
	raw := rawOf(root)
	same := func(g bidsFile) bool {
		ok := g.suffix == "bold" && g.ext == ".json"
		for _, e := range []string{"sub", "ses", "task", "run"} {
			ok = ok && g.entities[e] == f.entities[e]
		}
		return ok
	}
	session := ""
	if s := f.entities["ses"]; s != "" {
		session = "ses-" + s
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Join(raw, "sub-"+f.entities["sub"], session, "func")} {
		entries, err := fsys.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if g := parseBIDS(filepath.Join(dir, e.Name())); same(g) {
				places = append(places, g.path)
			}
		}
	}
	for _, dir := range []string{root, raw} {
		places = append(places, filepath.Join(dir, fmt.Sprintf("task-%s_bold.json", f.entities["task"])))
	}
	return places
}
