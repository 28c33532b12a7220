// Package cuda runs operations on NVIDIA GPUs through gorgonia.org/cu, with the
// device code of package kernels and, where they are found at run time, cuBLAS
// and cuSOLVER.
//
// It is built with the tag voxencuda and cgo; without them it registers a driver
// that says so. Importing it registers the device kind "cuda":
//
//	import _ "voxen/cuda"
//
//	be, choice, err := engine.Open("cuda:0", engine.Config{})
//
// # How an operation is run
//
// The methods of engine.Ops lie in the files ops_FAMILY.go. One computes the
// launch shape and calls launch with the operands in the order that the kernel
// takes them:
//
//	func (b *Backend) SubRow(c *engine.Call, _ op.SubRow) error {
//		d := c.Out.Dims
//		k := kernel{name: "sub_row", of: c.Out.Dtype,
//			grid: size{cover(d[3], 256), min(d[2], 64), d[0] * d[1]}, block: size{256}}
//		return b.launch(c, k, c.Out, c.In[0], c.In[1], d[2], d[3], d[1])
//	}
//
// The name gets the suffix _f32 or _f64 of the dtype in "of"; the family that
// holds the kernel is found in its PTX and loaded when it is first used. An
// engine.Array becomes four words (address, strides of batch, group and row in
// elements, 0 where the extent is 1), an int becomes an int, a float64 a double, a
// pointer to the device itself. The number of words is compared with the kernel's
// parameters before every launch. Lists among an operation's attributes go to the
// device once, and stay: ints(o.Borders) and reals(o.Alphas) give their
// addresses. Memory that an operation needs besides its operands is what scratch.go
// says, and reaches it as Call.Scratch.
//
// Products go through gemm and decompositions through solverOf where b.libs says
// that there is a library, matrix by matrix (library(a, batch, group)): one call per
// panel with a fixed workspace, so that the bits of a panel do not depend on the
// tile. Where there is none, a kernel of ours serves.
//
// Launches only queue work. Nothing in an operation's method may wait for the
// device or allocate on it, or the work could not be captured as a graph; what
// is needed once per device (tables, handles, modules) is made at its first use.
// SymEig is the exception: it tells whether its operand is finite.
//
// Where a graph has operations together that one kernel computes in one pass, the
// machine calls a method of engine.Fuser in their place (ShiftMoments).
//
// # Threads and contexts
//
// Every sequence of driver calls runs in do, which ties the goroutine to its
// thread and makes the device's primary context current. Calls return their own
// errors; cu.Ctx, whose errors a later call clears and whose one thread would let
// a wait for one stream hold up launches on another, is not used.
//
// # Errors
//
// Out of memory is *engine.OutOfMemory. An error after which the context is dead
// (an illegal address, a failed launch, an uncorrectable ECC error and so on) is
// *engine.Lost, and every later call of the backend answers the same. What else
// goes wrong names the device, the call and the driver's words.
package cuda
