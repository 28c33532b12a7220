package brain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

// Image is a NIfTI file of which the header has been read and checked.
type Image struct {
	Path   string
	Header *Header
	Grid   *Grid

	compressed bool
	fileSize   int64
}

const (
	// maxExtensions bounds the bytes of header extensions that are held; a
	// CIFTI-2 description of a whole brain takes a few MiB.
	maxExtensions = 256 << 20
	// maxDeflate bounds how many bytes one compressed byte can stand for
	// (zlib's technical notes: 1032:1).
	maxDeflate = 1032
)

// Open reads and checks the header of a NIfTI-1 or NIfTI-2 file, .nii or
// .nii.gz, and leaves the voxels where they are. Files are told apart by their
// content, not by their name. A file that is too short for what its header
// claims is refused here if it is not compressed, and when its voxels are read
// if it is.
func Open(path string) (*Image, error) {
	im, err := open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	for axis := 4; axis < 7; axis++ {
		if n := im.Header.Dims[axis]; n != 1 {
			return nil, inputErrorf(path, "dim[%d] is %d, expected images of at most 4 axes", axis+1, n)
		}
	}
	return im, nil
}

func open(path string) (*Image, error) {
	r, err := openReader(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	im := &Image{Path: path, compressed: r.gz != nil, fileSize: r.size}
	if im.Header, err = readHeader(r, im.maxContent()); err != nil {
		return nil, err
	}
	if err := im.checkLength(); err != nil {
		return nil, err
	}
	im.Grid, err = im.Header.Grid()
	return im, err
}

// maxContent is the most bytes that the file can hold once unpacked.
func (im *Image) maxContent() int64 {
	if im.compressed {
		return im.fileSize * maxDeflate
	}
	return im.fileSize
}

func (im *Image) checkLength() error {
	h := im.Header
	others := h.Dims[4] * h.Dims[5] * h.Dims[6]
	claim := h.VoxOffset + h.dataBytes()*others
	if claim > im.maxContent() {
		kind := "file of"
		if im.compressed {
			kind = "gzip file of"
		}
		return fmt.Errorf("header claims %d bytes, but a %s %d bytes holds at most %d", claim, kind, im.fileSize, im.maxContent())
	}
	return nil
}

// readHeader reads the fixed header and its extensions from the start of a file
// that holds at most limit bytes.
func readHeader(r io.Reader, limit int64) (*Header, error) {
	b := make([]byte, sizeNifti2)
	if err := readFull(r, b[:sizeNifti1], "header"); err != nil {
		return nil, err
	}
	size, order, err := headerSize(b)
	if err != nil {
		return nil, err
	}
	if err := readFull(r, b[sizeNifti1:size], "header"); err != nil {
		return nil, err
	}
	h, err := parseHeader(b[:size])
	if err != nil {
		return nil, err
	}
	n := h.VoxOffset - int64(size)
	if h.VoxOffset > limit {
		return nil, fmt.Errorf("vox_offset is %d, beyond the end of the file", h.VoxOffset)
	}
	if n > maxExtensions {
		return nil, fmt.Errorf("vox_offset is %d, expected at most %d", h.VoxOffset, maxExtensions+size)
	}
	ext, err := io.ReadAll(io.LimitReader(r, n))
	if err == nil && int64(len(ext)) < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("header extensions are cut off: %w", err)
	}
	h.Extensions, err = parseExtensions(ext, order)
	return h, err
}

// readFull fills b and says which part of the file was cut off if it cannot.
func readFull(r io.Reader, b []byte, what string) error {
	n, err := io.ReadFull(r, b)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("%s is cut off: %d bytes, expected %d", what, n, len(b))
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// reader reads a file from its start, unpacking it if it is compressed.
type reader struct {
	io.Reader
	file *os.File
	gz   *gzip.Reader
	size int64 // of the file on disk
}

func (r *reader) Close() error { return r.file.Close() }

func openReader(path string) (*reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &reader{file: file}
	if err := r.start(); err != nil {
		file.Close()
		return nil, err
	}
	return r, nil
}

// readBuffer is large enough that system calls cost nothing beside unpacking.
const readBuffer = 256 << 10

func (r *reader) start() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	r.size = info.Size()
	buffered := bufio.NewReaderSize(r.file, readBuffer)
	r.Reader = buffered
	if magic, err := buffered.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return nil // a short file is refused by who reads the header
	}
	if r.gz, err = gzip.NewReader(buffered); err != nil {
		return fmt.Errorf("gzip: %w", err)
	}
	r.Reader = r.gz
	return nil
}

