// The ridge path: the terms of a test fold's error for all alphas at once.
//
// With w = P / (S + alpha), for every voxel and alpha
//
//   w'C,   w'M w  (or |N w|^2 over the fold's rows),   z'w  (or 1'N w)
//
// path_rates, path_table and path_quad are for M of up to 256 directions. With
// u = P / (S + alpha_0) and r_a = (S + alpha_0) / (S + alpha_a), alpha_0 the
// smallest, w_a = r_a u, and
//
//   w_a'M w_a = sum_{i >= j} T_a[i, j] u_i u_j,   T_a[i, j] = (2 - [i = j]) r_a[i] M[i, j] r_a[j]:
//
// a product of the table T (alphas x K (K+1)/2) with the products u_i u_j, which
// are formed in registers. Half the multiplications of M w, no intermediate in
// memory, each u_i u_j used for all alphas. r_a is scaled to a largest value in
// [1, 2), and its square put back at the end, so that nothing underflows.
//
//   Launch of path_quad: 128 threads with 4 voxels each (2 in float64) and up to 20
//   alphas: 80 sums in registers; blockIdx.x voxels, y chunks of alphas, z batch
//   and fold. The table goes through shared memory by tiles of 4 x 4 directions:
//   one 16-byte load, the same for all threads, feeds 16 fma; a thread's voxels lie
//   side by side, and one load of 16 bytes reads them. Per voxel and fold
//   K (K+1)/2 (A + 1) multiplications; K=64, A=20: 43,680. P is read from memory
//   once (then from the first-level cache), A sums are written.
//
// path_dots gives w'C and z'w: a thread per voxel, all alphas in registers, 2 K A
// multiplications, P and C read once.
//
// path_rows and path_wide are tiles as in gemm.cu with the scale 1/(S + alpha) on
// N (or M) and the squares (or the products with w) summed in the tile: T_f K (or
// K^2) multiplications per voxel and alpha; a block holds one alpha and 128 voxels
// (64 in float64) and goes over the rows 32 (64) at a time.
//
// No float32 sum is long: those over directions in path_dots, path_rows and path_wide
// are chains of 128 terms, added up with their rounding (Long); those over rows are 4
// terms of a thread, added up in float64; path_quad's are put away every 512.
#include "gemm.cuh"

#define PATH_THREADS 128
#define EDGE 4           // directions of a table tile
#define STAGED 4         // table tiles in shared memory at once
#define CHAIN 512        // terms of a chain of sums before it is put away
#define DOTS_STAGED 32   // directions in shared memory at once

// Quad is what a launch of path_quad is told.
template <class T> struct Quad {
    T *out;          // first of the A sums of the block's first voxel
    const T *P;      // column of the block's first voxel
    long long P_r;
    const T *base;   // 1 / (S + alpha_0)
    const T *table;  // of this chunk
    const double *scale;
    int alphas, K, W, left; // alphas of this chunk, voxels from the block's first on
    bool packs;             // all of the block's voxels are there, and rows of P and out are read and written 16 bytes at a time
};

// scaled loads EDGE rows of u for the thread's voxels, NV side by side.
template <int NV, class T> __device__ __forceinline__ void scaled(T (*u)[NV], const Quad<T> &q, int block) {
    int k0 = block * EDGE;
    if (q.packs && k0 + EDGE <= q.K) { // all loads are on their way before the first is used
        const T *p = q.P + k0 * q.P_r + NV * threadIdx.x;
        T g[EDGE];
#pragma unroll
        for (int i = 0; i < EDGE; i++) {
            load<NV>(u[i], p + i * q.P_r);
            g[i] = q.base[k0 + i];
        }
#pragma unroll
        for (int i = 0; i < EDGE; i++)
#pragma unroll
            for (int n = 0; n < NV; n++) u[i][n] = g[i] * u[i][n];
        return;
    }
#pragma unroll
    for (int i = 0; i < EDGE; i++) {
        int k = k0 + i;
        T g = k < q.K ? q.base[k] : (T)0;
#pragma unroll
        for (int n = 0; n < NV; n++) {
            int v = NV * threadIdx.x + n;
            u[i][n] = k < q.K && v < q.left ? g * q.P[k * q.P_r + v] : (T)0;
        }
    }
}

