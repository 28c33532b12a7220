package blas

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const hugePage = 2 << 20

// adviseHuge asks for huge pages under x: a packed block is walked by columns of panels, and with small pages the
// translation misses cost several per cent. It is advice only, so a refusal is nothing to report.
func adviseHuge[T Float](x []T) {
	if len(x)*sizeOf[T]() < 2*hugePage {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), len(x)*sizeOf[T]())
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (hugePage - 1)
	b = b[skip : skip+(len(b)-skip)&^(hugePage-1)]
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
}
