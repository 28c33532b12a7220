// Eigendecomposition of symmetric matrices by the cyclic Jacobi method, in float64.
//
//   A = Q diag(s) Q'
//
// Pairs of directions are turned so that A[p, q] = 0, all pairs of a sweep in K-1
// rounds of K/2 pairs that do not meet (Golub and Van Loan, Matrix Computations,
// 8.5.6), until what is off the diagonal is rounding. It serves matrices that are
// small or where there is no cuSOLVER; eig_check and eig_finish serve both.

#ifdef IN_F64

#define EIG_THREADS 256
#define SWEEPS 60    // under ten in practice

// Finds the first element of the lower triangle that is not finite: its place among
// K x K, or -1, and its value.
//
// Launch: a block of EIG_THREADS per matrix, z batches and groups.
// Reads half of each matrix.
KERNEL(eig_check)(IN(double, x), double *found, int K, int groups) {
    auto from = MAT(x, blockIdx.z / groups, blockIdx.z % groups);
    double left = 0; // from the first such element on
    for (long long e = threadIdx.x; e < (long long)K * K; e += blockDim.x)
        if (e % K <= e / K && !isfinite(from(e / K, e % K))) left = fmax(left, (double)((long long)K * K - e));
    left = block_max(left);
    if (threadIdx.x != 0) return;
    long long e = (long long)K * K - (long long)left;
    found[2 * blockIdx.z] = left > 0 ? (double)e : -1.0;
    found[2 * blockIdx.z + 1] = left > 0 ? from(e / K, e % K) : 0.0;
}

// Rotation turns directions p < q; c = 1 and s = 0 leave them.
struct Rotation {
    int p, q;
    double c, s;
};

// seat gives the direction at place i of round r: a round-robin tournament of n
// players, n even, in which player 0 stays.
__device__ __forceinline__ int seat(int i, int r, int n) { return i == 0 ? 0 : 1 + (i - 1 + r) % (n - 1); }

// pair gives pair i of round r; its q is K where an odd K leaves p without a partner.
__device__ __forceinline__ void pair(int i, int r, int n, int *p, int *q) {
    int a = seat(i, r, n), b = seat(n - 1 - i, r, n);
    *p = a < b ? a : b;
    *q = a < b ? b : a;
}

// rotation finds the rotation that annihilates a_pq.
__device__ __forceinline__ Rotation rotation(const double *a, int K, int i, int r, int n) {
    Rotation t;
    pair(i, r, n, &t.p, &t.q);
    t.c = 1, t.s = 0;
    if (t.q >= K) return t;
    double apq = a[(long long)t.p * K + t.q];
    if (apq == 0) return t;
    double theta = (a[(long long)t.q * K + t.q] - a[(long long)t.p * K + t.p]) / (2 * apq);
    double tan = copysign(1.0, theta) / (abs(theta) + hypot(theta, 1.0));
    t.c = 1 / hypot(tan, 1.0);
    t.s = tan * t.c;
    return t;
}

// turn applies rotations x (rows) and y (columns) to their 2 x 2 block of a, and
// to the block on the other side of the diagonal.
__device__ __forceinline__ void turn(double *a, int K, const Rotation &x, const Rotation &y, bool same) {
    bool xq = x.q < K, yq = y.q < K;
    double pp = a[(long long)x.p * K + y.p], pq = yq ? a[(long long)x.p * K + y.q] : 0, qp = xq ? a[(long long)x.q * K + y.p] : 0,
           qq = xq && yq ? a[(long long)x.q * K + y.q] : 0;
    double rp = x.c * pp - x.s * qp, rq = x.c * pq - x.s * qq, sp = x.s * pp + x.c * qp, sq = x.s * pq + x.c * qq;
    pp = y.c * rp - y.s * rq, pq = y.s * rp + y.c * rq, qp = y.c * sp - y.s * sq, qq = y.s * sp + y.c * sq;
    if (same && x.s != 0) pq = qp = 0; // annihilated
    a[(long long)x.p * K + y.p] = a[(long long)y.p * K + x.p] = pp;
    if (yq) a[(long long)x.p * K + y.q] = a[(long long)y.q * K + x.p] = pq;
    if (xq && !same) a[(long long)x.q * K + y.p] = a[(long long)y.p * K + x.q] = qp;
    if (xq && yq) a[(long long)x.q * K + y.q] = a[(long long)y.q * K + x.q] = qq;
}

