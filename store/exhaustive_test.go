//go:build !long

package store_test

// exhaustive is true where every combination of faults is tried and not only a
// third of them.
const exhaustive = false
