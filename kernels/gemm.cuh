// The tile of a matrix product that one block computes, for gemm.cu, fir.cu and path.cu.
// Included within a namespace, so without a guard.

#define SLAB 16

// Side is one operand of a product: element (i, k) at p[i * row + k * col].
template <class T> struct Side {
    const T *p;
    long long row, col;
    int rows; // extent of i
};

// Delayed is a side of features that are read through delays (op.Delay): its columns
// are those of X once per delay. from[j * times + t] is the row of X that delay j
// shows at row t, or -1 where that is pad (0 where it is null).
template <class T> struct Delayed {
    const T *p;
    long long ld;
    const T *pad;
    const int *from;
    int cols, times; // of X
    int rows;        // extent of i, which is a row of the features or a column

    __device__ __forceinline__ T at(int t, int j, int k) const {
        int r = from[j * times + t];
        return r >= 0 ? p[r * ld + k] : pad ? pad[k] : (T)0;
    }
};

// Fetch reads a slab of a side for a block of THREADS into registers: BM x SLAB
// elements, the index that is contiguous in memory fastest over the threads. Its
// elements are STEP apart along the other index.
template <class T, int BM, int THREADS, bool ALONG_K> struct Fetch {
    static constexpr int N = BM * SLAB / THREADS, STEP = ALONG_K ? THREADS / SLAB : THREADS / BM;
    T v[N];

    __device__ __forceinline__ static int row(int i) { return ALONG_K ? threadIdx.x / SLAB + i * STEP : threadIdx.x % BM; }
    __device__ __forceinline__ static int col(int i) { return ALONG_K ? threadIdx.x % SLAB : threadIdx.x / BM + i * STEP; }
    __device__ __forceinline__ void read(const Side<T> &s, int r0, int k0, int k1) {
        const T *p = s.p + (r0 + row(0)) * s.row + (k0 + col(0)) * s.col;
        long long step = STEP * (ALONG_K ? s.row : s.col);
#pragma unroll
        for (int i = 0; i < N; i++, p += step) v[i] = r0 + row(i) < s.rows && k0 + col(i) < k1 ? *p : (T)0;
    }
    // A thread's elements lie in one column.
    __device__ __forceinline__ void read(const Delayed<T> &s, int r0, int k0, int k1) {
        int c = ALONG_K ? k0 + col(0) : r0 + row(0), j = c / s.cols, k = c % s.cols;
        bool inside = c < (ALONG_K ? k1 : s.rows);
#pragma unroll
        for (int i = 0; i < N; i++) {
            int t = ALONG_K ? r0 + row(i) : k0 + col(i);
            v[i] = inside && t < (ALONG_K ? s.rows : k1) ? s.at(t, j, k) : (T)0;
        }
    }
    // write puts the slab into shared memory, k by k, converted to the type of the sums.
    template <class S> __device__ __forceinline__ void write(S (*to)[BM + 4]) const {
#pragma unroll
        for (int i = 0; i < N; i++) to[col(i)][row(i)] = v[i];
    }
};

// Scale is a factor for each k of a product's first side; p is null where there is none.
template <class T> struct Scale {
    const T *p;
    long long step;
    bool squared;
    __device__ __forceinline__ T at(int k) const {
        T s = p[k * step];
        return squared ? s * s : s;
    }
};

