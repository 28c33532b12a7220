//go:build !noasm

// Kernels for arm64. The assembler has no products by one element of a vector
// and few other floating-point forms: they are WORDs, each by its formula in the
// Arm Architecture Reference Manual (C7.2).

#include "textflag.h"

// FMLA Vd.4S, Vn.4S, Vm.S[2h+l] for n = 0, 1: two vectors of B times one element
// of A, added to accumulators d and d+1.
#define SROW(m, h, l, d) \
	WORD $(0x4F801000 | l<<21 | m<<16 | h<<11 | 0<<5 | d);     \
	WORD $(0x4F801000 | l<<21 | m<<16 | h<<11 | 1<<5 | (d + 1))

// FMLA Vd.2D, Vn.2D, Vm.D[h] for n = 0, 1.
#define DROW(m, h, d) \
	WORD $(0x4FC01000 | m<<16 | h<<11 | 0<<5 | d);     \
	WORD $(0x4FC01000 | m<<16 | h<<11 | 1<<5 | (d + 1))

// FMUL Vd.4S, Vd.4S, Vm.4S and FMUL Vd.2D, Vd.2D, Vm.2D.
#define SMUL(m, d) WORD $(0x6E20DC00 | m<<16 | d<<5 | d)
#define DMUL(m, d) WORD $(0x6E60DC00 | m<<16 | d<<5 | d)

// FADD Vd.4S, Vd.4S, Vm.4S and FADD Vd.2D, Vd.2D, Vm.2D.
#define SADD(m, d) WORD $(0x4E20D400 | m<<16 | d<<5 | d)
#define DADD(m, d) WORD $(0x4E60D400 | m<<16 | d<<5 | d)

// FADDP Sd, Vd.2S and FADDP Dd, Vd.2D.
#define SPAIR(d) WORD $(0x7E30D800 | d<<5 | d)
#define DPAIR(d) WORD $(0x7E70D800 | d<<5 | d)

#define CLEAR(v, w) \
	VEOR v.B16, v.B16, v.B16; \
	VEOR w.B16, w.B16, w.B16

// One row of C: overwritten, or added to. R3 is C, R4 its pitch, V6 alpha.
#define SSET(v, w, d, e) \
	SMUL(6, d);                \
	SMUL(6, e);                \
	VST1 [v.S4, w.S4], (R3);   \
	ADD  R4, R3, R3

#define SINC(v, w) \
	VLD1  (R3), [V0.S4, V1.S4]; \
	VFMLA V6.S4, v.S4, V0.S4;   \
	VFMLA V6.S4, w.S4, V1.S4;   \
	VST1  [V0.S4, V1.S4], (R3); \
	ADD   R4, R3, R3

#define DSET(v, w, d, e) \
	DMUL(6, d);                \
	DMUL(6, e);                \
	VST1 [v.D2, w.D2], (R3);   \
	ADD  R4, R3, R3

#define DINC(v, w) \
	VLD1  (R3), [V0.D2, V1.D2]; \
	VFMLA V6.D2, v.D2, V0.D2;   \
	VFMLA V6.D2, w.D2, V1.D2;   \
	VST1  [V0.D2, V1.D2], (R3); \
	ADD   R4, R3, R3

// Rows 1 to h of each step.

#define SROWS1 SROW(2, 0, 0, 16)
#define SROWS2 SROWS1; SROW(2, 0, 1, 18)
#define SROWS3 SROWS2; SROW(2, 1, 0, 20)
#define SROWS4 SROWS3; SROW(2, 1, 1, 22)
#define SROWS5 SROWS4; SROW(3, 0, 0, 24)
#define SROWS6 SROWS5; SROW(3, 0, 1, 26)
#define SROWS7 SROWS6; SROW(3, 1, 0, 28)
#define SROWS8 SROWS7; SROW(3, 1, 1, 30)

#define DROWS1 DROW(2, 0, 16)
#define DROWS2 DROWS1; DROW(2, 1, 18)
#define DROWS3 DROWS2; DROW(3, 0, 20)
#define DROWS4 DROWS3; DROW(3, 1, 22)
#define DROWS5 DROWS4; DROW(4, 0, 24)
#define DROWS6 DROWS5; DROW(4, 1, 26)
#define DROWS7 DROWS6; DROW(5, 0, 28)
#define DROWS8 DROWS7; DROW(5, 1, 30)

