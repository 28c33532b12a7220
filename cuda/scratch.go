//go:build voxencuda && cgo

package cuda

import (
	"unsafe"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/engine/op"
)

// Scratch says what operations need besides operands and result.
func (b *Backend) Scratch(o op.Spec, out op.Type, in []op.Type) int {
	d := out.Dims
	switch o := o.(type) {
	case op.CenterKernel:
		return 8 * d[0] * d[1] * d[2] // means of rows
	case op.PathGram:
		return pathsOf(len(o.Alphas), in, true).bytes
	case op.PathRows:
		return pathsOf(len(o.Alphas), in, false).bytes
	case op.SymEig:
		return b.eigScratch(d)
	case op.SparseCode:
		return codeScratch(out)
	case op.FinishCodes:
		return finishWarps(out) * finishBytes(out)
	case op.AtomUpdate:
		return atomScratch(out)
	}
	return 0
}

// scratch is where a call's scratch memory begins.
func scratch(c *engine.Call) cu.DevicePtr {
	return cu.DevicePtr(c.Scratch.Buf.Pointer()) + cu.DevicePtr(c.Scratch.Offset)
}

// eigScratch is the scratch memory of SymEig; should cuSOLVER not say what it
// needs, the call itself fails with the reason.
func (b *Backend) eigScratch(d op.Dims) int {
	n, matrices := d[3], d[0]*d[1]
	if b.libs.solver && n > eigKernel {
		words, _ := b.solverWords(n)
		return 8 * max(2*matrices, matrices+n*n+n+words)
	}
	return 8 * matrices * (eigWords(n) + 1)
}

// fetch copies from the call's scratch memory to the host and waits for it.
func (b *Backend) fetch(c *engine.Call, to []byte, offset int) error {
	return b.Download(c.Stream, to, c.Scratch.Buf, c.Scratch.Offset+offset)
}

// bytesOf views a slice as bytes.
func bytesOf[T int32 | float64](x []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(x[0])))
}
