package engine

import "sync"

// dealer hands out the tiles of a job, to one device or to several, and keeps
// what they store in the order of the tiles.
type dealer struct {
	tiling Tiling
	// inOrder says that tiles are also filled one after the other, since feeds
	// by function may remember the tile before.
	inOrder bool

	mu     sync.Mutex
	panel  int // the next to look at
	tiles  int // handed out so far
	turn   *sync.Cond
	stores int // tiles stored so far: the index of the next
	failed bool
}

func newDealer(t Tiling, inOrder bool) *dealer {
	d := &dealer{tiling: t, inOrder: inOrder}
	d.turn = sync.NewCond(&d.mu)
	return d
}

// next gives fill the next tile of at most the given panels, consecutive ones
// that are not done; it reports false when none is left.
func (d *dealer) next(panels int, fill func(Tile) error) (more bool, err error) {
	d.mu.Lock()
	t, more := d.take(panels)
	if more && d.inOrder {
		defer d.mu.Unlock()
		return true, fill(t)
	}
	d.mu.Unlock()
	if !more {
		return false, nil
	}
	return true, fill(t)
}

func (d *dealer) take(panels int) (Tile, bool) {
	t := Tile{Index: d.tiles}
	W, V := d.tiling.Width, d.tiling.Cols
	if V == 0 { // a job without columns runs once
		t.Panels = 1
		d.tiles++
		return t, t.Index == 0
	}
	for ; d.panel*W < V && t.Panels < panels; d.panel++ {
		lo, hi := d.panel*W, min((d.panel+1)*W, V)
		if c := d.tiling.Checkpoint; c != nil && c.Done(lo, hi) {
			if t.Panels > 0 {
				break
			}
			continue
		}
		if t.Panels == 0 {
			t.Panel, t.Lo = d.panel, lo
		}
		t.Panels++
		t.Hi = hi
	}
	if t.Panels == 0 {
		return t, false
	}
	d.tiles++
	return t, true
}

// await blocks until all tiles before t are stored; it reports false when they
// never will be.
func (d *dealer) await(t Tile) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.stores < t.Index && !d.failed {
		d.turn.Wait()
	}
	return !d.failed
}

// stored says that t is.
func (d *dealer) stored(t Tile) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stores = t.Index + 1
	d.turn.Broadcast()
}

// fail ends the wait of all: a tile that was handed out will not be stored.
func (d *dealer) fail() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = true
	d.turn.Broadcast()
}
