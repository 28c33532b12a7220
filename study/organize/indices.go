package organize

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"sync"

	"voxen/brain"
	"voxen/internal/permute"
	"voxen/internal/spatial"
	"voxen/store"
	"voxen/study/match"
	"voxen/study/step"
)

type matrix = spatial.Matrix

// neurons are the neurons of a model with their codes.
type neurons struct {
	codes     *store.Sparse // (atoms, neurons)
	layer     []int
	unit      []string
	layers    []int       // those that occur, ascending
	responses [][]float64 // standardised, per neuron; nil if not given
}

// newNeurons reads the layers of a table of columns.
func newNeurons(codes *store.Sparse, names *step.ColumnNames, path string) (neurons, error) {
	n := neurons{codes: codes, unit: names.Unit}
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
	return n, nil
}

// standardized reads responses and brings each neuron's to mean 0 and norm 1.
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
	const width = 256
	if need := 8 * int64(T) * int64(neurons+width); need > x.Env.HostBudget(0) {
		return nil, x.Env.TooSmall(need)
	}
	out := make([][]float64, 0, neurons)
	block := make([]float64, T*width)
	for lo := 0; lo < neurons; lo += width {
		hi := min(lo+width, neurons)
		if err := a.ReadFloat64(ctx, lo, hi, block, width); err != nil {
			return nil, err
		}
		for n := range hi - lo {
			y := make([]float64, T)
			for t := range y {
				y[t] = block[t*width+n]
			}
			y = step.ZScore(y)
			for t := range y {
				y[t] /= math.Sqrt(float64(T))
			}
			out = append(out, y)
		}
	}
	return out, nil
}

// MatchedAtoms say which network each atom belongs to, as matched and for other
// groups of subjects.
type MatchedAtoms struct {
	Given    []GivenMatch   // of matches.tsv
	products match.Products // S = 0 if match wrote none
	null     matrix         // (atoms, draws), rows sorted
	oneSided bool           // of a table without signs: r below 0 is no match
}

// GivenMatch is an atom's best match.
type GivenMatch struct {
	network int
	r, q    float64
	sign    int // of r; 0 where the atom cannot belong: r is 0, or below it in a table without signs
}

// twoSided reports whether a table of matches has signs; those without are of tests of
// r above 0 alone.
func twoSided(t *store.Table) bool { return slices.Contains(t.Columns, "sign") }

// ParseMatches reads networks and best matches.
func ParseMatches(t *store.Table, atoms int) (brain.LabelTable, []GivenMatch, error) {
	columns := map[string][]string{}
	for _, name := range []string{"atom", "network", "r", "q"} {
		cells, err := t.Column(name)
		if err != nil {
			return nil, nil, err
		}
		columns[name] = cells
	}
	signed := twoSided(t)
	var networks brain.LabelTable
	given := make([]GivenMatch, atoms)
	for k := range given {
		given[k].network = -1
	}
	for i, name := range columns["network"] {
		b := slices.IndexFunc(networks, func(l brain.Label) bool { return l.Name == name })
		if b < 0 {
			b = len(networks)
			networks = append(networks, brain.Label{Key: b + 1, Name: name})
		}
		k, err := strconv.Atoi(columns["atom"][i])
		if err != nil || k < 0 || k >= atoms {
			return nil, nil, step.BadInput(t.Path, "line %d has atom %q, expected a number from 0 to %d", t.Lines[i], columns["atom"][i], atoms-1)
		}
		if columns["q"][i] == "n/a" {
			continue
		}
		r, err1 := strconv.ParseFloat(columns["r"][i], 64)
		q, err2 := strconv.ParseFloat(columns["q"][i], 64)
		if err1 != nil || err2 != nil {
			return nil, nil, step.BadInput(t.Path, "line %d has r %q and q %q, expected numbers", t.Lines[i], columns["r"][i], columns["q"][i])
		}
		given[k] = GivenMatch{network: b, r: r, q: q}
		switch {
		case r > 0:
			given[k].sign = 1
		case r < 0 && signed:
			given[k].sign = -1
		}
	}
	for k, g := range given {
		if g.network < 0 {
			return nil, nil, step.BadInput(t.Path, "has no best match of atom %d, expected one for each of %d atoms", k, atoms)
		}
	}
	return networks, given, nil
}

