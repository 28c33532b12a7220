package lm

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine/op"
)

// The graphs are built for windows of this many tokens and rows; an engine
// session compiles them for those of each window.
const nominal = 2

// graph is a model's graph with its inputs by name.
type graph struct {
	g      *gorgonia.ExprGraph
	dtype  tensor.Dtype
	c      *Config
	inputs map[string]*gorgonia.Node
	out    *gorgonia.Node
	taps   map[Tap]*gorgonia.Node // pooled to rows

	attends attends
	encoded Tap   // whose units an autoencoder encodes before they are pooled; empty: of none
	kept    int   // features that TopK keeps of a token; 0: all
	zeroed  []Tap // of which some units are 0
}

func newGraph(c *Config, dtype tensor.Dtype, weights []weight) *graph {
	g := &graph{g: gorgonia.NewGraph(), dtype: dtype, c: c, inputs: map[string]*gorgonia.Node{}, taps: map[Tap]*gorgonia.Node{}}
	for _, w := range weights {
		g.input(w.name, w.dims())
	}
	return g
}

// dims is the shape of a weight on the device.
func (w weight) dims() op.Dims {
	if w.vector {
		return op.Dims{1, 1, 1, w.elements()}
	}
	return op.Dims{1, 1, w.elements() / w.cols, w.cols}
}

func (g *graph) input(name string, d op.Dims) *gorgonia.Node {
	n := op.Input(g.g, name, op.Type{Dtype: g.dtype, Dims: d})
	g.inputs[name] = n
	return n
}

// linear is x W' + b, the weights stored (outputs x inputs), or x W + b.
func (g *graph) linear(x *gorgonia.Node, name string) *gorgonia.Node {
	in := []*gorgonia.Node{x, g.inputs[name]}
	if b, ok := g.inputs[name+".bias"]; ok {
		in = append(in, b)
	}
	return op.Must(op.MatMul{TransB: !g.c.family.transposed}, in...)
}

func (g *graph) layerNorm(x *gorgonia.Node, name string) *gorgonia.Node {
	return op.Must(op.LayerNorm{Eps: g.c.Eps}, x, g.inputs[name], g.inputs[name+".bias"])
}

func (g *graph) rmsNorm(x *gorgonia.Node, name string) *gorgonia.Node {
	return op.Must(op.RMSNorm{Eps: g.c.Eps}, x, g.inputs[name])
}

func (g *graph) add(x, y *gorgonia.Node) *gorgonia.Node { return op.Must(op.Zip{Kind: op.Add}, x, y) }

// columns views columns [lo, hi) of x.
func columns(x *gorgonia.Node, lo, hi int) *gorgonia.Node {
	return op.Must(op.Part{Axis: 3, Lo: lo, Hi: hi}, x)
}

// tap pools x to rows, for results that ask for it.
func (g *graph) tap(t Tap, x *gorgonia.Node) {
	if t == g.encoded {
		x = g.encode(x, g.kept)
	}
	g.taps[t] = op.Must(op.MeanSpans{}, x, g.inputs["spans"])
}

// embedGraph turns the embeddings of a window's words into the first residual
// stream; nil for a family that takes them as they are.
func embedGraph(c *Config, dtype tensor.Dtype) *graph {
	if c.family.embed == nil {
		return nil
	}
	g := newGraph(c, dtype, nil)
	for _, w := range c.embedWeights() {
		d := w.dims()
		if w.name == "positions" {
			d[2] = nominal // those of the window
		}
		g.input(w.name, d)
	}
	g.input("words", op.Dims{1, 1, nominal, c.Embed})
	g.out = c.family.embed(g)
	return g
}

// tokenGraph pools the embeddings of a window's words, which nothing has been added to.
func tokenGraph(c *Config, dtype tensor.Dtype) *graph {
	g := newGraph(c, dtype, nil)
	words := g.input("words", op.Dims{1, 1, nominal, c.Embed})
	g.input("spans", op.Dims{1, 1, nominal, 2})
	if c.family.embedded != nil {
		words = c.family.embedded(g)
	}
	g.tap(Embed, words)
	return g
}

// layerGraph is one block, the same for all layers that attend alike and have the same
// tap encoded and the same ones zeroed.
func layerGraph(c *Config, dtype tensor.Dtype, attends attends, sae *SAE, encoded Tap, zeroed []Tap) *graph {
	g := newGraph(c, dtype, c.layerWeights(0))
	g.attends, g.encoded, g.zeroed = attends, encoded, zeroed
	for _, t := range zeroed {
		g.input(maskName(t), op.Dims{1, 1, 1, c.Units(t)})
	}
	if encoded != "" {
		g.kept = sae.k
		for _, w := range sae.weights() {
			g.input(w.name, w.dims())
		}
	}
	x := g.input("x", op.Dims{1, 1, nominal, c.Hidden})
	g.input("spans", op.Dims{1, 1, nominal, 2})
	c.family.block(g, x)
	return g
}

// turn does something to the queries ("q") or keys ("k") of all heads.
type turn func(x *gorgonia.Node, name string, heads int) *gorgonia.Node

// attention projects queries, keys and values of x, turns the first two where
// turn says so, attends and projects.
func (g *graph) attention(x *gorgonia.Node, turn turn) *gorgonia.Node {
	c := g.c
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	qkv := g.linear(x, "qkv")
	query, key, value := g.masked(AttnQ, columns(qkv, 0, q)), g.masked(AttnK, columns(qkv, q, q+kv)), columns(qkv, q+kv, q+2*kv)
	g.tap(AttnQ, query)
	g.tap(AttnK, key)
	g.tap(AttnQK, op.Must(op.QueryKey{Heads: c.Heads, KVHeads: c.KVHeads}, query, key))
	if turn != nil {
		query, key = turn(query, "q", c.Heads), turn(key, "k", c.KVHeads)
	}
	att := g.masked(AttnHeads, op.Must(op.Attention{Heads: c.Heads, KVHeads: c.KVHeads, Causal: c.Causal(),
		Window: g.attends.window, Scale: g.attends.scale, Bound: c.Bound}, query, key, value))
	g.tap(AttnHeads, att)
	out := g.masked(AttnOut, g.linear(att, "attn"))
	g.tap(AttnOut, out)
	return out
}

// feedForward is W2 act(W1 x + b1) + b2.
func (g *graph) feedForward(x *gorgonia.Node) *gorgonia.Node {
	return g.project(op.Must(op.Activate{Kind: g.c.Act}, g.linear(x, "ffn1")))
}

// gatedFeedForward is W2 (act(Wg x) * Wu x), gate and up stacked in ffn1.
func (g *graph) gatedFeedForward(x *gorgonia.Node) *gorgonia.Node {
	c := g.c
	both := g.linear(x, "ffn1")
	return g.project(op.Must(op.Activate{Kind: c.Act}, columns(both, 0, c.FFN), columns(both, c.FFN, 2*c.FFN)))
}

// project is the second layer of the feed-forward network.
func (g *graph) project(act *gorgonia.Node) *gorgonia.Node {
	act = g.masked(FFNAct, act)
	ffn := g.masked(FFNOut, g.linear(act, "ffn2"))
	g.tap(FFNAct, act)
	g.tap(FFNOut, ffn)
	return ffn
}

// finish ends a block with its residual stream.
func (g *graph) finish(out *gorgonia.Node) {
	g.out = g.masked(Hidden, out)
	g.tap(Hidden, g.out)
}
