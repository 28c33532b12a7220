package eig

import (
	"cmp"
	"context"
	"math"
	"slices"

	gonum "gonum.org/v1/gonum/blas"

	"voxen/internal/blas"
	"voxen/internal/team"
)

// division finds the eigensystem of a symmetric tridiagonal matrix by divide and conquer: the matrix is torn into
// blocks, the blocks are solved by QL, and neighbours are merged pair by pair until one is left. The eigenvectors of
// rows [lo, hi) of the matrix are rows [lo, hi) of q, columns [lo, hi), in no order.
type division struct {
	*kernels
	n, ld int
	d, e  []float64
	q     []float64 // pad(n) rows
	q2, s []float64 // a copy of its rows in the order of a merge, and the vectors of the merge
	order []int     // of the values in every block, ascending, counted from its first row
	tree  [][]span  // tree[0] are the leaves, the last level is the whole

	// One element for every row, cut up like the matrix.
	z, poles, polesZ, group, groupZ, weight, org, mu []float64
	sorted, kind, kept, gone, place                  []int
}

// span is a block of rows, and where the two that it is merged from meet.
type span struct {
	lo, mid, hi int
	rho         float64 // the element that was torn out
}

// leafOrder bounds the blocks that QL solves.
const leafOrder = 24

// negligible is the size below which an element of the tridiagonal matrix, relative to the largest one, becomes 0: far
// below rounding, and no product of two others can underflow.
const negligible = 1e-40

// run replaces d by the eigenvalues, and q by the eigenvectors; order sorts them.
func (s *division) run(ctx context.Context, threads int, im blas.Implementation) error {
	s.flush()
	s.tear()
	team.Each(threads, (s.n+63)/64, func(_, i int) {
		clear(s.q[i*64*s.ld : min(i*64+64, s.n)*s.ld])
	})
	leaves := s.tree[0]
	failed := make([]error, len(leaves))
	team.Each(threads, len(leaves), func(_, i int) { failed[i] = s.leaf(leaves[i]) })
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	for _, level := range s.tree[1:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mergeLevel(threads, level, im)
	}
	return nil
}

// flush sets elements to 0 that could only cause underflow.
func (s *division) flush() {
	norm := 0.0
	for i, v := range s.d {
		norm = max(norm, math.Abs(v), math.Abs(s.e[i]))
	}
	for i := range s.d {
		if math.Abs(s.d[i]) < negligible*norm {
			s.d[i] = 0
		}
		if math.Abs(s.e[i]) < negligible*norm {
			s.e[i] = 0
		}
	}
}

// tear cuts the matrix into leaves; every cut starts at a multiple of 8.
func (s *division) tear() {
	depth := 0
	for n := s.n; n > leafOrder; n = max(pad(n/2), n-pad(n/2)) {
		depth++
	}
	for len(s.tree) <= depth {
		s.tree = append(s.tree, nil)
	}
	s.tree = s.tree[:depth+1]
	for i := range s.tree {
		s.tree[i] = s.tree[i][:0]
	}
	s.split(0, s.n, depth)
}

// split files rows [lo, hi) under the given level of the tree, and what it is made of under the levels below.
func (s *division) split(lo, hi, level int) {
	if hi-lo <= leafOrder {
		s.tree[0] = append(s.tree[0], span{lo: lo, hi: hi})
		return
	}
	mid := lo + pad((hi-lo)/2)
	rho := s.e[mid-1]
	s.d[mid-1] -= math.Abs(rho)
	s.d[mid] -= math.Abs(rho)
	s.tree[level] = append(s.tree[level], span{lo, mid, hi, rho})
	s.split(lo, mid, level-1)
	s.split(mid, hi, level-1)
}

func (s *division) leaf(b span) error {
	n := b.hi - b.lo
	q := s.q[b.lo*s.ld+b.lo:]
	for i := range n {
		q[i*s.ld+i] = 1
	}
	d := s.d[b.lo:b.hi]
	if err := s.ql(d, s.e[b.lo:b.hi], q, s.ld, pad(n)); err != nil {
		return err
	}
	sortBy(s.order[b.lo:b.hi], d)
	return nil
}

// sortBy sets order to the indices of values, ascending; the lower one of equals first.
func sortBy(order []int, values []float64) {
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := cmp.Compare(values[a], values[b]); c != 0 {
			return c
		}
		return a - b
	})
}

// mergeLevel deals whole merges out to goroutines where there are enough of them, else it deals out each one's work.
func (s *division) mergeLevel(threads int, level []span, im blas.Implementation) {
	if len(level) >= threads {
		im.Threads = 1
		team.Each(threads, len(level), func(_, i int) { s.merge(1, level[i], im) })
		return
	}
	for _, b := range level {
		s.merge(threads, b, im)
	}
}

