package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packRows copies rows of np*nr elements into np panels: dst[q*ps + p*nr + j] = src[p*lds + q*nr + j].
// lds and ps are in bytes. The row four further on is prefetched.
func (s *set) packRows() {
	TEXT(s.fn("PackRows"), NOSPLIT, fmt.Sprintf("func(dst, src *%s, lds, rows, np, ps int)", s.goType))
	Pragma("noescape")
	dst, src, lds := arg("dst"), arg("src"), arg("lds")
	rows, np, ps := arg("rows"), arg("np"), arg("ps")
	from, to, left, ahead := GP64(), GP64(), GP64(), GP64()
	Label("row")
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(np, left)
	LEAQ(operand.Mem{Base: src, Index: lds, Scale: 4}, ahead)
	Label("panel")
	for v := range s.nv {
		s.load(mem(from, v*s.bytes), s.vec[v])
	}
	for d := 0; d < s.nv*s.bytes; d += 64 {
		PREFETCHT0(mem(ahead, d))
	}
	for v := range s.nv {
		s.store(s.vec[v], mem(to, v*s.bytes))
	}
	ADDQ(imm(s.nv*s.bytes), from)
	ADDQ(imm(s.nv*s.bytes), ahead)
	ADDQ(ps, to)
	DECQ(left)
	JNE(operand.LabelRef("panel"))
	ADDQ(lds, src)
	ADDQ(imm(s.nv*s.bytes), dst)
	DECQ(rows)
	JNE(operand.LabelRef("row"))
	VZEROUPPER()
	RET()
}

