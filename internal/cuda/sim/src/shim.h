// What a .cu file of kernels may use, for a C++ compiler.
#pragma once
#include "fiber.h"
#include <cmath>
#include <limits>

// threadIdx and its like are objects in CUDA; here they are looked up.
#define threadIdx (sim::block()->current->id)
#define blockIdx (sim::block()->index)
#define blockDim (sim::block()->dim)
#define gridDim (sim::block()->grid)

#define __global__
#define __device__
#define __constant__ static
#define __shared__ static thread_local // a block runs on one thread of the machine
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __restrict__ // parameters may alias each other's guard zones for all we know
#define SHARED(T, name) T *name = reinterpret_cast<T *>(sim::block()->shared.data())

inline void __syncthreads() { sim::barrier(); }
inline int __syncthreads_or(int p) { return sim::barrier(p != 0) != 0; }
inline int __syncthreads_and(int p) { return sim::barrier(p == 0) == 0; }
inline int __syncthreads_count(int p) { return (int)sim::barrier(p != 0); }

namespace sim {
template <class T> uint64_t bits(T v) {
    static_assert(sizeof v <= 8);
    uint64_t b = 0;
    memcpy(&b, &v, sizeof v);
    return b;
}
template <class T> T shuffle(unsigned mask, T v, int from) {
    uint32_t came;
    const uint64_t *all = meet(mask, bits(v), &came);
    if (!(came >> from & 1)) fail("shuffle from lane " + std::to_string(from) + ", which takes no part");
    T r;
    memcpy(&r, &all[from], sizeof r);
    return r;
}
inline int lane() { return (int)block()->current->lane; }
} // namespace sim

template <class T> T __shfl_sync(unsigned mask, T v, int from, int width = 32) {
    return sim::shuffle(mask, v, (sim::lane() & ~(width - 1)) | (from & (width - 1)));
}
template <class T> T __shfl_xor_sync(unsigned mask, T v, int x, int width = 32) {
    int l = sim::lane(), from = l ^ x;
    return sim::shuffle(mask, v, from < (l & ~(width - 1)) + width ? from : l);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned d, int width = 32) {
    int l = sim::lane(), from = l + (int)d;
    return sim::shuffle(mask, v, from < (l & ~(width - 1)) + width ? from : l);
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned d, int width = 32) {
    int l = sim::lane(), from = l - (int)d;
    return sim::shuffle(mask, v, from >= (l & ~(width - 1)) ? from : l);
}
inline unsigned __ballot_sync(unsigned mask, int p) {
    uint32_t came;
    const uint64_t *all = sim::meet(mask, p != 0, &came);
    unsigned r = 0;
    for (int i = 0; i < 32; i++)
        if (came >> i & 1) r |= (unsigned)all[i] << i;
    return r;
}
inline int __any_sync(unsigned mask, int p) { return __ballot_sync(mask, p) != 0; }
inline int __all_sync(unsigned mask, int p) { return __ballot_sync(mask, !p) == 0; }
inline void __syncwarp(unsigned mask = ~0u) {
    uint32_t came;
    sim::meet(mask, 0, &came);
}

inline int atomicAdd(int *p, int v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
inline unsigned atomicAdd(unsigned *p, unsigned v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
inline unsigned long long atomicAdd(unsigned long long *p, unsigned long long v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
inline int atomicOr(int *p, int v) { return __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }
inline int atomicMax(int *p, int v) {
    int old = *p;
    while (old < v && !__atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() {}

template <class T> T __ldg(const T *p) { return *p; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __int_as_float(int i) {
    float f;
    memcpy(&f, &i, sizeof f);
    return f;
}
inline int __float_as_int(float f) {
    int i;
    memcpy(&i, &f, sizeof i);
    return i;
}
inline double __longlong_as_double(long long i) {
    double d;
    memcpy(&d, &i, sizeof d);
    return d;
}
inline long long __double_as_longlong(double d) {
    long long i;
    memcpy(&i, &d, sizeof i);
    return i;
}
inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline long long min(long long a, long long b) { return b < a ? b : a; }
inline long long max(long long a, long long b) { return a < b ? b : a; }

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }

#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline)) // last: libstdc++ has the same name
using std::abs, std::exp, std::log, std::log1p, std::sqrt, std::erf, std::tanh, std::sin, std::cos, std::fma, std::isnan, std::isinf, std::isfinite, std::fmin, std::fmax, std::copysign, std::hypot, std::pow, std::floor;
