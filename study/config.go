package study

import (
	"context"
	"path/filepath"
	"strings"

	"voxen/brain"
	"voxen/lm"
	"voxen/store"
	"voxen/study/align"
	"voxen/study/couple"
	"voxen/study/encode"
	"voxen/study/extract"
	"voxen/study/group"
	"voxen/study/learn"
	"voxen/study/lesion"
	"voxen/study/match"
	"voxen/study/null"
	"voxen/study/organize"
	"voxen/study/report"
	"voxen/study/step"
)

// Config is the configuration of a study, one YAML file. The tags of a field are
// its key, what docs/study.md says of it, and the values that it may have; paths
// are relative to the file's folder.
type Config struct {
	Title      string           `key:"title" doc:"heading of the report"`
	Out        string           `key:"out" doc:"folder of all results"`
	Simulated  string           `key:"simulated" doc:"a sentence saying what is simulated, shown in the report; empty for real data"`
	Data       DataConfig       `key:"data" doc:"the BOLD responses"`
	Stimulus   []StimulusConfig `key:"stimulus" doc:"the runs: what was heard or read in each; may be left out for the Alice layout"`
	Models     []ModelConfig    `key:"models" doc:"the language models"`
	Features   []FeatureConfig  `key:"features" doc:"feature spaces from files, each fitted by itself as a model is; for the baseline or the bands of encode"`
	Align      align.Options    `key:"align" doc:"from words to volumes"`
	Dictionary DictionaryConfig `key:"dictionary" doc:"the atoms of each model"`
	Encode     EncodeConfig     `key:"encode" doc:"the encoding models of each subject"`
	Match      MatchConfig      `key:"match" doc:"atoms against functional networks; left out without templates"`
	Organize   organize.Options `key:"organize" doc:"sub-groups of neurons; left out without templates"`
	Lesion     lesion.Options   `key:"lesion" doc:"what each model loses in the prediction of words without each sub-group; left out without words or text"`
	Couple     CoupleConfig     `key:"couple" doc:"single neurons with biological neurons"`
	Group      GroupConfig      `key:"group" doc:"statistics over subjects; left out with a single subject"`
	Report     ReportConfig     `key:"report" doc:"the HTML report"`
	Cluster    ClusterConfig    `key:"cluster" doc:"the jobs of voxen run --cluster"`

	path  string         // of the file
	lines map[string]int // of each key that is given, by its full name
}

// DataConfig says where the responses are: a BIDS dataset, or files by subject.
type DataConfig struct {
	Dataset    string          `key:"dataset" doc:"folder of a BIDS dataset (or of its fMRIPrep derivatives)"`
	Layout     string          `key:"layout" oneof:"auto,alice,fmriprep" doc:"how its derivatives are named"`
	Space      string          `key:"space" doc:"of fMRIPrep outputs: MNI152NLin2009cAsym, fsaverage6, fsLR; may be left out if there is one"`
	Resolution string          `key:"resolution" doc:"the res entity, where there are several"`
	Session    string          `key:"session" doc:"the ses entity, where there are several"`
	Include    []string        `key:"include" doc:"subjects to take; all if empty"`
	Exclude    []string        `key:"exclude" doc:"subjects to leave out"`
	Subjects   []SubjectConfig `key:"subjects" doc:"files by subject, instead of a dataset"`
	Mask       string          `key:"mask" doc:"auto: where all brain masks agree (fMRIPrep); none: every voxel; or a file"`
	Confounds  []string        `key:"confounds" doc:"columns of the confounds tables to regress out, with * and ? for any letters, or none; of fMRIPrep's tables 24 motion parameters and five aCompCor components if not given"`
	Censor     string          `key:"censor" doc:"rows to leave out of every sum of the encoding models, their nulls and the coupling: a column of the confounds tables, > or <, and a value, such as fd>0.5"`
}

// SubjectConfig names the files of one subject.
type SubjectConfig struct {
	Name      string   `key:"name" doc:"without sub-"`
	Bold      []string `key:"bold" doc:"a file for each run of the stimulus, in its order: .nii.gz, .npy, HDF5 (FILE:/NAME), .dtseries.nii, or both hemispheres as L.func.gii,R.func.gii"`
	Confounds []string `key:"confounds" doc:"a confounds table for each"`
}

