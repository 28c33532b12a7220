// Products with finite impulse response features, which are never in memory: X (T x
// K) is read through its delays,
//
//   F[t, j K + k] = X[t - delays[j], k] if that row is in t's run, else pad[k].
//
//   fir:        C_z = alpha op(F) op(B_z) [+ D_z], over the rows of a fold where there are borders
//   fir_kernel: F diag(d)^2 F', d = 1 where there is none
//   fir_gram:   F'F over the rows of a fold, in float64
//   fir_moments: sums of F and F^2 over the rows of a fold, in float64
//
// Tiles, chains and bits are those of gemm.cu on features in memory; a slab of F costs an
// index more per element, from a table of T per delay in the first-level cache.
#include "gemm.cuh"

#define FEATURES(T, extent) {MAT(X, b, g).p, X_r, pad_p, from, cols, times, extent}

// FIR is a kernel over features and matrices of type T.
#define FIR(name, T, MR, NR, TX, TY, TA, TB, BLOCKS)                                                                                  \
    BOUNDED(name, TX * TY, BLOCKS)                                                                                                    \
    (OUT(T, C), IN(T, X), IN(T, B), IN(T, D), IN(T, pad), const int *from, const int *borders, int M, int N, int K, int groups,       \
     int cols, int times, double alpha) {                                                                                             \
        int b = blockIdx.z / groups, g = blockIdx.z % groups;                                                                         \
        Product<T, T, Delayed<T>, Side<T>> p;                                                                                         \
        p.C = MAT(C, b, g);                                                                                                           \
        p.A = FEATURES(T, M);                                                                                                         \
        p.B = {MAT(B, b, g).p, TB ? B_r : 1, TB ? 1 : B_r, N};                                                                        \
        p.D = MAT(D, b, g);                                                                                                           \
        p.add = D_p != nullptr;                                                                                                       \
        p.scale = {nullptr, 1, true};                                                                                                 \
        p.forget = {nullptr, nullptr, false};                                                                                         \
        p.M = M, p.N = N, p.alpha = (T)alpha, p.symmetric = false;                                                                    \
        p.k0 = borders ? borders[g] : 0;                                                                                              \
        p.k1 = borders ? borders[g + 1] : K;                                                                                          \
        multiply<MR, NR, TX, TY, TA, TB>(p);                                                                                          \
    }

constexpr int WIDE = sizeof(F) == 4 ? 8 : 4; // columns of a thread in large tiles

FIR(fir_nn, F, 8, WIDE, 16, 8, false, false, 3)
FIR(fir_tn, F, 8, WIDE, 16, 8, true, false, 3)
FIR(fir_small_nn, F, 4, 4, 8, 8, false, false, 8)
FIR(fir_small_nt, F, 4, 4, 8, 8, false, true, 8)
FIR(fir_small_tn, F, 4, 4, 8, 8, true, false, 8)
FIR(fir_small_tt, F, 4, 4, 8, 8, true, true, 8)

#undef FIR

// Launch: as gemm_small; K is the number of columns of F.
BOUNDED(fir_kernel, 64, 8)
(OUT(F, C), IN(F, X), IN(F, scale), IN(F, pad), const int *from, int M, int K, int groups, int cols, int times, double alpha) {
    int b = blockIdx.z / groups, g = blockIdx.z % groups;
    Product<F, F, Delayed<F>, Delayed<F>> p;
    p.C = MAT(C, b, g);
    p.A = p.B = FEATURES(F, M);
    p.add = false;
    p.scale = {scale_p ? MAT(scale, b, g).p : scale_p, 1, true};
    p.forget = {nullptr, nullptr, false};
    p.M = p.N = M, p.k0 = 0, p.k1 = K, p.alpha = (F)alpha, p.symmetric = true;
    multiply<4, 4, 8, 8, false, true>(p);
}

// Launch: as gram; M is the number of columns of F.
BOUNDED(fir_gram, 64, 6)
(OUT(double, C), IN(F, X), IN(F, pad), const int *from, const int *borders, int M, int groups, int cols, int times) {
    int b = blockIdx.z / groups, g = blockIdx.z % groups;
    Product<F, double, Delayed<F>, Delayed<F>> p;
    p.C = MAT(C, b, g);
    p.A = p.B = FEATURES(F, M);
    p.add = false;
    p.scale = {nullptr, 1, true};
    p.forget = {nullptr, nullptr, false};
    p.M = p.N = M, p.k0 = borders[g], p.k1 = borders[g + 1], p.alpha = 1, p.symmetric = true;
    multiply<4, 4, 8, 8, true, false>(p);
}
#undef FEATURES

// Launch: as fold_moments.
KERNEL(fir_moments)(OUT(double, m), IN(F, X), IN(F, pad), const int *from, const int *borders, int features, int cols, int times, int folds) {
    int c = THREAD_X;
    if (c >= features) return;
    int b = blockIdx.z / folds, f = blockIdx.z % folds;
    Delayed<F> x = {MAT(X, b, 0).p, X_r, pad_p, from, cols, times, 0};
    double sum = 0, square = 0;
    for (int t = borders[f]; t < borders[f + 1]; t++) {
        double v = x.at(t, c / cols, c % cols);
        sum += v;
        square = fma(v, v, square);
    }
    auto out = MAT(m, b, f);
    out(0, c) = sum;
    out(1, c) = square;
}
