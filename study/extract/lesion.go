package extract

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/lm"
	"voxen/store"
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
	Words  int     `json:"words"`
	Units  int     `json:"units"`
	Intact float64 `json:"intact"`
	Zeroed float64 `json:"zeroed"`
	Random float64 `json:"random"` // mean of the random sets
	Draws  int     `json:"draws"`
	P      float64 `json:"p"` // (1 + sets whose loss is at least that of the units) / (1 + sets)
}

// lesion is a lesion of a model with its units as columns.
type lesion struct {
	zero    *lm.Zero
	columns []lm.Column
}

// readLesion reads the units of a table that are of the model and have a network; nil without
// a table.
func (o *Options) readLesion(fsys store.FS, m *lm.Model, name string) (*lesion, error) {
	if o.Zero == "" {
		return nil, nil
	}
	t, err := store.ReadTable(fsys, o.Zero)
	if err != nil {
		return nil, err
	}
	cells := map[string][]string{}
	for _, column := range []string{"model", "layer", "unit", "network"} {
		if cells[column], err = t.Column(column); err != nil {
			return nil, err
		}
	}
	taps, err := o.tapsOf(t)
	if err != nil {
		return nil, err
	}
	l := &lesion{}
	ours := false
	for i, network := range cells["network"] {
		ours = ours || cells["model"][i] == name
		if cells["model"][i] != name || step.Missing(network) || o.Network != "" && network != o.Network {
			continue
		}
		layer, err1 := strconv.Atoi(cells["layer"][i])
		unit, err2 := strconv.Atoi(cells["unit"][i])
		if err1 != nil || err2 != nil {
			return nil, step.BadInput(o.Zero, "line %d has layer %q and unit %q, expected whole numbers", t.Lines[i], cells["layer"][i], cells["unit"][i])
		}
		l.columns = append(l.columns, lm.Column{Layer: layer, Tap: taps[i], Unit: unit})
	}
	switch {
	case !ours:
		return nil, step.BadInput(o.Zero, "has no unit of the model %q, but of %s: expected that, or --name", name, strings.Join(distinct(cells["model"]), ", "))
	case len(l.columns) == 0 && o.Network != "":
		return nil, step.BadInput(o.Zero, "has no unit of %q in the network %q, but of %s", name, o.Network, strings.Join(distinct(cells["network"]), ", "))
	case len(l.columns) == 0:
		return nil, step.BadInput(o.Zero, "has no unit of %q with a network, expected those that are to be 0", name)
	}
	if l.zero, err = m.Config.NewZero(l.columns); err != nil {
		return nil, step.BadInput(o.Zero, "%v", err)
	}
	return l, nil
}

// distinct lists what cells hold, each once, without those that are missing.
func distinct(cells []string) []string {
	list := slices.Compact(slices.Sorted(slices.Values(cells)))
	return slices.DeleteFunc(list, step.Missing)
}

// tapsOf gives the tap of each row: the table's, or --tap where it has none.
func (o *Options) tapsOf(t *store.Table) ([]lm.Tap, error) {
	if slices.Contains(t.Columns, "tap") {
		cells, err := t.Column("tap")
		taps := make([]lm.Tap, len(cells))
		for i, c := range cells {
			taps[i] = lm.Tap(c)
		}
		return taps, err
	}
	taps, err := lm.ParseTaps(o.Tap)
	if err == nil && len(taps) > 1 {
		err = step.BadInput(o.Zero, "has no column tap, and --tap %s are several: expected the one that its units are of", o.Tap)
	}
	return slices.Repeat(taps, len(t.Rows)), err
}

// losses runs the model as it is, without the units, and without each of the random sets,
// and writes what each loses.
func (x *extraction) losses(ctx context.Context) (*LossSummary, error) {
	sizes, err := x.sizes(ctx)
	if err != nil {
		return nil, err
	}
	sets, err := x.randomSets(sizes)
	if err != nil {
		return nil, err
	}
	lesions := []*lm.Zero{nil, x.lesion.zero}
	for _, s := range sets {
		zero, err := x.model.Config.NewZero(s)
		if err != nil {
			return nil, err
		}
		lesions = append(lesions, zero)
	}
	loss, words, err := x.lossOf(ctx, lesions)
	if err != nil {
		return nil, err
	}
	if words == 0 {
		return nil, step.BadInput(x.o.Words+x.o.Text+x.o.IDs, "has no word that can be predicted, expected words with pieces, of a causal model behind others")
	}
	sum := &LossSummary{Words: words, Units: len(x.lesion.columns), Intact: loss[0], Zeroed: loss[1], Draws: len(sets)}
	as := 1.0 // random sets that lose as much, and the units themselves
	for _, l := range loss[2:] {
		sum.Random += l / float64(len(sets))
		if l >= sum.Zeroed {
			as++
		}
	}
	sum.P = as / float64(1+len(sets))
	for name, value := range map[string]float64{"loss_intact": sum.Intact, "loss_zeroed": sum.Zeroed, "loss_random": sum.Random, "loss_p": sum.P, "loss_words": float64(words)} {
		x.Result(name, value)
	}
	return sum, x.Job.WriteFile(".loss.tsv", func(w io.Writer) error {
		t := store.NewTableWriter(w, "units", "draw", "loss", "mean_response")
		t.Row("none", "n/a", step.Number(loss[0]), "n/a")
		t.Row("zeroed", "n/a", step.Number(loss[1]), step.Number(meanSize(sizes, x.lesion.columns)))
		for i, s := range sets {
			t.Row("random", strconv.Itoa(i), step.Number(loss[2+i]), step.Number(meanSize(sizes, s)))
		}
		return t.Flush()
	})
}