#define CLEARS1 CLEAR(V16, V17)
#define CLEARS2 CLEARS1; CLEAR(V18, V19)
#define CLEARS3 CLEARS2; CLEAR(V20, V21)
#define CLEARS4 CLEARS3; CLEAR(V22, V23)
#define CLEARS5 CLEARS4; CLEAR(V24, V25)
#define CLEARS6 CLEARS5; CLEAR(V26, V27)
#define CLEARS7 CLEARS6; CLEAR(V28, V29)
#define CLEARS8 CLEARS7; CLEAR(V30, V31)

#define SSETS1 SSET(V16, V17, 16, 17)
#define SSETS2 SSETS1; SSET(V18, V19, 18, 19)
#define SSETS3 SSETS2; SSET(V20, V21, 20, 21)
#define SSETS4 SSETS3; SSET(V22, V23, 22, 23)
#define SSETS5 SSETS4; SSET(V24, V25, 24, 25)
#define SSETS6 SSETS5; SSET(V26, V27, 26, 27)
#define SSETS7 SSETS6; SSET(V28, V29, 28, 29)
#define SSETS8 SSETS7; SSET(V30, V31, 30, 31)

#define SINCS1 SINC(V16, V17)
#define SINCS2 SINCS1; SINC(V18, V19)
#define SINCS3 SINCS2; SINC(V20, V21)
#define SINCS4 SINCS3; SINC(V22, V23)
#define SINCS5 SINCS4; SINC(V24, V25)
#define SINCS6 SINCS5; SINC(V26, V27)
#define SINCS7 SINCS6; SINC(V28, V29)
#define SINCS8 SINCS7; SINC(V30, V31)

#define DSETS1 DSET(V16, V17, 16, 17)
#define DSETS2 DSETS1; DSET(V18, V19, 18, 19)
#define DSETS3 DSETS2; DSET(V20, V21, 20, 21)
#define DSETS4 DSETS3; DSET(V22, V23, 22, 23)
#define DSETS5 DSETS4; DSET(V24, V25, 24, 25)
#define DSETS6 DSETS5; DSET(V26, V27, 26, 27)
#define DSETS7 DSETS6; DSET(V28, V29, 28, 29)
#define DSETS8 DSETS7; DSET(V30, V31, 30, 31)

#define DINCS1 DINC(V16, V17)
#define DINCS2 DINCS1; DINC(V18, V19)
#define DINCS3 DINCS2; DINC(V20, V21)
#define DINCS4 DINCS3; DINC(V22, V23)
#define DINCS5 DINCS4; DINC(V24, V25)
#define DINCS6 DINCS5; DINC(V26, V27)
#define DINCS7 DINCS6; DINC(V28, V29)
#define DINCS8 DINCS7; DINC(V30, V31)

// A step of B and of A, whose groups are size bytes apart.
#define SLOAD(size) \
	VLD1.P 32(R2), [V0.S4, V1.S4]; \
	VLD1   (R1), [V2.S4, V3.S4];   \
	ADD    $size, R1, R1

#define DLOAD(size) \
	VLD1.P 32(R2), [V0.D2, V1.D2];               \
	VLD1   (R1), [V2.D2, V3.D2, V4.D2, V5.D2];   \
	ADD    $size, R1, R1

// A tile of h rows by two vectors. A is read whole vectors at a time, past the end
// of a group: panels end with room for that.
#define TILE(CLEAR_ALL, LOAD, ROWS, SET_ALL, ADD_ALL) \
	MOVD k+0(FP), R0;      \
	MOVD a+8(FP), R1;      \
	MOVD b+16(FP), R2;     \
	MOVD c+24(FP), R3;     \
	MOVD ldc+32(FP), R4;   \
	MOVD acc+48(FP), R5;   \
	CLEAR_ALL;             \
	CBZ  R0, write;        \
loop:                      \
	LOAD;                  \
	ROWS;                  \
	SUBS $1, R0, R0;       \
	BNE  loop;             \
write:                     \
	CBNZ R5, add;          \
	SET_ALL;               \
	RET;                   \
add:                       \
	ADD_ALL;               \
	RET

