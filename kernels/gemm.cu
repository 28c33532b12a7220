// Matrix products by tiles in shared memory and registers.
//
//   C_z = alpha op(A_z) op(B_z) [+ D_z],   op(A) M x K, op(B) K x N
//
// with, for the operations that need it, a contraction over the rows of one fold
// (borders), a scale d[k]^2 on A's side (scale), and a factor beta on D that is 0
// in dead rows, or dead rows and columns (beta, dead). gram is the float64
// product of float32 operands, symmetric: tiles above the diagonal are mirrored.
//
// Launch: a block per tile of C, blockIdx.x columns, blockIdx.y rows, blockIdx.z
// matrices. Large tiles are 64 x 128 in float32, 64 x 64 in float64, of 128
// threads with 8 x 8 or 8 x 4 elements each; small ones, for results that would not
// fill the device, 32 x 32 of 64 threads with 4 x 4. A slab of 16 along k of both
// operands is in shared memory while the next one is on its way to registers.
// 2 M N K operations; (64 + 128) / (64 * 128) loads of 4 bytes per multiplication,
// 43 operations a byte in large float32 tiles.
//
// Each element is one chain of fma along k, in float32 cut every 512 terms to add
// the part to C: the error grows like sqrt(512), not sqrt(K). So bits do not
// depend on the size of tiles, and large and small may be chosen freely.
#include "gemm.cuh"

// GEMM is a kernel over operands of type T with sums of type S.
#define GEMM(name, T, S, MR, NR, TX, TY, TA, TB, BLOCKS)                                                                          \
    BOUNDED(name, TX * TY, BLOCKS)                                                                                                \
    (OUT(S, C), IN(T, A), IN(T, B), IN(S, D), IN(T, scale), IN(double, beta), IN(double, dead), const int *borders, int M, int N, \
     int K, int groups, int both, int symmetric, double alpha) {                                                                  \
        int b = blockIdx.z / groups, g = blockIdx.z % groups;                                                                     \
        Product<T, S, Side<T>, Side<T>> p;                                                                                                       \
        p.C = MAT(C, b, g);                                                                                                       \
        p.A = {MAT(A, b, g).p, TA ? 1 : A_r, TA ? A_r : 1, M};                                                                    \
        p.B = {MAT(B, b, g).p, TB ? B_r : 1, TB ? 1 : B_r, N};                                                                    \
        p.D = MAT(D, b, g);                                                                                                       \
        p.add = D_p != nullptr;                                                                                                   \
        p.scale = {scale_p ? MAT(scale, b, g).p : scale_p, 1, true};                                                              \
        p.forget = {beta_p ? MAT(beta, b, g).p : beta_p, dead_p ? MAT(dead, b, g).p : dead_p, both != 0};                         \
        p.M = M, p.N = N, p.alpha = (S)alpha, p.symmetric = symmetric != 0;                                                       \
        p.k0 = borders ? borders[g] : 0;                                                                                          \
        p.k1 = borders ? borders[g + 1] : K;                                                                                      \
        multiply<MR, NR, TX, TY, TA, TB>(p);                                                                                      \
    }

constexpr int WIDE = sizeof(F) == 4 ? 8 : 4; // columns of a thread in large tiles

GEMM(gemm_nn, F, F, 8, WIDE, 16, 8, false, false, 3)
GEMM(gemm_nt, F, F, 8, WIDE, 16, 8, false, true, 3)
GEMM(gemm_tn, F, F, 8, WIDE, 16, 8, true, false, 3)
GEMM(gemm_tt, F, F, 8, WIDE, 16, 8, true, true, 3)
GEMM(gemm_small_nn, F, F, 4, 4, 8, 8, false, false, 8)
GEMM(gemm_small_nt, F, F, 4, 4, 8, 8, false, true, 8)
GEMM(gemm_small_tn, F, F, 4, 4, 8, 8, true, false, 8)
GEMM(gemm_small_tt, F, F, 4, 4, 8, 8, true, true, 8)
GEMM(gram, F, double, 4, 4, 8, 8, true, false, 6)

#undef GEMM
