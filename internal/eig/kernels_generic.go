package eig

import (
	"runtime"
	"unsafe"
)

// genericKernels are plain Go. Products are rounded before they are added, so that every architecture gives the same
// bits.
var genericKernels = kernels{rows: 4, symv: genericSymv, dots: genericDots, combine: genericCombine,
	axpby: genericAxpby, dot: genericDot, rotate: genericRotate, secular: genericSecular, weights: genericWeights,
	vector: genericVector, pause: genericPause}

// at makes n elements at p a slice; off is in bytes.
func at(p *float64, off, n int) []float64 {
	return unsafe.Slice((*float64)(unsafe.Add(unsafe.Pointer(p), off)), n)
}

func genericSymv(n int, a *float64, lda int, x, y *float64) {
	xs, ys := at(x, 0, n+4), at(y, 0, n+4)
	a0, a1, a2, a3 := at(a, 0, n+4), at(a, lda, n+4), at(a, 2*lda, n+4), at(a, 3*lda, n+4)
	x0, x1, x2, x3 := xs[n], xs[n+1], xs[n+2], xs[n+3]
	var s0, s1, s2, s3 float64
	for c, v := range xs[:n] {
		e0, e1, e2, e3 := a0[c], a1[c], a2[c], a3[c]
		s0 += float64(e0 * v)
		s1 += float64(e1 * v)
		s2 += float64(e2 * v)
		s3 += float64(e3 * v)
		ys[c] += (float64(e0*x0) + float64(e1*x1)) + (float64(e2*x2) + float64(e3*x3))
	}
	for c, v := range xs[n:] {
		s0 += float64(a0[n+c] * v)
		s1 += float64(a1[n+c] * v)
		s2 += float64(a2[n+c] * v)
		s3 += float64(a3[n+c] * v)
	}
	ys[n] += s0
	ys[n+1] += s1
	ys[n+2] += s2
	ys[n+3] += s3
}

func genericDots(n int, b *float64, ldb int, x, out *float64) {
	for q := range at(out, 0, 4) {
		at(out, 0, 4)[q] = genericDot(n, unsafe.SliceData(at(b, q*ldb, n)), x)
	}
}

func genericCombine(n, k int, c, b *float64, ldb int, y *float64) {
	ys := at(y, 0, n)
	for q, cq := range at(c, 0, k) {
		for i, v := range at(b, q*ldb, n) {
			ys[i] -= float64(cq * v)
		}
	}
}

func genericAxpby(n int, dst, x, y *float64, a, b float64) {
	out, ys := at(dst, 0, n), at(y, 0, n)
	for i, v := range at(x, 0, n) {
		out[i] = float64(a*v) + float64(b*ys[i])
	}
}

func genericDot(n int, x, y *float64) float64 {
	xs, ys := at(x, 0, n), at(y, 0, n)
	var s0, s1, s2, s3 float64
	for i := 0; i+4 <= n; i += 4 {
		s0 += float64(xs[i] * ys[i])
		s1 += float64(xs[i+1] * ys[i+1])
		s2 += float64(xs[i+2] * ys[i+2])
		s3 += float64(xs[i+3] * ys[i+3])
	}
	return (s0 + s2) + (s1 + s3)
}

func genericRotate(n int, x, y *float64, c, s float64) {
	xs, ys := at(x, 0, n), at(y, 0, n)
	for i, v := range xs {
		u := ys[i]
		xs[i], ys[i] = float64(c*v)+float64(s*u), float64(c*u)-float64(s*v)
	}
}

func genericSecular(n int, d, z *float64, org, mu float64) (psi, phi, dpsi, dphi float64) {
	zs := at(z, 0, n)
	for i, v := range at(d, 0, n) {
		t := zs[i] / ((v - org) - mu)
		if u := float64(t * zs[i]); u < 0 {
			psi += u
			dpsi += float64(t * t)
		} else {
			phi += u
			dphi += float64(t * t)
		}
	}
	return psi, phi, dpsi, dphi
}

func genericWeights(n, k int, d, w, poles, org, mu *float64) {
	ws, ps, os, ms := at(w, 0, n), at(poles, 0, k), at(org, 0, k), at(mu, 0, k)
	for i, v := range at(d, 0, n) {
		prod := 1.0
		for j, p := range ps {
			den := v - p
			if den == 0 {
				den = 1
			}
			prod *= ((v - os[j]) - ms[j]) / den
		}
		ws[i] = prod
	}
}

func genericVector(n int, dst, z, d *float64, org, mu float64) (squares float64) {
	out, zs := at(dst, 0, n), at(z, 0, n)
	for i, v := range at(d, 0, n) {
		t := zs[i] / ((v - org) - mu)
		out[i] = t
		squares += float64(t * t)
	}
	return squares
}

func genericPause(int) { runtime.Gosched() }
