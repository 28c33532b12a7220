//go:build voxencuda && cgo

package cuda

import (
	"fmt"
	"slices"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/engine/op"
)

// Constants of kernels/path.cu.
const (
	pathThreads = 128
	pathEdge    = 4   // directions of a tile of the table
	pathTable   = 256 // directions up to which there is a table: 65 MB for 20 alphas and 5 folds
)

// pathChunks lists the numbers of alphas that the kernels hold in registers.
var pathChunks = []int{4, 12, 20}

// chunksOf cuts alphas into chunks of one size, the cheapest: a chunk costs its
// alphas, padding included, and about three more for products and loads.
func chunksOf(alphas int) (chunk, chunks int) {
	best := 0
	for _, n := range pathChunks {
		k := cover(alphas, n)
		if cost := k * (n + 3); best == 0 || cost < best {
			best, chunk, chunks = cost, n, k
		}
	}
	return chunk, chunks
}

// paths is where the tables of a path lie in scratch memory, and how large they are.
type paths struct {
	chunk, chunks, rank, folds  int
	batches                     int // of the tables
	rates, scale, base, inverse int // bytes from the start
	table, bytes                int
	shared                      int // 1: the tables have one batch
	count                       int // alphas
	tiles                       int
}

// pathsOf lays out the tables for operands P, C, M or N, S and z.
func pathsOf(alphas int, in []op.Type, gram bool) paths {
	p := paths{rank: in[0].Dims[2], count: alphas, batches: in[3].Dims[0]}
	p.chunk, p.chunks = chunksOf(alphas)
	p.folds = max(in[0].Dims[1], in[1].Dims[1], in[3].Dims[1])
	if gram {
		p.batches = max(p.batches, in[2].Dims[0])
		p.folds = max(p.folds, in[2].Dims[1])
	}
	if p.batches == 1 {
		p.shared = 1
	}
	matrices, width, pad := p.batches*p.folds, int(in[0].Dtype.Size()), p.chunk*p.chunks
	at := 0
	place := func(bytes int) int {
		here := at
		at += (bytes + 255) / 256 * 256
		return here
	}
	p.rates = place(8 * matrices * pad * p.rank)
	p.scale = place(8 * matrices * pad)
	p.base = place(width * matrices * p.rank)
	p.inverse = place(width * matrices * p.rank * pad)
	if gram && p.rank <= pathTable {
		edge := cover(p.rank, pathEdge)
		p.tiles = edge * (edge + 1) / 2
		p.table = place(width * matrices * p.tiles * pathEdge * pathEdge * pad)
	}
	p.bytes = at
	return p
}

// types gives the types of a call's operands.
func types(c *engine.Call) []op.Type {
	in := make([]op.Type, len(c.In))
	for i, a := range c.In {
		in[i] = a.Type
	}
	return in
}

// at is a place in the call's scratch memory.
func at(c *engine.Call, bytes int) cu.DevicePtr { return scratch(c) + cu.DevicePtr(bytes) }

// prepare queues what all kernels of a path need: the rates of every alpha.
func (b *Backend) prepare(c *engine.Call, p paths, alphas []float64) error {
	list, err := b.reals(alphas)
	if err != nil {
		return err
	}
	k := kernel{name: "path_rates", of: c.Out.Dtype, grid: size{p.chunk * p.chunks, 1, p.batches * p.folds}, block: size{pathThreads}}
	return b.launch(c, k, c.In[3], at(c, p.rates), at(c, p.scale), at(c, p.base), at(c, p.inverse), list,
		p.count, p.rank, p.folds, slices.Min(alphas))
}

// dots queues w'C and z'w.
func (b *Backend) dots(c *engine.Call, p paths) error {
	d := c.Out.Dims
	k := kernel{name: fmt.Sprintf("path_dots_%d", p.chunk), of: c.Out.Dtype,
		grid: size{cover(d[3], pathThreads), p.chunks, d[0] * d[1]}, block: size{pathThreads}}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], c.In[4], at(c, p.inverse), p.count, p.rank, d[3], p.folds, p.shared)
}

// byAlpha is the launch of path_rows and path_wide: a block holds one alpha.
func byAlpha(name string, c *engine.Call, p paths) kernel {
	d := c.Out.Dims
	return kernel{name: name, of: c.Out.Dtype, grid: size{cover(d[3], largeCols(c.Out.Dtype)), p.count, d[0] * d[1]}, block: size{128}}
}

// PathGram evaluates all alphas in registers, from a table of products.
func (b *Backend) PathGram(c *engine.Call, o op.PathGram) error {
	p, d := pathsOf(len(o.Alphas), types(c), true), c.Out.Dims
	if err := b.prepare(c, p, o.Alphas); err != nil {
		return err
	}
	if err := b.dots(c, p); err != nil {
		return err
	}
	if p.tiles == 0 {
		return b.launch(c, byAlpha("path_wide", c, p), c.Out, c.In[0], c.In[2], at(c, p.inverse),
			p.count, p.chunk*p.chunks, p.rank, d[3], p.folds, p.shared)
	}
	k := kernel{name: "path_table", of: c.Out.Dtype, grid: size{p.tiles, 1, p.batches * p.folds}, block: size{pathThreads}}
	if err := b.launch(c, k, c.In[2], at(c, p.table), at(c, p.rates), p.chunk, p.chunks, p.rank, p.folds); err != nil {
		return err
	}
	voxels := pathThreads * 16 / int(c.Out.Dtype.Size())
	k = kernel{name: fmt.Sprintf("path_quad_%d", p.chunk), of: c.Out.Dtype,
		grid: size{cover(d[3], voxels), p.chunks, d[0] * d[1]}, block: size{pathThreads}}
	return b.launch(c, k, c.Out, c.In[0], at(c, p.base), at(c, p.table), at(c, p.scale), p.count, p.rank, d[3], p.folds, p.shared)
}

// PathRows predicts the fold's rows in the eigenbasis, a block per alpha.
func (b *Backend) PathRows(c *engine.Call, o op.PathRows) error {
	p, d := pathsOf(len(o.Alphas), types(c), false), c.Out.Dims
	borders, err := b.ints(o.Borders)
	if err != nil {
		return err
	}
	if err := b.prepare(c, p, o.Alphas); err != nil {
		return err
	}
	if err := b.dots(c, p); err != nil {
		return err
	}
	return b.launch(c, byAlpha("path_rows", c, p), c.Out, c.In[0], c.In[2], at(c, p.inverse), borders,
		p.count, p.chunk*p.chunks, p.rank, d[3], p.folds, p.shared)
}
