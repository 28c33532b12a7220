package op

import (
	"fmt"
	"math"
	"slices"
)

// LayerNorm brings every row to zero mean and unit variance, then scales and shifts,
//
//	y[r, c] = (x[r, c] - mean_r) / sqrt(var_r + Eps) * gamma[c] + beta[c],
//
// var the mean squared deviation. Operands x (B, M, R, C), gamma and beta
// (1, 1, 1, C). Ba, Kiros and Hinton 2016, arXiv 1607.06450.
type LayerNorm struct{ Eps float64 }

// Infer keeps the shape of x.
func (o LayerNorm) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 3); err != nil {
		return Type{}, err
	}
	return in[0], perColumn(o, in)
}

// perColumn checks that operands 1, 2, ... are one row of operand 0's columns.
func perColumn(s Spec, in []Type) error {
	if err := sameDtype(s, in...); err != nil {
		return err
	}
	for i := range in[1:] {
		if want := (Dims{1, 1, 1, in[0].Dims[3]}); in[i+1].Dims != want {
			return fmt.Errorf("%s: operand %d is %v, want %v", Name(s), i+1, in[i+1], want)
		}
	}
	return nil
}

// Ref normalises row by row.
func (o LayerNorm) Ref(out Tensor, in ...Tensor) {
	n := out.Dims[3]
	for at := 0; at < len(out.Data); at += n {
		x, y := in[0].Data[at:at+n], out.Data[at:at+n]
		mean, square := 0.0, 0.0
		for _, v := range x {
			mean += v / float64(n)
		}
		for _, v := range x {
			square += (v - mean) * (v - mean) / float64(n)
		}
		scale := 1 / math.Sqrt(square+o.Eps)
		for c, v := range x {
			y[c] = (v-mean)*scale*in[1].Data[c] + in[2].Data[c]
		}
	}
}

// RMSNorm scales every row to a unit mean square, then each column,
//
//	y[r, c] = x[r, c] / sqrt(mean_c x[r, c]^2 + Eps) * gamma[c].
//
// With Heads the columns are as many parts of equal width side by side, each
// normalised by itself and scaled by the same gamma. Operands x (B, M, R, C) and gamma
// (1, 1, 1, C), or (1, 1, 1, C/Heads). Zhang and Sennrich 2019, arXiv 1910.07467.
type RMSNorm struct {
	Eps   float64
	Heads int // 0 is 1
}

// Parts is the number of parts of a row.
func (o RMSNorm) Parts() int { return max(o.Heads, 1) }

// Infer keeps the shape of x.
func (o RMSNorm) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if o.Heads < 0 || in[0].Dims[3]%o.Parts() != 0 {
		return Type{}, fmt.Errorf("RMSNorm: operand 0 is %v, want columns of %d heads", in[0], o.Heads)
	}
	part := in[0]
	part.Dims[3] /= o.Parts()
	return in[0], perColumn(o, []Type{part, in[1]})
}

// Ref scales part by part.
func (o RMSNorm) Ref(out Tensor, in ...Tensor) {
	n := out.Dims[3] / o.Parts()
	for at := 0; at < len(out.Data); at += n {
		x, y := in[0].Data[at:at+n], out.Data[at:at+n]
		square := 0.0
		for _, v := range x {
			square += v * v / float64(n)
		}
		scale := 1 / math.Sqrt(square+o.Eps)
		for c, v := range x {
			y[c] = v * scale * in[1].Data[c]
		}
	}
}

// Activation is a nonlinearity.
type Activation string

// The activations.
const (
	GELU     Activation = "gelu"      // x Phi(x), Phi the normal distribution function
	GELUTanh Activation = "gelu_tanh" // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
	SiLU     Activation = "silu"      // x / (1 + exp(-x))
	ReLU     Activation = "relu"      // max(x, 0)
)

// Apply computes one element.
func (a Activation) Apply(x float64) float64 {
	switch a {
	case GELU:
		return x / 2 * math.Erfc(-x/math.Sqrt2)
	case GELUTanh:
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case SiLU:
		return x / (1 + math.Exp(-x))
	}
	return max(x, 0)
}

// Activate applies an activation to every element, and multiplies by the second
// operand where there is one: y = f(x), or the gated y = f(x) u (Shazeer 2020,
// arXiv 2002.05202). Both (B, M, R, C).
type Activate struct{ Kind Activation }