// put adds the sums to the result and clears them.
template <int NV, int AC, class T> __device__ __forceinline__ void put(const Quad<T> &q, T (*acc)[NV], bool first) {
    T *to = q.out + NV * threadIdx.x;
#pragma unroll
    for (int a = 0; a < AC; a++, to += q.W) {
        if (a < q.alphas && q.packs) {
            Pack<T> *all = reinterpret_cast<Pack<T> *>(to), sum = {};
            T s = (T)q.scale[a];
            if (!first) sum = *all;
#pragma unroll
            for (int n = 0; n < NV; n++) sum.v[n] = fma(acc[a][n], s, sum.v[n]);
            *all = sum;
        } else if (a < q.alphas) {
            T s = (T)q.scale[a];
#pragma unroll
            for (int n = 0; n < NV; n++)
                if ((int)(NV * threadIdx.x) + n < q.left) to[n] = fma(acc[a][n], s, first ? (T)0 : to[n]);
        }
#pragma unroll
        for (int n = 0; n < NV; n++) acc[a][n] = 0;
    }
}

template <int NV, int AC, class T> __device__ __forceinline__ void quad(const Quad<T> &q) {
    __align__(16) __shared__ T staged[STAGED][EDGE * EDGE][AC];
    __align__(16) __shared__ T rows[EDGE][PATH_THREADS * NV]; // u of the tile's rows; a thread has its own
    T acc[AC][NV], uj[EDGE][NV];
#pragma unroll
    for (int a = 0; a < AC; a++)
#pragma unroll
        for (int n = 0; n < NV; n++) acc[a][n] = 0;
    int blocks = (q.K + EDGE - 1) / EDGE, tiles = blocks * (blocks + 1) / 2, i = 0, j = 0, terms = 0;
    bool first = true;
    for (int t0 = 0; t0 < tiles; t0 += STAGED) {
        constexpr int packs = EDGE * EDGE * AC * sizeof(T) / 16; // of a tile
        int here = tiles - t0 < STAGED ? tiles - t0 : STAGED;
        const Pack<T> *from = reinterpret_cast<const Pack<T> *>(q.table) + (long long)t0 * packs;
        __syncthreads();
        for (int e = threadIdx.x; e < here * packs; e += PATH_THREADS) reinterpret_cast<Pack<T> *>(staged)[e] = from[e];
        __syncthreads();
        for (int t = 0; t < here; t++) {
            if (j == 0) {
                scaled<NV>(uj, q, i);
#pragma unroll
                for (int x = 0; x < EDGE; x++) store<NV>(&rows[x][NV * threadIdx.x], uj[x]);
            }
            scaled<NV>(uj, q, j);
#pragma unroll
            for (int x = 0; x < EDGE; x++) {
                T ui[NV];
                load<NV>(ui, &rows[x][NV * threadIdx.x]);
#pragma unroll
                for (int y = 0; y < EDGE; y++) {
                    T uu[NV], coef[AC];
                    load<AC>(coef, staged[t][x * EDGE + y]);
#pragma unroll
                    for (int n = 0; n < NV; n++) uu[n] = ui[n] * uj[y][n];
#pragma unroll
                    for (int a = 0; a < AC; a++)
#pragma unroll
                        for (int n = 0; n < NV; n++) acc[a][n] = fma(coef[a], uu[n], acc[a][n]);
                }
            }
            terms += EDGE * EDGE;
            if (j++ < i) continue;
            i++, j = 0;
            if (terms >= CHAIN || i == blocks) {
                put<NV, AC>(q, acc, first);
                first = false;
                terms = 0;
            }
        }
    }
}

