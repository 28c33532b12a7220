package organize

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/study/match"
)

// geometric is a profile of n networks, each with a share that is ratio times the one before.
func geometric(n int, ratio float64) []float64 {
	p, sum := make([]float64, n), 0.0
	for b := range p {
		p[b] = math.Pow(ratio, float64(b))
		sum += p[b]
	}
	for b := range p {
		p[b] /= sum
	}
	return p
}

// sampleOf draws neurons of a profile.
func sampleOf(random *rand.Rand, profile []float64, n int) []float64 {
	counts := make([]float64, len(profile))
	for range n {
		u, b := random.Float64(), 0
		for b < len(profile)-1 && u >= profile[b] {
			u -= profile[b]
			b++
		}
		counts[b]++
	}
	return counts
}

// The corrected indices of simulated profiles lie about the truth: within 10% with 10 neurons a
// layer, 3% with 50 and 1% with 500, where counts as they are are a third too low at 10. A mean of
// 6,000 draws has a standard error below 1% at 10, 0.5% at 50 and 0.1% at 500.
func TestCorrectedBias(t *testing.T) {
	mixed := []float64{0.25, 0.2, 0.17, 0.14, 0.1, 0.08, 0.06} // 6.3 effective networks
	dominated := []float64{0.7, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05}
	two := []float64{0.5, 0.5, 0, 0, 0, 0, 0}
	turned := slices.Clone(mixed)
	slices.Reverse(turned)
	random := rand.New(rand.NewPCG(3, 5))
	for n, most := range map[int]float64{10: 0.1, 50: 0.03, 500: 0.01} {
		draws := 6000
		if n == 500 {
			draws = 1500
		}
		for name, p := range map[string][]float64{"even": geometric(7, 1), "mixed": mixed, "dominated": dominated, "two": two, "steep": geometric(7, 0.5), "of 3": geometric(3, 0.7)} {
			truth, got := 0.0, 0.0
			for _, x := range p {
				if x > 0 {
					truth -= x * math.Log(x)
				}
			}
			truth = math.Exp(truth)
			for range draws {
				got += effective(sampleOf(random, p, n)) / float64(draws)
			}
			if bias := got/truth - 1; math.Abs(bias) > most {
				t.Errorf("%s, %d neurons: diversity %.3f of %.3f, a bias of %.1f%%", name, n, got, truth, 100*bias)
			}
		}
		for name, pair := range map[string][2][]float64{"same": {mixed, mixed}, "turned": {mixed, turned}, "even": {geometric(7, 1), geometric(7, 1)}, "steep and mixed": {geometric(7, 0.5), mixed},
			"dominated and mixed": {dominated, mixed}, "two and even": {two, geometric(7, 1)}} {
			p, q := pair[0], pair[1]
			dot := func(a, b []float64) (s float64) {
				for i := range a {
					s += a[i] * b[i]
				}
				return s
			}
			truth, got := dot(p, q)/math.Sqrt(dot(p, p)*dot(q, q)), 0.0
			for range draws {
				a, _ := newSampled(sampleOf(random, p, n))
				b, _ := newSampled(sampleOf(random, q, n))
				got += cosine(a, b) / float64(draws)
			}
			if bias := got/truth - 1; math.Abs(bias) > most {
				t.Errorf("%s, %d neurons: consistency %.3f of %.3f, a bias of %.1f%%", name, n, got, truth, 100*bias)
			}
		}
	}
}

// The two ways of the series of unseen networks agree where one takes over from the other.
func TestUnseen(t *testing.T) {
	for _, n := range []float64{2, 10, 4096} {
		for _, a := range []float64{7.9 / n, 8.1 / n} {
			if a >= 1 {
				continue
			}
			want, power := 0.0, 1.0
			for r := n; r < n+4000/a; r++ {
				power *= 1 - a
				want += power / r
			}
			if got := unseen(n, a); math.Abs(got/want-1) > 1e-8 {
				t.Errorf("n %g, A %g: %g, want %g", n, a, got, want)
			}
		}
	}
}

// population are subjects whose maps are those of all, each with their own departures:
// every atom loads on two networks, some of them hardly more on one than on the other.
type population struct {
	K, L, V int
	first   []int       // of each atom
	sign    []int       // on it
	maps    [][]float64 // (atoms, voxels) of all
	spread  float64     // of a subject's loadings about those of all
	neurons neurons
}

