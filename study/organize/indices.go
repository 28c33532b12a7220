package organize

import (
	"context"
	"math"
	"slices"
	"strconv"

	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// neurons are the neurons of a model with their codes.
type neurons struct {
	codes     *store.Sparse // (atoms, neurons)
	layer     []int
	unit, tap []string
	layers    []int       // those that occur, ascending
	at        []int       // of each neuron's layer among layers
	responses [][]float64 // standardised, per neuron, nil for a constant one; nil if not given
}

// newNeurons reads the layers of a table of columns.
func newNeurons(codes *store.Sparse, names *step.ColumnNames, path string) (neurons, error) {
	n := neurons{codes: codes, unit: names.Unit, tap: names.Tap}
	for i, s := range names.Layer {
		l, err := strconv.Atoi(s)
		if err != nil {
			return n, step.BadInput(path, "has layer %q at neuron %d, expected a whole number", s, i)
		}
		n.layer = append(n.layer, l)
		if !slices.Contains(n.layers, l) {
			n.layers = append(n.layers, l)
		}
	}
	slices.Sort(n.layers)
	for _, l := range n.layer {
		at, _ := slices.BinarySearch(n.layers, l)
		n.at = append(n.at, at)
	}
	return n, nil
}

// standardized reads responses and brings each neuron's to mean 0 and norm 1, nil
// for a constant one.
func (x *organizer) standardized(ctx context.Context, paths []string, neurons int) ([][]float64, error) {
	a, err := step.OpenStack(x.Env, paths)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	T := a.Rows()
	if a.Cols() != neurons {
		return nil, step.BadInput(paths[0], "has %d columns, expected one for each of %d neurons", a.Cols(), neurons)
	}
	out, all := make([][]float64, 0, neurons), make([]float64, T*neurons)
	block := make([]float64, T*blockWidth)
	for lo := 0; lo < neurons; lo += blockWidth {
		hi := min(lo+blockWidth, neurons)
		if err := a.ReadFloat64(ctx, lo, hi, block, blockWidth); err != nil {
			return nil, err
		}
		for n := range hi - lo {
			y := all[(lo+n)*T : (lo+n+1)*T]
			for t := range y {
				y[t] = block[t*blockWidth+n]
			}
			if slices.Min(y) == slices.Max(y) {
				out = append(out, nil)
				continue
			}
			for t, z := range step.ZScore(y) {
				y[t] = z / math.Sqrt(float64(T))
			}
			out = append(out, y)
		}
	}
	return out, nil
}

// neuron is where a neuron belongs.
type neuron struct {
	coded   bool
	network int     // of its sub-group, -1 for none
	share   float64 // highest share summed over a network's atoms; 0 without a code
	sign    int     // of the codes times the atoms' signs, summed over that network's atoms
}

// layerIndex is what is known of one layer.
type layerIndex struct {
	layer                    int
	neurons, coded, assigned int
	coverage                 float64   // assigned / neurons
	specialisation           float64   // mean highest share of neurons with a code
	profile                  []float64 // distribution of the assigned over networks, NaN if none
	counts                   []float64 // of the assigned, by network
	diversity, corrected     float64   // exp(entropy of the profile), as counted and without its bias
}

// share is the share of all neurons of the layer that a network's sub-group holds.
func (l layerIndex) share(b int) float64 {
	if l.assigned == 0 {
		return 0
	}
	return l.profile[b] * l.coverage
}

// indices are what is known of a model.
type indices struct {
	neurons        []neuron
	assigned       int
	layers         []layerIndex
	groups         []subGroup  // per network
	diversity      float64     // mean over layers
	effective      float64     // the same of the corrected diversities
	overLayers     float64     // mean pairwise cosine of profiles
	cosine         float64     // the same, corrected
	overSubjects   float64     // mean over networks of the mean pairwise correlation of summed maps
	coverage       float64     // of all neurons
	specialisation float64     // of all neurons
	compactness    float64     // mean over sub-groups
	interaction    [][]float64 // share of coded neurons with at least 0.2 on both networks
}

// index is an index of a model, a layer or a sub-group: its column and its range.
type index struct {
	name      string
	low, high float64
}

var inf = math.Inf(1)

// modelNames, layerNames and groupNames are the indices of a model, of a layer and of a
// sub-group, in the order of indices.numbers. Corrected ones have no highest value.
var (
	modelNames = []index{{"diversity", 1, inf}, {"diversity_corrected", 1, inf}, {"consistency_layers", 0, 1}, {"consistency_corrected", 0, inf}, {"consistency_subjects", -1, 1},
		{"coverage", 0, 1}, {"specialisation", 0, 1}, {"compactness", -1, 1}}
	layerNames = []index{{"coverage", 0, 1}, {"specialisation", 0, 1}, {"diversity", 1, inf}, {"diversity_corrected", 1, inf}}
	groupNames = []index{{"compactness", -1, 1}, {"consistency_subjects", -1, 1}}
	pairName   = index{"share", 0, 1}
)

// places of model indices among the numbers.
const (
	diversityCorrected   = 1
	consistencyCorrected = 3
)

// numbers lists all indices: those of the model, of each layer, of each sub-group, and
// the interaction of all pairs of networks.
func (x *indices) numbers() []float64 {
	out := []float64{x.diversity, x.effective, x.overLayers, x.cosine, x.overSubjects, x.coverage, x.specialisation, x.compactness}
	for _, l := range x.layers {
		out = append(out, l.coverage, l.specialisation, l.diversity, l.corrected)
	}
	for _, g := range x.groups {
		out = append(out, g.compactness, g.consistency)
	}
	for _, row := range x.interaction {
		out = append(out, row...)
	}
	return out
}

// kinds says what each of the numbers is.
func (x *indices) kinds() []index {
	out := slices.Clone(modelNames)
	for range x.layers {
		out = append(out, layerNames...)
	}
	for range x.groups {
		out = append(out, groupNames...)
	}
	for range len(x.interaction) * len(x.interaction) {
		out = append(out, pairName)
	}
	return out
}

// ofLayer, ofGroup and ofPair are where the numbers of a layer, of a sub-group and of
// a pair of networks begin.
func (x *indices) ofLayer(i int) int { return len(modelNames) + len(layerNames)*i }

func (x *indices) ofGroup(b int) int { return x.ofLayer(len(x.layers)) + len(groupNames)*b }

func (x *indices) ofPair(b, c int) int { return x.ofGroup(len(x.groups)) + b*len(x.groups) + c }

// both is the least share on each of two networks of a neuron that ties them.
const bothShare = 0.2

// indices computes what codes and the networks of atoms say. The share of a neuron on
// atom k is |a_k| / sum_j |a_j| over all atoms; it belongs to the sub-group of the
// network on whose atoms its shares sum highest, the first of equals, if that sum
// reaches the threshold.
func (n *neurons) indices(of []belonging, L int, threshold float64) indices {
	x := indices{neurons: make([]neuron, len(n.layer)), interaction: make([][]float64, L), layers: make([]layerIndex, len(n.layers))}
	for b := range x.interaction {
		x.interaction[b] = make([]float64, L)
	}
	for i, layer := range n.layers {
		x.layers[i] = layerIndex{layer: layer, counts: make([]float64, L)}
	}
	coded := 0
	share, sum := make([]float64, L), make([]float64, L)
	for i := range x.neurons {
		a := n.assign(i, of, threshold, share, sum)
		x.neurons[i] = a
		x.layers[n.at[i]].add(a)
		if !a.coded {
			continue
		}
		coded++
		for b := range L {
			for c := range L {
				if share[b] >= bothShare && share[c] >= bothShare {
					x.interaction[b][c]++
				}
			}
		}
	}
	for b := range L {
		for c := range L {
			x.interaction[b][c] /= float64(coded) // NaN without any
		}
	}
	for i := range x.layers {
		x.layers[i].finish()
	}
	x.groups = n.subGroups(x.neurons, of, L)
	x.sum()
	return x
}

// assign finds where neuron i belongs; share and sum are filled with its shares, and its
// codes times the atoms' signs, summed over each network's atoms.
func (n *neurons) assign(i int, of []belonging, threshold float64, share, sum []float64) neuron {
	clear(share)
	clear(sum)
	atoms, values := n.codes.Column(i)
	total := 0.0
	for _, a := range values {
		total += math.Abs(a)
	}
	out := neuron{network: -1}
	if out.coded = total > 0; !out.coded {
		return out
	}
	for j, k := range atoms {
		if b := of[k]; b.network >= 0 {
			share[b.network] += math.Abs(values[j]) / total
			sum[b.network] += float64(b.sign) * values[j]
		}
	}
	best := 0
	for b := range share {
		if share[b] > share[best] {
			best = b
		}
	}
	out.share = min(1, share[best])
	// A sum of shares that is the threshold but for rounding has reached it.
	if out.share >= threshold-1e-12 {
		out.network = best
		switch {
		case sum[best] > 0:
			out.sign = 1
		case sum[best] < 0:
			out.sign = -1
		}
	}
	return out
}

// add counts a neuron of the layer.
func (l *layerIndex) add(a neuron) {
	l.neurons++
	if a.coded {
		l.coded++
		l.specialisation += a.share
	}
	if a.network >= 0 {
		l.assigned++
		l.counts[a.network]++
	}
}

// finish makes the indices of a layer of what was counted.
func (l *layerIndex) finish() {
	l.coverage = float64(l.assigned) / float64(l.neurons)
	l.specialisation /= float64(l.coded)
	l.profile = make([]float64, len(l.counts))
	entropy := 0.0
	for b, c := range l.counts {
		p := c / float64(l.assigned)
		if l.profile[b] = p; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	l.corrected = effective(l.counts)
	if l.diversity = math.Exp(entropy); l.assigned == 0 {
		l.diversity = math.NaN()
	}
}

// sum makes the model's indices of its layers' and neurons'.
func (x *indices) sum() {
	x.diversity = meanKnown(x.layers, func(l layerIndex) float64 { return l.diversity })
	x.effective = meanKnown(x.layers, func(l layerIndex) float64 { return l.corrected })
	var profiles [][]float64
	var samples []sampled
	for _, l := range x.layers {
		if l.assigned > 0 {
			profiles = append(profiles, l.profile)
		}
		if s, known := newSampled(l.counts); known {
			samples = append(samples, s)
		}
	}
	x.overLayers = meanPairs(len(profiles), func(i, j int) float64 {
		a, b := profiles[i], profiles[j]
		return step.Dot(a, b) / math.Sqrt(step.Dot(a, a)*step.Dot(b, b))
	})
	x.cosine = meanPairs(len(samples), func(i, j int) float64 { return cosine(samples[i], samples[j]) })
	coded := 0.0
	for _, a := range x.neurons {
		if a.network >= 0 {
			x.assigned++
		}
		if a.coded {
			coded++
			x.specialisation += a.share
		}
	}
	x.coverage = float64(x.assigned) / float64(len(x.neurons))
	x.specialisation /= coded
	x.compactness = meanKnown(x.groups, func(g subGroup) float64 { return g.compactness })
	x.overSubjects = math.NaN()
}

// meanPairs is the mean over all pairs of n things; NaN without any.
func meanPairs(n int, f func(i, j int) float64) float64 {
	sum, pairs := 0.0, 0
	for i := range n {
		for j := range i {
			sum += f(i, j)
			pairs++
		}
	}
	return sum / float64(pairs)
}

// meanKnown is the mean of the numbers that are not NaN; NaN without any.
func meanKnown[T any](list []T, f func(T) float64) float64 {
	sum, n := 0.0, 0
	for _, t := range list {
		if y := f(t); !math.IsNaN(y) {
			sum += y
			n++
		}
	}
	return sum / float64(n)
}

// subGroup is what is known of the neurons of one network.
type subGroup struct {
	atoms, neurons int
	compactness    float64 // mean pairwise correlation of responses times signs, of those that vary; NaN unknown
	consistency    float64 // over subjects, of the network's summed map; NaN unknown
}

// subGroups describes the sub-group of every network, but for what subjects say.
func (n *neurons) subGroups(assigned []neuron, of []belonging, L int) []subGroup {
	members := make([][]int, L)
	for i, a := range assigned {
		if a.network >= 0 {
			members[a.network] = append(members[a.network], i)
		}
	}
	groups := make([]subGroup, L)
	for b := range groups {
		groups[b] = subGroup{atoms: len(atomsOf(of, b)), neurons: len(members[b]), compactness: n.compactness(members[b], assigned), consistency: math.NaN()}
	}
	return groups
}

// over adds how consistent the networks' maps are over some subjects, given their
// agreement.
func (x *indices) over(agreement []tile.Matrix, subjects []int) {
	for b := range x.groups {
		x.groups[b].consistency = consistency(agreement[b], subjects)
	}
	x.overSubjects = meanKnown(x.groups, func(g subGroup) float64 { return g.consistency })
}

// compactness is the mean correlation over pairs of neurons, each times its sign: of n
// standardised responses z, (|sum z|^2 - sum |z|^2) / (n (n - 1)). A constant
// response has no correlation and is left out; NaN without responses or pairs.
func (n *neurons) compactness(members []int, assigned []neuron) float64 {
	var sum []float64
	own, varying := 0.0, 0
	for _, i := range members {
		if n.responses == nil || n.responses[i] == nil {
			continue
		}
		z := n.responses[i]
		if varying++; sum == nil {
			sum = make([]float64, len(z))
		}
		sign := float64(assigned[i].sign)
		own += sign * sign * step.Dot(z, z)
		for t, y := range z {
			sum[t] += sign * y
		}
	}
	if varying < 2 {
		return math.NaN()
	}
	return (step.Dot(sum, sum) - own) / float64(varying*(varying-1))
}
