package lm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/store"
)

// layerBuffer is the weights of one layer in one block of device memory.
type layerBuffer struct {
	weights []weight
	arrays  []engine.Resident // of each weight
	buf     engine.Buffer     // nil without weights
}

// newLayerBuffer allocates memory for weights; all layers of a model have the
// same shapes, so the block of one serves another.
func newLayerBuffer(be engine.Backend, ws []weight, dtype tensor.Dtype) (*layerBuffer, error) {
	l := &layerBuffer{weights: ws}
	at := int64(0)
	for _, w := range ws {
		t := op.Type{Dtype: dtype, Dims: w.dims()}
		l.arrays = append(l.arrays, engine.Resident{Type: t, Offset: int(at)})
		at += roundUp(int64(t.Bytes()))
	}
	if at == 0 {
		return l, nil
	}
	var err error
	if l.buf, err = be.Alloc(int(at)); err != nil {
		return nil, err
	}
	for i := range l.arrays {
		l.arrays[i].Buf = l.buf
	}
	return l, nil
}

// loadWeights reads the tensors of l.weights into its memory.
func loadWeights[F float32 | float64](ctx context.Context, m *tensors, s *engine.Session, l *layerBuffer) error {
	for i, w := range l.weights {
		if err := loadWeight[F](ctx, m, s, w, l.arrays[i]); err != nil {
			return err
		}
	}
	return nil
}

// loadWeight reads the tensors of one weight, and refuses one that holds a number
// which is not finite.
func loadWeight[F float32 | float64](ctx context.Context, m *tensors, s *engine.Session, w weight, to engine.Resident) error {
	parts := make([]store.Array, len(w.parts))
	for k, p := range w.parts {
		a, err := m.tensor(p.tensor)
		if err != nil {
			return err
		}
		parts[k] = a.AsRow()
	}
	err := engine.Fill(ctx, s, to, func(lo, hi int, dst []F) error {
		return w.read(ctx, lo, hi, func(k, from, to, at int) error {
			piece := dst[at-lo : at-lo+to-from]
			read := readParallel[F]
			if w.norms > 0 {
				read = readNorms[F](w.norms)
			}
			if err := read(ctx, parts[k], from, to, piece); err != nil {
				return fmt.Errorf("tensor %s: %w", m.fullName(w.parts[k].tensor), err)
			}
			if w.plus != 0 {
				for i := range piece {
					piece[i] += F(w.plus)
				}
			}
			return nil
		})
	})
	var bad notFinite
	switch {
	case errors.As(err, &bad):
		return badf(m.dir, "%v", err)
	case err != nil:
		return fmt.Errorf("weights: %w", err)
	}
	return nil
}

// notFinite is a number that no arithmetic leads back from.
type notFinite float64

func (n notFinite) Error() string { return fmt.Sprintf("holds %v, want finite numbers", float64(n)) }

// finite returns the first element that is not finite as an error.
func finite[F float32 | float64](x []F) error {
	for _, v := range x {
		if v-v != 0 {
			return notFinite(v)
		}
	}
	return nil
}

// read calls f for the stretches of the parts that make up elements [lo, hi) of
// the weight: elements [from, to) of a part's tensor go to element at.
func (w weight) read(ctx context.Context, lo, hi int, f func(part, from, to, at int) error) error {
	base := 0
	for k, p := range w.parts {
		n := p.rows * w.cols
		from, to := max(lo-base, 0), min(hi-base, n)
		if from < to {
			if err := ctx.Err(); err != nil {
				return err
			}
			skip := p.from * w.cols
			if err := f(k, from+skip, to+skip, base+from); err != nil {
				return err
			}
		}
		base += n
	}
	return nil
}

// readElements reads elements [lo, hi) of a tensor seen as one row.
func readElements[F float32 | float64](ctx context.Context, a store.Array, lo, hi int, dst []F) error {
	switch dst := any(dst).(type) {
	case []float32:
		return a.ReadFloat32(ctx, lo, hi, dst, hi-lo)
	case []float64:
		return a.ReadFloat64(ctx, lo, hi, dst, hi-lo)
	}
	return nil
}

// readParallel is readElements by several goroutines, which look for what is not
// finite: widening bfloat16 on one core is slower than most disks.
func readParallel[F float32 | float64](ctx context.Context, a store.Array, lo, hi int, dst []F) error {
	return inPieces(lo, hi, 1<<20, func(at, end int) error {
		piece := dst[at-lo : end-lo]
		if err := readElements(ctx, a, at, end, piece); err != nil {
			return err
		}
		return finite(piece)
	})
}

// readNorms reads the norms of rows [lo, hi) of a tensor seen as one row, of width elements
// each, summed in float64.
func readNorms[F float32 | float64](width int) func(ctx context.Context, a store.Array, lo, hi int, dst []F) error {
	return func(ctx context.Context, a store.Array, lo, hi int, dst []F) error {
		return inPieces(lo, hi, max(1, 1<<18/width), func(at, end int) error {
			rows := make([]float64, (end-at)*width)
			if err := readElements(ctx, a, at*width, end*width, rows); err != nil {
				return err
			}
			if err := finite(rows); err != nil {
				return err
			}
			for r := range end - at {
				dst[at-lo+r] = F(floats.Norm(rows[r*width:(r+1)*width], 2))
			}
			return nil
		})
	}
}

// inPieces calls f for the pieces of [lo, hi) from several goroutines.
func inPieces(lo, hi, piece int, f func(lo, hi int) error) error {
	const readers = 4
	var wg sync.WaitGroup
	errs := make([]error, readers)
	for r := range readers {
		wg.Go(func() {
			for at := lo + r*piece; at < hi && errs[r] == nil; at += readers * piece {
				errs[r] = f(at, min(at+piece, hi))
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
