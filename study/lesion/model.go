package lesion

import (
	"context"
	"math"
	"slices"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/lm"
	"voxen/study/step"
)

// Model is a language model with a text that it reads.
type Model struct {
	*step.Run
	LM      *lm.Model
	Reading *lm.Reading
	Folder  string // of the model, for refusals
	Last    bool   // a word's response is that of its last piece, not their mean
}

// MaskedPasses is in how many passes each word is masked once: 1 in 7 is about the share of
// tokens that BERT was trained with.
const MaskedPasses = 7

// Predicted is the reading whose words are predicted: the text, or with masks in it.
func (m *Model) Predicted() (*lm.Reading, error) {
	if m.LM.Config.Causal() {
		return m.Reading, nil
	}
	mask, err := m.LM.Mask()
	if err != nil {
		return nil, step.BadInput(m.Folder, "%v, expected one for --loss of a model that predicts masked words, and words (--words, --text)", err)
	}
	return m.Reading.Masked(mask, MaskedPasses), nil
}

// Losses are the mean surprisals of the words of a reading (Predicted), in bits, under the
// lesions from lo until hi, and of how many words. progress hears how many tokens
// are read, of those of all lesions; the backend is that of a Compute that is under way.
func (m *Model) Losses(ctx context.Context, reading *lm.Reading, of Lesions, lo, hi int, progress func(done int)) (loss []float64, words int, err error) {
	lesions, err := of.Zeros(ctx, lo, hi)
	if err != nil {
		return nil, 0, err
	}
	held := int64(0)
	bits := make([][]float64, len(lesions)) // added up in the order of rows, whatever that of windows
	for i, z := range lesions {
		bits[i] = slices.Repeat([]float64{math.NaN()}, reading.Rows)
		held += lesionBytes(z, reading)
	}
	opt := m.options(m.Budget(held), func(done int) { progress(lo*reading.Tokens() + done) })
	_, err = m.LM.Surprisals(ctx, engine.NewMachine(m.Backend), reading, opt, lesions, func(lesion, row int, b float64) { bits[lesion][row] = b })
	if err != nil {
		return nil, 0, m.Env.Refuse(err)
	}
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
	return loss, words, nil
}

// Lesions are run some at once: about tokensAtOnce tokens are read, of all of them, between two
// points from which an interrupted step goes on, several times as many as go through a layer at
// once where weights are streamed; and they take at most about lesionsAtOnce bytes.
const tokensAtOnce, lesionsAtOnce = 1 << 14, 16 << 20

// AtOnce is how many lesions are run at once, of those of some units.
func (m *Model) AtOnce(reading *lm.Reading, units []lm.Column) (n int, err error) {
	n = max(1, tokensAtOnce/max(1, reading.Tokens()))
	if len(units) == 0 {
		return n, nil
	}
	z, err := m.LM.Config.NewZero(units)
	if err != nil {
		return 0, err
	}
	return max(1, min(n, int(lesionsAtOnce/lesionBytes(z, reading)))), nil
}

// lesionBytes are what is held of a lesion while it runs: its units, and the words' bits.
func lesionBytes(z *lm.Zero, reading *lm.Reading) int64 {
	n := int64(8 * reading.Rows)
	if z != nil {
		n += z.Bytes()
	}
	return n
}

// options are those of all runs of the model.
func (m *Model) options(memory int64, progress func(done int)) lm.Options {
	return lm.Options{Float64: m.Env.Precision == op.Float64, Memory: memory, Progress: func(done, _ int) { progress(done) }}
}

// Plan refuses a bound of memory that is too small for the sizes of all units at the places of
// some groups of units, for random sets like each, so many, and for the losses under lesions of
// them, some at once.
func (m *Model) Plan(ctx context.Context, reading *lm.Reading, groups [][]lm.Column, draws, atOnce int) error {
	m.Env.Settled()
	units, most := slices.Concat(groups...), 0
	for _, g := range groups {
		most = max(most, len(g))
	}
	taps, layers := placesOf(units)
	lesions := []*lm.Zero{nil}
	if len(units) > 0 {
		z, err := m.LM.Config.NewZero(units)
		if err != nil {
			return err
		}
		lesions = append(lesions, z)
	}
	columns := len(m.LM.Config.Columns(taps, layers))
	held := int64(8*columns+columnBytes*len(units)) + int64(len(groups))*int64(draws)*setBytes
	drawing := step.Stage{Own: held + drawerBytes(columns, most) + int64(draws)*hashBytes}
	const none = 1 // byte, less than any run needs
	losses := step.Stage{Own: held + drawerBytes(columns, most) + int64(atOnce)*lesionBytes(lesions[len(lesions)-1], reading), Least: func(ctx context.Context) (int64, error) {
		_, err := m.LM.Surprisals(ctx, engine.NewMachine(m.Backend), reading, m.options(none, func(int) {}), lesions, func(int, int, float64) {})
		return engine.Needed(err)
	}}
	if len(units) == 0 {
		return m.PlanMemory(ctx, losses)
	}
	return m.PlanMemory(ctx, losses, drawing, step.Stage{Own: held, Least: func(ctx context.Context) (int64, error) {
		opt := m.options(none, func(int) {})
		opt.Taps, opt.Layers, opt.Last = taps, layers, m.Last
		_, err := m.LM.Extract(ctx, engine.NewMachine(m.Backend), m.Reading, opt, &sizeSink{rows: m.Reading.Rows, mean: make([]float64, columns)})
		return engine.Needed(err)
	}})
}

// Sizes are the mean |response| over the rows of a text of the units at the taps and in the
// layers of a lesion, while the model is whole.
type Sizes struct {
	at   map[lm.Column]int // of the first unit of a tap in a layer, in mean
	mean []float64
}

// of is that of a unit.
func (s *Sizes) of(c lm.Column) float64 {
	return s.mean[s.at[lm.Column{Layer: c.Layer, Tap: c.Tap}]+c.Unit]
}

// Mean is the mean over units.
func (s *Sizes) Mean(units []lm.Column) float64 {
	sum := 0.0
	for _, c := range units {
		sum += s.of(c)
	}
	return sum / float64(len(units))
}

// placesOf are the taps of units, and their layers.
func placesOf(units []lm.Column) (taps []lm.Tap, layers []int) {
	for _, c := range units {
		if !slices.Contains(taps, c.Tap) {
			taps = append(taps, c.Tap)
		}
		if !slices.Contains(layers, c.Layer) {
			layers = append(layers, c.Layer)
		}
	}
	slices.Sort(layers)
	return taps, layers
}

// Sizes reads those of all units at the taps, and in the layers, of some.
func (m *Model) Sizes(ctx context.Context, units []lm.Column) (*Sizes, error) {
	taps, layers := placesOf(units)
	columns := m.LM.Config.Columns(taps, layers)
	s := &Sizes{at: map[lm.Column]int{}, mean: make([]float64, len(columns))}
	for i, c := range columns {
		if c.Unit == 0 {
			s.at[c] = i
		}
	}
	sink := &sizeSink{rows: m.Reading.Rows, mean: s.mean}
	err := m.Stage("responses without the lesion (tokens)", m.Reading.Tokens(), func() error {
		return m.Compute(ctx, step.Part{What: "responses"}, func(ctx context.Context) error {
			clear(s.mean)
			opt := m.options(m.Budget(int64(8*len(columns))), m.Progress)
			opt.Taps, opt.Layers, opt.Last = taps, layers, m.Last
			_, err := m.LM.Extract(ctx, engine.NewMachine(m.Backend), m.Reading, opt, sink)
			return m.Env.Refuse(err)
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
