//go:build !noasm

package blas

//go:noescape
func sTile1NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sTile2NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sTile3NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sTile4NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sTile5NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sTile6NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sTile7NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sTile8NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)

//go:noescape
func sQuad1NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower1NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sQuad2NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower2NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sQuad3NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower3NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sQuad4NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower4NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sQuad5NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower5NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sQuad6NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower6NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sQuad7NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower7NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sQuad8NEON(k int, a *float32, b *float32, p *float32, q *float32)

//go:noescape
func sPower8NEON(k int, a *float32, b *float32, q *float32, s *float32)

//go:noescape
func sScalePathNEON(k int, f *float32, z *float32, p *float32, c *float32, w *float32, wc *float32, zw *float32)

//go:noescape
func sDotNEON(n int, x *float32, a *float32) float32

//go:noescape
func sDotsNEON(n int, x *float32, a *float32, lda int, out *float32)

//go:noescape
func sAxpyNEON(n int, alpha float32, a *float32, y *float32)

//go:noescape
func sAxpysNEON(n int, alpha *float32, a *float32, lda int, y *float32)

//go:noescape
func sDotAxpyNEON(n int, alpha float32, a *float32, x *float32, y *float32) float32

func sPeakNEON(n int)

//go:noescape
func dTile1NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dTile2NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dTile3NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dTile4NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dTile5NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dTile6NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dTile7NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dTile8NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)

//go:noescape
func dQuad1NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower1NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dQuad2NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower2NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dQuad3NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower3NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dQuad4NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower4NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dQuad5NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower5NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dQuad6NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower6NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dQuad7NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower7NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dQuad8NEON(k int, a *float64, b *float64, p *float64, q *float64)

//go:noescape
func dPower8NEON(k int, a *float64, b *float64, q *float64, s *float64)

//go:noescape
func dScalePathNEON(k int, f *float64, z *float64, p *float64, c *float64, w *float64, wc *float64, zw *float64)

//go:noescape
func dDotNEON(n int, x *float64, a *float64) float64

//go:noescape
func dDotsNEON(n int, x *float64, a *float64, lda int, out *float64)

//go:noescape
func dAxpyNEON(n int, alpha float64, a *float64, y *float64)

//go:noescape
func dAxpysNEON(n int, alpha *float64, a *float64, lda int, y *float64)

//go:noescape
func dDotAxpyNEON(n int, alpha float64, a *float64, x *float64, y *float64) float64

func dPeakNEON(n int)
