package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Predicates of VCMPPD.
var (
	equal   = operand.Imm(0)
	less    = operand.Imm(1)
	notLess = operand.Imm(5)
)

// secular keeps the terms below and above the shift apart by their sign.
func (s *set) secular() {
	s.text("secular", "func(n int, d, z *float64, org, mu float64) (psi, phi, dpsi, dphi float64)")
	n, d, z := arg("n"), arg("d"), arg("z")
	sums, org, mu, none := s.vec[:4], s.vec[4], s.vec[5], s.vec[6]
	t, u, v, w := s.vec[7], s.vec[8], s.vec[9], s.vec[10]
	psi, phi, dpsi, dphi := sums[0], sums[1], sums[2], sums[3]
	spread("org", org)
	spread("mu", mu)
	s.zero(sums...)
	s.zero(none)
	s.each(n, []reg.Register{d, z}, func() {
		VMOVUPD(mem(d, 0), t)
		VSUBPD(org, t, t)
		VSUBPD(mu, t, t)
		VMOVUPD(mem(z, 0), u)
		VDIVPD(t, u, t)
		VMULPD(t, u, u)
		if s.wide() {
			VCMPPD(less, none, u, reg.K1)
			VCMPPD(notLess, none, u, reg.K2)
			VADDPD(u, psi, reg.K1, psi)
			VADDPD(u, phi, reg.K2, phi)
			VFMADD231PD(t, t, reg.K1, dpsi)
			VFMADD231PD(t, t, reg.K2, dphi)
			return
		}
		VMINPD(none, u, v)
		VADDPD(v, psi, psi)
		VMAXPD(none, u, v)
		VADDPD(v, phi, phi)
		VCMPPD(less, none, u, v)
		VANDPD(t, v, w)
		VFMADD231PD(w, w, dpsi)
		VANDNPD(t, v, w)
		VFMADD231PD(w, w, dphi)
	})
	for i, name := range []string{"psi", "phi", "dpsi", "dphi"} {
		s.sum(sums[i], t)
		result(name, sums[i])
	}
	end()
}

// weights forms one vector of products at a time, in the order of the poles.
func (s *set) weights() {
	s.text("weights", "func(n, k int, d, w, poles, org, mu *float64)")
	n, k, d, w := arg("n"), arg("k"), arg("d"), arg("w")
	poles, org, mu := arg("poles"), arg("org"), arg("mu")
	j := GP64()
	none, one, dv, num, den, prod, t := s.vec[0], s.vec[1], s.vec[2], s.vec[3], s.vec[4], s.vec[5], s.vec[6]
	s.zero(none)
	bits := GP64()
	MOVQ(operand.U64(0x3ff0000000000000), bits)
	MOVQ(bits, one.AsX())
	VBROADCASTSD(one.AsX(), one)
	at := func(p reg.Register) operand.Mem { return operand.Mem{Base: p, Index: j, Scale: 8} }
	Label("vector")
	VMOVUPD(mem(d, 0), dv)
	VMOVAPD(one, prod)
	XORQ(j, j)
	Label("pole")
	VBROADCASTSD(at(org), t)
	VSUBPD(t, dv, num)
	VBROADCASTSD(at(mu), t)
	VSUBPD(t, num, num)
	VBROADCASTSD(at(poles), t)
	VSUBPD(t, dv, den)
	if s.wide() {
		VCMPPD(equal, none, den, reg.K1)
		VMOVAPD(one, reg.K1, den)
	} else {
		VCMPPD(equal, none, den, t)
		VBLENDVPD(t, one, den, den)
	}
	VDIVPD(den, num, num)
	VMULPD(num, prod, prod)
	INCQ(j)
	CMPQ(j, k)
	JLT(label("pole"))
	VMOVUPD(prod, mem(w, 0))
	ADDQ(imm(s.bytes), d)
	ADDQ(imm(s.bytes), w)
	SUBQ(imm(s.lanes), n)
	JNE(label("vector"))
	end()
}

func (s *set) vector() {
	s.text("vector", "func(n int, dst, z, d *float64, org, mu float64) (squares float64)")
	n, dst, z, d := arg("n"), arg("dst"), arg("z"), arg("d")
	org, mu, sum, t, u := s.vec[0], s.vec[1], s.vec[2], s.vec[3], s.vec[4]
	spread("org", org)
	spread("mu", mu)
	s.zero(sum)
	s.each(n, []reg.Register{dst, z, d}, func() {
		VMOVUPD(mem(d, 0), t)
		VSUBPD(org, t, t)
		VSUBPD(mu, t, t)
		VMOVUPD(mem(z, 0), u)
		VDIVPD(t, u, u)
		VMOVUPD(u, mem(dst, 0))
		VFMADD231PD(u, u, sum)
	})
	s.sum(sum, t)
	result("squares", sum)
	end()
}
