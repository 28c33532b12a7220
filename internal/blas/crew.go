package blas

import "voxen/internal/team"

// smallWork is the number of multiply-adds below which a second goroutine costs more than it brings (about 10 us).
const smallWork = 1 << 20

// crew is the buffers of the goroutines that share one call, the calling one first.
type crew[T Float] struct {
	bufs     []*buffers[T]
	borrowed []*Scratch
	run      func(n int, f func(t, i int)) // Implementation.Each
}

// newCrew takes as many goroutines as im allows, or only the calling one.
func newCrew[T Float](im Implementation, parallel bool) *crew[T] {
	c := &crew[T]{run: im.Each}
	threads := 1
	if parallel {
		threads = im.threads()
	}
	for t := range threads {
		s := im.Scratch
		if t > 0 || s == nil {
			s = scratches.Get().(*Scratch)
			c.borrowed = append(c.borrowed, s)
		}
		c.bufs = append(c.bufs, buffersOf[T](s))
	}
	return c
}

func (c *crew[T]) release() {
	for _, s := range c.borrowed {
		scratches.Put(s)
	}
}

// each calls f(t, i) once for every i < n, t telling the goroutines of the crew apart.
func (c *crew[T]) each(n int, f func(t, i int)) {
	if c.run != nil && len(c.bufs) > 1 {
		c.run(n, f)
		return
	}
	team.Each(len(c.bufs), n, f)
}
