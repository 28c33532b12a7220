package eig

import (
	"context"

	gonum "gonum.org/v1/gonum/blas"

	"voxen/internal/blas"
	"voxen/internal/team"
)

// reduction brings a symmetric matrix A to tridiagonal form by Householder reflectors Hi = I - tau[i] v vᵀ,
//
//	T = H1 H2 ... Hn-1 A Hn-1 ... H2 H1
//
// from the last row up, so that row i of the row-major lower triangle becomes v of Hi: i elements, the last one 1.
//
// Reflectors are gathered in panels. Within a panel A stays as it was, and the reflectors so far act on a row or a
// product through the panel's vectors v and w:
//
//	A - sum (v wᵀ + w vᵀ)
//
// which is applied to the remaining triangle, as one matrix product, when the panel is full.
//
// The work on a column is cut into lanes, whose number depends on the order alone, and lanes are dealt out to
// goroutines; sums go over the lanes in their order. So the bits do not depend on the number of goroutines.
type reduction struct {
	*kernels
	n, ld     int
	a         []float64 // pad(n) rows; squares of 8 on the diagonal are whole
	d, e, tau []float64
	vw        []float64 // row 2p is v and row 2p+1 is w of column p of the panel
	wv        []float64 // the same, the two of a pair exchanged
	lanes     []lane
	hands     []hand

	alpha float64 // the element beside the diagonal of the current row
	order int     // of what the current panel started with
	live  []lane  // lanes of the current panel
}

// lane is a fixed share of the work on a column: a range of its elements, and every so many-th block of rows.
type lane struct {
	lo, hi  int       // its columns
	y       []float64 // A v over its blocks of rows
	dots    []float64 // of the rows of vw with v, over its columns
	squares float64   // of the current row over its columns
	yv      float64   // y times v
	_       [64]byte
}

// hand is what one goroutine keeps for itself.
type hand struct {
	v []float64 // the current reflector
	c []float64 // coefficients of the rows of vw
	_ [80]byte
}

const (
	panelWidth = 32
	maxLanes   = 16
)

// lanesFor is the number of lanes of a panel that starts at order m.
func lanesFor(m int) int {
	switch {
	case m < 512:
		return 1
	case m < 2048:
		return 4
	case m < 4096:
		return 8
	}
	return maxLanes
}

// widthFor is the number of columns of the panel that starts at order m.
func widthFor(m int) int {
	if m < 160 {
		return min(m, panelWidth/2)
	}
	return min(m, panelWidth)
}

func (r *reduction) run(ctx context.Context, threads int, im blas.Implementation) error {
	r.e[r.n-1] = 0
	for m := r.n; m > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		width := widthFor(m)
		r.panel(threads, m, m-width)
		m -= width
		if m > 0 {
			r.update(im, m, width)
		}
	}
	return nil
}

// update applies a full panel to the leading triangle of order m.
func (r *reduction) update(im blas.Implementation, m, width int) {
	for q := 0; q < 2*width; q += 2 {
		copy(r.wv[q*r.ld:][:m], r.vw[(q+1)*r.ld:])
		copy(r.wv[(q+1)*r.ld:][:m], r.vw[q*r.ld:])
	}
	im.Dgemmt(gonum.Lower, gonum.Trans, gonum.NoTrans, m, 2*width, -1, r.vw, r.ld, r.wv, r.ld, 1, r.a, r.ld)
	wholeSquares(r.a, 0, m, r.ld)
}

// wholeSquares copies the lower triangle of every square of 8 on the diagonal, in rows [lo, hi), to its upper one.
func wholeSquares(a []float64, lo, hi, ld int) {
	for i := lo; i < hi; i++ {
		for j := i &^ 7; j < i; j++ {
			a[j*ld+i] = a[i*ld+j]
		}
	}
}

// panel reduces rows m-1 down to lo.
func (r *reduction) panel(threads, m, lo int) {
	r.order = m
	r.live = r.lanes[:lanesFor(m)]
	vectors := pad(m) / 8
	for g := range r.live {
		r.live[g].lo = 8 * (g * vectors / len(r.live))
		r.live[g].hi = 8 * ((g + 1) * vectors / len(r.live))
	}
	threads = min(threads, len(r.live))
	bar := newBarrier(threads, r.pause)
	team.Fork(threads, func(t int) {
		mine := r.live[t*len(r.live)/threads : (t+1)*len(r.live)/threads]
		for i := m - 1; i >= lo; i-- {
			r.column(bar, &r.hands[t], mine, t*len(r.live)/threads, i)
		}
	})
}

// column reduces row i. Between two barriers a goroutine writes only what belongs to its lanes, the first of which has
// number first.
func (r *reduction) column(bar *barrier, h *hand, mine []lane, first, i int) {
	p := r.order - 1 - i
	for g := range mine {
		r.row(&mine[g], h, i, p)
	}
	bar.wait()
	if i == 0 {
		return
	}
	beta, tau, scale := householder(r.alpha, r.squares())
	if first == 0 {
		r.e[i-1], r.tau[i] = beta, tau
	}
	n := pad(i)
	v := h.v[:n]
	if tau != 0 {
		row := &r.a[i*r.ld]
		r.axpby(n, &v[0], row, row, scale, 0)
		v[i-1] = 1
		for k := range mine {
			g := k
			if i%2 == 1 {
				g = len(mine) - 1 - k
			}
			r.product(&mine[g], first+g, i, v, p)
		}
	} else {
		clear(v)
	}
	bar.wait()
	half := r.half(h, tau, p)
	for g := range mine {
		r.finish(&mine[g], h, i, p, tau, half)
	}
	r.gather(h, i, p, tau, half)
}

