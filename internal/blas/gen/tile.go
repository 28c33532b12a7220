package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const unroll = 4 // steps of k per turn of a tile's loop

// tile writes the kernel of a tile of the given number of rows:
//
//	C = alpha * A * B      when acc is 0
//	C = alpha * A * B + C  otherwise
//
// A is packed as k groups of rows elements, B as k groups of nv vectors. Every element of the product is one chain of
// fused multiply-adds in the order of k, whatever the height of the tile, so an edge has the bits of the interior.
// ldc and pfs are in bytes. One row of nv vectors is prefetched from pf for every four steps, pfs apart; a prefetch
// never faults, so pf may point anywhere. Bit j of mask says whether column j of C is loaded and stored; sets without
// masks ignore it.
func (s *set) tile(rows int) {
	TEXT(s.fn(fmt.Sprintf("Tile%d", rows)), NOSPLIT, fmt.Sprintf(
		"func(k int, a, b, c *%[1]s, ldc int, alpha %[1]s, acc int, pf *%[1]s, pfs int, mask uint32)", s.goType))
	Pragma("noescape")
	t := &tileRegs{set: s, rows: rows}
	k := arg("k")
	t.a, t.b, t.c, t.ldc = arg("a"), arg("b"), arg("c"), arg("ldc")
	t.pf, t.pfs = arg("pf"), arg("pfs")
	n := rows * s.nv
	t.bv, t.av = s.vec[n:n+s.nv], s.vec[n+s.nv:]
	for _, r := range s.vec[:n] {
		s.zero(r)
	}
	t.touchC()
	t.loop(k, func() {
		for v := range s.nv {
			PREFETCHT1(mem(t.pf, v*64))
		}
		ADDQ(t.pfs, t.pf)
	})
	t.finish()
	VZEROUPPER()
	RET()
}

// tileRegs are the registers of a tile kernel.
type tileRegs struct {
	*set
	rows         int
	a, b, c, ldc reg.Register
	pf, pfs      reg.Register
	bv, av       []reg.VecPhysical
	maskReg      []reg.Register
}

func (t *tileRegs) acc(i, v int) reg.VecPhysical { return t.vec[i*t.nv+v] }

// touchC prefetches the tile of C, which is needed only at the end.
func (t *tileRegs) touchC() {
	p := GP64()
	MOVQ(t.c, p)
	for range t.rows {
		for d := 0; d < t.nv*t.bytes; d += 64 {
			PREFETCHT1(mem(p, d))
		}
		ADDQ(t.ldc, p)
	}
}

// loop goes through k, unroll steps per turn and the rest singly; each turn also does what every says, if anything.
func (t *tileRegs) loop(k reg.Register, every func()) {
	SUBQ(imm(unroll), k)
	JLT(operand.LabelRef("tail"))
	Label("loop")
	for u := range unroll {
		t.step(u)
	}
	if every != nil {
		every()
	}
	ADDQ(imm(unroll*t.rows*t.size), t.a)
	ADDQ(imm(unroll*t.nv*t.bytes), t.b)
	SUBQ(imm(unroll), k)
	JGE(operand.LabelRef("loop"))
	Label("tail")
	ADDQ(imm(unroll), k)
	JE(operand.LabelRef("done"))
	Label("single")
	t.step(0)
	ADDQ(imm(t.rows*t.size), t.a)
	ADDQ(imm(t.nv*t.bytes), t.b)
	DECQ(k)
	JNE(operand.LabelRef("single"))
	Label("done")
}

// step is one rank-1 update of the tile.
func (t *tileRegs) step(u int) {
	for v := range t.nv {
		t.load(mem(t.b, (u*t.nv+v)*t.bytes), t.bv[v])
	}
	for i := range t.rows {
		r := t.av[i%len(t.av)]
		t.broadcast(mem(t.a, (u*t.rows+i)*t.size), r)
		for v := range t.nv {
			t.fma(t.bv[v], r, t.acc(i, v))
		}
	}
}

// finish scales by alpha, adds C where acc says so, and stores.
func (t *tileRegs) finish() {
	alpha := t.av[0]
	t.broadcast(resolve(Param("alpha")), alpha)
	if t.masks {
		t.loadMasks()
	}
	acc := arg("acc")
	TESTQ(acc, acc)
	JE(operand.LabelRef("store"))
	for i := range t.rows {
		for v := range t.nv {
			m := mem(t.c, v*t.bytes)
			if t.masks {
				pick(t.set, vmovupsz, vmovupdz)(m, t.maskReg[v], t.bv[v])
			} else {
				t.load(m, t.bv[v])
			}
			t.fma(alpha, t.acc(i, v), t.bv[v])
			t.put(t.bv[v], v)
		}
		ADDQ(t.ldc, t.c)
	}
	VZEROUPPER()
	RET()
	Label("store")
	for i := range t.rows {
		for v := range t.nv {
			t.mul(alpha, t.acc(i, v), t.acc(i, v))
			t.put(t.acc(i, v), v)
		}
		ADDQ(t.ldc, t.c)
	}
}

// put stores one vector of the row of C that t.c points to.
func (t *tileRegs) put(r reg.Register, v int) {
	m := mem(t.c, v*t.bytes)
	if t.masks {
		pick(t.set, vmovupsm, vmovupdm)(r, t.maskReg[v], m)
		return
	}
	t.store(r, m)
}

// loadMasks sets one mask register per vector from the argument, lowest columns first.
func (t *tileRegs) loadMasks() {
	m := Load(Param("mask"), GP32())
	for v := range t.nv {
		k := []reg.Register{reg.K1, reg.K2}[v]
		KMOVW(m, k)
		t.maskReg = append(t.maskReg, k)
		SHRL(operand.U8(t.lanes()), m)
	}
}

func vmovupsz(m, k, r operand.Op) { VMOVUPS_Z(m, k, r) }
func vmovupdz(m, k, r operand.Op) { VMOVUPD_Z(m, k, r) }
func vmovupsm(r, k, m operand.Op) { VMOVUPS(r, k, m) }
func vmovupdm(r, k, m operand.Op) { VMOVUPD(r, k, m) }
