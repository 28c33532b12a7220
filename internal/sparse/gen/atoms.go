package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blockRows is the number of atoms that Sweep updates with one pass over all of them.
const blockRows = 8

// tileVectors is the number of vectors of each of those rows that stay in registers.
func (s *set) tileVectors() int {
	if s.wide() {
		return 2
	}
	return 1
}

// addBlock writes y_i += sum_p factor[p][i] x_p for blockRows rows y_i, see kernels.addBlock in package sparse.
func (s *set) addBlock() {
	s.begin("addBlock", "func(n int, y *float32, ldy, k int, factor, x *float32, ldx int)",
		"addBlock adds k rows of n elements, each with its own factors, to 8 rows.")
	n, y, ldy, k, factor, x, ldx := arg("n"), arg("y"), arg("ldy"), arg("k"), arg("factor"), arg("x"), arg("ldx")
	nv := s.tileVectors()
	acc := func(i, v int) reg.VecPhysical { return s.vec[i*nv+v] }
	free := s.vec[blockRows*nv:]
	row, factors := free[:nv], free[nv:]
	p, q, f := GP64(), GP64(), GP64()
	each := func(do func(m operand.Mem, r reg.VecPhysical)) {
		MOVQ(y, q)
		for i := range blockRows {
			for v := range nv {
				do(mem(q, v*s.bytes), acc(i, v))
			}
			ADDQ(ldy, q)
		}
	}
	left := GP64()
	Label("tile")
	each(func(m operand.Mem, r reg.VecPhysical) { VMOVUPS(m, r) })
	MOVQ(k, left)
	MOVQ(x, p)
	MOVQ(factor, f)
	Label("row")
	for v := range nv {
		VMOVUPS(mem(p, v*s.bytes), row[v])
	}
	for i := range blockRows {
		b := factors[i%len(factors)]
		VBROADCASTSS(mem(f, 4*i), b)
		for v := range nv {
			VFMADD231PS(row[v], b, acc(i, v))
		}
	}
	ADDQ(ldx, p)
	ADDQ(imm(4*blockRows), f)
	DECQ(left)
	JNE(to("row"))
	each(func(m operand.Mem, r reg.VecPhysical) { VMOVUPS(r, m) })
	ADDQ(imm(nv*s.bytes), y)
	ADDQ(imm(nv*s.bytes), x)
	SUBQ(imm(nv*s.lanes), n)
	JG(to("tile"))
	end()
}

// advance writes u = d + inverse*u and sums the squares, see kernels.advance in package sparse.
func (s *set) advance() {
	s.begin("advance", "func(n int, u, d *float32, inverse float32) (squares float32)",
		"advance sets u = d + inverse*u and returns the sum of its squares.")
	n, u, d := arg("n"), arg("u"), arg("d")
	inverse, sums, x := s.vec[0], s.vec[1:3], s.vec[3:5]
	s.spread("inverse", inverse)
	for _, r := range sums {
		s.zero(r)
	}
	Label("loop")
	for v := range sums {
		VMOVUPS(mem(d, v*s.bytes), x[v])
		VFMADD231PS(mem(u, v*s.bytes), inverse, x[v])
		VMOVUPS(x[v], mem(u, v*s.bytes))
		VFMADD231PS(x[v], x[v], sums[v])
	}
	ADDQ(imm(2*s.bytes), u)
	ADDQ(imm(2*s.bytes), d)
	SUBQ(imm(2*s.lanes), n)
	JG(to("loop"))
	VADDPS(sums[1], sums[0], sums[0])
	half := sums[1]
	if s.wide() {
		VEXTRACTF64X4(operand.Imm(1), sums[0], half.AsY())
		VADDPS(half.AsY(), sums[0].AsY(), sums[0].AsY())
	}
	VEXTRACTF128(operand.Imm(1), sums[0].AsY(), half.AsX())
	VADDPS(half.AsX(), sums[0].AsX(), sums[0].AsX())
	VPERMILPS(operand.Imm(0x4e), sums[0].AsX(), half.AsX())
	VADDPS(half.AsX(), sums[0].AsX(), sums[0].AsX())
	VPERMILPS(operand.Imm(0xb1), sums[0].AsX(), half.AsX())
	VADDPS(half.AsX(), sums[0].AsX(), sums[0].AsX())
	Store(sums[0].AsX(), ReturnIndex(0))
	end()
}

// settle writes d = scale*u and what that changed, see kernels.settle in package sparse.
func (s *set) settle() {
	s.begin("settle", "func(n int, d, change, u *float32, scale float32)", "settle sets d = scale*u and change to the difference.")
	n, d, change, u := arg("n"), arg("d"), arg("change"), arg("u")
	scale, x, y := s.vec[0], s.vec[1:3], s.vec[3:5]
	s.spread("scale", scale)
	Label("loop")
	for v := range x {
		VMULPS(mem(u, v*s.bytes), scale, x[v])
		VSUBPS(mem(d, v*s.bytes), x[v], y[v])
		VMOVUPS(x[v], mem(d, v*s.bytes))
		VMOVUPS(y[v], mem(change, v*s.bytes))
	}
	for _, p := range []reg.Register{d, change, u} {
		ADDQ(imm(2*s.bytes), p)
	}
	SUBQ(imm(2*s.lanes), n)
	JG(to("loop"))
	end()
}

