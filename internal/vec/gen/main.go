// Command gen writes the amd64 assembly of package vec.
//
//	go run . -set avx512 -out ../avx512_amd64.s -stubs ../avx512_amd64.go -pkg vec
package main

import (
	"flag"
	"fmt"
	"math"
	"os"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set: how wide it is, and a new register of that width.
type set struct {
	name   string
	bytes  int
	vec    func() reg.VecVirtual
	consts map[uint32]Mem
	least  reg.VecVirtual // smallest and largest argument of exp, in registers
	most   reg.VecVirtual // so that a NaN can be their other operand
}

func main() {
	name := flag.String("set", "avx512", "instruction set to write: avx512 or avx2")
	flag.Parse()
	ConstraintExpr("!noasm")
	switch *name {
	case "avx512":
		write(&set{name: "AVX512", bytes: 64, vec: ZMM, consts: map[uint32]Mem{}})
	case "avx2":
		write(&set{name: "AVX2", bytes: 32, vec: YMM, consts: map[uint32]Mem{}})
	default:
		fmt.Fprintf(os.Stderr, "gen: -set %q, want avx512 or avx2\n", *name)
		os.Exit(2)
	}
	Generate()
}

func write(s *set) {
	s.maximum()
	s.expSum()
	s.mapping("gelu", "gelu sets dst = x Phi(x), Phi by formula 7.1.26 of Abramowitz and Stegun.", s.gelu)
	s.mapping("geluTanh", "geluTanh sets dst = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3).", s.geluTanh)
	s.mapping("silu", "silu sets dst = x / (1 + exp(-x)).", s.silu)
	s.multiply()
	s.add()
	s.scale()
	s.sum()
	s.squares()
	s.affine()
	s.addScaled()
	s.moments("moments", false)
	s.moments("shiftMoments", true)
	s.extent()
}

// konst is read-only memory with f in every lane.
func (s *set) konst(f float64) Mem { return s.bits(math.Float32bits(float32(f))) }

func (s *set) bits(b uint32) Mem {
	if m, ok := s.consts[b]; ok {
		return m
	}
	s.consts[b] = GLOBL(fmt.Sprintf("c%08x%s", b, s.name), RODATA|NOPTR)
	for at := 0; at < s.bytes; at += 4 {
		DATA(at, U32(b))
	}
	return s.consts[b]
}

// inRegister loads a constant.
func (s *set) inRegister(f float64) reg.VecVirtual {
	r := s.vec()
	VMOVUPS(s.konst(f), r)
	return r
}

// begin starts a function with n elements, a multiple of the width.
func (s *set) begin(name, args, doc string) {
	TEXT(name+s.name, NOSPLIT, "func("+args+")")
	Pragma("noescape")
	Doc(doc)
}

// loop writes a loop over vectors of the arrays at ptrs.
func (s *set) loop(n reg.GPVirtual, ptrs []reg.GPVirtual, body func()) {
	Label("loop")
	body()
	for _, p := range ptrs {
		ADDQ(Imm(uint64(s.bytes)), p)
	}
	SUBQ(Imm(uint64(s.bytes/4)), n)
	JNZ(LabelRef("loop"))
}

func arg(name string) reg.GPVirtual {
	g := GP64()
	Load(Param(name), g)
	return g
}

// spread is a float32 argument in every lane.
func (s *set) spread(name string) reg.VecVirtual {
	r := s.vec()
	a, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(a.Addr, r)
	return r
}

func (s *set) load(p reg.GPVirtual) reg.VecVirtual {
	r := s.vec()
	VMOVUPS(Mem{Base: p}, r)
	return r
}

// round sets n to the nearest whole number of t.
func (s *set) round(t, n reg.VecVirtual) {
	if s.bytes == 64 {
		VRNDSCALEPS(Imm(8), t, n)
	} else {
		VROUNDPS(Imm(8), t, n)
	}
}

// exp replaces x by exp(x), x between about -87 and 88: outside it is clamped.
// 2^n exp(r) with r in [-ln2/2, ln2/2], exp(r) by the polynomial of Cephes' expf.
func (s *set) exp(x reg.VecVirtual) {
	VMAXPS(x, s.least, x) // of a NaN and a number these give the first operand
	VMINPS(x, s.most, x)
	n, p, r2 := s.vec(), s.vec(), s.vec()
	VMULPS(s.konst(math.Log2E), x, n)
	s.round(n, n)
	VFNMADD231PS(s.konst(0.693359375), n, x)
	VFNMADD231PS(s.konst(-2.12194440e-4), n, x)
	VMOVUPS(s.konst(1.9875691500e-4), p)
	for _, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		VFMADD213PS(s.konst(c), x, p)
	}
	VMULPS(x, x, r2)
	VFMADD213PS(x, r2, p)
	VADDPS(s.konst(1), p, p)
	VCVTPS2DQ(n, n)
	VPSLLD(Imm(23), n, n)
	VPADDD(n, p, x)
}