// One row of a tile, times that of p at R3 to q in V2 and V3; or its squares to V2
// and V3 and itself to V4 and V5.
#define SQUAD(v, w) \
	VLD1.P 32(R3), [V0.S4, V1.S4]; \
	VFMLA  V0.S4, v.S4, V2.S4;    \
	VFMLA  V1.S4, w.S4, V3.S4

#define SPOWER(v, w, d, e) \
	VFMLA v.S4, v.S4, V2.S4; \
	VFMLA w.S4, w.S4, V3.S4; \
	SADD(d, 4);            \
	SADD(e, 5)

#define SQUADS1 SQUAD(V16, V17)
#define SQUADS2 SQUADS1; SQUAD(V18, V19)
#define SQUADS3 SQUADS2; SQUAD(V20, V21)
#define SQUADS4 SQUADS3; SQUAD(V22, V23)
#define SQUADS5 SQUADS4; SQUAD(V24, V25)
#define SQUADS6 SQUADS5; SQUAD(V26, V27)
#define SQUADS7 SQUADS6; SQUAD(V28, V29)
#define SQUADS8 SQUADS7; SQUAD(V30, V31)

#define SPOWERS1 SPOWER(V16, V17, 16, 17)
#define SPOWERS2 SPOWERS1; SPOWER(V18, V19, 18, 19)
#define SPOWERS3 SPOWERS2; SPOWER(V20, V21, 20, 21)
#define SPOWERS4 SPOWERS3; SPOWER(V22, V23, 22, 23)
#define SPOWERS5 SPOWERS4; SPOWER(V24, V25, 24, 25)
#define SPOWERS6 SPOWERS5; SPOWER(V26, V27, 26, 27)
#define SPOWERS7 SPOWERS6; SPOWER(V28, V29, 28, 29)
#define SPOWERS8 SPOWERS7; SPOWER(V30, V31, 30, 31)

// One row of a tile, times that of p at R3 to q in V2 and V3; or its squares to V2
// and V3 and itself to V4 and V5.
#define DQUAD(v, w) \
	VLD1.P 32(R3), [V0.D2, V1.D2]; \
	VFMLA  V0.D2, v.D2, V2.D2;    \
	VFMLA  V1.D2, w.D2, V3.D2

#define DPOWER(v, w, d, e) \
	VFMLA v.D2, v.D2, V2.D2; \
	VFMLA w.D2, w.D2, V3.D2; \
	DADD(d, 4);            \
	DADD(e, 5)

#define DQUADS1 DQUAD(V16, V17)
#define DQUADS2 DQUADS1; DQUAD(V18, V19)
#define DQUADS3 DQUADS2; DQUAD(V20, V21)
#define DQUADS4 DQUADS3; DQUAD(V22, V23)
#define DQUADS5 DQUADS4; DQUAD(V24, V25)
#define DQUADS6 DQUADS5; DQUAD(V26, V27)
#define DQUADS7 DQUADS6; DQUAD(V28, V29)
#define DQUADS8 DQUADS7; DQUAD(V30, V31)

#define DPOWERS1 DPOWER(V16, V17, 16, 17)
#define DPOWERS2 DPOWERS1; DPOWER(V18, V19, 18, 19)
#define DPOWERS3 DPOWERS2; DPOWER(V20, V21, 20, 21)
#define DPOWERS4 DPOWERS3; DPOWER(V22, V23, 22, 23)
#define DPOWERS5 DPOWERS4; DPOWER(V24, V25, 24, 25)
#define DPOWERS6 DPOWERS5; DPOWER(V26, V27, 26, 27)
#define DPOWERS7 DPOWERS6; DPOWER(V28, V29, 28, 29)
#define DPOWERS8 DPOWERS7; DPOWER(V30, V31, 30, 31)

// A tile that is multiplied and summed over its rows instead of written.
#define SUMS(CLEAR_ALL, LOAD, ROWS, START, SUM_ALL, END) \
	MOVD k+0(FP), R0;  \
	MOVD a+8(FP), R1;  \
	MOVD b+16(FP), R2; \
	CLEAR_ALL;         \
	CBZ  R0, sum;      \
