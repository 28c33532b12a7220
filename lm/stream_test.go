package lm

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"voxen/engine"
)

// readingOf makes windows of the given numbers of tokens, every token a row.
func readingOf(m *Model, lengths ...int) *Reading {
	r := &Reading{}
	for k, n := range lengths {
		w := Window{Lo: r.Rows, Hi: r.Rows + n}
		for i := range n {
			w.IDs = append(w.IDs, (7*k+5*i)%m.Config.Vocab)
			w.Spans, w.Rows = append(w.Spans, Span{i, i + 1}), append(w.Rows, r.Rows+i)
		}
		r.Rows += n
		r.Windows = append(r.Windows, w)
	}
	return r
}

// A model that does not fit the budget gives the bits of one that does, in
// groups of windows of every size that the budget allows.
func TestStreamedIsResident(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"bert-prefix-bf16", "llama-biases", "llama-dynamic-old", "gpt2", "roberta"} {
		m := openModel(t, filepath.Join(goldenModels, name))
		r := readingOf(m, 9, 14, 1, 14, 3)
		cols := len(m.Config.Columns([]Tap{Hidden, AttnQK}, []int{1}))
		for _, wide := range []bool{false, true} {
			opt := Options{Taps: []Tap{Hidden, AttnQK}, Layers: []int{1}, Float64: wide}
			want := newMemorySink(r.Rows, cols)
			whole, err := m.Extract(ctx, machine(), r, opt, want)
			if err != nil || whole.Streamed {
				t.Fatalf("%s: without a bound: %+v, %v", name, whole, err)
			}
			opt.Memory = 1
			var over *engine.OverBudget
			if _, err := m.Extract(ctx, machine(), r, opt, want); !errors.As(err, &over) {
				t.Fatalf("%s: in one byte: %v", name, err)
			}
			for opt.Memory = over.Need; opt.Memory < whole.Bytes; opt.Memory += (whole.Bytes-over.Need)/5 + 1 {
				got := newMemorySink(r.Rows, cols)
				stats, err := m.Extract(ctx, machine(), r, opt, got)
				if err != nil || !stats.Streamed || stats.Bytes > opt.Memory {
					t.Errorf("%s: in %d bytes: %+v, %v", name, opt.Memory, stats, err)
				}
				if !slices.Equal(got.data, want.data) {
					t.Errorf("%s float64=%v: streamed through %d bytes the responses differ", name, wide, opt.Memory)
				}
			}
		}
	}
}

// doneRows is a checkpoint that knows rows.
type doneRows struct {
	done     map[int]bool
	finished [][2]int
}

func (d *doneRows) Done(lo, hi int) bool {
	for r := lo; r < hi; r++ {
		if !d.done[r] {
			return false
		}
	}
	return true
}

func (d *doneRows) Finish(lo, hi int) error {
	d.finished = append(d.finished, [2]int{lo, hi})
	return nil
}

// Windows whose rows are done are not read again, and progress counts tokens up
// to the number that is left.
func TestCheckpoint(t *testing.T) {
	m := openModel(t, filepath.Join(goldenModels, "llama3-gqa"))
	r := readingOf(m, 5, 6, 7)
	d := &doneRows{done: map[int]bool{5: true, 6: true, 7: true, 8: true, 9: true, 10: true}}
	var steps []int
	opt := Options{Checkpoint: d, Progress: func(done, total int) {
		if total != 12 {
			t.Errorf("progress of %d tokens, want 12", total)
		}
		steps = append(steps, done)
	}}
	sink := newMemorySink(r.Rows, len(m.Config.Columns([]Tap{FFNOut}, []int{0, 1})))
	stats, err := m.Extract(context.Background(), machine(), r, opt, sink)
	if err != nil || stats.Windows != 2 || stats.Tokens != 12 {
		t.Errorf("%+v, %v", stats, err)
	}
	if !slices.Equal(sink.rows, []int{0, 1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 17}) || !slices.Equal(d.finished, [][2]int{{0, 5}, {11, 18}}) {
		t.Errorf("rows %v, finished %v", sink.rows, d.finished)
	}
	if !slices.IsSorted(steps) || steps[len(steps)-1] != 12 {
		t.Errorf("progress %v", steps)
	}
}

// cancelSink ends a context when the first rows come.
type cancelSink struct {
	*memorySink
	cancel context.CancelFunc
}

func (s cancelSink) WriteRows(ctx context.Context, lo, hi int, src []float32) error {
	s.cancel()
	return s.memorySink.WriteRows(ctx, lo, hi, src)
}

// An extraction that is interrupted has handed out whole windows and finished them.
func TestInterrupt(t *testing.T) {
	m := openModel(t, filepath.Join(goldenModels, "bert"))
	r := readingOf(m, 5, 6, 7)
	ctx, cancel := context.WithCancel(context.Background())
	d := &doneRows{}
	sink := cancelSink{newMemorySink(r.Rows, len(m.Config.Columns([]Tap{FFNOut}, []int{0, 1}))), cancel}
	_, err := m.Extract(ctx, machine(), r, Options{Checkpoint: d}, sink)
	if !errors.Is(err, context.Canceled) || !slices.Equal(d.finished, [][2]int{{0, 5}}) || len(sink.rows) != 5 {
		t.Errorf("%v, finished %v, rows %v", err, d.finished, sink.rows)
	}
}
