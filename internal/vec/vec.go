package vec

import "math"

// lanes is the number of elements that every kernel takes at once; what is left
// of a slice goes through a padded copy.
const lanes = 16

// kernels are the loops of one instruction set, on n elements, a positive
// multiple of lanes.
type kernels struct {
	maximum              func(x *float32, n int) float32
	expSum               func(x *float32, n int, top float32) float32
	gelu, geluTanh, silu func(dst, x *float32, n int)
	multiply             func(dst, x *float32, n int)
	add                  func(dst, x, y *float32, n int)
	scale                func(x *float32, n int, a float32)
	sum                  func(x *float32, n int) float64
	squares              func(x *float32, n int, mean float32) float32
	affine               func(dst, x, gamma, beta *float32, n int, mean, rest, scale float32)
	addScaled            func(dst, x, y *float32, n int, a float32)
	moments              func(z *float32, sum, square *float64, n int)
	shiftMoments         func(z, y, shift, unit *float32, sum, square *float64, n int)
	extent               func(lo, hi, odd, y *float32, n int)
}

// use are the kernels that this processor has; nil for plain Go.
var use = best()

// whole is the length of the part of n elements that kernels take, 0 without
// kernels.
func whole(n int) int {
	if use == nil {
		return 0
	}
	return n &^ (lanes - 1)
}

// GELU sets dst[i] = x[i] Phi(x[i]), Phi the normal distribution function. The
// slices have one length and may be the same.
func GELU(dst, x []float32) {
	apply(dst, x, func(k *kernels) func(dst, x *float32, n int) { return k.gelu }, func(v float64) float64 {
		return v / 2 * math.Erfc(-v/math.Sqrt2)
	})
}

// GELUTanh sets dst[i] = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), x = x[i].
func GELUTanh(dst, x []float32) {
	apply(dst, x, func(k *kernels) func(dst, x *float32, n int) { return k.geluTanh }, func(v float64) float64 {
		return v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
	})
}

// SiLU sets dst[i] = x[i] / (1 + exp(-x[i])).
func SiLU(dst, x []float32) {
	apply(dst, x, func(k *kernels) func(dst, x *float32, n int) { return k.silu }, func(v float64) float64 {
		return v / (1 + math.Exp(-v))
	})
}

func apply(dst, x []float32, kernel func(*kernels) func(dst, x *float32, n int), plain func(float64) float64) {
	dst = dst[:len(x)]
	if use == nil {
		for i, v := range x {
			dst[i] = float32(plain(float64(v)))
		}
		return
	}
	f, n := kernel(use), whole(len(x))
	if n > 0 {
		f(&dst[0], &x[0], n)
	}
	if n < len(x) {
		var pad [lanes]float32
		copy(pad[:], x[n:])
		f(&pad[0], &pad[0], lanes)
		copy(dst[n:], pad[:])
	}
}

// ExpSum sets x = exp(x - max x), in place, and returns the sum: what softmax
// divides by. x is not empty.
func ExpSum(x []float32) float32 {
	n := whole(len(x))
	top, sum := float32(math.Inf(-1)), float32(0)
	if n > 0 {
		top = use.maximum(&x[0], n)
	}
	for _, v := range x[n:] {
		top = max(top, v)
	}
	if n > 0 {
		sum = use.expSum(&x[0], n, top)
	}
	return sum + expTail(x[n:], top)
}

// expTail is expSum for the elements that kernels leave.
func expTail(x []float32, top float32) float32 {
	sum := float32(0)
	if use == nil {
		wide := 0.0
		for i, v := range x {
			x[i] = float32(math.Exp(float64(v) - float64(top)))
			wide += float64(x[i])
		}
		return float32(wide)
	}
	if len(x) > 0 {
		var pad [lanes]float32
		copy(pad[:], x)
		use.expSum(&pad[0], lanes, top)
		copy(x, pad[:])
		for _, v := range x {
			sum += v
		}
	}
	return sum
}

// Scale sets x = a x.
func Scale(x []float32, a float32) {
	n := whole(len(x))
	if n > 0 {
		use.scale(&x[0], n, a)
	}
	for i := n; i < len(x); i++ {
		x[i] *= a
	}
}

