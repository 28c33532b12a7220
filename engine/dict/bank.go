package dict

import (
	"context"
	"unsafe"

	"voxen/engine"
	"voxen/engine/tile"
)

// bank holds the signals of a run as they are learned: all of them (resident),
// or a window at a time, or none.
type bank[F float32 | float64] struct {
	reader   *reader[F]
	t, n     int
	resident bool
	lent     bool      // all signals lie in memory of the caller
	data     []F       // all signals, or those of the window
	sq       []float64 // their squared norms
	place    []int32   // where a signal is in the window, by column; nil when resident

	passing []float64 // squared norms of the signals that rows read last
	zero    int       // signals of norm 0 that rows gave so far
}

// newBank makes an empty bank.
func newBank[F float32 | float64](be engine.Backend, src tile.Source, o Options) *bank[F] {
	threads := be.Device().Threads
	if threads < 1 {
		threads = 2
	}
	return &bank[F]{reader: &reader[F]{src, o.Standardize == Columns, threads}, t: src.Rows(), n: src.Cols()}
}

// each is the bytes of a signal with its norm.
func (b *bank[F]) each() int64 { return int64(b.t)*int64(unsafe.Sizeof(*new(F))) + 8 }

// bytes is the memory that the bank holds, and what reading takes.
func (b *bank[F]) bytes() int64 {
	if b.lent {
		return b.reader.bytes() + int64(8*len(b.sq))
	}
	return b.reader.bytes() + int64(len(b.data))*int64(unsafe.Sizeof(*new(F))) + int64(8*len(b.sq)+4*len(b.place))
}

// adopt takes signals that lie in memory as they are needed.
func (b *bank[F]) adopt(o Options) (bool, error) {
	m, ok := b.reader.src.(*Signals[F])
	if !ok || o.Standardize != None {
		return false, nil
	}
	b.resident, b.lent, b.data, b.sq = true, true, m.Data, make([]float64, b.n)
	return true, b.reader.inPlace(b.data, b.sq)
}

// stream prepares for one pass in order, which holds no signals.
func (b *bank[F]) stream(o Options, buffers int64) error {
	if done, err := b.adopt(o); done || err != nil {
		return err
	}
	return within(o.Memory, b.reader.bytes()+buffers)
}

// learn prepares for passes in the given order and one that keeps codes of so many bytes, before
// which signals are left where that is more: it reads all signals if they fit into the memory that
// buffers leave.
func (b *bank[F]) learn(ctx context.Context, o Options, ord *order, buffers, codes int64) error {
	if done, err := b.adopt(o); done || err != nil {
		if err != nil {
			return err
		}
		return within(o.Memory, codes+b.bytes()+buffers)
	}
	passes := func(held int64) error { return within(o.Memory, max(held, codes)+b.reader.bytes()+buffers) }
	if passes(int64(b.n)*b.each()) == nil {
		b.resident, b.data, b.sq = true, make([]F, b.n*b.t), make([]float64, b.n)
		return b.reader.read(ctx, 0, b.n, b.data, b.sq)
	}
	if err := passes(int64(ord.window)*b.each() + 4*int64(b.n)); err != nil {
		return err
	}
	b.data, b.sq, b.place = make([]F, ord.window*b.t), make([]float64, ord.window), make([]int32, b.n)
	return nil
}

// leave forgets the signals that were read, for one pass more in order, where the bank would take more
// than so many bytes with them.
func (b *bank[F]) leave(memory int64) {
	if !b.lent && b.bytes() > memory {
		b.resident, b.data, b.sq, b.place = false, nil, nil, nil
	}
}

// within compares a need with a budget, where 0 is none.
func within(budget, need int64) error {
	if budget > 0 && need > budget {
		return &engine.OverBudget{Need: need, Budget: budget}
	}
	return nil
}

