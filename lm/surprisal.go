package lm

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
)

// outputs are the tables of the output layer by their names, which stand without
// the model's prefix: that of the files of today, and of GPT-NeoX before; of BERT and of
// RoBERTa.
var outputs = []string{"lm_head.weight", "embed_out.weight", "cls.predictions.decoder.weight", "lm_head.decoder.weight"}

// CanPredict refuses a model that gives no probability of the next token: an
// encoder, one whose tokens see those after them, or a file without the output layer.
func (m *Model) CanPredict() error {
	c := m.Config
	if !c.Causal() {
		return fmt.Errorf("a %s whose tokens see those after them predicts no next word; want a causal model", c.Type)
	}
	return m.checkHead()
}

// CanFill refuses a model that gives no probability of a masked token: all but BERT and
// RoBERTa, and a file without the layers that predict it.
func (m *Model) CanFill() error {
	if c := m.Config; c.family.headWeights == nil || c.family.causal {
		return fmt.Errorf("a %s predicts no masked word", c.Type)
	}
	return m.checkHead()
}

// CanPredictWords refuses a model that predicts neither the next token nor a masked one.
func (m *Model) CanPredictWords() error {
	if c := m.Config; c.Causal() || c.family.headWeights == nil || c.family.causal {
		return m.CanPredict()
	}
	return m.CanFill()
}

// checkHead looks at the shapes of what predicts tokens.
func (m *Model) checkHead() error {
	w, err := m.outputTable()
	if err != nil {
		return err
	}
	ws := append(m.Config.family.headWeights(m.Config), w)
	if bias, ok := m.outputBias(); ok {
		ws = append(ws, bias)
	}
	if name := ws[0].parts[0].tensor; len(m.Config.family.headBias) > 0 && !m.files.Has(name) {
		return badf(m.dir, "has no tensor %q: this model predicts no masked words", name)
	}
	return m.checkShapes(ws)
}

// outputBias is the bias of the output layer, if there is one. A layer of its own has its
// own bias too.
func (m *Model) outputBias() (weight, bool) {
	names := slices.Clone(m.Config.family.headBias)
	if !m.Config.Tied {
		slices.Reverse(names)
	}
	for _, name := range names {
		if m.files.Has(name) {
			return vector("block.bias", name, m.Config.Vocab), true
		}
	}
	return weight{}, false
}

// outputTable is the output layer (vocabulary x embedding): the words' embeddings
// where they are tied.
func (m *Model) outputTable() (weight, error) {
	c := m.Config
	if c.Tied {
		return matrix("block", c.family.words, c.Vocab, c.Embed), nil
	}
	for _, name := range outputs {
		if m.files.Has(name) {
			return matrix("block", name, c.Vocab, c.Embed), nil
		}
	}
	return weight{}, badf(m.dir, "has no tensor %q and config.json does not tie the output to the words' embeddings: this model predicts no words", outputs[0])
}

// head turns the last residual stream into the surprisals of a window's tokens, the
// vocabulary block by block.
type head struct {
	norm, logits *graph
	weights      *layerBuffer   // of norm
	table        weight         // the output layer
	bias         weight         // of it; without parts if it has none
	rows         int            // of a block
	blocks       []*layerBuffer // of the table; nil where not held
	buf          engine.Buffer  // of a window: what norm makes, choices, sums
	lse, chosen  [][]float64    // of the windows of a group, by token
}

// headElements bounds the elements of a block of the output layer, and of a window's
// scores of its words: 16 MiB in float32.
const headElements = 1 << 22

