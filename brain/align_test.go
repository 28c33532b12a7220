package brain

import (
	"context"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"voxen/engine/tile"
	"voxen/store"
)

var _ tile.Source = (*Aligned)(nil)

// matrix is a Source in memory.
type matrix struct {
	rows, cols int
	data       []float64
}

// row copies a row.
func (m matrix) row(_ context.Context, r int, dst []float64) error {
	copy(dst, m.data[r*m.cols:(r+1)*m.cols])
	return nil
}

func (m matrix) Rows() int { return m.rows }
func (m matrix) Cols() int { return m.cols }
func (m matrix) ReadFloat64(_ context.Context, lo, hi int, dst []float64, stride int) error {
	for t := range m.rows {
		copy(dst[t*stride:], m.data[t*m.cols+lo:t*m.cols+hi])
	}
	return nil
}
func (m matrix) ReadFloat32(_ context.Context, lo, hi int, dst []float32, stride int) error {
	for t := range m.rows {
		for v := lo; v < hi; v++ {
			dst[t*stride+v-lo] = float32(m.data[t*m.cols+v])
		}
	}
	return nil
}

func alice(t *testing.T) Words {
	t.Helper()
	words, err := disk.Words("../testdata/alice/words.tsv", WordColumns{})
	if err != nil {
		t.Fatal(err)
	}
	return words
}

// The reference is numpy by the definitions, on the real table.
func TestAlignAsNumpy(t *testing.T) {
	var g struct {
		Cases []struct {
			Within, HRF, Post string
			Start, TR         float64
			Volumes, Empty    int
			OutOfRange        int `json:"out_of_range"`
			Rate              []float64
			S                 [][]float64
		}
	}
	readGolden(t, "align.json", &g)
	words := alice(t)
	const copies = 200 // of the three columns, so that there are several panels
	src := matrix{rows: len(words), cols: 3 * copies}
	for w := range words {
		for c := range src.cols {
			src.data = append(src.data, math.Sin(0.1*float64(c%3+1)*float64(w))+float64(c%3))
		}
	}
	for _, c := range g.Cases {
		name := c.Within + " " + c.HRF + " " + c.Post
		opt := AlignOptions{TR: c.TR, Volumes: c.Volumes, Start: c.Start, Within: Within(c.Within), HRF: mustHRF(t, c.HRF), Standardize: c.Post == "zscore"}
		if c.Post != "" && c.Post != "zscore" {
			var err error
			if opt.Trend, err = ParseTrend(c.Post); err != nil {
				t.Fatal(err)
			}
		}
		a, err := NewAlignment(words, opt)
		if err != nil {
			t.Fatal(err)
		}
		if a.OutOfRange != c.OutOfRange || a.Empty != c.Empty {
			t.Errorf("%s: %d words out of range, %d volumes empty; want %d, %d", name, a.OutOfRange, a.Empty, c.OutOfRange, c.Empty)
		}
		// Sums of some ten values near 1, and weights good to 1e-14.
		if d := maxAbs(a.WordRate()[:len(c.Rate)], c.Rate); !(d <= 1e-11) {
			t.Errorf("%s: word rate differs by %g", name, d)
		}
		aligned, err := a.Source(src)
		if err != nil {
			t.Fatal(err)
		}
		if aligned.Rows() != c.Volumes || aligned.Cols() != src.cols {
			t.Fatalf("%s: %d x %d", name, aligned.Rows(), aligned.Cols())
		}
		const lo, hi, stride = 2, 3*copies - 1, 3 * copies
		got, single := make([]float64, c.Volumes*stride), make([]float32, c.Volumes*stride)
		if err := aligned.ReadFloat64(ctx, lo, hi, got, stride); err != nil {
			t.Fatal(err)
		}
		if err := aligned.ReadFloat32(ctx, lo, hi, single, stride); err != nil {
			t.Fatal(err)
		}
		first := c.Volumes - len(c.S)
		for r, want := range c.S {
			for v := lo; v < hi; v++ {
				x := got[(first+r)*stride+v-lo]
				if math.Abs(x-want[v%3]) > 1e-11 {
					t.Fatalf("%s: volume %d column %d is %g, want %g", name, first+r, v, x, want[v%3])
				}
				if single[(first+r)*stride+v-lo] != float32(x) {
					t.Fatalf("%s: float32 is not the float64 value rounded", name)
				}
			}
		}
	}
}

// The shipped responses per TR are zero exactly where no word starts.
func TestAlignEmptyVolumes(t *testing.T) {
	a, err := NewAlignment(alice(t), AlignOptions{TR: 2, Volumes: 372})
	if err != nil {
		t.Fatal(err)
	}
	data, shape, err := store.LoadFloat32(ctx, store.OS{}, "../testdata/alice/minilm_neurons_tr.npy")
	if err != nil {
		t.Fatal(err)
	}
	for r, rate := range a.WordRate() {
		if (rate == 0) != (data[r*shape[1]] == 0) {
			t.Errorf("volume %d has %g words and response %g", r, rate, data[r*shape[1]])
		}
	}
}

