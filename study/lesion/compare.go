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
	sets   Lesions   // of the groups, in their order
	loss   []float64 // under each
	words  int       // that are predicted
	seen   float64

	predicted *lm.Reading
	atOnce    int // lesions between two points from which an interrupted step goes on
}

// group is a sub-group with the random sets that are like it.
type group struct {
	network string
	units   []lm.Column
	random  *Sets // without any where no set is like it
	at      int   // of its own among the lesions; those like it follow
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
	if err := o.knownNetworks(x.Env.Files()); err != nil {
		return err
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

// plan sees what is predicted, and that it fits into memory.
func (x *lesioner) plan(ctx context.Context) (err error) {
	if x.predicted, err = x.Predicted(); err != nil {
		return err
	}
	groups := make([][]lm.Column, len(x.groups))
	for i, g := range x.groups {
		groups[i] = g.units
	}
	if x.atOnce, err = x.AtOnce(x.predicted, x.units()); err != nil {
		return err
	}
	x.atOnce = min(x.atOnce, 1+len(groups)*(1+x.o.Draws))
	return x.Plan(ctx, x.predicted, groups, x.o.Draws, x.atOnce)
}

// draw draws the random sets of every group, each from a seed of its own.
func (x *lesioner) draw(ctx context.Context) (err error) {
	all := x.units()
	if all == nil {
		return nil
	}
	if x.sizes, err = x.Sizes(ctx, all); err != nil {
		return err
	}
	return x.Stage("random sets", len(x.groups)*x.o.Draws, func() error {
		without, untested := 0, 0
		for i, g := range x.groups {
			drawn := func(done int) { x.Progress(i*x.o.Draws + done) }
			g.random, err = Draw(ctx, x.LM.Config, x.sizes, g.units, x.o.Subgroups, x.o.Draws, x.o.Seed+uint64(i)<<32, drawn)
			switch {
			case store.IsInput(err): // there are too few units like these
				x.Warn("%s: %v", g.network, err)
				g.random = &Sets{Units: g.units, config: x.LM.Config}
				without++
			case err != nil:
				return err
			case g.random.Untested != "":
				x.Warn("%s: no p: %s", g.network, g.random.Untested)
				untested++
			}
			g.at = x.sets.Len()
			x.sets = append(x.sets, g.random)
		}
		x.LeaveOut("sub-groups", "no random set of as many units is within 10% of their mean |response|", without)
		x.LeaveOut("sub-groups", "too few random sets are other than they are for a p", untested)
		return nil
	})
}

// lose finds what the model loses without each of the sets; what is done of them is kept.
func (x *lesioner) lose(ctx context.Context) error {
	saved, err := step.NewSavedState(x.Job, "lesions")
	if err != nil {
		return err
	}
	n := x.sets.Len()
	return x.Stage("losses (tokens)", n*x.predicted.Tokens(), func() error {
		return x.Compute(ctx, step.Part{What: "lesions", N: n, Finished: saved.Saved}, func(ctx context.Context) error {
			if err := x.resume(saved); err != nil {
				return err
			}
			for len(x.loss) < n {
				lo := len(x.loss)
				loss, words, err := x.Losses(ctx, x.predicted, x.sets, lo, min(lo+x.atOnce, n), x.Progress)
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
		if !g.tested() {
			continue
		}
		random := x.under(g)
		r := Result{Network: g.network, Units: len(g.units), Loss: x.loss[g.at], Low: step.Quantile(random, 0.025), High: step.Quantile(random, 0.975), Shared: g.random.Shared, Draws: len(random), Distinct: g.random.Distinct}
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

// tested reports whether a p goes with the group.
func (g *group) tested() bool { return len(g.random.Size) > 0 && g.random.Untested == "" }

// under are the losses without each of the random sets of a group.
func (x *lesioner) under(g *group) []float64 { return x.loss[g.at+1 : g.at+1+len(g.random.Size)] }

// resultTable writes a row per sub-group.
func (x *lesioner) resultTable(w io.Writer, sum *Summary) error {
	t := store.NewTableWriter(w, "model", "network", "units", "words", "intact", "loss", "random", "random_low", "random_high", "mean_response", "shared", "draws", "distinct", "p", "q")
	tested := 0
	for _, g := range x.groups {
		head := []string{x.LM.Name, g.network, strconv.Itoa(len(g.units)), strconv.Itoa(x.words), step.Number(sum.Intact), step.Number(x.loss[g.at])}
		size := step.Number(x.sizes.Mean(g.units))
		random := x.under(g)
		if len(random) == 0 {
			t.Row(append(head, "n/a", "n/a", "n/a", size, "n/a", "0", "0", "n/a", "n/a")...)
			continue
		}
		p, q := "n/a", "n/a"
		if g.tested() {
			p, q = step.Number(sum.Groups[tested].P), step.Number(sum.Groups[tested].Q)
			tested++
		}
		mean, _ := Against(x.loss[g.at], random)
		t.Row(append(head, step.Number(mean), step.Number(step.Quantile(random, 0.025)), step.Number(step.Quantile(random, 0.975)), size, step.Number(g.random.Shared), strconv.Itoa(len(random)), strconv.Itoa(g.random.Distinct), p, q)...)
	}
	return t.Flush()
}

// lossTable writes a row per set of units that were 0.
func (x *lesioner) lossTable(w io.Writer) error {
	t := store.NewTableWriter(w, "network", "units", "draw", "loss", "mean_response")
	t.Row("n/a", "none", "n/a", step.Number(x.loss[0]), "n/a")
	for _, g := range x.groups {
		t.Row(g.network, "subgroup", "n/a", step.Number(x.loss[g.at]), step.Number(x.sizes.Mean(g.units)))
		for i, loss := range x.under(g) {
			t.Row(g.network, "random", strconv.Itoa(i), step.Number(loss), step.Number(g.random.Size[i]))
		}
	}
	return t.Flush()
}