// divide divides exactly: the processor's estimates would cost accuracy.
func (s *set) divide(num, den, dst reg.VecVirtual) { VDIVPS(den, num, dst) }

func (s *set) and(a, b, dst Op) {
	if s.bytes == 64 {
		VPANDD(a, b, dst)
	} else {
		VPAND(a, b, dst)
	}
}

// gelu makes y of x: with z = |x|/sqrt(2), q = erfc(z)/2, y = max(x, 0) - |x| q.
func (s *set) gelu(x reg.VecVirtual) reg.VecVirtual {
	abs, t, q, e := s.vec(), s.vec(), s.vec(), s.vec()
	s.and(s.bits(0x7fffffff), x, abs)
	one := s.inRegister(1)
	VMOVAPS(one, t)
	VFMADD231PS(s.konst(0.3275911/math.Sqrt2), abs, t)
	s.divide(one, t, t)
	VMULPS(abs, abs, e)
	VMULPS(s.konst(-0.5), e, e)
	s.exp(e)
	VMOVUPS(s.konst(1.061405429/2), q)
	for _, c := range []float64{-1.453152027 / 2, 1.421413741 / 2, -0.284496736 / 2, 0.254829592 / 2} {
		VFMADD213PS(s.konst(c), t, q)
	}
	VMULPS(t, q, q)
	VMULPS(e, q, q)
	y := s.vec()
	VMAXPS(s.bits(0), x, y)
	VFNMADD231PS(abs, q, y)
	return y
}

// silu makes x / (1 + exp(-x)).
func (s *set) silu(x reg.VecVirtual) reg.VecVirtual {
	e := s.vec()
	VMULPS(s.konst(-1), x, e)
	return s.sigmoid(x, e)
}

// sigmoid makes x / (1 + exp(e)).
func (s *set) sigmoid(x, e reg.VecVirtual) reg.VecVirtual {
	s.exp(e)
	VADDPS(s.konst(1), e, e)
	y := s.vec()
	s.divide(x, e, y)
	return y
}

func (s *set) geluTanh(x reg.VecVirtual) reg.VecVirtual {
	c := -2 * math.Sqrt(2/math.Pi)
	e := s.vec()
	VMULPS(x, x, e)
	VMULPS(s.konst(c*0.044715), e, e)
	VADDPS(s.konst(c), e, e)
	VMULPS(x, e, e)
	return s.sigmoid(x, e)
}

// mapping writes dst = f(x).
func (s *set) mapping(name, doc string, f func(reg.VecVirtual) reg.VecVirtual) {
	s.begin(name, "dst, x *float32, n int", doc)
	dst, x, n := arg("dst"), arg("x"), arg("n")
	s.limits()
	s.loop(n, []reg.GPVirtual{dst, x}, func() {
		VMOVUPS(f(s.load(x)), Mem{Base: dst})
	})
	s.end()
}

// limits loads what exp needs in registers.
func (s *set) limits() { s.least, s.most = s.inRegister(-87.3), s.inRegister(88.3) }

// zero is a register of zeros.
func (s *set) zero() reg.VecVirtual {
	r := s.vec()
	VXORPS(r, r, r)
	return r
}

func (s *set) end() {
	VZEROUPPER()
	RET()
}

// fold reduces the lanes of acc with an instruction to lane 0 of an XMM register.
func (s *set) fold(acc reg.VecVirtual, f func(a, b, dst Op)) reg.VecVirtual {
	low := acc.AsX()
	if s.bytes == 64 {
		y := YMM()
		VEXTRACTF64X4(Imm(1), acc.AsZ(), y)
		f(y, acc.AsY(), acc.AsY())
	}
	x := XMM()
	VEXTRACTF128(Imm(1), acc.AsY(), x)
	f(x, low, low)
	VPSHUFD(Imm(0x4e), low, x)
	f(x, low, low)
	VPSHUFD(Imm(0xb1), low, x)
	f(x, low, low)
	out := XMM()
	VMOVAPS(low, out)
	return out
}