// Tile multiplies one block's tile: threads form TY rows of TX, each with
// MR x NR elements; the columns of a thread lie in groups of 4, 4 TX apart, so
// that a warp reads shared memory without conflicts.
template <class T, class S, int MR, int NR, int TX, int TY, bool TA, bool TB> struct Tile {
    static constexpr int BM = MR * TY, BN = NR * TX, THREADS = TX * TY;
    S acc[MR][NR];

    __device__ __forceinline__ static int col(int j) { return (j / 4) * 4 * TX + (threadIdx.x % TX) * 4 + j % 4; }
    __device__ __forceinline__ static int row(int i) { return (threadIdx.x / TX) * MR + i; }

    __device__ __forceinline__ void clear() {
#pragma unroll
        for (int i = 0; i < MR; i++)
#pragma unroll
            for (int j = 0; j < NR; j++) acc[i][j] = 0;
    }

    // slab adds SLAB terms of every element.
    __device__ __forceinline__ void slab(S (*a)[BM + 4], S (*b)[BN + 4]) {
#pragma unroll 4
        for (int k = 0; k < SLAB; k++) {
            S x[MR], y[NR];
            load<MR>(x, &a[k][row(0)]);
#pragma unroll
            for (int j = 0; j < NR; j += 4) load<4>(y + j, &b[k][col(j)]);
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int j = 0; j < NR; j++) acc[i][j] = fma(x[i], y[j], acc[i][j]);
        }
    }

    // run adds the terms [k0, k1) of A's rows from r0 and B's from c0, and calls after
    // when every so many of them (0: never) have been added since k0.
    template <class SA, class SB, class After>
    __device__ __forceinline__ void run(const SA &A, const SB &B, const Scale<T> &scale, int r0, int c0, int k0, int k1, int every, After after) {
        __align__(16) __shared__ S as[2][SLAB][BM + 4];
        __align__(16) __shared__ S bs[2][SLAB][BN + 4];
        Fetch<T, BM, THREADS, !TA> fa;
        Fetch<T, BN, THREADS, TB> fb;
        fa.read(A, r0, k0, k1);
        fb.read(B, c0, k0, k1);
        int at = 0;
        for (int k = k0; k < k1; k += SLAB) {
            if (scale.p) {
#pragma unroll
                for (int i = 0; i < fa.N; i++)
                    if (k + fa.col(i) < k1) fa.v[i] *= scale.at(k + fa.col(i));
            }
            fa.write(as[at]);
            fb.write(bs[at]);
            __syncthreads(); // the other slab was read before the last one was written
            if (k + SLAB < k1) {
                fa.read(A, r0, k + SLAB, k1);
                fb.read(B, c0, k + SLAB, k1);
            }
            slab(as[at], bs[at]);
            at ^= 1;
            if (every && (k - k0 + SLAB) % every == 0) after();
        }
        __syncthreads();
    }
    template <class SA, class SB>
    __device__ __forceinline__ void run(const SA &A, const SB &B, const Scale<T> &scale, int r0, int c0, int k0, int k1) {
        run(A, B, scale, r0, c0, k0, k1, 0, [] {});
    }
};

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

// Product is what a launch of a product is told.
template <class T, class S, class SA, class SB> struct Product {
    Matrix<S> C;
    SA A;
    SB B;
    Matrix<const S> D;
    bool add; // there is a D
    Scale<T> scale;
    Forget forget;
    int M, N, k0, k1;
    S alpha;
    bool symmetric;
};

template <int MR, int NR, int TX, int TY, bool TA, bool TB, class T, class S, class SA, class SB>
__device__ __forceinline__ void multiply(const Product<T, S, SA, SB> &p) {
    Tile<T, S, MR, NR, TX, TY, TA, TB> tile;
    int r0 = blockIdx.y * tile.BM, c0 = blockIdx.x * tile.BN;
    if (p.symmetric && c0 >= r0 + tile.BM) return;
    for (int k = p.k0, next;; k = next) {
        next = sizeof(S) == 4 && k + PART < p.k1 ? k + PART : p.k1;
        tile.clear();
        tile.run(p.A, p.B, p.scale, r0, c0, k, next);
        const bool more = k > p.k0; // to a part that is in C
        if ((more || !p.add) && !p.symmetric && r0 + tile.BM <= p.M && c0 + tile.BN <= p.N && aligned(p.C.p, p.C.ld)) {
            // the tile lies inside C, and most do: no questions per element, 16 bytes at a time
            constexpr int W = 16 / sizeof(S);
#pragma unroll
            for (int i = 0; i < MR; i++) {
                S *row = &p.C(r0 + tile.row(i), c0 + tile.col(0));
#pragma unroll
                for (int j = 0; j < NR; j += W) {
                    Pack<S> *to = reinterpret_cast<Pack<S> *>(row + (tile.col(j) - tile.col(0))), sum = {};
                    if (more) sum = *to;
#pragma unroll
                    for (int n = 0; n < W; n++) sum.v[n] = fma(p.alpha, tile.acc[i][j + n], sum.v[n]);
                    *to = sum;
                }
            }
            if (next == p.k1) return;
            continue;
        }
#pragma unroll
        for (int i = 0; i < MR; i++)
#pragma unroll
            for (int j = 0; j < NR; j++) {
                int r = r0 + tile.row(i), c = c0 + tile.col(j);
                if (r >= p.M || c >= p.N || (p.symmetric && c > r)) continue;
                S value = 0;
                if (more)
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
