package hdf5

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"sync"
)

// Chunks reads a data set that is stored in chunks. Chunks that were unpacked
// are kept up to the bytes of Keep, so that a pass over blocks of columns unpacks
// each once if a column of chunks fits; EachChunk may be called from several
// goroutines at once.
type Chunks struct {
	d     *Dataset
	chunk []int // lengths of a chunk
	grid  []int // chunks along each axis
	bytes int   // of a chunk unpacked
	index map[uint64]stored
	cache cache
}

// Chunk is a chunk unpacked: Bytes has all its elements, last axis fastest, with
// those beyond the array's end.
type Chunk struct {
	Start []int // its first element
	Shape []int // its lengths within the array; rows of Bytes may be longer
	Full  []int // its lengths in Bytes
	Bytes []byte
}

// Chunks reads the index of the chunks. None are kept unless Keep says so.
func (d *Dataset) Chunks() (*Chunks, error) {
	if d.refused != nil {
		return nil, d.refused
	}
	rank := len(d.Shape)
	if d.layout.class != layoutChunked || rank == 0 || d.Type.Size == 0 {
		return nil, formatf("is damaged: %s has no chunks", clean(d.Name))
	}
	c := &Chunks{d: d}
	x := chunkIndex{f: d.f, l: d.layout, most: d.most, bytes: uint64(d.Type.Size), filter: len(d.filters) > 0}
	for i, n := range d.layout.chunk {
		if n == 0 || n > math.MaxInt32 {
			return nil, formatf("is damaged: chunks of %d", d.layout.chunk)
		}
		hi, lo := bits.Mul64(x.bytes, n)
		if x.bytes = lo; hi != 0 || lo > math.MaxUint32 {
			return nil, formatf("is damaged: chunks of %d elements of %d bytes", d.layout.chunk, d.Type.Size)
		}
		x.dims = append(x.dims, uint64(d.Shape[i]))
		x.grid = append(x.grid, chunksAlong(uint64(d.Shape[i]), n))
		c.chunk, c.grid = append(c.chunk, int(n)), append(c.grid, int(chunksAlong(uint64(d.Shape[i]), n)))
	}
	c.bytes = int(x.bytes)
	if err := x.read(); err != nil {
		return nil, err
	}
	c.index = x.chunks
	c.cache.entries = map[uint64]*cached{}
	return c, c.check()
}

// check refuses chunks that cannot have the size they should.
func (c *Chunks) check() error {
	least := smallest(c.d.filters, uint64(c.bytes))
	for _, s := range c.index {
		if s.size < least && s.mask == 0 || s.size > 2*uint64(c.bytes)+4096 {
			return formatf("is damaged: a chunk of %d bytes in the file, of %d unpacked", s.size, c.bytes)
		}
	}
	return nil
}

// Shape returns the lengths of a chunk.
func (c *Chunks) Shape() []int { return c.chunk }

// Bytes returns the size of a chunk unpacked.
func (c *Chunks) Bytes() int64 { return int64(c.bytes) }

// Keep sets how many bytes of chunks are kept unpacked between reads. It is called
// before anything is read.
func (c *Chunks) Keep(n int64) { c.cache.limit = n }

// EachChunk calls visit for all chunks that hold elements from start on, count
// along each axis. Chunks follow each other along the axis fast first: of the
// chunks that a block of columns shares with the next block those in the last
// strip are then the ones used last, and kept. The bytes are valid during the
// call and must not be changed.
func (c *Chunks) EachChunk(ctx context.Context, start, count []int, fast int, visit func(Chunk) error) error {
	rank := len(c.chunk)
	first, last := make([]int, rank), make([]int, rank)
	for i := range rank {
		if start[i] < 0 || count[i] < 0 || start[i]+count[i] > c.d.Shape[i] {
			return fmt.Errorf("%s: elements %d to %d asked for, there are %d", c.d.Name, start[i], start[i]+count[i], c.d.Shape[i])
		}
		if count[i] == 0 {
			return nil
		}
		first[i], last[i] = start[i]/c.chunk[i], (start[i]+count[i]-1)/c.chunk[i]
	}
	at := append([]int(nil), first...)
	for {
		for ; at[fast] <= last[fast]; at[fast]++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.visit(at, visit); err != nil {
				return err
			}
		}
		at[fast] = first[fast]
		axis := rank - 1
		for ; axis >= 0 && (axis == fast || at[axis] == last[axis]); axis-- {
			at[axis] = first[axis]
		}
		if axis < 0 {
			return nil
		}
		at[axis]++
	}
}

