package engine

import (
	"errors"
	"fmt"

	"voxen/engine/op"
)

// Backend runs operations on one device.
//
// What a device must offer, written with CUDA in mind:
//
//   - Buffers are device memory, addressed by byte offset; the host never reads
//     them directly unless Host says that it can (a CPU, or unified memory).
//   - Streams are queues. Work of one stream runs in order; work of two streams
//     may overlap and is ordered by Events only. Every call that takes a Stream
//     may return before the work is done, and reports errors of submission; an
//     error of execution shows at the next Synchronize, or at a later call.
//   - Memory given to Upload and Download, host and device, stays untouched by
//     the caller until an Event recorded after the call has passed.
//   - Results have the same bits whenever the operands have, for any number of
//     threads, and each matrix of a batch has the bits it would have alone.
//   - A Backend may be used from several goroutines, a Stream from one at a time.
type Backend interface {
	Device() Device

	// Alloc gives n bytes of device memory, aligned to at least 256, contents
	// undefined. When there is not enough the error is an *OutOfMemory.
	Alloc(n int) (Buffer, error)
	// Host gives host memory that copies quickly (page-locked on CUDA).
	Host(n int) (HostBuffer, error)
	// Memory reports free and total bytes of the device.
	Memory() (free, total int64, err error)

	NewStream() (Stream, error)
	NewEvent() (Event, error)
	// Upload copies src to dst at a byte offset.
	Upload(s Stream, dst Buffer, offset int, src []byte) error
	// Download copies device memory at a byte offset to dst.
	Download(s Stream, dst []byte, src Buffer, offset int) error

	// Scratch gives the bytes of device memory that an operation needs besides
	// its operands and result; they reach it as Call.Scratch.
	Scratch(o op.Spec, out op.Type, in []op.Type) int

	// Panels says how many panels of columns a tile should hold to keep the
	// device busy, when memory allows.
	Panels() int

	Ops
	TransformerOps

	// Close frees what the backend holds.
	Close() error
}

// Ops has a method per operation of the estimators: a missing kernel is a
// compile error. The operands and the result have the types that op.Spec.Infer
// gives; operands may be strided views, the result is dense.
type Ops interface {
	// statistics
	ColumnRange(c *Call, o op.ColumnRange) error
	ColumnShift(c *Call, o op.ColumnShift) error
	ColumnUnit(c *Call, o op.ColumnUnit) error
	ColumnSize(c *Call, o op.ColumnSize) error
	SubRow(c *Call, o op.SubRow) error
	FoldMoments(c *Call, o op.FoldMoments) error
	FoldGram(c *Call, o op.FoldGram) error
	FoldCross(c *Call, o op.FoldCross) error
	LeaveOut(c *Call, o op.LeaveOut) error
	ColumnStatus(c *Call, o op.ColumnStatus) error
	SameRows(c *Call, o op.SameRows) error
	ScoreStatus(c *Call, o op.ScoreStatus) error
	MaskColumns(c *Call, o op.MaskColumns) error

	// linear algebra
	Copy(c *Call, o op.Copy) error
	Zip(c *Call, o op.Zip) error
	Gather(c *Call, o op.Gather) error
	Transpose(c *Call, o op.Transpose) error
	MatMul(c *Call, o op.MatMul) error
	SymEig(c *Call, o op.SymEig) error

	// preprocessing
	Residualize(c *Call, o op.Residualize) error
	RunScale(c *Call, o op.RunScale) error
	Delay(c *Call, o op.Delay) error

	// ridge
	GroupScale(c *Call, o op.GroupScale) error
	OuterAdd(c *Call, o op.OuterAdd) error
	FeatureScale(c *Call, o op.FeatureScale) error
	DropNull(c *Call, o op.DropNull) error
	InverseRoot(c *Call, o op.InverseRoot) error
	ScaledKernel(c *Call, o op.ScaledKernel) error
	CenterKernel(c *Call, o op.CenterKernel) error
	TrainKernel(c *Call, o op.TrainKernel) error
	FoldRows(c *Call, o op.FoldRows) error
	PathGram(c *Call, o op.PathGram) error
	PathRows(c *Call, o op.PathRows) error
	CVScore(c *Call, o op.CVScore) error
	MeanGroups(c *Call, o op.MeanGroups) error
	SelectAlpha(c *Call, o op.SelectAlpha) error
	SumKept(c *Call, o op.SumKept) error
	RidgeWeights(c *Call, o op.RidgeWeights) error
	ScorePredictions(c *Call, o op.ScorePredictions) error

	// dictionary learning
	SparseCode(c *Call, o op.SparseCode) error
	FinishCodes(c *Call, o op.FinishCodes) error
	CodeLoss(c *Call, o op.CodeLoss) error
	AccumGram(c *Call, o op.AccumGram) error
	AccumCross(c *Call, o op.AccumCross) error
	AtomUpdate(c *Call, o op.AtomUpdate) error
	DeadAtoms(c *Call, o op.DeadAtoms) error
	ReplaceAtoms(c *Call, o op.ReplaceAtoms) error
}

