//go:build voxencuda && cgo

package cuda

import (
	"math"
	"testing"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/cuda/lazy"
)

// The bindings of cuBLAS and cuSOLVER pass on what they are given: a product of
// every transposition with strides and both factors, and an eigenproblem.
func TestLibraries(t *testing.T) {
	b := open(t)
	if device != "" && !(b.libs.blas && b.libs.solver) {
		t.Skipf("not on this machine: %v", b.dev.Versions)
	}
	if !b.libs.blas || !b.libs.solver {
		t.Fatalf("the stand-ins are not found: %v", b.dev.Versions)
	}
	const m, n, k, stride = 3, 4, 5, 7
	for _, tx := range []bool{false, true} {
		for _, ty := range []bool{false, true} {
			x, y, z := filled(t, b, 8*stride, 1), filled(t, b, 8*stride, 2), filled(t, b, 8*stride, 3)
			before := read(t, b, z)
			c := &engine.Call{Stream: newStream(t, b)}
			at := func(a engine.Array, trans bool) lazy.Matrix {
				l := library(a, 0, 0)
				l.Stride, l.Trans = stride, trans
				return l
			}
			if err := b.gemm(c, op.Float64, m, n, k, 2, at(x, tx), at(y, ty), -0.5, at(z, false)); err != nil {
				t.Fatal(err)
			}
			if err := c.Stream.Synchronize(); err != nil {
				t.Fatal(err)
			}
			X, Y, got := read(t, b, x), read(t, b, y), read(t, b, z)
			elem := func(a []float64, trans bool, i, j int) float64 {
				if trans {
					i, j = j, i
				}
				return a[i*stride+j]
			}
			for i := range m {
				for j := range n {
					want := -0.5 * before[i*stride+j]
					for p := range k {
						want += 2 * elem(X, tx, i, p) * elem(Y, ty, p, j)
					}
					if d := math.Abs(got[i*stride+j] - want); d > 1e-12 {
						t.Errorf("transposed %v %v: element %d, %d is off by %g", tx, ty, i, j, d)
					}
				}
			}
		}
	}
	testSyevd(t, b)
}

// testSyevd decomposes the second differences of 6 points, whose eigenvalues are
// 4 sin^2(pi (k+1) / 14).
func testSyevd(t *testing.T, b *Backend) {
	const n = 6
	a := make([]float64, n*n)
	for i := range n {
		a[i*n+i] = 2
		if i > 0 {
			a[i*n+i-1], a[(i-1)*n+i] = -1, -1
		}
	}
	s := newStream(t, b)
	var words int
	A := upload(t, b, a)
	err := b.do(func() error {
		v, err := b.solverOf(s.(*stream))
		if err == nil {
			words, err = v.SyevdWords(n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	W, work, info := filled(t, b, n, 4), filled(t, b, words, 5), filled(t, b, 1, 6)
	p := func(a engine.Array) lazy.Matrix { return library(a, 0, 0) }
	err = b.do(func() error {
		v, err := b.solverOf(s.(*stream))
		if err != nil {
			return err
		}
		return v.Syevd(n, p(A).Ptr, p(W).Ptr, p(work).Ptr, words, p(info).Ptr)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Synchronize(); err != nil {
		t.Fatal(err)
	}
	w, q := read(t, b, W), read(t, b, A)
	for k := range n {
		if want := 4 * math.Pow(math.Sin(math.Pi*float64(k+1)/14), 2); math.Abs(w[k]-want) > 1e-12 {
			t.Errorf("eigenvalue %d is %g, want %g", k, w[k], want)
		}
		for i := range n { // A q = w q, vectors in rows
			sum := 0.0
			for j := range n {
				sum += a[i*n+j] * q[k*n+j]
			}
			if math.Abs(sum-w[k]*q[k*n+i]) > 1e-12 {
				t.Errorf("vector %d is off by %g at %d", k, sum-w[k]*q[k*n+i], i)
			}
		}
	}
}

func newStream(t *testing.T, b *Backend) engine.Stream {
	t.Helper()
	s, err := b.NewStream()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// upload puts a row of numbers on the device.
func upload(t *testing.T, b *Backend, x []float64) engine.Array {
	t.Helper()
	buf, err := b.Alloc(8 * len(x))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(buf.Free)
	s := newStream(t, b)
	if err := b.Upload(s, buf, 0, bytesOf(x)); err != nil {
		t.Fatal(err)
	}
	d := op.Dims{1, 1, 1, len(x)}
	return engine.Array{Type: op.Type{Dtype: op.Float64, Dims: d}, Buf: buf, Strides: op.DenseStrides(d)}
}

// filled is a row of n numbers that differ.
func filled(t *testing.T, b *Backend, n int, seed float64) engine.Array {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.Sin(seed + 1.7*float64(i))
	}
	return upload(t, b, x)
}

func read(t *testing.T, b *Backend, a engine.Array) []float64 {
	t.Helper()
	x := make([]float64, a.Dims.Size())
	if err := b.Download(newStream(t, b), bytesOf(x), a.Buf, 0); err != nil {
		t.Fatal(err)
	}
	return x
}
