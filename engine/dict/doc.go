// Package dict learns dictionaries online and codes signals sparsely, as graphs
// of operations on any backend.
//
//	min over D, a of 1/N sum_n 1/2 |s_n - D a_n|^2 + lambda |a_n|_1,   |d_k| <= 1
//
// Signals s_n are the columns of a (T, N) tile.Source, atoms d_k the columns of
// D (T, K), codes a_n the columns of a sparse (K, N) matrix. The method is that
// of Mairal et al. (2009), Online dictionary learning for sparse coding:
// batches of signals, each spread over all of them, are coded in random order
// over the atoms of the moment, second moments of codes and signals are accumulated with forgetting, and the
// atoms take one step of block-coordinate descent on them. docs/numerics.md,
// "Dictionary learning", says what was chosen and why.
//
// Results have the same bits for any number of threads and any memory bound.
// The package knows no files.
package dict
