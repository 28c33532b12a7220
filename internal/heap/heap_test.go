package heap

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// A random history of places: none overlap, all are aligned, the limit holds, and
// what is freed can be had again.
func TestRandomHistory(t *testing.T) {
	const limit = 64 << 10
	rng := rand.New(rand.NewPCG(1, 2))
	h := Heap{Limit: limit}
	type place struct{ at, n int }
	var live []place
	refused := 0
	for range 20000 {
		if len(live) > 0 && rng.IntN(5) < 2 {
			i := rng.IntN(len(live))
			h.Free(live[i].at, live[i].n)
			live = append(live[:i], live[i+1:]...)
			continue
		}
		n := 1 + rng.IntN(4000)
		at, ok := h.Alloc(n)
		if !ok {
			refused++
			continue
		}
		if at%Align != 0 || at+n > limit || at+n > h.Top() {
			t.Fatalf("%d bytes at %d, top %d", n, at, h.Top())
		}
		for _, p := range live {
			if at < p.at+RoundUp(p.n) && p.at < at+RoundUp(n) {
				t.Fatalf("[%d, %d) overlaps [%d, %d)", at, at+n, p.at, p.at+p.n)
			}
		}
		live = append(live, place{at, n})
	}
	if refused == 0 {
		t.Error("the limit was never met")
	}
	for _, p := range live {
		h.Free(p.at, p.n)
	}
	if h.Used() != 0 {
		t.Errorf("%d bytes in use after all were freed", h.Used())
	}
	if at, ok := h.Alloc(limit); !ok || at != 0 {
		t.Errorf("the whole block: at %d, %v", at, ok)
	}
}

// source is memory of so many bytes; what is handed out carries its number.
type source struct {
	room  int
	sizes map[int]int // of slabs that are out
	next  int
}

var errFull = errors.New("full")

func (s *source) take(n int) (int, error) {
	if n > s.room {
		return 0, errFull
	}
	s.next++
	s.room, s.sizes[s.next] = s.room-n, n
	return s.next, nil
}

func (s *source) give(id int) {
	n, out := s.sizes[id]
	if !out {
		panic("given back twice")
	}
	s.room += n
	delete(s.sizes, id)
}

// Pieces of a random history overlap nowhere; afterwards all can be given back, and
// the three kinds hold idle what they say.
func TestSlabs(t *testing.T) {
	const size, room = 64 << 10, 1 << 20
	for name, kind := range map[string]struct{ direct, frugal bool }{"kept": {}, "frugal": {frugal: true}, "direct": {direct: true}} {
		t.Run(name, func(t *testing.T) {
			src := &source{room: room, sizes: map[int]int{}}
			a := &Slabs[int]{Size: size, Take: src.take, Give: src.give, NoMemory: func(err error) bool { return err == errFull },
				Direct: kind.direct, Frugal: kind.frugal}
			rng := rand.New(rand.NewPCG(3, 4))
			var live []Piece[int]
			refused := 0
			for range 20000 {
				if len(live) > 0 && rng.IntN(9) < 4 {
					i := rng.IntN(len(live))
					a.Free(live[i])
					live = append(live[:i], live[i+1:]...)
					continue
				}
				n := 1 + rng.IntN(size/2)
				if rng.IntN(10) == 0 {
					n = size/2 + rng.IntN(2*size)
				}
				p, err := a.Alloc(n)
				if err != nil {
					refused++
					continue
				}
				if p.N != n || p.At%Align != 0 || p.At+n > RoundUp(src.sizes[p.Slab]) {
					t.Fatalf("%d bytes: %d at %d of a slab of %d", n, p.N, p.At, src.sizes[p.Slab])
				}
				for _, q := range live {
					if p.Slab == q.Slab && p.At < q.At+q.N && q.At < p.At+p.N {
						t.Fatalf("[%d, %d) overlaps [%d, %d)", p.At, p.At+p.N, q.At, q.At+q.N)
					}
				}
				if kind.direct && src.sizes[p.Slab] != n || kind.frugal && n > size/2 && src.sizes[p.Slab] != RoundUp(n) {
					t.Fatalf("%d bytes in a slab of %d", n, src.sizes[p.Slab])
				}
				live = append(live, p)
			}
			if refused == 0 {
				t.Error("the source never lacked memory")
			}
			for _, p := range live {
				a.Free(p)
			}
			idle := 0
			for _, n := range src.sizes {
				idle += n
				if kind.frugal && n != size {
					t.Errorf("a slab of %d bytes is kept", n)
				}
			}
			if got := a.Unused(); got < int64(idle) || got > int64(idle)+Align*int64(len(src.sizes)) {
				t.Errorf("%d bytes idle, Unused says %d", idle, got)
			}
			if kind.direct == (idle > 0) {
				t.Errorf("%d bytes kept", idle)
			}
			if kind.frugal && idle > 0 {
				p, err := a.Alloc(size)
				if err != nil || len(src.sizes) != 1 {
					t.Errorf("beside a slab of its own %d are kept, %v", len(src.sizes)-1, err)
				}
				a.Free(p)
			}
			a.Trim()
			if src.room != room {
				t.Errorf("%d bytes left out", room-src.room)
			}
			for range 3 {
				if _, err := a.Alloc(size / 4); err != nil {
					t.Fatal(err)
				}
			}
			a.Close()
			if src.room != room || a.Unused() != 0 {
				t.Errorf("closed with pieces in use: %d bytes left out", room-src.room)
			}
		})
	}
}
