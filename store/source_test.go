package store_test

import (
	"voxen/engine/tile"
	"voxen/store"
)

// The interfaces that streaming code asks for.
var (
	_ tile.Source     = store.Array(nil)
	_ tile.Sink       = (*store.ArraySink)(nil)
	_ tile.Sink       = (*store.CodesSink)(nil)
	_ tile.Checkpoint = (*store.Job)(nil)
)