// TransformerOps has a method per operation of language models.
type TransformerOps interface {
	LayerNorm(c *Call, o op.LayerNorm) error
	RMSNorm(c *Call, o op.RMSNorm) error
	Activate(c *Call, o op.Activate) error
	Rotary(c *Call, o op.Rotary) error
	Attention(c *Call, o op.Attention) error
	QueryKey(c *Call, o op.QueryKey) error
	MeanSpans(c *Call, o op.MeanSpans) error
	LogSumExp(c *Call, o op.LogSumExp) error
	TopK(c *Call, o op.TopK) error
}

// Fuser is a Backend that computes some operations at once where a graph has them
// together. The results have the bits of the operations one by one.
type Fuser interface {
	// ShiftMoments is z = SubRow(y, s) or SubRow(y, s, u) and m = FoldMoments(z) of
	// panels of one group: z is c.Out, m is c.Also[0].
	ShiftMoments(c *Call, z op.SubRow, m op.FoldMoments) error
}

// Delayer is a Backend whose operations read operands through delays, so that what
// op.Delay gives is never in memory.
type Delayer interface {
	// ReadsDelayed reports whether the operation o can, for the operands marked. Its
	// call has them as they are before the delays (Array.Delay).
	ReadsDelayed(o op.Spec, delayed []bool) bool
}

// dispatch calls the backend's method for the operation s.
func dispatch(b Backend, c *Call, s op.Spec) error {
	switch o := s.(type) {
	case shiftMoments:
		return b.(Fuser).ShiftMoments(c, o.SubRow, o.moments)
	case op.ColumnRange:
		return b.ColumnRange(c, o)
	case op.ColumnUnit:
		return b.ColumnUnit(c, o)
	case op.ColumnSize:
		return b.ColumnSize(c, o)
	case op.SameRows:
		return b.SameRows(c, o)
	case op.ScoreStatus:
		return b.ScoreStatus(c, o)
	case op.ColumnShift:
		return b.ColumnShift(c, o)
	case op.SubRow:
		return b.SubRow(c, o)
	case op.FoldMoments:
		return b.FoldMoments(c, o)
	case op.FoldGram:
		return b.FoldGram(c, o)
	case op.FoldCross:
		return b.FoldCross(c, o)
	case op.LeaveOut:
		return b.LeaveOut(c, o)
	case op.ColumnStatus:
		return b.ColumnStatus(c, o)
	case op.MaskColumns:
		return b.MaskColumns(c, o)
	case op.Copy:
		return b.Copy(c, o)
	case op.Zip:
		return b.Zip(c, o)
	case op.Gather:
		return b.Gather(c, o)
	case op.Transpose:
		return b.Transpose(c, o)
	case op.MatMul:
		return b.MatMul(c, o)
	case op.SymEig:
		return b.SymEig(c, o)
	case op.Residualize:
		return b.Residualize(c, o)
	case op.RunScale:
		return b.RunScale(c, o)
	case op.Delay:
		return b.Delay(c, o)
	case op.GroupScale:
		return b.GroupScale(c, o)
	case op.OuterAdd:
		return b.OuterAdd(c, o)
	case op.FeatureScale:
		return b.FeatureScale(c, o)
	case op.DropNull:
		return b.DropNull(c, o)
	case op.InverseRoot:
		return b.InverseRoot(c, o)
	case op.ScaledKernel:
		return b.ScaledKernel(c, o)
	case op.CenterKernel:
		return b.CenterKernel(c, o)
	case op.TrainKernel:
		return b.TrainKernel(c, o)
	case op.FoldRows:
		return b.FoldRows(c, o)
	case op.PathGram:
		return b.PathGram(c, o)
	case op.PathRows:
		return b.PathRows(c, o)
	case op.CVScore:
		return b.CVScore(c, o)
	case op.MeanGroups:
		return b.MeanGroups(c, o)
	case op.SelectAlpha:
		return b.SelectAlpha(c, o)
	case op.SumKept:
		return b.SumKept(c, o)
	case op.RidgeWeights:
		return b.RidgeWeights(c, o)
	case op.ScorePredictions:
		return b.ScorePredictions(c, o)
	case op.SparseCode:
		return b.SparseCode(c, o)
	case op.FinishCodes:
		return b.FinishCodes(c, o)
	case op.CodeLoss:
		return b.CodeLoss(c, o)
	case op.AccumGram:
		return b.AccumGram(c, o)
	case op.AccumCross:
		return b.AccumCross(c, o)
	case op.AtomUpdate:
		return b.AtomUpdate(c, o)
	case op.DeadAtoms:
		return b.DeadAtoms(c, o)
	case op.ReplaceAtoms:
		return b.ReplaceAtoms(c, o)
	}
	return dispatchTransformer(b, c, s)
}