// Borders are those of the decimals that were written: a word at start + t tr lies in
// volume t, one a hair before it in the volume before, whatever sums and quotients
// round to.
func TestVolumeInDecimals(t *testing.T) {
	for _, c := range []struct{ start, tr string }{
		{"0", "0.8"}, {"0", "1.1"}, {"0", "2.2"}, {"0", "0.72"}, {"0.3", "0.1"}, {"-3.3", "1.49"}, {"12.05", "2.000001"}, {"1e3", "0.7"}, {"0", "2"},
	} {
		exact := func(s string) *big.Rat { r, _ := new(big.Rat).SetString(s); return r }
		number := func(s string) float64 { x, _ := strconv.ParseFloat(s, 64); return x }
		clock := newClock(number(c.start), number(c.tr), 3000)
		for v := range 3000 {
			border := exact(c.tr)
			border.Mul(border, big.NewRat(int64(v), 1)).Add(border, exact(c.start))
			for _, step := range []struct {
				by   string
				want int
			}{{"0", v}, {"1e-9", v}, {"-1e-9", v - 1}, {"-0.001", v - 1}} {
				at := new(big.Rat).Add(border, exact(step.by))
				if got := clock.volume(number(at.FloatString(9))); got != step.want {
					t.Fatalf("start %s, TR %s: %s lies in volume %d, want %d", c.start, c.tr, at.FloatString(9), got, step.want)
				}
			}
		}
		for x, want := range map[float64]int{1e300: 3000, -1e300: -1, number(c.start) - 1e-9: -1, number(c.start) + 3001*number(c.tr): 3000} {
			if got := clock.volume(x); got != want {
				t.Errorf("start %s, TR %s: %g lies in volume %d, want %d", c.start, c.tr, x, got, want)
			}
		}
	}
}

// Numbers of single precision are read as the decimals that were meant, others stay.
func TestMeant(t *testing.T) {
	for _, c := range []struct{ x, within, want float64 }{
		{float64(float32(0.8)), 0, 0.8}, {0.800000012, 0, 0.800000012}, {0.800000012, writtenOut, 0.8}, {float64(float32(-2.4)), 0, -2.4},
		{0.8, writtenOut, 0.8}, {2, writtenOut, 2}, {0, writtenOut, 0}, {1234.5678, writtenOut, 1234.5678}, {0.72000001, writtenOut, 0.72000001},
		{1e300, writtenOut, 1e300}, {20.63677681, 0, 20.63677681},
	} {
		if got := meant(c.x, c.within); got != c.want {
			t.Errorf("%v within %g is taken as %v, want %v", c.x, c.within, got, c.want)
		}
	}
}

func TestStandardizeConstant(t *testing.T) {
	words := Words{{"a", 0, 1, true}, {"b", 2, 3, true}, {"c", 4, 5, true}}
	src := matrix{3, 2, []float64{5, 1, 5, 2, 5, 4}}
	a, err := NewAlignment(words, AlignOptions{TR: 2, Volumes: 3, Trend: Trend{Kind: "linear"}, Standardize: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.Source(src)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 6)
	if err := s.ReadFloat64(ctx, 0, 2, out, 2); err != nil {
		t.Fatal(err)
	}
	for r := range 3 {
		if out[2*r] != 0 || math.Abs(math.Abs(out[2*r+1])-[]float64{math.Sqrt(0.5), math.Sqrt2, math.Sqrt(0.5)}[r]) > 1e-12 {
			t.Errorf("row %d is %v", r, out[2*r:2*r+2])
		}
	}
}

// What is left of a column after trends counts as rounding up to 1e-12 of its largest
// value before, and as its course above.
func TestStandardizeTolerance(t *testing.T) {
	const rows = 6
	for _, c := range []struct {
		sd   float64 // relative to the largest value
		zero bool
	}{{0, true}, {1e-15, true}, {0.9e-12, true}, {1.1e-12, false}, {1e-9, false}, {1, false}} {
		x, largest := make([]float64, rows), 1000.0
		for i := range x {
			x[i] = 1000 * c.sd * float64(1-2*(i%2))
		}
		standardize(x, rows, 1, 1, []float64{largest})
		for i, got := range x {
			want := float64(1 - 2*(i%2))
			if c.zero {
				want = 0
			}
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("relative SD %g: row %d is %g, want %g", c.sd, i, got, want)
			}
		}
	}
}

