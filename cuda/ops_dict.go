//go:build voxencuda && cgo

package cuda

import (
	"fmt"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/engine/op"
)

// Constants of kernels/dict.cu.
const (
	codeWarps = 8
	atomGroup = 8
	// codeShared is the shared memory that every card of capability 7.0 on can
	// give a block: the Gram matrix of 128 atoms in float32.
	codeShared = 64 << 10
	// codeBlocks is enough to fill a card with eight blocks a processor; warps
	// take more signals each beyond it.
	codeBlocks = 8 * fewTiles
	// finishMemory is what finish_codes may take: hundreds of warps of 64 atoms.
	finishMemory = 16 << 20
	// atomThreads is the largest block; longer atoms give threads several times.
	atomThreads = 1024
)

// bySignal is the launch of a kernel with a warp per signal.
func bySignal(name string, c *engine.Call, in engine.Array) kernel {
	d := in.Dims
	return kernel{name: name, of: in.Dtype, grid: size{min(cover(d[2], codeWarps), codeBlocks), 1, d[0] * d[1]}, block: size{codeWarps * warp}}
}

// perLane lists the numbers of atoms that a lane can hold in registers.
var perLane = []int{1, 2, 4, 8}

// SparseCode descends a warp per signal.
func (b *Backend) SparseCode(c *engine.Call, o op.SparseCode) error {
	d := c.Out.Dims
	nonnegative, rank := 0, d[3]
	if o.NonNegative {
		nonnegative = 1
	}
	k := bySignal("", c, c.Out)
	for _, n := range perLane {
		if rank > n*warp {
			continue
		}
		k.name = fmt.Sprintf("sparse_code_%d", n)
		shared := 0
		each := int(c.Out.Dtype.Size())
		if n <= 2 {
			each = 8 // the kernel stages float64
		}
		if bytes := rank * rank * each; bytes <= codeShared {
			k.shared, shared = bytes, 1
		}
		return b.launch(c, k, c.Out, c.In[0], c.In[1], d[2], rank, d[1], o.MaxSweeps, nonnegative, shared, o.Lambda, o.Tol)
	}
	k.name, k.shared = "sparse_code_any", 4*codeWarps*cover(rank, warp)
	return b.launch(c, k, c.Out, c.In[0], c.In[1], scratch(c), d[2], rank, d[1], o.MaxSweeps, nonnegative, o.Lambda, o.Tol)
}

// codeScratch is the scratch memory of SparseCode: correlations of all signals where
// a warp cannot hold them.
func codeScratch(out op.Type) int {
	if out.Dims[3] <= perLane[len(perLane)-1]*warp {
		return 0
	}
	return 8 * out.Dims.Size()
}

// FinishCodes has a warp, and memory, for some signals at a time.
func (b *Backend) FinishCodes(c *engine.Call, o op.FinishCodes) error {
	d := c.Out.Dims
	nonnegative := 0
	if o.NonNegative {
		nonnegative = 1
	}
	k := kernel{name: "finish_codes", of: c.Out.Dtype, grid: size{finishWarps(c.Out.Type)}, block: size{warp}}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], c.In[2], scratch(c), d[0], d[1], d[2], d[3], nonnegative, o.Lambda, o.Tol)
}

// finishBytes is the memory of a warp of finish_codes.
func finishBytes(out op.Type) int { return 8 * out.Dims[3] * (out.Dims[3] + 6) }

// finishWarps is the number of warps of finish_codes: as many as finishMemory holds, one at least.
func finishWarps(out op.Type) int {
	d := out.Dims
	return min(d[0]*d[1]*d[2], codeBlocks, max(1, finishMemory/finishBytes(out)))
}

// CodeLoss evaluates a warp per signal.
func (b *Backend) CodeLoss(c *engine.Call, o op.CodeLoss) error {
	k := bySignal("code_loss", c, c.In[0])
	k.grid[2] = c.Out.Dims[0] * c.Out.Dims[1]
	return b.launch(c, k, c.Out, c.In[0], c.In[1], c.In[2], c.In[3], c.In[0].Dims[2], c.In[0].Dims[3], c.Out.Dims[1], o.Lambda)
}

// AccumGram multiplies codes by codes in float64.
func (b *Backend) AccumGram(c *engine.Call, _ op.AccumGram) error {
	return b.multiply(c, product{kernel: "gram", of: c.In[1].Dtype, a: c.In[1], b: c.In[1], alpha: 1,
		inner: c.In[1].Dims[2], d: &c.In[0], beta: &c.In[2], dead: &c.In[3], both: 1})
}

// AccumCross multiplies codes by signals.
func (b *Backend) AccumCross(c *engine.Call, _ op.AccumCross) error {
	return b.multiply(c, product{kernel: "gemm", of: c.Out.Dtype, a: c.In[1], b: c.In[2], ta: true, alpha: 1,
		inner: c.In[1].Dims[2], d: &c.In[0], beta: &c.In[3], dead: &c.In[4]})
}

// AtomUpdate goes through the atoms in order, in one block.
func (b *Backend) AtomUpdate(c *engine.Call, _ op.AtomUpdate) error {
	d := c.Out.Dims
	k := kernel{name: "atom_update", of: c.Out.Dtype, grid: size{1, 1, d[0] * d[1]}, block: size{min(atomThreads, cover(d[3], warp)*warp)}}
	rest := cu.DevicePtr(0)
	if atomScratch(c.Out.Type) > 0 {
		rest = scratch(c)
	} else {
		k.shared = atomBytes(c.Out.Type)
	}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], c.In[2], rest, d[2], d[3], d[1])
}

// atomBytes is what atom_update keeps of one matrix besides the atoms.
func atomBytes(out op.Type) int { return atomGroup * out.Dims[3] * int(out.Dtype.Size()) }

// atomScratch is the scratch memory of AtomUpdate: none where shared memory does,
// beside the 5 KiB that the kernel has in any case.
func atomScratch(out op.Type) int {
	if bytes := atomBytes(out); bytes > defaultShared-5<<10 {
		return out.Dims[0] * out.Dims[1] * bytes
	}
	return 0
}

// DeadAtoms compares the diagonal.
func (b *Backend) DeadAtoms(c *engine.Call, o op.DeadAtoms) error {
	d := c.Out.Dims
	k := kernel{name: "dead_atoms", of: op.Float64, grid: size{1, 1, d[0] * d[1]}, block: size{256}}
	return b.launch(c, k, c.Out, c.In[0], d[3], d[1], o.Ratio)
}

// ReplaceAtoms looks for the worst signals only when an atom is dead.
func (b *Backend) ReplaceAtoms(c *engine.Call, _ op.ReplaceAtoms) error {
	d := c.Out.Dims
	k := kernel{name: "replace_atoms", of: c.Out.Dtype, grid: size{1, 1, d[0] * d[1]}, block: size{256}}
	return b.launch(c, k, c.Out, c.In[0], c.In[1], c.In[2], c.In[3], d[2], d[3], c.In[2].Dims[2], d[1])
}