loop:                      \
	LOAD;              \
	ROWS;              \
	SUBS $1, R0, R0;   \
	BNE  loop;         \
sum:                       \
	START;             \
	SUM_ALL;           \
	END;               \
	RET

#define SQUAD_START \
	MOVD p+24(FP), R3; \
	MOVD q+32(FP), R4; \
	VLD1 (R4), [V2.S4, V3.S4]

#define SQUAD_END VST1 [V2.S4, V3.S4], (R4)

#define SPOWER_START \
	MOVD q+24(FP), R4;          \
	MOVD s+32(FP), R5;          \
	VLD1 (R4), [V2.S4, V3.S4];  \
	VLD1 (R5), [V4.S4, V5.S4]

#define SPOWER_END \
	VST1 [V2.S4, V3.S4], (R4); \
	VST1 [V4.S4, V5.S4], (R5)

#define DQUAD_START \
	MOVD p+24(FP), R3; \
	MOVD q+32(FP), R4; \
	VLD1 (R4), [V2.D2, V3.D2]

#define DQUAD_END VST1 [V2.D2, V3.D2], (R4)

#define DPOWER_START \
	MOVD q+24(FP), R4;          \
	MOVD s+32(FP), R5;          \
	VLD1 (R4), [V2.D2, V3.D2];  \
	VLD1 (R5), [V4.D2, V5.D2]

#define DPOWER_END \
	VST1 [V2.D2, V3.D2], (R4); \
	VST1 [V4.D2, V5.D2], (R5)

// func sTile1NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile1NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS1, SLOAD(4), SROWS1, SSETS1, SINCS1)

// func sTile2NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile2NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS2, SLOAD(8), SROWS2, SSETS2, SINCS2)

// func sTile3NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile3NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS3, SLOAD(12), SROWS3, SSETS3, SINCS3)

// func sTile4NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile4NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS4, SLOAD(16), SROWS4, SSETS4, SINCS4)

// func sTile5NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile5NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS5, SLOAD(20), SROWS5, SSETS5, SINCS5)

// func sTile6NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile6NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS6, SLOAD(24), SROWS6, SSETS6, SINCS6)

// func sTile7NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile7NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS7, SLOAD(28), SROWS7, SSETS7, SINCS7)

// func sTile8NEON(k int, a *float32, b *float32, c *float32, ldc int, alpha float32, acc int, pf *float32, pfs int, mask uint32)
TEXT ·sTile8NEON(SB), NOSPLIT, $0-76
	FMOVS alpha+40(FP), F6
	VDUP  V6.S[0], V6.S4
	TILE(CLEARS8, SLOAD(32), SROWS8, SSETS8, SINCS8)

// func dTile1NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile1NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS1, DLOAD(8), DROWS1, DSETS1, DINCS1)

// func dTile2NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile2NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS2, DLOAD(16), DROWS2, DSETS2, DINCS2)

// func dTile3NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile3NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS3, DLOAD(24), DROWS3, DSETS3, DINCS3)

// func dTile4NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile4NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS4, DLOAD(32), DROWS4, DSETS4, DINCS4)

// func dTile5NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile5NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS5, DLOAD(40), DROWS5, DSETS5, DINCS5)

// func dTile6NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile6NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS6, DLOAD(48), DROWS6, DSETS6, DINCS6)

// func dTile7NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile7NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS7, DLOAD(56), DROWS7, DSETS7, DINCS7)

// func dTile8NEON(k int, a *float64, b *float64, c *float64, ldc int, alpha float64, acc int, pf *float64, pfs int, mask uint32)
TEXT ·dTile8NEON(SB), NOSPLIT, $0-76
	FMOVD alpha+40(FP), F6
	VDUP  V6.D[0], V6.D2
	TILE(CLEARS8, DLOAD(64), DROWS8, DSETS8, DINCS8)

// func sQuad1NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad1NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS1, SLOAD(4), SROWS1, SQUAD_START, SQUADS1, SQUAD_END)

// func sPower1NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower1NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS1, SLOAD(4), SROWS1, SPOWER_START, SPOWERS1, SPOWER_END)

// func sQuad2NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad2NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS2, SLOAD(8), SROWS2, SQUAD_START, SQUADS2, SQUAD_END)

