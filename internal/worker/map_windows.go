package worker

import (
	"context"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// openMapping maps a file for reading.
func openMapping(path string) (*mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return mapFile(f, info.Size(), windows.PAGE_READONLY, windows.FILE_MAP_READ)
}

// createMapping makes a file of n bytes and maps it.
func createMapping(path string, n int64) (*mapping, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(n); err != nil {
		return nil, err
	}
	return mapFile(f, n, windows.PAGE_READWRITE, windows.FILE_MAP_WRITE)
}

func mapFile(f *os.File, n int64, protection, access uint32) (*mapping, error) {
	if n == 0 {
		return &mapping{unmap: func() error { return nil }}, nil
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
