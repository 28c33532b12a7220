//go:build voxencuda && cgo

package cuda

import (
	"errors"

	"voxen/engine"
	"voxen/engine/op"
)

var errNotYet = errors.New("not implemented on CUDA")

func (b *Backend) FoldMoments(*engine.Call, op.FoldMoments) error           { return errNotYet }
func (b *Backend) FoldGram(*engine.Call, op.FoldGram) error                 { return errNotYet }
func (b *Backend) FoldCross(*engine.Call, op.FoldCross) error               { return errNotYet }
func (b *Backend) LeaveOut(*engine.Call, op.LeaveOut) error                 { return errNotYet }
func (b *Backend) ColumnStatus(*engine.Call, op.ColumnStatus) error         { return errNotYet }
func (b *Backend) MaskColumns(*engine.Call, op.MaskColumns) error           { return errNotYet }
func (b *Backend) Copy(*engine.Call, op.Copy) error                         { return errNotYet }
func (b *Backend) Zip(*engine.Call, op.Zip) error                           { return errNotYet }
func (b *Backend) Transpose(*engine.Call, op.Transpose) error               { return errNotYet }
func (b *Backend) MatMul(*engine.Call, op.MatMul) error                     { return errNotYet }
func (b *Backend) SymEig(*engine.Call, op.SymEig) error                     { return errNotYet }
func (b *Backend) Residualize(*engine.Call, op.Residualize) error           { return errNotYet }
func (b *Backend) RunScale(*engine.Call, op.RunScale) error                 { return errNotYet }
func (b *Backend) Delay(*engine.Call, op.Delay) error                       { return errNotYet }
func (b *Backend) GroupScale(*engine.Call, op.GroupScale) error             { return errNotYet }
func (b *Backend) OuterAdd(*engine.Call, op.OuterAdd) error                 { return errNotYet }
func (b *Backend) FeatureScale(*engine.Call, op.FeatureScale) error         { return errNotYet }
func (b *Backend) DropNull(*engine.Call, op.DropNull) error                 { return errNotYet }
func (b *Backend) InverseRoot(*engine.Call, op.InverseRoot) error           { return errNotYet }
func (b *Backend) ScaledKernel(*engine.Call, op.ScaledKernel) error         { return errNotYet }
func (b *Backend) CenterKernel(*engine.Call, op.CenterKernel) error         { return errNotYet }
func (b *Backend) TrainKernel(*engine.Call, op.TrainKernel) error           { return errNotYet }
func (b *Backend) FoldRows(*engine.Call, op.FoldRows) error                 { return errNotYet }
func (b *Backend) MomentsAbout(*engine.Call, op.MomentsAbout) error         { return errNotYet }
func (b *Backend) PathGram(*engine.Call, op.PathGram) error                 { return errNotYet }
func (b *Backend) PathRows(*engine.Call, op.PathRows) error                 { return errNotYet }
func (b *Backend) CVScore(*engine.Call, op.CVScore) error                   { return errNotYet }
func (b *Backend) MeanGroups(*engine.Call, op.MeanGroups) error             { return errNotYet }
func (b *Backend) SelectAlpha(*engine.Call, op.SelectAlpha) error           { return errNotYet }
func (b *Backend) SumKept(*engine.Call, op.SumKept) error                   { return errNotYet }
func (b *Backend) RidgeWeights(*engine.Call, op.RidgeWeights) error         { return errNotYet }
func (b *Backend) ScorePredictions(*engine.Call, op.ScorePredictions) error { return errNotYet }
func (b *Backend) SparseCode(*engine.Call, op.SparseCode) error             { return errNotYet }
func (b *Backend) CodeLoss(*engine.Call, op.CodeLoss) error                 { return errNotYet }
func (b *Backend) AccumGram(*engine.Call, op.AccumGram) error               { return errNotYet }
func (b *Backend) AccumCross(*engine.Call, op.AccumCross) error             { return errNotYet }
func (b *Backend) AtomUpdate(*engine.Call, op.AtomUpdate) error             { return errNotYet }
func (b *Backend) DeadAtoms(*engine.Call, op.DeadAtoms) error               { return errNotYet }
func (b *Backend) ReplaceAtoms(*engine.Call, op.ReplaceAtoms) error         { return errNotYet }
func (b *Backend) LayerNorm(*engine.Call, op.LayerNorm) error               { return errNotYet }
func (b *Backend) RMSNorm(*engine.Call, op.RMSNorm) error                   { return errNotYet }
func (b *Backend) Activate(*engine.Call, op.Activate) error                 { return errNotYet }
func (b *Backend) Rotary(*engine.Call, op.Rotary) error                     { return errNotYet }
func (b *Backend) Attention(*engine.Call, op.Attention) error               { return errNotYet }
func (b *Backend) QueryKey(*engine.Call, op.QueryKey) error                 { return errNotYet }
func (b *Backend) MeanSpans(*engine.Call, op.MeanSpans) error               { return errNotYet }
