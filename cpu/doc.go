// Package cpu is the backend for processors: every operation of the engine on
// gonum's BLAS, parallel over panels and, inside a panel, over columns and folds.
//
// Importing it registers the device "cpu" and makes voxen/cpu/blas the BLAS of
// gonum; another one registered later with blas32.Use and blas64.Use is used in
// its place. Operations cut their work into pieces that depend on shapes alone
// and call the BLAS for one piece at a time, so the number of threads changes
// nothing but the time.
//
// A Stream of this backend runs its work before the call returns, and device
// memory is memory of the process: copies to and from it cost nothing.
package cpu
