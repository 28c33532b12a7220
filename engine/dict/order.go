package dict

import (
	"math/bits"
	"math/rand/v2"
)

// Columns that do not fit into memory cannot be visited in any order at a fair
// price: files hold rows of all columns. So the order is random in steps, and
// what it is depends on the shape alone, not on the memory there is. An epoch
// visits runs of contiguous columns in random order; they fill windows. The
// columns of a window are dealt to its batches like cards, the first to the
// first batch, the second to the second, and so on, and the batches are visited
// in random order. A batch is thus spread evenly over all columns of the window,
// as neighbours tend to be alike, and where all columns are one window, its
// signals lie at equal distances and need not be copied.
const (
	windowBytes = 128 << 20 // of float32 values
	runColumns  = 1024      // 4 KiB of a row of float32 values, a page
)

// order visits N columns of T values in batches.
type order struct {
	n, window int
	batch     int // signals of the largest batch
	rng       *rand.PCG
}

// newOrder makes the order for a seed, in batches of at most the given size.
func newOrder(n, t, batch int, seed uint64) *order {
	o := &order{n: n, batch: batch, rng: rand.NewPCG(seed, 0x6469_6374)}
	o.window = max(windowBytes/(4*t), 8*runColumns)
	o.window = max(1, o.window/batch) * batch
	if o.window >= n {
		o.window = n
		count := o.count(n)
		o.batch = (n + count - 1) / count
	}
	return o
}

// count is the number of batches of a window.
func (o *order) count(window int) int { return (window + o.batch - 1) / o.batch }

// steps is the number of batches of an epoch: all windows but the last are whole batches.
func (o *order) steps() int { return o.count(o.n) }

// batch is what one step visits.
type batch struct {
	columns []int32
	stride  int     // between columns, where all lie at equal distances, else 0
	window  []int32 // the window that begins with this batch, nil within one
}

// epoch draws the batches of the next epoch.
func (o *order) epoch() []batch {
	columns := make([]int32, o.n)
	for i := range columns {
		columns[i] = int32(i)
	}
	if o.window < o.n {
		columns = columns[:0]
		runs := make([]int32, (o.n+runColumns-1)/runColumns)
		for i := range runs {
			runs[i] = int32(i)
		}
		o.shuffle(runs)
		for _, r := range runs {
			for i := int(r) * runColumns; i < min(o.n, int(r+1)*runColumns); i++ {
				columns = append(columns, int32(i))
			}
		}
	}
	batches := make([]batch, 0, o.steps())
	for lo := 0; lo < o.n; lo += o.window {
		batches = o.deal(batches, columns[lo:min(o.n, lo+o.window)])
	}
	return batches
}

// deal appends the batches of a window.
func (o *order) deal(batches []batch, window []int32) []batch {
	count := o.count(len(window))
	turns := make([]int32, count)
	for i := range turns {
		turns[i] = int32(i)
	}
	o.shuffle(turns)
	dealt := make([]int32, 0, len(window))
	for i, turn := range turns {
		from := len(dealt)
		for v := int(turn); v < len(window); v += count {
			dealt = append(dealt, window[v])
		}
		b := batch{columns: dealt[from:]}
		if len(window) == o.n {
			b.stride = count
		}
		if i == 0 {
			b.window = window
		}
		batches = append(batches, b)
	}
	return batches
}

// shuffle is Fisher and Yates' on the PCG stream itself, so that it is the same
// with every release of the standard library.
func (o *order) shuffle(x []int32) {
	for i := len(x) - 1; i > 0; i-- {
		j := o.below(i + 1)
		x[i], x[j] = x[j], x[i]
	}
}

// below is uniform in [0, n), by Lemire's multiplication without rejection: the
// bias is under n / 2^64.
func (o *order) below(n int) int {
	hi, _ := bits.Mul64(o.rng.Uint64(), uint64(n))
	return int(hi)
}

// uniform is uniform in [-1, 1).
func (o *order) uniform() float64 { return float64(int64(o.rng.Uint64())>>10) / (1 << 53) }

// sample gives all columns in random order, whatever the windows.
func (o *order) sample() []int32 {
	columns := make([]int32, o.n)
	for i := range columns {
		columns[i] = int32(i)
	}
	o.shuffle(columns)
	return columns
}
