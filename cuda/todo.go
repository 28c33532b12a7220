//go:build voxencuda && cgo

package cuda

import (
	"errors"

	"voxen/engine"
	"voxen/engine/op"
)

var errNotYet = errors.New("not implemented on CUDA")

func (b *Backend) FoldGram(*engine.Call, op.FoldGram) error         { return errNotYet }
func (b *Backend) FoldCross(*engine.Call, op.FoldCross) error       { return errNotYet }
func (b *Backend) MatMul(*engine.Call, op.MatMul) error             { return errNotYet }
func (b *Backend) SymEig(*engine.Call, op.SymEig) error             { return errNotYet }
func (b *Backend) ScaledKernel(*engine.Call, op.ScaledKernel) error { return errNotYet }
func (b *Backend) PathGram(*engine.Call, op.PathGram) error         { return errNotYet }
func (b *Backend) PathRows(*engine.Call, op.PathRows) error         { return errNotYet }
func (b *Backend) SparseCode(*engine.Call, op.SparseCode) error     { return errNotYet }
func (b *Backend) CodeLoss(*engine.Call, op.CodeLoss) error         { return errNotYet }
func (b *Backend) AccumGram(*engine.Call, op.AccumGram) error       { return errNotYet }
func (b *Backend) AccumCross(*engine.Call, op.AccumCross) error     { return errNotYet }
func (b *Backend) AtomUpdate(*engine.Call, op.AtomUpdate) error     { return errNotYet }
func (b *Backend) DeadAtoms(*engine.Call, op.DeadAtoms) error       { return errNotYet }
func (b *Backend) ReplaceAtoms(*engine.Call, op.ReplaceAtoms) error { return errNotYet }
func (b *Backend) LayerNorm(*engine.Call, op.LayerNorm) error       { return errNotYet }
func (b *Backend) RMSNorm(*engine.Call, op.RMSNorm) error           { return errNotYet }
func (b *Backend) Activate(*engine.Call, op.Activate) error         { return errNotYet }
func (b *Backend) Rotary(*engine.Call, op.Rotary) error             { return errNotYet }
func (b *Backend) Attention(*engine.Call, op.Attention) error       { return errNotYet }
func (b *Backend) QueryKey(*engine.Call, op.QueryKey) error         { return errNotYet }
func (b *Backend) MeanSpans(*engine.Call, op.MeanSpans) error       { return errNotYet }
