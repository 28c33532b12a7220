package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/internal/plotting"
	"voxen/store"
	"voxen/study/align"
	"voxen/study/extract"
	"voxen/study/learn"
	"voxen/study/step"
)

// The shape of the shipped responses to Alice.
const (
	aliceTR      = 2.0
	aliceVolumes = 372
	aliceLayers  = 6
	aliceUnits   = 384
)

// AliceSummary is what the demo found in a language model's responses to a story.
type AliceSummary struct {
	learn.Summary
	Words  int         `json:"words"`
	Tokens int         `json:"tokens"` // that the model read; 0: its responses are those shipped
	Layers []LayerMass `json:"layers"`
	Top    []AliceAtom `json:"top"` // the atoms whose codes lie most on one layer
}

// LayerMass is how the codes of a layer's neurons spread over atoms.
type LayerMass struct {
	Layer int `json:"layer"`
	Atoms int `json:"atoms"` // atoms of which no other layer holds more
}

// AliceAtom is an atom and the neurons that follow it.
type AliceAtom struct {
	Atom    int       `json:"atom"`
	Mass    float64   `json:"mass"`    // its share of all codes, by absolute value
	Neurons int       `json:"neurons"` // with a code on it
	Layers  []float64 `json:"layers"`  // shares of its codes in each layer
	Words   string    `json:"words"`   // spoken before its highest value
}