// func sPower2NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower2NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS2, SLOAD(8), SROWS2, SPOWER_START, SPOWERS2, SPOWER_END)

// func sQuad3NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad3NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS3, SLOAD(12), SROWS3, SQUAD_START, SQUADS3, SQUAD_END)

// func sPower3NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower3NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS3, SLOAD(12), SROWS3, SPOWER_START, SPOWERS3, SPOWER_END)

// func sQuad4NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad4NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS4, SLOAD(16), SROWS4, SQUAD_START, SQUADS4, SQUAD_END)

// func sPower4NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower4NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS4, SLOAD(16), SROWS4, SPOWER_START, SPOWERS4, SPOWER_END)

// func sQuad5NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad5NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS5, SLOAD(20), SROWS5, SQUAD_START, SQUADS5, SQUAD_END)

// func sPower5NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower5NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS5, SLOAD(20), SROWS5, SPOWER_START, SPOWERS5, SPOWER_END)

// func sQuad6NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad6NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS6, SLOAD(24), SROWS6, SQUAD_START, SQUADS6, SQUAD_END)

// func sPower6NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower6NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS6, SLOAD(24), SROWS6, SPOWER_START, SPOWERS6, SPOWER_END)

// func sQuad7NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad7NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS7, SLOAD(28), SROWS7, SQUAD_START, SQUADS7, SQUAD_END)

// func sPower7NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower7NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS7, SLOAD(28), SROWS7, SPOWER_START, SPOWERS7, SPOWER_END)

// func sQuad8NEON(k int, a *float32, b *float32, p *float32, q *float32)
TEXT ·sQuad8NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS8, SLOAD(32), SROWS8, SQUAD_START, SQUADS8, SQUAD_END)

// func sPower8NEON(k int, a *float32, b *float32, q *float32, s *float32)
TEXT ·sPower8NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS8, SLOAD(32), SROWS8, SPOWER_START, SPOWERS8, SPOWER_END)

// func dQuad1NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad1NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS1, DLOAD(8), DROWS1, DQUAD_START, DQUADS1, DQUAD_END)

// func dPower1NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower1NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS1, DLOAD(8), DROWS1, DPOWER_START, DPOWERS1, DPOWER_END)

// func dQuad2NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad2NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS2, DLOAD(16), DROWS2, DQUAD_START, DQUADS2, DQUAD_END)

// func dPower2NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower2NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS2, DLOAD(16), DROWS2, DPOWER_START, DPOWERS2, DPOWER_END)

// func dQuad3NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad3NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS3, DLOAD(24), DROWS3, DQUAD_START, DQUADS3, DQUAD_END)

// func dPower3NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower3NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS3, DLOAD(24), DROWS3, DPOWER_START, DPOWERS3, DPOWER_END)

// func dQuad4NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad4NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS4, DLOAD(32), DROWS4, DQUAD_START, DQUADS4, DQUAD_END)

// func dPower4NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower4NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS4, DLOAD(32), DROWS4, DPOWER_START, DPOWERS4, DPOWER_END)

// func dQuad5NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad5NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS5, DLOAD(40), DROWS5, DQUAD_START, DQUADS5, DQUAD_END)

// func dPower5NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower5NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS5, DLOAD(40), DROWS5, DPOWER_START, DPOWERS5, DPOWER_END)

// func dQuad6NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad6NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS6, DLOAD(48), DROWS6, DQUAD_START, DQUADS6, DQUAD_END)

// func dPower6NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower6NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS6, DLOAD(48), DROWS6, DPOWER_START, DPOWERS6, DPOWER_END)

// func dQuad7NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad7NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS7, DLOAD(56), DROWS7, DQUAD_START, DQUADS7, DQUAD_END)

// func dPower7NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower7NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS7, DLOAD(56), DROWS7, DPOWER_START, DPOWERS7, DPOWER_END)

// func dQuad8NEON(k int, a *float64, b *float64, p *float64, q *float64)
TEXT ·dQuad8NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS8, DLOAD(64), DROWS8, DQUAD_START, DQUADS8, DQUAD_END)