// StimulusConfig is one run: a text and the volumes that were taken with it.
type StimulusConfig struct {
	Name    string   `key:"name" doc:"names the run's files"`
	Words   string   `key:"words" doc:"word table with onsets; found by itself in the Alice and Narratives datasets"`
	Columns []string `key:"columns" doc:"names of its word, onset and offset columns, or of a TextGrid's tier; the usual ones if empty; COLUMN=VALUE behind them, or alone, takes those rows of it"`
	TR      float64  `key:"tr" min:"0" doc:"seconds between volumes; 0: from the images or their sidecars"`
	Volumes int      `key:"volumes" min:"0" doc:"number of volumes; 0: from the images"`
	Start   float64  `key:"start" doc:"when the first volume starts, in seconds of the word table"`
	// Audio is what was heard.
	Audio      string  `key:"audio" doc:"the recording, a WAV file, for the band audio_envelope"`
	AudioStart float64 `key:"audio_start" doc:"when it begins, in seconds of the word table"`
	Task       string  `key:"task" doc:"BIDS task; the name if empty"`
	Run        string  `key:"run" doc:"BIDS run, where there are several"`
	Test       bool    `key:"test" doc:"held out: encoding models are tested on it and not fitted to it"`
}

// ModelConfig is one language model.
type ModelConfig struct{ extract.Options }

// DictionaryConfig are the options of learn.
type DictionaryConfig struct {
	Skip   bool `key:"skip" doc:"no dictionary: models are fitted by their layers (encode.by), and learn, match, organize and couple are left out"`
	Shared bool `key:"shared" doc:"one dictionary of all models, whose neurons stand side by side, instead of one each"`
	learn.Options
}

// MatchConfig are the options of match, and those of the stimulus null that it reads.
type MatchConfig struct {
	MapsOf        string `key:"maps" oneof:"weights,product" doc:"what an atom's map is: weights, or product, the sign of its weight times the product measure of its own contribution to held-out predictions, which tells atoms that are alike apart"`
	StimulusDraws int    `key:"stimulus_draws" min:"1" doc:"draws of the stimulus null; 1,500 are the least at which one true atom of 64 can pass"`
	match.Options
}

// EncodeConfig are the options of encode.
type EncodeConfig struct {
	ISC bool `key:"isc" doc:"what each subject shares with the mean of the others in held-out rows, as a ceiling of r; at least 4 subjects of the same runs"`
	// Bands are feature spaces by name.
	Bands []string `key:"bands" doc:"models, feature spaces, or features of speech (word_rate, word_position, word_length, word_frequency, story_position, audio_envelope) that are fitted together, as bands with a penalty each, instead of one by one; their fit is called bands"`
	// Frequencies are of word_frequency.
	Frequencies string `key:"frequencies" doc:"table of words and their frequencies (.tsv or .csv) for the band word_frequency: a column word, and zipf, frequency (per million) or count; without it words are counted in the runs"`
	encode.Options
}

// CoupleConfig are the options of couple.
type CoupleConfig struct {
	Skip bool   `key:"skip" doc:"leave the step out"`
	Run  string `key:"run" doc:"run of the stimulus that is analysed; all that are not held out if empty"`
	couple.Options
}

// GroupConfig are the options of group.
type GroupConfig struct {
	Skip bool `key:"skip" doc:"leave the step out"`
	group.Options
}

// ReportConfig are the options of report. Maps of surfaces are drawn on the spheres
// of match where it names none.
type ReportConfig struct {
	Skip bool `key:"skip" doc:"leave the step out"`
	report.Options
}

