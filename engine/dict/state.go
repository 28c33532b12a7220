package dict

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// state is what one pass hands to the next.
type state struct {
	epoch                    int            // passes done
	atoms, gram, cross, dead gorgonia.Value // of learnStep, carried
	trace                    []Step
}

// seconds is how long the steps so far took.
func (s *state) seconds() float64 {
	if len(s.trace) == 0 {
		return 0
	}
	return s.trace[len(s.trace)-1].Seconds
}

// savedState is state as it is kept; float64 holds float32 without loss.
type savedState struct {
	Epoch                    int
	Order                    []byte // the generator of the order of signals
	Atoms, Gram, Cross, Dead []float64
	Trace                    []Step
}

// begin gives the state that a checkpoint kept, or the first one.
func (r *run[F]) begin(ctx context.Context, ord *order) (*state, error) {
	if r.o.Checkpoint != nil {
		data, err := r.o.Checkpoint.Load()
		if err != nil {
			return nil, err
		}
		if data != nil {
			return r.restore(ord, data)
		}
	}
	first, err := r.firstAtoms(ctx, ord)
	if err != nil {
		return nil, err
	}
	K, t := r.o.Atoms, r.bank.t
	return &state{atoms: first, gram: zeros(op.Float64, K, K), cross: zeros(r.o.Precision, K, t), dead: zeros(op.Float64, 1, K)}, nil
}

// keep hands the state to the checkpoint, in the background once the state
// before is kept. kept waits for it.
func (r *run[F]) keep(ord *order, st *state) error {
	if r.o.Checkpoint == nil {
		return nil
	}
	if err := r.kept(); err != nil {
		return err
	}
	rng, err := ord.rng.MarshalBinary()
	if err != nil {
		return err
	}
	// the values of a pass are its own, and traces only grow
	values, s := [...]gorgonia.Value{st.atoms, st.gram, st.cross, st.dead}, savedState{Epoch: st.epoch, Order: rng, Trace: st.trace}
	r.keeping = make(chan error, 1)
	go func() { r.keeping <- save(r.o.Checkpoint, &s, values[:]) }()
	return nil
}

// kept waits for what is being kept, if anything, and gives its error.
func (r *run[F]) kept() error {
	if r.keeping == nil {
		return nil
	}
	err := <-r.keeping
	r.keeping = nil
	return err
}

// save hands s to the checkpoint, with the values of the atoms, A, B and the dead atoms.
func save(c Checkpoint, s *savedState, values []gorgonia.Value) error {
	for i, dst := range []*[]float64{&s.Atoms, &s.Gram, &s.Cross, &s.Dead} {
		x, err := op.FromValue(values[i])
		if err != nil {
			return err
		}
		*dst = x.Data
	}
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(s); err != nil {
		return err
	}
	return c.Save(buf.Bytes())
}

// restore is the reverse of keep.
func (r *run[F]) restore(ord *order, data []byte) (*state, error) {
	var s savedState
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil {
		return nil, fmt.Errorf("checkpoint of dictionary learning: %w", err)
	}
	K, t := r.o.Atoms, r.bank.t
	if s.Epoch < 0 || len(s.Atoms) != K*t || len(s.Gram) != K*K || len(s.Cross) != K*t || len(s.Dead) != K {
		return nil, fmt.Errorf("checkpoint of dictionary learning is not of %d atoms of %d values", K, t)
	}
	if err := ord.rng.UnmarshalBinary(s.Order); err != nil {
		return nil, fmt.Errorf("checkpoint of dictionary learning: %w", err)
	}
	value := func(data []float64, rows, cols int) op.Tensor {
		return op.Tensor{Dims: op.Dims{1, 1, rows, cols}, Data: data}
	}
	return &state{
		epoch: s.Epoch,
		atoms: op.ToValue(value(s.Atoms, K, t), r.o.Precision),
		gram:  op.ToValue(value(s.Gram, K, K), op.Float64),
		cross: op.ToValue(value(s.Cross, K, t), r.o.Precision),
		dead:  op.ToValue(value(s.Dead, 1, K), op.Float64),
		trace: s.Trace,
	}, nil
}
