// Operations of language models: rows are tokens, columns units.

// y = (x - mean) / sqrt(variance + eps) gamma + beta, row by row.
//
// Launch: a block of 128 per row, x rows, z batches and groups.
// Reads a row three times (from the first-level cache but once), sums in float64.
KERNEL(layer_norm)(OUT(F, out), IN(F, x), IN(F, gamma), IN(F, beta), int cols, int groups, double eps) {
    int b = blockIdx.z / groups, g = blockIdx.z % groups;
    const F *from = MAT(x, b, g).row(blockIdx.x);
    F *to = MAT(out, b, g).row(blockIdx.x);
    double mean = 0, square = 0;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) mean += from[c];
    mean = block_sum(mean) / cols;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        double d = from[c] - mean;
        square = fma(d, d, square);
    }
    double scale = 1 / sqrt(block_sum(square) / cols + eps);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) to[c] = (F)fma((from[c] - mean) * scale, (double)gamma_p[c], (double)beta_p[c]);
}

// y = x / sqrt(mean x^2 + eps) gamma, for every part of cols columns of a row.
//
// Launch: a block of 128 per part, x rows times parts, z batches and groups.
KERNEL(rms_norm)(OUT(F, out), IN(F, x), IN(F, gamma), int cols, int parts, int groups, double eps) {
    int b = blockIdx.z / groups, g = blockIdx.z % groups, r = blockIdx.x / parts, c0 = blockIdx.x % parts * cols;
    const F *from = MAT(x, b, g).row(r) + c0;
    F *to = MAT(out, b, g).row(r) + c0;
    double square = 0;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) square = fma((double)from[c], (double)from[c], square);
    F scale = (F)(1 / sqrt(block_sum(square) / cols + eps));
    for (int c = threadIdx.x; c < cols; c += blockDim.x) to[c] = from[c] * scale * gamma_p[c];
}

__device__ __forceinline__ float tail(float x) { return erfcf(x); }
__device__ __forceinline__ double tail(double x) { return erfc(x); }

// An activation: kind 0 gelu, 1 gelu_tanh, 2 silu, 3 relu.
__device__ __forceinline__ F activation(int kind, F x) {
    switch (kind) {
    case 0: return x / 2 * tail(x * (F)-0.70710678118654752440);
    case 1: return x / 2 * (1 + tanh((F)0.79788456080286535588 * fma((F)0.044715 * x * x, x, x)));
    case 2: return x / (1 + exp(-x));
    }
    return x > 0 ? x : (F)0;
}

// y = f(x), or f(x) u where there is a u.
//
// Launch: x covers columns, y rows in strides of the grid, z batches and groups.
// Moves 2 or 3 values per element.
KERNEL(activate)(OUT(F, out), IN(F, x), IN(F, u), int rows, int cols, int groups, int kind) {
    int c = THREAD_X, b = blockIdx.z / groups, g = blockIdx.z % groups;
    if (c >= cols) return;
    auto from = MAT(x, b, g);
    auto gate = MAT(u, b, g);
    auto to = MAT(out, b, g);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) {
        F y = activation(kind, from(r, c));
        to(r, c) = u_p ? y * gate(r, c) : y;
    }
}

// Turns pairs of units, half apart, by the angle of their row; the units of a head
// from 2 half on stay as they are.
//
//   y[i] = x[i] cos[i] - x[i+half] sin[i],  y[i+half] = x[i+half] cos[i] + x[i] sin[i]
//
// Launch: x covers heads times size - half (pairs, then what stays), y rows in strides of
// the grid, z batches.
// Moves 2 values and 3 operations per element; cos and sin come from a cache.
KERNEL(rotary)(OUT(F, out), IN(F, x), IN(F, cosine), IN(F, sine), int rows, int heads, int size, int half) {
    int p = THREAD_X, b = blockIdx.z, each = size - half;
    if (p >= heads * each) return;
    int i = p % each, lo = p / each * size + i;
    auto from = MAT(x, b, 0);
    auto to = MAT(out, b, 0);
    for (int t = blockIdx.y; t < rows; t += gridDim.y) {
        if (i >= half) {
            to(t, lo + half) = from(t, lo + half);
            continue;
        }
        F c = MAT(cosine, 0, 0)(t, i), s = MAT(sine, 0, 0)(t, i), u = from(t, lo), v = from(t, lo + half);
        to(t, lo) = fma(u, c, -(v * s));
        to(t, lo + half) = fma(v, c, u * s);
    }
}