func (x *extractor[F]) makeHead() error {
	c := x.m.Config
	table, err := x.m.outputTable()
	if err != nil {
		return err
	}
	elements := headElements
	if x.opt.block > 0 {
		elements = x.opt.block
	}
	h := &head{table: table, rows: max(1, min(c.Vocab, elements/max(c.Embed, x.maxT)))}
	h.blocks = make([]*layerBuffer, (c.Vocab+h.rows-1)/h.rows)
	h.norm = newGraph(c, x.dt.Dtype, c.family.headWeights(c))
	stream := h.norm.input("x", op.Dims{1, 1, nominal, c.Hidden})
	if h.norm.out = c.family.head(h.norm, stream); h.norm.out == stream {
		h.norm.out = op.Must(op.Copy{To: x.dt.Dtype}, stream) // a result is not an input
	}
	h.logits = newGraph(c, x.dt.Dtype, nil)
	in := []*gorgonia.Node{h.logits.input("x", op.Dims{1, 1, nominal, c.Embed}), h.logits.input("block", op.Dims{1, 1, h.rows, c.Embed})}
	if bias, ok := x.m.outputBias(); ok {
		h.bias = bias
		in = append(in, h.logits.input(bias.name, op.Dims{1, 1, 1, h.rows}))
	}
	scores := op.Must(op.MatMul{TransB: true}, in...)
	h.logits.out = op.Must(op.LogSumExp{Bound: c.OutBound}, scores, h.logits.input("choice", op.Dims{1, 1, nominal, 1}))
	x.head = h
	return nil
}

// block is rows [lo, hi) of the output layer, and its bias if there is one.
func (h *head) block(b int) []weight {
	all := h.table.parts[0].all
	lo, hi := b*h.rows, min((b+1)*h.rows, all)
	var ws []weight
	for _, w := range []weight{h.table, h.bias} {
		if w.parts != nil {
			w.parts = []part{{w.parts[0].tensor, hi - lo, lo, all}}
			ws = append(ws, w)
		}
	}
	return ws
}

// headBytes is the memory of one window at the output layer besides its weights.
func (x *extractor[F]) headBytes() int64 {
	return x.bytes(x.maxT*x.m.Config.Embed) + x.bytes(x.maxT) + x.bytes(2*x.maxT)
}

// bindHead gives the inputs of both graphs for a window of T tokens, and their results.
func (x *extractor[F]) bindHead(T int, stream engine.Buffer, block *layerBuffer) (norm, logits map[*gorgonia.Node]engine.Resident, normed, choice, sums engine.Resident) {
	h, c := x.head, x.m.Config
	typ := func(rows, cols int) op.Type { return op.Type{Dtype: x.dt.Dtype, Dims: op.Dims{1, 1, rows, cols}} }
	normed = engine.Resident{Type: typ(T, c.Embed), Buf: h.buf}
	choice = engine.Resident{Type: typ(T, 1), Buf: h.buf, Offset: int(x.bytes(x.maxT * c.Embed))}
	sums = engine.Resident{Type: typ(T, 2), Buf: h.buf, Offset: choice.Offset + int(x.bytes(x.maxT))}
	norm = map[*gorgonia.Node]engine.Resident{h.norm.inputs["x"]: {Type: typ(T, c.Hidden), Buf: stream}}
	for i, w := range c.family.headWeights(c) {
		r := engine.Resident{Type: op.Type{Dtype: x.dt.Dtype, Dims: w.dims()}}
		if h.weights != nil {
			r = h.weights.arrays[i]
		}
		norm[h.norm.inputs[w.name]] = r
	}
	table := engine.Resident{Type: typ(h.rows, c.Embed)}
	if block != nil {
		table = block.arrays[0]
	}
	logits = map[*gorgonia.Node]engine.Resident{h.logits.inputs["x"]: normed, h.logits.inputs["block"]: table, h.logits.inputs["choice"]: choice}
	if h.bias.parts != nil {
		bias := engine.Resident{Type: typ(1, h.rows)}
		if block != nil {
			bias = block.arrays[1]
		}
		logits[h.logits.inputs[h.bias.name]] = bias
	}
	return norm, logits, normed, choice, sums
}

// holdBlock sees to it that block b of the output layer is on the device, in the
// place of the one before where the weights are streamed.
func (x *extractor[F]) holdBlock(ctx context.Context, be engine.Backend, b int) (err error) {
	h := x.head
	if h.blocks[b] != nil {
		return nil
	}
	if x.stats.Streamed {
		for i, held := range h.blocks {
			if held != nil {
				if held.buf != nil {
					held.buf.Free()
				}
				h.blocks[i] = nil
			}
		}
	}
	if h.blocks[b], err = newLayerBuffer(be, h.block(b), x.dt.Dtype); err != nil {
		return err
	}
	return x.load(ctx, h.blocks[b])
}