// dots adds up w'C and z'w of one voxel for AC alphas.
template <int AC, class T> __device__ __forceinline__ void dots(T *out, long long term, int alphas, const T *P, long long P_r, const T *C, long long C_r,
                                                               const T *z, const T *inverse, int pad, int K, int W, bool live) {
    __align__(16) __shared__ T staged[DOTS_STAGED][AC];
    __shared__ Long<T> sums[2 * AC][sizeof(T) == 4 ? PATH_THREADS : 1]; // of float32 chains; a thread has its own
    const bool cut = sizeof(T) == 4 && K > SHORT;
    T wC[AC], zw[AC];
#pragma unroll
    for (int a = 0; a < AC; a++) {
        wC[a] = zw[a] = 0;
        if (cut) {
            sums[a][threadIdx.x].clear();
            sums[AC + a][threadIdx.x].clear();
        }
    }
    for (int k0 = 0; k0 < K; k0 += DOTS_STAGED) {
        __syncthreads();
        for (int e = threadIdx.x; e < DOTS_STAGED * AC; e += PATH_THREADS)
            staged[e / AC][e % AC] = k0 + e / AC < K ? inverse[(long long)(k0 + e / AC) * pad + e % AC] : (T)0;
        __syncthreads();
        const int here = !live ? 0 : K - k0 < DOTS_STAGED ? K - k0 : DOTS_STAGED;
#pragma unroll 4
        for (int i = 0; i < here; i++) {
            T p = P[(k0 + i) * P_r], pc = p * C[(k0 + i) * C_r], pz = p * z[k0 + i], g[AC];
            load<AC>(g, staged[i]);
#pragma unroll
            for (int a = 0; a < AC; a++) {
                wC[a] = fma(g[a], pc, wC[a]);
                zw[a] = fma(g[a], pz, zw[a]);
            }
        }
        if (cut && ((k0 + DOTS_STAGED) % SHORT == 0 || k0 + DOTS_STAGED >= K)) {
#pragma unroll
            for (int a = 0; a < AC; a++) {
                sums[a][threadIdx.x].add(wC[a]);
                sums[AC + a][threadIdx.x].add(zw[a]);
                wC[a] = zw[a] = 0;
            }
        }
    }
#pragma unroll
    for (int a = 0; a < AC; a++)
        if (live && a < alphas) {
            out[(long long)a * W] = cut ? sums[a][threadIdx.x].sum : wC[a];
            out[2 * term + (long long)a * W] = cut ? sums[AC + a][threadIdx.x].sum : zw[a];
        }
}

// Predictions of one block's tile: what fits into registers beside their sums.
template <class T> struct Predictions {
    typedef Tile<T, T, 8, 4, 16, 8, false, false> Block;
    Block tile;
    __device__ __forceinline__ void run(const Side<T> &A, const Side<T> &P, const Scale<T> &inverse, int r0, int c0, int K) {
        tile.clear();
        tile.run(A, P, inverse, r0, c0, 0, K);
    }
    __device__ __forceinline__ T at(int i, int j) const { return tile.acc[i][j]; }
};
template <> struct Predictions<float> {
    typedef Tile<float, float, 4, 8, 16, 8, false, false> Block;
    Block tile;
    Long<float> sums[4][8];
    __device__ __forceinline__ void put() {
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) {
                sums[i][j].add(tile.acc[i][j]);
                tile.acc[i][j] = 0;
            }
    }
    __device__ __forceinline__ void run(const Side<float> &A, const Side<float> &P, const Scale<float> &inverse, int r0, int c0, int K) {
        tile.clear();
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) sums[i][j].clear();
        tile.run(A, P, inverse, r0, c0, 0, K, SHORT, [this] { put(); });
        put();
    }
    __device__ __forceinline__ float at(int i, int j) const { return sums[i][j].sum; }
};

// rows sums squares of predictions, or products with w, of the block's tile of voxels
// over all rows of A.
template <bool GRAM, class T> __device__ __forceinline__ void rows(T *out, const Side<T> &A, const Side<T> &P, const Scale<T> &inverse, int K, int W) {
    typedef typename Predictions<T>::Block Block;
    constexpr int MR = Block::BM / 8, NR = Block::BN / 16;
    __shared__ double part[8][Block::BN];
    Predictions<T> y;
    int c0 = blockIdx.x * Block::BN, ty = threadIdx.x / 16;
#pragma unroll
    for (int j = 0; j < NR; j++) part[ty][Block::col(j)] = 0; // a thread has its own
    for (int r0 = 0; r0 < A.rows; r0 += Block::BM) {
        y.run(A, P, inverse, r0, c0, K);
#pragma unroll
        for (int j = 0; j < NR; j++) {
            T squares = 0;
#pragma unroll
            for (int i = 0; i < MR; i++) {
                T v = y.at(i, j), w = v;
                if (GRAM) {
                    int k = r0 + Block::row(i), c = c0 + Block::col(j);
                    w = k < K && c < W ? inverse.at(k) * P.p[c * P.row + k * P.col] : (T)0;
                }
                squares = fma(w, v, squares);
            }
            part[ty][Block::col(j)] += squares;
        }
    }
    __syncthreads();
    for (int c = threadIdx.x; c < Block::BN && c0 + c < W; c += Block::THREADS) {
        double s = 0;
        for (int y = 0; y < 8; y++) s += part[y][c];
        out[c0 + c] = (T)s;
    }
}