// transpose writes the columns of as many rows as a vector has lanes: dst[p*ldd + i] = src_i[p], p < k, with k a
// positive multiple of the lanes and ldd in bytes. Rows begin off bytes after the pointers of the array rows.
func (s *set) transpose() {
	TEXT(s.fn("Transpose"), NOSPLIT, fmt.Sprintf("func(dst *%[1]s, rows **%[1]s, off, k, ldd int)", s.goType))
	Pragma("noescape")
	dst, rows, off, k, ldd := arg("dst"), arg("rows"), arg("off"), arg("k"), arg("ldd")
	Label("loop")
	n := s.lanes()
	for i := range n {
		p := GP64()
		MOVQ(mem(rows, 8*i), p)
		s.load(operand.Mem{Base: p, Index: off, Scale: 1}, s.vec[i])
		PREFETCHT0(operand.Mem{Base: p, Index: off, Scale: 1, Disp: 256})
	}
	var out []reg.VecPhysical
	switch {
	case n == 16:
		out = transpose16(s.vec)
	case n == 8 && s.elem == f64:
		out = transpose8x64(s.vec)
	case n == 8:
		out = transpose8x32(s.vec)
	default:
		out = transpose4(s.vec)
	}
	for _, r := range out {
		s.store(r, mem(dst, 0))
		ADDQ(ldd, dst)
	}
	ADDQ(imm(s.bytes), off)
	SUBQ(imm(n), k)
	JG(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// unpack interleaves the pairs of z: t[2i], t[2i+1] = low and high interleaving of z[2i*step], z[2i*step+step]...
func unpackPS(lo, hi reg.VecPhysical, a, b reg.VecPhysical) {
	VUNPCKLPS(b, a, lo)
	VUNPCKHPS(b, a, hi)
}

func unpackPD(lo, hi reg.VecPhysical, a, b reg.VecPhysical) {
	VUNPCKLPD(b, a, lo)
	VUNPCKHPD(b, a, hi)
}

// transpose16 transposes 16 x 16 float32 in the first 16 registers; the other 16 are scratch.
func transpose16(vec []reg.VecPhysical) []reg.VecPhysical {
	z, t := vec[:16], vec[16:32]
	for i := range 8 {
		unpackPS(t[2*i], t[2*i+1], z[2*i], z[2*i+1])
	}
	for g := range 4 {
		unpackPD(z[4*g], z[4*g+1], t[4*g], t[4*g+2])
		unpackPD(z[4*g+2], z[4*g+3], t[4*g+1], t[4*g+3])
	}
	// z[4g+c] holds in 128-bit lane L rows 4g..4g+3 of column 4L+c.
	for c := range 4 {
		VSHUFF32X4(operand.U8(0x44), z[4+c], z[c], t[4*c])
		VSHUFF32X4(operand.U8(0xee), z[4+c], z[c], t[4*c+1])
		VSHUFF32X4(operand.U8(0x44), z[12+c], z[8+c], t[4*c+2])
		VSHUFF32X4(operand.U8(0xee), z[12+c], z[8+c], t[4*c+3])
	}
	for c := range 4 {
		VSHUFF32X4(operand.U8(0x88), t[4*c+2], t[4*c], z[c])
		VSHUFF32X4(operand.U8(0xdd), t[4*c+2], t[4*c], z[4+c])
		VSHUFF32X4(operand.U8(0x88), t[4*c+3], t[4*c+1], z[8+c])
		VSHUFF32X4(operand.U8(0xdd), t[4*c+3], t[4*c+1], z[12+c])
	}
	return z
}

// transpose8x64 transposes 8 x 8 float64 in 512-bit registers.
func transpose8x64(vec []reg.VecPhysical) []reg.VecPhysical {
	z, t := vec[:8], vec[8:16]
	for i := range 4 {
		unpackPD(t[2*i], t[2*i+1], z[2*i], z[2*i+1])
	}
	// t[2i+c] holds in 128-bit lane L rows 2i, 2i+1 of column 2L+c.
	for c := range 2 {
		VSHUFF64X2(operand.U8(0x44), t[2+c], t[c], z[4*c])
		VSHUFF64X2(operand.U8(0xee), t[2+c], t[c], z[4*c+1])
		VSHUFF64X2(operand.U8(0x44), t[6+c], t[4+c], z[4*c+2])
		VSHUFF64X2(operand.U8(0xee), t[6+c], t[4+c], z[4*c+3])
	}
	for c := range 2 {
		VSHUFF64X2(operand.U8(0x88), z[4*c+2], z[4*c], t[c])
		VSHUFF64X2(operand.U8(0xdd), z[4*c+2], z[4*c], t[2+c])
		VSHUFF64X2(operand.U8(0x88), z[4*c+3], z[4*c+1], t[4+c])
		VSHUFF64X2(operand.U8(0xdd), z[4*c+3], z[4*c+1], t[6+c])
	}
	return t
}

// transpose8x32 transposes 8 x 8 float32 in 256-bit registers.
func transpose8x32(vec []reg.VecPhysical) []reg.VecPhysical {
	z, t := vec[:8], vec[8:16]
	for i := range 4 {
		unpackPS(t[2*i], t[2*i+1], z[2*i], z[2*i+1])
	}
	for g := range 2 {
		unpackPD(z[4*g], z[4*g+1], t[4*g], t[4*g+2])
		unpackPD(z[4*g+2], z[4*g+3], t[4*g+1], t[4*g+3])
	}
	for c := range 4 {
		VPERM2F128(operand.U8(0x20), z[4+c], z[c], t[c])
		VPERM2F128(operand.U8(0x31), z[4+c], z[c], t[4+c])
	}
	return t
}

// transpose4 transposes 4 x 4 float64 in 256-bit registers.
func transpose4(vec []reg.VecPhysical) []reg.VecPhysical {
	z, t := vec[:4], vec[4:8]
	unpackPD(t[0], t[1], z[0], z[1])
	unpackPD(t[2], t[3], z[2], z[3])
	for c := range 2 {
		VPERM2F128(operand.U8(0x20), t[2+c], t[c], z[c])
		VPERM2F128(operand.U8(0x31), t[2+c], t[c], z[2+c])
	}
	return z
}

// peak runs n turns of independent fused multiply-adds on registers, 12 per turn with AVX2 and 24 with AVX-512.
func (s *set) peak() {
	TEXT(s.fn("Peak"), NOSPLIT, "func(n int)")
	n := arg("n")
	for _, r := range s.vec {
		s.zero(r)
	}
	last := len(s.vec) - 1
	Label("loop")
	for i := range 3 * len(s.vec) / 4 {
		s.fma(s.vec[last], s.vec[last-1], s.vec[i])
	}
	DECQ(n)
	JNE(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}
