package ridge

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Data is what a model is fitted to and tested on.
type Data struct {
	X tile.Matrix // features, T x K
	Y tile.Source // responses, T x V
	// NarrowX and NarrowTestX say that features were stored in float32, whose
	// rounding a step may leave of a column (op.LeftOver).
	NarrowX, NarrowTestX bool

	TestX    tile.Matrix // features of held-out rows, or empty
	TestY    tile.Source
	TestRuns op.Borders // runs of the held-out rows; nil: one run
}

// Outputs takes results; a nil sink is not wanted. Rows of a sink are as noted,
// columns are voxels.
type Outputs struct {
	Weights   tile.Sink // K' rows, in the units of X and Y
	Alpha     tile.Sink // 1 row
	CVScore   tile.Sink // 1 row: at the alpha chosen, mean over folds
	CVScores  tile.Sink // a row per alpha
	Intercept tile.Sink // 1 row
	TestScore tile.Sink // 1 row
	Nested    tile.Sink // 1 row: held-out score of nested cross-validation; with Options.Nested
	// TestMetrics and NestedMetrics are further scores of the same held-out
	// predictions, 1 row each.
	TestMetrics, NestedMetrics map[op.Score]tile.Sink
	// Predictions has a row per held-out row, of repeats one each, in the units of Y after
	// per-run steps. Without held-out rows and with Options.Nested it has a row per row of
	// X, each predicted by the last model of its outer fold; FitBanded refuses that.
	Predictions tile.Sink
	Repeats     Repeats   // with Options.TestRepeats
	Status      tile.Sink // 1 row: op.Varies, op.Constant, op.NotFinite or op.NoScore
}

// PerRun is what is done to features and responses within each run.
type PerRun string

// The per-run steps.
const (
	None   PerRun = "none"
	Center PerRun = "center"
	ZScore PerRun = "zscore"
)

// Options of a fit. Zero values are the defaults of himalaya's RidgeCV with
// r2_score, but for Alphas and Folds, which must be set.
type Options struct {
	Alphas []float64  // positive and distinct
	Folds  op.Borders // cuts the rows into contiguous folds, at least two; nil with Rule or Chunks
	Rule   Rule       // leave-one-out or generalised cross-validation in place of folds; "": neither
	Chunks *Chunks    // random held-out chunks in place of folds; nil: none
	Runs   op.Borders // runs of the rows; nil: one run
	L1     *L1        // a lasso or elastic net in place of ridge; nil: ridge
	Score  op.Score   // "": r2
	// Gap rows of the same run on either side of a fold are not trained on when the fold
	// is predicted, and belong to no inner fold when it is an outer one.
	Gap int
	// Nested also gives a held-out score: for each fold the alpha is chosen on the other
	// folds (each in turn predicted from the rest), the model refitted on all of them
	// and scored on the fold; the mean over folds. It wants at least three. Per-run steps
	// that a fold would cut are done on training and on test rows each by themselves.
	Nested bool
	// TestRepeats says, if not 0, that the held-out runs are so many presentations of one
	// stimulus, of equal length: scores are of the mean over them of the responses after
	// their per-run steps, with the mean of the predictions (those differ by confounds
	// alone). ZScoreMean z-scores the mean of the responses again.
	TestRepeats int
	ZScoreMean  bool
	// OneAlpha takes the alpha with the highest mean score over the voxels kept
	// for all voxels. It costs a second pass over Y.
	OneAlpha bool

	// Trends, if any, is T x q: in the rows of each run an orthonormal basis of
	// what is regressed out of features and responses there, else zeros. It spans a
	// constant in each run.
	Trends     tile.Matrix
	TestTrends tile.Matrix
	PerRun     PerRun // "": none
	Delays     []int  // nil: no delays

	// Censored and TestCensored, if any, say of each row whether it is left out of every
	// sum: trends, confounds, means, fits and scores. Censored rows keep their place in
	// time: delays find them, gaps count them, and chunks are cut with them; held-out
	// predictions are NaN there. Of repeats a row is censored in all or in none.
	Censored, TestCensored []bool
	stepped                *stepped // what is left of them in a fit

	Intercept            bool // centre features and responses on the training rows
	StandardizeFeatures  bool // mean and SD of the training rows
	StandardizeResponses bool

	Precision tensor.Dtype // op.Float32 (also the zero value) or op.Float64
	Form      Form         // "": by the cost model

	Panels     int   // most panels per tile; 0: as the backend likes
	Budget     int64 // bytes of buffers; 0: no bound
	Checkpoint tile.Checkpoint
	Progress   func(done, total int)
}

// KFold gives scikit-learn's KFold without shuffling: k contiguous folds of T
// rows, the first T mod k of them a row longer.
func KFold(T, k int) op.Borders {
	b := make(op.Borders, k+1)
	for f := range k {
		b[f+1] = b[f] + T/k
		if f < T%k {
			b[f+1]++
		}
	}
	return b
}

