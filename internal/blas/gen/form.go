package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// forms writes the kernels that end a tile of a product A B, A packed as k groups of rows elements and B as k groups of
// nv vectors, by sums over its rows instead of storing it:
//
//	quad:  q += sum_i p_i * (A B)_i       p rows of nv vectors
//	power: q += sum_i (A B)_i^2,  s += sum_i (A B)_i
//
// Rows are summed in two interleaved chains, so that additions do not wait for each other.
func (s *set) forms() {
	for rows := 1; rows <= s.mr; rows++ {
		s.form("Quad", rows, "p, q", func(t *tileRegs) {
			p := arg("p")
			t.sumRows(arg("q"), nil, func(i, v int, sum reg.VecPhysical, _ reg.VecPhysical) {
				s.fma(mem(p, (i*s.nv+v)*s.bytes), t.acc(i, v), sum)
			})
		})
		s.form("Power", rows, "q, s", func(t *tileRegs) {
			t.sumRows(arg("q"), arg("s"), func(i, v int, sum, plain reg.VecPhysical) {
				s.fma(t.acc(i, v), t.acc(i, v), sum)
				if i == 0 {
					pick(s, vmovaps, vmovapd)(t.acc(0, v), plain)
					return
				}
				s.add(t.acc(i, v), plain, plain)
			})
		})
	}
	s.scalePath()
}

// form writes one such kernel: the loop over k of a tile, then finish.
func (s *set) form(name string, rows int, results string, finish func(t *tileRegs)) {
	TEXT(s.fn(fmt.Sprintf("%s%d", name, rows)), NOSPLIT, fmt.Sprintf("func(k int, a, b, %s *%s)", results, s.goType))
	Pragma("noescape")
	t := &tileRegs{set: s, rows: rows}
	k := arg("k")
	t.a, t.b = arg("a"), arg("b")
	n := rows * s.nv
	t.bv, t.av = s.vec[n:n+s.nv], s.vec[n+s.nv:]
	for _, r := range s.vec[:n] {
		s.zero(r)
	}
	t.loop(k, nil)
	finish(t)
	VZEROUPPER()
	RET()
}

// sumRows adds to the vectors at q, and at r unless it is nil, what row gives for every row and vector.
func (t *tileRegs) sumRows(q, r reg.Register, row func(i, v int, sum, plain reg.VecPhysical)) {
	for v := range t.nv {
		// the registers of B and A are free now
		sums := [2]reg.VecPhysical{t.bv[v], t.av[0]}
		plain := t.av[1]
		t.load(mem(q, v*t.bytes), sums[0])
		t.zero(sums[1])
		for i := range t.rows {
			row(i, v, sums[i%2], plain)
		}
		t.add(sums[1], sums[0], sums[0])
		t.store(sums[0], mem(q, v*t.bytes))
		if r != nil {
			t.add(mem(r, v*t.bytes), plain, plain)
			t.store(plain, mem(r, v*t.bytes))
		}
	}
}

// scalePath writes w_k = f[k] * p_k for k rows of nv vectors, and wc = sum_k w_k * c_k, zw = sum_k z[k] * w_k.
func (s *set) scalePath() {
	TEXT(s.fn("ScalePath"), NOSPLIT, fmt.Sprintf("func(k int, f, z, p, c, w, wc, zw *%s)", s.goType))
	Pragma("noescape")
	k, f, z, p, c, w := arg("k"), arg("f"), arg("z"), arg("p"), arg("c"), arg("w")
	factor, weight, x := s.vec[0], s.vec[1], s.vec[2:2+s.nv]
	sumC, sumZ := s.vec[4:4+s.nv], s.vec[6:6+s.nv]
	for v := range s.nv {
		s.zero(sumC[v])
		s.zero(sumZ[v])
	}
	Label("row")
	s.broadcast(mem(f, 0), factor)
	s.broadcast(mem(z, 0), weight)
	for v := range s.nv {
		m := v * s.bytes
		s.mul(mem(p, m), factor, x[v])
		s.store(x[v], mem(w, m))
		s.fma(mem(c, m), x[v], sumC[v])
		s.fma(weight, x[v], sumZ[v])
	}
	for _, r := range []reg.Register{p, c, w} {
		ADDQ(imm(s.nv*s.bytes), r)
	}
	ADDQ(imm(s.size), f)
	ADDQ(imm(s.size), z)
	DECQ(k)
	JNE(operand.LabelRef("row"))
	wc, zw := arg("wc"), arg("zw")
	for v := range s.nv {
		s.store(sumC[v], mem(wc, v*s.bytes))
		s.store(sumZ[v], mem(zw, v*s.bytes))
	}
	VZEROUPPER()
	RET()
}

func vmovaps(a, b operand.Op) { VMOVAPS(a, b) }
func vmovapd(a, b operand.Op) { VMOVAPD(a, b) }