// wideVectors is the number of vectors of 64 float64 elements.
func (s *set) wideVectors() int { return atoms * 8 / s.bytes }

// moments writes out_k += a[k] * a over the codes a that are not 0, see kernels.moments in package sparse. The products
// are exact, so the sums have the bits of plain loops.
func (s *set) moments() {
	s.begin("moments", "func(n int, a *float32, lda int, among uint64, out *float64)",
		"moments adds a[k] * a to row k of out for n codes a of 64 and k in the set.")
	n, a, lda, among, out := arg("n"), arg("a"), arg("lda"), arg("among"), arg("out")
	bits, k, row := GP64(), GP64(), GP64()
	zero, x, f, y := s.vec[0], s.vec[1], s.vec[2], s.vec[3:7]
	s.zero(zero)
	var codes []reg.VecPhysical // in float64, where there are registers for them
	if s.wide() {
		codes = s.vec[8 : 8+s.wideVectors()]
	}
	Label("code")
	s.nonZero(a, bits, zero, x)
	ANDQ(among, bits)
	JE(to("next"))
	for v, r := range codes {
		VCVTPS2PD(mem(a, v*s.bytes/2), r)
	}
	Label("atom")
	TZCNTQ(bits, k)
	VCVTSS2SD(item(a, k), f.AsX(), f.AsX())
	VBROADCASTSD(f.AsX(), f)
	MOVQ(k, row)
	SHLQ(operand.Imm(9), row)
	ADDQ(out, row)
	for v := range s.wideVectors() {
		m, r := mem(row, v*s.bytes), y[v%len(y)]
		VMOVUPD(m, r)
		if codes != nil {
			VFMADD231PD(codes[v], f, r)
		} else {
			VCVTPS2PD(mem(a, v*s.bytes/2), x)
			VFMADD231PD(x, f, r)
		}
		VMOVUPD(r, m)
	}
	BLSRQ(bits, bits)
	JNE(to("atom"))
	Label("next")
	ADDQ(lda, a)
	DECQ(n)
	JNE(to("code"))
	end()
}

// nonZero sets m to the places of the elements of x that are not 0; y is changed.
func (s *set) nonZero(x reg.Register, m reg.GPVirtual, zero, y reg.VecPhysical) {
	const unordered = 4 // not equal, or not a number
	s.signs(m, func(v int) reg.Register {
		if s.wide() {
			k := []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4}[v]
			VMOVUPS(mem(x, v*s.bytes), y)
			VCMPPS(operand.Imm(unordered), y, zero, k)
			return k
		}
		VCMPPS(operand.Imm(unordered), mem(x, v*s.bytes), zero, y)
		return y
	})
}

// losses writes the objective of codes, see kernels.losses in package sparse.
func (s *set) losses() {
	s.begin("losses", "func(n int, a *float32, lda int, c *float32, ldc int, gram *float32, lambda float64, squares, loss *float64)",
		"losses evaluates 1/2 squares - c'a + 1/2 a'G a + lambda |a|_1 for n codes a of 64.")
	n, a, lda, c, ldc, gram := arg("n"), arg("a"), arg("lda"), arg("c"), arg("ldc"), arg("gram")
	squares, loss := arg("squares"), arg("loss")
	bits, rest, k, j, row := GP64(), GP64(), GP64(), GP64(), GP64()
	zero, x := s.vec[0], s.vec[1]
	s.zero(zero)
	// scalars in float64
	lambda, half, sign := s.vec[2].AsX(), s.vec[3].AsX(), s.vec[4].AsX()
	ak, y, sum, total := s.vec[5].AsX(), s.vec[6].AsX(), s.vec[7].AsX(), s.vec[8].AsX()
	p, err := Param("lambda").Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSD(p.Addr, lambda)
	constant := func(name string, bits uint64, r reg.Register) {
		m := GLOBL(name+s.name, RODATA|NOPTR)
		DATA(0, operand.U64(bits))
		VMOVSD(m, r)
	}
	constant("half", math.Float64bits(0.5), half)
	constant("magnitude", math.MaxUint64>>1, sign)
	Label("code")
	s.nonZero(a, bits, zero, x)
	VMULSD(mem(squares, 0), half, total)
	TESTQ(bits, bits)
	JE(to("next"))
	MOVQ(bits, rest)
	Label("atom")
	TZCNTQ(rest, k)
	MOVQ(k, row)
	SHLQ(operand.Imm(8), row)
	ADDQ(gram, row)
	VXORPS(sum, sum, sum)
	other := GP64()
	MOVQ(bits, other)
	Label("other")
	TZCNTQ(other, j)
	VCVTSS2SD(item(a, j), zero.AsX(), y)
	VCVTSS2SD(item(row, j), zero.AsX(), ak)
	VFMADD231SD(ak, y, sum)
	BLSRQ(other, other)
	JNE(to("other"))
	VCVTSS2SD(item(a, k), zero.AsX(), ak)
	VCVTSS2SD(item(c, k), zero.AsX(), y)
	VFMSUB213SD(y, half, sum) // 1/2 (G a)_k - c_k
	VFMADD231SD(sum, ak, total)
	VANDPD(sign, ak, ak)
	VFMADD231SD(lambda, ak, total)
	BLSRQ(rest, rest)
	JNE(to("atom"))
	Label("next")
	VMOVSD(total, mem(loss, 0))
	ADDQ(lda, a)
	ADDQ(ldc, c)
	ADDQ(imm(8), squares)
	ADDQ(imm(8), loss)
	DECQ(n)
	JNE(to("code"))
	end()
}

