//go:build voxencuda && cgo

package cuda

import (
	"errors"

	"voxen/engine"
	"voxen/internal/cuda/lazy"
)

var _ engine.Recorder = (*Backend)(nil)

// Record captures what queue launches on s as a CUDA graph. The thread stays the
// same throughout: a capture is its thread's own.
func (b *Backend) Record(s engine.Stream, queue func() error) (engine.Recording, error) {
	st := s.(*stream).s
	var g *lazy.Graph
	err := b.do(func() error {
		if err := lazy.BeginCapture(st); err != nil {
			return b.check("cuStreamBeginCapture", err)
		}
		queueErr := queue()
		var err error
		g, err = lazy.EndCapture(st)
		return errors.Join(queueErr, b.check("cuStreamEndCapture", err))
	})
	if err != nil {
		if g != nil {
			g.Close()
		}
		return nil, err
	}
	return &recording{b, g}, nil
}

type recording struct {
	b *Backend
	g *lazy.Graph
}

// Queue launches the graph.
func (r *recording) Queue(s engine.Stream) error {
	return r.b.do(func() error { return r.b.check("cuGraphLaunch", r.g.Launch(s.(*stream).s)) })
}

// Free gives the graph back.
func (r *recording) Free() {
	r.b.do(func() error { return r.b.check("cuGraphExecDestroy", r.g.Close()) })
}
