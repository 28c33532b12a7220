//go:build !linux

package worker

import "os"

// populate is a flag that other systems do not have.
const populate = 0

// reserve gives the file its length.
func reserve(f *os.File, n int64) error { return f.Truncate(n) }
