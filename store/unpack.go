package store

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"

	"voxen/internal/hdf5"
)

// Unpacker is an Array that may be dear to read by blocks of columns, because what
// it is compressed in reaches over many blocks and would be unpacked for each anew.
type Unpacker interface {
	Array
	// UnpackedBytes is what Unpack takes; 0 where blocks of columns are cheap to
	// read as it is.
	UnpackedBytes() int64
	// Unpack reads the array through once and keeps it where blocks are cheap. It
	// is called before anything is read, and Close gives up what it keeps.
	Unpack(ctx context.Context, to UnpackTo) error
}

// UnpackTo says where an array, or an image, may be unpacked.
type UnpackTo struct {
	// Memory is the most bytes that it may take in memory.
	Memory int64
	// FS and Scratch name a file that is made if Memory is too small and removed by
	// Close; of the operating system if FS is nil. Without a name an array that does not
	// fit stays as it is, and an image is refused if it is compressed.
	FS      FS
	Scratch string
	// Progress, if set, is called as bytes are unpacked.
	Progress func(done, total int64)
	// Took, if set, is called with the bytes that are kept in memory.
	Took func(bytes int64)
}

// InMemory notes that bytes are kept in memory.
func (to UnpackTo) InMemory(bytes int64) {
	if to.Took != nil {
		to.Took(bytes)
	}
}

// UnpackedBytes implements Unpacker: the size of the array where a column of its
// chunks is more than is kept between reads.
func (a *chunked) UnpackedBytes() int64 {
	if len(a.file) != 2 || a.kept > 0 {
		return 0 // of other axes nothing is read by blocks of columns
	}
	return int64(a.file[0]) * int64(a.file[1]) * int64(a.dtype.Size)
}

// Unpack implements Unpacker. The array is kept as the file would have it without
// chunks.
func (a *chunked) Unpack(ctx context.Context, to UnpackTo) error {
	need := a.UnpackedBytes()
	switch {
	case need == 0 || a.unpacked != nil:
		return nil
	case need <= to.Memory:
		memory := make([]byte, need)
		to.InMemory(need)
		err := a.copyChunks(ctx, to.Progress, func(b []byte, at int64) error {
			copy(memory[at:], b)
			return nil
		})
		if err != nil {
			return err
		}
		a.unpacked, err = newFlat(a.name, bytes.NewReader(memory), 0, a.dtype, a.shape, a.turned)
		return err
	case to.Scratch == "":
		return nil
	}
	return a.unpackToFile(ctx, to, need)
}

// unpackToFile makes the scratch file in its full length, so that a disk without
// room is found before anything is unpacked.
func (a *chunked) unpackToFile(ctx context.Context, to UnpackTo, need int64) error {
	folder := filepath.Dir(to.Scratch)
	free, err := to.FS.Free(folder)
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("unpacking %s: needs %d bytes in %s, which has %d free", a.name, need, folder, free)
	}
	f, err := to.FS.Create(to.Scratch)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", a.name, err)
	}
	scratch := &removedFile{f, to.FS, to.Scratch}
	if err = f.Allocate(need); err == nil {
		err = a.copyChunks(ctx, to.Progress, func(b []byte, at int64) error {
			_, err := f.WriteAt(b, at)
			return err
		})
	}
	if err == nil {
		a.unpacked, err = newFlat(a.name, f, 0, a.dtype, a.shape, a.turned)
	}
	if err != nil {
		_ = scratch.Close() // the first error tells more
		return fmt.Errorf("unpacking %s: %w", a.name, err)
	}
	a.unpacked.closer = scratch
	return nil
}

// removedFile is a file that is removed when it is closed.
type removedFile struct {
	File
	fsys FS
	name string
}

func (f *removedFile) Close() error {
	err := f.File.Close()
	if rerr := f.fsys.Remove(f.name); err == nil {
		err = rerr
	}
	return err
}

// copyChunks hands on all elements of the two axes as the file has them, in runs
// with the byte at which each lies where there are no chunks. Each chunk is
// unpacked once.
func (a *chunked) copyChunks(ctx context.Context, progress func(done, total int64), put func(b []byte, at int64) error) error {
	size, total := a.dtype.Size, a.UnpackedBytes()
	start, count, fast := []int{0, 0}, a.file, 1
	if a.index >= 0 {
		start, count, fast = []int{a.index, 0, 0}, append([]int{1}, a.file...), 2
	}
	done := int64(0)
	err := a.chunks.EachChunk(ctx, start, count, fast, func(c hdf5.Chunk) error {
		c = a.part(c)
		for i := range c.Shape[0] {
			from := i * c.Full[1] * size
			row := c.Bytes[from : from+c.Shape[1]*size]
			at := (int64(c.Start[0]+i)*int64(a.file[1]) + int64(c.Start[1])) * int64(size)
			if err := put(row, at); err != nil {
				return err
			}
			done += int64(len(row))
		}
		if progress != nil {
			progress(done, total)
		}
		return nil
	})
	return hdf5Error(a.name, err)
}
