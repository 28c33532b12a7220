package blas

// part is the part of C that a product computes.
type part int

const (
	whole part = iota
	upper      // j >= i
	lower      // j <= i
)

// product is C = alpha*A*B + beta*C, A m x k, B k x n, or a triangle of it.
type product[T Float] struct {
	m, n, k     int
	alpha, beta T
	a, b        source[T]
	c           []T
	ldc         int
	part        part
}

// maxBlock bounds the packed block of A, in elements: 16 MiB of float32, which stays in a server's last cache.
const maxBlock = 4 << 20

// block is the packed part of A and the way the work over it is cut.
type block struct {
	i0, mb     int // rows of A and C
	p0, kb     int // the run of k
	kc         int // longest run that one tile sums
	panels     int // of A
	stride     int // elements of a packed panel of A
	nc, chunks int // columns of B per task, and number of tasks
}

func (b *block) runs() int { return (b.kb + b.kc - 1) / b.kc }

// panel returns the first row, within the block, and the height of panel i: heights differ by at most 1.
func (b *block) panel(i int) (row, height int) {
	h, more := b.mb/b.panels, b.mb%b.panels
	return i*h + min(i, more), h + btoi(i < more)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// run computes the product. Neither the number of goroutines nor the cutting of m and n touches the order in which an
// element of C is summed.
func run[T Float](im Implementation, g *product[T]) {
	if g.m == 0 || g.n == 0 {
		return
	}
	if g.k == 0 || g.alpha == 0 {
		g.scale(0, g.m, 0, g.n)
		return
	}
	ks := kernelsOf[T](im.Level)
	c := newCrew[T](im, float64(g.m)*float64(g.n)*float64(g.k) >= smallWork)
	defer c.release()
	eachPart(ks, g.m, g.k, func(b *block) {
		g.cut(ks, b, len(c.bufs))
		a := grow(&c.bufs[0].a, b.size())
		g.a.packBlock(ks, b, c, a)
		g.multiply(ks, b, c, a)
	})
}

// eachPart calls f for the blocks of A, m x k, that are packed at a time, in the order of k. They depend on m and k alone.
func eachPart[T Float](ks *kernels[T], m, k int, f func(b *block)) {
	kc := ks.depth(k)
	rows := evenly(m, ks.mc, ks.mr)
	depth := max(1, maxBlock/(rows*kc)) * kc
	for p0 := 0; p0 < k; p0 += depth {
		for i0 := 0; i0 < m; i0 += rows {
			b := &block{i0: i0, mb: min(rows, m-i0), p0: p0, kb: min(depth, k-p0), kc: kc}
			b.panels = (b.mb + ks.mr - 1) / ks.mr
			_, tallest := b.panel(0)
			b.stride = min(kc, b.kb)*tallest + 16
			f(b)
		}
	}
}

// size is the number of elements of a packed block of A.
func (b *block) size() int { return b.panels * b.runs() * b.stride }

// evenly divides n into the fewest parts of at most most, multiples of unit but for the last, of equal size.
func evenly(n, most, unit int) int {
	parts := (n + most - 1) / most
	size := (n + parts - 1) / parts
	return (size + unit - 1) / unit * unit
}

// cut chooses the columns per task: nc where there are enough of them, fewer where threads would be idle.
func (g *product[T]) cut(ks *kernels[T], b *block, threads int) {
	want := threads
	if g.part != whole {
		want *= 4 // the tasks of a triangle differ in work
	}
	b.nc = ks.nc
	if threads > 1 {
		b.nc = min(b.nc, max(g.n/want, ks.nr))
		// as many tasks for one as for another
		parts := (g.n + b.nc - 1) / b.nc
		parts = (parts + threads - 1) / threads * threads
		b.nc = max((g.n+parts-1)/parts, ks.nr)
	}
	b.nc = evenly(g.n, b.nc, ks.nr)
	b.chunks = (g.n + b.nc - 1) / b.nc
}

// packBlock packs a block of A, panel by panel, run by run.
func (s *source[T]) packBlock(ks *kernels[T], b *block, c *crew[T], dst []T) {
	c.each(b.panels, func(t, i int) {
		row, h := b.panel(i)
		for q := range b.runs() {
			p := q * b.kc
			s.pack(ks, c.bufs[t], dst[(q*b.panels+i)*b.stride:], h, b.i0+row, h, b.p0+p, min(b.kc, b.kb-p))
		}
	})
}

// multiply takes the tasks of a block, packed in a: each is a chunk of columns of C.
func (g *product[T]) multiply(ks *kernels[T], b *block, c *crew[T], a []T) {
	c.each(b.chunks, func(t, chunk int) {
		j0 := chunk * b.nc
		w := min(b.nc, g.n-j0)
		if b.p0 == 0 && g.beta != 0 && g.beta != 1 {
			g.scale(b.i0, b.i0+b.mb, j0, j0+w)
		}
		k := &chunkTask[T]{product: g, ks: ks, block: b, buf: c.bufs[t], a: a, j0: j0, w: w, next: len(c.bufs) * b.nc}
		k.run()
	})
}

// scale multiplies the part of C in rows [i0, i1), columns [j0, j1) by beta; beta 0 sets it without reading.
func (g *product[T]) scale(i0, i1, j0, j1 int) {
	if g.beta == 1 {
		return
	}
	for i := i0; i < i1; i++ {
		lo, hi := g.columns(i, j0, j1)
		if lo >= hi {
			continue
		}
		row := g.c[i*g.ldc:][lo:hi]
		if g.beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= g.beta
		}
	}
}

