package lm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Tap is a place in a model where responses are read: in every block, or, of Embed,
// before the first.
type Tap string

// The taps.
const (
	FFNOut    Tap = "ffn.out"    // output of the second feed-forward layer, before dropout, residual and norm
	FFNAct    Tap = "ffn.act"    // its input; in Llama act(gate) * up
	AttnOut   Tap = "attn.out"   // output of the attention's projection, before the residual
	AttnQ     Tap = "attn.q"     // query units of every head, as projected: before any rotation by position
	AttnK     Tap = "attn.k"     // key units, likewise
	AttnQK    Tap = "attn.qk"    // a query unit times the mean of its key unit over the window
	AttnHeads Tap = "attn.heads" // input of attn.out: what every head gives, a weighted sum of values
	Hidden    Tap = "hidden"     // residual stream after the block, before any final norm
	Embed     Tap = "embed"      // input embeddings of the word pieces alone, without position or segment; counted to layer 0
)

// Taps lists all of them.
var Taps = []Tap{FFNOut, FFNAct, AttnOut, AttnQ, AttnK, AttnQK, AttnHeads, Hidden, Embed}

// tapNames lists them in words.
func tapNames() string {
	var names []string
	for _, t := range Taps {
		names = append(names, string(t))
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// ParseTaps reads names separated by commas.
func ParseTaps(s string) ([]Tap, error) {
	var taps []Tap
	for _, name := range strings.Split(s, ",") {
		t := Tap(name)
		if !slices.Contains(Taps, t) {
			return nil, fmt.Errorf("tap %q, want %s", name, tapNames())
		}
		if slices.Contains(taps, t) {
			return nil, fmt.Errorf("tap %q is listed twice", name)
		}
		taps = append(taps, t)
	}
	return taps, nil
}

// ParseLayers reads "all" or a list of layers and ranges, "0,3,5-7", of a model
// with n layers; the result is ascending.
func ParseLayers(s string, n int) ([]int, error) {
	var layers []int
	if s == "all" {
		for l := range n {
			layers = append(layers, l)
		}
		return layers, nil
	}
	for _, part := range strings.Split(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		lo, err := strconv.Atoi(from)
		hi := lo
		if err == nil && isRange {
			hi, err = strconv.Atoi(to)
		}
		if err != nil || lo < 0 || hi < lo || hi >= n {
			return nil, fmt.Errorf("layers %q: %q is not within 0-%d, want all or a list such as 0,3,5-7", s, part, n-1)
		}
		for l := lo; l <= hi; l++ {
			if slices.Contains(layers, l) {
				return nil, fmt.Errorf("layers %q: layer %d is listed twice", s, l)
			}
			layers = append(layers, l)
		}
	}
	slices.Sort(layers)
	return layers, nil
}

// Units is the number of units that a tap has in one layer.
func (c *Config) Units(t Tap) int {
	switch t {
	case FFNAct:
		return c.FFN
	case AttnQ, AttnQK, AttnHeads:
		return c.Heads * c.HeadSize
	case AttnK:
		return c.KVHeads * c.HeadSize
	case Embed:
		return c.Embed
	}
	return c.Hidden
}

// HasHeads reports whether the units of a tap are those of attention heads, side by side,
// HeadSize each: those of keys where heads share them (KVHeads).
func (t Tap) HasHeads() bool {
	return slices.Contains([]Tap{AttnQ, AttnK, AttnQK, AttnHeads}, t)
}

// In reports whether a layer has the tap: all have those of a block, layer 0 alone
// has Embed.
func (t Tap) In(layer int) bool { return t != Embed || layer == 0 }

// Column names one column of the responses; layer and unit count from 0.
type Column struct {
	Layer int
	Tap   Tap
	Unit  int
}

// Columns lists the columns of an extraction: layer by layer, within a layer
// tap by tap in the order asked for, within a tap unit by unit; taps that a layer
// has not are left out.
func (c *Config) Columns(taps []Tap, layers []int) []Column {
	var cols []Column
	for _, l := range layers {
		for _, t := range taps {
			if !t.In(l) {
				continue
			}
			for u := range c.Units(t) {
				cols = append(cols, Column{l, t, u})
			}
		}
	}
	return cols
}
