package lm

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"voxen/engine"
)

// lesionCase is a lesion of a model by transformers: what is left of the last block, and of
// the surprisals of the tokens after the first.
type lesionCase struct {
	Model  string
	Units  [][3]any // layer, tap, unit
	Hidden [][]float64
	Bits   []float64
}

func (l lesionCase) columns() (list []Column) {
	for _, u := range l.Units {
		list = append(list, Column{int(u[0].(float64)), Tap(u[1].(string)), int(u[2].(float64))})
	}
	return list
}

func lesionCases(t *testing.T) (cases []lesionCase) {
	t.Helper()
	readJSON(t, filepath.Join(goldenModels, "lesion.json"), &cases)
	if len(cases) < 20 {
		t.Fatalf("%d lesions", len(cases))
	}
	return cases
}

// Units that are 0 while a model runs leave what transformers leaves with forward hooks, in
// both precisions, whether weights are held or streamed; a lesion of none is the model.
func TestLesionsMatchTransformers(t *testing.T) {
	for i, c := range lesionCases(t) {
		t.Run(fmt.Sprint(c.Model, i), func(t *testing.T) { compareLesion(t, machine(), c) })
	}
}

func compareLesion(t *testing.T, mach *engine.Machine, c lesionCase) {
	t.Helper()
	dir := filepath.Join(goldenModels, c.Model)
	m := openModel(t, dir)
	zero, err := m.Config.NewZero(c.columns())
	if err != nil {
		t.Fatal(err)
	}
	r := goldenReading(t, m, dir)
	last := m.Config.Layers - 1
	var want []float32
	for _, row := range c.Hidden {
		for _, x := range row {
			want = append(want, float32(x))
		}
	}
	for _, opt := range []Options{{}, {Float64: true}} {
		opt.Taps, opt.Layers, opt.Zero = []Tap{Hidden}, []int{last}, zero
		var held []float32
		for range 2 {
			sink := newMemorySink(r.Rows, m.Config.Hidden)
			stats, err := m.Extract(context.Background(), mach, r, opt, sink)
			if err != nil {
				t.Fatal(err)
			}
			if e := relative(sink.data, want); !(e < 5e-6) { // as models that are whole
				t.Errorf("float64 %v, streamed %v: relative error %.2g", opt.Float64, stats.Streamed, e)
			}
			if held != nil && !same(held, sink.data) {
				t.Error("streamed, other bits")
			}
			held, opt.Memory = sink.data, stats.Bytes-1
		}
	}
	if c.Bits == nil {
		return
	}
	bits := make([]float64, r.Rows)
	opt := Options{Taps: []Tap{Hidden}, Layers: []int{last}, Zero: zero, Surprisal: func(row int, b float64) { bits[row] = b }}
	if _, err := m.Extract(context.Background(), mach, r, opt, newMemorySink(r.Rows, m.Config.Hidden)); err != nil {
		t.Fatal(err)
	}
	for i, w := range c.Bits {
		if math.Abs(bits[i+1]-w) > 2e-5*(1+w) { // as of whole models
			t.Errorf("token %d: %g bits, want %g", i+1, bits[i+1], w)
		}
	}
}

func same(a, b []float32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// Lesions that are run together are those that are run alone, to the bit, held or streamed;
// what is read at a zeroed tap is 0 where it was zeroed.
func TestLesionsTogether(t *testing.T) {
	dir := filepath.Join(goldenModels, "gpt2")
	m := openModel(t, dir)
	r := goldenReading(t, m, dir)
	lesions := []*Zero{nil}
	for _, c := range lesionCases(t) {
		if c.Model == "gpt2" {
			z, err := m.Config.NewZero(c.columns())
			if err != nil {
				t.Fatal(err)
			}
			lesions = append(lesions, z)
		}
	}
	var alone [][]float64
	for _, z := range lesions {
		bits, _ := bitsOf(t, machine(), m, r, Options{Zero: z})
		alone = append(alone, bits)
	}
	memory := int64(0)
	for range 2 {
		tokens := 0
		opt := Options{Memory: memory, Progress: func(done, total int) { tokens = total }}
		stats, err := m.Surprisals(context.Background(), machine(), r, opt, lesions, func(lesion, row int, bits float64) {
			if want := alone[lesion][row]; bits != want && !(math.IsNaN(bits) && math.IsNaN(want)) {
				t.Errorf("lesion %d, row %d: %g bits, alone %g", lesion, row, bits, want)
			}
			alone[lesion][row] = bits
		})
		if err != nil || tokens != len(lesions)*r.Tokens() || stats.Streamed != (memory > 0) {
			t.Fatalf("%v: %d tokens, %+v", err, tokens, stats)
		}
		memory = stats.Bytes - 1
	}
	sink := newMemorySink(r.Rows, 2*m.Config.Hidden)
	zero, err := m.Config.NewZero([]Column{{1, FFNOut, 3}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Extract(context.Background(), machine(), r, Options{Zero: zero}, sink); err != nil {
		t.Fatal(err)
	}
	for at, v := range sink.data {
		if zeroed := at%(2*m.Config.Hidden) == m.Config.Hidden+3; zeroed != (v == 0) {
			t.Fatalf("row %d, column %d is %g", at/(2*m.Config.Hidden), at%(2*m.Config.Hidden), v)
		}
	}
}

func TestZeroRefuses(t *testing.T) {
	c := openModel(t, filepath.Join(goldenModels, "gpt2")).Config
	for want, columns := range map[string][]Column{
		`units of "attn.qk" cannot be 0`:              {{0, AttnQK, 0}},
		`units of "embed" cannot be 0`:                {{0, Embed, 0}},
		`units of "hidden.sae" cannot be 0`:           {{0, "hidden.sae", 0}},
		"layer 2, expected one of the model's 2":      {{2, FFNOut, 0}},
		"layer -1":                                    {{-1, FFNOut, 0}},
		"unit 24 of ffn.out, expected one of the":     {{0, FFNOut, 24}},
		"unit -1 of ffn.out":                          {{0, FFNOut, -1}},
		"unit 3 of ffn.out in layer 1 is there twice": {{1, FFNOut, 3}, {0, FFNOut, 3}, {1, FFNOut, 3}},
	} {
		if _, err := c.NewZero(columns); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

// A lesion of many units is made in time and memory in proportion to them: a bit for each that
// the tap has, for every layer that it is of.
func TestZeroOfManyUnits(t *testing.T) {
	c := *openModel(t, filepath.Join(goldenModels, "gpt2")).Config
	c.FFN = 1 << 18
	columns := make([]Column, c.FFN)
	for i := range columns {
		columns[i] = Column{1, FFNAct, i}
	}
	z, err := c.NewZero(columns[:c.FFN-1])
	if err != nil || z.Bytes() != int64(c.FFN/8) {
		t.Fatalf("%d bytes, want %d: %v", z.Bytes(), c.FFN/8, err)
	}
	if _, err := c.NewZero(append(columns, columns[c.FFN-1])); err == nil || !strings.Contains(err.Error(), "unit 262143 of ffn.act in layer 1 is there twice") {
		t.Error(err)
	}
}
