package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const rowsAtOnce = 4 // rows of A that a level 2 loop takes in one pass over the vector

// dotSums is the number of running sums of a scalar product: enough to hide the latency of an addition with four rows
// at once, and as many with one row, so that both give the same bits.
func (s *set) dotSums() int {
	if s.bytes == 64 {
		return 4
	}
	return 2
}

// dot writes the function that returns sum_j a[j] * x[j]; n is a multiple of the lanes.
func (s *set) dot() {
	TEXT(s.fn("Dot"), NOSPLIT, fmt.Sprintf("func(n int, x, a *%[1]s) %[1]s", s.goType))
	Pragma("noescape")
	s.dotRows(1, nil, func(int) operand.Mem { return resolve(ReturnIndex(0)) })
}

// dots writes out[r] = sum_j a[r*lda + j] * x[j] for four rows; n is a multiple of the lanes, lda in bytes.
func (s *set) dots() {
	TEXT(s.fn("Dots"), NOSPLIT, fmt.Sprintf("func(n int, x, a *%[1]s, lda int, out *%[1]s)", s.goType))
	Pragma("noescape")
	out := arg("out")
	s.dotRows(rowsAtOnce, arg("lda"), func(r int) operand.Mem { return mem(out, r*s.size) })
}

func (s *set) dotRows(rows int, lda reg.Register, result func(r int) operand.Mem) {
	n, x := arg("n"), arg("x")
	base := s.rowPointers(rows, lda)
	q := s.dotSums()
	sums := func(r int) []reg.VecPhysical { return s.vec[r*q : r*q+q] }
	xv := s.vec[len(s.vec)-1]
	for r := range rows {
		for _, v := range sums(r) {
			s.zero(v)
		}
	}
	s.eachVector(n, q, func(u int) {
		s.load(mem(x, u*s.bytes), xv)
		for r := range rows {
			s.fma(mem(base[r], u*s.bytes), xv, sums(r)[u])
		}
	}, append([]reg.Register{x}, base...))
	for r := range rows {
		s.store1(s.reduce(sums(r)), result(r))
	}
	VZEROUPPER()
	RET()
}

// axpy writes y[j] += alpha * a[j].
func (s *set) axpy() {
	TEXT(s.fn("Axpy"), NOSPLIT, fmt.Sprintf("func(n int, alpha %[1]s, a, y *%[1]s)", s.goType))
	Pragma("noescape")
	s.axpyRows(1, nil, func(int) operand.Mem { return resolve(Param("alpha")) })
}

// axpys writes y[j] += sum_r alpha[r] * a[r*lda + j] for four rows, in the order of r; lda in bytes.
func (s *set) axpys() {
	TEXT(s.fn("Axpys"), NOSPLIT, fmt.Sprintf("func(n int, alpha, a *%[1]s, lda int, y *%[1]s)", s.goType))
	Pragma("noescape")
	alpha := arg("alpha")
	s.axpyRows(rowsAtOnce, arg("lda"), func(r int) operand.Mem { return mem(alpha, r*s.size) })
}

func (s *set) axpyRows(rows int, lda reg.Register, factorAt func(r int) operand.Mem) {
	n, y := arg("n"), arg("y")
	base := s.rowPointers(rows, lda)
	factor := s.vec[8 : 8+rows]
	for r := range rows {
		s.broadcast(factorAt(r), factor[r])
	}
	s.eachVector(n, 4, func(u int) {
		s.load(mem(y, u*s.bytes), s.vec[u])
		for r := range rows {
			s.fma(mem(base[r], u*s.bytes), factor[r], s.vec[u])
		}
		s.store(s.vec[u], mem(y, u*s.bytes))
	}, append([]reg.Register{y}, base...))
	VZEROUPPER()
	RET()
}

