package study

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"voxen/study/speech"
	"voxen/study/step"
)

// FeatureConfig is a feature space from files.
type FeatureConfig struct {
	Name  string   `key:"name" doc:"names the features in files, tables and figures, and as a band"`
	Files []string `key:"files" doc:"arrays (volumes, features), .npy, .safetensors, HDF5 (FILE:/NAME) or .tsv: one for each run of the stimulus in its order, or one name in which {run} or {task} stands for the name or the task of each run"`
}

// BandsName is the folder, and the name in the report, of the fit to encode.bands.
const BandsName = "bands"

// space is a feature space: a file for each run, of so many columns before delays.
type space struct {
	name    string
	files   []string // of each run
	from    []*Task  // that make them
	columns int
}

// plain reports whether models are fitted by their layers, without a dictionary.
func (c *Config) plain() bool { return c.Dictionary.Skip }

// checkFeatures refuses feature spaces without a name or files, and names of bands that are
// none.
func (c *Config) checkFeatures() error {
	names := map[string]bool{}
	for i := range c.Models {
		names[c.Models[i].Name] = true
	}
	if c.Dictionary.Shared { // which has the atoms
		names = map[string]bool{sharedName: true}
	}
	for _, name := range speech.Names {
		names[name] = true
	}
	for i, f := range c.Features {
		key := element("features", i)
		if err := c.checkName(key+".name", f.Name, names); err != nil {
			return err
		}
		if len(f.Files) == 0 {
			return c.bad(key+".files", "are not given, expected one for each run of the stimulus, or one name with {run}")
		}
	}
	for _, l := range []struct {
		key   string
		names []string
	}{{"encode.bands", c.Encode.Bands}, {"encode.baseline", c.Encode.Baseline}} {
		for i, name := range l.names {
			switch {
			case !names[name]:
				return c.bad(element(l.key, i), "is %q, which no model and no feature space is called; the nearest is %q", name, step.Nearest(name, slices.Sorted(maps.Keys(names))))
			case slices.Contains(l.names[:i], name):
				return c.bad(element(l.key, i), "is %q, which is there twice", name)
			}
		}
	}
	return c.checkBands()
}

// checkBands refuses options of bands that nothing is asked with.
func (c *Config) checkBands() error {
	e := &c.Encode
	banded := len(e.Bands) > 0 || len(e.Baseline) > 0
	for key, given := range map[string]bool{"band_samples": e.BandSamples.Given, "concentration": len(e.Concentration) > 0, "band_weights": e.BandWeights != "", "split": e.Split, "partition": e.Partition} {
		if given && !banded {
			return c.bad("encode."+key, "is given without bands: expected encode.bands or encode.baseline")
		}
	}
	layers := e.Asked()
	switch {
	case len(e.Bands) == 1 && len(e.Baseline) == 0:
		return c.bad("encode.bands", "are %s alone, expected at least two, or encode.baseline", e.Bands[0])
	case layers && !c.plain():
		return c.bad("encode.by", "is %s, and the features of models are atoms: expected dictionary.skip", e.By)
	case e.Frequencies != "" && !c.asked(speech.WordFrequency):
		return c.bad("encode.frequencies", "is given, and %s is no band: expected it in encode.baseline or encode.bands", speech.WordFrequency)
	case layers && len(e.Baseline) > 0:
		return c.bad("encode.by", "is %s beside encode.baseline: a voxel has one layer, or all bands, expected one of them", e.By)
	}
	return c.checkAudio()
}

// checkAudio refuses sound that nothing is made of.
func (c *Config) checkAudio() error {
	for i, s := range c.Stimulus {
		key := element("stimulus", i) + ".audio"
		switch {
		case s.Audio == "" && s.AudioStart != 0:
			return c.bad(key+"_start", "is given without %s, expected the recording", key)
		case s.Audio != "" && !c.asked(speech.AudioEnvelope):
			return c.bad(key, "is given, and %s is no band: expected it in encode.baseline or encode.bands", speech.AudioEnvelope)
		}
	}
	return nil
}

