package lm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
)

// Zero is a lesion: units that are 0 while the model runs, for every token. What a unit is
// is its tap's: of attn.q and attn.k before any rotation and norm, of hidden after the
// block. A tap that is zeroed is read as what is left of it. Units are bits, one for each that
// the model has at a tap of a layer, where any is 0.
type Zero struct{ units map[place][]uint64 }

// Bytes are those of the bits.
func (z *Zero) Bytes() (n int64) {
	for _, bits := range z.units {
		n += int64(8 * len(bits))
	}
	return n
}

// place is a tap of a layer.
type place struct {
	layer int
	tap   Tap
}

// flows are the taps that a model's own computation goes through.
var flows = []Tap{FFNOut, FFNAct, AttnOut, AttnHeads, AttnQ, AttnK, Hidden}

// NewZero makes a lesion of units of a model. Those of taps that the model does not compute
// with (attn.qk, embed), units that it has not, and one that is there twice are refused.
func (c *Config) NewZero(columns []Column) (*Zero, error) {
	z := &Zero{units: map[place][]uint64{}}
	for _, col := range columns {
		at := place{col.Layer, col.Tap}
		switch {
		case !slices.Contains(flows, col.Tap):
			return nil, fmt.Errorf("units of %q cannot be 0 while the model runs, expected those of one of %v", col.Tap, flows)
		case col.Layer < 0 || col.Layer >= c.Layers:
			return nil, fmt.Errorf("layer %d, expected one of the model's %d, from 0", col.Layer, c.Layers)
		case col.Unit < 0 || col.Unit >= c.Units(col.Tap):
			return nil, fmt.Errorf("unit %d of %s, expected one of the model's %d, from 0", col.Unit, col.Tap, c.Units(col.Tap))
		}
		bits := z.units[at]
		if bits == nil {
			bits = make([]uint64, (c.Units(col.Tap)+63)/64)
			z.units[at] = bits
		}
		word, bit := col.Unit/64, uint64(1)<<(col.Unit%64)
		if bits[word]&bit != 0 {
			return nil, fmt.Errorf("unit %d of %s in layer %d is there twice", col.Unit, col.Tap, col.Layer)
		}
		bits[word] |= bit
	}
	return z, nil
}

// taps lists those of a layer of which units are 0; a nil lesion has none.
func (z *Zero) taps(layer int) (list []Tap) {
	if z == nil {
		return nil
	}
	for _, t := range flows {
		if len(z.units[place{layer, t}]) > 0 {
			list = append(list, t)
		}
	}
	return list
}

// zeroed are the taps of a layer that any of the lesions is of: they have a mask.
func (x *extractor[F]) zeroed(layer int) (list []Tap) {
	for _, t := range flows {
		if slices.ContainsFunc(x.opt.sets, func(z *Zero) bool { return slices.Contains(z.taps(layer), t) }) {
			list = append(list, t)
		}
	}
	return list
}

// maskName is the input of a graph that holds the mask of a tap.
func maskName(t Tap) string { return "zero." + string(t) }

// masked is x times the mask of the tap, if that has one.
func (g *graph) masked(t Tap, x *gorgonia.Node) *gorgonia.Node {
	mask, ok := g.inputs[maskName(t)]
	if !ok {
		return x
	}
	return op.Must(op.Zip{Kind: op.Mul}, x, mask)
}

// namesOf names taps, to tell graphs apart.
func namesOf(taps []Tap) string {
	var names []string
	for _, t := range taps {
		names = append(names, string(t))
	}
	return strings.Join(names, ",")
}

// maskBytes are the masks of the layer that has most of them.
func (x *extractor[F]) maskBytes() (most int64) {
	for _, g := range x.kinds {
		n := int64(0)
		for _, t := range g.zeroed {
			n += x.bytes(x.m.Config.Units(t))
		}
		most = max(most, n)
	}
	return most
}

// bindMasks adds the masks of a layer's graph to its inputs.
func (x *extractor[F]) bindMasks(g *graph, in map[*gorgonia.Node]engine.Resident) {
	at := 0
	for _, t := range g.zeroed {
		units := x.m.Config.Units(t)
		in[g.inputs[maskName(t)]] = engine.Resident{Type: op.Type{Dtype: x.dt.Dtype, Dims: op.Dims{1, 1, 1, units}}, Buf: x.masks, Offset: at}
		at += int(x.bytes(units))
	}
}

// fillMasks writes the masks of layer l for the lesion of a window: 1, and 0 at its units.
func (x *extractor[F]) fillMasks(ctx context.Context, w Window, l int, g *graph, in map[*gorgonia.Node]engine.Resident) error {
	for _, t := range g.zeroed {
		var bits []uint64
		if z := x.opt.sets[w.set]; z != nil {
			bits = z.units[place{l, t}]
		}
		err := engine.Fill(ctx, x.s, in[g.inputs[maskName(t)]], func(lo, hi int, dst []F) error {
			for i := range dst {
				dst[i] = 1
				if u := lo + i; bits != nil && bits[u/64]>>(u%64)&1 == 1 {
					dst[i] = 0
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Surprisals runs the model over the windows of a reading once for each lesion (nil is the
// model as it is) and calls give for every row of each with its surprisal, as
// Options.Surprisal has it. Weights are read once for all lesions, or layer by layer once for
// a group of windows of several. Of the options Float64, Memory and Progress count, the
// last in tokens of all lesions.
func (m *Model) Surprisals(ctx context.Context, mach *engine.Machine, r *Reading, opt Options, lesions []*Zero, give func(lesion, row int, bits float64)) (Stats, error) {
	opt = Options{Float64: opt.Float64, Memory: opt.Memory, Progress: opt.Progress, Taps: []Tap{FFNOut}, Layers: []int{0},
		sets: lesions, each: give, block: opt.block}
	if opt.Float64 {
		return extract[float64](ctx, m, mach, r, opt, nil)
	}
	return extract[float32](ctx, m, mach, r, opt, nil)
}