// The number of alphas in registers is one of three, whichever wastes least.
#define EACH_CHUNK(F) F(4) F(12) F(20)

constexpr int VOXELS = 16 / sizeof(F); // of a thread of path_quad

// Prepares for every alpha and matrix: rates r_a / 2^e, scale 4^e, the inverse
// 1 / (S + alpha) by direction, and base = 1 / (S + alpha_0). What is padded is 0.
//
// Launch: a block per alpha, x alphas and padding, z batches and folds.
KERNEL(path_rates)(IN(F, S), double *rates, double *scale, F *base, F *inverse, const double *alphas, int count, int rank, int folds, double alpha0) {
    int a = blockIdx.x, pad = gridDim.x;
    const F *s = MAT(S, blockIdx.z / folds, blockIdx.z % folds).row(0);
    rates += ((long long)blockIdx.z * pad + a) * rank;
    inverse += (long long)blockIdx.z * rank * pad + a;
    double alpha = a < count ? alphas[a] : 0, largest = 0;
    for (int k = threadIdx.x; k < rank; k += blockDim.x) {
        double r = (s[k] + alpha0) / (s[k] + alpha);
        if (a < count && r > largest) largest = r;
    }
    largest = block_max(largest);
    double unit = largest > 0 && isfinite(largest) ? exp2(floor(log2(largest))) : 1.0;
    for (int k = threadIdx.x; k < rank; k += blockDim.x) {
        rates[k] = a < count ? (s[k] + alpha0) / (s[k] + alpha) / unit : 0.0;
        inverse[(long long)k * pad] = a < count ? 1 / (s[k] + (F)alpha) : (F)0;
        if (a == 0) base[(long long)blockIdx.z * rank + k] = (F)(1 / (s[k] + alpha0));
    }
    if (threadIdx.x == 0) scale[(long long)blockIdx.z * pad + a] = unit * unit;
}

// Fills T by chunk of alphas, tile, element of the tile and alpha of the chunk.
//
// Launch: a block per tile, x tiles, z batches and folds.
KERNEL(path_table)(IN(F, M), F *table, const double *rates, int chunk, int chunks, int rank, int folds) {
    int i = 0, j = blockIdx.x, pad = chunk * chunks;
    while (j > i) j -= ++i;
    auto m = MAT(M, blockIdx.z / folds, blockIdx.z % folds);
    rates += (long long)blockIdx.z * pad * rank;
    for (int e = threadIdx.x; e < EDGE * EDGE * pad; e += blockDim.x) {
        int a = e % pad, x = i * EDGE + e / pad / EDGE, y = j * EDGE + e / pad % EDGE;
        double v = 0;
        if (x < rank && y <= x) v = (x == y ? 1 : 2) * (double)m(x, y) * rates[(long long)a * rank + x] * rates[(long long)a * rank + y];
        long long at = (((long long)blockIdx.z * chunks + a / chunk) * gridDim.x + blockIdx.x) * EDGE * EDGE + e / pad;
        table[at * chunk + a % chunk] = (F)v;
    }
}

// Where the tables of a block lie: they have a matrix per batch and fold, or with
// shared != 0 one per fold.
#define TABLE (long long)(shared ? blockIdx.z % folds : blockIdx.z)