// crossVectors is the number of vectors of a signal that stay in registers while they are added to its atoms.
func (s *set) crossVectors() int { return crossColumns / s.lanes }

// crossColumns is the number of columns of the sums that stay in the first-level cache, for all atoms of a set.
const crossColumns = 64

// crossAhead is the binary logarithm of how many signals ahead one is asked for: they lie pages apart, where processors do
// not look ahead by themselves. From 4 to 16 signals it makes little difference; without, the sums take 1.4 times as long.
const crossAhead = 3

// cross writes y_k += a[k] * x over the codes a that are not 0, see kernels.cross in package sparse.
func (s *set) cross() {
	counts := GLOBL("lanes"+s.name, RODATA|NOPTR)
	for i := range s.lanes {
		DATA(4*i, operand.U32(uint32(i)))
	}
	s.begin("cross", "func(n int, y *float32, ldy, count int, x *float32, ldx int, a *float32, lda int, sets *uint64, step int)",
		"cross adds a[k] * x to row k of y for count signals x and the k that are in the set of each.")
	n, y, ldy := arg("n"), arg("y"), arg("ldy")
	off := GP64()
	XORQ(off, off)
	// pass adds vectors of x from off on.
	pass := func(name string, vectors int, load func(m operand.Mem, r reg.VecPhysical), store func(r reg.VecPhysical, m operand.Mem)) {
		f, sum := s.vec[vectors], s.vec[vectors+1]
		left, x, ldx, a, lda, sets, step := arg("count"), arg("x"), arg("ldx"), arg("a"), arg("lda"), arg("sets"), arg("step")
		ADDQ(off, x)
		bits, row, next := GP64(), GP64(), GP64()
		MOVQ(ldx, next)
		SHLQ(operand.Imm(crossAhead), next)
		ADDQ(x, next)
		Label(name + "signal")
		for v := 0; v < vectors*s.bytes; v += 64 {
			PREFETCHT0(mem(next, v))
		}
		ADDQ(ldx, next)
		MOVQ(mem(sets, 0), bits)
		TESTQ(bits, bits)
		JE(to(name + "next"))
		for v := range vectors {
			load(mem(x, v*s.bytes), s.vec[v])
		}
		Label(name + "atom")
		TZCNTQ(bits, row)
		VBROADCASTSS(item(a, row), f)
		IMULQ(ldy, row)
		ADDQ(off, row)
		for v := range vectors {
			m := operand.Mem{Base: y, Index: row, Scale: 1, Disp: v * s.bytes}
			load(m, sum)
			VFMADD231PS(s.vec[v], f, sum)
			store(sum, m)
		}
		BLSRQ(bits, bits)
		JNE(to(name + "atom"))
		Label(name + "next")
		ADDQ(ldx, x)
		ADDQ(lda, a)
		ADDQ(step, sets)
		DECQ(left)
		JNE(to(name + "signal"))
		ADDQ(imm(vectors*s.bytes), off)
		SUBQ(imm(vectors*s.lanes), n)
	}
	Label("whole")
	CMPQ(n, imm(crossColumns))
	JLT(to("rest"))
	pass("whole", s.crossVectors(),
		func(m operand.Mem, r reg.VecPhysical) { VMOVUPS(m, r) },
		func(r reg.VecPhysical, m operand.Mem) { VMOVUPS(r, m) })
	JMP(to("whole"))
	Label("rest")
	TESTQ(n, n)
	JLE(to("done"))
	last := s.vec[len(s.vec)-1]
	VMOVQ(n, last.AsX())
	VPBROADCASTD(last.AsX(), last)
	mask := reg.Register(reg.K1)
	if !s.wide() {
		mask = s.vec[len(s.vec)-2]
	}
	VPCMPGTD(counts, last, mask)
	pass("rest", 1,
		func(m operand.Mem, r reg.VecPhysical) { s.loadMasked(m, mask, r) },
		func(r reg.VecPhysical, m operand.Mem) {
			if s.wide() {
				VMOVUPS(r, mask, m)
				return
			}
			VMASKMOVPS(r, mask, m)
		})
	JMP(to("rest"))
	Label("done")
	end()
}
