//go:build voxencuda && cgo

package cuda

import (
	"runtime"
	"sync"
	"unsafe"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/internal/cuda/lazy"
)

// Memory reports free and total bytes of the device; what the arena holds without
// use is free.
func (b *Backend) Memory() (free, total int64, err error) {
	err = b.do(func() (err error) {
		free, total, err = cu.MemInfo()
		return b.check("cuMemGetInfo", err)
	})
	return free + b.arena.Unused(), total, err
}

// noMemory makes *engine.OutOfMemory of the driver's answer.
func (b *Backend) noMemory(call string, n int, err error) error {
	if code(err) != code(cu.OutOfMemory) {
		return b.check(call, err)
	}
	free := int64(-1)
	b.do(func() error {
		if f, _, err := cu.MemInfo(); err == nil {
			free = f
		}
		return nil
	})
	return &engine.OutOfMemory{Device: b.dev.Name, Want: int64(n), Free: free}
}

// Host gives page-locked memory.
func (b *Backend) Host(n int) (engine.HostBuffer, error) {
	h := &hostBuffer{b: b}
	err := b.do(func() error {
		p, err := lazy.HostAlloc(max(n, 1))
		if err == nil {
			h.mem = unsafe.Slice((*byte)(p), n)
		}
		return err
	})
	if err != nil {
		return nil, b.noMemory("cuMemHostAlloc", n, err)
	}
	b.pinned.add(h.mem)
	return h, nil
}

// pinned knows the page-locked memory of a backend.
type pinned struct {
	mu   sync.RWMutex
	ends map[uintptr]uintptr // by where a piece begins
}

func span(mem []byte) (lo, hi uintptr) {
	lo = uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	return lo, lo + uintptr(len(mem))
}

func (p *pinned) add(mem []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ends == nil {
		p.ends = map[uintptr]uintptr{}
	}
	lo, hi := span(mem)
	p.ends[lo] = hi
}

func (p *pinned) remove(mem []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lo, _ := span(mem)
	delete(p.ends, lo)
}

// holds reports whether mem lies in one piece; a job has a handful of them.
func (p *pinned) holds(mem []byte) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	lo, hi := span(mem)
	for l, h := range p.ends {
		if l <= lo && hi <= h {
			return true
		}
	}
	return false
}

type hostBuffer struct {
	b   *Backend
	mem []byte
}

func (h *hostBuffer) Bytes() []byte { return h.mem }
func (h *hostBuffer) Free() {
	if h.mem == nil {
		return
	}
	h.b.pinned.remove(h.mem)
	p := unsafe.Pointer(unsafe.SliceData(h.mem))
	h.mem = nil
	h.b.do(func() error {
		cu.MemFreeHost(p)
		return nil
	})
}

var _ engine.Locker = (*Backend)(nil)

// Lock page-locks memory of Go or C where it lies.
func (b *Backend) Lock(mem []byte) (unlock func(), err error) {
	if len(mem) == 0 {
		return func() {}, nil
	}
	p := unsafe.Pointer(unsafe.SliceData(mem))
	pin := new(runtime.Pinner)
	pin.Pin(unsafe.SliceData(mem))
	err = b.do(func() error { return b.check("cuMemHostRegister", lazy.HostRegister(p, len(mem))) })
	if err != nil {
		pin.Unpin()
		return nil, err
	}
	b.pinned.add(mem)
	return func() {
		b.pinned.remove(mem)
		b.do(func() error { return b.check("cuMemHostUnregister", lazy.HostUnregister(p)) })
		pin.Unpin()
	}, nil
}

// UploadRows copies rows straight from page-locked memory.
func (b *Backend) UploadRows(s engine.Stream, dst engine.Buffer, offset int, src []byte, rows, n, stride int) (bool, error) {
	if rows == 0 || n == 0 {
		return true, nil
	}
	mem := src[:(rows-1)*stride+n]
	if !b.pinned.holds(mem) {
		return false, nil
	}
	err := b.do(func() error {
		to := dst.(*buffer).address() + cu.DevicePtr(offset)
		return b.check("cuMemcpy2DAsync", lazy.CopyRows(to, unsafe.Pointer(unsafe.SliceData(mem)), stride, n, rows, s.(*stream).s))
	})
	return true, err
}