func newPopulation(random *rand.Rand) *population {
	const perNetwork = 12
	p := &population{K: 24, L: 5, spread: 0.45}
	p.V = perNetwork * (p.L + 1)
	for range p.K {
		first := random.IntN(p.L)
		second := (first + 1 + random.IntN(p.L-1)) % p.L
		sign := 1 - 2*random.IntN(2)
		load := make([]float64, p.L)
		load[first] = float64(sign) * (0.6 + 0.4*random.Float64())
		load[second] = random.Float64() * 0.98 * math.Abs(load[first]) * float64(1-2*random.IntN(2))
		p.first, p.sign = append(p.first, first), append(p.sign, sign)
		m := make([]float64, p.V)
		for v := range m[:perNetwork*p.L] {
			m[v] = load[v/perNetwork]
		}
		p.maps = append(p.maps, m)
	}
	const layers, perLayer, T = 4, 60, 12
	var codes [][]float64
	for range layers * perLayer {
		c := make([]float64, p.K)
		for range 3 {
			c[random.IntN(p.K)] = random.NormFloat64()
		}
		codes = append(codes, c)
	}
	p.neurons = *coded(codes...)
	p.neurons.layers = []int{0, 1, 2, 3}
	for i := range codes {
		p.neurons.layer[i], p.neurons.at[i] = i%layers, i%layers
		z, norm := make([]float64, T), 0.0
		for t := range z {
			z[t] = random.NormFloat64()
			norm += z[t] * z[t]
		}
		for t := range z {
			z[t] /= math.Sqrt(norm)
		}
		p.neurons.responses = append(p.neurons.responses, z)
	}
	return p
}

// study draws subjects and gives what organize would read of them; all atoms belong.
func (p *population) study(random *rand.Rand, S int) *organized {
	rows := make([][]float64, 0, S*p.K+p.L)
	for range S {
		for k := range p.K {
			own := make([]float64, p.L+1)
			for b := range own {
				own[b] = p.spread * random.NormFloat64()
			}
			row := make([]float64, p.V)
			for v, x := range p.maps[k] {
				row[v] = x + own[v/12] + 0.5*random.NormFloat64()
			}
			rows = append(rows, row)
		}
	}
	for b := range p.L {
		row := make([]float64, p.V)
		for v := range 12 {
			row[b*12+v] = 1
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		mean := 0.0
		for _, x := range row {
			mean += x / float64(p.V)
		}
		for v := range row {
			row[v] -= mean
		}
	}
	gram := tile.Matrix{Rows: len(rows), Cols: len(rows), Data: make([]float64, len(rows)*len(rows))}
	for i, a := range rows {
		for j := range i + 1 {
			x := 0.0
			for v, y := range rows[j] {
				x += a[v] * y
			}
			gram.Data[i*len(rows)+j], gram.Data[j*len(rows)+i] = x, x
		}
	}
	m := &organized{neurons: p.neurons, networks: make(brain.LabelTable, p.L)}
	m.atoms.products = match.Products{Gram: gram, S: S, K: p.K, L: p.L}
	m.given = m.atoms.resampled(p.truth(), m.everySubject())
	m.index = m.neurons.indices(m.given, p.L, 0.5)
	m.index.over(m.atoms.agreement(m.given, p.L), m.everySubject())
	return m
}

func (p *population) truth() []belonging { return belongings(p.first, p.sign) }

// numbers gives the indices of the population: those of its codes with the networks of
// its maps, and the consistency of large groups of its subjects.
func (p *population) numbers(random *rand.Rand) []float64 {
	const groups = 4
	x := p.neurons.indices(p.truth(), p.L, 0.5)
	mean := make([]float64, p.L)
	total := 0.0
	for range groups {
		m := p.study(random, 30)
		x.over(m.atoms.agreement(p.truth(), p.L), m.everySubject())
		total += x.overSubjects / groups
		for b, g := range x.groups {
			mean[b] += g.consistency / groups
		}
	}
	x.overSubjects = total
	for b := range x.groups {
		x.groups[b].consistency = mean[b]
	}
	return x.numbers()
}

// covered counts, of simulated studies, how many intervals of each index of a model hold
// the population's; every one holds its point.
func covered(t *testing.T, studies, S int, seed uint64) []int {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 9))
	o := New()
	o.Bootstraps = 400
	held := make([]int, len(modelNames))
	for i := range studies {
		p := newPopulation(random)
		truth := p.numbers(random)
		m := p.study(random, S)
		o.Seed = uint64(i)
		if err := m.bootstrap(t.Context(), o, 1, func(int) {}); err != nil {
			t.Fatal(err)
		}
		for j, x := range m.index.numbers() {
			in := m.intervals[j]
			if !math.IsNaN(x) && !math.IsNaN(in.low) && !(in.low <= x && x <= in.high) {
				t.Errorf("study %d: number %d is %g, outside of [%g, %g]", i, j, x, in.low, in.high)
			}
			if j < len(held) && in.low <= truth[j] && truth[j] <= in.high {
				held[j]++
			}
		}
	}
	return held
}

// Most of the intervals hold the population's index; the shares are those of TestCoverageOfStudies.
func TestCoverage(t *testing.T) {
	const studies = 6
	held := 0
	for _, n := range covered(t, studies, 12, 1) {
		held += n
	}
	if all := studies * len(modelNames); held < all*85/100 {
		t.Errorf("%d of %d intervals hold the index of the population", held, all)
	}
}

