package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// each writes the loop over n elements, one vector at a time; it moves the pointers on.
func (s *set) each(n reg.Register, pointers []reg.Register, body func()) {
	Label("loop")
	body()
	for _, p := range pointers {
		ADDQ(imm(s.bytes), p)
	}
	SUBQ(imm(s.lanes), n)
	JNE(label("loop"))
}

func (s *set) axpby() {
	s.text("axpby", "func(n int, dst, x, y *float64, a, b float64)")
	n, dst, x, y := arg("n"), arg("dst"), arg("x"), arg("y")
	a, b, v := s.vec[0], s.vec[1], s.vec[2]
	spread("a", a)
	spread("b", b)
	s.each(n, []reg.Register{dst, x, y}, func() {
		VMULPD(mem(x, 0), a, v)
		VFMADD231PD(mem(y, 0), b, v)
		VMOVUPD(v, mem(dst, 0))
	})
	end()
}

// dot sums in eight elements times as many chains as make 32.
func (s *set) dot() {
	s.text("dot", "func(n int, x, y *float64) (sum float64)")
	n, x, y := arg("n"), arg("x"), arg("y")
	chains := 32 / s.lanes
	acc, v := s.vec[:chains], s.vec[chains]
	s.zero(acc...)
	step := func(k int) {
		for i := range k {
			VMOVUPD(mem(x, i*s.bytes), v)
			VFMADD231PD(mem(y, i*s.bytes), v, acc[i])
		}
		ADDQ(imm(k*s.bytes), x)
		ADDQ(imm(k*s.bytes), y)
		SUBQ(imm(k*s.lanes), n)
	}
	Label("loop")
	CMPQ(n, imm(32))
	JLT(label("rest"))
	step(chains)
	JMP(label("loop"))
	Label("rest")
	TESTQ(n, n)
	JE(label("done"))
	step(8 / s.lanes)
	JMP(label("rest"))
	Label("done")
	for w := chains / 2; w > 0; w /= 2 {
		for i := range w {
			VADDPD(acc[i+w], acc[i], acc[i])
		}
	}
	s.sum(acc[0], v)
	result("sum", acc[0])
	end()
}

func (s *set) rotate() {
	s.text("rotate", "func(n int, x, y *float64, c, s float64)")
	n, x, y := arg("n"), arg("x"), arg("y")
	c, sn, xv, yv, u, v := s.vec[0], s.vec[1], s.vec[2], s.vec[3], s.vec[4], s.vec[5]
	spread("c", c)
	spread("s", sn)
	s.each(n, []reg.Register{x, y}, func() {
		VMOVUPD(mem(x, 0), xv)
		VMOVUPD(mem(y, 0), yv)
		VMULPD(c, xv, u)
		VFMADD231PD(sn, yv, u)
		VMULPD(c, yv, v)
		VFNMADD231PD(sn, xv, v)
		VMOVUPD(u, mem(x, 0))
		VMOVUPD(v, mem(y, 0))
	})
	end()
}

// pause is the hint that keeps a waiting loop from taking issue slots and memory order flushes.
func pause() {
	TEXT("pause", NOSPLIT, "func(n int)")
	n := arg("n")
	Label("loop")
	PAUSE()
	DECQ(n)
	JG(operand.LabelRef("loop"))
	RET()
}
