//go:build voxencuda && cgo

package cuda

import (
	"unsafe"

	"gorgonia.org/cu"

	"voxen/engine"
)

type stream struct {
	b       *Backend
	s       cu.Stream
	handles handles
}

type event struct {
	b *Backend
	e cu.Event
}

// NewStream makes a stream that waits for no other.
func (b *Backend) NewStream() (engine.Stream, error) {
	st := &stream{b: b}
	err := b.do(func() (err error) {
		st.s, err = cu.MakeStream(cu.NonBlocking)
		return b.check("cuStreamCreate", err)
	})
	return st, err
}

// NewEvent makes an event without a clock.
func (b *Backend) NewEvent() (engine.Event, error) {
	ev := &event{b: b}
	err := b.do(func() (err error) {
		ev.e, err = cu.MakeEvent(cu.DisableTiming)
		return b.check("cuEventCreate", err)
	})
	return ev, err
}

func (s *stream) Record(e engine.Event) error {
	return s.b.do(func() error { return s.b.check("cuEventRecord", e.(*event).e.Record(s.s)) })
}

func (s *stream) Wait(e engine.Event) error {
	return s.b.do(func() error { return s.b.check("cuStreamWaitEvent", s.s.Wait(e.(*event).e, 0)) })
}

func (s *stream) Synchronize() error {
	return s.b.do(func() error { return s.b.check("cuStreamSynchronize", s.s.Synchronize()) })
}

func (s *stream) Close() error {
	return s.b.do(func() error {
		if s.handles.blas != nil || s.handles.solver != nil {
			if err := s.s.Synchronize(); err != nil {
				return s.b.check("cuStreamSynchronize", err)
			}
			s.handles.close()
		}
		return s.b.check("cuStreamDestroy", s.s.Destroy())
	})
}

func (e *event) Synchronize() error {
	return e.b.do(func() error { return e.b.check("cuEventSynchronize", e.e.Synchronize()) })
}

func (e *event) Close() error {
	return e.b.do(func() error { return e.b.check("cuEventDestroy", cu.DestroyEvent(&e.e)) })
}

// Upload copies from the host. Memory of Host is read while the stream runs; from
// any other the call returns when it has been read, as Go's memory is not to be
// used by C after a call.
func (b *Backend) Upload(s engine.Stream, dst engine.Buffer, offset int, src []byte) error {
	if len(src) == 0 {
		return nil
	}
	st := s.(*stream)
	return b.do(func() error {
		to := dst.(*buffer).address() + cu.DevicePtr(offset)
		if err := cu.MemcpyHtoDAsync(to, unsafe.Pointer(unsafe.SliceData(src)), int64(len(src)), st.s); err != nil {
			return b.check("cuMemcpyHtoDAsync", err)
		}
		return b.settle(st, src)
	})
}

// Download copies to the host, as Upload from it.
func (b *Backend) Download(s engine.Stream, dst []byte, src engine.Buffer, offset int) error {
	if len(dst) == 0 {
		return nil
	}
	st := s.(*stream)
	return b.do(func() error {
		from := src.(*buffer).address() + cu.DevicePtr(offset)
		if err := cu.MemcpyDtoHAsync(unsafe.Pointer(unsafe.SliceData(dst)), from, int64(len(dst)), st.s); err != nil {
			return b.check("cuMemcpyDtoHAsync", err)
		}
		return b.settle(st, dst)
	})
}

// settle waits for a copy of memory that is not page-locked.
func (b *Backend) settle(st *stream, mem []byte) error {
	if b.pinned.holds(mem) {
		return nil
	}
	return b.check("cuStreamSynchronize", st.s.Synchronize())
}