// The chance of an index is its mean over the draws in which it is known, p the share of
// draws that are as far from it, the index itself among them.
func TestChanceOf(t *testing.T) {
	nan := math.NaN()
	draws := [][]float64{{1}, {2}, {3}, {nan}, {2}}
	for _, c := range []struct{ x, p float64 }{{2, 1}, {3, 3. / 5}, {1, 3. / 5}, {3.5, 1. / 5}, {nan, nan}} {
		got := chanceOf(c.x, draws, 0)
		if got.mean != 2 || got.p != c.p && !(math.IsNaN(got.p) && math.IsNaN(c.p)) {
			t.Errorf("index %g: %+v, want mean 2, p %g", c.x, got, c.p)
		}
	}
	if got := chanceOf(1, [][]float64{{nan}}, 0); !math.IsNaN(got.mean) || !math.IsNaN(got.p) {
		t.Errorf("unknown in every draw: %+v", got)
	}
}

// Layers that follow one network each are less diverse and less alike than by chance; codes
// on any atoms are as they are by chance; of one matched atom there is none.
func TestChanceOfPlantedLayers(t *testing.T) {
	const K, L, layers, perLayer = 20, 5, 5, 40
	random := rand.New(rand.NewPCG(2, 4))
	build := func(planted bool) *organized {
		var codes [][]float64
		for i := range layers * perLayer {
			c := make([]float64, K)
			for range 3 {
				k := random.IntN(K)
				if planted && random.Float64() < 0.8 {
					k = i%layers + L*random.IntN(K/L)
				}
				c[k] = random.NormFloat64()
			}
			codes = append(codes, c)
		}
		m := &organized{neurons: *coded(codes...), networks: make(brain.LabelTable, L)}
		m.neurons.layers = []int{0, 1, 2, 3, 4}
		for i := range codes {
			m.neurons.layer[i], m.neurons.at[i] = i%layers, i%layers
		}
		for k := range K {
			m.given = append(m.given, belonging{k % L, 1 - 2*(k/L%2)})
		}
		m.index = m.neurons.indices(m.given, L, 0.5)
		m.index.over(m.atoms.agreement(m.given, L), nil)
		return m
	}
	o := New()
	o.Draws = 300
	for _, planted := range []bool{true, false} {
		m := build(planted)
		if err := m.permuted(t.Context(), o, 1, func(int) {}); err != nil {
			t.Fatal(err)
		}
		for _, j := range []int{0, diversityCorrected, 2, consistencyCorrected} {
			x, c := m.index.numbers()[j], m.chances[j]
			if planted && !(x < c.mean && c.p < 0.01) || !planted && c.p < 0.01 {
				t.Errorf("planted %t: %s is %.3f, by chance %.3f, p %.3f", planted, modelNames[j].name, x, c.mean, c.p)
			}
		}
		if c := m.chances[4]; !math.IsNaN(c.mean) || !math.IsNaN(c.p) {
			t.Errorf("consistency over no subjects has the chance %+v", c)
		}
	}
	m := build(true)
	for k := range m.given[1:] {
		m.given[k+1] = none
	}
	if err := m.permuted(t.Context(), o, 1, func(int) {}); err != nil {
		t.Fatal(err)
	}
	for j, c := range m.chances {
		if !math.IsNaN(c.mean) || !math.IsNaN(c.p) {
			t.Errorf("one matched atom: number %d has the chance %+v", j, c)
		}
	}
}

// Contrasts are paired and need as many subjects of both models, eight at least.
func TestContrasts(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 1))
	o := New()
	o.Bootstraps = 100
	of := func(S int) *organized {
		m := newPopulation(random).study(random, S)
		m.name = fmt.Sprint(S)
		if err := m.bootstrap(t.Context(), o, 1, func(int) {}); err != nil {
			t.Fatal(err)
		}
		return m
	}
	a, b := of(8), of(8)
	all := contrasts([]*organized{a, b, of(7), of(9)})
	if len(all) != 6*len(modelNames) {
		t.Fatalf("%d contrasts of four models", len(all))
	}
	for i, c := range all {
		j := i % len(modelNames)
		if c.index != modelNames[j].name {
			t.Fatalf("contrast %d is of %s", i, c.index)
		}
		if i >= len(modelNames) {
			if !math.IsNaN(c.p) || !math.IsNaN(c.low) || !math.IsNaN(c.high) {
				t.Errorf("%s and %s subjects: %+v", c.a, c.b, c)
			}
			continue
		}
		below, above := 0, 0
		for d := range a.resampled {
			switch x := a.resampled[d][j] - b.resampled[d][j]; {
			case x < 0:
				below++
			case x > 0:
				above++
			default:
				below++
				above++
			}
		}
		p := min(1, 2*float64(1+min(below, above))/float64(2+o.Bootstraps))
		if want := a.index.numbers()[j] - b.index.numbers()[j]; c.difference != want || c.p != p || !(c.low <= want && want <= c.high) {
			t.Errorf("%+v, want a difference of %g and p %g", c, want, p)
		}
	}
	if c := contrasts([]*organized{a, a})[0]; c.difference != 0 || c.p != 1 || c.low != 0 || c.high != 0 {
		t.Errorf("a model and itself: %+v", c)
	}
}
