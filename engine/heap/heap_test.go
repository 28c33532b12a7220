package heap

import (
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
