package hdf5

import "math/bits"

// The ways in which elements are laid out.
const (
	layoutCompact    = 0 // in the object header
	layoutContiguous = 1
	layoutChunked    = 2
	layoutVirtual    = 3 // in data sets of other files
)

// The kinds of index of chunks.
const (
	indexTree1      = 0 // version 1 B-tree, of layouts before version 4
	indexSingle     = 1 // one chunk
	indexImplicit   = 2 // all chunks one after the other
	indexFixed      = 3 // fixed array
	indexExtensible = 4 // extensible array: one axis without end
	indexTree2      = 5 // version 2 B-tree: several axes without end
)

// layout says where the elements are.
type layout struct {
	class   int
	compact []byte
	addr    uint64   // of the elements, or of the index of chunks
	chunk   []uint64 // lengths of a chunk, without the element's
	index   int
	// of a layout from version 4 on:
	edgesPlain bool   // chunks that reach beyond the array are not filtered
	filtered   uint64 // bytes of a single chunk that is filtered, 0 if it is not
	mask       uint32 // its filters left out
}

// layoutOf reads a layout message; rank is that of the dataspace.
func (f *File) layoutOf(b []byte, rank int) (*layout, error) {
	c := f.cursor(b, "a data layout")
	l := &layout{}
	switch version := c.u8(); version {
	case 1, 2:
		l.old(c, rank)
	case 3, 4, 5:
		l.class = int(c.u8())
		switch l.class {
		case layoutCompact:
			l.compact = c.bytes(int(c.u16()))
		case layoutContiguous:
			l.addr = c.addr()
			c.length()
		case layoutChunked:
			if version == 3 {
				l.chunks(c, rank, int(c.u8()), c.addr)
			} else {
				l.indexed(c, rank)
			}
		case layoutVirtual:
			return nil, formatf("is a virtual data set, whose elements are in other files: copy it to one that has them")
		default:
			c.fail("is damaged: layout of class %d, expected 0 to 3", l.class)
		}
	default:
		c.fail("has a data layout of version %d, expected 1 to 5", version)
	}
	return l, c.err
}

// old reads versions 1 and 2.
func (l *layout) old(c *cursor, rank int) {
	n := int(c.u8())
	l.class = int(c.u8())
	c.skip(5)
	if l.class != layoutCompact {
		l.addr = c.addr()
	}
	switch l.class {
	case layoutCompact:
		c.skip(4 * n)
		l.compact = c.bytes(int(min(c.u32(), maxBlock)))
	case layoutContiguous:
	case layoutChunked:
		addr := l.addr
		l.chunks(c, rank, n, func() uint64 { return addr })
	default:
		c.fail("is damaged: layout of class %d, expected 0 to 2", l.class)
	}
}

// chunks reads the lengths of chunks that a version 1 B-tree finds; the last of
// n is the size of an element.
func (l *layout) chunks(c *cursor, rank, n int, addr func() uint64) {
	if n != rank+1 {
		c.fail("is damaged: chunks of %d dimensions in an array of %d", n-1, rank)
		return
	}
	l.addr = addr()
	for range rank {
		l.chunk = append(l.chunk, uint64(c.u32()))
	}
}

// indexed reads a chunked layout from version 4 on.
func (l *layout) indexed(c *cursor, rank int) {
	flags, n, width := c.u8(), int(c.u8()), int(c.u8())
	if n != rank+1 {
		c.fail("is damaged: chunks of %d dimensions in an array of %d", n-1, rank)
		return
	}
	for range rank {
		l.chunk = append(l.chunk, c.uint(width))
	}
	c.skip(width)
	l.edgesPlain = flags&1 != 0
	switch l.index = int(c.u8()); l.index {
	case indexSingle:
		if flags&2 != 0 {
			l.filtered, l.mask = c.length(), c.u32()
		}
	case indexImplicit:
	case indexFixed:
		c.skip(1)
	case indexExtensible:
		c.skip(5)
	case indexTree2:
		c.skip(6)
	default:
		c.fail("has chunks with an index of kind %d, expected 1 to 5", l.index)
	}
	l.addr = c.addr()
}

// stored is a chunk in the file.
type stored struct {
	addr uint64
	size uint64
	mask uint32 // bit i: filter i was left out
}

// maxChunks bounds the chunks of a data set.
const maxChunks = 1 << 22

// chunkIndex finds chunks by their place in the grid of chunks.
type chunkIndex struct {
	f      *File
	l      *layout
	dims   []uint64
	most   []uint64 // lengths that axes may grow to
	grid   []uint64 // chunks along each axis
	bytes  uint64   // of a chunk unpacked
	filter bool     // chunks have filters, and a size of their own
	chunks map[uint64]stored
}

