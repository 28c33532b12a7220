package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/conform"
)

// OpResult is the time of one operation at one shape.
type OpResult struct {
	Op        string   `json:"op"`
	Precision string   `json:"precision"`
	Shapes    []string `json:"shapes"` // of the operands
	Large     bool     `json:"large"`  // a shape of the main jobs
	Seconds   float64  `json:"seconds"`
	Flops     float64  `json:"flops"` // of one call; 0 where data decide them
	Bytes     float64  `json:"bytes"`
	// Share is the part reached of what the peak allows the operation: its flops at
	// the peak rate or its bytes at the bandwidth, whichever takes longer. Above 1 an
	// operation's data stay in the caches between calls.
	Share float64 `json:"share"`
}

// Ops times every operation of the conformance lists on a backend: the awkward
// shapes, whose time is that of a call, and those of the main jobs. Each is timed
// for about d, the median of five rounds. Progress, if any, is called with cases
// done and in all.
func Ops(ctx context.Context, be engine.Backend, peak Peak, d time.Duration, progress func(done, total int)) ([]OpResult, error) {
	small, large := conform.Cases(), conform.Large(conform.Mission(be.Panels()))
	var results []OpResult
	for i, c := range append(small, large...) {
		isLarge := i >= len(small)
		for _, p := range c.Precisions() {
			if err := ctx.Err(); err != nil {
				return nil, context.Cause(ctx)
			}
			span := d
			if !isLarge {
				span = d / 20
			}
			r, err := TimeOp(ctx, be, peak, c, p, span)
			if err != nil {
				return nil, err
			}
			r.Large = isLarge
			results = append(results, r)
		}
		if progress != nil {
			progress(i+1, len(small)+len(large))
		}
	}
	return results, nil
}

// TimeOp times one case in one precision for about d, the median of five rounds.
func TimeOp(ctx context.Context, be engine.Backend, peak Peak, c conform.Case, p tensor.Dtype, d time.Duration) (OpResult, error) {
	r, err := timeCase(ctx, be, c, p, d)
	if err != nil {
		return r, fmt.Errorf("%s in %v: %w", c.Name(), p, err)
	}
	r.Share = peak.Share(Work{r.Flops, r.Bytes}, p == op.Float64, r.Seconds)
	return r, nil
}

// Share is the part reached of what the peak allows.
func (p Peak) Share(w Work, double bool, seconds float64) float64 {
	rate := p.Float32
	if double {
		rate = p.Float64
	}
	if seconds == 0 || rate == 0 || p.Bandwidth == 0 {
		return 0
	}
	return max(w.Flops/rate, w.Bytes/p.Bandwidth) / seconds
}

// resident is a case whose operands and result stay on the device.
type resident struct {
	session *engine.Session
	in, out map[*gorgonia.Node]engine.Resident
	buffers []engine.Buffer
}

// timeCase times one case in one precision.
func timeCase(ctx context.Context, be engine.Backend, c conform.Case, p tensor.Dtype, d time.Duration) (OpResult, error) {
	r := OpResult{Op: op.Name(c.Spec), Precision: p.String()}
	pr, err := c.Build(p, 1)
	if err != nil {
		return r, err
	}
	var types []op.Type
	for _, o := range c.In {
		t := op.Type{Dtype: p, Dims: o.Dims}
		if o.Dtype != nil {
			t.Dtype = *o.Dtype
		}
		types = append(types, t)
		r.Shapes = append(r.Shapes, o.Dims.String())
	}
	res, err := place(ctx, be, pr)
	defer res.free()
	if err != nil {
		return r, err
	}
	out, err := c.Spec.Infer(types...)
	if err != nil {
		return r, err
	}
	w := WorkOf(c.Spec, out, types)
	r.Flops, r.Bytes = w.Flops, w.Bytes
	r.Seconds, err = res.time(ctx, d)
	return r, err
}

// place puts the operands of a problem on the device, and makes room for its result.
func place(ctx context.Context, be engine.Backend, pr conform.Problem) (*resident, error) {
	r := &resident{in: map[*gorgonia.Node]engine.Resident{}, out: map[*gorgonia.Node]engine.Resident{}}
	var err error
	if r.session, err = engine.NewMachine(be).NewSession(); err != nil {
		return r, err
	}
	for i, n := range pr.Inputs {
		if r.in[n], err = r.array(be, op.TypeOf(n)); err != nil {
			return r, err
		}
		switch data := pr.Values[i].Data().(type) {
		case []float32:
			err = fill(ctx, r.session, r.in[n], data)
		case []float64:
			err = fill(ctx, r.session, r.in[n], data)
		case float32:
			err = fill(ctx, r.session, r.in[n], []float32{data})
		case float64:
			err = fill(ctx, r.session, r.in[n], []float64{data})
		}
		if err != nil {
			return r, err
		}
	}
	if pr.Out != nil {
		r.out[pr.Out], err = r.array(be, op.TypeOf(pr.Out))
	}
	return r, err
}

func (r *resident) array(be engine.Backend, t op.Type) (engine.Resident, error) {
	buf, err := be.Alloc(t.Bytes())
	if err != nil {
		return engine.Resident{}, err
	}
	r.buffers = append(r.buffers, buf)
	return engine.Resident{Type: t, Buf: buf}, nil
}

func fill[F float32 | float64](ctx context.Context, s *engine.Session, r engine.Resident, data []F) error {
	return engine.Fill(ctx, s, r, func(lo, hi int, dst []F) error {
		copy(dst, data[lo:hi])
		return nil
	})
}

func (r *resident) free() {
	if r.session != nil {
		r.session.Close()
	}
	for _, b := range r.buffers {
		b.Free()
	}
}

// time is the median over five rounds of the seconds per call, all rounds
// together taking about d.
func (r *resident) time(ctx context.Context, d time.Duration) (float64, error) {
	const rounds = 5
	calls := 1
	var times []float64
	for len(times) < rounds {
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		start := time.Now()
		for range calls {
			if err := r.session.Run(r.in, r.out); err != nil {
				return 0, err
			}
		}
		if err := r.session.Wait(); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if took < d/rounds/2 && calls < 1<<20 && len(times) == 0 { // the first, cold calls find how many make a round
			calls *= 2
			continue
		}
		times = append(times, took.Seconds()/float64(calls))
	}
	slices.Sort(times)
	return times[rounds/2], nil
}
