package brain

import "testing"

// Values that float32 would round beside their mean are read in float64: long types,
// and integers that an intercept moves away from 0.
func TestWide(t *testing.T) {
	for _, c := range []struct {
		d    Datatype
		s    scaling
		want bool
	}{
		{Float32, scaling{1, 0, false}, false}, {Int16, scaling{1, 0, false}, false}, {Uint8, scaling{0.5, 0, true}, false},
		{Float64, scaling{1, 0, false}, true}, {Int32, scaling{1, 0, false}, true}, {Uint64, scaling{1, 0, false}, true},
		{Int16, scaling{0.001, 1e6, true}, true},
	} {
		if got := c.s.wide(c.d); got != c.want {
			t.Errorf("%v with %+v: %v, want %v", c.d, c.s, got, c.want)
		}
		narrow := &stored{rows: 2, cols: 1, datatype: Float32}
		j, err := Join(&surfaceData{stored: *narrow}, &surfaceData{stored: stored{rows: 2, cols: 1, datatype: c.d, scale: c.s}})
		if err != nil || j.Wide() != c.want {
			t.Errorf("joined with %v: %v, %v", c.d, j.Wide(), err)
		}
	}
}