// Attention of one head for a tile of queries, the scores never in memory.
//
//   y_h = softmax(bound(q_h k_g' scale)) v_g,  g = h / share, bound(s) = limit tanh(s / limit), or s without a limit
//
// Keys come by tiles. Each tile's scores are a product in registers; the largest
// score and the sum of exponentials of each query are carried on, and what was
// summed before is rescaled when a larger score turns up (Milakov and
// Gimelshein 2018, arXiv 1805.02867).
//
// Launch: 64 threads with 4 x 4 scores each for 32 queries; x tiles of queries, y
// heads times chunks of VALUES units of a head (recomputing the scores beyond
// one), z batches.
// 4 rows^2 size operations a head, half of them when causal, and with a window none for
// tiles of keys before it; q, k and v are read once per 32 queries. The first tile may
// have no key of a query: its largest score is then still -infinity, its weights are 0.
#define TILE 32      // queries, keys, and units of a product in shared memory
#define QUAD 4       // scores of a thread along both sides
constexpr int VALUES = sizeof(F) == 4 ? 128 : 64;

// Copies TILE rows from r0 and n columns from c0 to shared memory, a column per
// line, zeros beyond the extents.
__device__ __forceinline__ void stage_columns(F (*to)[TILE + QUAD], Matrix<const F> from, int r0, int rows, int c0, int cols) {
    for (int e = threadIdx.x; e < TILE * TILE; e += blockDim.x) {
        int r = r0 + e / TILE, c = c0 + e % TILE;
        to[e % TILE][e / TILE] = r < rows && c < cols ? from(r, c) : (F)0;
    }
}