// asked reports whether any of the features of speech is a band.
func (c *Config) asked(names ...string) bool {
	is := func(name string) bool { return slices.Contains(names, name) }
	return slices.ContainsFunc(c.Encode.Bands, is) || slices.ContainsFunc(c.Encode.Baseline, is)
}

// spoken reports whether features of words are asked for.
func (c *Config) spoken() bool { return c.asked(speech.OfWords...) }

// fileSpace finds the files of a feature space and sees that they are of the runs.
func (s *Study) fileSpace(i int) (space, error) {
	f, key := s.Features[i], element("features", i)+".files"
	sp := space{name: f.Name}
	pattern := len(f.Files) == 1 && strings.ContainsAny(f.Files[0], "{")
	if !pattern && len(f.Files) != len(s.Stimulus) {
		return sp, s.bad(key, "are %d, expected one for each of %d runs of the stimulus, or one name with {run}", len(f.Files), len(s.Stimulus))
	}
	for r, run := range s.Stimulus {
		path := f.Files[0]
		if pattern {
			path = strings.NewReplacer("{run}", run.Name, "{task}", run.Task).Replace(path)
		} else {
			path = f.Files[r]
		}
		path = s.resolve(path)
		a, err := step.OpenMatrix(s.fsys, path)
		if err != nil {
			return sp, err
		}
		rows, columns := a.Rows(), a.Cols()
		a.Close()
		switch {
		case rows != run.Volumes:
			hint := ""
			if columns == run.Volumes {
				hint = step.TurnedHint
			}
			return sp, s.bad(key, "has %s of %d rows, and run %s has %d volumes%s", path, rows, run.Name, run.Volumes, hint)
		case r > 0 && columns != sp.columns:
			return sp, s.bad(key, "has %s of %d columns, %s has %d", path, columns, sp.files[0], sp.columns)
		}
		sp.files, sp.columns = append(sp.files, path), columns
	}
	return sp, nil
}

// speechSpaces adds the step that makes the features of the words and the sound of each run.
func (s *Study) speechSpaces() ([]space, error) {
	if !s.asked(speech.Names...) {
		return nil, nil
	}
	heard := s.asked(speech.AudioEnvelope)
	spaces := make([]space, len(speech.Names))
	for i, name := range speech.Names {
		spaces[i] = space{name: name, columns: 1}
	}
	for i, run := range s.Stimulus {
		o := speech.New()
		o.TR, o.Start, o.Volumes, o.HRF = step.Some(run.TR), run.Start, step.Some(run.Volumes), s.Align.HRF
		o.Out = s.path("words", run.Name)
		if s.spoken() {
			o.Words, o.Columns, o.Frequencies = run.Words, run.Columns, s.resolve(s.Encode.Frequencies)
			s.otherStories(o, i)
		}
		switch {
		case heard && run.Audio == "":
			return nil, s.bad(element("stimulus", i)+".audio", "is not given, and encode has the band %s: expected a WAV file", speech.AudioEnvelope)
		case heard:
			o.Audio, o.AudioStart = s.resolve(run.Audio), run.AudioStart
		}
		T := float64(run.Volumes)
		what := "sound"
		if n := len(s.words[i]); n > 0 {
			what = fmt.Sprintf("%d words", n)
		}
		task := s.add(run.Name, nil, work{size: fmt.Sprintf("%s to %d volumes", what, run.Volumes), flops: 64 / run.TR * T, bytes: 8 * T, output: 8 * T * float64(len(spaces)), memory: 64 * T}, o)
		for j, name := range speech.Names {
			spaces[j].files, spaces[j].from = append(spaces[j].files, filepath.Join(o.Out, name+".npy")), append(spaces[j].from, task)
		}
	}
	return spaces, nil
}

