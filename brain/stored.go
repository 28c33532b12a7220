package brain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"voxen/store"
)

// Storage says what Load may use.
type Storage = store.UnpackTo

// held is where the stored values of an image lie once they are loaded: in
// memory, or in a scratch file.
type held struct {
	memory  []byte
	scratch *scratchFile
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

// loaded reports whether values are held.
func (h *held) loaded() bool { return h.memory != nil || h.scratch != nil }

// load takes need bytes of values, which fill hands to put in any order: in memory
// if they fit, else in the scratch file. Nothing is held after an error. ok is false
// if there is neither room nor a scratch file.
func (h *held) load(path string, need int64, st Storage, fill func(put func(at int64, b []byte) error) error) (ok bool, err error) {
	if need <= st.Memory && int64(int(need)) == need {
		memory := make([]byte, need)
		st.InMemory(need)
		err := fill(func(at int64, b []byte) error {
			copy(memory[at:], b)
			return nil
		})
		if err == nil {
			h.memory = memory
		}
		return true, err
	}
	if st.Scratch == "" {
		return false, nil
	}
	file, err := createScratch(st, need)
	if err != nil {
		return true, fmt.Errorf("unpacking %s: %w", path, err)
	}
	err = fill(func(at int64, b []byte) error {
		if _, err := file.WriteAt(b, at); err != nil {
			return fmt.Errorf("%s: unpacking to %s: %w", path, file.name, err)
		}
		return nil
	})
	if err != nil {
		_ = file.discard() // the first error tells more
		return true, err
	}
	h.scratch = file
	return true, nil
}

// createScratch makes the scratch file in its full length, so that a disk
// without room is found before anything is unpacked.
func createScratch(st Storage, need int64) (*scratchFile, error) {
	fsys := st.FS
	if fsys == nil {
		fsys = store.OS{}
	}
	folder := filepath.Dir(st.Scratch)
	free, err := fsys.Free(folder)
	if err != nil {
		return nil, err
	}
	if free < need {
		return nil, fmt.Errorf("needs %d bytes in %s, which has %d free", need, folder, free)
	}
	inner, err := fsys.Create(st.Scratch)
	if err != nil {
		return nil, err
	}
	file := &scratchFile{inner, fsys, st.Scratch}
	if err := file.Allocate(need); err != nil {
		_ = file.discard()
		return nil, err
	}
	return file, nil
}

// at returns n held bytes from an offset: a part of memory, or of buf, which has
// room for them.
func (h *held) at(offset int64, n int, buf []byte) ([]byte, error) {
	if h.memory != nil {
		return h.memory[offset : offset+int64(n)], nil
	}
	_, err := h.scratch.ReadAt(buf[:n], offset)
	return buf[:n], diskError("read", h.scratch.name, err)
}

// release forgets the values. A scratch file is removed.
func (h *held) release() error {
	h.memory = nil
	if h.scratch == nil {
		return nil
	}
	err := h.scratch.discard()
	h.scratch = nil
	return err
}

// tooLarge refuses an image that has to be unpacked and finds no room.
func tooLarge(path string, need int64, st Storage) error {
	return &MemoryError{Path: path, What: "what it unpacks to, without a scratch file,", Need: need, Allowed: st.Memory}
}

// errNotLoaded is what reading before Load returns.
var errNotLoaded = errors.New("values are not loaded")

// stored is a (rows x cols) array of stored values, of which those of one column
// lie together, or those of one row. It can be read from several goroutines at
// once.
type stored struct {
	path       string
	rows, cols int
	byColumn   bool
	datatype   Datatype
	scale      scaling
	bigEndian  bool // of what is read from direct; what is held is little-endian

	held
	direct io.ReaderAt // the file itself, nil if values have to be loaded
	first  int64       // offset of the first value in direct
}

// bytes returns the size of all values.
func (s *stored) bytes() int64 {
	return int64(s.rows) * int64(s.cols) * int64(s.datatype.Size())
}

// Wide implements tile.Wide.
func (s *stored) Wide() bool { return s.scale.wide(s.datatype) }

// checkBlock checks a request for the columns [lo, hi) of rows x cols, into n
// values whose rows are stride apart.
func checkBlock(path string, rows, cols, lo, hi, n, stride int) error {
	if lo < 0 || lo > hi || hi > cols || stride < hi-lo || (hi > lo && rows > 0 && n < (rows-1)*stride+hi-lo) {
		return fmt.Errorf("%s: columns %d to %d into %d values at stride %d, expected a part of %d x %d", path, lo, hi, n, stride, rows, cols)
	}
	return nil
}

// readStored copies the columns [lo, hi): dst[t*stride + (v-lo)].
func readStored[F float32 | float64](ctx context.Context, s *stored, lo, hi int, dst []F, stride int) error {
	if err := checkBlock(s.path, s.rows, s.cols, lo, hi, len(dst), stride); err != nil || lo == hi || s.rows == 0 {
		return err
	}
	if !s.loaded() && s.direct == nil {
		return fmt.Errorf("%s: %w", s.path, errNotLoaded)
	}
	if s.byColumn {
		return readByColumn(ctx, s, lo, hi, dst, stride)
	}
	return readByRow(ctx, s, lo, hi, dst, stride)
}

// readByColumn reads whole columns in pieces that stay in the second-level cache.
func readByColumn[F float32 | float64](ctx context.Context, s *stored, lo, hi int, dst []F, stride int) error {
	size := s.datatype.Size()
	width := min(hi-lo, max(1, readBuffer/(s.rows*size)))
	buf, release := buffer(width * s.rows * size)
	defer release()
	values := make([]F, width*s.rows)
	for at := lo; at < hi; at += width {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(width, hi-at)
		raw, err := s.piece(int64(at)*int64(s.rows*size), n*s.rows*size, buf)
		if err != nil {
			return err
		}
		decode(values[:n*s.rows], raw, s.datatype, s.scale)
		for v := range n {
			for t, x := range values[v*s.rows : (v+1)*s.rows] {
				dst[t*stride+at-lo+v] = x
			}
		}
	}
	return nil
}

// readByRow reads the part of every row.
func readByRow[F float32 | float64](ctx context.Context, s *stored, lo, hi int, dst []F, stride int) error {
	size := s.datatype.Size()
	buf, release := buffer((hi - lo) * size)
	defer release()
	for t := range s.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		raw, err := s.piece((int64(t)*int64(s.cols)+int64(lo))*int64(size), (hi-lo)*size, buf)
		if err != nil {
			return err
		}
		decode(dst[t*stride:t*stride+hi-lo], raw, s.datatype, s.scale)
	}
	return nil
}

// piece returns n little-endian bytes of values.
func (s *stored) piece(offset int64, n int, buf []byte) ([]byte, error) {
	if s.loaded() {
		raw, err := s.at(offset, n, buf)
		return raw, fileError(s.path, err)
	}
	if _, err := s.direct.ReadAt(buf[:n], s.first+offset); err != nil {
		if err == io.EOF {
			err = errors.New("values are cut off")
		}
		return nil, fileError(s.path, err)
	}
	if s.bigEndian {
		swapBytes(buf[:n], s.datatype.Size())
	}
	return buf[:n], nil
}