// parallelMerge is the order of a merge from which a second goroutine gains.
const parallelMerge = 200

// merge finds the eigensystem of the block from those of its halves,
//
//	Q (D + rho z zᵀ) Qᵀ
func (s *division) merge(threads int, b span, im blas.Implementation) {
	if b.hi-b.lo < parallelMerge {
		threads, im.Threads = 1, 1
	}
	m := s.start(b)
	if !m.deflate() {
		copy(m.order, m.sorted)
		return
	}
	m.regroup()
	m.solve(threads)
	m.multiply(im)
	m.conclude()
}

// merger is a merge at work: the parts of division's arrays that belong to it.
type merger struct {
	*division
	span
	n, left int // order of the block and of its first half
	k       int // poles that are left after deflation

	d, z, poles, polesZ, group, groupZ, weight, org, mu []float64
	order, sorted, kind, kept, gone, place              []int

	strength float64 // rho of the problem with |z| = 1, positive
	count    [4]int  // of kept rows, by kind
}

// Kinds of rows: where they are not zero.
const (
	leftOnly = iota
	both
	rightOnly
)

// start forms z, the last row of the first half's vectors and the first one of the second half's, and sorts the values
// of both.
func (s *division) start(b span) *merger {
	n := b.hi - b.lo
	padded := b.lo + pad(n)
	m := &merger{division: s, span: b, n: n, left: b.mid - b.lo,
		d: s.d[b.lo:b.hi], z: s.z[b.lo:b.hi], poles: s.poles[b.lo:padded], polesZ: s.polesZ[b.lo:padded],
		group: s.group[b.lo:padded], groupZ: s.groupZ[b.lo:padded], weight: s.weight[b.lo:padded],
		org: s.org[b.lo:padded], mu: s.mu[b.lo:padded],
		order: s.order[b.lo:b.hi], sorted: s.sorted[b.lo:b.hi], kind: s.kind[b.lo:b.hi],
		kept: s.kept[b.lo:b.lo:b.hi], gone: s.gone[b.lo:b.lo:b.hi], place: s.place[b.lo:b.hi],
		strength: 2 * math.Abs(b.rho)}
	for i := range n {
		row := s.q[(b.lo+i)*s.ld:]
		if i < m.left {
			m.z[i], m.kind[i] = row[b.mid-1]*math.Sqrt(0.5), leftOnly
		} else {
			m.z[i], m.kind[i] = row[b.mid]*math.Copysign(math.Sqrt(0.5), b.rho), rightOnly
		}
	}
	i, j := 0, m.left
	for k := range n {
		if j >= n || i < m.left && m.d[m.order[i]] <= m.d[m.left+m.order[j]] {
			m.sorted[k] = m.order[i]
			i++
		} else {
			m.sorted[k] = m.left + m.order[j]
			j++
		}
	}
	return m
}

// deflate takes out the values that the merge leaves, or that a rotation with a neighbour lets it leave, within
// rounding. It returns false when all of them stay.
func (m *merger) deflate() bool {
	big := 0.0
	bigZ := 0.0
	for i, v := range m.d {
		big = max(big, math.Abs(v))
		bigZ = max(bigZ, math.Abs(m.z[i]))
	}
	tol := 8 * eps * max(big, bigZ)
	if m.strength*bigZ <= tol {
		return false
	}
	last := -1
	for _, i := range m.sorted {
		switch {
		case m.strength*math.Abs(m.z[i]) <= tol:
			m.gone = append(m.gone, i)
			continue
		case last >= 0 && m.join(last, i, tol):
			m.gone = append(m.gone, last)
		case last >= 0:
			m.kept = append(m.kept, last)
		}
		last = i
	}
	m.kept = append(m.kept, last)
	m.k = len(m.kept)
	return true
}

// join rotates rows i and j, neighbours in value, so that z of i becomes 0, when that changes the matrix by less than
// tol.
func (m *merger) join(i, j int, tol float64) bool {
	r := math.Hypot(m.z[j], m.z[i])
	c, s := m.z[j]/r, -m.z[i]/r
	if math.Abs((m.d[j]-m.d[i])*c*s) > tol {
		return false
	}
	m.z[i], m.z[j] = 0, r
	if m.kind[i] != m.kind[j] {
		m.kind[j] = both
	}
	ld := m.division.ld
	m.rotate(pad(m.n), &m.q[(m.lo+i)*ld+m.lo], &m.q[(m.lo+j)*ld+m.lo], c, s)
	a, b := m.d[i], m.d[j]
	m.d[i] = a*c*c + b*s*s
	m.d[j] = a*s*s + b*c*c
	return true
}

