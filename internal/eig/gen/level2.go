package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

// symv reads every element of the rows once and uses it twice: in the product of its row and in that of its column.
func (s *set) symv() {
	s.text("symv", "func(n int, a *float64, lda int, x, y *float64)")
	n := arg("n")
	r := rowsAt(arg("a"), arg("lda"), s.lanes)
	x, y := arg("x"), arg("y")
	acc, own := s.vec[:s.lanes], s.vec[s.lanes:2*s.lanes]
	rest := s.vec[2*s.lanes:]
	xv, yv, odd, av := rest[0], rest[1], rest[2], rest[3:]
	for i := range s.lanes {
		s.zero(acc[i])
		VBROADCASTSD(operand.Mem{Base: x, Index: n, Scale: 8, Disp: 8 * i}, own[i])
	}
	TESTQ(n, n)
	JE(label("diagonal"))
	Label("loop")
	VMOVUPD(mem(x, 0), xv)
	VMOVUPD(mem(y, 0), yv)
	s.zero(odd)
	for i := range s.lanes {
		t := av[i%len(av)]
		VMOVUPD(r.at(i, 0), t)
		VFMADD231PD(t, xv, acc[i])
		if i%2 == 0 {
			VFMADD231PD(t, own[i], yv)
		} else {
			VFMADD231PD(t, own[i], odd)
		}
	}
	VADDPD(yv, odd, yv)
	VMOVUPD(yv, mem(y, 0))
	r.step(s.bytes)
	ADDQ(imm(s.bytes), x)
	ADDQ(imm(s.bytes), y)
	SUBQ(imm(s.lanes), n)
	JNE(label("loop"))
	Label("diagonal")
	VMOVUPD(mem(x, 0), xv)
	for i := range s.lanes {
		VFMADD231PD(r.at(i, 0), xv, acc[i])
	}
	s.sumRows(acc, own[:4])
	VADDPD(mem(y, 0), acc[0], acc[0])
	VMOVUPD(acc[0], mem(y, 0))
	end()
}

func (s *set) dots() {
	s.text("dots", "func(n int, b *float64, ldb int, x, out *float64)")
	n := arg("n")
	r := rowsAt(arg("b"), arg("ldb"), s.lanes)
	x, out := arg("x"), arg("out")
	acc, xv := s.vec[:s.lanes], s.vec[s.lanes]
	s.zero(acc...)
	Label("loop")
	VMOVUPD(mem(x, 0), xv)
	for i := range s.lanes {
		VFMADD231PD(r.at(i, 0), xv, acc[i])
	}
	r.step(s.bytes)
	ADDQ(imm(s.bytes), x)
	SUBQ(imm(s.lanes), n)
	JNE(label("loop"))
	s.sumRows(acc, s.vec[s.lanes+1:s.lanes+5])
	VMOVUPD(acc[0], mem(out, 0))
	end()
}

// combine keeps up to eight vectors of y in registers while it goes through the rows.
func (s *set) combine() {
	s.text("combine", "func(n, k int, c, b *float64, ldb int, y *float64)")
	n, k, c, b, ldb, y := arg("n"), arg("k"), arg("c"), arg("b"), arg("ldb"), arg("y")
	cp, bp, left := GP64(), GP64(), GP64()
	cv := s.vec[8]
	for _, w := range []int{8, 2, 1} {
		if w*s.lanes < 8 {
			continue
		}
		at := func(what string) string { return fmt.Sprintf("%s%d", what, w) }
		Label(at("columns"))
		CMPQ(n, imm(w*s.lanes))
		JLT(label(at("end")))
		for j := range w {
			VMOVUPD(mem(y, j*s.bytes), s.vec[j])
		}
		MOVQ(c, cp)
		MOVQ(b, bp)
		MOVQ(k, left)
		Label(at("row"))
		VBROADCASTSD(mem(cp, 0), cv)
		for j := range w {
			VFNMADD231PD(mem(bp, j*s.bytes), cv, s.vec[j])
		}
		ADDQ(imm(8), cp)
		ADDQ(ldb, bp)
		DECQ(left)
		JNE(label(at("row")))
		for j := range w {
			VMOVUPD(s.vec[j], mem(y, j*s.bytes))
		}
		ADDQ(imm(w*s.bytes), y)
		ADDQ(imm(w*s.bytes), b)
		SUBQ(imm(w*s.lanes), n)
		JMP(label(at("columns")))
		Label(at("end"))
	}
	end()
}
