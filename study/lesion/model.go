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

// Losses are the mean surprisals of the words of a reading (Predicted), in bits, under each
// lesion (nil is the model as it is), and of how many words. progress hears how many tokens
// are read, of those of all lesions; the backend is that of a Compute that is under way.
func (m *Model) Losses(ctx context.Context, reading *lm.Reading, lesions []*lm.Zero, progress func(done int)) (loss []float64, words int, err error) {
	bits := make([][]float64, len(lesions)) // added up in the order of rows, whatever that of windows
	for i := range bits {
		bits[i] = slices.Repeat([]float64{math.NaN()}, reading.Rows)
	}
	opt := m.options(m.Budget(int64(8*len(lesions)*reading.Rows)), progress)
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

// options are those of all runs of the model.
func (m *Model) options(memory int64, progress func(done int)) lm.Options {
	return lm.Options{Float64: m.Env.Precision == op.Float64, Memory: memory, Progress: func(done, _ int) { progress(done) }}
}

// Plan refuses a bound of memory that is too small for the sizes and the losses of lesions of
// some units, so many at once.
func (m *Model) Plan(ctx context.Context, reading *lm.Reading, units []lm.Column, atOnce int) error {
	m.Env.Settled()
	taps, layers := placesOf(units)
	lesions, err := Zeros(m.LM.Config, [][]lm.Column{nil, units})
	if err != nil {
		return err
	}
	const none = 1 // byte, less than any run needs
	losses := step.Stage{Own: int64(8 * atOnce * reading.Rows), Least: func(ctx context.Context) (int64, error) {
		_, err := m.LM.Surprisals(ctx, engine.NewMachine(m.Backend), reading, m.options(none, func(int) {}), lesions, func(int, int, float64) {})
		return engine.Needed(err)
	}}
	if len(units) == 0 {
		return m.PlanMemory(ctx, losses)
	}
	columns := len(m.LM.Config.Columns(taps, layers))
	return m.PlanMemory(ctx, losses, step.Stage{Own: int64(8 * columns), Least: func(ctx context.Context) (int64, error) {
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

// Zeros are lesions of sets of units; a set of none is the model as it is.
func Zeros(c *lm.Config, sets [][]lm.Column) ([]*lm.Zero, error) {
	list := make([]*lm.Zero, len(sets))
	for i, s := range sets {
		if len(s) == 0 {
			continue
		}
		var err error
		if list[i], err = c.NewZero(s); err != nil {
			return nil, err
		}
	}
	return list, nil
}
