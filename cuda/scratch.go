//go:build voxencuda && cgo

package cuda

import "voxen/engine/op"

// Scratch says what operations need besides operands and result.
func (b *Backend) Scratch(o op.Spec, out op.Type, in []op.Type) int {
	return 0
}
