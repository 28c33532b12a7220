// Kernels for the test of the stand-in itself: each does what no GPU allows, or
// what shows how blocks run.
#include "shim.h"
#include "common.cuh"

// Half of the block comes to a barrier, the other half to a shuffle.
extern "C" __global__ void misuse_barrier(float *p) {
    if (threadIdx.x < 40)
        __syncthreads();
    else
        p[0] = __shfl_xor_sync(FULL, 1.0f, 1);
}

// Lane 0 reads from a lane that has ended.
extern "C" __global__ void misuse_shuffle(float *p) {
    if (threadIdx.x > 3) return;
    p[threadIdx.x] = __shfl_sync(FULL, 1.0f, 9);
}

extern "C" __global__ void misuse_mask(float *p) { p[threadIdx.x] = __shfl_sync(0xfu, 1.0f, 0); }

// Writes one element past what the launch asked for.
extern "C" __global__ void misuse_shared(float *p) {
    SHARED(float, s);
    s[blockDim.x] = p[0] = 1;
}

// Writes one element past n.
extern "C" __global__ void misuse_end(float *p, int n) {
    for (int i = threadIdx.x; i <= n; i += blockDim.x) p[i] = 1;
}

// Reads what nobody wrote: NaN when static shared memory is poisoned.
extern "C" __global__ void misuse_unset(float *p) {
    __shared__ float s[32];
    if (blockDim.x == 1) s[0] = 1; // or the compiler knows that it is all zero
    p[threadIdx.x] = s[threadIdx.x];
}

// A race: the last thread to run wins.
extern "C" __global__ void misuse_race(float *p) {
    __shared__ float s;
    s = threadIdx.x;
    __syncthreads();
    p[threadIdx.x] = s;
}

// All ways to meet, for a block of whole warps in any shape: p[0] counts odd
// threads at a barrier, p[1] multiples of 3 in warp 0 by a ballot, p[2] sums all
// thread numbers by shuffles, p[3] is the largest number in warp 0.
extern "C" __global__ void use_all(float *p) {
    int t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    int warps = blockDim.x * blockDim.y * blockDim.z / 32;
    __shared__ float part[32];
    float v = t;
    for (int o = 1; o < 32; o <<= 1) {
        float w = __shfl_up_sync(FULL, v, o);
        if ((t & 31) >= o) v += w;
    }
    if ((t & 31) == 31) part[t >> 5] = v;
    int odd = __syncthreads_count(t & 1);
    if (t >= 32) return;
    unsigned third = __ballot_sync(FULL, t % 3 == 0);
    float sum = warp_sum(t < warps ? part[t] : 0.0f), top = warp_max((float)t);
    __syncthreads(); // the other warps have ended
    if (t > 0) return;
    p[0] = odd, p[1] = __popc(third), p[2] = sum, p[3] = top;
}

#define KERNEL_OF(name) static sim::Registration r_##name(#name, name)
KERNEL_OF(misuse_barrier);
KERNEL_OF(misuse_shuffle);
KERNEL_OF(misuse_mask);
KERNEL_OF(misuse_shared);
KERNEL_OF(misuse_end);
KERNEL_OF(misuse_unset);
KERNEL_OF(misuse_race);
KERNEL_OF(use_all);