// func dPower8NEON(k int, a *float64, b *float64, q *float64, s *float64)
TEXT ·dPower8NEON(SB), NOSPLIT, $0-40
	SUMS(CLEARS8, DLOAD(64), DROWS8, DPOWER_START, DPOWERS8, DPOWER_END)

// func sScalePathNEON(k int, f *float32, z *float32, p *float32, c *float32, w *float32, wc *float32, zw *float32)
TEXT ·sScalePathNEON(SB), NOSPLIT, $0-64
	MOVD k+0(FP), R0
	MOVD f+8(FP), R1
	MOVD z+16(FP), R2
	MOVD p+24(FP), R3
	MOVD c+32(FP), R4
	MOVD w+40(FP), R5
	CLEAR(V16, V17)
	CLEAR(V18, V19)

loop:
	VLD1R.P 4(R1), [V4.S4]
	VLD1R.P 4(R2), [V5.S4]
	VLD1.P  32(R3), [V0.S4, V1.S4]
	VLD1.P  32(R4), [V2.S4, V3.S4]
	SMUL(4, 0)
	SMUL(4, 1)
	VST1.P  [V0.S4, V1.S4], 32(R5)
	VFMLA   V0.S4, V2.S4, V16.S4
	VFMLA   V1.S4, V3.S4, V17.S4
	VFMLA   V5.S4, V0.S4, V18.S4
	VFMLA   V5.S4, V1.S4, V19.S4
	SUBS    $1, R0, R0
	BNE     loop
	MOVD    wc+48(FP), R1
	MOVD    zw+56(FP), R2
	VST1    [V16.S4, V17.S4], (R1)
	VST1    [V18.S4, V19.S4], (R2)
	RET

// func dScalePathNEON(k int, f *float64, z *float64, p *float64, c *float64, w *float64, wc *float64, zw *float64)
TEXT ·dScalePathNEON(SB), NOSPLIT, $0-64
	MOVD k+0(FP), R0
	MOVD f+8(FP), R1
	MOVD z+16(FP), R2
	MOVD p+24(FP), R3
	MOVD c+32(FP), R4
	MOVD w+40(FP), R5
	CLEAR(V16, V17)
	CLEAR(V18, V19)

loop:
	VLD1R.P 8(R1), [V4.D2]
	VLD1R.P 8(R2), [V5.D2]
	VLD1.P  32(R3), [V0.D2, V1.D2]
	VLD1.P  32(R4), [V2.D2, V3.D2]
	DMUL(4, 0)
	DMUL(4, 1)
	VST1.P  [V0.D2, V1.D2], 32(R5)
	VFMLA   V0.D2, V2.D2, V16.D2
	VFMLA   V1.D2, V3.D2, V17.D2
	VFMLA   V5.D2, V0.D2, V18.D2
	VFMLA   V5.D2, V1.D2, V19.D2
	SUBS    $1, R0, R0
	BNE     loop
	MOVD    wc+48(FP), R1
	MOVD    zw+56(FP), R2
	VST1    [V16.D2, V17.D2], (R1)
	VST1    [V18.D2, V19.D2], (R2)
	RET

// Loops over vectors. R0 counts elements, of which n is a multiple of 4.

// func sDotNEON(n int, x *float32, a *float32) float32
TEXT ·sDotNEON(SB), NOSPLIT, $0-28
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD a+16(FP), R2
	CLEAR(V2, V3)
	CBZ  R0, done

loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	VFMLA  V0.S4, V1.S4, V2.S4
	SUBS   $4, R0, R0
	BNE    loop

done:
	VEXT  $8, V2.B16, V2.B16, V3.B16
	SADD(3, 2)
	SPAIR(2)
	FMOVS F2, ret+24(FP)
	RET

// func dDotNEON(n int, x *float64, a *float64) float64
TEXT ·dDotNEON(SB), NOSPLIT, $0-32
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD a+16(FP), R2
	CLEAR(V4, V5)
	CBZ  R0, done

loop:
	VLD1.P 32(R1), [V0.D2, V1.D2]
	VLD1.P 32(R2), [V2.D2, V3.D2]
	VFMLA  V0.D2, V2.D2, V4.D2
	VFMLA  V1.D2, V3.D2, V5.D2
	SUBS   $4, R0, R0
	BNE    loop