BOUNDED(attention, 64)
(OUT(F, out), IN(F, q), IN(F, k), IN(F, v), int rows, int size, int share, int chunks, int causal, int window, double scale, double limit) {
    __align__(16) __shared__ F left[TILE][TILE + QUAD];
    __align__(16) __shared__ F right[TILE][TILE + QUAD]; // keys, then weights: by key, then query
    __align__(16) __shared__ F values[TILE][VALUES];
    int head = blockIdx.y / chunks, unit0 = blockIdx.y % chunks * VALUES, b = blockIdx.z, q0 = blockIdx.x * TILE;
    int units = min(VALUES, size - unit0), tx = threadIdx.x % 8, ty = threadIdx.x / 8;
    Matrix<const F> Q = {MAT(q, b, 0).p + head * size, q_r}, K = {MAT(k, b, 0).p + head / share * size, k_r},
                    V = {MAT(v, b, 0).p + head / share * size + unit0, v_r};
    F sum[QUAD][VALUES / 8], top[QUAD], total[QUAD];
#pragma unroll
    for (int i = 0; i < QUAD; i++) {
        top[i] = -(F)infinity();
        total[i] = 0;
#pragma unroll
        for (int j = 0; j < VALUES / 8; j++) sum[i][j] = 0;
    }
    int keys = causal ? min(rows, q0 + TILE) : rows;
    int first = window ? max(0, q0 + 1 - window) / TILE * TILE : 0;
    for (int k0 = first; k0 < keys; k0 += TILE) {
        F score[QUAD][QUAD];
#pragma unroll
        for (int i = 0; i < QUAD; i++)
#pragma unroll
            for (int j = 0; j < QUAD; j++) score[i][j] = 0;
        for (int c0 = 0; c0 < size; c0 += TILE) {
            __syncthreads();
            stage_columns(left, Q, q0, rows, c0, size);
            stage_columns(right, K, k0, rows, c0, size);
            __syncthreads();
#pragma unroll 4
            for (int c = 0; c < TILE; c++) {
                F x[QUAD], y[QUAD];
                load<QUAD>(x, &left[c][ty * QUAD]);
                load<QUAD>(y, &right[c][tx * QUAD]);
#pragma unroll
                for (int i = 0; i < QUAD; i++)
#pragma unroll
                    for (int j = 0; j < QUAD; j++) score[i][j] = fma(x[i], y[j], score[i][j]);
            }
        }
        __syncthreads(); // the keys were read: their place is for the weights
        for (int e = threadIdx.x; e < TILE * VALUES; e += blockDim.x) {
            int r = k0 + e / VALUES, c = e % VALUES;
            values[e / VALUES][c] = r < rows && c < units ? V(r, c) : (F)0;
        }
#pragma unroll
        for (int i = 0; i < QUAD; i++) {
            int t = q0 + ty * QUAD + i;
            F here = -(F)infinity(), added = 0;
#pragma unroll
            for (int j = 0; j < QUAD; j++) {
                int s = k0 + tx * QUAD + j;
                F x = score[i][j] * (F)scale;
                if (limit > 0) x = (F)limit * tanh(x / (F)limit);
                score[i][j] = s < keys && (!causal || s <= t) && (!window || s > t - window) ? x : -(F)infinity();
                here = score[i][j] > here ? score[i][j] : here;
            }
#pragma unroll
            for (int o = 4; o > 0; o >>= 1) {
                F other = __shfl_xor_sync(FULL, here, o);
                here = other > here ? other : here;
            }
            F before = top[i], now = here > before ? here : before;
            bool none = now == -(F)infinity();
            F shrunk = none ? (F)0 : exp(before - now);
            top[i] = now;
#pragma unroll
            for (int j = 0; j < QUAD; j++) {
                score[i][j] = none ? (F)0 : exp(score[i][j] - now);
                added += score[i][j];
                right[tx * QUAD + j][ty * QUAD + i] = score[i][j];
            }
#pragma unroll
            for (int o = 4; o > 0; o >>= 1) added += __shfl_xor_sync(FULL, added, o);
            total[i] = fma(total[i], shrunk, added);
#pragma unroll
            for (int j = 0; j < VALUES / 8; j++) sum[i][j] *= shrunk;
        }
        __syncthreads();
        for (int s = 0; s < TILE; s++) {
            F p[QUAD];
            load<QUAD>(p, &right[s][ty * QUAD]);
#pragma unroll
            for (int n = 0; n < VALUES / TILE; n++) {
                if (n * TILE >= units) break;
                F x[QUAD];
                load<QUAD>(x, &values[s][n * TILE + tx * QUAD]);
#pragma unroll
                for (int i = 0; i < QUAD; i++)
#pragma unroll
                    for (int j = 0; j < QUAD; j++) sum[i][n * QUAD + j] = fma(p[i], x[j], sum[i][n * QUAD + j]);
            }
        }
    }
    auto to = MAT(out, b, 0);
#pragma unroll
    for (int i = 0; i < QUAD; i++) {
        int t = q0 + ty * QUAD + i;
        if (t >= rows) continue;
#pragma unroll
        for (int j = 0; j < VALUES / 8; j++) {
            int c = j / QUAD * TILE + tx * QUAD + j % QUAD;
            if (c < units) to(t, head * size + unit0 + c) = sum[i][j] / total[i];
        }
    }
}
#undef TILE
#undef QUAD

// y = q times the mean over rows of its key unit.
//
// Launch: blocks of 32 x 8; x columns by 32, z batches.
// Reads the keys once for every head that shares them and q once; the means in float64,
// 8 partial sums of every eighth row.
KERNEL(query_key)(OUT(F, out), IN(F, q), IN(F, k), int rows, int cols, int size, int share) {
    __shared__ double part[8][32];
    int c = THREAD_X, b = blockIdx.z, y = threadIdx.y;
    int key = c / size / share * size + c % size;
    double sum = 0;
    if (c < cols)
        for (int t = y; t < rows; t += 8) sum += MAT(k, b, 0)(t, key);
    part[y][threadIdx.x] = sum;
    __syncthreads();
    if (c >= cols) return;
    double mean = 0;
    for (int i = 0; i < 8; i++) mean += part[i][threadIdx.x];
    mean /= rows;
    for (int t = y; t < rows; t += 8) MAT(out, b, 0)(t, c) = (F)(MAT(q, b, 0)(t, c) * mean);
}