// otherStories are the runs whose words are counted with those of run i, where no table says
// how frequent they are.
func (s *Study) otherStories(o *speech.Options, i int) {
	if o.Frequencies != "" || !s.asked(speech.WordFrequency) {
		return
	}
	for j, run := range s.Stimulus {
		if j != i {
			o.Stories, o.StoriesColumns = append(o.Stories, run.Words), append(o.StoriesColumns, strings.Join(run.Columns, ","))
		}
	}
}

// fits lists what is fitted: every model and every feature space by itself, with those of the
// baseline beside it, but for those that encode.bands joins.
func (s *Study) fits(models []*modelSteps) ([]*modelSteps, error) {
	var all []space
	for _, m := range models {
		all = append(all, m.spaces[0])
	}
	for i := range s.Features {
		sp, err := s.fileSpace(i)
		if err != nil {
			return nil, err
		}
		all = append(all, sp)
	}
	spoken, err := s.speechSpaces()
	if err != nil {
		return nil, err
	}
	all = append(all, spoken...)
	named := func(names []string) (list []space) {
		for _, name := range names {
			list = append(list, all[slices.IndexFunc(all, func(sp space) bool { return sp.name == name })])
		}
		return list
	}
	base := named(s.Encode.Baseline)
	fits := slices.Clone(models)
	for _, sp := range all[len(models) : len(models)+len(s.Features)] {
		if !slices.Contains(s.Encode.Bands, sp.name) && !slices.Contains(s.Encode.Baseline, sp.name) {
			fits = append(fits, &modelSteps{name: sp.name, spaces: []space{sp}})
		}
	}
	for _, m := range fits {
		if slices.Contains(s.Encode.Bands, m.name) || slices.Contains(s.Encode.Baseline, m.name) {
			m.joined = true
		} else {
			m.spaces = append(m.spaces, base...)
		}
	}
	if len(s.Encode.Bands) > 0 {
		joined := &modelSteps{name: BandsName, spaces: named(s.Encode.Bands)}
		for _, sp := range base {
			if !slices.Contains(s.Encode.Bands, sp.name) {
				joined.spaces = append(joined.spaces, sp)
			}
		}
		fits = append(fits, joined)
	}
	return fits, nil
}

// features is the value of --features of a run: a file, or those of all spaces by name.
func (m *modelSteps) features(run int) string {
	if len(m.spaces) == 1 {
		return m.spaces[0].files[run]
	}
	var parts []string
	for _, sp := range m.spaces {
		parts = append(parts, sp.name+"="+sp.files[run])
	}
	return strings.Join(parts, ",")
}

// columns is the number of columns of all spaces.
func (m *modelSteps) columns() int {
	n := 0
	for _, sp := range m.spaces {
		n += sp.columns
	}
	return n
}

// from are the steps that make the features.
func (m *modelSteps) from() (tasks []*Task) {
	for _, sp := range m.spaces {
		tasks = append(tasks, sp.from...)
	}
	return tasks
}

// searched is how many fits a search costs: a draw of the bands' weights each, or a layer.
func (s *Study) searched(m *modelSteps, layers bool) float64 {
	e := &s.Encode
	n := 1.0
	switch {
	case layers:
		return float64(max(1, m.groups))
	case len(m.spaces) == 1:
		return 1
	case e.BandWeights == "":
		n = float64(e.BandSamples.Or(100))
	}
	if len(e.Baseline) > 0 {
		n *= 2
	}
	if e.Partition {
		n += math.Exp2(float64(len(m.spaces))) - 1
	}
	return n
}

// bandedOptions leaves the options of bands to the fits that have some, and those of layers to
// models whose columns are fitted.
func (s *Study) bandedOptions(m *modelSteps, o *EncodeConfig) {
	if len(m.spaces) == 1 {
		none := EncodeConfig{}
		o.Options.Banded = none.Options.Banded
	} else {
		o.BandWeights = s.resolve(o.BandWeights)
	}
	switch {
	case m.config == nil || !s.plain() || len(m.spaces) > 1:
		o.By = ""
	case s.Config.lines["encode.by"] == 0:
		o.By = "layer"
	}
	if !o.Asked() {
		o.By = ""
	}
}