// regroup lists the kept poles in order of value, and again by kind, so that the zero halves of rows can be left out
// of the product. The lists are padded to what the kernels take by poles far above that weigh nothing.
func (m *merger) regroup() {
	for _, i := range m.kept {
		m.count[m.kind[i]]++
	}
	next := [3]int{0, m.count[leftOnly], m.count[leftOnly] + m.count[both]}
	for a, i := range m.kept {
		g := next[m.kind[i]]
		next[m.kind[i]]++
		m.place[g] = i
		m.poles[a], m.polesZ[a] = m.d[i], m.z[i]
		m.group[g], m.groupZ[g] = m.d[i], m.z[i]
	}
	top := m.poles[m.k-1]
	far := top + 10*(m.strength+math.Abs(top)) + 1
	for i := m.k; i < pad(m.k); i++ {
		m.poles[i], m.polesZ[i] = far, 0
		m.group[i], m.groupZ[i] = far, 0
	}
}

const (
	rootsPerTask   = 16
	weightsPerTask = 32
)

// solve finds the roots of the secular equation, then the z that has exactly these roots (Gu and Eisenstat), and the
// eigenvectors of D + rho z zᵀ for it, the rows of s. It also copies the rows of q that are kept to q2 in order of kind.
func (m *merger) solve(threads int) {
	k, ld := m.k, m.division.ld
	width := pad(m.n)
	eq := newEquation(m.kernels, m.poles[:pad(k)], m.polesZ[:pad(k)], k, m.strength)
	team.Each(threads, (k+rootsPerTask-1)/rootsPerTask, func(_, task int) {
		for j := task * rootsPerTask; j < min(k, (task+1)*rootsPerTask); j++ {
			m.org[j], m.mu[j] = eq.root(j)
			copy(m.q2[(m.lo+j)*ld+m.lo:][:width], m.q[(m.lo+m.place[j])*ld+m.lo:])
		}
	})
	team.Each(threads, (pad(k)+weightsPerTask-1)/weightsPerTask, func(_, task int) {
		i := task * weightsPerTask
		n := min(weightsPerTask, pad(k)-i)
		m.weights(n, k, &m.group[i], &m.weight[i], &m.poles[0], &m.org[0], &m.mu[0])
		for ; n > 0; i, n = i+1, n-1 {
			m.groupZ[i] = math.Copysign(math.Sqrt(math.Abs(m.weight[i])), m.groupZ[i])
		}
	})
	for i := k; i < pad(k); i++ {
		m.groupZ[i] = 0
	}
	for i, row := range m.gone {
		copy(m.q2[(m.lo+k+i)*ld+m.lo:][:width], m.q[(m.lo+row)*ld+m.lo:])
	}
	team.Each(threads, (k+rootsPerTask-1)/rootsPerTask, func(_, task int) {
		for j := task * rootsPerTask; j < min(k, (task+1)*rootsPerTask); j++ {
			row := &m.s[(m.lo+j)*ld]
			squares := m.vector(pad(k), row, &m.groupZ[0], &m.group[0], m.org[j], m.mu[j])
			m.axpby(pad(k), row, row, row, 1/math.Sqrt(squares), 0)
		}
	})
}

// multiply forms the kept rows of q anew, each half from the rows that are not zero there, and puts the others back
// behind them.
func (m *merger) multiply(im blas.Implementation) {
	k, ld := m.k, m.division.ld
	first, second := m.count[leftOnly]+m.count[both], m.count[both]+m.count[rightOnly]
	from := m.count[leftOnly]
	s, q, q2 := m.s[m.lo*ld:], m.q[m.lo*ld:], m.q2[m.lo*ld:]
	im.Dgemm(gonum.NoTrans, gonum.NoTrans, k, m.left, first, 1, s, ld, q2[m.lo:], ld, 0, q[m.lo:], ld)
	im.Dgemm(gonum.NoTrans, gonum.NoTrans, k, m.n-m.left, second, 1, s[from:], ld, q2[from*ld+m.mid:], ld, 0,
		q[m.mid:], ld)
	for i := range m.gone {
		copy(q[(k+i)*ld+m.lo:][:pad(m.n)], q2[(k+i)*ld+m.lo:])
	}
}

// conclude puts the values in the order of their rows, and sorts.
func (m *merger) conclude() {
	for i, row := range m.gone {
		m.z[i] = m.d[row]
	}
	for j := range m.k {
		m.d[j] = m.org[j] + m.mu[j]
	}
	copy(m.d[m.k:], m.z[:len(m.gone)])
	sortBy(m.order, m.d)
}
