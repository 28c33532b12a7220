package bench

import (
	"testing"
	"time"
)

// The figures of a peak hold together. Only orders of magnitude are certain on a
// machine that others use too.
func TestPeak(t *testing.T) {
	p := MeasurePeak(1, 20*time.Millisecond)
	t.Logf("%.3g and %.3g flop/s, read %.3g and copy %.3g byte/s", p.Float32, p.Float64, p.Read, p.Copy)
	for name, x := range map[string]float64{"float32": p.Float32, "float64": p.Float64, "read": p.Read, "copy": p.Copy} {
		if !(x > 1e7) || x > 1e14 {
			t.Errorf("%s is %g per second", name, x)
		}
	}
	if p.Bandwidth < p.Read || p.Bandwidth < p.Copy {
		t.Errorf("bandwidth %g is below read %g or copy %g", p.Bandwidth, p.Read, p.Copy)
	}
	if ratio := p.Float32 / p.Float64; ratio < 0.5 || ratio > 8 {
		t.Errorf("float32 does %g times the operations of float64", ratio)
	}
}

// rate counts what all threads did.
func TestRate(t *testing.T) {
	got := rate(2, 50*time.Millisecond, func(int) int { time.Sleep(5 * time.Millisecond); return 1 })
	if got > 400 || got < 40 {
		t.Errorf("two threads doing one thing in 5 ms each: %g per second, want about 400", got)
	}
}