// Mul sets dst = dst x, element by element.
func Mul(dst, x []float32) {
	n := whole(len(x))
	if n > 0 {
		use.multiply(&dst[0], &x[0], n)
	}
	for i := n; i < len(x); i++ {
		dst[i] *= x[i]
	}
}

// Add sets dst = x + y, element by element. The slices have one length; dst may
// be one of the others.
func Add(dst, x, y []float32) {
	n := whole(len(dst))
	if n > 0 {
		use.add(&dst[0], &x[0], &y[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = x[i] + y[i]
	}
}

// LayerNorm sets dst = (x - mean) / sqrt(var + eps) gamma + beta, mean and var
// (mean squared deviation) those of x. All have one length, not 0.
func LayerNorm(dst, x, gamma, beta []float32, eps float64) {
	n := whole(len(x))
	mean := 0.0
	if n > 0 {
		mean = use.sum(&x[0], n)
	}
	for _, v := range x[n:] {
		mean += float64(v)
	}
	mean /= float64(len(x))
	near := float32(mean)
	rest := float32(mean - float64(near)) // what rounding the mean left
	square := 0.0
	if n > 0 {
		square = float64(use.squares(&x[0], n, near))
	}
	for _, v := range x[n:] {
		square += float64(v-near) * float64(v-near)
	}
	scale := float32(1 / math.Sqrt(square/float64(len(x))+eps))
	if n > 0 {
		use.affine(&dst[0], &x[0], &gamma[0], &beta[0], n, near, rest, scale)
	}
	for i := n; i < len(x); i++ {
		dst[i] = (x[i]-near-rest)*scale*gamma[i] + beta[i]
	}
}

// MeanSquare is the mean of x[i]^2.
func MeanSquare(x []float32) float64 {
	n := whole(len(x))
	square := 0.0
	if n > 0 {
		square = float64(use.squares(&x[0], n, 0))
	}
	for _, v := range x[n:] {
		square += float64(v) * float64(v)
	}
	return square / float64(len(x))
}

// AddScaled sets dst = x + a y. The bits of an element do not depend on its place.
func AddScaled(dst, x []float32, a float32, y []float32) {
	if use == nil {
		for i := range dst {
			dst[i] = x[i] + float32(a*y[i])
		}
		return
	}
	n := whole(len(dst))
	if n > 0 {
		use.addScaled(&dst[0], &x[0], &y[0], n, a)
	}
	if n < len(dst) {
		var to, from, other [lanes]float32
		copy(from[:], x[n:])
		copy(other[:], y[n:])
		use.addScaled(&to[0], &from[0], &other[0], lanes, a)
		copy(dst[n:], to[:])
	}
}

// Moments adds z to sum and z^2 to square, in which z^2 is exact.
func Moments(z []float32, sum, square []float64) {
	n := whole(len(z))
	if n > 0 {
		use.moments(&z[0], &sum[0], &square[0], n)
	}
	for i := n; i < len(z); i++ {
		x := float64(z[i])
		sum[i] += x
		square[i] += x * x
	}
}

// ShiftMoments sets z = (y - shift) unit and adds it as Moments does.
func ShiftMoments(z, y, shift, unit []float32, sum, square []float64) {
	n := whole(len(z))
	if n > 0 {
		use.shiftMoments(&z[0], &y[0], &shift[0], &unit[0], &sum[0], &square[0], n)
	}
	for i := n; i < len(z); i++ {
		z[i] = (y[i] - shift[i]) * unit[i]
		x := float64(z[i])
		sum[i] += x
		square[i] += x * x
	}
}

// Extent widens the range lo to hi by y, element by element, and adds 0 y to odd,
// which becomes NaN where y is not finite; lo and hi mean nothing there.
func Extent(lo, hi, odd, y []float32) {
	n := whole(len(y))
	if n > 0 {
		use.extent(&lo[0], &hi[0], &odd[0], &y[0], n)
	}
	for i := n; i < len(y); i++ {
		lo[i], hi[i] = min(lo[i], y[i]), max(hi[i], y[i])
		odd[i] += 0 * y[i]
	}
}
