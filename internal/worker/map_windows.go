package worker

import (
	"context"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mapFile maps n bytes of a file, at least one.
func mapFile(f *os.File, n int64, writable bool) (*mapping, error) {
	protection, access := uint32(windows.PAGE_READONLY), uint32(windows.FILE_MAP_READ)
	if writable {
		protection, access = windows.PAGE_READWRITE, windows.FILE_MAP_WRITE
	}
	handle, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, protection, uint32(n>>32), uint32(n), nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateFileMapping "+f.Name(), err)
	}
	address, err := windows.MapViewOfFile(handle, access, 0, 0, uintptr(n))
	windows.CloseHandle(handle) // the view holds it
	if err != nil {
		return nil, os.NewSyscallError("MapViewOfFile "+f.Name(), err)
	}
	data := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&address))), n)
	return &mapping{data: data, unmap: func() error { return windows.UnmapViewOfFile(address) }}, nil
}

// watchParent does nothing: the input ends with the process that holds its other end.
func watchParent(context.Context, func()) {}
