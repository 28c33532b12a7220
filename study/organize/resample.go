package organize

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"

	"voxen/study/step"
)

// interval is a 95% interval over resampled subjects, NaN where there is none.
type interval struct{ low, high float64 }

// chance is what an index is where atoms have their networks by chance, and how
// surprising the index is then; NaN where it is not known.
type chance struct{ mean, p float64 }

// everySubject lists the subjects.
func (m *organized) everySubject() []int {
	all := make([]int, m.atoms.products.S)
	for s := range all {
		all[s] = s
	}
	return all
}

// leastSubjects is from how many subjects on resamplings of them say how often a
// difference of models would be turned over.
const leastSubjects = 8

// resample draws lists of subjects with replacement; models of as many subjects get the
// same lists.
func resample(subjects, draws int, seed uint64) [][]int {
	random := rand.New(rand.NewPCG(seed, 0x6f72_6761_6e69_7a65))
	lists := make([][]int, draws)
	for i := range lists {
		lists[i] = make([]int, subjects)
		for s := range lists[i] {
			lists[i][s] = random.IntN(subjects)
		}
	}
	return lists
}

// bootstrap resamples subjects and repeats best networks, assignment and indices.
func (m *organized) bootstrap(ctx context.Context, o *Options, threads int, progress func(done int)) error {
	S, numbers := m.atoms.products.S, m.index.numbers()
	if S < 2 {
		m.intervals = make([]interval, len(numbers))
		for i := range m.intervals {
			m.intervals[i] = interval{math.NaN(), math.NaN()}
		}
		progress(o.Bootstraps)
		return nil
	}
	values, err := m.over(ctx, resample(S, o.Bootstraps, o.Seed), o, threads, progress)
	if err != nil {
		return err
	}
	m.resampled = values
	m.intervals = intervalsOf(numbers, m.index.kinds(), values)
	return nil
}

// intervalsOf gives the interval of each number over resamplings in which it is known.
func intervalsOf(numbers []float64, kinds []index, values [][]float64) []interval {
	out := make([]interval, len(numbers))
	for j, x := range numbers {
		column := make([]float64, len(values))
		for i, v := range values {
			column[i] = v[j]
		}
		out[j] = about(x, column).within(x, kinds[j])
	}
	return out
}

// about is the symmetric bootstrap interval about a number (Hall 1988, Biometrika 75:713),
// x -+ d with d the 95% quantile of |x* - x| over the resamplings: it holds its point.
// Widening it for few subjects, as for a mean, covers too much where networks change by
// steps.
func about(x float64, resampled []float64) interval {
	var away []float64
	for _, y := range resampled {
		if !math.IsNaN(y - x) {
			away = append(away, math.Abs(y-x))
		}
	}
	d := step.Quantile(away, 0.95)
	return interval{x - d, x + d}
}

// within cuts the ends at the range of an index.
func (i interval) within(x float64, of index) interval {
	return interval{min(x, max(i.low, of.low)), max(x, min(i.high, of.high))}
}

// over gives the numbers of indices for lists of subjects. Most lists match the same
// atoms with the same networks, and assignment depends on nothing else, so that each
// matching is looked at once.
func (m *organized) over(ctx context.Context, lists [][]int, o *Options, threads int, progress func(done int)) ([][]float64, error) {
	same := map[string]int{} // place among the matchings
	var matchings [][]belonging
	var mine [][]int // lists of each matching
	for i, subjects := range lists {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		of := m.atoms.resampled(m.given, subjects)
		key := fmt.Sprint(of)
		at, seen := same[key]
		if !seen {
			at = len(matchings)
			same[key] = at
			matchings, mine = append(matchings, of), append(mine, nil)
		}
		mine[at] = append(mine[at], i)
	}
	values := make([][]float64, len(lists))
	err := inParallel(ctx, len(matchings), threads, func(at int) int {
		x := m.neurons.indices(matchings[at], len(m.networks), o.Threshold)
		agreement := m.atoms.agreement(matchings[at], len(m.networks))
		for _, i := range mine[at] {
			x.over(agreement, lists[i])
			values[i] = x.numbers()
		}
		return len(mine[at])
	}, progress)
	return values, err
}