// dispatchTransformer is dispatch for TransformerOps.
func dispatchTransformer(b Backend, c *Call, s op.Spec) error {
	switch o := s.(type) {
	case op.LayerNorm:
		return b.LayerNorm(c, o)
	case op.RMSNorm:
		return b.RMSNorm(c, o)
	case op.Activate:
		return b.Activate(c, o)
	case op.Rotary:
		return b.Rotary(c, o)
	case op.Attention:
		return b.Attention(c, o)
	case op.QueryKey:
		return b.QueryKey(c, o)
	case op.MeanSpans:
		return b.MeanSpans(c, o)
	case op.LogSumExp:
		return b.LogSumExp(c, o)
	case op.TopK:
		return b.TopK(c, o)
	}
	return fmt.Errorf("engine: no backend method for %s", op.Name(s))
}

// Device describes what a Backend runs on.
type Device struct {
	Name     string            `json:"name"`              // "cpu", "cuda:0"
	Model    string            `json:"model"`             // "NVIDIA H200", or the processor's name
	Memory   int64             `json:"memory"`            // bytes in all
	Threads  int               `json:"threads,omitempty"` // of a CPU
	Count    int               `json:"count,omitempty"`   // devices that share the work, where there are several
	Versions map[string]string `json:"versions"`          // driver and libraries that results depend on
	// Marks say why results may have other bits than those of the same device
	// elsewhere.
	Marks []string `json:"marks,omitempty"`
}

// Buffer is device memory.
type Buffer interface {
	// Bytes is its size.
	Bytes() int
	// Pointer is its address on the device.
	Pointer() uintptr
	// Host is the memory itself where the host can use it at no cost, else nil.
	Host() []byte
	// Free gives it back; no work that uses it may be under way.
	Free()
}

// HostBuffer is host memory for copies to and from a device.
type HostBuffer interface {
	Bytes() []byte
	Free()
}

// Stream is a queue of work on a device.
type Stream interface {
	// Record makes e pass when all work queued so far is done.
	Record(e Event) error
	// Wait holds back work queued later until e has passed.
	Wait(e Event) error
	// Synchronize blocks until all queued work is done and reports its error.
	Synchronize() error
	Close() error
}

// Event marks a place in a stream.
type Event interface {
	// Synchronize blocks until the event has passed.
	Synchronize() error
	Close() error
}

// Array is a four-dimensional array in device memory. Columns are contiguous;
// Strides, in elements, lead from one batch, group and row to the next.
type Array struct {
	op.Type
	Buf     Buffer
	Offset  int // bytes from the start of Buf
	Strides [3]int
	// Delay, if any, says that the memory is that of features and the array their
	// delayed copies, of this type; Pad is the second operand of that operation, or
	// nil. Only calls to a Delayer have such operands.
	Delay *op.Delay
	Pad   *Array
}

// Dense reports whether the elements lie without gaps in row-major order.
func (a Array) Dense() bool {
	want := op.DenseStrides(a.Dims)
	for i, s := range a.Strides {
		if a.Dims[i] > 1 && s != want[i] {
			return false
		}
	}
	return true
}

// Call is an operation to be run: operands, result, scratch memory, stream.
type Call struct {
	Stream  Stream
	Out     Array
	Also    []Array // further results, of a Fuser's calls
	In      []Array
	Scratch Array // float64 elements, as many as Backend.Scratch asked for, rounded up
}

// OutOfMemory says that a device has no room for an allocation.
type OutOfMemory struct {
	Device string
	Want   int64 // bytes asked for, or -1 where that is not known
	Free   int64 // bytes free, or -1 where that is not known
}

// Error names the device and the sizes.
func (e *OutOfMemory) Error() string {
	text := e.Device + ": out of memory"
	if e.Want >= 0 {
		text += fmt.Sprintf(": %d bytes wanted", e.Want)
		if e.Free >= 0 {
			text += fmt.Sprintf(", %d free", e.Free)
		}
	}
	return text
}

// Lost says that a device stopped working: nothing more will run on it.
type Lost struct {
	Device string
	Err    error
}

// Error names the device.
func (e *Lost) Error() string { return fmt.Sprintf("%s: device lost: %v", e.Device, e.Err) }

// Unwrap gives the driver's error.
func (e *Lost) Unwrap() error { return e.Err }

// Gone reports whether an error means that a device can do no more for a job: it is
// lost, or has no room for the smallest tile.
func Gone(err error) bool {
	var lost *Lost
	var full *OutOfMemory
	return errors.As(err, &lost) || errors.As(err, &full)
}
