// Command gen writes the amd64 assembly of package sparse.
//
//	go run . -set avx512 -out ../avx512_amd64.s -stubs ../avx512_amd64.go -pkg sparse
package main

import (
	"flag"
	"fmt"
	"math"
	"os"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// atoms is the number of coordinates whose correlations fit into registers.
const atoms = 64

// set is an instruction set on float32.
type set struct {
	name  string
	bytes int               // in a vector register
	lanes int               // elements in one
	vec   []reg.VecPhysical // all vector registers
}

var sets = map[string]*set{
	"avx512": {name: "AVX512", bytes: 64, lanes: 16, vec: []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23}},
	"avx2": {name: "AVX2", bytes: 32, lanes: 8, vec: []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}},
}

func main() {
	name := flag.String("set", "avx512", "instruction set to write: avx512 or avx2")
	flag.Parse()
	s, ok := sets[*name]
	if !ok {
		fmt.Fprintf(os.Stderr, "gen: -set %q, want avx512 or avx2\n", *name)
		os.Exit(2)
	}
	ConstraintExpr("!noasm")
	s.descend()
	s.support()
	s.addRows()
	s.addBlock()
	s.advance()
	s.settle()
	s.moments()
	s.losses()
	s.cross()
	Generate()
}

func (s *set) wide() bool { return s.bytes == 64 }

// begin starts a routine.
func (s *set) begin(name, signature, doc string) {
	TEXT(name+s.name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(doc)
}

func end() {
	VZEROUPPER()
	RET()
}

func (s *set) zero(r reg.VecPhysical) {
	if s.wide() {
		VPXORD(r, r, r)
		return
	}
	VPXOR(r, r, r)
}

func mem(b reg.Register, disp int) operand.Mem { return operand.Mem{Base: b, Disp: disp} }

func item(b, index reg.Register) operand.Mem { return operand.Mem{Base: b, Index: index, Scale: 4} }

// imm is an immediate that avo accepts for 64-bit arithmetic at every size.
func imm(n int) operand.Op { return operand.U32(uint32(n)) }

func to(label string) operand.LabelRef { return operand.LabelRef(label) }

func arg(name string) reg.GPVirtual {
	g := GP64()
	Load(Param(name), g)
	return g
}

// spread puts a float32 argument into every lane.
func (s *set) spread(name string, r reg.VecPhysical) {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, r)
}

// constant is read-only memory with the bits in every lane.
func (s *set) constant(bits uint32) operand.Mem {
	m := GLOBL(fmt.Sprintf("all%08x%s", bits, s.name), RODATA|NOPTR)
	for i := range s.lanes {
		DATA(4*i, operand.U32(bits))
	}
	return m
}

func (s *set) and(a operand.Op, b, dst reg.VecPhysical) { VANDPS(a, b, dst) }

// anyGreater sets m to something else than 0 where a lane of a is greater than that of b; a is changed.
func (s *set) anyGreater(a, b reg.VecPhysical, m reg.GPVirtual) {
	if s.wide() {
		KMOVW(s.greater(0, b, a, a), m.As32())
		return
	}
	VMOVMSKPS(s.greater(0, b, a, a), m.As32())
}

// signs gathers a bit per lane of vectors 0 to 63/lanes, the lowest of vector 0 first, into m: compare(v, mask)
// compares vector v and leaves the result in a mask register, or in a vector register whose sign bits are it.
func (s *set) signs(m reg.GPVirtual, compare func(v int) reg.Register) {
	if s.wide() {
		k := make([]reg.Register, 4)
		for v := range k {
			k[v] = compare(v)
		}
		KUNPCKWD(k[0], k[1], reg.K5)
		KUNPCKWD(k[2], k[3], reg.K6)
		KUNPCKDQ(reg.K5, reg.K6, reg.K7)
		KMOVQ(reg.K7, m)
		return
	}
	XORQ(m, m)
	bits := GP32()
	for v := atoms/s.lanes - 1; v >= 0; v-- {
		VMOVMSKPS(compare(v), bits)
		SHLQ(operand.Imm(uint64(s.lanes)), m)
		ORQ(bits.As64(), m)
	}
}

// greater compares lanes of a with those of b: bit v of the result is set where a > b.
func (s *set) greater(v int, b, a, scratch reg.VecPhysical) reg.Register {
	const orderedGreater = 0x1e
	if s.wide() {
		k := []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4}[v]
		VCMPPS(operand.Imm(orderedGreater), b, a, k)
		return k
	}
	VCMPPS(operand.Imm(orderedGreater), b, a, scratch)
	return scratch
}