// Infer wants operands of one type.
func (o Activate) Infer(in ...Type) (Type, error) {
	switch o.Kind {
	case GELU, GELUTanh, SiLU, ReLU:
	default:
		return Type{}, fmt.Errorf("Activate: kind %q, want gelu, gelu_tanh, silu or relu", o.Kind)
	}
	if len(in) != 2 {
		if err := arity(o, in, 1); err != nil {
			return Type{}, err
		}
	}
	for i, t := range in {
		if t != in[0] {
			return Type{}, fmt.Errorf("Activate: operand %d is %v, want %v", i, t, in[0])
		}
	}
	return in[0], nil
}

// Ref applies it.
func (o Activate) Ref(out Tensor, in ...Tensor) {
	for i, x := range in[0].Data {
		out.Data[i] = o.Kind.Apply(x)
		if len(in) == 2 {
			out.Data[i] *= in[1].Data[i]
		}
	}
}

// Rotary turns pairs of units of every head by an angle that depends on the row
// (rotary position embedding, Su et al. 2021, arXiv 2104.09864, with the pairs of
// Hugging Face: unit i goes with unit i + n),
//
//	y[t, i]   = x[t, i] cos[t, i] - x[t, i+n] sin[t, i]
//	y[t, i+n] = x[t, i+n] cos[t, i] + x[t, i] sin[t, i],  0 <= i < n.
//
// Units of a head from 2n on stay as they are. Operands x (B, 1, T, Heads*d), cos and
// sin (1, 1, T, n), n at most d/2.
type Rotary struct{ Heads int }

// Infer keeps the shape of x.
func (o Rotary) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 3); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	d := in[0].Dims
	if o.Heads < 1 || d[1] != 1 || d[3]%o.Heads != 0 {
		return Type{}, fmt.Errorf("Rotary: operand 0 is %v, want one group and columns of %d heads", in[0], o.Heads)
	}
	n := in[1].Dims[3]
	for i := 1; i <= 2; i++ {
		if in[i].Dims != (Dims{1, 1, d[2], n}) || 2*n > d[3]/o.Heads {
			return Type{}, fmt.Errorf("Rotary: operand %d is %v, want 1 x 1 x %d x at most %d", i, in[i], d[2], d[3]/o.Heads/2)
		}
	}
	return in[0], nil
}

// Ref turns every pair.
func (o Rotary) Ref(out Tensor, in ...Tensor) {
	T, C := out.Dims[2], out.Dims[3]
	size, n := C/o.Heads, in[1].Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x := in[0].Mat(b, m)
		copy(y, x)
		for t := range T {
			for h := range o.Heads {
				for i := range n {
					cos, sin := in[1].Data[t*n+i], in[2].Data[t*n+i]
					lo := t*C + h*size + i
					hi := lo + n
					y[lo] = x[lo]*cos - x[hi]*sin
					y[hi] = x[hi]*cos + x[lo]*sin
				}
			}
		}
	})
}

// Attention is scaled dot-product attention of several heads (Vaswani et al.
// 2017, arXiv 1706.03762). For head h, with d units per head and the key-value
// head g = h / (Heads/KVHeads) that a group of query heads shares,
//
//	y_h = softmax(bound(scale q_h k_g')) v_g,
//
// scale = 1/sqrt(d) unless Scale says otherwise, bound(s) = Bound tanh(s/Bound), or s
// without a Bound (Gemma 2, arXiv 2408.00118). The softmax is over the rows of k;
// Causal leaves out those after the query's own row, and Window, of a causal one, all
// but the last Window of the others (Mistral, arXiv 2310.06825). Operands q
// (B, 1, T, Heads*d), k and v (B, 1, T, KVHeads*d); the result has the shape of q.
// Heads lie side by side in the columns.
type Attention struct {
	Heads, KVHeads int
	Causal         bool
	Window         int     // rows that a query sees, its own among them; 0 is all
	Scale          float64 // 0 is 1/sqrt(d)
	Bound          float64 // of scores; 0 is none
}

// Infer keeps the shape of q.
func (o Attention) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 3); err != nil {
		return Type{}, err
	}
	if o.Window < 0 || o.Window > 0 && !o.Causal || o.Scale < 0 || o.Bound < 0 {
		return Type{}, fmt.Errorf("Attention: window %d, causal %v, scale %g, bound %g, want none negative and a window of a causal one", o.Window, o.Causal, o.Scale, o.Bound)
	}
	return in[0], heads(o, o.Heads, o.KVHeads, in)
}

