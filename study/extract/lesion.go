package extract

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"voxen/lm"
	"voxen/store"
	"voxen/study/lesion"
	"voxen/study/step"
)

// Lesion are the options of units that are 0 while the model runs.
type Lesion struct {
	Zero    string          `opt:"zero" file:"in" doc:"neurons.tsv of organize or localize: units of this model that have a network are 0 while it runs"`
	Network string          `opt:"zero-network" key:"-" doc:"those of one network alone"`
	Loss    bool            `opt:"loss" key:"-" doc:"with --zero: the loss of predicting words (the next one, or masked ones) with and without the units, and of random sets like them"`
	Draws   step.Maybe[int] `opt:"loss-draws" key:"-" min:"1" max:"100000" doc:"random sets of --loss (default: 200)"`
	Seed    step.Maybe[int] `opt:"loss-seed" key:"-" min:"0" doc:"of the random sets (default: 0)"`
}

// lesionRules are those of pairs of options.
var lesionRules = []step.Rule{step.Needs("--zero-network", "--zero", "it chooses of their networks"), step.Needs("--loss", "--zero", "it compares the model with and without units"),
	step.Needs("--loss-draws", "--loss", "they are for it"), step.Needs("--loss-seed", "--loss", "it is for it"),
	step.Not("--loss", "--context", "it is of windows of words")}

// draws is the number of random sets.
func (l *Lesion) draws() int { return l.Draws.Or(200) }

// LossSummary is what --loss found, in bits per word.
type LossSummary struct {
	Words    int     `json:"words"`
	Units    int     `json:"units"`
	Intact   float64 `json:"intact"`
	Zeroed   float64 `json:"zeroed"`
	Random   float64 `json:"random"` // mean of the random sets
	Draws    int     `json:"draws"`
	Distinct int     `json:"distinct"`           // different random sets, other than the units
	Untested string  `json:"untested,omitempty"` // why there is no p, "" where there is
	P        float64 `json:"p,omitempty"`        // (1 + sets whose loss is at least that of the units) / (1 + sets)
}

// zeroed is a lesion of a model with its units as columns.
type zeroed struct {
	zero    *lm.Zero
	columns []lm.Column
}

// readLesion reads the units of a table that are of the model and have a network; nil without
// a table.
func (o *Options) readLesion(fsys store.FS, m *lm.Model, name string) (*zeroed, error) {
	if o.Zero == "" {
		return nil, nil
	}
	units, models, err := lesion.ReadUnits(fsys, o.Zero, name, o.Tap)
	if err != nil {
		return nil, err
	}
	l := &zeroed{}
	var networks []string
	for _, u := range units {
		networks = append(networks, u.Network)
		if o.Network == "" || u.Network == o.Network {
			l.columns = append(l.columns, u.Column)
		}
	}
	switch {
	case !slices.Contains(models, name):
		return nil, step.BadInput(o.Zero, "has no unit of the model %q, but of %s: expected that, or --name", name, strings.Join(models, ", "))
	case len(units) == 0:
		return nil, step.BadInput(o.Zero, "has no unit of %q with a network, expected those that are to be 0", name)
	case len(l.columns) == 0:
		return nil, step.BadInput(o.Zero, "has no unit of %q in the network %q, but of %s", name, o.Network, strings.Join(lesion.Distinct(networks), ", "))
	}
	if l.zero, err = m.Config.NewZero(l.columns); err != nil {
		return nil, step.BadInput(o.Zero, "%v", err)
	}
	return l, nil
}

// losses runs the model as it is, without the units, and without each of the random sets,
// and writes what each loses.
func (x *extraction) losses(ctx context.Context) (*LossSummary, error) {
	m := &lesion.Model{Run: x.Run, LM: x.model, Reading: x.reading, Folder: x.o.Model, Last: x.o.Pieces == "last"}
	if x.o.IDs == "" && x.model.Tokenizer == nil { // another model has read the text
		if err := x.model.ReadTokenizer(x.Env.FS); err != nil {
			return nil, err
		}
	}
	units := x.lesion.columns
	sizes, err := m.Sizes(ctx, units)
	if err != nil {
		return nil, err
	}
	var sets *lesion.Sets
	err = x.Stage("random sets", x.o.draws(), func() (err error) {
		sets, err = lesion.Draw(ctx, x.model.Config, sizes, units, x.o.Zero, x.o.draws(), uint64(x.o.Seed.Or(0)), x.Progress)
		return err
	})
	if err != nil {
		return nil, err
	}
	reading, err := m.Predicted()
	if err != nil {
		return nil, err
	}
	atOnce, err := m.AtOnce(reading, units)
	if err != nil {
		return nil, err
	}
	lesions := lesion.Lesions{sets}
	var loss []float64
	var words int
	err = x.Stage("losses (tokens)", lesions.Len()*reading.Tokens(), func() error {
		return x.Compute(ctx, step.Part{What: "losses"}, func(ctx context.Context) error {
			loss = nil
			for lo := 0; lo < lesions.Len(); lo += atOnce {
				some, n, err := m.Losses(ctx, reading, lesions, lo, min(lo+atOnce, lesions.Len()), x.Progress)
				if err != nil {
					return err
				}
				loss, words = append(loss, some...), n
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if words == 0 {
		return nil, step.BadInput(x.o.Words+x.o.Text+x.o.IDs, "has no word that can be predicted, expected words with pieces, of a causal model behind others")
	}
	sum := &LossSummary{Words: words, Units: len(units), Intact: loss[0], Zeroed: loss[1], Draws: len(sets.Size), Distinct: sets.Distinct, Untested: sets.Untested}
	mean, p := lesion.Against(sum.Zeroed, loss[2:])
	sum.Random = mean
	if sum.Untested == "" {
		sum.P = p
		x.Result("loss_p", p)
	} else {
		x.Warn("--loss: no p: %s", sum.Untested)
	}
	for name, value := range map[string]float64{"loss_intact": sum.Intact, "loss_zeroed": sum.Zeroed, "loss_random": sum.Random, "loss_words": float64(words)} {
		x.Result(name, value)
	}
	return sum, x.Job.WriteFile(".loss.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "units", "draw", "loss", "mean_response")
		t.Row("none", "n/a", step.Number(loss[0]), "n/a")
		t.Row("zeroed", "n/a", step.Number(loss[1]), step.Number(sizes.Mean(units)))
		for i, size := range sets.Size {
			t.Row("random", strconv.Itoa(i), step.Number(loss[2+i]), step.Number(size))
		}
		return t.Flush()
	})
}

// String says in a line what --loss found.
func (s *LossSummary) String() string {
	p := "no p"
	if s.Untested == "" {
		p = fmt.Sprintf("p %.3g", s.P)
	}
	return fmt.Sprintf("loss per word %.4g bits, without the %d units %.4g, without as many like them %.4g (%d draws): %s, of %d words", s.Intact, s.Units, s.Zeroed, s.Random, s.Draws, p, s.Words)
}
