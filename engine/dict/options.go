package dict

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Standardize is what is done to every signal before it is learned or coded.
type Standardize string

// The ways to standardise.
const (
	None    Standardize = "none"
	Columns Standardize = "columns" // mean 0 and L2 norm 1; a constant signal becomes 0
)

// Options of Learn and Encode; Defaults gives those of the command line.
type Options struct {
	Atoms       int     // K; Encode takes it from the atoms
	Lambda      float64 // penalty of the codes, at least 0
	Epochs      int     // passes over the signals
	Batch       int     // signals per step, at most
	Seed        uint64  // of the order of batches and of the first atoms
	NonNegative bool    // codes are at least 0
	Standardize Standardize
	// Forgetting is rho in beta_t = (1 - 1/t)^rho, the weight of the statistics of
	// the steps before step t: 0 keeps all, larger values forget faster. In the
	// last pass it is at most 2.
	Forgetting float64
	Precision  tensor.Dtype // op.Float32 (also the zero value) or op.Float64

	// NoCodes leaves out of Learn the pass that codes the signals, and with it the objective and
	// the signs of atoms, which become those of the last step.
	NoCodes bool
	// Memory bounds the bytes of signals, buffers and codes; 0: no bound. Signals that
	// do not fit are read again in every pass. Results do not depend on it.
	Memory int64
	// Progress, if any, is called with signals done and in all, counting every pass.
	Progress func(done, total int)
	// Checkpoint, if any, keeps the state of Learn after every pass.
	Checkpoint Checkpoint
}

// Checkpoint keeps what Learn needs to go on after an interruption with the same
// signals and options; it then ends with the same bits.
type Checkpoint interface {
	// Load gives what Save kept last, or nil.
	Load() ([]byte, error)
	// Save is called from one goroutine at a time, beside the next pass.
	Save(state []byte) error
}

// Defaults gives 64 atoms, lambda 0.15, 4 passes, batches of 512, standardised columns.
func Defaults() Options {
	return Options{Atoms: 64, Lambda: 0.15, Epochs: 4, Batch: 512, Standardize: Columns, Forgetting: 8, Precision: op.Float32}
}

// checkCommon refuses what neither Learn nor Encode can do.
func (o *Options) checkCommon(s tile.Source) error {
	if o.Precision.Type == nil {
		o.Precision = op.Float32
	}
	if o.Standardize == "" {
		o.Standardize = None
	}
	switch {
	case s.Rows() < 1 || s.Cols() < 1:
		return fmt.Errorf("signals are %d x %d, want at least one row and one column", s.Rows(), s.Cols())
	case !(o.Lambda >= 0) || o.Lambda > MaxLambda:
		return fmt.Errorf("lambda %g, want a number that is at least 0", o.Lambda)
	case o.Standardize != None && o.Standardize != Columns:
		return fmt.Errorf("standardize %q, want none or columns", o.Standardize)
	case o.Precision != op.Float32 && o.Precision != op.Float64:
		return fmt.Errorf("precision %v, want float32 or float64", o.Precision)
	case o.Memory < 0:
		return fmt.Errorf("memory %d bytes, want at least 0", o.Memory)
	}
	return nil
}

// signals is the number of signals that Learn goes through, of n: those of every pass.
func (o *Options) signals(n int) int {
	if o.NoCodes {
		return n * o.Epochs
	}
	return n * (o.Epochs + 1)
}

// lastForgetting bounds rho in the last pass. The codes of early steps are of
// poor atoms and are best forgotten; in the last pass they are good, and atoms
// of all signals are better than those of the last few batches.
const lastForgetting = 2

// beta is the weight at step t, from 1, of the statistics of the steps before.
func (o *Options) beta(t int, lastPass bool) float64 {
	rho := o.Forgetting
	if lastPass {
		rho = min(rho, lastForgetting)
	}
	return math.Pow(1-1/float64(t), rho)
}

// MaxLambda is the largest lambda: a finite float32.
const MaxLambda = 1e38

// check refuses what Learn cannot do.
func (o *Options) check(s tile.Source) error {
	if err := o.checkCommon(s); err != nil {
		return err
	}
	switch {
	case o.Atoms < 1:
		return fmt.Errorf("%d atoms, want at least 1", o.Atoms)
	case o.Epochs < 1:
		return fmt.Errorf("%d epochs, want at least 1", o.Epochs)
	case o.Batch < 1:
		return fmt.Errorf("batch of %d signals, want at least 1", o.Batch)
	case !(o.Forgetting >= 0):
		return fmt.Errorf("forgetting %g, want a number that is at least 0", o.Forgetting)
	}
	return nil
}