// maxTrailer bounds what is read behind the voxels of a compressed image to
// reach its checksum.
const maxTrailer = 64 << 20

// stream hands the stored bytes of the image to visit, in file order and
// little-endian, in pieces of at most chunk bytes that hold whole values; at is
// the offset of a piece from the first voxel. visit must not keep the piece.
func (im *Image) stream(ctx context.Context, chunk int, visit func(at int64, piece []byte) error) error {
	r, err := openReader(im.Path)
	if err != nil {
		return fileError(im.Path, err)
	}
	defer r.Close()
	return fileError(im.Path, im.streamFrom(ctx, r, chunk, visit))
}

func (im *Image) streamFrom(ctx context.Context, r *reader, chunk int, visit func(at int64, piece []byte) error) error {
	h := im.Header
	size := h.Datatype.Size()
	if _, err := io.CopyN(io.Discard, r, h.VoxOffset); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	total := h.dataBytes()
	buf := make([]byte, min(total, int64(chunk/size*size)))
	for at := int64(0); at < total; {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece := buf[:min(int64(len(buf)), total-at)]
		if n, err := io.ReadFull(r, piece); err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return fmt.Errorf("voxels are cut off: %d bytes, expected %d", at+int64(n), total)
			}
			return fmt.Errorf("voxels at byte %d: %w", at+int64(n), err)
		}
		if h.bigEndian {
			swapBytes(piece, size)
		}
		if err := visit(at, piece); err != nil {
			return err
		}
		at += int64(len(piece))
	}
	if r.gz != nil {
		if _, err := io.CopyN(io.Discard, r, maxTrailer); err != nil && err != io.EOF {
			return fmt.Errorf("behind the voxels: %w", err)
		}
	}
	return nil
}

// EachVolume decodes the volumes one after the other in float64 and hands them
// to visit with the last axis fastest. visit must not keep the slice.
func (im *Image) EachVolume(ctx context.Context, visit func(t int, volume []float64) error) error {
	g, h := im.Grid, im.Header
	n, size := g.Voxels(), h.Datatype.Size()
	volume := make([]float64, n)
	values := make([]float64, min(n, decodeRun))
	return im.stream(ctx, streamChunk(h), func(at int64, piece []byte) error {
		t, from := int(at/h.volumeBytes()), int(at%h.volumeBytes())/size
		for len(piece) > 0 {
			m := min(n-from, len(piece)/size, len(values))
			decode(values[:m], piece, h.Datatype, h.scaling())
			for i, x := range values[:m] {
				volume[g.gridIndex(from+i)] = x
			}
			piece = piece[m*size:]
			if from += m; from < n {
				continue
			}
			if err := visit(t, volume); err != nil {
				return err
			}
			t, from = t+1, 0
		}
		return nil
	})
}

// decodeRun is how many values are decoded at a time on their way to another
// order: 32 KiB of them, which stay in the first-level cache.
const decodeRun = 4096

// streamChunk is the piece in which an image is read through: whole volumes as
// far as they fit in 16 MiB.
func streamChunk(h *Header) int {
	const limit = 16 << 20
	if vb := h.volumeBytes(); vb <= limit {
		return int(limit / vb * vb)
	}
	return limit
}

// Volume holds one value per voxel of a grid, the last axis fastest.
type Volume struct {
	Grid   *Grid
	Values []float64
}

// At returns the value of voxel (i, j, k).
func (v *Volume) At(i, j, k int) float64 {
	return v.Values[k+v.Grid.Dims[2]*(j+v.Grid.Dims[1]*i)]
}

// Mean returns the mean over the volumes, summed in float64 in their order.
func (im *Image) Mean(ctx context.Context) (*Volume, error) {
	mean := &Volume{Grid: im.Grid, Values: make([]float64, im.Grid.Voxels())}
	err := im.EachVolume(ctx, func(_ int, volume []float64) error {
		for v, x := range volume {
			mean.Values[v] += x
		}
		return nil
	})
	for v := range mean.Values {
		mean.Values[v] /= float64(im.Header.Volumes())
	}
	return mean, err
}

// Volume returns volume t of the image.
func (im *Image) Volume(ctx context.Context, t int) (*Volume, error) {
	if n := im.Header.Volumes(); t < 0 || t >= n {
		return nil, inputErrorf(im.Path, "no volume %d, expected 0 to %d", t, n-1)
	}
	out := &Volume{Grid: im.Grid, Values: make([]float64, im.Grid.Voxels())}
	err := im.EachVolume(ctx, func(at int, volume []float64) error {
		if at == t {
			copy(out.Values, volume)
		}
		return nil
	})
	return out, err
}