// read reads the index of all chunks.
func (x *chunkIndex) read() error {
	x.chunks = map[uint64]stored{}
	if x.l.addr == undefined {
		return nil
	}
	switch x.l.index {
	case indexSingle:
		s := stored{x.l.addr, x.bytes, x.l.mask}
		if x.filter && x.l.filtered > 0 {
			s.size = x.l.filtered
		}
		return x.add(make([]uint64, len(x.grid)), s)
	case indexImplicit:
		return x.implicit()
	case indexFixed:
		return x.fixedArray()
	case indexExtensible:
		return x.extensibleArray()
	case indexTree2:
		return x.tree2()
	}
	return x.tree1()
}

// add keeps the chunk at a place of the grid. One outside of the array is what
// was left of it when it shrank.
func (x *chunkIndex) add(at []uint64, s stored) error {
	linear := uint64(0)
	for i, p := range at {
		if p >= x.grid[i] {
			return nil
		}
		linear = linear*x.grid[i] + p
	}
	switch {
	case s.addr == undefined:
		return nil // never written
	case !x.f.within(s.addr, s.size):
		return formatf("is damaged or cut off: a chunk of %d bytes at %d, the file has %d", s.size, s.addr, x.f.size)
	case len(x.chunks) == maxChunks:
		return formatf("has more than %d chunks: write it with larger ones", maxChunks)
	}
	x.chunks[linear] = s
	return nil
}

// place turns the number of a chunk in an index into its place in the grid. The
// number counts chunks of an array of the largest lengths; first is the axis
// that varies slowest, 0 unless another is without end.
func (x *chunkIndex) place(n uint64, first int) ([]uint64, bool) {
	at := make([]uint64, len(x.grid))
	order := make([]int, 0, len(at)) // axes, slowest first
	order = append(order, first)
	for i := range at {
		if i != first {
			order = append(order, i)
		}
	}
	for i := len(order) - 1; i > 0; i-- {
		axis := order[i]
		chunks := chunksAlong(x.most[axis], x.l.chunk[axis])
		if x.most[axis] == undefined || chunks == 0 {
			return nil, false
		}
		at[axis], n = n%chunks, n/chunks
	}
	at[first] = n
	return at, true
}

// chunksAlong is how many chunks of a length cover an axis.
func chunksAlong(n, chunk uint64) uint64 {
	if n == 0 {
		return 0
	}
	return (n-1)/chunk + 1
}

// addNumbered keeps the chunk of a number in an index.
func (x *chunkIndex) addNumbered(n uint64, first int, s stored) error {
	at, ok := x.place(n, first)
	if !ok {
		return formatf("is damaged: chunks of an array without end in an index that is for others")
	}
	return x.add(at, s)
}

// tree1 reads a version 1 B-tree: keys are size, filters left out, and the
// chunk's first element.
func (x *chunkIndex) tree1() error {
	rank := len(x.grid)
	at := make([]uint64, rank)
	return x.f.eachLeaf1(x.l.addr, 1, 8+8*(rank+1), func(key []byte, child uint64) error {
		c := x.f.cursor(key, "a chunk")
		s := stored{addr: child, size: uint64(c.u32()), mask: c.u32()}
		for i := range at {
			first := c.uint(8)
			if first%x.l.chunk[i] != 0 {
				return formatf("is damaged: a chunk that begins at %d of an axis, expected a multiple of %d", first, x.l.chunk[i])
			}
			at[i] = first / x.l.chunk[i]
		}
		if c.err != nil {
			return c.err
		}
		return x.add(at, s)
	})
}

// tree2 reads a version 2 B-tree of addresses and places, with sizes where there
// are filters.
func (x *chunkIndex) tree2() error {
	rank := len(x.grid)
	kind := uint8(10)
	if x.filter {
		kind = 11
	}
	at := make([]uint64, rank)
	return x.f.eachRecord2(x.l.addr, kind, func(record []byte) error {
		c := x.f.cursor(record, "a chunk")
		s := x.entry(c, len(record)-8*rank)
		for i := range at {
			at[i] = c.uint(8)
		}
		if c.err != nil {
			return c.err
		}
		return x.add(at, s)
	})
}

// entry reads the address of a chunk, and where there are filters its size and
// those left out, of n bytes in all.
func (x *chunkIndex) entry(c *cursor, n int) stored {
	s := stored{addr: c.addr(), size: x.bytes}
	if x.filter {
		s.size, s.mask = c.uint(n-x.f.offsets-4), c.u32()
	}
	return s
}