done:
	DADD(5, 4)
	DPAIR(4)
	FMOVD F4, ret+24(FP)
	RET

// func sDotsNEON(n int, x *float32, a *float32, lda int, out *float32)
TEXT ·sDotsNEON(SB), NOSPLIT, $0-40
	MOVD a+16(FP), R2
	MOVD lda+24(FP), R3
	MOVD out+32(FP), R4
	MOVD $4, R5

row:
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD R2, R6
	CLEAR(V2, V3)
	CBZ  R0, done

loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R6), [V1.S4]
	VFMLA  V0.S4, V1.S4, V2.S4
	SUBS   $4, R0, R0
	BNE    loop

done:
	VEXT    $8, V2.B16, V2.B16, V3.B16
	SADD(3, 2)
	SPAIR(2)
	FMOVS.P F2, 4(R4)
	ADD     R3, R2, R2
	SUBS    $1, R5, R5
	BNE     row
	RET

// func dDotsNEON(n int, x *float64, a *float64, lda int, out *float64)
TEXT ·dDotsNEON(SB), NOSPLIT, $0-40
	MOVD a+16(FP), R2
	MOVD lda+24(FP), R3
	MOVD out+32(FP), R4
	MOVD $4, R5

row:
	MOVD n+0(FP), R0
	MOVD x+8(FP), R1
	MOVD R2, R6
	CLEAR(V4, V5)
	CBZ  R0, done

loop:
	VLD1.P 32(R1), [V0.D2, V1.D2]
	VLD1.P 32(R6), [V2.D2, V3.D2]
	VFMLA  V0.D2, V2.D2, V4.D2
	VFMLA  V1.D2, V3.D2, V5.D2
	SUBS   $4, R0, R0
	BNE    loop

done:
	DADD(5, 4)
	DPAIR(4)
	FMOVD.P F4, 8(R4)
	ADD     R3, R2, R2
	SUBS    $1, R5, R5
	BNE     row
	RET

// func sAxpyNEON(n int, alpha float32, a *float32, y *float32)
TEXT ·sAxpyNEON(SB), NOSPLIT, $0-32
	MOVD  n+0(FP), R0
	FMOVS alpha+8(FP), F6
	VDUP  V6.S[0], V6.S4
	MOVD  a+16(FP), R1
	MOVD  y+24(FP), R2
	CBZ   R0, done

loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1   (R2), [V1.S4]
	VFMLA  V6.S4, V0.S4, V1.S4
	VST1.P [V1.S4], 16(R2)
	SUBS   $4, R0, R0
	BNE    loop

done:
	RET

// func dAxpyNEON(n int, alpha float64, a *float64, y *float64)
TEXT ·dAxpyNEON(SB), NOSPLIT, $0-32
	MOVD  n+0(FP), R0
	FMOVD alpha+8(FP), F6
	VDUP  V6.D[0], V6.D2
	MOVD  a+16(FP), R1
	MOVD  y+24(FP), R2
	CBZ   R0, done

loop:
	VLD1.P 32(R1), [V0.D2, V1.D2]
	VLD1   (R2), [V2.D2, V3.D2]
	VFMLA  V6.D2, V0.D2, V2.D2
	VFMLA  V6.D2, V1.D2, V3.D2
	VST1.P [V2.D2, V3.D2], 32(R2)
	SUBS   $4, R0, R0
	BNE    loop

done:
	RET

// func sAxpysNEON(n int, alpha *float32, a *float32, lda int, y *float32)
TEXT ·sAxpysNEON(SB), NOSPLIT, $0-40
	MOVD    n+0(FP), R0
	MOVD    alpha+8(FP), R5
	VLD4R   (R5), [V4.S4, V5.S4, V6.S4, V7.S4]
	MOVD    a+16(FP), R1
	MOVD    lda+24(FP), R6
	MOVD    y+32(FP), R5
	ADD     R6, R1, R2
	ADD     R6, R2, R3
	ADD     R6, R3, R4
	CBZ     R0, done

loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	VLD1.P 16(R3), [V2.S4]
	VLD1.P 16(R4), [V3.S4]
	VLD1   (R5), [V16.S4]
	VFMLA  V4.S4, V0.S4, V16.S4
	VFMLA  V5.S4, V1.S4, V16.S4
	VFMLA  V6.S4, V2.S4, V16.S4
	VFMLA  V7.S4, V3.S4, V16.S4
	VST1.P [V16.S4], 16(R5)
	SUBS   $4, R0, R0
	BNE    loop