// row brings the lane's part of row i up to date, takes its last two elements out, and sums its squares.
func (r *reduction) row(l *lane, h *hand, i, p int) {
	lo, hi := l.lo, min(l.hi, pad(i+1))
	l.squares = 0
	if lo >= hi {
		return
	}
	row := r.a[i*r.ld:]
	if p > 0 {
		r.combine(hi-lo, 2*p, &h.c[0], &r.vw[lo], 8*r.ld, &row[lo])
	}
	for c := max(lo, i-1); c < hi; c++ {
		switch c {
		case i - 1:
			r.alpha = row[c]
		case i:
			r.d[i] = row[c]
		}
		row[c] = 0
	}
	l.squares = r.dot(hi-lo, &row[lo], &row[lo])
}

// squares is the sum of squares of the current row, in the order of the lanes.
func (r *reduction) squares() float64 {
	sum := 0.0
	for g := range r.live {
		sum += r.live[g].squares
	}
	return sum
}

// product forms lane number g's share of A v and of the products of the panel with v. Every other column goes through
// the rows backwards: what the last one left in the cache is then used first, rather than thrown out.
func (r *reduction) product(l *lane, g, i int, v []float64, p int) {
	n := len(v)
	y := l.y[:n]
	clear(y)
	first, step := g*r.rows, len(r.live)*r.rows
	blocks := (n - first + step - 1) / step
	for k := range blocks {
		b := first + k*step
		if i%2 == 1 {
			b = first + (blocks-1-k)*step
		}
		r.symv(b, &r.a[b*r.ld], 8*r.ld, &v[0], &y[0])
	}
	l.yv = r.dot(n, &y[0], &v[0])
	lo, hi := l.lo, min(l.hi, n)
	if lo >= hi {
		clear(l.dots[:2*p])
		return
	}
	for q := 0; q < 2*p; q += r.rows {
		r.dots(hi-lo, &r.vw[q*r.ld+lo], 8*r.ld, &v[lo], &l.dots[q])
	}
}

// half sums the products of the panel with v over the lanes, into the coefficients of w, and returns tau wᵀv / 2, where
//
//	w = tau (A v - sum (V (Wᵀv) + W (Vᵀv)))
func (r *reduction) half(h *hand, tau float64, p int) float64 {
	if tau == 0 {
		return 0
	}
	yv, both := 0.0, 0.0
	for g := range r.live {
		yv += r.live[g].yv
	}
	for q := 0; q < 2*p; q += 2 {
		v, w := 0.0, 0.0
		for g := range r.live {
			v += r.live[g].dots[q]
			w += r.live[g].dots[q+1]
		}
		h.c[q], h.c[q+1] = w, v
		both += v * w
	}
	return tau * tau * (yv - 2*both) / 2
}

// finish writes the lane's part of v and of w - half v into the panel, and of v into row i.
func (r *reduction) finish(l *lane, h *hand, i, p int, tau, half float64) {
	lo, hi := l.lo, min(l.hi, pad(i+1))
	if lo >= hi {
		return
	}
	vp, wp := r.vw[2*p*r.ld:][lo:hi], r.vw[(2*p+1)*r.ld:][lo:hi]
	end := min(hi, pad(i))
	clear(vp)
	clear(wp)
	if tau == 0 || lo >= end {
		clear(r.a[i*r.ld:][lo:hi])
		return
	}
	n := end - lo
	v := h.v[lo:end]
	copy(vp, v)
	copy(r.a[i*r.ld:][lo:hi], vp)
	for g := range r.live {
		y := &r.live[g].y[lo]
		r.axpby(n, &wp[0], &wp[0], y, 1, 1)
	}
	if p > 0 {
		r.combine(n, 2*p, &h.c[0], &r.vw[lo], 8*r.ld, &wp[0])
	}
	r.axpby(n, &wp[0], &wp[0], &v[0], tau, -half)
	for c := max(lo, i); c < hi; c++ {
		wp[c-lo] = 0
	}
}

// gather collects the coefficients that bring row i-1 up to date. Its element of the newest w belongs to a lane that
// may still be at work on it, so it is formed once more.
func (r *reduction) gather(h *hand, i, p int, tau, half float64) {
	c := i - 1
	newest, one := 0.0, 0.0
	if tau != 0 {
		one = 1
		for g := range r.live {
			newest += r.live[g].y[c]
		}
		for q := range 2 * p {
			newest -= h.c[q] * r.vw[q*r.ld+c]
		}
		newest = tau*newest - half
	}
	for q := 0; q < 2*p; q += 2 {
		h.c[q], h.c[q+1] = r.vw[(q+1)*r.ld+c], r.vw[q*r.ld+c]
	}
	h.c[2*p], h.c[2*p+1] = newest, one
}
