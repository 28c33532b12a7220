// What all kernels share; see doc.go for the rules.
#pragma once

// A result or operand as four kernel parameters.
#define OUT(T, a) T *__restrict__ a##_p, long long a##_b, long long a##_g, long long a##_r
#define IN(T, a) const T *__restrict__ a##_p, long long a##_b, long long a##_g, long long a##_r
// The matrix of batch b and group g of a parameter.
#define MAT(a, b, g) matrix(a##_p + (b) * a##_b + (g) * a##_g, a##_r)

// Rows of contiguous columns.
template <class T>
struct Matrix {
    T *p;
    long long ld;
    __device__ __forceinline__ T *row(int r) const { return p + r * ld; }
    __device__ __forceinline__ T &operator()(int r, int c) const { return p[r * ld + c]; }
};

template <class T>
__device__ __forceinline__ Matrix<T> matrix(T *p, long long ld) {
    return {p, ld};
}

// Dynamic shared memory: SHARED(float, tile) makes tile a float *.
#ifndef SHARED
#define SHARED(T, name)                                    \
    extern __shared__ __align__(16) unsigned char shared_[]; \
    T *name = reinterpret_cast<T *>(shared_)
#endif

#define WARP 32
#define FULL 0xffffffffu

// The thread's place along an axis of the grid.
#define THREAD_X ((int)(blockIdx.x * blockDim.x + threadIdx.x))
#define THREAD_Y ((int)(blockIdx.y * blockDim.y + threadIdx.y))

// The sum over a warp, the same in every lane, always in the same order.
template <class T>
__device__ __forceinline__ T warp_sum(T v) {
#pragma unroll
    for (int o = WARP / 2; o > 0; o >>= 1) v += __shfl_xor_sync(FULL, v, o);
    return v;
}

// The largest value over a warp, the same in every lane; NaN is passed over.
template <class T>
__device__ __forceinline__ T warp_max(T v) {
#pragma unroll
    for (int o = WARP / 2; o > 0; o >>= 1) {
        T w = __shfl_xor_sync(FULL, v, o);
        v = w > v ? w : v;
    }
    return v;
}

// The sum over a block of whole warps, at most 32, the same in every thread.
__device__ inline double block_sum(double v) {
    __shared__ double part[WARP];
    int lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    v = warp_sum(v);
    __syncthreads(); // part may still be read from the call before
    if (lane == 0) part[threadIdx.x / WARP] = v;
    __syncthreads();
    return warp_sum(lane < warps ? part[lane] : 0.0);
}

// block_sum for the largest of values of at least 0.
__device__ inline double block_max(double v) {
    __shared__ double part[WARP];
    int lane = threadIdx.x % WARP, warps = blockDim.x / WARP;
    v = warp_max(v);
    __syncthreads();
    if (lane == 0) part[threadIdx.x / WARP] = v;
    __syncthreads();
    return warp_max(lane < warps ? part[lane] : 0.0);
}

// Long adds up partial sums. In float32 it carries the rounding of its additions
// along (Kahan 1965): four additions at the full rate of every card, where float64
// has a 64th of it on some. In float64 it is a plain sum.
#define SHORT 128 // terms of a float32 chain that becomes a partial sum
template <class T>
struct Long {
    T sum, lost;
    __device__ __forceinline__ void clear() { sum = lost = 0; }
    __device__ __forceinline__ void add(T x) {
        T y = x - lost, next = sum + y;
        lost = (next - sum) - y;
        sum = next;
    }
};
template <>
struct Long<double> {
    double sum;
    __device__ __forceinline__ void clear() { sum = 0; }
    __device__ __forceinline__ void add(double x) { sum += x; }
};

__device__ __forceinline__ double not_a_number() { return __longlong_as_double(0x7ff8000000000000LL); }
__device__ __forceinline__ double infinity() { return __longlong_as_double(0x7ff0000000000000LL); }

// 16 bytes of aligned elements: one load or store.
template <class T>
struct __align__(16) Pack {
    T v[16 / sizeof(T)];
};

// Whether rows that are ld elements apart, from p on, begin at multiples of 16 bytes.
template <class T>
__device__ __forceinline__ bool aligned(const T *p, long long ld) {
    return (reinterpret_cast<unsigned long long>(p) | (unsigned long long)(ld * (long long)sizeof(T))) % 16 == 0;
}

// Copies n elements from memory aligned to 16 bytes to registers.
template <int n, class T>
__device__ __forceinline__ void load(T *to, const T *from) {
    constexpr int w = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < n; i += w) {
        Pack<T> p = *reinterpret_cast<const Pack<T> *>(from + i);
#pragma unroll
        for (int j = 0; j < w; j++) to[i + j] = p.v[j];
    }
}

// Copies n elements from registers to memory aligned to 16 bytes.
template <int n, class T>
__device__ __forceinline__ void store(T *to, const T *from) {
    constexpr int w = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < n; i += w) {
        Pack<T> p;
#pragma unroll
        for (int j = 0; j < w; j++) p.v[j] = from[i + j];
        *reinterpret_cast<Pack<T> *>(to + i) = p;
    }
}
