// Compiles the family in the file FAMILY for both precisions.
#include "common.cuh"

#define KERNEL(name) extern "C" __global__ void name##_f32
namespace f32 {
using F = float;
#include FAMILY
} // namespace f32

#undef KERNEL
#define KERNEL(name) extern "C" __global__ void name##_f64
namespace f64 {
using F = double;
#include FAMILY
} // namespace f64
