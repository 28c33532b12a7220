package study

import (
	"context"
	"slices"

	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/study/encode"
	"voxen/study/internal/cv"
	"voxen/study/step"
)

// encode adds the encoding models of every subject.
func (s *Study) encode(m *modelSteps) error {
	if m.joined {
		return nil
	}
	names, of := s.bySubject()
	for _, name := range names {
		config := s.Encode
		s.bandedOptions(m, &config)
		o := config.Options
		o.Mask, o.Atlas, o.Out = s.imageMask(), s.resolve(o.Atlas), s.path(m.name, "sub-"+name)
		o.TR = step.Some(s.shapes[0].tr)
		s.encodeControls(&o)
		left, err := s.trims()
		if err != nil {
			return err
		}
		o.Runs = s.resolve(o.Runs)
		T, volumes := 0, []int(nil)
		for _, r := range of[name] {
			T += s.shapes[r.run].volumes
			if !s.Stimulus[r.run].Test {
				volumes = append(volumes, s.shapes[r.run].volumes-left.Sum())
			}
			if s.Stimulus[r.run].Test {
				o.TestFeatures, o.TestResponses = append(o.TestFeatures, m.features(r.run)), append(o.TestResponses, r.bold)
			} else {
				o.Features, o.Responses = append(o.Features, m.features(r.run)), append(o.Responses, r.bold)
			}
			if !s.tables() {
				continue
			}
			if r.confounds != "" && s.Stimulus[r.run].Test {
				o.TestConfounds = append(o.TestConfounds, r.confounds)
			} else if r.confounds != "" {
				o.Confounds = append(o.Confounds, r.confounds)
			}
		}
		if volumes, err = s.runsWithin(name, &o, volumes, left.Sum()); err != nil {
			return err
		}
		if err := s.repeats(name, &o); err != nil {
			return err
		}
		if m.learn != nil {
			o.Images = "all" // later steps read them
		}
		from := m.from()
		if s.maskStep != nil {
			from = append(from, s.maskStep)
		}
		folds, err := s.folds(&o, volumes)
		if err != nil {
			return err
		}
		if o.Maps = s.mapsOf(m); o.Maps == "product" {
			if err := s.products(&o); err != nil {
				return err
			}
		}
		if err := s.others(name, of, &o); err != nil {
			return err
		}
		m.subjects = append(m.subjects, name)
		if o.Nested {
			m.nested++
		}
		work := s.encodeWork(m, T, folds, &o)
		work.flops *= float64(1 + o.Chance.Fits(len(o.TestFeatures) > 0))
		m.encode = append(m.encode, s.add(m.name+" sub-"+name, from, work, &o))
	}
	return nil
}

// runsWithin are the volumes of the runs that encode.runs tells apart within a subject's one
// file, less what each loses; without it they are those of the files.
func (s *Study) runsWithin(subject string, o *encode.Options, volumes []int, trimmed int) ([]int, error) {
	const key = "encode.runs"
	if o.Runs == "" {
		return volumes, nil
	}
	if len(volumes) != 1 {
		return nil, s.bad(key, "is given, and sub-%s has %d runs to fit, a file each: expected it for one file of several runs", subject, len(volumes))
	}
	runs, err := step.RunsOf(context.Background(), s.fsys, o.Runs, op.Borders{0, volumes[0] + trimmed})
	if err != nil {
		return nil, err
	}
	volumes = nil
	for r := range runs.Folds() {
		if runs.Rows(r) <= trimmed {
			return nil, s.bad(key, "has a run of %d rows, and encode.trim leaves nothing of it", runs.Rows(r))
		}
		volumes = append(volumes, runs.Rows(r)-trimmed)
	}
	return volumes, nil
}

// mapsOf is what encode is asked to make of the weights for match; "" where they are maps
// themselves, or nobody reads them.
func (s *Study) mapsOf(m *modelSteps) string {
	switch {
	case m.learn == nil || s.Match.Templates == "":
		return ""
	case s.Match.MapsOf == "product":
		return s.Match.MapsOf
	case s.Encode.Delays != "" || len(m.spaces) > 1: // weights of each delay, and of the baseline
		return "weights"
	}
	return ""
}

// products refuses maps of product measures that a fit has not.
func (s *Study) products(o *encode.Options) error {
	const key = "match.maps"
	switch {
	case o.Model != "ridge":
		return s.bad(key, "is product, and encode.model is %s: contributions are of ridge, expected weights", o.Model)
	case !o.Nested && len(o.TestResponses) == 0:
		return s.bad(key, "is product without held-out predictions: expected encode.nested, or held-out runs")
	}
	return nil
}

// trims are the rows that every run loses before it is fitted.
func (s *Study) trims() (step.Ends, error) {
	both, features := s.Encode.Ends()
	for i, run := range s.Stimulus {
		if all := both.Both(features).Sum(); run.Volumes <= all {
			return both, s.bad("encode.trim", "and encode.trim_features leave nothing of %s, which has %d volumes", s.Stimulus[i].Name, run.Volumes)
		}
	}
	return both.Both(features), nil
}