// descend writes coordinate descent on one signal, see kernels.descend in package sparse. The correlations with the
// residual stay in registers and in memory at once: vectors are updated in registers, single ones read from memory.
func (s *set) descend() {
	s.begin("descend", "func(c, a, gram, diagonal, inverse *float32, least, most, tol float32, sweeps int) (left int)",
		"descend solves one lasso by coordinate descent.")
	c, a, gram, diagonal, inverse := arg("c"), arg("a"), arg("gram"), arg("diagonal"), arg("inverse")
	sweeps := arg("sweeps")
	nv := atoms / s.lanes
	res, free := s.vec[:nv], s.vec[nv:]
	least, most, limit := free[0], free[1], free[2]
	x, y, z, zero := free[3], free[4], free[5], free[6]
	largest := free[7]
	s.spread("least", least)
	s.spread("most", most)
	abs := s.constant(math.MaxUint32 >> 1)
	s.largest(c, res, abs, limit, x)
	s.spread("tol", x)
	VMULPS(x, limit, limit)
	s.zero(zero)
	for v := range nv {
		VMOVUPS(zero, mem(a, v*s.bytes))
	}
	moving, far, k, row := GP64(), GP64(), GP64(), GP64()
	Label("sweep")
	VMOVAPS(zero, largest)
	s.signs(moving, func(v int) reg.Register {
		d := v * s.bytes
		VMOVUPS(mem(a, d), x)
		VMOVAPS(res[v], y)
		VFMADD231PS(mem(diagonal, d), x, y) // what the coordinate would be over 1/G, before it shrinks
		VMINPS(most, y, z)
		VMAXPS(least, z, z)
		VSUBPS(z, y, y)
		VFMSUB132PS(mem(inverse, d), x, y)
		s.and(abs, y, y)
		VMAXPS(y, largest, largest)
		return s.greater(v, zero, y, z)
	})
	s.anyGreater(largest, limit, far)
	TESTQ(moving, moving)
	JE(to("done"))
	DECQ(sweeps)
	JLT(to("done"))
	Label("coordinate")
	TZCNTQ(moving, k)
	VBROADCASTSS(item(a, k), x)
	VBROADCASTSS(item(c, k), y)
	VBROADCASTSS(item(diagonal, k), z)
	VFMADD231PS(z, x, y)
	VMINPS(most, y, z)
	VMAXPS(least, z, z)
	VSUBPS(z, y, y)
	VBROADCASTSS(item(inverse, k), z)
	VMULPS(z, y, y)
	VMOVSS(y.AsX(), item(a, k))
	VSUBPS(x, y, y) // the step
	MOVQ(k, row)
	SHLQ(operand.Imm(8), row)
	ADDQ(gram, row)
	for v := range nv {
		VFNMADD231PS(mem(row, v*s.bytes), y, res[v])
	}
	for v := range nv {
		VMOVUPS(res[v], mem(c, v*s.bytes))
	}
	BLSRQ(moving, moving)
	JNE(to("coordinate"))
	TESTQ(far, far)
	JNE(to("sweep"))
	Label("done")
	Store(sweeps, ReturnIndex(0))
	end()
}

// largest loads c into res and sets every lane of top to the largest magnitude in it.
func (s *set) largest(c reg.Register, res []reg.VecPhysical, abs operand.Op, top, x reg.VecPhysical) {
	for v, r := range res {
		VMOVUPS(mem(c, v*s.bytes), r)
		if v == 0 {
			s.and(abs, r, top)
			continue
		}
		s.and(abs, r, x)
		VMAXPS(x, top, top)
	}
	if s.wide() {
		VSHUFF64X2(operand.Imm(0x4e), top, top, x)
		VMAXPS(x, top, top)
		VSHUFF64X2(operand.Imm(0xb1), top, top, x)
	} else {
		VPERM2F128(operand.Imm(1), top, top, x)
	}
	VMAXPS(x, top, top)
	VPERMILPS(operand.Imm(0x4e), top, x)
	VMAXPS(x, top, top)
	VPERMILPS(operand.Imm(0xb1), top, x)
	VMAXPS(x, top, top)
}

