package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"gorgonia.org/tensor"

	"voxen/engine/op"
	"voxen/engine/tile"
)

// Locker is a Backend that can page-lock host memory, which it then copies from
// without staging.
type Locker interface {
	// Lock page-locks mem until unlock is called; no copy may be under way then.
	Lock(mem []byte) (unlock func(), err error)
	// UploadRows copies rows of n bytes, stride bytes apart in src, to dst at a
	// byte offset, without gaps, as Upload does. It reports false, and does
	// nothing, when src is not page-locked.
	UploadRows(s Stream, dst Buffer, offset int, src []byte, rows, n, stride int) (bool, error)
}

// Lock page-locks a source in memory for be, so that its panels go to the device
// as they lie. Locking takes longer than a copy: it pays for a source that is
// read many times.
func Lock(be Backend, src tile.Source) (unlock func(), err error) {
	l, ok := be.(Locker)
	mem := elements(src, op.Float32)
	if mem == nil {
		mem = elements(src, op.Float64)
	}
	if !ok || mem == nil {
		return nil, fmt.Errorf("%s cannot page-lock a %T", be.Device().Name, src)
	}
	return l.Lock(mem)
}

// elements views a source in memory as bytes, or is nil where it is none or of
// another dtype.
func elements(src tile.Source, dtype tensor.Dtype) []byte {
	d, ok := src.(tile.Dense)
	if !ok {
		return nil
	}
	switch x := d.Elements().(type) {
	case []float32:
		if dtype == op.Float32 {
			return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
		}
	case []float64:
		if dtype == op.Float64 {
			return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 8*len(x))
		}
	}
	return nil
}

// loadColumns brings the tile's columns of a source to input i of a set: straight
// from page-locked memory, else through the staging memory.
func (j *job) loadColumns(ctx context.Context, s *bufferSet, i int, src tile.Source) error {
	t, typ, width := s.tile, s.plan.inputs[i], j.tiling.Width
	dst := s.host(s.in[i], i, typ)
	if s.in[i].Host() != nil {
		return eachPanel(t.Panels, 1, func(p int) error { return readPanel(ctx, src, t, p, width, dst) })
	}
	be, up := j.m.be, j.streams[up]
	size, n := int(typ.Dtype.Size()), typ.Bytes()/t.Panels
	locker, _ := be.(Locker)
	mem := elements(src, typ.Dtype)
	var staged []int
	for p := range t.Panels {
		lo := (t.Panel + p) * width
		if locker != nil && mem != nil && lo+width <= t.Hi {
			done, err := locker.UploadRows(up, s.in[i], p*n, mem[lo*size:], src.Rows(), width*size, src.Cols()*size)
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		staged = append(staged, p)
	}
	err := eachPanel(len(staged), readers(), func(k int) error { return readPanel(ctx, src, t, staged[k], width, dst) })
	if err != nil {
		return err
	}
	for _, p := range staged {
		if err := be.Upload(up, s.in[i], p*n, s.staging[i].Bytes()[p*n:(p+1)*n]); err != nil {
			return err
		}
	}
	return nil
}

// readers is how many panels are read side by side for a device that is not the
// processor: one thread copies slower than the device takes.
func readers() int { return min(8, runtime.GOMAXPROCS(0)) }

// eachPanel calls f for 0 to n-1 on so many goroutines and gives the first error.
func eachPanel(n, goroutines int, f func(p int) error) error {
	if goroutines < 2 || n < 2 {
		for p := range n {
			if err := f(p); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		next  int
		first error
	)
	for range min(goroutines, n) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				mu.Lock()
				p := next
				next++
				stop := p >= n || first != nil
				mu.Unlock()
				if stop {
					return
				}
				if err := f(p); err != nil {
					mu.Lock()
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		}()
	}
	wg.Wait()
	return first
}