// surprise hands out the surprisals of the rows of a group of windows.
func (x *extractor[F]) surprise(ctx context.Context, be engine.Backend, group []Window) error {
	h := x.head
	h.lse, h.chosen = make([][]float64, len(group)), make([][]float64, len(group))
	for k, w := range group {
		h.lse[k], h.chosen[k] = make([]float64, len(w.IDs)), make([]float64, len(w.IDs))
		for t := range h.lse[k] {
			h.lse[k][t] = math.Inf(-1)
		}
	}
	for b := range h.blocks {
		if err := x.holdBlock(ctx, be, b); err != nil {
			return err
		}
		for k, w := range group {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := x.score(ctx, b, k, w); err != nil {
				return err
			}
		}
	}
	for k, w := range group {
		bits := make([]float64, len(w.IDs)) // of token t, which row t-1 predicts, or its own where tokens are masked
		give := func(row int, bits float64) { x.opt.each(w.set, row, bits) }
		if w.masked != nil {
			for t := range bits {
				bits[t] = (h.lse[k][t] - h.chosen[k][t]) / math.Ln2
			}
			w.maskedSurprisals(bits, give)
			continue
		}
		bits[0] = math.NaN()
		for t := 1; t < len(bits); t++ {
			bits[t] = (h.lse[k][t-1] - h.chosen[k][t-1]) / math.Ln2
		}
		w.surprisals(bits, give)
	}
	return nil
}

// score adds block b of the vocabulary to the sums of window k.
func (x *extractor[F]) score(ctx context.Context, b, k int, w Window) error {
	h, T := x.head, len(w.IDs)
	norm, logits, normed, choice, sums := x.bindHead(T, x.hidden[k], h.blocks[b])
	lo := h.blocks[b].weights[0].parts[0].from
	err := engine.Fill(ctx, x.s, choice, func(from, to int, dst []F) error {
		for i := range dst {
			dst[i] = -1
			if w.masked != nil {
				if id := w.masked[from+i]; id >= 0 {
					dst[i] = F(id - lo)
				}
			} else if t := from + i + 1; t < T {
				dst[i] = F(w.IDs[t] - lo)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := x.s.Run(norm, map[*gorgonia.Node]engine.Resident{h.norm.out: normed}); err != nil {
		return err
	}
	if err := x.s.Run(logits, map[*gorgonia.Node]engine.Resident{h.logits.out: sums}); err != nil {
		return err
	}
	return engine.Fetch(ctx, x.s, sums, func(at int, src []F) error {
		for i, v := range src {
			t := (at + i) / 2
			if (at+i)%2 == 0 {
				h.lse[k][t] = logAdd(h.lse[k][t], float64(v))
			} else {
				h.chosen[k][t] += float64(v)
			}
		}
		return nil
	})
}

// logAdd is log(exp(a) + exp(b)).
func logAdd(a, b float64) float64 {
	top := max(a, b)
	if math.IsInf(top, -1) {
		return top
	}
	return top + math.Log(math.Exp(a-top)+math.Exp(b-top))
}

// surprisals gives the rows that are read from the window the sum of the surprisals
// of their pieces, in bits. White space before a word is the word's: so are pieces that
// no row has a character of, between the row before and it. NaN without a piece, or
// where a piece has no token before it.
func (w *Window) surprisals(bits []float64, give func(row int, bits float64)) {
	end := w.Text // of the pieces of the rows before
	read := 0
	for i, s := range w.Spans {
		sum := math.NaN()
		if s.Lo < s.Hi {
			sum = 0
			for t := min(s.Lo, end); t < s.Hi; t++ {
				sum += bits[t]
			}
			end = s.Hi
		}
		if row := w.Lo + i; read < len(w.Rows) && w.Rows[read] == row {
			give(row, sum)
			read++
		}
	}
}
