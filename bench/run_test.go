package bench

import (
	"bytes"
	"context"
	"image/png"
	"strings"
	"testing"
	"time"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/internal/conform"
)

// The work of products is that of their formulas, and every operation that is
// listed moves bytes.
func TestWork(t *testing.T) {
	f32 := func(b, m, r, c int) op.Type { return op.Type{Dtype: op.Float32, Dims: op.Dims{b, m, r, c}} }
	for _, c := range []struct {
		spec         op.Spec
		in           []op.Type
		flops, bytes float64
	}{
		{op.MatMul{}, []op.Type{f32(1, 1, 2, 3), f32(1, 1, 3, 4)}, 2 * 2 * 3 * 4, 4 * (6 + 12 + 8)},
		{op.MatMul{TransA: true}, []op.Type{f32(1, 1, 3, 2), f32(5, 1, 3, 4), f32(1, 1, 2, 4)}, 5 * (2*2*3*4 + 8), 4 * (6 + 60 + 8 + 40)},
		{op.FoldCross{Borders: op.Borders{0, 3, 7}}, []op.Type{f32(1, 1, 7, 2), f32(3, 1, 7, 5)}, 2 * 3 * 7 * 2 * 5, 4 * (14 + 105 + 3*2*2*5)},
		{op.PathGram{Alphas: []float64{1, 2}}, []op.Type{f32(1, 3, 4, 5), f32(1, 3, 4, 5), f32(1, 3, 4, 4), f32(1, 3, 1, 4), f32(1, 3, 1, 4)},
			5 * 2 * 3 * (16 + 24), 4 * (60 + 60 + 48 + 12 + 12 + 3*6*5)},
		{op.ColumnShift{}, []op.Type{f32(1, 1, 4, 5)}, 20, 4 * (20 + 5)},
	} {
		out, err := c.spec.Infer(c.in...)
		if err != nil {
			t.Fatal(err)
		}
		if w := WorkOf(c.spec, out, c.in); w != (Work{c.flops, c.bytes}) {
			t.Errorf("%s of %v: %+v, want %g flops and %g bytes", op.Name(c.spec), c.in, w, c.flops, c.bytes)
		}
	}
}

// Two rates of 100 flop/s and 10 byte/s: the slower one decides.
func TestShare(t *testing.T) {
	p := Peak{Float32: 100, Float64: 50, Bandwidth: 10}
	for _, c := range []struct {
		w      Work
		double bool
		want   float64
	}{{Work{100, 1}, false, 0.5}, {Work{100, 1}, true, 1}, {Work{1, 15}, false, 0.75}} {
		if got := p.Share(c.w, c.double, 2); got != c.want {
			t.Errorf("%+v in 2 s reaches %g, want %g", c.w, got, c.want)
		}
	}
}

// A whole report, of small jobs: every listed operation is in it once per
// precision, and its text and plots can be made.
func TestRun(t *testing.T) {
	be := cpu.New(1)
	ctx := context.Background()
	peak := Peak{Threads: 1, Float32: 1e11, Float64: 5e10, Bandwidth: 1e10}
	o := Options{Only: []string{PartRidge, PartLearn}, Ridge: RidgeSize{60, 5, 300, 3, 4}, Dict: DictSize{40, 200, 8, 2}}
	o.defaults()
	b := BackendReport{Device: be.Device(), Peak: peak}
	for _, c := range conform.Cases()[:40] {
		for _, p := range c.Precisions() {
			r, err := timeCase(ctx, be, c, p, time.Microsecond)
			if err != nil {
				t.Fatalf("%s: %v", c.Name(), err)
			}
			if !(r.Seconds > 0) || r.Bytes == 0 || len(r.Shapes) != len(c.In) {
				t.Errorf("%s: %+v", c.Name(), r)
			}
			r.Large = true
			b.Ops = append(b.Ops, r)
		}
	}
	b.Ops[0].Large = false
	ridge, err := Ridge(ctx, be, peak, o.Ridge)
	if err != nil {
		t.Fatal(err)
	}
	learn, err := Learn(ctx, be, o.Dict)
	if err != nil {
		t.Fatal(err)
	}
	b.Jobs = []JobResult{ridge, learn}
	if !(ridge.Rate > 0) || !(ridge.Flops > 0) || len(ridge.Stages) == 0 || !(learn.Objective > 0) || !(learn.Rate > 0) {
		t.Errorf("jobs: %+v", b.Jobs)
	}
	report := &Report{Backends: []BackendReport{b}}
	var text, picture bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"peak: 100 GFLOP/s", "FoldCross", "ridge, T=60", "objective"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &text)
		}
	}
	if err := b.Roofline(&picture); err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(&picture); err != nil || img.Bounds().Dx() < 500 {
		t.Errorf("roofline: %v", err)
	}
}
