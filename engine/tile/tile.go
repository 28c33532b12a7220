package tile

import "context"

// Source supplies a (Rows x Cols) array of which any block of columns can be
// read, in any order and from several goroutines at once.
//
// Rows are time points and columns are voxels or signals. Both methods copy the
// columns [lo, hi) so that dst[t*stride + (v-lo)] = a[t][v] for every row t;
// stride is at least hi-lo and elements of dst between rows are left alone.
// Values are converted to the type of dst; no scaling is applied beyond what
// the format itself defines.
type Source interface {
	Rows() int
	Cols() int
	ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error
	ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error
}

// Wide is a Source that says whether its values may need more digits than a float32 has, as those of a float64 file do.
// What is read of it in float32 is rounded, and loses a small signal on a large mean: steps that take a mean off read such
// a source in float64.
type Wide interface {
	Source
	Wide() bool
}

// IsWide reports whether a source says that its values may need more digits than a float32 has.
func IsWide(s Source) bool {
	w, ok := s.(Wide)
	return ok && w.Wide()
}

// Dense is a Source that lies in memory, row-major.
type Dense interface {
	Source
	// Elements is all of it, a []float32 or a []float64.
	Elements() any
}

// Sink takes a (Rows x Cols) array by blocks of columns: every column once, in
// any order. src is laid out as dst in Source. What a Sink has taken is durable
// only once the Checkpoint that owns it says so.
type Sink interface {
	Rows() int
	Cols() int
	WriteFloat32(ctx context.Context, lo, hi int, src []float32, stride int) error
	WriteFloat64(ctx context.Context, lo, hi int, src []float64, stride int) error
}

// Checkpoint remembers which columns of a job are finished, over restarts. Tiles
// are read while others are written: its methods are called from several
// goroutines at once.
type Checkpoint interface {
	// Done reports whether the results of columns [lo, hi) are on disk.
	Done(lo, hi int) bool
	// Finish records columns [lo, hi); it is called after every sink has taken
	// them, in increasing order.
	Finish(lo, hi int) error
}
