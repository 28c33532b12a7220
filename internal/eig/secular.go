package eig

import "math"

// equation is the secular equation whose roots are the eigenvalues of diag(d) + rho z zᵀ:
//
//	f(x) = 1/rho + sum z[i]² / (d[i] - x) = 0
//
// with d ascending and distinct, z not 0, rho > 0. Root j lies between d[j] and d[j+1], the last one above all d.
type equation struct {
	*kernels
	d, z     []float64 // padded
	k        int
	rho      float64
	constant float64 // 1/rho
	norm     float64 // zᵀz
}

func newEquation(ks *kernels, d, z []float64, k int, rho float64) *equation {
	return &equation{kernels: ks, d: d, z: z, k: k, rho: rho, constant: 1 / rho, norm: ks.dot(len(z), &z[0], &z[0])}
}

// maxSteps bounds the iterations for a root; three to five are usual, and bisection alone needs about a hundred.
const maxSteps = 120

// root returns root j as org + mu, where org is the nearer one of the neighbouring poles. mu is found to nearly full
// relative accuracy, so that differences to the poles are too.
func (s *equation) root(j int) (org, mu float64) {
	switch {
	case s.k == 1:
		return s.d[0], s.rho * s.z[0] * s.z[0]
	case j == s.k-1:
		return s.last()
	}
	return s.inner(j)
}

// point is f and its parts at org + mu: those of the poles below (psi, dpsi) and above (phi, dphi).
type point struct {
	mu                   float64
	f, slope             float64
	psi, phi, dpsi, dphi float64
	small                bool // f is nothing but rounding
}

func (s *equation) at(org, mu float64) point {
	p := point{mu: mu}
	p.psi, p.phi, p.dpsi, p.dphi = s.secular(len(s.d), &s.d[0], &s.z[0], org, mu)
	p.f = s.constant + p.psi + p.phi
	p.slope = p.dpsi + p.dphi
	p.small = math.Abs(p.f) <= 8*eps*(s.constant-p.psi+p.phi)+eps*math.Abs(mu)*p.slope
	return p
}

// bracket holds the root: f is negative at lo and positive at hi, or they are poles.
type bracket struct{ lo, hi float64 }

func (b *bracket) narrow(p point) {
	if p.f < 0 {
		b.lo = p.mu
	} else {
		b.hi = p.mu
	}
}

// step returns the next point, mu + eta or the middle, and false when there is none left.
func (b *bracket) step(mu, eta float64) (float64, bool) {
	next := mu + eta
	if !(next > b.lo && next < b.hi) {
		next = (b.lo + b.hi) / 2
	}
	return next, next != mu && b.hi-b.lo > 2*eps*max(math.Abs(b.lo), math.Abs(b.hi))
}

// inner finds a root between two poles. As in LAPACK's dlaed4, f is interpolated by c + s/(d[j]-x) + t/(d[j+1]-x).
func (s *equation) inner(j int) (org, mu float64) {
	gap := s.d[j+1] - s.d[j]
	org, b, mu := s.begin(j, gap)
	left := org == s.d[j]
	below, above := 0.0, gap // the two poles less org
	if !left {
		below, above = -gap, 0
	}
	middle := false
	before := math.Inf(1)
	for range maxSteps {
		p := s.at(org, mu)
		if p.small {
			break
		}
		b.narrow(p)
		if math.Abs(p.f) > before/10 {
			middle = !middle
		}
		before = math.Abs(p.f)
		x, y := below-mu, above-mu
		var c float64
		switch {
		case middle:
			c = p.f - x*p.dpsi - y*p.dphi
		case left:
			t := s.z[j] / x
			c = p.f - y*p.slope - (below-above)*t*t
		default:
			t := s.z[j+1] / y
			c = p.f - x*p.slope - (above-below)*t*t
		}
		eta := smallerRoot(c, (x+y)*p.f-x*y*p.slope, x*y*p.f)
		if !(p.f*eta < 0) {
			eta = -p.f / p.slope
		}
		var more bool
		if mu, more = b.step(mu, eta); !more {
			break
		}
	}
	return org, mu
}

// begin picks the origin by the sign of f in the middle, and starts at the root of what the two poles and the middle
// tell.
func (s *equation) begin(j int, gap float64) (org float64, b bracket, mu float64) {
	p := s.at(s.d[j], gap/2)
	zl, zr := s.z[j]*s.z[j], s.z[j+1]*s.z[j+1]
	c := p.f + zl/(gap/2) - zr/(gap/2)
	if p.f > 0 {
		org, b = s.d[j], bracket{0, gap / 2}
		mu = smallerRoot(c, c*gap+zl+zr, zl*gap)
	} else {
		org, b = s.d[j+1], bracket{-gap / 2, 0}
		mu = smallerRoot(c, -c*gap+zl+zr, -zr*gap)
	}
	if !(mu > b.lo && mu < b.hi) {
		mu = (b.lo + b.hi) / 2
	}
	return org, b, mu
}

// last finds the root above all poles, from the two highest ones as in LAPACK's dlaed4. It is at most rho zᵀz away.
func (s *equation) last() (org, mu float64) {
	top := s.k - 1
	org = s.d[top]
	gap := org - s.d[top-1]
	b := bracket{0, s.rho * s.norm}
	p := s.at(org, b.hi/2)
	b.narrow(p)
	z1, z2 := s.z[top]*s.z[top], s.z[top-1]*s.z[top-1]
	c := p.f + z1/p.mu + z2/(gap+p.mu)
	mu = largerRoot(c, z1+z2-c*gap, -z1*gap)
	if !(mu > b.lo && mu < b.hi) {
		mu = (b.lo + b.hi) / 2
	}
	for range maxSteps {
		p := s.at(org, mu)
		if p.small {
			break
		}
		b.narrow(p)
		x, y := -mu, -gap-mu
		own := (s.z[top] / x) * (s.z[top] / x)
		c := p.f - y*(p.slope-own) - x*own
		eta := largerRoot(math.Abs(c), (x+y)*p.f-x*y*p.slope, x*y*p.f)
		if p.f*eta > 0 {
			eta = -p.f / p.slope
		}
		var more bool
		if mu, more = b.step(mu, eta); !more {
			break
		}
	}
	return org, mu
}

// smallerRoot is the root (a - q)/(2c) of c x² - a x + b = 0, q² = a² - 4bc, without cancellation.
func smallerRoot(c, a, b float64) float64 {
	q := math.Sqrt(math.Abs(a*a - 4*b*c))
	if a > 0 || c == 0 {
		return 2 * b / (a + math.Copysign(q, a))
	}
	return (a - q) / (2 * c)
}

// largerRoot is its other root, (a + q)/(2c).
func largerRoot(c, a, b float64) float64 {
	q := math.Sqrt(math.Abs(a*a - 4*b*c))
	if a < 0 {
		return 2 * b / (a - q)
	}
	return (a + q) / (2 * c)
}
