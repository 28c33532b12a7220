package dict

import (
	"math/bits"
	"math/rand/v2"
)

// Columns that do not fit into memory cannot be visited in any order at a fair
// price: files hold rows of all columns. So the order is random in two steps,
// and what it is depends on the shape alone, not on the memory there is. An
// epoch visits runs of contiguous columns in random order; they fill windows,
// and the columns of a window are visited in random order. Signals of at most
// one window are visited in an order that is simply random.
const (
	windowBytes = 128 << 20 // of float32 values
	runColumns  = 1024      // 4 KiB of a row of float32 values, a page
)

// order visits N columns of T values in batches.
type order struct {
	n, batch, window int
	rng              *rand.PCG
}

// newOrder makes the order for a seed.
func newOrder(n, t, batch int, seed uint64) *order {
	w := max(windowBytes/(4*t), 8*runColumns)
	w = max(1, w/batch) * batch
	return &order{n: n, batch: batch, window: min(n, w), rng: rand.NewPCG(seed, 0x6469_6374)}
}

// steps is the number of batches of an epoch.
func (o *order) steps() int { return (o.n + o.batch - 1) / o.batch }

// epoch draws the columns of the next epoch, in the order of their visit. The
// columns of a window are those at [i*window, (i+1)*window).
func (o *order) epoch() []int32 {
	columns := make([]int32, 0, o.n)
	if o.window == o.n {
		for i := range o.n {
			columns = append(columns, int32(i))
		}
	} else {
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
	for lo := 0; lo < o.n; lo += o.window {
		o.shuffle(columns[lo:min(o.n, lo+o.window)])
	}
	return columns
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

// size is the number of signals of step i of an epoch, counted from 0.
func (o *order) size(i int) int { return min(o.batch, o.n-i*o.batch) }

// sample gives all columns in random order, whatever the windows.
func (o *order) sample() []int32 {
	columns := make([]int32, o.n)
	for i := range columns {
		columns[i] = int32(i)
	}
	o.shuffle(columns)
	return columns
}
