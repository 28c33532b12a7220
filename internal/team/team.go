// Package team shares work among goroutines that start with a call and end with it.
package team

import (
	"sync"
	"sync/atomic"
)

// Fork calls f(t) for every t < threads, each on its own goroutine, the calling one among them, and waits for them.
func Fork(threads int, f func(t int)) {
	if threads <= 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	for t := 1; t < threads; t++ {
		wg.Go(func() { f(t) })
	}
	f(0)
	wg.Wait()
}

// Each calls f(t, i) once for every i < n from up to the given number of goroutines, t t < threads telling them
// apart; the calling one is the first. They take the next i when they are free.
func Each(threads, n int, f func(t, i int)) {
	threads = min(threads, n)
	if threads <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	Fork(threads, func(t int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(t, i)
		}
	})
}