// columns clips the columns [j0, j1) of row i to the part of C that is computed.
func (g *product[T]) columns(i, j0, j1 int) (lo, hi int) {
	switch g.part {
	case upper:
		return max(j0, i), j1
	case lower:
		return j0, min(j1, i+1)
	}
	return j0, j1
}

// chunkTask is the work on one chunk of columns of one block.
type chunkTask[T Float] struct {
	*product[T]
	ks     *kernels[T]
	block  *block
	buf    *buffers[T]
	a      []T // packed
	j0, w  int
	p0, kb int // the run of k at work
	stride int // elements of a packed panel of B
	panels int // of B
	q      int // number of the run
	next   int // columns from this chunk to the one that this goroutine is likely to take next
	acc    int
}

func (t *chunkTask[T]) run() {
	b, nr := t.block, t.ks.nr
	t.panels = (t.w + nr - 1) / nr
	t.stride = min(b.kc, b.kb)*nr + 16
	packed := grow(&t.buf.b, t.panels*t.stride)
	for t.q = range b.runs() {
		t.p0 = b.p0 + t.q*b.kc
		t.kb = min(b.kc, b.p0+b.kb-t.p0)
		t.acc = btoi(t.p0 > 0 || t.beta != 0)
		t.packB(packed)
		for i := range b.panels {
			for j := range t.panels {
				t.tile(packed[j*t.stride:], i, j)
			}
		}
	}
}

// packB packs the run of k at work of the chunk's columns, whole panels at once where B lies along the columns: the
// hardware prefetches long rows, not columns of panels.
func (t *chunkTask[T]) packB(dst []T) {
	nr, from := t.ks.nr, &t.product.b
	j := 0
	if from.deep && from.stored == whole && t.w >= nr {
		j = t.w / nr
		from.packFull(t.ks, dst, t.j0, j, t.p0, t.kb, t.stride)
	}
	for ; j < t.panels; j++ {
		from.pack(t.ks, t.buf, dst[j*t.stride:], nr, t.j0+j*nr, min(nr, t.w-j*nr), t.p0, t.kb)
	}
}

// tile computes the tile of panel i of A and panel j of B, unless all of it lies outside the part of C that is wanted.
func (t *chunkTask[T]) tile(b []T, i, j int) {
	nr := t.ks.nr
	row, h := t.block.panel(i)
	row += t.block.i0
	col := t.j0 + j*nr
	w := min(nr, t.j0+t.w-col)
	inside := w == nr || t.ks.masked
	switch t.part {
	case upper:
		if col+w-1 < row {
			return
		}
		inside = inside && col >= row+h-1
	case lower:
		if col > row+h-1 {
			return
		}
		inside = inside && col+w-1 <= row
	}
	x := tileTask[T]{b: b, i: i, j: j, row: row, h: h, col: col, w: w}
	if inside {
		t.compute(&x, t.c[row*t.ldc+col:], t.ldc)
		return
	}
	t.aside(&x)
}

// tileTask is one tile: panels i and j, rows [row, row+h) and columns [col, col+w) of C.
type tileTask[T Float] struct {
	b              []T
	i, j           int
	row, h, col, w int
}

// compute runs the kernel on C or on a copy of it.
func (t *chunkTask[T]) compute(x *tileTask[T], c []T, ldc int) {
	a := &t.a[(t.q*t.block.panels+x.i)*t.block.stride]
	pf, pitch := t.prefetch(x.i, x.j)
	if pf == nil { // not an address: asking for an unmapped one costs a page walk each time
		pf, pitch = a, 0
	}
	t.ks.tile[x.h](t.kb, a, &x.b[0], &c[0], ldc*sizeOf[T](), t.alpha, t.acc, pf, pitch, mask(x.w))
}

// prefetch says what the tile of panels i and j asks for while it computes: the first tiles of a row of tiles the next
// panel of A, the others their share of the block of B that is packed next.
func (t *chunkTask[T]) prefetch(i, j int) (from *T, pitch int) {
	b, nr, np := t.block, t.ks.nr, t.panels
	turns := t.kb / 4 // of the tile's loop, each prefetches one row of nr elements
	forA := min((b.stride+turns*nr-1)/(turns*nr+1), np/2)
	if j < forA {
		return at(t.a, (t.q*b.panels+i+1)*b.stride+j*turns*nr), nr * sizeOf[T]()
	}
	e := i*(np-forA) + j - forA
	quarter, panel := e/np, e%np
	if quarter > 3 {
		return nil, 0
	}
	p, x := t.p0+b.kc, t.j0+panel*nr
	if t.q+1 == b.runs() {
		p, x = b.p0, x+t.next
	}
	return t.product.b.ahead(x, p+quarter*turns), t.product.b.pitch()
}

// mask has its lowest w bits set.
func mask(w int) uint32 { return uint32(uint64(1)<<w - 1) }

// aside computes a tile that C cannot take in place in a copy of it, with the same arithmetic.
func (t *chunkTask[T]) aside(x *tileTask[T]) {
	nr := t.ks.nr
	tile := grow(&t.buf.tile, t.ks.mr*nr)
	if t.acc != 0 {
		for i := range x.h {
			if lo, hi := t.columns(x.row+i, x.col, x.col+x.w); lo < hi {
				copy(tile[i*nr+lo-x.col:], t.c[(x.row+i)*t.ldc:][lo:hi])
			}
		}
	}
	t.compute(x, tile, nr)
	for i := range x.h {
		if lo, hi := t.columns(x.row+i, x.col, x.col+x.w); lo < hi {
			copy(t.c[(x.row+i)*t.ldc:][lo:hi], tile[i*nr+lo-x.col:])
		}
	}
}