// perRunSteps reports whether anything is done within runs.
func (o Options) perRunSteps() bool { return o.Trends.Cols > 0 || o.PerRun != None }

// centerX and centerY say what is centred on the training rows.
func (o Options) centerX() bool { return o.Intercept || o.StandardizeFeatures }
func (o Options) centerY() bool { return o.Intercept || o.StandardizeResponses }

// Features is the number of columns of X after delays.
func (o Options) Features(K int) int { return K * max(1, len(o.Delays)) }

// check fills in defaults and refuses what cannot be.
func (o *Options) check(d Data) error {
	if len(o.Censored)+len(o.TestCensored) > 0 {
		return fmt.Errorf("censored rows are of fits and the nulls of their scores and maps alone")
	}
	if o.Score == "" {
		o.Score = op.R2
	}
	if o.PerRun == "" {
		o.PerRun = None
	}
	if o.Precision.Type == nil {
		o.Precision = op.Float32
	}
	T := d.X.Rows
	if o.Runs == nil {
		o.Runs = op.Borders{0, T}
	}
	if d.TestRuns == nil {
		d.TestRuns = op.Borders{0, d.TestX.Rows}
	}
	switch {
	case d.X.Rows < 1 || d.X.Cols < 1:
		return fmt.Errorf("features are %d x %d, want at least one row and one column", d.X.Rows, d.X.Cols)
	case len(d.X.Data) != T*d.X.Cols:
		return fmt.Errorf("features have %d values for %d x %d", len(d.X.Data), T, d.X.Cols)
	case d.Y.Rows() != T:
		return fmt.Errorf("responses have %d rows, features %d", d.Y.Rows(), T)
	case d.Y.Cols() < 1:
		return fmt.Errorf("responses have no voxels")
	case o.Precision != op.Float32 && o.Precision != op.Float64:
		return fmt.Errorf("precision %v, want float32 or float64", o.Precision)
	case o.Trends.Cols > 0 && o.Trends.Rows != T:
		return fmt.Errorf("trends have %d rows, features %d", o.Trends.Rows, T)
	case (d.TestX.Rows > 0) != (d.TestY != nil):
		return fmt.Errorf("held-out features and responses come together")
	}
	if d.TestX.Rows > 0 {
		if d.TestX.Cols != d.X.Cols {
			return fmt.Errorf("held-out features have %d columns, features %d", d.TestX.Cols, d.X.Cols)
		}
		if d.TestY.Rows() != d.TestX.Rows || d.TestY.Cols() != d.Y.Cols() {
			return fmt.Errorf("held-out responses are %d x %d, want %d x %d", d.TestY.Rows(), d.TestY.Cols(), d.TestX.Rows, d.Y.Cols())
		}
	}
	if err := o.checkRepeats(d); err != nil {
		return err
	}
	if err := checkAlphas(o.Alphas); err != nil {
		return err
	}
	if err := o.checkFolds(T); err != nil {
		return err
	}
	if err := o.checkL1(); err != nil {
		return err
	}
	if err := checkBorders("runs", o.Runs, T, 1); err != nil {
		return err
	}
	if err := o.checkSplits(); err != nil {
		return err
	}
	if err := finite(d.X, false); err != nil {
		return err
	}
	if err := finite(d.TestX, true); err != nil {
		return err
	}
	return o.checkSteps(d)
}

// checkFolds wants two folds at least, or what stands in their place.
func (o *Options) checkFolds(T int) error {
	if o.Rule != "" || o.Chunks != nil {
		return o.checkHeldOut(T)
	}
	if err := checkBorders("folds", o.Folds, T, 2); err != nil {
		return err
	}
	if o.Folds.Folds() < 2 {
		return fmt.Errorf("%d fold, want at least 2", o.Folds.Folds())
	}
	return nil
}

// checkAlphas wants positive, finite, distinct alphas.
func checkAlphas(alphas []float64) error {
	if len(alphas) == 0 {
		return fmt.Errorf("no alphas")
	}
	seen := map[float64]bool{}
	for _, a := range alphas {
		if !(a > 0) || math.IsInf(a, 0) {
			return fmt.Errorf("alpha %g, want positive numbers", a)
		}
		if seen[a] {
			return fmt.Errorf("alpha %g is given twice", a)
		}
		seen[a] = true
	}
	return nil
}

// checkBorders wants parts of at least the given number of rows that cover T.
func checkBorders(name string, b op.Borders, T, rows int) error {
	if len(b) < 2 || b[0] != 0 || b[len(b)-1] != T {
		return fmt.Errorf("%s %v do not cover %d rows", name, []int(b), T)
	}
	for f := range b.Folds() {
		if b.Rows(f) < rows {
			return fmt.Errorf("%s: part %d has %d rows, want at least %d", name, f, b.Rows(f), rows)
		}
	}
	return nil
}
