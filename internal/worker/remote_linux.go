package worker

import (
	"context"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"voxen/engine/tile"
)

// mostParts is how many pieces of memory Linux reads at once (IOV_MAX).
const mostParts = 1024

// peek reads memory of another process: len(b) bytes for each address.
func peek(pid int, addresses []uintptr, b [][]byte) error {
	for len(addresses) > 0 {
		n, want := min(len(addresses), mostParts), 0
		local, remote := make([]unix.Iovec, n), make([]unix.RemoteIovec, n)
		for i := range n {
			local[i].Base = unsafe.SliceData(b[i])
			local[i].SetLen(len(b[i]))
			remote[i] = unix.RemoteIovec{Base: addresses[i], Len: len(b[i])}
			want += len(b[i])
		}
		got, err := unix.ProcessVMReadv(pid, local, remote, 0)
		if err != nil {
			return fmt.Errorf("reading the memory of process %d: %w", pid, err)
		}
		if got != want {
			return fmt.Errorf("reading the memory of process %d: %d bytes of %d", pid, got, want)
		}
		addresses, b = addresses[n:], b[n:]
	}
	return nil
}

// lent is an array in the memory of the process that started this one: rows that are stride
// bytes apart. It stays there until the request is answered, which that process waits for.
type lent[T float32 | float64] struct {
	pid        int
	address    uintptr
	stride     int
	rows, cols int
}

// lend gives the array of a message as a source.
func lend(a Array) (tile.Source, error) {
	if a.Dtype == "float32" {
		return lent[float32]{os.Getppid(), uintptr(a.Address), a.Stride, a.Shape[0], a.Shape[1]}, nil
	}
	return lent[float64]{os.Getppid(), uintptr(a.Address), a.Stride, a.Shape[0], a.Shape[1]}, nil
}

// canRead reports whether bytes at an address in the memory of the process that started this
// one are those, and can be read: not everywhere may a process look at another.
func canRead(address uint64, want []byte) bool {
	got := make([]byte, len(want))
	return len(want) > 0 && peek(os.Getppid(), []uintptr{uintptr(address)}, [][]byte{got}) == nil && string(got) == string(want)
}

// Rows and Cols are the shape.
func (l lent[T]) Rows() int { return l.rows }
func (l lent[T]) Cols() int { return l.cols }

// Wide reports whether values have more digits than a float32.
func (l lent[T]) Wide() bool { return unsafe.Sizeof(*new(T)) > 4 }

// ReadFloat32 and ReadFloat64 copy columns.
func (l lent[T]) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readLent(ctx, l, lo, hi, dst, stride)
}

func (l lent[T]) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readLent(ctx, l, lo, hi, dst, stride)
}

func readLent[T, S float32 | float64](ctx context.Context, l lent[T], lo, hi int, dst []S, stride int) error {
	if lo < 0 || hi < lo || hi > l.cols || stride < hi-lo || l.rows > 0 && len(dst) < (l.rows-1)*stride+hi-lo {
		return fmt.Errorf("columns [%d, %d) of %d in %d elements with stride %d", lo, hi, l.cols, len(dst), stride)
	}
	size, width := int(unsafe.Sizeof(*new(T))), hi-lo
	if width == 0 {
		return ctx.Err()
	}
	direct, same := any(dst).([]T)
	var block []T
	if !same {
		block = make([]T, min(l.rows, mostParts)*width)
	}
	addresses, pieces := make([]uintptr, 0, mostParts), make([][]byte, 0, mostParts)
	for t := 0; t < l.rows; t += mostParts {
		if err := ctx.Err(); err != nil {
			return err
		}
		addresses, pieces = addresses[:0], pieces[:0]
		n := min(mostParts, l.rows-t)
		for i := range n {
			var to []T
			if same {
				to = direct[(t+i)*stride:]
			} else {
				to = block[i*width:]
			}
			addresses = append(addresses, l.address+uintptr((t+i)*l.stride+lo*size))
			pieces = append(pieces, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(to))), width*size))
		}
		if err := peek(l.pid, addresses, pieces); err != nil {
			return err
		}
		if same {
			continue
		}
		for i := range n {
			for v, x := range block[i*width : (i+1)*width] {
				dst[(t+i)*stride+v] = S(x)
			}
		}
	}
	return nil
}
