//go:build !linux

package store

import "os"

// reserve does nothing where there is no fallocate(2).
func reserve(*os.File, int64) error { return nil }
