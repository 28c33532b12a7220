package brain

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"voxen/store"
)

// Series is the (volumes x voxels) array of an image over a mask. It can be
// read from several goroutines at once.
//
// Where its values are read from is chosen by Load: from the file, volume by
// volume; from memory, as stored; or from a scratch file that holds the voxels
// of the mask as stored, a row per volume.
type Series struct {
	im   *Image
	mask *Mask

	memory  []byte       // (volumes x voxels) little-endian values, nil if not held
	scratch *scratchFile // the same in a file, nil if not used
	direct  *os.File     // the image itself, nil if it is compressed
	plans   planCache
}

// Series returns the image's voxels in the mask, or all of them if mask is nil.
// A mask on another grid is refused. An image that is not compressed can be
// read at once; a compressed one after Load.
func (im *Image) Series(mask *Mask) (*Series, error) {
	if mask == nil {
		mask = im.FullMask()
	}
	if err := im.Grid.Same(mask.Grid); err != nil {
		return nil, inputErrorf(im.Path, "not on the grid of %s: %v", mask.Path, err)
	}
	s := &Series{im: im, mask: mask}
	if im.compressed {
		return s, nil
	}
	var err error
	s.direct, err = os.Open(im.Path)
	return s, fileError(im.Path, err)
}

// Rows returns the number of volumes.
func (s *Series) Rows() int { return s.im.Header.Volumes() }

// Cols returns the number of voxels in the mask.
func (s *Series) Cols() int { return s.mask.Len() }

// Mask returns the mask whose voxels are the columns.
func (s *Series) Mask() *Mask { return s.mask }

// Image returns the image behind the series.
func (s *Series) Image() *Image { return s.im }

// Compressed reports whether the series can be read only after Load.
func (s *Series) Compressed() bool { return s.im.compressed }

// Bytes returns the size of the series' values as stored, which is what Load
// takes in memory or in the scratch file.
func (s *Series) Bytes() int64 {
	return int64(s.Rows()) * int64(s.Cols()) * int64(s.im.Header.Datatype.Size())
}

// Close releases the series. A scratch file is removed.
func (s *Series) Close() error {
	s.memory = nil
	if s.direct != nil {
		s.direct.Close()
		s.direct = nil
	}
	if s.scratch == nil {
		return nil
	}
	err := s.scratch.discard()
	s.scratch = nil
	return err
}

// scratchFile is a file that is removed when it is no longer wanted.
type scratchFile struct {
	store.File
	fsys store.FS
	name string
}

func (f *scratchFile) discard() error {
	err := f.Close()
	if rerr := f.fsys.Remove(f.name); err == nil {
		err = rerr
	}
	return err
}

// Storage says what Load may use.
type Storage struct {
	// Memory is the most bytes that the values may take in memory.
	Memory int64
	// Scratch names a file that is made if Memory is too small, and removed by
	// Close. Without it, a compressed image that does not fit is refused, and one
	// that is not compressed is read from its own file.
	Scratch string
	// FS is where the scratch file is made; the operating system's if nil.
	FS store.FS
	// Progress, if set, is called as bytes of the file's voxels are read.
	Progress func(done, total int64)
}

// Load reads the image through once and keeps the voxels of the mask where
// reading blocks of columns is cheap: in memory if they fit, else in the
// scratch file, for which the free space on its disk is checked first.
//
// Reading blocks of columns from an image file costs a pass over the file per
// block, since the columns of a block lie all over every volume; so an image
// larger than memory is worth a scratch file even if it is not compressed.
func (s *Series) Load(ctx context.Context, st Storage) error {
	if s.memory != nil || s.scratch != nil {
		return nil
	}
	need := s.Bytes()
	if need <= st.Memory && int64(int(need)) == need {
		memory := make([]byte, need)
		err := s.gather(ctx, st, func(at int64, row []byte) error {
			copy(memory[at:], row)
			return nil
		})
		if err == nil {
			s.memory = memory
		}
		return err
	}
	if st.Scratch != "" {
		return s.loadScratch(ctx, st)
	}
	if s.im.compressed {
		return inputErrorf(s.im.Path, "unpacks to %d bytes, more than the %d allowed in memory, and there is no scratch file", need, st.Memory)
	}
	return nil
}

func (s *Series) loadScratch(ctx context.Context, st Storage) error {
	file, err := s.createScratch(st)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", s.im.Path, err)
	}
	err = s.gather(ctx, st, func(at int64, row []byte) error {
		if _, err := file.WriteAt(row, at); err != nil {
			return fmt.Errorf("unpacking %s to %s: %w", s.im.Path, file.name, err)
		}
		return nil
	})
	if err != nil {
		_ = file.discard() // the first error tells more
		return err
	}
	s.scratch = file
	return nil
}

