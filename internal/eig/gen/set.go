package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// set is an instruction set on float64.
type set struct {
	name  string
	bytes int               // bytes in a vector register
	lanes int               // elements in one; also the rows that symv and dots take at once
	vec   []reg.VecPhysical // all vector registers
}

func avx512() *set {
	return &set{name: "AVX512", bytes: 64, lanes: 8, vec: []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}
}

func avx2() *set {
	return &set{name: "AVX2", bytes: 32, lanes: 4, vec: []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}
}

// text begins a routine.
func (s *set) text(what, sig string) {
	build.TEXT(what+s.name, build.NOSPLIT, sig)
	build.Pragma("noescape")
}

func (s *set) wide() bool { return s.bytes == 64 }

func (s *set) zero(regs ...reg.VecPhysical) {
	for _, r := range regs {
		if s.wide() {
			build.VPXORD(r, r, r)
		} else {
			build.VPXOR(r, r, r)
		}
	}
}

// sumRows sets lane i of r[0] to the sum of the lanes of r[i], for as many registers as there are lanes; t are four
// more.
func (s *set) sumRows(r, t []reg.VecPhysical) {
	if !s.wide() {
		build.VHADDPD(r[1], r[0], t[0])
		build.VHADDPD(r[3], r[2], t[1])
		build.VPERM2F128(operand.Imm(0x20), t[1], t[0], t[2])
		build.VPERM2F128(operand.Imm(0x31), t[1], t[0], t[3])
		build.VADDPD(t[2], t[3], r[0])
		return
	}
	for i := range 4 {
		build.VUNPCKLPD(r[2*i+1], r[2*i], t[0])
		build.VUNPCKHPD(r[2*i+1], r[2*i], t[1])
		build.VADDPD(t[0], t[1], r[i])
	}
	for i := range 2 {
		build.VSHUFF64X2(operand.Imm(0x88), r[2*i+1], r[2*i], t[0])
		build.VSHUFF64X2(operand.Imm(0xdd), r[2*i+1], r[2*i], t[1])
		build.VADDPD(t[0], t[1], t[2+i])
	}
	build.VSHUFF64X2(operand.Imm(0x88), t[3], t[2], t[0])
	build.VSHUFF64X2(operand.Imm(0xdd), t[3], t[2], t[1])
	build.VADDPD(t[0], t[1], r[0])
}

// sum adds up the lanes of r into its first one.
func (s *set) sum(r, t reg.VecPhysical) {
	if s.wide() {
		build.VSHUFF64X2(operand.Imm(0x4e), r, r, t)
		build.VADDPD(t, r, r)
		build.VSHUFF64X2(operand.Imm(0xb1), r, r, t)
		build.VADDPD(t, r, r)
	} else {
		build.VPERM2F128(operand.Imm(1), r, r, t)
		build.VADDPD(t, r, r)
	}
	build.VPERMILPD(operand.Imm(5), r.AsX(), t.AsX())
	build.VADDSD(t.AsX(), r.AsX(), r.AsX())
}

// rows addresses the rows of a matrix at a, ld bytes apart; step moves on by n bytes.
type rows struct {
	bases  []reg.Register
	ld, l3 reg.Register
}

func rowsAt(a, ld reg.Register, n int) *rows {
	r := &rows{bases: []reg.Register{a}, ld: ld, l3: build.GP64()}
	build.LEAQ(operand.Mem{Base: ld, Index: ld, Scale: 2}, r.l3)
	for len(r.bases)*4 < n {
		p := build.GP64()
		build.LEAQ(operand.Mem{Base: r.bases[len(r.bases)-1], Index: ld, Scale: 4}, p)
		r.bases = append(r.bases, p)
	}
	return r
}

func (r *rows) at(i, disp int) operand.Mem {
	m := operand.Mem{Base: r.bases[i/4], Disp: disp}
	switch i % 4 {
	case 1:
		m.Index, m.Scale = r.ld, 1
	case 2:
		m.Index, m.Scale = r.ld, 2
	case 3:
		m.Index, m.Scale = r.l3, 1
	}
	return m
}

func (r *rows) step(bytes int) {
	for _, p := range r.bases {
		build.ADDQ(imm(bytes), p)
	}
}

func mem(b reg.Register, disp int) operand.Mem { return operand.Mem{Base: b, Disp: disp} }

// imm is an immediate that avo accepts for 64-bit arithmetic at every size.
func imm(n int) operand.Op { return operand.U32(uint32(n)) }

func arg(name string) reg.Register { return build.Load(build.Param(name), build.GP64()) }

// spread broadcasts a float64 argument.
func spread(name string, r reg.VecPhysical) {
	p, err := build.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	build.VBROADCASTSD(p.Addr, r)
}

func result(name string, r reg.VecPhysical) { build.Store(r.AsX(), build.Return(name)) }

func end() {
	build.VZEROUPPER()
	build.RET()
}

func label(s string) operand.LabelRef { return operand.LabelRef(s) }
