package conform

import (
	"math"
	"math/rand/v2"
	"slices"

	"voxen/engine/op"
)

// fill puts numbers of a kind into t.
func fill(t op.Tensor, f Fill, rng *rand.Rand) {
	for b := range t.Dims[0] {
		for m := range t.Dims[1] {
			fillMat(t.Mat(b, m), t.Dims[2], t.Dims[3], f, rng)
		}
	}
}

// elementwise gives the next element for fills whose elements are independent.
func elementwise(f Fill, rng *rand.Rand) func() float64 {
	switch f {
	case Normal:
		return rng.NormFloat64
	case Raw:
		return func() float64 { return 10000 + 100*rng.NormFloat64() }
	case Positive:
		return func() float64 { return 0.5 + rng.Float64() }
	case Status:
		return func() float64 { return float64(max(0, rng.IntN(5)-2)) }
	case Flags:
		return func() float64 { return float64(rng.IntN(2)) }
	case Extreme:
		return func() float64 { return rng.NormFloat64() * math.Pow(10, 36*rng.Float64()-18) }
	case Zero:
		return func() float64 { return 0 }
	case Beta:
		return func() float64 { return 0.7 }
	case Scores:
		kinds := []float64{0, 1e39, -1e39, 1e-40, math.NaN(), math.Inf(1), math.Inf(-1), 5e-324}
		return func() float64 {
			if rng.IntN(12) > 0 {
				return rng.NormFloat64()
			}
			return kinds[rng.IntN(len(kinds))]
		}
	case Ties:
		return func() float64 { return []float64{0, 1, 1, math.NaN()}[rng.IntN(4)] }
	case Sizes:
		return func() float64 { return []float64{1, 1e12}[rng.IntN(2)] }
	case Sparse:
		return func() float64 {
			if rng.IntN(10) > 0 {
				return 0
			}
			return rng.NormFloat64()
		}
	}
	return nil
}

// fillMat fills one matrix.
func fillMat(a []float64, rows, cols int, f Fill, rng *rand.Rand) {
	if next := elementwise(f, rng); next != nil {
		for i := range a {
			a[i] = next()
		}
		return
	}
	switch f {
	case SPD:
		gram(a, cols, cols+5, rng)
	case Clusters:
		clusters(a, cols, rng)
	case Ascend:
		for i := range a {
			a[i] = math.Exp(3 * rng.NormFloat64())
		}
		for r := range rows {
			slices.Sort(a[r*cols : (r+1)*cols])
		}
	case Eigen:
		copy(a, orthonormal(cols, cols, rng))
		for i := range cols {
			a[cols*cols+i] = float64(i) * float64(i) // the first is 0: to be dropped
		}
	case Graded:
		copy(a, orthonormal(cols, cols, rng))
		for i := range cols {
			a[cols*cols+i] = 3 * float64(cols) * 0x1p-50 * (1 + float64(i-cols/2)*0x1p-51)
		}
		a[cols*cols+cols-1] = 3
	case Moments:
		for v := range cols {
			for range 20 {
				x := 3 + rng.NormFloat64()
				a[v] += x
				a[cols+v] += x * x
			}
		}
	case Basis:
		half := rows / 2
		q := min(cols, half, rows-half)
		for _, run := range [][2]int{{0, half}, {half, rows}} {
			o := orthonormal(q, run[1]-run[0], rng)
			for j := range q {
				for t := run[0]; t < run[1]; t++ {
					a[t*cols+j] = o[j*(run[1]-run[0])+t-run[0]]
				}
			}
		}
	case Consts:
		constants(a, rows, cols, rng)
	case UnitRow:
		for r := range rows {
			row, norm := a[r*cols:(r+1)*cols], 0.0
			for i := range row {
				row[i] = rng.NormFloat64()
				norm += row[i] * row[i]
			}
			for i := range row {
				row[i] /= math.Sqrt(norm)
			}
		}
	case Ranges:
		for v := range cols {
			a[v] = rng.NormFloat64()
			a[cols+v] = a[v] + rng.Float64()
			switch v % 5 {
			case 0:
				a[v], a[cols+v] = 0, 0
			case 1:
				a[v], a[cols+v] = 7, 7
			case 2:
				a[cols+v] = a[v]
			case 3:
				if rng.IntN(4) == 0 {
					a[v], a[cols+v] = math.NaN(), math.NaN()
				}
			}
		}
	case Spans:
		for r := range rows {
			lo := rng.IntN(13)
			a[r*cols], a[r*cols+1] = float64(lo), float64(lo+rng.IntN(13-lo))
		}
	case Choices:
		for i := range a {
			a[i] = float64(rng.IntN(304) - 3)
		}
	default:
		panic("conform: unknown fill")
	}
}

// gram is X'X of a random X with the given rows.
func gram(a []float64, n, rows int, rng *rand.Rand) {
	x := make([]float64, rows*n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for i := range n {
		for j := range n {
			for t := range rows {
				a[i*n+j] += x[t*n+i] * x[t*n+j]
			}
		}
	}
}

// clusters is Q diag(s) Q' with s of four values, one 0 and one tiny.
func clusters(a []float64, n int, rng *rand.Rand) {
	q := orthonormal(n, n, rng)
	values := []float64{0, 1e-12, 1, 1000}
	for k := range n {
		for i := range n {
			for j := range n {
				a[i*n+j] += q[k*n+i] * values[k%4] * q[k*n+j]
			}
		}
	}
	for i := range n {
		for j := range i {
			a[j*n+i] = a[i*n+j]
		}
	}
}

// orthonormal gives k orthonormal rows of length n >= k (Gram-Schmidt, twice).
func orthonormal(k, n int, rng *rand.Rand) []float64 {
	q := make([]float64, k*n)
	for i := range k {
		v := q[i*n : (i+1)*n]
		for j := range v {
			v[j] = rng.NormFloat64()
		}
		for range 2 {
			for p := range i {
				dot := 0.0
				for j := range v {
					dot += v[j] * q[p*n+j]
				}
				for j := range v {
					v[j] -= dot * q[p*n+j]
				}
			}
		}
		norm := 0.0
		for _, x := range v {
			norm += x * x
		}
		for j := range v {
			v[j] /= math.Sqrt(norm)
		}
	}
	return q
}

// constants makes columns of six kinds in turn.
func constants(a []float64, rows, cols int, rng *rand.Rand) {
	for v := range cols {
		for t := range rows {
			x := rng.NormFloat64()
			switch v % 6 {
			case 0:
				x = 7
			case 1:
				x = float64(1 + 2*t/rows)
			case 2:
				if t == rows-1 {
					x = math.NaN()
				}
			case 3:
				if t == 0 {
					x = math.Inf(-1)
				}
			}
			a[t*cols+v] = x
		}
	}
}