// ScaleOf is the factor of the scores of heads with d units.
func (o Attention) ScaleOf(d int) float64 {
	if o.Scale > 0 {
		return o.Scale
	}
	return 1 / math.Sqrt(float64(d))
}

// Seen are the rows [lo, hi) of T that the query of row t sees.
func (o Attention) Seen(t, T int) (lo, hi int) {
	if !o.Causal {
		return 0, T
	}
	if o.Window > 0 {
		lo = max(0, t+1-o.Window)
	}
	return lo, t + 1
}

// heads checks operand 0 as queries and the others as keys or values.
func heads(s Spec, n, kv int, in []Type) error {
	if err := sameDtype(s, in...); err != nil {
		return err
	}
	d := in[0].Dims
	if n < 1 || kv < 1 || n%kv != 0 || d[1] != 1 || d[3]%n != 0 {
		return fmt.Errorf("%s: operand 0 is %v, want one group and columns of %d heads that %d key-value heads divide", Name(s), in[0], n, kv)
	}
	for i, t := range in[1:] {
		if want := (Dims{d[0], 1, d[2], d[3] / n * kv}); t.Dims != want {
			return fmt.Errorf("%s: operand %d is %v, want %v", Name(s), i+1, t, want)
		}
	}
	return nil
}

// Ref attends row by row.
func (o Attention) Ref(out Tensor, in ...Tensor) {
	T, C := out.Dims[2], out.Dims[3]
	d := C / o.Heads
	ld := d * o.KVHeads
	eachMat(out, func(b, m int, y []float64) {
		q, k, v := in[0].Mat(b, m), in[1].Mat(b, m), in[2].Mat(b, m)
		for h := range o.Heads {
			g := h / (o.Heads / o.KVHeads)
			for t := range T {
				lo, hi := o.Seen(t, T)
				w := make([]float64, hi-lo)
				for s := range w {
					for i := range d {
						w[s] += q[t*C+h*d+i] * k[(lo+s)*ld+g*d+i] * o.ScaleOf(d)
					}
					w[s] = bound(w[s], o.Bound)
				}
				softmax(w)
				for s, p := range w {
					for i := range d {
						y[t*C+h*d+i] += p * v[(lo+s)*ld+g*d+i]
					}
				}
			}
		}
	})
}

// softmax is exp(w) / sum exp(w), in place.
func softmax(w []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, x := range w {
		top = max(top, x)
	}
	for i, x := range w {
		w[i] = math.Exp(x - top)
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
}

// QueryKey multiplies every query unit by the mean over the rows of its key unit,
//
//	y[t, h, i] = q[t, h, i] mean_s k[s, g, i],  g = h / (Heads/KVHeads).
//
// Operands q (B, 1, T, Heads*d) and k (B, 1, T, KVHeads*d); the result has the shape of q.
type QueryKey struct{ Heads, KVHeads int }

// Infer keeps the shape of q.
func (o QueryKey) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	return in[0], heads(o, o.Heads, o.KVHeads, in)
}

// Ref multiplies by column means.
func (o QueryKey) Ref(out Tensor, in ...Tensor) {
	T, C, ld := out.Dims[2], out.Dims[3], in[1].Dims[3]
	d := C / o.Heads
	mean := make([]float64, ld)
	eachMat(out, func(b, m int, y []float64) {
		q, k := in[0].Mat(b, m), in[1].Mat(b, m)
		clear(mean)
		for t := range T {
			axpy(mean, 1/float64(T), k[t*ld:(t+1)*ld])
		}
		for t := range T {
			for c := range C {
				g := c / d / (o.Heads / o.KVHeads)
				y[t*C+c] = q[t*C+c] * mean[g*d+c%d]
			}
		}
	})
}

// MeanSpans averages spans of rows: word pieces into words. Row r of the result
// is the mean over rows [spans[r, 0], spans[r, 1]) of x, zero for an empty span.
// Operands x (B, 1, T, C) and spans (B, 1, R, 2), whole numbers in x's dtype
// within [0, T]; the result is (B, 1, R, C).
type MeanSpans struct{}

// Infer wants two columns of spans.
func (o MeanSpans) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	if err := want(o, in, 1, -1, 2); err != nil {
		return Type{}, err
	}
	if in[0].Dims[1] != 1 || in[1].Dims[1] != 1 || in[0].Dims[0] != in[1].Dims[0] {
		return Type{}, fmt.Errorf("MeanSpans: operands are %v and %v, want one group and as many batches", in[0], in[1])
	}
	d := in[0].Dims
	return Type{in[0].Dtype, Dims{d[0], 1, in[1].Dims[2], d[3]}}, nil
}

