// Compiles the family in the file FAMILY for both precisions.
#include "common.cuh"

#define KERNEL(name) extern "C" __global__ void name##_f32
#define BOUNDED(name, ...) extern "C" __global__ void __launch_bounds__(__VA_ARGS__) name##_f32
namespace f32 {
using F = float;
using Other = double;
#include FAMILY
} // namespace f32

#undef KERNEL
#undef BOUNDED
#define IN_F64 // kernels of float64 alone
#define KERNEL(name) extern "C" __global__ void name##_f64
#define BOUNDED(name, ...) extern "C" __global__ void __launch_bounds__(__VA_ARGS__) name##_f64
namespace f64 {
using F = double;
using Other = float;
#include FAMILY
} // namespace f64
