package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elem is an element type.
type elem struct {
	letter string // BLAS prefix: s or d
	goType string
	size   int // bytes
}

var (
	f32 = elem{"s", "float32", 4}
	f64 = elem{"d", "float64", 8}
)

// set is an instruction set applied to one element type, with the tile it can hold in registers.
type set struct {
	elem
	name   string
	bytes  int               // bytes in a vector register
	vec    []reg.VecPhysical // all vector registers
	mr, nv int               // largest tile: mr rows by nv vectors
	masks  bool              // loads and stores can be masked
}

// avx512: 14 x 2 accumulators, 2 for B and 2 for the elements of A.
func avx512(e elem) *set {
	return &set{elem: e, name: "AVX512", bytes: 64, mr: 14, nv: 2, masks: true, vec: []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}
}

// avx2: 6 x 2 accumulators, 2 for B and 2 for the elements of A.
func avx2(e elem) *set {
	return &set{elem: e, name: "AVX2", bytes: 32, mr: 6, nv: 2, vec: []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}
}

// lanes is the number of elements in a vector.
func (s *set) lanes() int { return s.bytes / s.size }

// fn is the name of a routine: letter, what it does, instruction set.
func (s *set) fn(what string) string { return s.letter + what + s.name }

// pick returns the single or the double precision form of an instruction.
func pick[F any](s *set, single, double F) F {
	if s.elem == f32 {
		return single
	}
	return double
}

func (s *set) load(m operand.Mem, r reg.Register)  { pick(s, vmovups, vmovupd)(m, r) }
func (s *set) store(r reg.Register, m operand.Mem) { pick(s, vmovups, vmovupd)(r, m) }
func (s *set) broadcast(m, r operand.Op)           { pick(s, vbroadcastss, vbroadcastsd)(m, r) }
func (s *set) fma(a, b, acc operand.Op)            { pick(s, vfmadd231ps, vfmadd231pd)(a, b, acc) }
func (s *set) mul(a, b, dst operand.Op)            { pick(s, vmulps, vmulpd)(a, b, dst) }

// sub sets dst = b - a, in Go's order of operands.
func (s *set) sub(a, b, dst operand.Op) { pick(s, vsubps, vsubpd)(a, b, dst) }

func (s *set) zero(r reg.Register) {
	if s.bytes == 64 {
		build.VPXORD(r, r, r)
		return
	}
	build.VPXOR(r, r, r)
}

// The variadic forms of avo as functions of plain operands.
func vmovups(a, b operand.Op)        { build.VMOVUPS(a, b) }
func vmovupd(a, b operand.Op)        { build.VMOVUPD(a, b) }
func vbroadcastss(a, b operand.Op)   { build.VBROADCASTSS(a, b) }
func vbroadcastsd(a, b operand.Op)   { build.VBROADCASTSD(a, b) }
func vfmadd231ps(a, b, c operand.Op) { build.VFMADD231PS(a, b, c) }
func vfmadd231pd(a, b, c operand.Op) { build.VFMADD231PD(a, b, c) }
func vmulps(a, b, c operand.Op)      { build.VMULPS(a, b, c) }
func vmulpd(a, b, c operand.Op)      { build.VMULPD(a, b, c) }
func vsubps(a, b, c operand.Op)      { build.VSUBPS(a, b, c) }
func vsubpd(a, b, c operand.Op)      { build.VSUBPD(a, b, c) }
func vunpcklps(a, b, c operand.Op)   { build.VUNPCKLPS(a, b, c) }
func vunpckhps(a, b, c operand.Op)   { build.VUNPCKHPS(a, b, c) }
func vunpcklpd(a, b, c operand.Op)   { build.VUNPCKLPD(a, b, c) }
func vunpckhpd(a, b, c operand.Op)   { build.VUNPCKHPD(a, b, c) }

func mem(b reg.Register, disp int) operand.Mem { return operand.Mem{Base: b, Disp: disp} }

// imm is an immediate that avo accepts for 64-bit arithmetic at every size.
func imm(n int) operand.Op { return operand.U32(uint32(n)) }

func arg(name string) reg.Register { return build.Load(build.Param(name), build.GP64()) }