// Ref averages.
func (o MeanSpans) Ref(out Tensor, in ...Tensor) {
	R, C := out.Dims[2], out.Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x, spans := in[0].Mat(b, m), in[1].Mat(b, m)
		for r := range R {
			lo, hi := int(spans[2*r]), int(spans[2*r+1])
			for t := lo; t < hi; t++ {
				axpy(y[r*C:(r+1)*C], 1/float64(hi-lo), x[t*C:(t+1)*C])
			}
		}
	})
}

// LogSumExp takes the logarithm of the sum of exponentials of every row and the element
// that the row's choice names: a softmax's log probability of choice j is
// x[t, j] - log sum_c exp(x[t, c]), and that of a vocabulary cut into blocks of columns
// comes of the results of the blocks.
//
//	y[t, 0] = log sum_c exp(bound(x[t, c])),  y[t, 1] = bound(x[t, j]),  j = choice[t]
//
// or y[t, 1] = 0 where no column has the number j. bound is that of Attention.
// Operands x (B, 1, T, C) and choice (B, 1, T, 1), whole numbers; the result is (B, 1, T, 2).
type LogSumExp struct{ Bound float64 }

// Infer wants a choice per row.
func (o LogSumExp) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 2); err != nil {
		return Type{}, err
	}
	if err := sameDtype(o, in...); err != nil {
		return Type{}, err
	}
	d := in[0].Dims
	if want := (Dims{d[0], 1, d[2], 1}); d[1] != 1 || in[1].Dims != want || o.Bound < 0 {
		return Type{}, fmt.Errorf("LogSumExp: operands %v and %v with bound %g, want one group, a choice per row and no negative bound", in[0], in[1], o.Bound)
	}
	return Type{in[0].Dtype, Dims{d[0], 1, d[2], 2}}, nil
}

// Ref sums from the largest element.
func (o LogSumExp) Ref(out Tensor, in ...Tensor) {
	C := in[0].Dims[3]
	eachMat(out, func(b, m int, y []float64) {
		x, choice := in[0].Mat(b, m), in[1].Mat(b, m)
		for t := range choice {
			row := make([]float64, C)
			for c := range row {
				row[c] = bound(x[t*C+c], o.Bound)
			}
			top, sum := math.Inf(-1), 0.0
			for _, v := range row {
				top = max(top, v)
			}
			for _, v := range row {
				sum += math.Exp(v - top)
			}
			y[2*t] = top + math.Log(sum)
			if j := choice[t]; j >= 0 && j < float64(C) {
				y[2*t+1] = row[int(j)]
			}
		}
	})
}

// TopK keeps the K largest elements of every row, of equal ones those of the lower
// columns, and puts 0 in the place of the others:
//
//	y[r, c] = x[r, c] if fewer than K columns j have x[r, j] > x[r, c], or x[r, j] = x[r, c] and j < c; else 0
//
// -0 is equal to 0. A row that holds a NaN is NaN throughout: nothing is the K-th
// largest of it. Operand x (B, M, R, C), 1 <= K <= C. Makhzani and Frey 2014, arXiv
// 1312.5663; of features of language models Gao et al. 2024, arXiv 2406.04093.
type TopK struct{ K int }

// Infer keeps the shape of x.
func (o TopK) Infer(in ...Type) (Type, error) {
	if err := arity(o, in, 1); err != nil {
		return Type{}, err
	}
	if C := in[0].Dims[3]; o.K < 1 || o.K > C {
		return Type{}, fmt.Errorf("TopK: K is %d, want 1 to the %d columns of operand 0", o.K, C)
	}
	return in[0], nil
}

// Ref counts what is ahead of each element.
func (o TopK) Ref(out Tensor, in ...Tensor) {
	n := out.Dims[3]
	for at := 0; at < len(out.Data); at += n {
		x, y := in[0].Data[at:at+n], out.Data[at:at+n]
		if slices.ContainsFunc(x, math.IsNaN) {
			for c := range y {
				y[c] = math.NaN()
			}
			continue
		}
		for c, v := range x {
			ahead := 0
			for j, w := range x {
				if w > v || w == v && j < c {
					ahead++
				}
			}
			if y[c] = 0; ahead < o.K {
				y[c] = v
			}
		}
	}
}

// bound is c tanh(x/c), or x where c is 0.
func bound(x, c float64) float64 {
	if c == 0 {
		return x
	}
	return c * math.Tanh(x/c)
}
