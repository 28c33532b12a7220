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