// permuted gives the chance of every index: what it is over permutations of the networks
// and signs of the atoms, which says what so many atoms of each network give whichever
// they are. p is two-sided by the distance from the mean of the permutations; all is NaN
// with fewer than two atoms of a network.
func (m *organized) permuted(ctx context.Context, o *Options, threads int, progress func(done int)) error {
	numbers := m.index.numbers()
	belong := 0
	for _, b := range m.given {
		if b != none {
			belong++
		}
	}
	if belong < 2 {
		m.chances = make([]chance, len(numbers))
		for i := range m.chances {
			m.chances[i] = chance{math.NaN(), math.NaN()}
		}
		progress(o.Draws)
		return nil
	}
	random := rand.New(rand.NewPCG(o.Seed, 0x6368_616e_6365))
	orders := make([][]int, o.Draws)
	for i := range orders {
		orders[i] = random.Perm(len(m.given))
	}
	values := make([][]float64, o.Draws)
	everyone := m.everySubject()
	err := inParallel(ctx, len(orders), threads, func(i int) int {
		of := make([]belonging, len(m.given))
		for k, from := range orders[i] {
			of[k] = m.given[from]
		}
		x := m.neurons.indices(of, len(m.networks), o.Threshold)
		x.over(m.atoms.agreement(of, len(m.networks)), everyone)
		values[i] = x.numbers()
		return 1
	}, progress)
	if err != nil {
		return err
	}
	m.chances = make([]chance, len(numbers))
	for j, x := range numbers {
		m.chances[j] = chanceOf(x, values, j)
	}
	return nil
}

// chanceOf is the chance of number j, which is x, over draws in which it is known.
func chanceOf(x float64, draws [][]float64, j int) chance {
	mean, n := 0.0, 0.0
	for _, d := range draws {
		if !math.IsNaN(d[j]) {
			mean += d[j]
			n++
		}
	}
	mean /= n // NaN without any
	if math.IsNaN(x) || n == 0 {
		return chance{mean, math.NaN()}
	}
	as := 0.0
	away := math.Abs(x-mean) - 1e-12*(math.Abs(x)+math.Abs(mean)) // equal but for rounding
	for _, d := range draws {
		if math.Abs(d[j]-mean) >= away {
			as++
		}
	}
	return chance{mean, (1 + as) / (1 + n)}
}

// contrast is the difference of an index between two models.
type contrast struct {
	a, b, index   string
	difference, p float64
	interval
}

// contrasts compares the indices of all pairs of models. Their differences are paired:
// models are resampled with the same lists of subjects. Neither the stimulus nor the
// seeds of dictionaries are resampled.
func contrasts(models []*organized) []contrast {
	var out []contrast
	for i, a := range models {
		for _, b := range models[i+1:] {
			x, y := a.index.numbers(), b.index.numbers()
			for j, index := range modelNames {
				c := contrast{a.name, b.name, index.name, x[j] - y[j], math.NaN(), interval{math.NaN(), math.NaN()}}
				S := a.atoms.products.S
				if S >= leastSubjects && S == b.atoms.products.S && !math.IsNaN(c.difference) {
					c.p, c.interval = paired(c.difference, a.resampled, b.resampled, j)
				}
				out = append(out, c)
			}
		}
	}
	return out
}

// paired gives p = 2 (1 + min(b-, b+)) / (2 + N), at most 1, of a difference, with b- and
// b+ of N resamplings on either side of 0 (those at 0 on both), and its interval.
func paired(difference float64, a, b [][]float64, j int) (float64, interval) {
	var resampled []float64
	below, above := 0, 0
	for i := range a {
		d := a[i][j] - b[i][j]
		if math.IsNaN(d) {
			continue
		}
		resampled = append(resampled, d)
		if d <= 0 {
			below++
		}
		if d >= 0 {
			above++
		}
	}
	if len(resampled) == 0 {
		return math.NaN(), interval{math.NaN(), math.NaN()}
	}
	return min(1, 2*float64(1+min(below, above))/float64(2+len(resampled))), about(difference, resampled)
}

// inParallel does n tasks, each of which says how much of the whole it was.
func inParallel(ctx context.Context, n, threads int, do func(i int) int, progress func(done int)) error {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	var lock sync.Mutex
	next, done := 0, 0
	for range min(threads, n) {
		wg.Go(func() {
			for {
				lock.Lock()
				i := next
				next++
				lock.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				parts := do(i)
				lock.Lock()
				done += parts
				progress(done)
				lock.Unlock()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