// The sweeps. A round first finds the rotations, then turns every 2 x 2 block of
// pairs from both sides, a thread each, and every column of Q'.
//
// Launch: a block per matrix, z batches and groups.
// About ten sweeps of 5 K^3 operations, in the second-level cache; K=64 takes some
// 600 rounds of two barriers.
//
// work holds for each matrix A, Q' and the rotations of a round: 2 K^2 + 4 K values;
// the values are left on A's diagonal, scaled by scales.
BOUNDED(sym_eig, EIG_THREADS)(IN(double, x), double *work, double *scales, int K, int groups) {
    int n = K + K % 2, pairs = n / 2;
    double *a = work + (long long)blockIdx.z * (2 * (long long)K * K + 4 * K), *v = a + (long long)K * K;
    Rotation *turns = reinterpret_cast<Rotation *>(v + (long long)K * K);
    auto from = MAT(x, blockIdx.z / groups, blockIdx.z % groups);
    double largest = 0;
    for (long long e = threadIdx.x; e < (long long)K * K; e += blockDim.x) {
        int r = e / K, c = e % K;
        double y = r >= c ? from(r, c) : from(c, r);
        a[e] = y;
        v[e] = r == c;
        largest = fmax(largest, abs(y));
    }
    largest = block_max(largest);
    // a power of two, so that squares neither overflow nor vanish
    double unit = largest > 0 ? exp2(floor(log2(largest))) : 1.0;
    for (long long e = threadIdx.x; e < (long long)K * K; e += blockDim.x) a[e] /= unit;
    if (threadIdx.x == 0) scales[blockIdx.z] = unit;
    __syncthreads();
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0, norm = 0;
        for (long long e = threadIdx.x; e < (long long)K * K; e += blockDim.x) {
            norm = fma(a[e], a[e], norm);
            if (e / K != e % K) off = fma(a[e], a[e], off);
        }
        off = block_sum(off);
        norm = block_sum(norm);
        if (off <= 1e-34 * norm) break;
        for (int r = 0; r < n - 1; r++) {
            for (int i = threadIdx.x; i < pairs; i += blockDim.x) turns[i] = rotation(a, K, i, r, n);
            __syncthreads();
            for (long long e = threadIdx.x; e < (long long)pairs * pairs; e += blockDim.x) {
                int i = e / pairs, j = e % pairs;
                if (j <= i) turn(a, K, turns[i], turns[j], i == j);
            }
            for (long long e = threadIdx.x; e < (long long)pairs * K; e += blockDim.x) {
                const Rotation &t = turns[e / K];
                if (t.s == 0) continue;
                double *p = v + (long long)t.p * K + e % K, *q = v + (long long)t.q * K + e % K, y = *p, z = *q;
                *p = t.c * y - t.s * z;
                *q = t.s * y + t.c * z;
            }
            __syncthreads();
        }
    }
}

// The symmetric matrix of a lower triangle, dense, for cuSOLVER.
//
// Launch: x covers columns, y rows in strides of the grid.
KERNEL(eig_mirror)(IN(double, x), double *to, int K, int batch, int group) {
    int c = THREAD_X;
    if (c >= K) return;
    auto from = MAT(x, batch, group);
    for (int r = blockIdx.y; r < K; r += gridDim.y) to[(long long)r * K + c] = r >= c ? from(r, c) : from(c, r);
}

// Puts vector blockIdx.x of every matrix in its place: vectors by rows, values
// step apart and multiplied by scales where it is not null. Matrices are counted
// from first.
//
// Launch: a warp per vector, z matrices.
BOUNDED(eig_finish, WARP)
(OUT(double, out), const double *vectors, const double *values, const double *scales, long long vectors_b, long long values_b, int step, int K, int groups, int first) {
    int k = blockIdx.x, place = 0;
    vectors += blockIdx.z * vectors_b + (long long)k * K;
    values += blockIdx.z * values_b;
    int z = first + blockIdx.z;
    auto to = MAT(out, z / groups, z % groups);
    double s = values[(long long)k * step];
    for (int j = threadIdx.x; j < K; j += 32) {
        double t = values[(long long)j * step];
        place += t < s || (t == s && j < k);
    }
    place = warp_sum(place);
    double big = -1, sign = 1;
    int at = 0;
    for (int c = threadIdx.x; c < K; c += 32)
        if (abs(vectors[c]) > big) big = abs(vectors[c]), at = c, sign = copysign(1.0, vectors[c]);
    for (int d = 16; d > 0; d >>= 1) {
        double b = __shfl_xor_sync(FULL, big, d), g = __shfl_xor_sync(FULL, sign, d);
        int c = __shfl_xor_sync(FULL, at, d);
        if (b > big || (b == big && c < at)) big = b, at = c, sign = g;
    }
    for (int c = threadIdx.x; c < K; c += 32) to(place, c) = sign * vectors[c];
    if (threadIdx.x == 0) to(K, place) = scales ? s * scales[blockIdx.z] : s;
}

#endif