// alice learns a dictionary from the responses of 2,304 neurons.
func (d *demo) alice(ctx context.Context) error {
	a := &aliceFit{d: d}
	err := d.step("Alice", func(e *step.Env) error {
		if err := a.align(ctx, e); err != nil {
			return err
		}
		o := learn.New()
		o.Responses, o.Out, o.Seed = []string{d.data("alice/responses.npy")}, a.out(), d.o.Seed
		sum, err := step.Do[*learn.Summary](ctx, e, o)
		if err == nil {
			d.sum.Alice.Summary = *sum
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := a.load(ctx); err != nil {
		return err
	}
	a.summarize(&d.sum.Alice)
	if err := a.table(); err != nil {
		return err
	}
	return a.figures()
}

// aliceFit is the dictionary and what is made of it.
type aliceFit struct {
	d         *demo
	spoken    *spoken
	atoms     []float64 // volumes x K
	atomList  []AliceAtom
	objective []float64
}

func (a *aliceFit) out() string { return filepath.Join(a.d.o.Out, "alice") }

// align makes the responses per volume, convolved with the haemodynamic response:
// from the words where the model is there, else from the shipped means per volume
// by the align step on a table with a row per volume.
func (a *aliceFit) align(ctx context.Context, e *step.Env) error {
	var err error
	if a.spoken, err = readSpoken(a.d.files(), a.d.data("alice/words.tsv")); err != nil {
		return err
	}
	model, err := a.d.o.model(a.d.Env.FS)
	if err != nil {
		return err
	}
	o := align.New()
	o.TR, o.Volumes, o.Out = step.Some(aliceTR), step.Some(aliceVolumes), a.d.data("alice/responses.npy")
	if model != "" {
		o.Responses, o.Words = a.d.data("alice/words.npy"), a.d.data("alice/words.tsv")
		err = a.extract(ctx, e, model, o.Responses)
	} else {
		o.Responses, o.Words = a.d.data(shippedResponses), a.d.data("alice/volumes.tsv")
	}
	if err == nil {
		_, err = step.Do[*align.Summary](ctx, e, o)
	}
	return err
}

// extract runs the model over the words in the windows of the shipped responses.
func (a *aliceFit) extract(ctx context.Context, e *step.Env, model, out string) error {
	o := extract.New()
	o.Model, o.Words, o.Out, o.Stride = model, a.d.data("alice/words.tsv"), out, step.Some(o.Window)
	sum, err := step.Do[*extract.Summary](ctx, e, o)
	if err != nil {
		return err
	}
	if sum.Layers != aliceLayers || sum.Columns != aliceLayers*aliceUnits {
		return step.BadInput(o.Model, "has %d layers and %d neurons, expected MiniLM's %d and %d", sum.Layers, sum.Columns, aliceLayers, aliceLayers*aliceUnits)
	}
	a.d.sum.Alice.Tokens = sum.Tokens
	return nil
}

// load reads the dictionary back and finds which layers each atom gathers: the
// share of its codes, by absolute value, that are of a layer's neurons.
func (a *aliceFit) load(ctx context.Context) error {
	var shape []int
	var err error
	if a.atoms, shape, err = store.LoadFloat64(ctx, a.d.Env.FS, filepath.Join(a.out(), "atoms.npy")); err != nil {
		return err
	}
	codes, err := store.ReadSparse(ctx, a.d.Env.FS, filepath.Join(a.out(), "codes.npz"))
	if err != nil {
		return err
	}
	a.atomList = make([]AliceAtom, shape[1])
	all := 0.0
	for n := range codes.Cols {
		rows, values := codes.Column(n)
		for i, k := range rows {
			atom := &a.atomList[k]
			if atom.Layers == nil {
				atom.Layers = make([]float64, aliceLayers)
			}
			atom.Neurons++
			atom.Mass += math.Abs(values[i])
			atom.Layers[n/aliceUnits] += math.Abs(values[i])
			all += math.Abs(values[i])
		}
	}
	for k := range a.atomList {
		atom := &a.atomList[k]
		atom.Atom, atom.Words = k, a.wordsBefore(a.peak(k))
		for l := range atom.Layers {
			atom.Layers[l] /= atom.Mass
		}
		atom.Mass /= all
	}
	trace, err := store.ReadTable(a.d.Env.FS, filepath.Join(a.out(), "objective.tsv"))
	if err != nil {
		return err
	}
	steps, err := trace.Column("objective")
	for _, s := range steps {
		x, perr := strconv.ParseFloat(s, 64)
		if perr != nil {
			return perr
		}
		a.objective = append(a.objective, x)
	}
	return err
}

// peak is the volume in which atom k is highest.
func (a *aliceFit) peak(k int) int {
	best, K := 0, len(a.atomList)
	for t := range aliceVolumes {
		if a.atoms[t*K+k] > a.atoms[best*K+k] {
			best = t
		}
	}
	return best
}

// wordsBefore are the words spoken 4 to 8 seconds before a volume: the time that
// the haemodynamic response, with which the atoms are convolved, takes to rise.
func (a *aliceFit) wordsBefore(t int) string {
	return strings.Join(strings.Fields(strings.Join(a.spoken.volumes[max(0, t-4):max(0, t-1)], " ")), " ")
}

// Layer is the layer that most of an atom's codes are of; -1 without codes.
func (x *AliceAtom) Layer() int {
	if x.Layers == nil {
		return -1
	}
	return slices.Index(x.Layers, slices.Max(x.Layers))
}

// centre is the mean of an atom's layers; -1 without codes.
func (x *AliceAtom) centre() float64 {
	if x.Layers == nil {
		return -1
	}
	sum := 0.0
	for l, share := range x.Layers {
		sum += float64(l) * share
	}
	return sum
}

// summarize counts the atoms of each layer and names those that lie most on one.
func (a *aliceFit) summarize(sum *AliceSummary) {
	sum.Words = a.spoken.words
	for l := range aliceLayers {
		sum.Layers = append(sum.Layers, LayerMass{Layer: l})
	}
	for k := range a.atomList {
		if l := a.atomList[k].Layer(); l >= 0 {
			sum.Layers[l].Atoms++
		}
	}
	top := slices.Clone(a.atomList)
	slices.SortStableFunc(top, func(x, y AliceAtom) int { return cmp.Compare(y.layerShare(), x.layerShare()) })
	sum.Top = top[:min(5, len(top))]
}

// layerShare is the largest share of a layer.
func (x *AliceAtom) layerShare() float64 {
	if x.Layers == nil {
		return 0
	}
	return slices.Max(x.Layers)
}

// table writes the atoms.
func (a *aliceFit) table() error {
	columns := []string{"atom", "mass", "neurons"}
	for l := range aliceLayers {
		columns = append(columns, fmt.Sprintf("layer_%d", l))
	}
	columns = append(columns, "peak_seconds", "words")
	return a.d.table("alice_atoms.tsv", columns, func(t *store.TableWriter) {
		for k, x := range a.atomList {
			cells := []string{strconv.Itoa(k), significant(x.Mass), strconv.Itoa(x.Neurons)}
			for l := range aliceLayers {
				share := 0.0
				if x.Layers != nil {
					share = x.Layers[l]
				}
				cells = append(cells, significant(share))
			}
			t.Row(append(cells, significant(aliceTR*float64(a.peak(k))), x.Words)...)
		}
	})
}

// figures draws the atoms over time and the layers they gather, in one order
// from early to late layers, and the trace of the objective.
func (a *aliceFit) figures() error {
	K := len(a.atomList)
	order := make([]int, K)
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(a.atomList[x].centre(), a.atomList[y].centre()) })
	atoms := plotting.HeatMap{Title: "Atoms of MiniLM's responses to Alice, from those of early to those of late layers", Alt: "heat map of the atoms over time", XLabel: "seconds",
		YLabel: "atom", Scale: plotting.Scale{Label: "value of the atom (norm 1)", Diverging: true}, Rows: K, Cols: aliceVolumes, XStep: aliceTR}
	layers := plotting.HeatMap{Title: "Share of each atom's codes by layer", Alt: "heat map of atoms by layers", XLabel: "layer", YLabel: "atom", Scale: plotting.Scale{Label: "share"}, Rows: K, Cols: aliceLayers}
	for l := range aliceLayers {
		layers.ColNames = append(layers.ColNames, strconv.Itoa(l))
	}
	for _, k := range order {
		atoms.RowNames = append(atoms.RowNames, strconv.Itoa(k))
		for t := range aliceVolumes {
			atoms.Values = append(atoms.Values, a.atoms[t*K+k])
		}
		shares := a.atomList[k].Layers
		if shares == nil {
			shares = make([]float64, aliceLayers)
		}
		layers.Values = append(layers.Values, shares...)
	}
	layers.RowNames = atoms.RowNames
	pass := len(a.objective) / learn.New().Epochs
	at, mean := plotting.RunningMean(a.objective, pass)
	trace := plotting.Chart{Title: "Objective while learning", Alt: "objective by step, falling as the dictionary is learned", XLabel: "step",
		YLabel: "objective", Note: fmt.Sprintf("Mean over the last %d steps, one pass over all neurons, coded over the atoms before each step.", pass),
		Series: []plotting.Series{{Name: "objective", X: at, Y: mean}}}
	return errors.Join(a.d.draw("alice_atoms", atoms.Draw), a.d.draw("alice_layers", layers.Draw), a.d.draw("alice_objective", trace.Draw))
}
