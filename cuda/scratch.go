//go:build voxencuda && cgo

package cuda

import (
	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/engine/op"
)

// Scratch says what operations need besides operands and result.
func (b *Backend) Scratch(o op.Spec, out op.Type, in []op.Type) int {
	d := out.Dims
	switch o.(type) {
	case op.CenterKernel:
		return 8 * d[0] * d[1] * d[2] // means of rows
	}
	return 0
}

// scratch is where a call's scratch memory begins.
func scratch(c *engine.Call) cu.DevicePtr {
	return cu.DevicePtr(c.Scratch.Buf.Pointer()) + cu.DevicePtr(c.Scratch.Offset)
}