// DefaultConfig is the configuration of which a file changes what it names: the
// defaults of the steps, but for what a study sets otherwise.
func DefaultConfig() Config {
	c := Config{
		Out:      "results",
		Data:     DataConfig{Layout: "auto", Mask: "auto"},
		Cluster:  ClusterConfig{CPUs: 4, Retries: 2},
		Align:    *align.New(),
		Match:    MatchConfig{MapsOf: "weights", StimulusDraws: null.New().Draws, Options: *match.New()},
		Organize: *organize.New(),
		Lesion:   *lesion.New(),
	}
	c.Dictionary.Options = *learn.New()
	c.Encode.Options = *encode.New()
	c.Encode.Nested = true // unless every subject has a held-out run
	c.Encode.Score, c.Encode.PerRun, c.Encode.Detrend = "r", "zscore", "cosine:128"
	c.Couple.Options = *couple.New()
	c.Couple.Detrend = "cosine:128"
	c.Group.Options = *group.New()
	c.Report.Options = *report.New()
	return c
}

// defaults are those of an element of the list.
func (m *ModelConfig) defaults() {
	*m = ModelConfig{*extract.New()}
}

// ReadConfig reads a study's configuration. Unknown keys, values of the wrong
// type and values that are not among those allowed are refused with their line;
// files are not looked for yet.
func ReadConfig(fsys store.FS, path string) (*Config, error) {
	text, err := step.ReadText(context.Background(), fsys, path)
	if err != nil {
		return nil, err
	}
	c := DefaultConfig()
	c.path, c.lines = path, map[string]int{}
	if err := decodeYAML(text, &c, c.refuse, c.lines); err != nil {
		return nil, err
	}
	return &c, c.check()
}

// refuse is a refusal that names the file and the line of a key.
func (c *Config) refuse(line int, format string, args ...any) error {
	err := step.BadInput(c.path, format, args...).(*store.InputError)
	if line > 0 {
		err.Msg = "line " + itoa(line) + ": " + err.Msg
	}
	return err
}

// bad refuses the value of a key by its full name.
func (c *Config) bad(key, format string, args ...any) error {
	return c.refuse(c.line(key), key+" "+format, args...)
}

