package brain

import (
	"context"
	"fmt"
	"io"
)

// Nifti is a NIfTI file of which the header has been read and checked.
type Nifti struct {
	Path   string
	Header *Header
	Grid   *Grid

	files Files

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

// Nifti reads and checks the header of a NIfTI-1 or NIfTI-2 file, .nii or
// .nii.gz, and leaves the voxels where they are. Files are told apart by their
// content, not by their name. A file that is too short for what its header
// claims is refused here if it is not compressed, and when its voxels are read
// if it is.
func (f Files) Nifti(path string) (*Nifti, error) {
	im, err := f.header(path)
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

// header reads the header of a file of any number of axes.
func (f Files) header(path string) (*Nifti, error) {
	r, err := f.reader(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	im := &Nifti{Path: path, files: f, compressed: r.compressed, fileSize: r.file.size}
	if im.Header, err = f.readHeader(path, r, im.maxContent()); err != nil {
		return nil, err
	}
	if err := im.checkLength(); err != nil {
		return nil, err
	}
	im.Grid, err = im.Header.Grid()
	return im, err
}

// maxContent is the most bytes that the file can hold once unpacked.
func (im *Nifti) maxContent() int64 {
	if im.compressed {
		return im.fileSize * maxDeflate
	}
	return im.fileSize
}

func (im *Nifti) checkLength() error {
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
func (f Files) readHeader(path string, r io.Reader, limit int64) (*Header, error) {
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
	// the bytes, and four times as much for what an XML of them is parsed to
	if err := f.room(path, "the header", 5*n); err != nil {
		return nil, err
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

// maxTrailer bounds what is read behind the voxels of a compressed image to
// reach its checksum.
const maxTrailer = 64 << 20

// stream hands the stored bytes of the image to visit, in file order and
// little-endian, in pieces of at most chunk bytes that hold whole values; at is
// the offset of a piece from the first voxel. visit must not keep the piece.
func (im *Nifti) stream(ctx context.Context, chunk int, visit func(at int64, piece []byte) error) error {
	return im.streamBytes(ctx, im.Header.dataBytes(), chunk, visit)
}

// streamBytes is stream for the first total bytes of values.
func (im *Nifti) streamBytes(ctx context.Context, total int64, chunk int, visit func(at int64, piece []byte) error) error {
	r, err := im.files.reader(im.Path)
	if err != nil {
		return fileError(im.Path, err)
	}
	defer r.Close()
	return fileError(im.Path, im.streamFrom(ctx, r, total, chunk, visit))
}

func (im *Nifti) streamFrom(ctx context.Context, r *reader, total int64, chunk int, visit func(at int64, piece []byte) error) error {
	h := im.Header
	size := h.Datatype.Size()
	if _, err := io.CopyN(io.Discard, r, h.VoxOffset); err != nil {
		return fmt.Errorf("header: %w", err)
	}
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
	if r.compressed {
		if _, err := io.CopyN(io.Discard, r, maxTrailer); err != nil && err != io.EOF {
			return fmt.Errorf("behind the voxels: %w", err)
		}
	}
	return nil
}

// each decodes the volumes one after the other in float64 and hands them to visit
// in short pieces, in file order: the first axis fastest, first the place of the
// piece in volume t. visit must not keep the slice.
func (im *Nifti) each(ctx context.Context, visit func(t, first int, values []float64) error) error {
	h := im.Header
	n, size := im.Grid.Voxels(), h.Datatype.Size()
	values := make([]float64, min(n, decodeRun))
	return im.stream(ctx, streamChunk(h), func(at int64, piece []byte) error {
		t, from := int(at/h.volumeBytes()), int(at%h.volumeBytes())/size
		for len(piece) > 0 {
			m := min(n-from, len(piece)/size, len(values))
			decode(values[:m], piece, h.Datatype, h.scaling())
			if err := visit(t, from, values[:m]); err != nil {
				return err
			}
			piece = piece[m*size:]
			if from += m; from == n {
				t, from = t+1, 0
			}
		}
		return nil
	})
}

// decodeRun is how many values are decoded at a time on their way to another
// order: 32 KiB of them, which stay in the first-level cache.
const decodeRun = 4096

// streamChunk is the piece in which an image is read through: whole volumes as
// far as they fit in 4 MiB.
func streamChunk(h *Header) int {
	const limit = 4 << 20
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
func (im *Nifti) Mean(ctx context.Context) (*Volume, error) {
	mean, err := im.empty()
	if err != nil {
		return nil, err
	}
	err = im.each(ctx, func(_, first int, values []float64) error {
		for i, x := range values {
			mean.Values[im.Grid.gridIndex(first+i)] += x
		}
		return nil
	})
	for v := range mean.Values {
		mean.Values[v] /= float64(im.Header.Volumes())
	}
	return mean, err
}

// Volume returns volume t of the image.
func (im *Nifti) Volume(ctx context.Context, t int) (*Volume, error) {
	if n := im.Header.Volumes(); t < 0 || t >= n {
		return nil, inputErrorf(im.Path, "no volume %d, expected 0 to %d", t, n-1)
	}
	out, err := im.empty()
	if err != nil {
		return nil, err
	}
	err = im.each(ctx, func(at, first int, values []float64) error {
		if at == t {
			for i, x := range values {
				out.Values[im.Grid.gridIndex(first+i)] = x
			}
		}
		return nil
	})
	return out, err
}

// empty makes a volume of the image's grid.
func (im *Nifti) empty() (*Volume, error) {
	n := im.Grid.Voxels()
	if err := im.files.room(im.Path, "a volume", 8*int64(n)); err != nil {
		return nil, err
	}
	return &Volume{Grid: im.Grid, Values: make([]float64, n)}, nil
}