func (s *set) maximum() {
	s.begin("maximum", "x *float32, n int) (m float32", "maximum gives the largest of n elements.")
	x, n := arg("x"), arg("n")
	acc := s.load(x)
	s.loop(n, []reg.GPVirtual{x}, func() { VMAXPS(Mem{Base: x}, acc, acc) })
	r := s.fold(acc, func(a, b, dst Op) { VMAXPS(a, b, dst) })
	Store(r, Return("m"))
	s.end()
}

func (s *set) expSum() {
	s.begin("expSum", "x *float32, n int, top float32) (sum float32", "expSum replaces x by exp(x - top) and sums it.")
	x, n, top := arg("x"), arg("n"), s.spread("top")
	s.limits()
	acc := s.zero()
	s.loop(n, []reg.GPVirtual{x}, func() {
		v := s.load(x)
		VSUBPS(top, v, v)
		s.exp(v)
		VMOVUPS(v, Mem{Base: x})
		VADDPS(v, acc, acc)
	})
	r := s.fold(acc, func(a, b, dst Op) { VADDPS(a, b, dst) })
	Store(r, Return("sum"))
	s.end()
}

func (s *set) multiply() {
	s.begin("multiply", "dst, x *float32, n int", "multiply sets dst = dst x.")
	dst, x, n := arg("dst"), arg("x"), arg("n")
	s.loop(n, []reg.GPVirtual{dst, x}, func() {
		v := s.load(x)
		VMULPS(Mem{Base: dst}, v, v)
		VMOVUPS(v, Mem{Base: dst})
	})
	s.end()
}

func (s *set) add() {
	s.begin("add", "dst, x, y *float32, n int", "add sets dst = x + y.")
	dst, x, y, n := arg("dst"), arg("x"), arg("y"), arg("n")
	s.loop(n, []reg.GPVirtual{dst, x, y}, func() {
		v := s.load(x)
		VADDPS(Mem{Base: y}, v, v)
		VMOVUPS(v, Mem{Base: dst})
	})
	s.end()
}

func (s *set) scale() {
	s.begin("scale", "x *float32, n int, a float32", "scale sets x = a x.")
	x, n, a := arg("x"), arg("n"), s.spread("a")
	s.loop(n, []reg.GPVirtual{x}, func() {
		v := s.vec()
		VMULPS(Mem{Base: x}, a, v)
		VMOVUPS(v, Mem{Base: x})
	})
	s.end()
}

// sum adds in float64, half a vector at a time.
func (s *set) sum() {
	s.begin("sum", "x *float32, n int) (sum float64", "sum adds n elements in float64.")
	x, n := arg("x"), arg("n")
	lo, hi := s.zero(), s.zero()
	s.loop(n, []reg.GPVirtual{x}, func() {
		a, b := s.vec(), s.vec()
		VCVTPS2PD(Mem{Base: x}, a)
		VCVTPS2PD(Mem{Base: x, Disp: s.bytes / 2}, b)
		VADDPD(a, lo, lo)
		VADDPD(b, hi, hi)
	})
	VADDPD(hi, lo, lo)
	Store(s.fold64(lo), Return("sum"))
	s.end()
}

// fold64 adds the float64 lanes of acc.
func (s *set) fold64(acc reg.VecVirtual) reg.VecVirtual {
	low := acc.AsX()
	if s.bytes == 64 {
		y := YMM()
		VEXTRACTF64X4(Imm(1), acc.AsZ(), y)
		VADDPD(y, acc.AsY(), acc.AsY())
	}
	x := XMM()
	VEXTRACTF128(Imm(1), acc.AsY(), x)
	VADDPD(x, low, low)
	VPSHUFD(Imm(0x4e), low, x)
	out := XMM()
	VADDPD(x, low, out)
	return out
}

func (s *set) squares() {
	s.begin("squares", "x *float32, n int, mean float32) (sum float32", "squares adds (x - mean)^2.")
	x, n, mean := arg("x"), arg("n"), s.spread("mean")
	acc := s.zero()
	s.loop(n, []reg.GPVirtual{x}, func() {
		v := s.load(x)
		VSUBPS(mean, v, v)
		VFMADD231PS(v, v, acc)
	})
	Store(s.fold(acc, func(a, b, dst Op) { VADDPS(a, b, dst) }), Return("sum"))
	s.end()
}