// Words that go back are refused by their row, up to a second they are not; times that
// are probably wrong are said.
func TestAlignTimes(t *testing.T) {
	word := func(onsets ...float64) (w Words) {
		for _, o := range onsets {
			w = append(w, Word{"w", o, o, true})
		}
		return w
	}
	for _, c := range []struct {
		words Words
		opt   AlignOptions
		err   string
		warn  []string
	}{
		{word(0, 2, 1, 3), AlignOptions{TR: 2, Volumes: 2}, "", nil},
		{word(0, 2, 0.99, 3), AlignOptions{TR: 2, Volumes: 2}, "row 3", nil},
		{word(0, 2, 1.5, 0.9, 3), AlignOptions{TR: 2, Volumes: 2}, "row 4", nil},
		{word(0, 1, 2, 3), AlignOptions{TR: 20, Volumes: 2}, "", nil},
		{word(0, 1, 2, 3), AlignOptions{TR: 20.5, Volumes: 2}, "", []string{"TR of 20.5 s"}},
		{word(0, 1, 2, 3, 4, 5, 6, 7, 8, 10), AlignOptions{TR: 2, Volumes: 5}, "", nil},
		{word(-1, 1, 2, 3, 4, 5, 6, 7, 8, 10), AlignOptions{TR: 2, Volumes: 5}, "", []string{"2 of 10 words begin outside the volumes, which last from 0 to 10 s"}},
		{word(-1, 1, 2, 3, 4, 5, 6, 7, 8, 10), AlignOptions{TR: 2000, Volumes: 5, Start: 1}, "", []string{"TR of 2000 s", "1 of 10"}[:1]},
	} {
		a, err := NewAlignment(c.words, c.opt)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "onsets go back") {
				t.Errorf("%v: error is %v, want %q", c.words, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Warnings) != len(c.warn) {
			t.Errorf("%+v: warnings %q, want %q", c.opt, a.Warnings, c.warn)
			continue
		}
		for i, want := range c.warn {
			if !strings.Contains(a.Warnings[i], want) {
				t.Errorf("warning %q, want %q", a.Warnings[i], want)
			}
		}
	}
}

// Lanczos leaves out the words that no volume weighs, which is what a change of their
// responses shows.
func TestLanczosLeftOut(t *testing.T) {
	var words Words
	for i := range 40 {
		words = append(words, Word{"w", float64(i), float64(i), true})
	}
	a, err := NewAlignment(words, AlignOptions{TR: 2, Volumes: 5, Start: 14, Within: Lanczos})
	if err != nil {
		t.Fatal(err)
	}
	counts := 0
	for w := range words {
		src := matrix{rows: len(words), cols: 1, data: make([]float64, len(words))}
		src.data[w] = 1
		s, err := a.Source(src)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 5)
		if err := s.ReadFloat64(ctx, 0, 1, out, 1); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(out, func(x float64) bool { return x != 0 }) {
			counts++
		}
	}
	if a.OutOfRange != len(words)-counts || counts <= 10 {
		t.Errorf("%d words are left out, but %d of %d count", a.OutOfRange, counts, len(words))
	}
}

// Responses that are not finite are refused by row and column: they would spread.
func TestAlignNotFinite(t *testing.T) {
	words := Words{{"a", 0, 1, true}, {"b", 2, 3, true}}
	a, err := NewAlignment(words, AlignOptions{TR: 2, Volumes: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		s, err := a.Source(matrix{2, 3, []float64{1, 2, 3, 4, bad, 6}})
		if err != nil {
			t.Fatal(err)
		}
		err = s.ReadFloat64(ctx, 1, 3, make([]float64, 4), 2)
		if !store.IsInput(err) || !strings.Contains(err.Error(), "row 1, column 1") {
			t.Errorf("%g: error is %v", bad, err)
		}
	}
}

func TestAlignRefuses(t *testing.T) {
	words := Words{{"a", 0, 1, true}}
	for name, opt := range map[string]AlignOptions{
		"no TR":      {Volumes: 3},
		"TR is NaN":  {TR: math.NaN(), Volumes: 3},
		"no volumes": {TR: 2},
		"start":      {TR: 2, Volumes: 3, Start: math.Inf(1)},
		"within":     {TR: 2, Volumes: 3, Within: "median"},
	} {
		if _, err := NewAlignment(words, opt); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	a, err := NewAlignment(words, AlignOptions{TR: 2, Volumes: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Source(matrix{2, 1, []float64{1, 2}}); err == nil {
		t.Error("two rows for one word are accepted")
	}
	s, err := a.Source(matrix{1, 2, []float64{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadFloat64(ctx, 0, 3, make([]float64, 9), 3); err == nil {
		t.Error("columns beyond the last are accepted")
	}
	if err := s.ReadFloat64(ctx, 0, 2, make([]float64, 5), 2); err == nil {
		t.Error("too little room is accepted")
	}
}

// A blank row has a share in the responses of its volume and is no word of it.
func TestWordRateWithoutBlankRows(t *testing.T) {
	words := Words{{"a", 0.1, 0.2, true}, {" \u00a0", 0.2, 0.3, true}, {"\u200b", 1.5, 1.6, true}}
	a, err := NewAlignment(words, AlignOptions{TR: 1, Volumes: 2, HRF: mustHRF(t, "none")})
	if err != nil {
		t.Fatal(err)
	}
	if got := a.WordRate(); !slices.Equal(got, []float64{1, 0}) || a.Words() != 3 || a.Empty != 0 {
		t.Errorf("%v words of %d rows, %d volumes empty", got, a.Words(), a.Empty)
	}
}
