// Package op holds the operations of voxen's tensor graphs: what is computed,
// on no particular device.
//
// A graph is a gorgonia.ExprGraph whose nodes are Ops. Every array has four
// dimensions, (batch, group, row, column), each at least 1: the batch axis runs
// over panels of voxels (or over permuted designs), the group axis over folds
// (or attention heads), rows are time points, features or alphas, and columns
// are voxels, signals or features. Operations broadcast over batch and group:
// an operand of extent 1 there serves every batch or group of the others.
//
// An operation is a Spec: a plain struct of attributes with a rule for shape and
// dtype (Infer) and a reference in float64 loops (Ref). The one type Op makes a
// gorgonia.Op of it, so a graph runs unchanged on gorgonia's TapeMachine (that
// is the reference, slow and plain) and on engine.Machine with a Backend (that
// is the fast way). References never call a BLAS: a reference that shares the
// tested product would prove little.
//
// An operation with several results is packed: one array with a documented
// layout, of which Part takes slices that cost nothing.
//
//	g := gorgonia.NewGraph()
//	x := op.Input(g, "X", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, 600, 64}})
//	gram := op.Must(op.FoldGram{Borders: []int{0, 300, 600}}, x)  // (1, 2, 64, 64), float64
//	eig := op.Must(op.SymEig{}, gram)                             // (1, 2, 65, 64)
//	values := op.Must(op.Part{Axis: 2, Lo: 64, Hi: 65}, eig)      // (1, 2, 1, 64)
//
// To add an operation: write the Spec here, one method in engine/backend.go and
// in each backend, and one line in the list of internal/conform.
package op
