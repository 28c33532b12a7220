package lm

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"voxen/cpu"
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
	for _, name := range []string{"bert-prefix-bf16", "llama-biases", "llama-dynamic-old", "gpt2", "roberta", "gemma2-bf16", "opt-350m", "neox"} {
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

// What fits a budget, at its borders.
func TestFit(t *testing.T) {
	n := needs{fixed: 10, layer: 100, stream: 7, host: 5}
	const layers, all, least = 3, 10 + 3*100 + 7, 10 + 100 + 7
	over := func(need, budget int64) string { return (&engine.OverBudget{Need: need, Budget: budget}).Error() }
	full := func(free int64) string { return (&engine.OutOfMemory{Want: least, Free: free}).Error() }
	for _, c := range []struct {
		b               budget
		windows, tokens int
		group           int
		streamed        bool
		err             string
	}{
		{budget{}, 9, 50, 1, false, ""},
		// one memory: responses are in it
		{budget{device: all + 5, host: all + 5}, 9, 50, 1, false, ""},
		{budget{device: all + 4, host: all + 4}, 99, 50, (all + 4 - 110) / 12, true, ""},
		{budget{device: least + 5, host: least + 5}, 9, 50, 1, true, ""},
		{budget{device: least + 5 + 11, host: least + 5 + 11}, 9, 50, 1, true, ""},
		{budget{device: least + 5 + 12, host: least + 5 + 12}, 9, 50, 2, true, ""},
		{budget{device: least + 4, host: least + 4}, 9, 50, 0, false, over(least+5, least+4)},
		{budget{device: all, host: all}, 3, 50, 3, true, ""},                 // no more than there are
		{budget{device: all, host: all}, 99, groupTokens/2 + 1, 1, true, ""}, // an interruption loses no more
		{budget{device: all, host: all}, 99, groupTokens / 2, 2, true, ""},   // than that
		{budget{device: all, host: all}, 99, 2 * groupTokens, 1, true, ""},   // but a window goes through
		// a device's own memory: responses are on the host, whose bound is another
		{budget{device: all, own: true}, 9, 50, 1, false, ""},
		{budget{device: all, host: 5, own: true}, 9, 50, 1, false, ""},
		{budget{device: all, host: 4, own: true}, 9, 50, 0, false, over(5, 4)},
		{budget{device: all - 1, own: true}, 99, 50, (all - 1 - 110) / 7, true, ""},
		{budget{device: all - 1, own: true}, 99, 2 * groupTokens, (all - 1 - 110) / 7, true, ""},
		{budget{device: all - 1, host: 14, own: true}, 99, 50, 2, true, ""},
		{budget{device: all - 1, host: 15, own: true}, 99, 50, 3, true, ""},
		{budget{device: least, own: true}, 9, 50, 1, true, ""},
		{budget{device: least - 1, own: true}, 9, 50, 0, false, full(least - 1)},
		{budget{device: all - 1, host: all - 1, own: true}, 99, 50, (all - 1 - 110) / 7, true, ""}, // two bounds of one size
	} {
		group, streamed, err := n.fit(c.b, layers, c.windows, c.tokens)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if group != c.group || streamed != c.streamed || said != c.err {
			t.Errorf("%+v, %d windows of %d tokens: group %d, streamed %v, %q; want %d, %v, %q", c.b, c.windows, c.tokens, group, streamed, said, c.group, c.streamed, c.err)
		}
	}
}

// Taps of unlike widths, in every order, are each what they are alone: none writes
// into another's place, in windows long enough that rounding up hides nothing.
func TestTapsOfUnlikeWidth(t *testing.T) {
	ctx := context.Background()
	m := openModel(t, filepath.Join(goldenModels, "llama3-gqa")) // widths 24, 40 and 8
	r := readingOf(m, 61, 60)
	read := func(taps []Tap, memory int64) ([]float32, Stats) {
		sink := newMemorySink(r.Rows, len(m.Config.Columns(taps, []int{0, 1})))
		stats, err := m.Extract(ctx, machine(), r, Options{Taps: taps, Memory: memory}, sink)
		if err != nil {
			t.Fatal(err)
		}
		return sink.data, stats
	}
	for _, taps := range [][]Tap{{AttnK, FFNAct}, {FFNAct, AttnK}, {AttnK, Hidden, FFNAct}, {FFNAct, FFNOut, AttnK}} {
		whole, stats := read(taps, 0)
		streamed, less := read(taps, stats.Bytes-1)
		if !less.Streamed || !slices.Equal(whole, streamed) {
			t.Errorf("%v: other responses when layers are streamed (%v)", taps, less.Streamed)
		}
		cols := m.Config.Columns(taps, []int{0, 1})
		for _, tap := range taps {
			alone, _ := read([]Tap{tap}, 0)
			var got []float32
			for row := range r.Rows {
				for k, c := range cols {
					if c.Tap == tap {
						got = append(got, whole[row*len(cols)+k])
					}
				}
			}
			if !slices.Equal(got, alone) {
				t.Errorf("%v: %s is not what it is alone", taps, tap)
			}
		}
	}
}

// allocations counts the bytes that are held on a device at most.
type allocations struct {
	engine.Backend
	held, most int64
}

type counted struct {
	engine.Buffer
	of *allocations
	n  int64
}

func (a *allocations) Alloc(n int) (engine.Buffer, error) {
	b, err := a.Backend.Alloc(n)
	if err != nil {
		return nil, err
	}
	a.held += int64(n)
	a.most = max(a.most, a.held)
	return &counted{b, a, int64(n)}, nil
}

func (c *counted) Free() {
	c.of.held -= c.n
	c.Buffer.Free()
}

// What is held is what was counted: a budget is neither passed nor left unused.
func TestHeldIsCounted(t *testing.T) {
	for _, name := range []string{"bert", "gpt2", "llama3-gqa", "gemma2", "opt-350m", "neox"} {
		m := openModel(t, filepath.Join(goldenModels, name))
		r := readingOf(m, 30) // one window, a group of one
		for _, taps := range [][]Tap{{FFNAct}, {AttnK, FFNAct}, {FFNAct, AttnK}, Taps} {
			opt := Options{Taps: taps}
			if m.Config.Causal() && len(taps) == 2 && m.CanPredict() == nil {
				opt.block, opt.Surprisal = 7*m.Config.Embed, func(int, float64) {}
			}
			for range 2 { // held, then streamed
				be := &allocations{Backend: cpu.New(2)}
				sink := newMemorySink(r.Rows, len(m.Config.Columns(taps, []int{0, 1})))
				stats, err := m.Extract(context.Background(), engine.NewMachine(be), r, opt, sink)
				if err != nil {
					t.Fatal(err)
				}
				rows := 30 * int64(sink.cols) * 4
				if more := be.most - (stats.Bytes - rows); more < 0 || more > 512 { // a session's empty blocks are 256 bytes
					t.Errorf("%s %v streamed %v: %d bytes held besides %d of responses, %d counted in all", name, taps, stats.Streamed, be.most, rows, stats.Bytes)
				}
				opt.Memory = stats.Bytes - 1
			}
		}
	}
}
