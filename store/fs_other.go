//go:build !(linux || darwin || freebsd)

package store

import (
	"io"
	"math"
)

// SyncDir implements FS; folders cannot be synced here.
func (OS) SyncDir(string) error { return nil }

// Lock implements FS by a file that must not exist.
func (OS) Lock(name string) (io.Closer, error) { return lockByName(name) }

// Free implements FS; the free space is not known here, so no output is
// refused beforehand.
func (OS) Free(string) (int64, error) { return math.MaxInt64, nil }