// dotAxpy writes the function that adds alpha * a[j] to y[j] and returns sum_j a[j] * x[j], in one pass over a.
func (s *set) dotAxpy() {
	TEXT(s.fn("DotAxpy"), NOSPLIT, fmt.Sprintf("func(n int, alpha %[1]s, a, x, y *%[1]s) %[1]s", s.goType))
	Pragma("noescape")
	n, a, x, y := arg("n"), arg("a"), arg("x"), arg("y")
	q := s.dotSums()
	sums, av, yv := s.vec[:q], s.vec[q:2*q], s.vec[2*q:3*q]
	factor := s.vec[3*q]
	for _, v := range sums {
		s.zero(v)
	}
	s.broadcast(resolve(Param("alpha")), factor)
	s.eachVector(n, q, func(u int) {
		s.load(mem(a, u*s.bytes), av[u])
		s.load(mem(y, u*s.bytes), yv[u])
		s.fma(mem(x, u*s.bytes), av[u], sums[u])
		s.fma(av[u], factor, yv[u])
		s.store(yv[u], mem(y, u*s.bytes))
	}, []reg.Register{a, x, y})
	s.store1(s.reduce(sums), resolve(ReturnIndex(0)))
	VZEROUPPER()
	RET()
}

// resolve is the memory of a parameter or result of a basic type.
func resolve(c interface {
	Resolve() (*gotypes.Basic, error)
}) operand.Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// rowPointers loads the addresses of the rows of the parameter a.
func (s *set) rowPointers(rows int, lda reg.Register) []reg.Register {
	base := []reg.Register{arg("a")}
	for r := 1; r < rows; r++ {
		p := GP64()
		MOVQ(base[r-1], p)
		ADDQ(lda, p)
		base = append(base, p)
	}
	return base
}

// eachVector loops over n elements, a multiple of the lanes, by vectors, q of them per turn and the rest singly; step
// is given the vector's place in the turn.
func (s *set) eachVector(n reg.Register, q int, step func(u int), pointers []reg.Register) {
	advance := func(vectors int) {
		for _, p := range pointers {
			ADDQ(imm(vectors*s.bytes), p)
		}
	}
	SUBQ(imm(q*s.lanes()), n)
	JLT(operand.LabelRef("rest"))
	Label("loop")
	for u := range q {
		step(u)
	}
	advance(q)
	SUBQ(imm(q*s.lanes()), n)
	JGE(operand.LabelRef("loop"))
	Label("rest")
	ADDQ(imm(q*s.lanes()), n)
	JE(operand.LabelRef("done"))
	Label("single")
	step(0)
	advance(1)
	SUBQ(imm(s.lanes()), n)
	JNE(operand.LabelRef("single"))
	Label("done")
}

// reduce adds the registers and then the lanes of the sum, pairwise, and returns the register whose lowest lane is it.
func (s *set) reduce(v []reg.VecPhysical) reg.VecPhysical {
	for ; len(v) > 1; v = v[:len(v)/2] {
		for i := range len(v) / 2 {
			s.add(v[i+len(v)/2], v[i], v[i])
		}
	}
	sum := v[0]
	tmp := s.vec[len(s.vec)-1]
	if s.bytes == 64 {
		VEXTRACTF64X4(operand.U8(1), sum, tmp.AsY())
		s.add(tmp.AsY(), sum.AsY(), sum.AsY())
	}
	if s.bytes == 64 { // the upper half of the registers has no VEX form
		VEXTRACTF64X2(operand.U8(1), sum.AsY(), tmp.AsX())
	} else {
		VEXTRACTF128(operand.U8(1), sum.AsY(), tmp.AsX())
	}
	s.add(tmp.AsX(), sum.AsX(), sum.AsX())
	VPERMILPD(operand.U8(1), sum.AsX(), tmp.AsX())
	s.add(tmp.AsX(), sum.AsX(), sum.AsX())
	if s.elem == f32 {
		VPERMILPS(operand.U8(1), sum.AsX(), tmp.AsX())
		s.add(tmp.AsX(), sum.AsX(), sum.AsX())
	}
	return sum
}

func (s *set) add(a, b, dst operand.Op) { pick(s, vaddps, vaddpd)(a, b, dst) }

// store1 stores the lowest lane.
func (s *set) store1(r reg.VecPhysical, m operand.Mem) {
	if s.elem == f32 {
		VMOVSS(r.AsX(), m)
		return
	}
	VMOVSD(r.AsX(), m)
}

func vaddps(a, b, c operand.Op) { VADDPS(a, b, c) }
func vaddpd(a, b, c operand.Op) { VADDPD(a, b, c) }
