package study

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/lm"
	"voxen/study/lesion"
	"voxen/study/step"
)

// checkLesion refuses keys of a lesion that do not go together.
func (c *Config) checkLesion() error {
	l := &c.Lesion
	for _, key := range []string{"columns", "networks", "draws", "seed"} {
		if key = "lesion." + key; c.lines[key] > 0 && l.Words == "" && l.Text == "" {
			return c.bad(key, "is given without lesion.words or lesion.text, expected a text that the dictionary did not see")
		}
	}
	switch {
	case l.Words != "" && l.Text != "":
		return c.bad("lesion.text", "is given beside words, expected one text")
	case l.Text != "" && len(l.Columns) > 0:
		return c.bad("lesion.columns", "are given, and text is no table")
	}
	if name := lesion.Twice(l.Networks); name != "" {
		return c.bad("lesion.networks", "names %s twice", name)
	}
	if _, err := step.WordColumns(l.Columns); err != nil {
		return c.bad("lesion.columns", "are refused: %v", err)
	}
	return nil
}

// lesions adds what each model loses without its sub-groups. A text that a dictionary has seen
// is refused: they are of all runs of the stimulus, those that are held out too.
func (s *Study) lesions(models []*modelSteps, organized *Task) error {
	o := s.Lesion
	if o.Words == "" && o.Text == "" {
		return nil
	}
	if organized == nil {
		s.note("lesion is left out: it is of the sub-groups of organize")
		return nil
	}
	o.Words, o.Text, o.Subgroups = s.resolve(o.Words), s.resolve(o.Text), filepath.Join(organized.out(), "neurons.tsv")
	for _, run := range s.Stimulus {
		o.Seen, o.SeenColumns = append(o.Seen, run.Words), append(o.SeenColumns, strings.Join(run.Columns, ","))
	}
	n, err := s.unseen(&o)
	if err != nil {
		return err
	}
	if err := s.lesionNetworks(); err != nil {
		return err
	}
	added, without := false, ""
	for _, m := range models {
		members := m.members
		if members == nil {
			members = []*modelSteps{m}
		}
		if m.match == nil {
			continue
		}
		if len(o.Networks) > 0 {
			o.NetworkTable = filepath.Join(m.match.out(), "networks.tsv")
		}
		for _, of := range members {
			why, err := s.lesion(of, organized, o, n)
			switch {
			case err != nil:
				return err
			case why != "":
				without = fmt.Sprintf("lesion is without %s: %s", of.name, why)
				s.note("%s", without)
			default:
				added = true
			}
		}
	}
	if !added {
		return s.bad("lesion", "is of no model: %s", without)
	}
	return nil
}

// lesionNetworks refuses a network that the table of an image of templates has not, but for
// numbers, by which labels are called that it lacks. What templates are not of a table, or have
// names of their own as on surfaces, match finds, and the step refuses it.
func (s *Study) lesionNetworks() error {
	files, templates := s.disk(), s.resolve(s.Match.Templates)
	if len(s.Lesion.Networks) == 0 || !onGrid(templates) {
		return nil
	}
	table := s.resolve(s.Match.Table)
	if table == "" {
		var err error
		if table, err = files.TableBeside(templates); table == "" || err != nil {
			return err
		}
	}
	labels, err := files.LabelTable(table)
	if err != nil {
		return err
	}
	named := slices.DeleteFunc(slices.Clone(s.Lesion.Networks), func(name string) bool { _, err := strconv.Atoi(name); return err == nil })
	if why := lesion.Unknown(named, labels.Names()); why != "" {
		return s.bad("lesion.networks", "has %s", why)
	}
	return nil
}

// unseen refuses a text that is one of the stimulus, and counts its words.
func (s *Study) unseen(o *lesion.Options) (int, error) {
	key, path := "lesion.words", o.Words
	if o.Text != "" {
		key, path = "lesion.text", o.Text
	}
	words, err := o.Read(s.disk())
	if err != nil {
		return 0, err
	}
	if _, err := lesion.Unseen(path, words, s.words...); err != nil {
		return 0, s.bad(key, "is refused: %v", err)
	}
	return len(words), nil
}

// lesion adds the step of one model, but for one whose units cannot be 0, or that predicts no
// words: why says so.
func (s *Study) lesion(m *modelSteps, organized *Task, o lesion.Options, words int) (why string, err error) {
	c := m.config
	taps, _ := lm.ParseTaps(c.Tap) // checked with the configuration
	if c.SAE != "" {
		return "its neurons are features of an autoencoder, which the model does not compute with", nil
	}
	net, err := lm.Open(s.fsys, s.resolve(c.Model))
	if err != nil {
		return "", err
	}
	defer net.Close()
	for _, tap := range taps {
		if _, err := net.Config.NewZero([]lm.Column{{Tap: tap}}); err != nil {
			return err.Error(), nil
		}
	}
	if err := net.CanPredictWords(); err != nil {
		return err.Error(), nil
	}
	o.Name, o.Model, o.Tap, o.Window, o.Stride, o.Pieces, o.Out = m.name, s.resolve(c.Model), c.Tap, c.Window, c.Stride, c.Pieces, s.path(m.name, "lesion")
	networks := float64(max(1, len(o.Networks)))
	if len(o.Networks) == 0 {
		networks = 7 // as of Yeo et al.: how many have units is not known yet
	}
	one := extractWork(net.Config, net.Config.Layers, float64(words), 0, c)
	sets := 1 + networks*float64(1+o.Draws)
	passes := 1.0
	if !net.Config.Causal() {
		passes = lesion.MaskedPasses
	}
	vocabulary := 2 * 1.4 * float64(words) * float64(net.Config.Vocab) * float64(net.Config.Embed)
	w := work{size: fmt.Sprintf("%d words, %d random sets of each sub-group", words, o.Draws), flops: passes * sets * (one.flops + vocabulary), bytes: one.bytes, output: 60 * sets, memory: one.memory}
	m.lesion = s.add(m.name, []*Task{organized}, w, &o)
	return "", nil
}

// lesioned is the folder of the lesions, "" without them.
func (m *modelSteps) lesioned() string {
	if m.lesion == nil {
		return ""
	}
	return m.lesion.out()
}
