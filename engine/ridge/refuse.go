package ridge

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// FeatureError refuses a value of the features.
type FeatureError struct {
	HeldOut     bool
	Row, Column int // from 0
	Value       float64
	Want        string // "finite numbers"
}

// Error names the place and the value.
func (e *FeatureError) Error() string {
	name := "features"
	if e.HeldOut {
		name = "held-out features"
	}
	return fmt.Sprintf("%s have %g at row %d, column %d, want %s", name, e.Value, e.Row, e.Column, e.Want)
}

// StepError says that a step leaves nothing of the data.
type StepError struct {
	HeldOut bool
	Run     int // from 0; -1 where no run is the reason
	Rows    int // of that run, or of the longest
	Trends  int // regressors of the run, or 0
	Delay   int // the delay, where that is the reason
}

// Error names what leaves nothing.
func (e *StepError) Error() string {
	held := ""
	if e.HeldOut {
		held = "held-out "
	}
	switch {
	case e.Trends > 0:
		return fmt.Sprintf("%d trends and confounds leave nothing of the %d rows of %srun %d", e.Trends, e.Rows, held, e.Run)
	case e.Run < 0:
		return fmt.Sprintf("delay %d leaves nothing: the longest %srun has %d rows", e.Delay, held, e.Rows)
	}
	return fmt.Sprintf("trends, confounds and scaling leave nothing of any feature in %sruns", held)
}

// WeightsError refuses the weights of bands in a draw.
type WeightsError struct {
	Draw  int     // from 0
	Band  int     // from 0; -1: their sum
	Value float64 // of the weight, or of the sum
	Want  string  // "at least 0"
}

// Error names the place and the value.
func (e *WeightsError) Error() string {
	if e.Band < 0 {
		return fmt.Sprintf("weights %d of bands sum to %g, want %s", e.Draw, e.Value, e.Want)
	}
	return fmt.Sprintf("weights %d of bands have %g for band %d, want %s", e.Draw, e.Value, e.Band, e.Want)
}

// CheckWeights wants as many weights of at least 0 as there are bands in every draw, which
// sum to 1 as far as float32 goes.
func CheckWeights(gammas [][]float64, bands int) error {
	for i, g := range gammas {
		if len(g) != bands {
			return fmt.Errorf("%d weights of bands in draw %d, want %d", len(g), i, bands)
		}
		sum := 0.0
		for b, x := range g {
			if !(x >= 0) {
				return &WeightsError{i, b, x, "at least 0"}
			}
			sum += x
		}
		if !(math.Abs(sum-1) <= 1e-5) {
			return &WeightsError{i, -1, sum, "1"}
		}
	}
	return nil
}

// finite refuses features that are not numbers.
func finite(m tile.Matrix, heldOut bool) error {
	for i, x := range m.Data {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return &FeatureError{heldOut, i / m.Cols, i % m.Cols, x, "finite numbers"}
		}
	}
	return nil
}

// checkSteps refuses trends and delays that leave nothing.
func (o Options) checkSteps(d Data) error {
	if err := checkTrends(o.Trends, o.Runs, o.PerRun, false); err != nil {
		return err
	}
	longest := 0
	for r := range o.Runs.Folds() {
		longest = max(longest, o.Runs.Rows(r))
	}
	for _, delay := range o.Delays {
		if delay >= longest || -delay >= longest {
			return &StepError{Run: -1, Rows: longest, Delay: delay}
		}
	}
	if d.TestX.Rows == 0 || o.TestTrends.Cols == 0 {
		return nil
	}
	runs := d.TestRuns
	if runs == nil {
		runs = op.Borders{0, d.TestX.Rows}
	}
	return checkTrends(o.TestTrends, runs, o.PerRun, true)
}

// checkTrends wants fewer trends than rows in each run, and a constant among what
// they span: responses are shifted by one before the trends are removed.
func checkTrends(trends tile.Matrix, runs op.Borders, perRun PerRun, heldOut bool) error {
	if trends.Cols == 0 {
		return nil
	}
	for r := range runs.Folds() {
		lo, hi := runs[r], runs[r+1]
		rank, constant := 0, 0.0
		for j := range trends.Cols {
			sum, used := 0.0, false
			for t := lo; t < hi; t++ {
				x := trends.Data[t*trends.Cols+j]
				sum += x
				used = used || x != 0
			}
			constant += sum * sum
			if used {
				rank++
			}
		}
		n := float64(hi - lo)
		switch {
		case rank >= hi-lo:
			return &StepError{HeldOut: heldOut, Run: r, Rows: hi - lo, Trends: rank}
		case perRun == None && !(constant > n*(1-1e-6)):
			return fmt.Errorf("trends of run %d do not span a constant", r)
		}
	}
	return nil
}

// checkFeatures refuses features, after per-run steps, of which the products of a
// fit would overflow in its precision, and steps that leave nothing of any.
func checkFeatures(v gorgonia.Value, read tile.Matrix, o Options, heldOut bool) error {
	x := v.Data().([]float64)
	K := read.Cols
	squares, largest := make([]float64, K), make([]int, K)
	for i, value := range x {
		k := i % K
		squares[k] += value * value
		if math.Abs(value) >= math.Abs(x[largest[k]*K+k]) {
			largest[k] = i / K
		}
	}
	worst, total := 0, 0.0
	for k, s := range squares {
		total += s
		if !(s <= squares[worst]) {
			worst = k
		}
	}
	if total == 0 && !heldOut && o.perRunSteps() && slices.ContainsFunc(read.Data, func(x float64) bool { return x != 0 }) {
		return &StepError{Run: 0}
	}
	row := largest[worst]
	want, bound := "squares that float64 holds", 0x1p1000
	size := total
	if o.Precision == op.Float32 {
		want, bound = "squares that float32 holds", 0x1p120
		if heldOut || o.StandardizeFeatures { // of which no products are taken
			want, size = "values that float32 holds", max(math.Abs(x[row*K+worst]), total/0x1p1000)
		}
	}
	if !(size <= bound) {
		return &FeatureError{heldOut, row, worst, read.Data[row*K+worst], want}
	}
	return nil
}
