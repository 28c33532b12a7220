//go:build voxencuda && cgo

package cuda

import (
	"fmt"
	"sync"

	"gorgonia.org/cu"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/cuda/lazy"
)

// blasWorkspace is what NVIDIA advises for Hopper; older cards need less.
const blasWorkspace = 32 << 20

// libraries says which of the CUDA libraries serve this backend, and the
// operations from which cuBLAS gets a product.
type libraries struct {
	blas, solver bool
	least        float64
}

// versions lists the libraries found, or why one is not and what serves instead.
func versions() map[string]string {
	v := map[string]string{}
	for name, find := range map[string]func() (string, error){"cublas": lazy.BLASVersion, "cusolver": lazy.SolverVersion} {
		text, err := find()
		if err != nil {
			text = fmt.Sprintf("none, voxen's own kernels serve, slower (%v)", err)
		}
		v[name] = text
	}
	return v
}

// findLibraries opens each library once: one that is there but does not start is
// as good as none.
func (b *Backend) findLibraries() {
	for name, text := range versions() {
		b.dev.Versions[name] = text
	}
	absent := func(name string, err error) bool {
		if err != nil {
			b.dev.Versions[name] = fmt.Sprintf("none, voxen's own kernels serve, slower (%v)", err)
		}
		return err != nil
	}
	s, err := b.NewStream()
	if err != nil {
		return
	}
	defer s.Close()
	b.do(func() error {
		blas, err := lazy.NewBLAS(s.(*stream).s, 0, 0, false)
		b.libs.least = libraryFlops
		if b.libs.blas = !absent("cublas", err); b.libs.blas {
			blas.Close()
		}
		solver, err := lazy.NewSolver(s.(*stream).s)
		if b.libs.solver = !absent("cusolver", err); b.libs.solver {
			solver.Close()
		}
		return nil
	})
}

// handles are a stream's own, with a workspace that never changes, so that a
// product has the same bits every time.
type handles struct {
	mu        sync.Mutex
	blas      *lazy.BLAS
	workspace engine.Buffer
	solver    *lazy.Solver
}

// blasOf makes the stream's cuBLAS handle at the first product.
func (b *Backend) blasOf(s *stream) (*lazy.BLAS, error) {
	h := &s.handles
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.blas != nil {
		return h.blas, nil
	}
	buf, err := b.Alloc(blasWorkspace)
	if err != nil {
		return nil, err
	}
	blas, err := lazy.NewBLAS(s.s, buf.(*buffer).address(), blasWorkspace, b.cfg.TF32)
	if err != nil {
		buf.Free()
		return nil, fmt.Errorf("%s: %w", b.dev.Name, err)
	}
	h.blas, h.workspace = blas, buf
	return blas, nil
}

// solverOf makes the stream's cuSOLVER handle at the first decomposition.
func (b *Backend) solverOf(s *stream) (*lazy.Solver, error) {
	h := &s.handles
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.solver != nil {
		return h.solver, nil
	}
	solver, err := lazy.NewSolver(s.s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.dev.Name, err)
	}
	h.solver = solver
	return solver, nil
}

// close frees the handles of a stream that has nothing left to do.
func (h *handles) close() {
	if h.blas != nil {
		h.blas.Close()
		h.workspace.Free()
	}
	if h.solver != nil {
		h.solver.Close()
	}
	h.blas, h.workspace, h.solver = nil, nil, nil
}

// library is the matrix of a batch and a group for cuBLAS; an axis of extent 1 is
// broadcast.
func library(a engine.Array, batch, group int) lazy.Matrix {
	batch, group = min(batch, a.Dims[0]-1), min(group, a.Dims[1]-1)
	at := a.Offset + (batch*a.Strides[0]+group*a.Strides[1])*int(a.Dtype.Size())
	return lazy.Matrix{Ptr: cu.DevicePtr(a.Buf.Pointer()) + cu.DevicePtr(at), Stride: a.Strides[2]}
}

// gemm queues z = alpha x y + beta z with cuBLAS, z (m x n), x (m x k), y (k x n)
// after transposition. There must be a cuBLAS: see libs.blas.
func (b *Backend) gemm(c *engine.Call, of tensor.Dtype, m, n, k int, alpha float64, x, y lazy.Matrix, beta float64, z lazy.Matrix) error {
	return b.do(func() error {
		blas, err := b.blasOf(c.Stream.(*stream))
		if err != nil {
			return err
		}
		if of == op.Float64 {
			err = blas.Dgemm(m, n, k, alpha, x, y, beta, z)
		} else {
			err = blas.Sgemm(m, n, k, float32(alpha), x, y, float32(beta), z)
		}
		return b.libraryError(err)
	})
}

// libraryError finds out whether a library's failure is that of the device.
func (b *Backend) libraryError(err error) error {
	if err == nil {
		return nil
	}
	if _, ierr := cu.CurrentDevice(); ierr != nil {
		return b.check(err.Error(), ierr)
	}
	return fmt.Errorf("%s: %w", b.dev.Name, err)
}