// support writes the function that says which of 64 values are not 0.
func (s *set) support() {
	s.begin("support", "func(x *float32) (bits uint64)", "support has bit k set where x[k] is not 0, k < 64.")
	x := arg("x")
	zero, y := s.vec[0], s.vec[1]
	s.zero(zero)
	m := GP64()
	s.nonZero(x, m, zero, y)
	Store(m, ReturnIndex(0))
	end()
}

// rowVectors is the number of vectors of y that stay in registers while rows are added, tailVectors that of the last
// ones, of which only the first n elements are there.
const (
	rowVectors  = 8
	tailVectors = 4
)

// addRows writes y[j] += sum_i factor[i] * rows[i][j], see kernels.addRows in package sparse.
func (s *set) addRows() {
	counts := GLOBL("counts"+s.name, RODATA|NOPTR)
	for i := range tailVectors * s.lanes {
		DATA(4*i, operand.U32(uint32(i)))
	}
	s.begin("addRows", "func(n int, y *float32, k int, factor *float32, rows **float32)", "addRows adds k scattered rows of n elements to y.")
	n, y, k, factor, rows := arg("n"), arg("y"), arg("k"), arg("factor"), arg("rows")
	off := GP64()
	XORQ(off, off)
	f, x := s.vec[rowVectors], s.vec[rowVectors+1]
	at := func(p reg.Register, v int) operand.Mem {
		return operand.Mem{Base: p, Index: off, Scale: 1, Disp: v * s.bytes}
	}
	pass := func(name string, vectors int, load func(m operand.Mem, v int), add func(m operand.Mem, v int), store func(m operand.Mem, v int)) {
		for v := range vectors {
			load(at(y, v), v)
		}
		i, p := GP64(), GP64()
		XORQ(i, i)
		Label(name + "row")
		MOVQ(operand.Mem{Base: rows, Index: i, Scale: 8}, p)
		VBROADCASTSS(item(factor, i), f)
		for v := range vectors {
			add(at(p, v), v)
		}
		INCQ(i)
		CMPQ(i, k)
		JNE(to(name + "row"))
		for v := range vectors {
			store(at(y, v), v)
		}
		ADDQ(imm(vectors*s.bytes), off)
		SUBQ(imm(vectors*s.lanes), n)
	}
	for _, vectors := range []int{rowVectors, tailVectors} {
		name := fmt.Sprintf("by%d", vectors)
		Label(name)
		CMPQ(n, imm(vectors*s.lanes))
		JLT(to(name + "end"))
		pass(name, vectors,
			func(m operand.Mem, v int) { VMOVUPS(m, s.vec[v]) },
			func(m operand.Mem, v int) { VFMADD231PS(m, f, s.vec[v]) },
			func(m operand.Mem, v int) { VMOVUPS(s.vec[v], m) })
		JMP(to(name))
		Label(name + "end")
	}
	TESTQ(n, n)
	JLE(to("done"))
	VMOVQ(n, x.AsX())
	VPBROADCASTD(x.AsX(), x)
	masks := s.tailMasks(counts, x)
	pass("tail", tailVectors,
		func(m operand.Mem, v int) { s.loadMasked(m, masks[v], s.vec[v]) },
		func(m operand.Mem, v int) {
			s.loadMasked(m, masks[v], x)
			VFMADD231PS(x, f, s.vec[v])
		},
		func(m operand.Mem, v int) {
			if s.wide() {
				VMOVUPS(s.vec[v], masks[v], m)
				return
			}
			VMASKMOVPS(s.vec[v], masks[v], m)
		})
	Label("done")
	end()
}

// tailMasks selects the elements of each vector whose place is below n, which is in every lane.
func (s *set) tailMasks(counts operand.Mem, n reg.VecPhysical) []reg.Register {
	masks := make([]reg.Register, tailVectors)
	for v := range masks {
		if s.wide() {
			masks[v] = []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4}[v]
			VPCMPGTD(counts.Offset(v*s.bytes), n, masks[v])
			continue
		}
		masks[v] = s.vec[rowVectors+2+v]
		VPCMPGTD(counts.Offset(v*s.bytes), n, masks[v])
	}
	return masks
}

func (s *set) loadMasked(m operand.Mem, mask reg.Register, to reg.VecPhysical) {
	if s.wide() {
		VMOVUPS_Z(m, mask, to)
		return
	}
	VMASKMOVPS(m, mask, to)
}