// Of gives the network of each atom, -1 for none: its best match if q is under the
// rate and r not 0 (above 0 in a table without signs).
func (a *MatchedAtoms) Of(fdr float64) []int {
	out := make([]int, len(a.Given))
	for k, g := range a.Given {
		out[k] = -1
		if g.q < fdr && g.sign != 0 {
			out[k] = g.network
		}
	}
	return out
}

// resampled is of for the mean over other subjects. The null of each atom stays as
// it was drawn: the autocorrelation of a mean over resampled subjects is much the
// same.
func (a *MatchedAtoms) resampled(subjects []int, fdr float64) []int {
	K := a.products.K
	best, r, p := make([]int, K), make([]float64, K), make([]float64, K)
	for k := range K {
		all := a.products.Correlations(k, subjects)
		for b, x := range all {
			if a.oneSided && x < 0 {
				all[b] = 0
			}
		}
		best[k], _, _ = match.BestOf(all)
		r[k] = math.Abs(all[best[k]])
		draws := a.null.Row(k)
		p[k] = float64(1+len(draws)-sort.SearchFloat64s(draws, r[k])) / float64(1+len(draws))
	}
	for k, q := range permute.FDR(p) {
		if !(q < fdr && r[k] != 0) {
			best[k] = -1
		}
	}
	return best
}

// neuron is where a neuron belongs.
type neuron struct {
	coded   bool
	network int     // of its sub-group, -1 for none
	share   float64 // highest share summed over a network's atoms; 0 without a code
	sign    int     // of the codes summed over that network's atoms
}

// layerIndex is what is known of one layer.
type layerIndex struct {
	layer                    int
	neurons, coded, assigned int
	coverage                 float64   // assigned / neurons
	specialisation           float64   // mean highest share of neurons with a code
	profile                  []float64 // distribution of the assigned over networks, NaN if none
	diversity                float64   // exp(entropy of the profile)
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
	overLayers     float64     // mean pairwise cosine of profiles
	overSubjects   float64     // mean over networks of the mean pairwise correlation of summed maps
	coverage       float64     // of all neurons
	specialisation float64     // of all neurons
	compactness    float64     // mean over sub-groups
	interaction    [][]float64 // share of coded neurons with at least 0.2 on both networks
}

// numberNames are the columns of the model's numbers in models.tsv, the first of
// indices.numbers.
var numberNames = [6]string{"diversity", "consistency_layers", "consistency_subjects", "coverage", "specialisation", "compactness"}

// numbers lists all indices: those of the model, then coverage, specialisation and
// diversity of each layer, compactness and consistency over subjects of each
// sub-group, and the interaction of all pairs of networks.
func (x *indices) numbers() []float64 {
	out := []float64{x.diversity, x.overLayers, x.overSubjects, x.coverage, x.specialisation, x.compactness}
	for _, l := range x.layers {
		out = append(out, l.coverage, l.specialisation, l.diversity)
	}
	for _, g := range x.groups {
		out = append(out, g.compactness, g.consistency)
	}
	for _, row := range x.interaction {
		out = append(out, row...)
	}
	return out
}

// ofLayer, ofGroup and ofPair are where the numbers of a layer, of a sub-group and of
// a pair of networks begin.
func (x *indices) ofLayer(i int) int { return len(numberNames) + len(layerNames)*i }

func (x *indices) ofGroup(b int) int { return x.ofLayer(len(x.layers)) + len(groupNames)*b }

func (x *indices) ofPair(b, c int) int { return x.ofGroup(len(x.groups)) + b*len(x.groups) + c }

// both is the least share on each of two networks of a neuron that ties them.
const bothShare = 0.2

