package store

import "syscall"

// fill adds what stat(2) knows.
func (id *Identity) fill(sys any) {
	if s, ok := sys.(*syscall.Stat_t); ok {
		id.Device, id.Inode, id.Links = uint64(s.Dev), s.Ino, uint64(s.Nlink)
		id.Changed = s.Ctim.Nano()
	}
}
