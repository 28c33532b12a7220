// Package faultfs makes file operations fail for tests. FS passes every
// operation to another store.FS, counts it, and fails the one that a rule
// names: once, from then on, or as a crash after which nothing works any more.
// Mem is a file system in memory that knows what was synced, so that a test can
// see what a power failure would have left.
//
//	calls := run(faultfs.New(faultfs.NewMem())).Calls()
//	for n := range calls {
//		disk := faultfs.NewMem()
//		run(faultfs.New(disk, faultfs.Rule{N: n + 1, Crash: true}))
//		check(disk.Crash(nil))
//	}
//
// It is for tests alone; nothing in the program imports it.
package faultfs