// repeats takes the held-out runs of a subject as presentations of one stimulus, where it is
// asked for.
func (s *Study) repeats(subject string, o *encode.Options) error {
	const key = "encode.test_repeats"
	switch {
	case o.TestRepeats:
	case o.ZScoreRepeats:
		return s.bad("encode.zscore_repeats", "is true without encode.test_repeats")
	default:
		return nil
	}
	if n := len(o.TestResponses); n < 2 {
		return s.bad(key, "is true, and sub-%s has %d held-out runs: expected at least 2", subject, n)
	}
	first := slices.IndexFunc(s.Stimulus, func(run StimulusConfig) bool { return run.Test })
	for i, run := range s.Stimulus {
		if run.Test && (run.Words != s.Stimulus[first].Words || run.Volumes != s.Stimulus[first].Volumes || run.Start != s.Stimulus[first].Start) {
			return s.bad(key, "is true, but held-out run %s has other words, volumes or start than %s: expected repeats of one stimulus", s.Stimulus[i].Name, s.Stimulus[first].Name)
		}
	}
	for i, features := range o.TestFeatures {
		if len(s.Models) == 0 && features != o.TestFeatures[0] {
			return s.bad(key, "is true, but held-out run %d of sub-%s has features %s, the first %s: expected repeats of one stimulus", i+1, subject, features, o.TestFeatures[0])
		}
	}
	o.TestFeatures = o.TestFeatures[:1]
	return nil
}

// others gives the responses of all other subjects to the rows of the held-out score of one,
// where what they share is asked for.
func (s *Study) others(name string, of map[string][]recording, o *encode.Options) error {
	const key = "encode.isc"
	if !s.Encode.ISC {
		return nil
	}
	names, _ := s.bySubject()
	if len(names) < ridge.FewestSubjects {
		return s.bad(key, "is true, and there are %d subjects: expected at least %d", len(names), ridge.FewestSubjects)
	}
	if len(o.TestResponses) == 0 && !o.Nested {
		return s.bad(key, "is true without held-out scores: expected encode.nested, or held-out runs")
	}
	runsOf := func(name string) (runs []int) {
		for _, r := range of[name] {
			if held := s.Stimulus[r.run].Test; held || len(o.TestResponses) == 0 {
				runs = append(runs, r.run)
			}
		}
		return runs
	}
	own := runsOf(name)
	for _, other := range names {
		if other == name {
			continue
		}
		if !slices.Equal(runsOf(other), own) {
			return s.bad(key, "is true, but sub-%s has other runs than sub-%s: expected subjects of the same runs", other, name)
		}
		for _, r := range of[other] {
			if !slices.Contains(own, r.run) {
				continue
			}
			o.ISC = append(o.ISC, r.bold)
			if r.confounds != "" {
				o.ISCConfounds = append(o.ISCConfounds, r.confounds)
			}
		}
	}
	return nil
}

// nested reports whether scores are those of nested cross-validation: where it is not
// said, unless every subject has a held-out run.
func (s *Study) nested() bool {
	if s.Config.lines["encode.nested"] > 0 {
		return s.Encode.Nested
	}
	names, of := s.bySubject()
	for _, name := range names {
		if !slices.ContainsFunc(of[name], func(r recording) bool { return s.Stimulus[r.run].Test }) {
			return true
		}
	}
	return false
}

// folds settles the cross-validation of a subject with runs of some volumes, and
// counts its folds.
func (s *Study) folds(o *encode.Options, volumes []int) (int, error) {
	o.Nested = s.nested()
	f, err := cv.OfStudy(o.CV, volumes, s.shapes[0].tr, o.Nested)
	if err != nil {
		return 0, s.bad("encode.cv", "is refused: %v", err)
	}
	o.CV = f.String()
	n := f.N
	switch {
	case f.Chunks != nil:
		n = f.Chunks.Boots
	case f.Rule != "":
		n = 1
	case f.Within || f.Runs:
		n = len(volumes) * max(1, f.N)
	}
	if o.Nested && !f.ByFolds() {
		if s.Config.lines["encode.nested"] > 0 {
			return 0, s.bad("encode.nested", "is true, and encode.cv is %s: expected folds", o.CV)
		}
		o.Nested = false
		s.note("nested scores are left out: encode.cv is %s, and they need folds", o.CV)
	}
	if o.Nested && n < 3 {
		if s.Config.lines["encode.nested"] > 0 {
			return 0, s.bad("encode.nested", "is true, and encode.cv %s has %d folds: expected at least 3", o.CV, n)
		}
		o.Nested = false
		s.note("nested scores are left out: encode.cv %s has %d folds, and they need 3", o.CV, n)
	}
	return n, nil
}
