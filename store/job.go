package store

// Axis says which ranges of an array a Job counts as finished.
type Axis uint8

// The axes.
const (
	Columns Axis = iota
	Rows
)