// implicit chunks lie one after the other without filters.
func (x *chunkIndex) implicit() error {
	n := uint64(1)
	for i := range x.grid {
		hi, lo := bits.Mul64(n, chunksAlong(x.most[i], x.l.chunk[i]))
		if hi != 0 || x.most[i] == undefined {
			return formatf("is damaged: an array without end whose chunks lie one after the other")
		}
		n = lo
	}
	if hi, total := bits.Mul64(n, x.bytes); hi != 0 || !x.f.within(x.l.addr, total) {
		return formatf("is damaged or cut off: %d chunks of %d bytes at %d, the file has %d", n, x.bytes, x.l.addr, x.f.size)
	}
	if n > maxChunks {
		return formatf("has more than %d chunks: write it with larger ones", maxChunks)
	}
	for i := range n {
		if err := x.addNumbered(i, 0, stored{addr: x.l.addr + i*x.bytes, size: x.bytes}); err != nil {
			return err
		}
	}
	return nil
}

// fixedArray reads a block of entries, in pages where there are many.
func (x *chunkIndex) fixedArray() error {
	f := x.f
	c, err := f.block(x.l.addr, 8+f.lengths+f.offsets+4, "FAHD", "an index of chunks")
	if err != nil {
		return err
	}
	c.skip(2)
	e := entries{x: x, entry: int(c.u8()), pageBits: int(c.u8())}
	n, addr := c.length(), c.addr()
	if c.checksum(); c.err != nil {
		return c.err
	}
	if addr == undefined {
		return nil
	}
	if e.pageBits > 62 || n > uint64(f.size) {
		return formatf("is damaged: an index of %d chunks in a file of %d bytes", n, f.size)
	}
	return e.dataBlock(addr, "FADB", 0, n)
}

// entries reads blocks of entries of a fixed or extensible array.
type entries struct {
	x        *chunkIndex
	entry    int // bytes
	pageBits int // log2 of the entries of a page; a block of at most one has none
	offset   int // bytes of the offset in a block's head: of an extensible array
	first    int // the axis without end
}

// dataBlock reads n entries from number first on. That of a fixed array may be in
// pages, behind a head that has a bit for each page that was written; what pages
// an extensible array has its secondary blocks say.
func (e *entries) dataBlock(addr uint64, sign string, first, n uint64) error {
	f := e.x.f
	head := uint64(6 + f.offsets + e.offset)
	page := uint64(1) << e.pageBits
	if n <= page {
		c, err := e.entriesBlock(addr, sign, head, n)
		if err != nil {
			return err
		}
		return e.take(c, first, n)
	}
	pages := (n-1)/page + 1
	bitmap := (pages + 7) / 8
	if sign != "FADB" || bitmap > uint64(f.size) {
		return formatf("is damaged: an index of %d pages in a file of %d bytes", pages, f.size)
	}
	c, err := f.block(addr, int(head+bitmap+4), sign, "an index of chunks")
	if err != nil {
		return err
	}
	c.skip(int(head) - 4)
	written := c.bytes(int(bitmap))
	if c.checksum(); c.err != nil {
		return c.err
	}
	return e.pages(addr+head+bitmap+4, written, 0, first, n)
}

// pages reads the pages of n entries that a map, from one of its bits on, says
// are written. The last may be short.
func (e *entries) pages(addr uint64, written []byte, bit, first, n uint64) error {
	page := uint64(1) << e.pageBits
	for p := uint64(0); p*page < n; p++ {
		here := min(page, n-p*page)
		if at := bit + p; written[at/8]&(0x80>>(at%8)) != 0 {
			c, err := e.entriesBlock(addr, "", 0, here)
			if err != nil {
				return err
			}
			if err := e.take(c, first+p*page, here); err != nil {
				return err
			}
		}
		addr += page*uint64(e.entry) + 4
	}
	return nil
}

// entriesBlock reads a block of a head, n entries and a checksum; the cursor is
// at the first entry.
func (e *entries) entriesBlock(addr uint64, sign string, head, n uint64) (*cursor, error) {
	size := head + n*uint64(e.entry) + 4
	if n > maxChunks*16 || size > maxBlock*16 {
		return nil, formatf("is damaged: an index of %d chunks", n)
	}
	c, err := e.x.f.block(addr, int(size), sign, "an index of chunks")
	if err != nil {
		return nil, err
	}
	end := *c
	end.skip(int(size) - len(sign) - 4)
	if end.checksum(); end.err != nil {
		return nil, end.err
	}
	c.skip(int(head) - len(sign))
	return c, c.err
}

func (e *entries) take(c *cursor, first, n uint64) error {
	for i := range n {
		s := e.x.entry(c, e.entry)
		if c.err != nil {
			return c.err
		}
		if s.addr == undefined {
			continue
		}
		if err := e.x.addNumbered(first+i, e.first, s); err != nil {
			return err
		}
	}
	return nil
}

