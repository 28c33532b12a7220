package lesion

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/internal/permute"
	"voxen/lm"
	"voxen/store"
	"voxen/study/step"
)

// lesioner is one execution of the step.
type lesioner struct {
	*Model
	o      *Options
	groups []*group
	sizes  *Sizes
	sets   [][]lm.Column // that are 0, one after the other: none, then of each group its own and those like it
	loss   []float64     // under each
	words  int           // that are predicted
	seen   float64

	predicted *lm.Reading
	atOnce    int // lesions between two points from which an interrupted step goes on
}

// group is a sub-group with the random sets that are like it.
type group struct {
	network string
	units   []lm.Column
	random  [][]lm.Column // none where no set is like it
	at      int           // of its own among the lesioner's sets; those like it follow
}

// find reads the sub-groups, in the order in which the table names their networks.
func (x *lesioner) find() error {
	o, name := x.o, x.LM.Name
	units, models, err := ReadUnits(x.Env.FS, o.Subgroups, name, o.Tap)
	if err != nil {
		return err
	}
	if !slices.Contains(models, name) {
		return step.BadInput(o.Subgroups, "has no unit of the model %q, but of %s: expected that, or --name", name, strings.Join(models, ", "))
	}
	if _, err := x.LM.Config.NewZero(columnsOf(units)); err != nil {
		return step.BadInput(o.Subgroups, "%v", err)
	}
	of := map[string]*group{}
	for _, u := range units {
		g := of[u.Network]
		if g == nil {
			g = &group{network: u.Network}
			of[u.Network] = g
			if len(o.Networks) == 0 {
				x.groups = append(x.groups, g)
			}
		}
		g.units = append(g.units, u.Column)
	}
	lacking := 0
	for _, network := range o.Networks {
		if of[network] == nil {
			lacking++
			continue
		}
		x.groups = append(x.groups, of[network])
	}
	x.LeaveOut("networks", "no unit in the sub-group", lacking)
	if len(x.groups) == 0 {
		x.Warn("%s: no unit of %s is in the sub-group of a network that is asked for: nothing is compared", o.Subgroups, name)
	}
	return nil
}

// read reads the text, and refuses one that the dictionary has seen.
func (x *lesioner) read() error {
	words, err := x.o.Read(x.Env.Files())
	if err != nil {
		return err
	}
	var seen []brain.Words
	for i, path := range x.o.Seen {
		columns := ""
		if len(x.o.SeenColumns) > 0 {
			columns = x.o.SeenColumns[i]
		}
		other, err := table(x.Env.Files(), path, step.ColumnList(columns))
		if err != nil {
			return err
		}
		seen = append(seen, other)
	}
	if x.seen, err = Unseen(x.o.Words+x.o.Text, words, seen...); err != nil {
		return err
	}
	if err := x.LM.ReadTokenizer(x.Env.FS); err != nil {
		return err
	}
	x.Reading, err = x.LM.ReadRows(rows(words, x.o.Text != ""), x.o.Window, x.o.StrideWords())
	if err != nil && !store.IsInput(err) {
		return &store.InputError{Path: x.o.Words + x.o.Text, Err: err}
	}
	return err
}

// Read reads the words that are predicted.
func (o *Options) Read(files brain.Files) (brain.Words, error) {
	if o.Text == "" {
		return table(files, o.Words, o.Columns)
	}
	text, err := step.ReadText(context.Background(), files.FS, o.Text)
	if err != nil {
		return nil, err
	}
	words, err := brain.PacedWords(text, 0, 1)
	if err != nil {
		return nil, &store.InputError{Path: o.Text, Err: err}
	}
	return words, nil
}

// table reads a word table.
func table(files brain.Files, path string, columns []string) (brain.Words, error) {
	c, err := step.WordColumns(columns)
	if err != nil {
		return nil, err
	}
	return files.Words(path, c)
}

// rows gives words as a model reads them. Those of a text count as timed: it has a space
// before each, so none is a part of the word before it.
func rows(words brain.Words, timed bool) []lm.Row {
	list := make([]lm.Row, len(words))
	for i, w := range words {
		list[i] = lm.Row{Text: w.Text, Timed: w.Timed || timed}
	}
	return list
}

// units are those of all groups.
func (x *lesioner) units() (all []lm.Column) {
	for _, g := range x.groups {
		all = append(all, g.units...)
	}
	return all
}

// tokensAtOnce is about how many tokens are read, of all lesions, between two points from
// which an interrupted step goes on: several times as many as go through a layer at once
// where weights are streamed.
const tokensAtOnce = 1 << 14

// plan sees what is predicted, and that it fits into memory.
func (x *lesioner) plan(ctx context.Context) (err error) {
	if x.predicted, err = x.Predicted(); err != nil {
		return err
	}
	x.atOnce = max(1, tokensAtOnce/max(1, x.predicted.Tokens()))
	return x.Plan(ctx, x.predicted, x.units(), x.atOnce)
}

// draw draws the random sets of every group, each from a seed of its own.
func (x *lesioner) draw(ctx context.Context) (err error) {
	x.sets = [][]lm.Column{nil}
	all := x.units()
	if all == nil {
		return nil
	}
	if x.sizes, err = x.Sizes(ctx, all); err != nil {
		return err
	}
	without := 0
	for i, g := range x.groups {
		g.random, err = RandomSets(x.LM.Config, x.sizes, g.units, x.o.Subgroups, x.o.Draws, x.o.Seed+uint64(i)<<32)
		if err != nil { // there are too few units like these
			x.Warn("%s: %v", g.network, err)
			without++
		}
		g.at = len(x.sets)
		x.sets = append(append(x.sets, g.units), g.random...)
	}
	x.LeaveOut("sub-groups", "no random set of as many units is within 10% of their mean |response|", without)
	return nil
}