done:
	RET

// func dAxpysNEON(n int, alpha *float64, a *float64, lda int, y *float64)
TEXT ·dAxpysNEON(SB), NOSPLIT, $0-40
	MOVD  n+0(FP), R0
	MOVD  alpha+8(FP), R5
	VLD4R (R5), [V4.D2, V5.D2, V6.D2, V7.D2]
	MOVD  a+16(FP), R1
	MOVD  lda+24(FP), R6
	MOVD  y+32(FP), R5
	ADD   R6, R1, R2
	ADD   R6, R2, R3
	ADD   R6, R3, R4
	CBZ   R0, done

loop:
	VLD1.P 16(R1), [V0.D2]
	VLD1.P 16(R2), [V1.D2]
	VLD1.P 16(R3), [V2.D2]
	VLD1.P 16(R4), [V3.D2]
	VLD1   (R5), [V16.D2]
	VFMLA  V4.D2, V0.D2, V16.D2
	VFMLA  V5.D2, V1.D2, V16.D2
	VFMLA  V6.D2, V2.D2, V16.D2
	VFMLA  V7.D2, V3.D2, V16.D2
	VST1.P [V16.D2], 16(R5)
	SUBS   $2, R0, R0
	BNE    loop

done:
	RET

// func sDotAxpyNEON(n int, alpha float32, a *float32, x *float32, y *float32) float32
TEXT ·sDotAxpyNEON(SB), NOSPLIT, $0-44
	MOVD  n+0(FP), R0
	FMOVS alpha+8(FP), F6
	VDUP  V6.S[0], V6.S4
	MOVD  a+16(FP), R1
	MOVD  x+24(FP), R2
	MOVD  y+32(FP), R3
	CLEAR(V2, V3)
	CBZ   R0, done

loop:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	VLD1   (R3), [V4.S4]
	VFMLA  V6.S4, V0.S4, V4.S4
	VFMLA  V1.S4, V0.S4, V2.S4
	VST1.P [V4.S4], 16(R3)
	SUBS   $4, R0, R0
	BNE    loop

done:
	VEXT  $8, V2.B16, V2.B16, V3.B16
	SADD(3, 2)
	SPAIR(2)
	FMOVS F2, ret+40(FP)
	RET

// func dDotAxpyNEON(n int, alpha float64, a *float64, x *float64, y *float64) float64
TEXT ·dDotAxpyNEON(SB), NOSPLIT, $0-48
	MOVD  n+0(FP), R0
	FMOVD alpha+8(FP), F6
	VDUP  V6.D[0], V6.D2
	MOVD  a+16(FP), R1
	MOVD  x+24(FP), R2
	MOVD  y+32(FP), R3
	CLEAR(V16, V17)
	CBZ   R0, done

loop:
	VLD1.P 32(R1), [V0.D2, V1.D2]
	VLD1.P 32(R2), [V2.D2, V3.D2]
	VLD1   (R3), [V4.D2, V5.D2]
	VFMLA  V6.D2, V0.D2, V4.D2
	VFMLA  V6.D2, V1.D2, V5.D2
	VFMLA  V2.D2, V0.D2, V16.D2
	VFMLA  V3.D2, V1.D2, V17.D2
	VST1.P [V4.D2, V5.D2], 32(R3)
	SUBS   $4, R0, R0
	BNE    loop

done:
	DADD(17, 16)
	DPAIR(16)
	FMOVD F16, ret+40(FP)
	RET

// func sPeakNEON(n int)
TEXT ·sPeakNEON(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
	CLEARS8
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CBZ  R0, done

loop:
	SROWS8
	SUBS $1, R0, R0
	BNE  loop

done:
	RET

// func dPeakNEON(n int)
TEXT ·dPeakNEON(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
	CLEARS8
	CLEAR(V0, V1)
	CLEAR(V2, V3)
	CLEAR(V4, V5)
	CBZ  R0, done

loop:
	DROWS8
	SUBS $1, R0, R0
	BNE  loop

done:
	RET