// createScratch makes the scratch file in its full length, so that a disk
// without room is found before anything is unpacked.
func (s *Series) createScratch(st Storage) (*scratchFile, error) {
	fsys := st.FS
	if fsys == nil {
		fsys = store.OS{}
	}
	folder := filepath.Dir(st.Scratch)
	free, err := fsys.Free(folder)
	if err != nil {
		return nil, err
	}
	if free < s.Bytes() {
		return nil, fmt.Errorf("needs %d bytes in %s, which has %d free", s.Bytes(), folder, free)
	}
	inner, err := fsys.Create(st.Scratch)
	if err != nil {
		return nil, err
	}
	file := &scratchFile{inner, fsys, st.Scratch}
	if err := file.Allocate(s.Bytes()); err != nil {
		_ = file.discard()
		return nil, err
	}
	return file, nil
}

// gather reads the image through and hands on the mask's voxels in column
// order, with their offset in the (volumes x voxels) array of stored values.
func (s *Series) gather(ctx context.Context, st Storage, put func(at int64, row []byte) error) error {
	return s.gatherChunks(ctx, streamChunk(s.im.Header), st, put)
}

func (s *Series) gatherChunks(ctx context.Context, chunk int, st Storage, put func(at int64, row []byte) error) error {
	h := s.im.Header
	size, vb := h.Datatype.Size(), h.volumeBytes()
	row := make([]byte, s.Cols()*size)
	return s.im.stream(ctx, chunk, func(at int64, piece []byte) error {
		if st.Progress != nil {
			st.Progress(at, h.dataBytes())
		}
		for len(piece) > 0 {
			t, from := at/vb, at%vb
			n := min(vb-from, int64(len(piece)))
			s.pick(row, piece[:n], int(from)/size, size)
			piece, at = piece[n:], at+n
			if from+n < vb {
				continue // the rest of the volume is in the next piece
			}
			if err := put(t*int64(len(row)), row); err != nil {
				return err
			}
		}
		if st.Progress != nil {
			st.Progress(at, h.dataBytes())
		}
		return nil
	})
}

// pick copies to row those voxels of the mask that lie in piece, which starts
// at voxel first of the volume as stored.
func (s *Series) pick(row, piece []byte, first, size int) {
	last := first + len(piece)/size
	le := binary.LittleEndian
	for v, f := range s.mask.file {
		at := int(f)
		if at < first || at >= last {
			continue
		}
		at = (at - first) * size
		switch size {
		case 1:
			row[v] = piece[at]
		case 2:
			le.PutUint16(row[2*v:], le.Uint16(piece[at:]))
		case 4:
			le.PutUint32(row[4*v:], le.Uint32(piece[at:]))
		case 8:
			le.PutUint64(row[8*v:], le.Uint64(piece[at:]))
		}
	}
}

// ReadFloat32 copies the voxels [lo, hi) of every volume, scaled as the header
// says: dst[t*stride + (v-lo)].
func (s *Series) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readSeries(ctx, s, lo, hi, dst, stride)
}

// ReadFloat64 is ReadFloat32 in float64.
func (s *Series) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readSeries(ctx, s, lo, hi, dst, stride)
}

func readSeries[F float32 | float64](ctx context.Context, s *Series, lo, hi int, dst []F, stride int) error {
	rows, cols := s.Rows(), s.Cols()
	switch {
	case lo < 0 || hi > cols || lo > hi:
		return fmt.Errorf("%s: voxels %d to %d, expected a part of 0 to %d", s.im.Path, lo, hi, cols)
	case lo == hi:
		return nil
	case stride < hi-lo || len(dst) < (rows-1)*stride+hi-lo:
		return fmt.Errorf("%s: room for %d values at stride %d, expected %d x %d", s.im.Path, len(dst), stride, rows, hi-lo)
	case s.memory == nil && s.scratch == nil && s.direct == nil:
		return fmt.Errorf("%s: %w", s.im.Path, errNotLoaded)
	}
	read := s.rowReader(lo, hi)
	defer read.release()
	for t := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := read.row(t)
		if err != nil {
			return fileError(s.im.Path, err)
		}
		decode(dst[t*stride:t*stride+hi-lo], raw, s.im.Header.Datatype, s.im.Header.scaling())
	}
	return nil
}

// rowReader fetches the stored values of a block of columns, one volume at a
// time.
type rowReader struct {
	row     func(t int) ([]byte, error)
	release func()
}

var rowBuffers = sync.Pool{New: func() any { return new([]byte) }}

// buffer returns n bytes of scratch and how to give them back.
func buffer(n int) (b []byte, release func()) {
	p := rowBuffers.Get().(*[]byte)
	if cap(*p) < n {
		*p = make([]byte, n)
	}
	return (*p)[:n], func() { rowBuffers.Put(p) }
}

func (s *Series) rowReader(lo, hi int) rowReader {
	size := s.im.Header.Datatype.Size()
	rowBytes := int64(s.Cols() * size)
	from, n := int64(lo*size), (hi-lo)*size
	switch {
	case s.memory != nil:
		return rowReader{
			row: func(t int) ([]byte, error) {
				at := int64(t)*rowBytes + from
				return s.memory[at : at+int64(n)], nil
			},
			release: func() {},
		}
	case s.scratch != nil:
		raw, release := buffer(n)
		return rowReader{
			row: func(t int) ([]byte, error) {
				_, err := s.scratch.ReadAt(raw, int64(t)*rowBytes+from)
				return raw, err
			},
			release: release,
		}
	}
	return s.directReader(lo, hi)
}