// visit hands on the chunk at a place of the grid.
func (c *Chunks) visit(at []int, visit func(Chunk) error) error {
	chunk := Chunk{Full: c.chunk}
	linear, edge := uint64(0), false
	for i, p := range at {
		linear = linear*uint64(c.grid[i]) + uint64(p)
		chunk.Start = append(chunk.Start, p*c.chunk[i])
		chunk.Shape = append(chunk.Shape, min(c.chunk[i], c.d.Shape[i]-p*c.chunk[i]))
		edge = edge || chunk.Shape[i] < c.chunk[i]
	}
	e := c.cache.get(linear)
	defer c.cache.put(e)
	e.once.Do(func() { e.err = c.unpack(linear, edge, e) })
	if e.err != nil {
		return e.err
	}
	chunk.Bytes = e.data
	return visit(chunk)
}

// maxUnwritten bounds a chunk that is not in the file, so that nothing there
// vouches for its size.
const maxUnwritten = 64 << 20

// unpack reads a chunk and undoes its filters.
func (c *Chunks) unpack(linear uint64, edge bool, e *cached) error {
	s, ok := c.index[linear]
	if !ok && c.bytes > maxUnwritten {
		return formatf("has chunks of %d bytes of which one was never written, expected at most %d", c.bytes, maxUnwritten)
	}
	if cap(e.data) < c.bytes+extra {
		e.data = make([]byte, c.bytes+extra)
	}
	e.data = e.data[:c.bytes]
	if !ok {
		for n := copy(e.data, c.d.fillElement()); n < len(e.data); n *= 2 {
			copy(e.data[n:], e.data[:n])
		}
		return nil
	}
	filters := c.d.filters
	if edge && c.d.layout.edgesPlain {
		filters = nil
	}
	if len(filters) == 0 {
		if s.size != uint64(c.bytes) {
			return formatf("is damaged: a chunk of %d bytes, expected %d", s.size, c.bytes)
		}
		return c.d.f.readFull(e.data, s.addr)
	}
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	if uint64(cap(u.packed)) < s.size {
		u.packed = make([]byte, s.size)
	}
	packed := u.packed[:s.size]
	if err := c.d.f.readFull(packed, s.addr); err != nil {
		return err
	}
	return u.unpack(filters, s.mask, packed, e.data)
}

// cache keeps chunks unpacked, those used last, up to a number of bytes. Chunks
// in use are never dropped.
type cache struct {
	mu      sync.Mutex
	limit   int64
	held    int64
	entries map[uint64]*cached
	// oldest and newest are the ends of the list of chunks that are not in use.
	oldest, newest *cached
	spare          []byte
}

// cached is a chunk that is unpacked once.
type cached struct {
	key        uint64
	once       sync.Once
	data       []byte
	err        error
	users      int
	prev, next *cached
}

// get returns the entry of a key, which put gives back.
func (c *cache) get(key uint64) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		e = &cached{key: key, data: c.spare}
		c.spare = nil
		c.entries[key] = e
	} else if e.users == 0 {
		c.unlink(e)
	}
	e.users++
	return e
}

// put ends the use of an entry and drops the oldest ones that are too many.
func (c *cache) put(e *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	c.link(e)
	for c.held > c.limit || e.err != nil && c.entries[e.key] == e {
		drop := c.oldest
		if e.err != nil {
			drop = e
		}
		if drop == nil {
			return
		}
		c.unlink(drop)
		delete(c.entries, drop.key)
		c.spare = drop.data
	}
}

func (c *cache) link(e *cached) {
	c.held += int64(len(e.data))
	e.prev, e.next = c.newest, nil
	if c.newest != nil {
		c.newest.next = e
	} else {
		c.oldest = e
	}
	c.newest = e
}

func (c *cache) unlink(e *cached) {
	c.held -= int64(len(e.data))
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		c.oldest = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		c.newest = e.prev
	}
	e.prev, e.next = nil, nil
}
