package brain

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
)

// Series is the (volumes x voxels) array of an image over a mask. It can be
// read from several goroutines at once.
//
// Where its values are read from is chosen by Load: from the file, volume by
// volume; from memory, as stored; or from a scratch file that holds the voxels
// of the mask as stored, a row per volume.
type Series struct {
	im   *Nifti
	mask *Mask

	held          // (volumes x voxels) little-endian values
	direct *input // the image itself, nil if it is compressed
	plans  planCache
}

// Series returns the image's voxels in the mask, or all of them if mask is nil.
// A mask on another grid is refused. An image that is not compressed can be
// read at once; a compressed one after Load.
func (im *Nifti) Series(mask *Mask) (*Series, error) {
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
	s.direct, err = im.files.open(im.Path)
	return s, fileError(im.Path, err)
}

// Rows returns the number of volumes.
func (s *Series) Rows() int { return s.im.Header.Volumes() }

// Cols returns the number of voxels in the mask.
func (s *Series) Cols() int { return s.mask.Len() }

// Mask returns the mask whose voxels are the columns.
func (s *Series) Mask() *Mask { return s.mask }

// Image returns the image behind the series.
func (s *Series) Image() *Nifti { return s.im }

// Bytes returns the size of the series' values as stored, which is what Load
// takes in memory or in the scratch file.
func (s *Series) Bytes() int64 {
	return int64(s.Rows()) * int64(s.Cols()) * int64(s.im.Header.Datatype.Size())
}

// Close releases the series. A scratch file is removed.
func (s *Series) Close() error {
	if s.direct != nil {
		s.direct.Close()
		s.direct = nil
	}
	return s.release()
}

// Load reads the image through once and keeps the voxels of the mask where
// reading blocks of columns is cheap: in memory if they fit, else in the
// scratch file, for which the free space on its disk is checked first.
//
// Reading blocks of columns from an image file costs a pass over the file per
// block, since the columns of a block lie all over every volume; so an image
// larger than memory is worth a scratch file even if it is not compressed.
func (s *Series) Load(ctx context.Context, st Storage) error {
	if s.loaded() {
		return nil
	}
	ok, err := s.load(s.im.Path, s.Bytes(), st, func(put func(at int64, b []byte) error) error {
		return s.gather(ctx, st, put)
	})
	if err == nil && !ok && s.im.compressed {
		return tooLarge(s.im.Path, s.Bytes(), st)
	}
	return err
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
	for v, f := range s.mask.file() {
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

// Wide reports whether values may need more digits than a float32 has; see tile.Wide.
func (s *Series) Wide() bool { return s.im.Header.scaling().wide(s.im.Header.Datatype) }

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
	rows := s.Rows()
	if err := checkBlock(s.im.Path, rows, s.Cols(), lo, hi, len(dst), stride); err != nil || lo == hi {
		return err
	}
	if !s.loaded() && s.direct == nil {
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
	if !s.loaded() {
		return s.directReader(lo, hi)
	}
	size := s.im.Header.Datatype.Size()
	rowBytes := int64(s.Cols() * size)
	from, n := int64(lo*size), (hi-lo)*size
	raw, release := buffer(n)
	return rowReader{
		row:     func(t int) ([]byte, error) { return s.at(int64(t)*rowBytes+from, n, raw) },
		release: release,
	}
}
