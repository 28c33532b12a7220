package blas

import (
	"runtime"
	"unsafe"
)

// genericSet is the level in plain Go: tiles of 4 x 4 whose products are rounded before they are added, so that it
// gives the same bits on every architecture.
func genericSet() *set {
	return &set{f32: genericKernels[float32](), f64: genericKernels[float64]()}
}

func genericKernels[T Float]() kernels[T] {
	ks := kernels[T]{mr: 4, nr: 4, lanes: 4, kc: 256, nc: 256, mc: 1024,
		packRows: genericPackRows[T](4), transpose: genericTranspose[T],
		peak: genericPeak[T], peakFlops: 16,
		dot: genericDot[T], dots: genericDots[T], axpy: genericAxpy[T], axpys: genericAxpys[T], dotAxpy: genericDotAxpy[T],
		tile: make([]tileFunc[T], 5), scalePath: genericScalePath[T],
		quad: make([]func(k int, a, b, p, q *T), 5), power: make([]func(k int, a, b, q, s *T), 5)}
	for h := 1; h <= 4; h++ {
		ks.tile[h] = func(k int, a, b, c *T, ldc int, alpha T, acc int, _ *T, _ int, _ uint32) {
			genericTile(h, k, a, b, c, ldc, alpha, acc)
		}
		ks.quad[h] = func(k int, a, b, p, q *T) {
			genericForm(h, k, a, b, func(i, j int, x T) {
				unsafe.Slice(q, 4)[j] += T(unsafe.Slice(p, h*4)[i*4+j] * x)
			})
		}
		ks.power[h] = func(k int, a, b, q, s *T) {
			genericForm(h, k, a, b, func(_, j int, x T) {
				unsafe.Slice(q, 4)[j] += T(x * x)
				unsafe.Slice(s, 4)[j] += x
			})
		}
	}
	return ks
}

func genericTile[T Float](h, k int, a, b, c *T, ldc int, alpha T, acc int) {
	as, bs := unsafe.Slice(a, k*h), unsafe.Slice(b, k*4)
	for i := range h {
		var s0, s1, s2, s3 T
		for p := range k {
			x, y := as[p*h+i], bs[p*4:p*4+4]
			s0 += T(x * y[0])
			s1 += T(x * y[1])
			s2 += T(x * y[2])
			s3 += T(x * y[3])
		}
		row := unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(c), i*ldc)), 4)
		if acc == 0 {
			row[0], row[1], row[2], row[3] = alpha*s0, alpha*s1, alpha*s2, alpha*s3
			continue
		}
		row[0] += T(alpha * s0)
		row[1] += T(alpha * s1)
		row[2] += T(alpha * s2)
		row[3] += T(alpha * s3)
	}
}

// genericForm computes a tile and gives its elements (i, j) to f.
func genericForm[T Float](h, k int, a, b *T, f func(i, j int, x T)) {
	var tile [16]T
	genericTile(h, k, a, b, &tile[0], 4*sizeOf[T](), 1, 0)
	for e, x := range tile[:4*h] {
		f(e/4, e%4, x)
	}
}

func genericScalePath[T Float](k int, g, z, p, c, w, wc, zw *T) {
	gs, zs, ps, cs, ws := unsafe.Slice(g, k), unsafe.Slice(z, k), unsafe.Slice(p, 4*k), unsafe.Slice(c, 4*k), unsafe.Slice(w, 4*k)
	for j := range 4 {
		var sumC, sumZ T
		for i, f := range gs {
			x := T(f * ps[4*i+j])
			ws[4*i+j] = x
			sumC += T(x * cs[4*i+j])
			sumZ += T(x * zs[i])
		}
		unsafe.Slice(wc, 4)[j], unsafe.Slice(zw, 4)[j] = sumC, sumZ
	}
}

// genericPackRows makes the packing of panels of nr columns.
func genericPackRows[T Float](nr int) func(dst, src *T, lds, rows, np, ps int) {
	return func(dst, src *T, lds, rows, np, ps int) {
		for p := range rows {
			for q := range np {
				copy(panelRow(dst, q*ps, p, nr), panelRow(src, p*lds, q, nr))
			}
		}
	}
}

// panelRow is the i-th group of nr elements from an offset in bytes on.
func panelRow[T Float](x *T, offset, i, nr int) []T {
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(x), offset+i*nr*sizeOf[T]())), nr)
}

// genericTranspose writes p by p, as packAcross requires.
func genericTranspose[T Float](dst *T, rows **T, off, k, ldd int) {
	for p := range k {
		for i, row := range unsafe.Slice(rows, 4) {
			x := *(*T)(unsafe.Add(unsafe.Pointer(row), off+p*sizeOf[T]()))
			*(*T)(unsafe.Add(unsafe.Pointer(dst), p*ldd+i*sizeOf[T]())) = x
		}
	}
}

func genericDot[T Float](n int, x, a *T) T {
	xs, as := unsafe.Slice(x, n), unsafe.Slice(a, n)
	var s0, s1, s2, s3 T
	for j := 0; j < n; j += 4 {
		s0 += T(as[j] * xs[j])
		s1 += T(as[j+1] * xs[j+1])
		s2 += T(as[j+2] * xs[j+2])
		s3 += T(as[j+3] * xs[j+3])
	}
	return (s0 + s2) + (s1 + s3)
}

func genericDots[T Float](n int, x, a *T, lda int, out *T) {
	for r, o := 0, unsafe.Slice(out, 4); r < 4; r++ {
		o[r] = genericDot(n, x, (*T)(unsafe.Add(unsafe.Pointer(a), r*lda)))
	}
}

func genericAxpy[T Float](n int, alpha T, a, y *T) {
	ys := unsafe.Slice(y, n)
	for j, v := range unsafe.Slice(a, n) {
		ys[j] += T(alpha * v)
	}
}

func genericAxpys[T Float](n int, alpha, a *T, lda int, y *T) {
	for r, f := range unsafe.Slice(alpha, 4) {
		genericAxpy(n, f, (*T)(unsafe.Add(unsafe.Pointer(a), r*lda)), y)
	}
}

func genericDotAxpy[T Float](n int, alpha T, a, x, y *T) T {
	genericAxpy(n, alpha, a, y)
	return genericDot(n, x, a)
}

func genericPeak[T Float](n int) {
	var s [8]T
	x, y := T(1e-3), T(1e-3)
	for range n {
		for i := range s {
			s[i] += T(x * y)
		}
	}
	runtime.KeepAlive(s) // the sums are computed for their time alone
}