// extensible is the shape of an extensible array: entries in the index block,
// then data blocks whose size and number double in turn from one super block to
// the next. The index block has the addresses of the first data blocks, then of
// secondary blocks, which have those of theirs.
type extensible struct {
	entries
	maxBits  int    // of the number of entries
	inIndex  uint64 // entries in the index block
	smallest uint64 // entries of the first data blocks
	pointers uint64 // the least number of data blocks in a secondary block
	set      uint64 // entries that were set
}

// extensibleArray reads the index of an array with one axis without end.
func (x *chunkIndex) extensibleArray() error {
	f := x.f
	c, err := f.block(x.l.addr, 12+6*f.lengths+f.offsets+4, "EAHD", "an index of chunks")
	if err != nil {
		return err
	}
	c.skip(2)
	e := &extensible{entries: entries{x: x, entry: int(c.u8())}}
	e.maxBits = int(c.u8())
	e.inIndex, e.smallest, e.pointers = uint64(c.u8()), uint64(c.u8()), uint64(c.u8())
	e.pageBits = int(c.u8())
	c.skip(4 * f.lengths)
	e.set = c.length()
	c.length()
	addr := c.addr()
	c.checksum()
	power := func(n uint64) bool { return n > 0 && n&(n-1) == 0 }
	if !power(e.smallest) || !power(e.pointers) || e.maxBits > 64 || e.maxBits < bits.Len64(e.smallest)-1 || e.pageBits > 62 {
		c.fail("is damaged: an index of chunks of 2^%d with blocks of %d", e.maxBits, e.smallest)
	}
	if c.err != nil || addr == undefined {
		return c.err
	}
	e.offset = (e.maxBits + 7) / 8
	for i, m := range x.most {
		if m == undefined {
			e.first = i
		}
	}
	return e.indexBlock(addr)
}

// superBlock returns how many data blocks super block u has, and the entries in
// each.
func (e *extensible) superBlock(u int) (blocks, each uint64) {
	return 1 << (u / 2), e.smallest << ((u + 1) / 2)
}

func (e *extensible) indexBlock(addr uint64) error {
	f := e.x.f
	supers := 1 + e.maxBits - (bits.Len64(e.smallest) - 1)
	direct := 2 * (bits.Len64(e.pointers) - 1) // super blocks whose data blocks are named here
	blocks := 2 * (e.pointers - 1)
	size := 6 + f.offsets + int(e.inIndex)*e.entry + (int(blocks)+max(supers-direct, 0))*f.offsets + 4
	c, err := f.block(addr, size, "EAIB", "an index of chunks")
	if err != nil {
		return err
	}
	end := *c
	end.skip(size - 8)
	if end.checksum(); end.err != nil {
		return end.err
	}
	c.skip(2 + f.offsets)
	if err := e.take(c, 0, e.inIndex); err != nil {
		return err
	}
	first := e.inIndex
	for u := 0; u < supers && first < e.set; u++ {
		n, each := e.superBlock(u)
		if u >= direct {
			if err := e.secondary(c.addr(), first, n, each); err != nil {
				return err
			}
			first += n * each
			continue
		}
		for range n {
			if at := c.addr(); at != undefined && c.err == nil {
				if err := e.dataBlock(at, "EADB", first, each); err != nil {
					return err
				}
			}
			first += each
		}
	}
	return c.err
}

// secondary reads the data blocks of a secondary block. Before their addresses
// is a map with a bit for each page of each of them, block after block, in whole
// bytes per block.
func (e *extensible) secondary(addr, first, n, each uint64) error {
	if addr == undefined {
		return nil
	}
	f := e.x.f
	page := uint64(1) << e.pageBits
	bitmap := uint64(0) // bytes for each data block
	if each > page {
		bitmap = (each/page + 7) / 8
	}
	size := uint64(6+f.offsets+e.offset) + n*(bitmap+uint64(f.offsets)) + 4
	if n > maxChunks || bitmap > maxChunks || size > maxBlock {
		return formatf("is damaged: an index of chunks with %d blocks of %d", n, each)
	}
	c, err := f.block(addr, int(size), "EASB", "an index of chunks")
	if err != nil {
		return err
	}
	end := *c
	end.skip(int(size) - 8)
	if end.checksum(); end.err != nil {
		return end.err
	}
	c.skip(2 + f.offsets + e.offset)
	maps := c.bytes(int(n * bitmap))
	for i := range n {
		at := c.addr()
		switch {
		case c.err != nil:
			return c.err
		case at == undefined:
		case bitmap == 0:
			err = e.dataBlock(at, "EADB", first+i*each, each)
		default:
			head := uint64(6 + f.offsets + e.offset + 4)
			err = e.pages(at+head, maps, i*(each/page), first+i*each, each)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