// lose finds what the model loses without each of the sets; what is done of them is kept.
func (x *lesioner) lose(ctx context.Context) error {
	lesions, err := Zeros(x.LM.Config, x.sets)
	if err != nil {
		return err
	}
	saved, err := step.NewSavedState(x.Job, "lesions")
	if err != nil {
		return err
	}
	tokens := x.predicted.Tokens()
	return x.Stage("losses (tokens)", len(lesions)*tokens, func() error {
		return x.Compute(ctx, step.Part{What: "lesions", N: len(lesions), Finished: saved.Saved}, func(ctx context.Context) error {
			if err := x.resume(saved); err != nil {
				return err
			}
			for len(x.loss) < len(lesions) {
				lo := len(x.loss)
				hi := min(lo+x.atOnce, len(lesions))
				loss, words, err := x.Losses(ctx, x.predicted, lesions[lo:hi], func(done int) { x.Progress(lo*tokens + done) })
				if err != nil {
					return err
				}
				if words == 0 {
					return step.BadInput(x.o.Words+x.o.Text, "has no word that can be predicted, expected words with pieces, of a causal model behind others")
				}
				x.loss, x.words = append(x.loss, loss...), words
				if err := (step.SavedColumns{SavedState: saved}).Save(x.state(), len(x.loss)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// state is what a later process needs to go on: the number of words, and the losses.
func (x *lesioner) state() []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(x.words))
	for _, l := range x.loss {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(l))
	}
	return b
}

// resume takes up what is saved.
func (x *lesioner) resume(saved *step.SavedState) error {
	b, err := saved.Load()
	if err != nil || b == nil {
		return err
	}
	x.words, x.loss = int(binary.LittleEndian.Uint64(b)), nil
	for b = b[8:]; len(b) >= 8; b = b[8:] {
		x.loss = append(x.loss, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return nil
}

// Against compares the loss without some units with those without random sets: their mean, and
// p = (1 + b) / (1 + n), b of the n at least as large.
func Against(loss float64, random []float64) (mean, p float64) {
	as := 1.0 // random sets that lose as much, and the units themselves
	for _, l := range random {
		mean += l / float64(len(random))
		if l >= loss {
			as++
		}
	}
	return mean, as / float64(1+len(random))
}

// compare sums up and writes the tables.
func (x *lesioner) compare() (*Summary, error) {
	sum := &Summary{Words: x.words, Intact: x.loss[0], Seen: x.seen, Groups: []Result{}}
	var p []float64
	for _, g := range x.groups {
		n := len(g.random)
		if n == 0 {
			continue
		}
		random := x.loss[g.at+1 : g.at+1+n]
		r := Result{Network: g.network, Units: len(g.units), Loss: x.loss[g.at], Low: step.Quantile(random, 0.025), High: step.Quantile(random, 0.975), Shared: g.shared(), Draws: n}
		r.Random, r.P = Against(r.Loss, random)
		sum.Groups, p = append(sum.Groups, r), append(p, r.P)
	}
	for i, q := range permute.FDR(p) {
		sum.Groups[i].Q = q
	}
	x.Result("words", float64(x.words))
	x.Result("loss_intact", sum.Intact)
	x.Result("subgroups", float64(len(sum.Groups)))
	x.Result("seen", sum.Seen)
	if err := x.Job.WriteFile("lesions.tsv", func(w io.Writer) error { return x.resultTable(w, sum) }); err != nil {
		return nil, err
	}
	return sum, x.Job.WriteFile("losses.tsv", x.lossTable)
}

// shared is the mean share of the random sets that is of the sub-group too.
func (g *group) shared() float64 {
	own := map[lm.Column]bool{}
	for _, u := range g.units {
		own[u] = true
	}
	n := 0
	for _, set := range g.random {
		for _, u := range set {
			if own[u] {
				n++
			}
		}
	}
	return float64(n) / float64(len(g.random)*len(g.units))
}

// resultTable writes a row per sub-group.
func (x *lesioner) resultTable(w io.Writer, sum *Summary) error {
	t := store.NewTableWriter(w, "model", "network", "units", "words", "intact", "loss", "random", "random_low", "random_high", "mean_response", "shared", "draws", "p", "q")
	i := 0
	for _, g := range x.groups {
		head := []string{x.LM.Name, g.network, strconv.Itoa(len(g.units)), strconv.Itoa(x.words), step.Number(sum.Intact), step.Number(x.loss[g.at])}
		size := step.Number(x.sizes.Mean(g.units))
		if len(g.random) == 0 {
			t.Row(append(head, "n/a", "n/a", "n/a", size, "n/a", "0", "n/a", "n/a")...)
			continue
		}
		r := sum.Groups[i]
		i++
		t.Row(append(head, step.Number(r.Random), step.Number(r.Low), step.Number(r.High), size, step.Number(r.Shared), strconv.Itoa(r.Draws), step.Number(r.P), step.Number(r.Q))...)
	}
	return t.Flush()
}

// lossTable writes a row per set of units that were 0.
func (x *lesioner) lossTable(w io.Writer) error {
	t := store.NewTableWriter(w, "network", "units", "draw", "loss", "mean_response")
	t.Row("n/a", "none", "n/a", step.Number(x.loss[0]), "n/a")
	for _, g := range x.groups {
		t.Row(g.network, "subgroup", "n/a", step.Number(x.loss[g.at]), step.Number(x.sizes.Mean(g.units)))
		for i, set := range g.random {
			t.Row(g.network, "random", strconv.Itoa(i), step.Number(x.loss[g.at+1+i]), step.Number(x.sizes.Mean(set)))
		}
	}
	return t.Flush()
}
