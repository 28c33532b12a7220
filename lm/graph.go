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
	return op.Must(op.MatMul{TransB: g.c.Type != "gpt2"}, in...)
}

func (g *graph) layerNorm(x *gorgonia.Node, name string) *gorgonia.Node {
	return op.Must(op.LayerNorm{Eps: g.c.Eps}, x, g.inputs[name], g.inputs[name+".bias"])
}

func (g *graph) add(x, y *gorgonia.Node) *gorgonia.Node { return op.Must(op.Zip{Kind: op.Add}, x, y) }

// columns views columns [lo, hi) of x.
func columns(x *gorgonia.Node, lo, hi int) *gorgonia.Node {
	return op.Must(op.Part{Axis: 3, Lo: lo, Hi: hi}, x)
}

// tap pools x to rows, for results that ask for it.
func (g *graph) tap(t Tap, x *gorgonia.Node) {
	g.taps[t] = op.Must(op.MeanSpans{}, x, g.inputs["spans"])
}

// embedGraph turns the embeddings of a window's words into the first residual
// stream: BERT adds positions and the segment and normalises, GPT-2 adds
// positions, Llama takes them as they are (there is no graph).
func embedGraph(c *Config, dtype tensor.Dtype) *graph {
	if c.Type == "llama" {
		return nil
	}
	g := newGraph(c, dtype, nil)
	words := g.input("words", op.Dims{1, 1, nominal, c.Hidden})
	positions := g.input("positions", op.Dims{1, 1, nominal, c.Hidden})
	if c.Type == "gpt2" {
		g.out = g.add(words, positions)
		return g
	}
	for _, name := range []string{"segment", "norm", "norm.bias"} {
		g.input(name, op.Dims{1, 1, 1, c.Hidden})
	}
	g.out = g.layerNorm(g.add(g.add(words, g.inputs["segment"]), positions), "norm")
	return g
}

// layerGraph is one block, the same for all layers.
func layerGraph(c *Config, dtype tensor.Dtype) *graph {
	g := newGraph(c, dtype, c.layerWeights(0))
	x := g.input("x", op.Dims{1, 1, nominal, c.Hidden})
	g.input("spans", op.Dims{1, 1, nominal, 2})
	switch c.Type {
	case "llama":
		g.llama(x)
	case "gpt2":
		g.gpt2(x)
	default:
		g.bert(x)
	}
	return g
}

// attention projects queries, keys and values of x, turns the first two where
// turn says so, attends and projects.
func (g *graph) attention(x *gorgonia.Node, turn func(x *gorgonia.Node, heads int) *gorgonia.Node) *gorgonia.Node {
	c := g.c
	q, kv := c.Heads*c.HeadSize, c.KVHeads*c.HeadSize
	qkv := g.linear(x, "qkv")
	query, key, value := columns(qkv, 0, q), columns(qkv, q, q+kv), columns(qkv, q+kv, q+2*kv)
	g.tap(AttnQ, query)
	g.tap(AttnK, key)
	g.tap(AttnQK, op.Must(op.QueryKey{Heads: c.Heads, KVHeads: c.KVHeads}, query, key))
	if turn != nil {
		query, key = turn(query, c.Heads), turn(key, c.KVHeads)
	}
	att := op.Must(op.Attention{Heads: c.Heads, KVHeads: c.KVHeads, Causal: c.Causal()}, query, key, value)
	out := g.linear(att, "attn")
	g.tap(AttnOut, out)
	return out
}

// bert normalises after each residual sum.
func (g *graph) bert(x *gorgonia.Node) {
	mid := g.layerNorm(g.add(g.attention(x, nil), x), "norm1")
	act := op.Must(op.Activate{Kind: g.c.Act}, g.linear(mid, "ffn1"))
	ffn := g.linear(act, "ffn2")
	g.tap(FFNAct, act)
	g.tap(FFNOut, ffn)
	g.finish(g.layerNorm(g.add(ffn, mid), "norm2"))
}

// gpt2 normalises before attention and before the feed-forward network.
func (g *graph) gpt2(x *gorgonia.Node) {
	mid := g.add(g.attention(g.layerNorm(x, "norm1"), nil), x)
	act := op.Must(op.Activate{Kind: g.c.Act}, g.linear(g.layerNorm(mid, "norm2"), "ffn1"))
	ffn := g.linear(act, "ffn2")
	g.tap(FFNAct, act)
	g.tap(FFNOut, ffn)
	g.finish(g.add(ffn, mid))
}

// llama is gpt2 with scale-only norms, positions by rotation and a gate.
func (g *graph) llama(x *gorgonia.Node) {
	c := g.c
	cos := g.input("cos", op.Dims{1, 1, nominal, c.HeadSize / 2})
	sin := g.input("sin", op.Dims{1, 1, nominal, c.HeadSize / 2})
	turn := func(x *gorgonia.Node, heads int) *gorgonia.Node { return op.Must(op.Rotary{Heads: heads}, x, cos, sin) }
	norm := func(x *gorgonia.Node, name string) *gorgonia.Node {
		return op.Must(op.RMSNorm{Eps: c.Eps}, x, g.inputs[name])
	}
	mid := g.add(g.attention(norm(x, "norm1"), turn), x)
	both := g.linear(norm(mid, "norm2"), "ffn1")
	act := op.Must(op.Activate{Kind: c.Act}, columns(both, 0, c.FFN), columns(both, c.FFN, 2*c.FFN))
	ffn := g.linear(act, "ffn2")
	g.tap(FFNAct, act)
	g.tap(FFNOut, ffn)
	g.finish(g.add(ffn, mid))
}

func (g *graph) finish(out *gorgonia.Node) {
	g.out = out
	g.tap(Hidden, out)
}