// indices computes what codes and the networks of atoms say. The share of a neuron on
// atom k is |a_k| / sum_j |a_j| over all atoms; it belongs to the sub-group of the
// network on whose atoms its shares sum highest, the first of equals, if that sum
// reaches the threshold.
func (n *neurons) indices(networkOf []int, L int, threshold float64) indices {
	x := indices{neurons: make([]neuron, len(n.layer)), interaction: make([][]float64, L)}
	for b := range x.interaction {
		x.interaction[b] = make([]float64, L)
	}
	coded := 0
	share, sum := make([]float64, L), make([]float64, L)
	for i := range x.neurons {
		x.neurons[i] = n.assign(i, networkOf, threshold, share, sum)
		if !x.neurons[i].coded {
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
	for _, layer := range n.layers {
		x.layers = append(x.layers, x.layer(layer, n.layer, L))
	}
	x.groups = n.subGroups(x.neurons, networkOf, L)
	x.sum()
	return x
}

// assign finds where neuron i belongs; share and sum are filled with its shares and
// codes summed over each network's atoms.
func (n *neurons) assign(i int, networkOf []int, threshold float64, share, sum []float64) neuron {
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
		if b := networkOf[k]; b >= 0 {
			share[b] += math.Abs(values[j]) / total
			sum[b] += values[j]
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

// layer computes the indices of one layer.
func (x *indices) layer(layer int, of []int, L int) layerIndex {
	l := layerIndex{layer: layer, profile: make([]float64, L)}
	for i, a := range x.neurons {
		if of[i] != layer {
			continue
		}
		l.neurons++
		if a.coded {
			l.coded++
			l.specialisation += a.share
		}
		if a.network >= 0 {
			l.assigned++
			l.profile[a.network]++
		}
	}
	l.coverage = float64(l.assigned) / float64(l.neurons)
	l.specialisation /= float64(l.coded)
	entropy := 0.0
	for b := range l.profile {
		l.profile[b] /= float64(l.assigned)
		if p := l.profile[b]; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	if l.diversity = math.Exp(entropy); l.assigned == 0 {
		l.diversity = math.NaN()
	}
	return l
}

// sum makes the model's indices of its layers' and neurons'.
func (x *indices) sum() {
	x.diversity = meanKnown(x.layers, func(l layerIndex) float64 { return l.diversity })
	var profiles [][]float64
	for _, l := range x.layers {
		if l.assigned > 0 {
			profiles = append(profiles, l.profile)
		}
	}
	x.overLayers = meanPairs(len(profiles), func(i, j int) float64 {
		a, b := profiles[i], profiles[j]
		return step.Dot(a, b) / math.Sqrt(step.Dot(a, a)*step.Dot(b, b))
	})
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
	compactness    float64 // mean pairwise correlation of responses times signs; NaN unknown
	consistency    float64 // over subjects, of the network's summed map; NaN unknown
}

// subGroups describes the sub-group of every network, but for what subjects say.
func (n *neurons) subGroups(assigned []neuron, networkOf []int, L int) []subGroup {
	groups := make([]subGroup, L)
	for b := range groups {
		var members []int
		for i, a := range assigned {
			if a.network == b {
				members = append(members, i)
			}
		}
		groups[b] = subGroup{atoms: len(atomsOf(networkOf, b)), neurons: len(members), compactness: n.compactness(members, assigned), consistency: math.NaN()}
	}
	return groups
}

// over adds how consistent the networks' maps are over some subjects.
func (x *indices) over(a *MatchedAtoms, networkOf, subjects []int) {
	for b := range x.groups {
		x.groups[b].consistency = a.consistency(atomsOf(networkOf, b), subjects)
	}
	x.overSubjects = meanKnown(x.groups, func(g subGroup) float64 { return g.consistency })
}

// compactness is the mean correlation over pairs of neurons, each times its sign: of n
// standardised responses z, (|sum z|^2 - sum |z|^2) / (n (n - 1)). A constant
// response counts with correlation 0; NaN without responses or pairs.
func (n *neurons) compactness(members []int, assigned []neuron) float64 {
	if n.responses == nil || len(members) < 2 {
		return math.NaN()
	}
	sum := make([]float64, len(n.responses[members[0]]))
	own := 0.0
	for _, i := range members {
		z := n.responses[i]
		own += step.Dot(z, z)
		sign := float64(assigned[i].sign)
		for t, y := range z {
			sum[t] += sign * y
		}
	}
	return (step.Dot(sum, sum) - own) / float64(len(members)*(len(members)-1))
}

// atomsOf lists the atoms of a network.
func atomsOf(networkOf []int, b int) []int {
	var atoms []int
	for k, n := range networkOf {
		if n == b {
			atoms = append(atoms, k)
		}
	}
	return atoms
}

// consistency is the mean correlation, over pairs of different subjects, of the sums
// of their maps of some atoms; NaN without atoms or pairs.
func (a *MatchedAtoms) consistency(atoms, subjects []int) float64 {
	if len(atoms) == 0 {
		return math.NaN()
	}
	sum, pairs := 0.0, 0
	for i, s := range subjects {
		for _, t := range subjects[:i] {
			if s == t {
				continue
			}
			cross, _ := a.products.Between(atoms, []int{s}, []int{t})
			x, most := a.products.Between(atoms, []int{s}, []int{s})
			y, least := a.products.Between(atoms, []int{t}, []int{t})
			if !(y > 1e-12*least) {
				y = 0
			}
			sum += match.Ratio(cross, x, y, most)
			pairs++
		}
	}
	return sum / float64(pairs)
}

// interval is a 95% interval over resampled subjects, NaN where there is none.
type interval struct{ low, high float64 }

// everySubject lists the subjects.
func (m *organized) everySubject() []int {
	all := make([]int, m.atoms.products.S)
	for s := range all {
		all[s] = s
	}
	return all
}

// bootstrap resamples subjects and repeats matching, assignment and indices.
func (m *organized) bootstrap(ctx context.Context, o *Options, threads int, progress func(done int)) error {
	S := m.atoms.products.S
	m.intervals = make([]interval, len(m.index.numbers()))
	for i := range m.intervals {
		m.intervals[i] = interval{math.NaN(), math.NaN()}
	}
	if S < 2 {
		progress(o.Bootstraps)
		return nil
	}
	random := rand.New(rand.NewPCG(o.Seed, 0x6f72_6761_6e69_7a65))
	draws := make([][]int, o.Bootstraps)
	for i := range draws {
		draws[i] = make([]int, S)
		for s := range draws[i] {
			draws[i][s] = random.IntN(S)
		}
	}
	values, err := m.over(ctx, draws, o, threads, progress)
	if err != nil {
		return err
	}
	m.intervals = intervalsOf(values)
	return nil
}

// intervalsOf gives the interval of each number over resamplings, of those in which it
// is known.
func intervalsOf(values [][]float64) []interval {
	out := make([]interval, len(values[0]))
	for j := range out {
		var known []float64
		for _, v := range values {
			if !math.IsNaN(v[j]) {
				known = append(known, v[j])
			}
		}
		out[j] = interval{step.Quantile(known, 0.025), step.Quantile(known, 0.975)}
	}
	return out
}

// over gives the numbers of indices for lists of subjects. Most lists match the same
// atoms, and assignment depends on nothing else, so that each matching is looked at once.
func (m *organized) over(ctx context.Context, lists [][]int, o *Options, threads int, progress func(done int)) ([][]float64, error) {
	matchings := make([][]int, len(lists))
	same := map[string][]int{} // lists by matching
	var order []string
	for i, subjects := range lists {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		matchings[i] = m.atoms.resampled(subjects, o.FDR)
		key := fmt.Sprint(matchings[i])
		if same[key] == nil {
			order = append(order, key)
		}
		same[key] = append(same[key], i)
	}
	values := make([][]float64, len(lists))
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	var lock sync.Mutex
	next, done := 0, 0
	for range min(threads, len(order)) {
		wg.Go(func() {
			for {
				lock.Lock()
				if next == len(order) || ctx.Err() != nil {
					lock.Unlock()
					return
				}
				mine := same[order[next]]
				next++
				lock.Unlock()
				networkOf := matchings[mine[0]]
				x := m.neurons.indices(networkOf, len(m.networks), o.Threshold)
				for _, i := range mine {
					x.over(&m.atoms, networkOf, lists[i])
					values[i] = x.numbers()
				}
				lock.Lock()
				done += len(mine)
				progress(done)
				lock.Unlock()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return values, nil
}