// fill brings the columns of a window into memory; it does nothing when all are.
func (b *bank[F]) fill(ctx context.Context, columns []int32) error {
	if b.resident {
		return nil
	}
	at := 0
	for _, r := range ranges(columns, b.n) {
		n := r[1] - r[0]
		if err := b.reader.read(ctx, r[0], r[1], b.data[at*b.t:(at+n)*b.t], b.sq[at:at+n]); err != nil {
			return err
		}
		for v := r[0]; v < r[1]; v++ {
			b.place[v] = int32(at + v - r[0])
		}
		at += n
	}
	return nil
}

// ranges gives the maximal ranges of contiguous columns among those listed, in order.
func ranges(columns []int32, n int) (rs [][2]int) {
	in := make([]bool, n+1)
	for _, v := range columns {
		in[v] = true
	}
	for v := 0; v < n; v++ {
		if !in[v] {
			continue
		}
		lo := v
		for in[v] {
			v++
		}
		rs = append(rs, [2]int{lo, v})
	}
	return rs
}

// at is where a column is.
func (b *bank[F]) at(column int32) int {
	if b.resident {
		return int(column)
	}
	return int(b.place[column])
}

// lend gives the signals of a batch of the given size where they lie: at equal distances, all of them in memory.
func (b *bank[F]) lend(step batch, size int) (engine.Rows, bool) {
	if !b.resident || step.stride == 0 || len(step.columns) != size {
		return engine.Rows{}, false
	}
	return b.inPlace(int(step.columns[0]), size, step.stride), true
}

// inPlace gives n signals from lo on, stride apart.
func (b *bank[F]) inPlace(lo, n, stride int) engine.Rows {
	data := b.data[lo*b.t : (lo+(n-1)*stride+1)*b.t]
	return engine.Rows{Data: unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), len(data)*int(unsafe.Sizeof(data[0]))), Stride: stride * b.t}
}

// gather copies the signals of a batch to rows of dst and clears what is left. With the first batch of a window it
// brings the window into memory.
func (b *bank[F]) gather(ctx context.Context, step batch, dst []F) error {
	if step.window != nil {
		if err := b.fill(ctx, step.window); err != nil {
			return err
		}
	}
	for i, v := range step.columns {
		copy(dst[i*b.t:(i+1)*b.t], b.data[b.at(v)*b.t:])
	}
	clear(dst[len(step.columns)*b.t:])
	return nil
}

// squares copies the squared norms of the signals that gather or lend gave and clears what is left.
func (b *bank[F]) squares(columns []int32, dst []float64) {
	for i, v := range columns {
		dst[i] = b.sq[b.at(v)]
	}
	clear(dst[len(columns):])
}

// lendRows gives signals [lo, hi) where they lie, if they are in memory and fill an array of the given size.
func (b *bank[F]) lendRows(lo, hi, size int) (engine.Rows, bool) {
	if !b.resident || hi-lo != size {
		return engine.Rows{}, false
	}
	return b.inPlace(lo, hi-lo, 1), true
}

// rows copies signals [lo, hi) to rows of dst and clears what is left.
func (b *bank[F]) rows(ctx context.Context, lo, hi int, dst []F) error {
	n := hi - lo
	if b.resident {
		copy(dst, b.data[lo*b.t:hi*b.t])
	} else {
		b.passing = append(b.passing[:0], make([]float64, n)...)
		if err := b.reader.read(ctx, lo, hi, dst[:n*b.t], b.passing); err != nil {
			return err
		}
	}
	clear(dst[n*b.t:])
	return nil
}

// rowSquares copies the squared norms of the signals that rows or lendRows gave, clears what is left, and counts those
// that are zero.
func (b *bank[F]) rowSquares(lo, hi int, dst []float64) {
	from := b.passing
	if b.resident {
		from = b.sq[lo:hi]
	}
	for _, x := range from {
		if x == 0 {
			b.zero++
		}
	}
	copyClear(dst, from)
}

// signal gives one signal and its squared norm.
func (b *bank[F]) signal(ctx context.Context, v int) ([]F, float64, error) {
	if b.resident {
		return b.data[v*b.t : (v+1)*b.t], b.sq[v], nil
	}
	s, sq := make([]F, b.t), make([]float64, 1)
	err := b.reader.read(ctx, v, v+1, s, sq)
	return s, sq[0], err
}