// maskedPasses is in how many passes each word is masked once: 1 in 7 is about the share of
// tokens that BERT was trained with.
const maskedPasses = 7

// predicted is the reading whose words are predicted: the text, or with masks in it.
func (x *extraction) predicted() (*lm.Reading, error) {
	if x.model.Config.Causal() {
		return x.reading, nil
	}
	mask, err := x.model.Mask()
	if err != nil {
		return nil, step.BadInput(x.o.Model, "%v, expected one for --loss of a model that predicts masked words, and words (--words, --text)", err)
	}
	return x.reading.Masked(mask, maskedPasses), nil
}

// lossOf is the mean surprisal of words, in bits, with each lesion, and the number of words.
func (x *extraction) lossOf(ctx context.Context, lesions []*lm.Zero) (loss []float64, words int, err error) {
	reading, err := x.predicted()
	if err != nil {
		return nil, 0, err
	}
	bits := make([][]float64, len(lesions)) // added up in the order of rows, whatever that of windows
	for i := range bits {
		bits[i] = slices.Repeat([]float64{math.NaN()}, reading.Rows)
	}
	err = x.Stage("losses (tokens)", len(lesions)*reading.Tokens(), func() error {
		return x.Compute(ctx, step.Part{What: "losses"}, func(ctx context.Context) error {
			opt := lm.Options{Float64: x.Env.Precision == op.Float64, Memory: x.Env.Budget(x.Backend, int64(8*len(lesions)*reading.Rows)), Progress: func(done, _ int) { x.Progress(done) }}
			_, err := x.model.Surprisals(ctx, engine.NewMachine(x.Backend), reading, opt, lesions, func(lesion, row int, b float64) { bits[lesion][row] = b })
			return x.Env.Refuse(err)
		})
	})
	for _, of := range bits {
		sum := 0.0
		words = 0
		for _, b := range of {
			if !math.IsNaN(b) {
				sum += b
				words++
			}
		}
		loss = append(loss, sum/float64(max(1, words)))
	}
	return loss, words, err
}

// sizes are the mean |response| over rows of the units at the taps of the lesion, in the
// layers that it is of, while the model is whole.
type sizes struct {
	at   map[lm.Column]int // of the first unit of a tap in a layer, in mean
	mean []float64
}

// of is that of a unit.
func (s *sizes) of(c lm.Column) float64 {
	return s.mean[s.at[lm.Column{Layer: c.Layer, Tap: c.Tap}]+c.Unit]
}

// sizes reads them.
func (x *extraction) sizes(ctx context.Context) (*sizes, error) {
	var taps []lm.Tap
	var layers []int
	for _, c := range x.lesion.columns {
		if !slices.Contains(taps, c.Tap) {
			taps = append(taps, c.Tap)
		}
		if !slices.Contains(layers, c.Layer) {
			layers = append(layers, c.Layer)
		}
	}
	slices.Sort(layers)
	columns := x.model.Config.Columns(taps, layers)
	s := &sizes{at: map[lm.Column]int{}, mean: make([]float64, len(columns))}
	for i, c := range columns {
		if c.Unit == 0 {
			s.at[c] = i
		}
	}
	sink := &sizeSink{rows: x.reading.Rows, mean: s.mean}
	err := x.Stage("responses without the lesion (tokens)", x.reading.Tokens(), func() error {
		return x.Compute(ctx, step.Part{What: "responses"}, func(ctx context.Context) error {
			clear(s.mean)
			opt := lm.Options{Taps: taps, Layers: layers, Float64: x.Env.Precision == op.Float64, Last: x.o.Pieces == "last",
				Memory: x.Env.Budget(x.Backend, int64(8*len(columns))), Progress: func(done, _ int) { x.Progress(done) }}
			_, err := x.model.Extract(ctx, engine.NewMachine(x.Backend), x.reading, opt, sink)
			return x.Env.Refuse(err)
		})
	})
	return s, err
}

