// Package kernels holds the device code of the CUDA backend: one .cu file per
// family of operations, and the PTX made from them, which a program carries.
//
// # Writing a kernel
//
// A file is device code alone and begins with what it computes: per kernel the
// formula, the launch shape, and the bytes and operations it moves. It is
// compiled twice into one module, in namespaces where F is float and double:
//
//	// z = y - s for every row.
//	// Launch: x covers columns, y rows, z batches and groups.
//	KERNEL(sub_row)(OUT(F, z), IN(F, y), IN(F, s), int rows, int cols, int groups) { ... }
//
// makes the entries sub_row_f32 and sub_row_f64; BOUNDED(sub_row, threads, blocks)
// does so with launch bounds, Other is the type that F is not, and what stands
// between #ifdef IN_F64 and #endif is compiled for float64 alone. What the macros
// of common.cuh mean:
//
//   - OUT(T, a) and IN(T, a) are four parameters each: the address of the first
//     element, and the strides of batch, group and row in elements. The stride of
//     an axis of extent 1 is 0, which is how operands are broadcast. MAT(a, b, g)
//     is the matrix of batch b and group g, and m(row, col) or m.row(r) reads it.
//   - Parameters come in the order result, operands, scratch and tables, extents,
//     scalars. Every parameter is one 8-byte word or less: pointers, int, long
//     long, float or double; no structures by value. Real numbers of an
//     operation's attributes come as double.
//   - Tables (borders of runs, alphas, delays) are const int * or const double *.
//   - Dynamic shared memory is SHARED(T, name), after which name is a T *; the
//     launch gives its size. Static shared memory is __shared__ as usual, of
//     plain types without constructors.
//
// The same file is compiled as C++ by the tests, where each CUDA thread is a
// fiber and a block runs on one thread of the machine. So:
//
//   - Every barrier is reached by all live threads of the block, every warp
//     operation by all live lanes in its mask; blockDim is a multiple of 32 where
//     warp operations are used.
//   - No inline PTX, no tensor-core or cooperative-group headers, no standard
//     library; only what sim/shim.h of package cuda declares.
//   - Threads of one block never spin on each other, and blocks never on blocks.
//   - The compilers contract nothing (-ffp-contract=off, --fmad=false): write
//     fma(a, b, c), which common.cuh has for both types, wherever one rounding is
//     meant, and the results are the same bits on both, functions of the
//     mathematics library apart (exp, erf, tanh, sin, cos; sqrt and division are
//     exact on both).
//   - No atomics on real numbers, and no sum whose order depends on the grid or on
//     the number of processors: the same operands give the same bits.
//
// # PTX
//
// ptx.py writes ptx/FAMILY_CC.ptx.gz for compute capabilities 7.0, 8.0 and 9.0 with
// NVRTC 12.1.105 (drivers from 530 on take it; no GPU is needed), and the tests
// fail when the committed files are not what it writes: run make ptx after every
// change of a .cu file. The file compiled for the highest capability that the
// device has is loaded when a kernel of the family is first used.
package kernels
