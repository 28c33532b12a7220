package store

import (
	"io/fs"
	"os"
)

// Identity is what a file system says of a file by which it is told from others,
// and from itself before a change.
type Identity struct {
	Device   uint64 // with Inode: which file it is; 0 where that is not known
	Inode    uint64
	Links    uint64 // names that the file has; 0 where that is not known
	Bytes    int64
	Modified int64 // nanoseconds since 1970 of the last change of the contents
	// Changed is that of contents, names or rights, which no program can set back;
	// 0 where the system has none.
	Changed int64
}

// IdentityOf takes the identity out of what Stat returned. A file system that is not
// the operating system's has it as FileInfo.Sys.
func IdentityOf(info fs.FileInfo) Identity {
	if id, ok := info.Sys().(Identity); ok {
		return id
	}
	id := Identity{Bytes: info.Size(), Modified: info.ModTime().UnixNano()}
	id.fill(info.Sys())
	return id
}

// same reports whether two descriptions are of one file.
func same(a, b fs.FileInfo) bool {
	x, y := IdentityOf(a), IdentityOf(b)
	return os.SameFile(a, b) || x.Inode != 0 && x.Inode == y.Inode && x.Device == y.Device
}

// unchanged reports whether nothing has been done to a file between two
// descriptions of it, as far as its file system tells.
func unchanged(a, b fs.FileInfo) bool {
	x, y := IdentityOf(a), IdentityOf(b)
	return x.Bytes == y.Bytes && x.Modified == y.Modified && x.Changed == y.Changed && same(a, b)
}