func (s *set) affine() {
	s.begin("affine", "dst, x, gamma, beta *float32, n int, mean, rest, scale float32",
		"affine sets dst = ((x - mean) - rest) scale gamma + beta.")
	dst, x, gamma, beta, n := arg("dst"), arg("x"), arg("gamma"), arg("beta"), arg("n")
	mean, rest, scale := s.spread("mean"), s.spread("rest"), s.spread("scale")
	s.loop(n, []reg.GPVirtual{dst, x, gamma, beta}, func() {
		v := s.load(x)
		VSUBPS(mean, v, v)
		VSUBPS(rest, v, v)
		VMULPS(scale, v, v)
		VFMADD213PS(Mem{Base: beta}, s.load(gamma), v)
		VMOVUPS(v, Mem{Base: dst})
	})
	s.end()
}

func (s *set) addScaled() {
	s.begin("addScaled", "dst, x, y *float32, n int, a float32", "addScaled sets dst = x + a y.")
	dst, x, y, n, a := arg("dst"), arg("x"), arg("y"), arg("n"), s.spread("a")
	s.loop(n, []reg.GPVirtual{dst, x, y}, func() {
		v := s.load(x)
		VFMADD231PS(Mem{Base: y}, a, v)
		VMOVUPS(v, Mem{Base: dst})
	})
	s.end()
}

// moments adds a row to sums and sums of squares in float64; with shift it is y less a row, times another, and is stored.
func (s *set) moments(name string, shift bool) {
	args, doc := "", name+" adds z to sum and z^2 to square."
	if shift {
		args, doc = ", y, shift, unit", name+" sets z = (y - shift) unit and adds z to sum and z^2 to square."
	}
	s.begin(name, "z"+args+" *float32, sum, square *float64, n int", doc)
	z := arg("z")
	narrow, wide := []reg.GPVirtual{z}, []reg.GPVirtual{arg("sum"), arg("square")}
	if shift {
		narrow = append(narrow, arg("y"), arg("shift"), arg("unit"))
	}
	s.loop(arg("n"), append(narrow, wide...), func() {
		v := s.load(narrow[min(1, len(narrow)-1)])
		if shift {
			PREFETCHT0(Mem{Base: narrow[1], Disp: 1024})
			PREFETCHT0(Mem{Base: z, Disp: 1024})
			VSUBPS(Mem{Base: narrow[2]}, v, v)
			VMULPS(Mem{Base: narrow[3]}, v, v)
			VMOVUPS(v, Mem{Base: z})
		}
		low, high := s.vec(), s.vec()
		if s.bytes == 64 {
			y := YMM()
			VEXTRACTF64X4(Imm(1), v, y)
			VCVTPS2PD(y, high)
			VCVTPS2PD(v.AsY(), low)
		} else {
			x := XMM()
			VEXTRACTF128(Imm(1), v, x)
			VCVTPS2PD(x, high)
			VCVTPS2PD(v.AsX(), low)
		}
		for i, half := range []reg.VecVirtual{low, high} {
			sum, square := s.vec(), s.vec()
			VADDPD(Mem{Base: wide[0], Disp: i * s.bytes}, half, sum)
			VMOVUPD(sum, Mem{Base: wide[0], Disp: i * s.bytes})
			VMOVUPD(Mem{Base: wide[1], Disp: i * s.bytes}, square)
			VFMADD231PD(half, half, square)
			VMOVUPD(square, Mem{Base: wide[1], Disp: i * s.bytes})
		}
		for _, p := range wide { // their elements are twice as long
			ADDQ(Imm(uint64(s.bytes)), p)
		}
	})
	s.end()
}

// extent widens the range lo to hi by a row, and adds to odd what is 0 for finite numbers and NaN for others.
func (s *set) extent() {
	s.begin("extent", "lo, hi, odd, y *float32, n int", "extent sets lo = min(lo, y) and hi = max(hi, y), and adds 0 y to odd.")
	lo, hi, odd, y := arg("lo"), arg("hi"), arg("odd"), arg("y")
	none := s.zero()
	s.loop(arg("n"), []reg.GPVirtual{lo, hi, odd, y}, func() {
		PREFETCHT0(Mem{Base: y, Disp: 1024})
		v := s.load(y)
		low, high, sum := s.load(lo), s.load(hi), s.load(odd)
		VMINPS(low, v, low)
		VMOVUPS(low, Mem{Base: lo})
		VMAXPS(high, v, high)
		VMOVUPS(high, Mem{Base: hi})
		VFMADD231PS(v, none, sum)
		VMOVUPS(sum, Mem{Base: odd})
	})
	s.end()
}