// Means over spans of rows; row r of the result is that of rows [spans[r, 0], spans[r, 1]).
//
// Launch: x covers columns, y rows of the result in strides of the grid, z batches.
// Reads the rows of the spans, writes the result once.
KERNEL(mean_spans)(OUT(F, out), IN(F, x), IN(F, spans), int rows, int cols) {
    int c = THREAD_X, b = blockIdx.z;
    if (c >= cols) return;
    auto from = MAT(x, b, 0);
    auto to = MAT(out, b, 0);
    for (int r = blockIdx.y; r < rows; r += gridDim.y) {
        int lo = (int)MAT(spans, b, 0)(r, 0), hi = (int)MAT(spans, b, 0)(r, 1);
        F sum = 0;
        for (int t = lo; t < hi; t++) sum += from(t, c);
        to(r, c) = hi > lo ? sum / (F)(hi - lo) : (F)0;
    }
}

// Of every row the logarithm of the sum of exponentials, and the element that its choice
// names, 0 where no column has that number. bound as in attention.
//
// Launch: a block of 128 per row, x rows, z batches.
// Reads a row three times (from a cache but once), sums in float64.
__device__ __forceinline__ F bounded(F x, double limit) { return limit > 0 ? (F)limit * tanh(x / (F)limit) : x; }

KERNEL(log_sum_exp)(OUT(F, out), IN(F, x), IN(F, choice), int cols, double limit) {
    const F *row = MAT(x, blockIdx.z, 0).row(blockIdx.x);
    double first = bounded(row[0], limit), above = 0, sum = 0;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        double v = bounded(row[c], limit) - first;
        above = v > above ? v : above;
    }
    double top = first + block_max(above);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) sum += exp((F)(bounded(row[c], limit) - top));
    sum = block_sum(sum);
    if (threadIdx.x > 0) return;
    F j = MAT(choice, blockIdx.z, 0)(blockIdx.x, 0);
    auto to = MAT(out, blockIdx.z, 0);
    to(blockIdx.x, 0) = (F)(top + log(sum));
    to(blockIdx.x, 1) = j >= 0 && j < cols ? bounded(row[(int)j], limit) : (F)0;
}

// Keeps the k largest elements of every row, of equal ones those of the lower columns, and
// puts 0 elsewhere; a row that holds a NaN is NaN throughout.
//
// The k-th largest is found bit by bit from the highest, in an order of whole numbers that is
// that of the values: it is the largest number that k elements reach. Of those equal to it the
// ones before a column are kept, which is found alike. Both are counts of whole numbers.
//
// Launch: a block of 128 per row, x rows, z batches and groups.
// Reads a row some 40 to 80 times, from a cache but once, and writes it once.
#ifdef IN_F64
using Order = unsigned long long;
#else
using Order = unsigned int;
#endif

__device__ __forceinline__ Order order_of(F x) {
    constexpr Order sign = (Order)1 << (8 * sizeof(Order) - 1);
    union {
        F value;
        Order bits;
    } u;
    u.value = x == 0 ? (F)0 : x; // -0 is equal to 0
    return u.bits & sign ? ~u.bits : u.bits | sign;
}

KERNEL(top_k)(OUT(F, out), IN(F, x), int cols, int groups, int k) {
    int b = blockIdx.z / groups, g = blockIdx.z % groups;
    const F *from = MAT(x, b, g).row(blockIdx.x);
    F *to = MAT(out, b, g).row(blockIdx.x);
    double numbers = 0;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) numbers += from[c] == from[c];
    if (block_sum(numbers) < cols) {
        for (int c = threadIdx.x; c < cols; c += blockDim.x) to[c] = (F)not_a_number();
        return;
    }
    Order least = 0;
    double above = 0; // elements that are larger than least
    for (int bit = 8 * sizeof(Order) - 1; bit >= 0; bit--) {
        Order higher = least | (Order)1 << bit;
        double n = 0;
        for (int c = threadIdx.x; c < cols; c += blockDim.x) n += order_of(from[c]) >= higher;
        n = block_sum(n);
        if (n >= k) least = higher;
        else above = n;
    }
    int first = 0, end = cols; // columns before end hold enough that are equal to least, those before first do not
    while (first < end) {
        int middle = first + (end - first) / 2;
        double n = 0;
        for (int c = threadIdx.x; c < middle; c += blockDim.x) n += order_of(from[c]) == least;
        if (block_sum(n) < k - above) first = middle + 1;
        else end = middle;
    }
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        Order o = order_of(from[c]);
        to[c] = o > least || (o == least && c < end) ? from[c] : (F)0;
    }
}