// sizeSink adds up |response| / rows of every column.
type sizeSink struct {
	rows int
	mean []float64
}

// WriteRows adds rows.
func (s *sizeSink) WriteRows(_ context.Context, lo, hi int, src []float32) error {
	n := len(s.mean)
	for row := range hi - lo {
		for c, v := range src[row*n : (row+1)*n] {
			s.mean[c] += math.Abs(float64(v)) / float64(s.rows)
		}
	}
	return nil
}

// meanSize is the mean of units.
func meanSize(s *sizes, columns []lm.Column) float64 {
	sum := 0.0
	for _, c := range columns {
		sum += s.of(c)
	}
	return sum / float64(len(columns))
}

// alike is by what share of the units' mean |response| that of a random set may differ.
const alike = 0.1

// randomSets draws sets with as many units at every tap of every layer as the lesion has,
// any of the model's there, whose mean |response| is within 10% of its own: evenly, until
// one fits. Where evenTries of them do not, as of units that respond more than most, this
// set and those to come are led there.
func (x *extraction) randomSets(s *sizes) ([][]lm.Column, error) {
	random := rand.New(rand.NewPCG(uint64(x.o.Seed.Or(0)), 0x1e5102))
	want := meanSize(s, x.lesion.columns)
	led := false
	sets := make([][]lm.Column, x.o.draws())
	for i := range sets {
		tries := evenTries
		if led {
			tries = ledTries
		}
		for try := 0; sets[i] == nil; try++ {
			switch {
			case try < tries:
			case led:
				return nil, step.BadInput(x.o.Zero, "has %d units with a mean |response| of %.4g, and no random set of as many units of their layers comes within 10%% of it: there are too few units like these", len(x.lesion.columns), want)
			default:
				led, tries = true, try+ledTries
			}
			d := newDraw(random, x.model.Config, s, x.lesion.columns)
			if led {
				d.lead(random, want*(1+alike*(2*random.Float64()-1))*float64(len(d.in)))
			}
			if math.Abs(meanSize(s, d.in)-want) <= alike*want {
				sets[i] = d.in
			}
		}
	}
	return sets, nil
}

const evenTries, ledTries = 100, 200

// draw is a random set on its way.
type draw struct {
	s   *sizes
	in  []lm.Column
	out map[lm.Column][]lm.Column // the units of a tap in a layer that are not in it, by its first
	sum float64
}

// newDraw draws as many units of every tap in every layer as there are in like.
func newDraw(random *rand.Rand, c *lm.Config, s *sizes, like []lm.Column) *draw {
	d := &draw{s: s, out: map[lm.Column][]lm.Column{}}
	for _, l := range like {
		first := lm.Column{Layer: l.Layer, Tap: l.Tap}
		left, begun := d.out[first]
		if !begun {
			for u := range c.Units(l.Tap) {
				left = append(left, lm.Column{Layer: l.Layer, Tap: l.Tap, Unit: u})
			}
		}
		k := random.IntN(len(left))
		d.in, d.sum = append(d.in, left[k]), d.sum+s.of(left[k])
		left[k] = left[len(left)-1]
		d.out[first] = left[:len(left)-1]
	}
	return d
}

// lead exchanges units with those that are left until the sum is within a hundredth of the
// goal, each to no further from it. The goal is drawn from the whole range that is alike, so
// that sets are not all at its near end.
func (d *draw) lead(random *rand.Rand, goal float64) {
	for range 2000 + 200*len(d.in) {
		if math.Abs(d.sum-goal) <= goal/100 {
			return
		}
		i := random.IntN(len(d.in))
		left := d.out[lm.Column{Layer: d.in[i].Layer, Tap: d.in[i].Tap}]
		if len(left) == 0 {
			continue
		}
		k := random.IntN(len(left))
		sum := d.sum - d.s.of(d.in[i]) + d.s.of(left[k])
		if math.Abs(sum-goal) <= math.Abs(d.sum-goal) {
			d.in[i], left[k], d.sum = left[k], d.in[i], sum
		}
	}
}

// String says in a line what --loss found.
func (s *LossSummary) String() string {
	return fmt.Sprintf("loss per word %.4g bits, without the %d units %.4g, without as many like them %.4g (%d draws): p %.3g, of %d words", s.Intact, s.Units, s.Zeroed, s.Random, s.Draws, s.P, s.Words)
}
