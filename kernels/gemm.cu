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

#define PART 512 // terms of a float32 chain

// Forget is the factor of D: beta, or 0 for what is dead.
struct Forget {
    const double *beta, *dead;
    bool both;
    template <class S> __device__ __forceinline__ S of(S d, int r, int c) const {
        if (!beta) return d;
        if (dead[r] != 0 || (both && dead[c] != 0)) return 0;
        return (S)*beta * d;
    }
};

// Product is what a launch of gemm is told.
template <class T, class S> struct Product {
    Matrix<S> C;
    Side<T> A, B;
    Matrix<const S> D;
    bool add; // there is a D
    Scale<T> scale;
    Forget forget;
    int M, N, k0, k1;
    S alpha;
    bool symmetric;
};

template <class T, class S, int MR, int NR, int TX, int TY, bool TA, bool TB> __device__ __forceinline__ void multiply(const Product<T, S> &p) {
    Tile<T, S, MR, NR, TX, TY, TA, TB> tile;
    int r0 = blockIdx.y * tile.BM, c0 = blockIdx.x * tile.BN;
    if (p.symmetric && c0 >= r0 + tile.BM) return;
    for (int k = p.k0, next;; k = next) {
        next = sizeof(S) == 4 && k + PART < p.k1 ? k + PART : p.k1;
        tile.clear();
        tile.run(p.A, p.B, p.scale, r0, c0, k, next);
#pragma unroll
        for (int i = 0; i < MR; i++)
#pragma unroll
            for (int j = 0; j < NR; j++) {
                int r = r0 + tile.row(i), c = c0 + tile.col(j);
                if (r >= p.M || c >= p.N || (p.symmetric && c > r)) continue;
                S value = 0;
                if (k > p.k0)
                    value = p.C(r, c);
                else if (p.add)
                    value = p.forget.of(p.D(r, c), r, c);
                value = fma(p.alpha, tile.acc[i][j], value);
                p.C(r, c) = value;
                if (p.symmetric) p.C(c, r) = value;
            }
        if (next == p.k1) return;
    }
}

// GEMM is a kernel over operands of type T with sums of type S.
#define GEMM(name, T, S, MR, NR, TX, TY, TA, TB, BLOCKS)                                                                          \
    BOUNDED(name, TX * TY, BLOCKS)                                                                                                \
    (OUT(S, C), IN(T, A), IN(T, B), IN(S, D), IN(T, scale), IN(double, beta), IN(double, dead), const int *borders, int M, int N, \
     int K, int groups, int both, int symmetric, double alpha) {                                                                  \
        int b = blockIdx.z / groups, g = blockIdx.z % groups;                                                                     \
        Product<T, S> p;                                                                                                          \
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
        multiply<T, S, MR, NR, TX, TY, TA, TB>(p);                                                                                \
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