// line is that of a key, or of the section that it would be in.
func (c *Config) line(key string) int {
	for key != "" {
		if n := c.lines[key]; n > 0 {
			return n
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 0
}

// check refuses what types alone do not.
func (c *Config) check() error {
	switch {
	case c.Data.Dataset == "" && len(c.Data.Subjects) == 0:
		return c.bad("data", "has neither dataset nor subjects, expected one of them")
	case c.Data.Dataset != "" && len(c.Data.Subjects) > 0:
		return c.bad("data.subjects", "are given beside dataset, expected one of them")
	case len(c.Models) == 0 && len(c.Features) == 0:
		return c.bad("models", "are not given, and neither are features: expected at least one")
	case len(c.Data.Subjects) > 0 && len(c.Stimulus) == 0:
		return c.bad("stimulus", "is not given, expected a run for each file of a subject")
	case c.Out == "":
		return c.bad("out", "is empty, expected a folder")
	}
	for _, f := range []func() error{c.checkCluster, c.checkConfounds, c.checkModels, c.checkFeatures, c.checkStimulus, c.checkSubjects, c.checkOptions} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkModels() error {
	names := map[string]bool{}
	for i := range c.Models {
		m, key := &c.Models[i], element("models", i)
		if m.Model == "" {
			return c.bad(key+".path", "is not given, expected the folder of a model")
		}
		if m.Name == "" {
			m.Name = filepath.Base(m.Model)
		}
		if err := c.checkName(key+".name", m.Name, names); err != nil {
			return err
		}
		if _, err := lm.ParseTaps(m.Tap); err != nil {
			return c.bad(key+".tap", "is %q: %v", m.Tap, err)
		}
		if c.Dictionary.Shared && len(c.Models) < 2 {
			return c.bad("dictionary.shared", "is true, and there is one model: expected at least two")
		}
		if c.Dictionary.Shared && c.Dictionary.Skip {
			return c.bad("dictionary.shared", "is true, and dictionary.skip too: expected one of them")
		}
		if m.StrideWords() > m.Window {
			return c.bad(key+".stride", "is %d, expected at most the window of %d words", m.StrideWords(), m.Window)
		}
	}
	return nil
}

// reserved are names of folders and files in the study's own folder.
var reserved = map[string]bool{BandsName: true, sharedName: true, "words": true, "organize": true, "report.html": true, "mask.nii.gz": true, "group": true}

// checkName refuses what cannot name a folder, or does so twice.
func (c *Config) checkName(key, name string, seen map[string]bool) error {
	ok := name != "" && name[0] != '.' && !reserved[name]
	for _, r := range name {
		ok = ok && (r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
	}
	switch {
	case !ok:
		return c.bad(key, "is %q, expected letters, digits, - and _, and not a name that results have", name)
	case seen[name]:
		return c.bad(key, "is %q, which is there twice", name)
	}
	seen[name] = true
	return nil
}

func (c *Config) checkStimulus() error {
	names, train := map[string]bool{}, 0
	for i := range c.Stimulus {
		s, key := &c.Stimulus[i], element("stimulus", i)
		if err := c.checkName(key+".name", s.Name, names); err != nil {
			return err
		}
		if _, err := step.WordColumns(s.Columns); err != nil {
			return c.bad(key+".columns", "has %d names, expected those of the word, onset and offset columns, or one of a TextGrid's tier, and COLUMN=VALUE behind them or alone", len(s.Columns))
		}
		if s.Task == "" {
			s.Task = s.Name
		}
		if !s.Test {
			train++
		}
	}
	if len(c.Stimulus) > 0 && train == 0 {
		return c.bad("stimulus", "has held-out runs alone, expected at least one to fit")
	}
	return nil
}

func (c *Config) checkSubjects() error {
	names := map[string]bool{}
	for i := range c.Data.Subjects {
		s, key := &c.Data.Subjects[i], element("data.subjects", i)
		s.Name = strings.TrimPrefix(s.Name, "sub-")
		if err := c.checkName(key+".name", s.Name, names); err != nil {
			return err
		}
		if len(s.Bold) != len(c.Stimulus) {
			return c.bad(key+".bold", "has %d files, expected one for each of %d runs of the stimulus", len(s.Bold), len(c.Stimulus))
		}
		if n := len(s.Confounds); n != len(s.Bold) && (n != 0 || c.tables()) {
			return c.bad(key+".confounds", "has %d tables, expected one for each of %d files", n, len(s.Bold))
		}
	}
	return nil
}

// checkOptions refuses options of steps that have a syntax of their own.
func (c *Config) checkOptions() error {
	if _, err := encode.ParseAlphas(c.Encode.Alphas); err != nil {
		return c.bad("encode.alphas", "is refused: %v", err)
	}
	if _, err := encode.ParseModel(c.Encode.Model); err != nil {
		return c.bad("encode.model", "is refused: %v", err)
	}
	if err := c.Encode.Chance.Check(); err != nil {
		return c.bad("encode.null", "is refused: %v", err)
	}
	if _, err := step.ParseDelays(c.Encode.Delays); err != nil {
		return c.bad("encode.delays", "is refused: %v", err)
	}
	for key, value := range map[string]string{"trim": c.Encode.Trim, "trim_features": c.Encode.TrimFeatures} {
		if _, err := step.ParseTrim("--"+strings.ReplaceAll(key, "_", "-"), value); err != nil {
			return c.bad("encode."+key, "is refused: %v", err)
		}
	}
	for key, value := range map[string]string{"align.detrend": c.Align.Detrend, "encode.detrend": c.Encode.Detrend, "couple.detrend": c.Couple.Detrend} {
		if _, err := brain.ParseTrend(value); err != nil {
			return c.bad(key, "is refused: %v", err)
		}
	}
	if err := c.checkLesion(); err != nil {
		return err
	}
	run := c.Couple.Run
	for _, s := range c.Stimulus {
		if s.Name == run {
			run = ""
		}
	}
	if run != "" {
		return c.bad("couple.run", "is %q, which is no run of the stimulus", run)
	}
	return nil
}

// resolve makes a path of the file absolute or relative to the working folder.
func (c *Config) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	var parts []string
	for _, p := range brain.Parts(path) {
		parts = append(parts, filepath.Join(filepath.Dir(c.path), p))
	}
	return strings.Join(parts, ",")
}
