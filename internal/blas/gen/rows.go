package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowsTall is the number of rows of the largest tile that reads A where it lies: six addresses are three registers.
const rowsTall = 6

// rowsVectors is the number of vectors of its columns.
func (s *set) rowsVectors() int { return min(4, (len(s.vec)-4)/rowsTall) }

// rowTile writes the kernel of a tile whose rows of A are read where they lie, lda bytes apart, and not packed:
//
//	C = A * B      when acc is 0
//	C = A * B + C  otherwise
//
// B is packed as k groups of nv vectors. Every element of the product is one chain of fused multiply-adds in the order
// of k, so the bits are those of tile with alpha 1. While it computes, it asks for as many rows from pf on; a prefetch
// never faults, so pf may point anywhere.
func (s *set) rowTile(rows int) {
	TEXT(s.fn(fmt.Sprintf("RowTile%d", rows)), NOSPLIT, fmt.Sprintf(
		"func(k int, a *%[1]s, lda int, b, c *%[1]s, ldc int, acc int, pf *%[1]s)", s.goType))
	Pragma("noescape")
	nv := s.rowsVectors()
	k, a, lda, b, pf := arg("k"), arg("a"), arg("lda"), arg("b"), arg("pf")
	acc := func(i, v int) reg.VecPhysical { return s.vec[i*nv+v] }
	for _, r := range s.vec[:rows*nv] {
		s.zero(r)
	}
	bv, av := s.vec[rows*nv:rows*nv+nv], s.vec[rows*nv+nv:]
	// row i at a + i*lda: from the first row and from the fourth
	from := func(p reg.Register) func(i, disp int) operand.Mem {
		q := GP64()
		LEAQ(operand.Mem{Base: lda, Index: lda, Scale: 2}, q)
		ADDQ(p, q)
		return func(i, disp int) operand.Mem {
			m := operand.Mem{Base: p, Disp: disp}
			if i >= 3 {
				m.Base, i = q, i-3
			}
			if i > 0 {
				m.Index, m.Scale = lda, uint8(i)
			}
			return m
		}
	}
	bases := func(at func(i, disp int) operand.Mem) []reg.Register {
		if rows > 3 {
			return []reg.Register{at(0, 0).Base, at(3, 0).Base}
		}
		return []reg.Register{at(0, 0).Base}
	}
	row, ahead := from(a), from(pf)
	step := func(u int) {
		for v := range nv {
			s.load(mem(b, (u*nv+v)*s.bytes), bv[v])
		}
		for i := range rows {
			r := av[i%len(av)]
			s.broadcast(row(i, u*s.size), r)
			for v := range nv {
				s.fma(bv[v], r, acc(i, v))
			}
		}
	}
	advance := func(steps int) {
		for _, p := range bases(row) {
			ADDQ(imm(steps*s.size), p)
		}
		ADDQ(imm(steps*nv*s.bytes), b)
	}
	const line = 64
	n := line / s.size // steps of a turn, which reads a cache line of every row
	SUBQ(imm(n), k)
	JLT(operand.LabelRef("tail"))
	Label("loop")
	for u := range n {
		if u < rows {
			PREFETCHT0(ahead(u, 0))
		}
		step(u)
	}
	advance(n)
	for _, p := range bases(ahead) {
		ADDQ(imm(line), p)
	}
	SUBQ(imm(n), k)
	JGE(operand.LabelRef("loop"))
	Label("tail")
	ADDQ(imm(n), k)
	JE(operand.LabelRef("done"))
	Label("single")
	step(0)
	advance(1)
	DECQ(k)
	JNE(operand.LabelRef("single"))
	Label("done")
	c, ldc, more := arg("c"), arg("ldc"), arg("acc")
	TESTQ(more, more)
	finish := func(add bool) {
		for i := range rows {
			for v := range nv {
				m := mem(c, v*s.bytes)
				if add {
					s.add(m, acc(i, v), acc(i, v))
				}
				s.store(acc(i, v), m)
			}
			if i+1 < rows {
				ADDQ(ldc, c)
			}
		}
		VZEROUPPER()
		RET()
	}
	JE(operand.LabelRef("store"))
	finish(true)
	Label("store")
	finish(false)
}