// w'M w for the alphas of chunk blockIdx.y.
//
// Launch: x voxels by VOXELS * 128, y chunks, z batches and folds.
#define PATH_QUAD(AC)                                                                                                                  \
    BOUNDED(path_quad_##AC, PATH_THREADS, 3)                                                                                           \
    (OUT(F, out), IN(F, P), const F *base, const F *table, const double *scale, int count, int rank, int cols, int folds, int shared) { \
        int a0 = blockIdx.y * AC, v0 = blockIdx.x * PATH_THREADS * VOXELS, blocks = (rank + EDGE - 1) / EDGE;                          \
        int b = blockIdx.z / folds, f = blockIdx.z % folds;                                                                            \
        Quad<F> q;                                                                                                                     \
        q.out = MAT(out, b, f).row(count + a0) + v0;                                                                                   \
        q.P = MAT(P, b, f).p + v0, q.P_r = P_r;                                                                                        \
        q.base = base + TABLE * rank;                                                                                                  \
        q.table = table + (TABLE * gridDim.y + blockIdx.y) * (blocks * (blocks + 1) / 2) * EDGE * EDGE * AC;                           \
        q.scale = scale + TABLE * gridDim.y * AC + a0;                                                                                 \
        q.alphas = count - a0, q.K = rank, q.W = cols, q.left = cols - v0;                                                             \
        q.packs = q.left >= PATH_THREADS * VOXELS && aligned(q.P, q.P_r) && aligned(q.out, q.W);                                       \
        quad<VOXELS, AC>(q);                                                                                                           \
    }
PATH_QUAD(4)
PATH_QUAD(12)
PATH_QUAD(20)
#undef PATH_QUAD

// w'C and, where there is a z, z'w for the alphas of chunk blockIdx.y.
//
// Launch: x voxels by 128, y chunks, z batches and folds.
#define PATH_DOTS(AC)                                                                                                                 \
    BOUNDED(path_dots_##AC, PATH_THREADS, sizeof(F) == 4 ? 4 : 2)                                                                      \
    (OUT(F, out), IN(F, P), IN(F, C), IN(F, z), const F *inverse, int count, int rank, int cols, int folds, int shared) {             \
        int a0 = blockIdx.y * AC, pad = gridDim.y * AC, v = THREAD_X, b = blockIdx.z / folds, f = blockIdx.z % folds;                 \
        dots<AC>(MAT(out, b, f).row(a0) + v, (long long)count * cols, count - a0, MAT(P, b, f).p + v, P_r, MAT(C, b, f).p + v, C_r,   \
                 MAT(z, b, f).p, inverse + TABLE * rank * pad + a0, pad, rank, cols, v < cols);                           \
    }
PATH_DOTS(4)
PATH_DOTS(12)
PATH_DOTS(20)
#undef PATH_DOTS

// |N w|^2 over the rows of each fold.
//
// Launch: x voxels by a tile's columns, y alphas, z batches and folds.
BOUNDED(path_rows, 128, 3)
(OUT(F, out), IN(F, P), IN(F, N), const F *inverse, const int *borders, int count, int pad, int rank, int cols, int folds, int shared) {
    int a = blockIdx.y, b = blockIdx.z / folds, f = blockIdx.z % folds;
    Side<F> n = {MAT(N, b, 0).row(borders[f]), N_r, 1, borders[f + 1] - borders[f]}, p = {MAT(P, b, f).p, 1, P_r, cols};
    Scale<F> g = {inverse + TABLE * rank * pad + a, pad, false};
    rows<false, F>(MAT(out, b, f).row(count + a), n, p, g, rank, cols);
}

// w'M w for any number of directions. Launch as path_rows.
BOUNDED(path_wide, 128, 3)
(OUT(F, out), IN(F, P), IN(F, M), const F *inverse, int count, int pad, int rank, int cols, int folds, int shared) {
    int a = blockIdx.y, b = blockIdx.z / folds, f = blockIdx.z % folds;
    Side<F> m = {MAT(M, b, f).p, M_r, 1, rank}, p = {MAT(P, b, f).p, 1, P_r, cols};
    Scale<F> g = {inverse + TABLE * rank * pad + a, pad, false};
    rows<true, F>(MAT(out, b, f).row(count + a), m, p, g, rank, cols);
}
#undef TABLE
