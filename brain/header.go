package brain

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

const (
	sizeNifti1 = 348
	sizeNifti2 = 540
	// maxVoxels bounds the voxels of one volume, far above any scanner's: a
	// voxel's place fits in an int32, and a small compressed file cannot ask for
	// more than some GiB.
	maxVoxels = 1 << 28
)

// Header is what a NIfTI-1 or NIfTI-2 header says about an image. Fields are
// named as in the standard (nifti.nimh.nih.gov); numbers are widened to float64.
type Header struct {
	Version int // 1 or 2

	// Dims are the lengths of the axes x, y, z, time and the three further ones,
	// 1 where the header declares no such axis; NDim counts the declared ones.
	Dims [7]int64
	NDim int

	Datatype  Datatype
	VoxOffset int64
	// Slope and Inter map stored to real values, 1 and 0 if the header sets none
	// (scl_slope 0 or not finite).
	Slope, Inter float64

	// Pixdim[0] is the sign of the third axis under the qform, Pixdim[1:4] the
	// voxel size and Pixdim[4] the repetition time, in the units of XYZTUnits.
	Pixdim     [8]float64
	XYZTUnits  int
	QformCode  int
	SformCode  int
	Quatern    [3]float64 // b, c, d
	Qoffset    [3]float64
	Srow       [3][4]float64
	TOffset    float64
	DimInfo    uint8
	IntentCode int
	IntentP    [3]float64
	IntentName string
	Descrip    string
	AuxFile    string
	Extensions []Extension

	bigEndian bool
}

// Extension is one header extension: its registered code and its content
// without padding removed.
type Extension struct {
	Code int32
	Data []byte
}

// Volumes returns the length of the time axis.
func (h *Header) Volumes() int { return int(h.Dims[3]) }

// volumeBytes returns the stored bytes of one volume.
func (h *Header) volumeBytes() int64 {
	return h.Dims[0] * h.Dims[1] * h.Dims[2] * int64(h.Datatype.Size())
}

// dataBytes returns the stored bytes of the image.
func (h *Header) dataBytes() int64 { return h.volumeBytes() * h.Dims[3] }

func (h *Header) scaling() scaling {
	return scaling{slope: h.Slope, inter: h.Inter, on: h.Slope != 1 || h.Inter != 0}
}

// TR returns the repetition time in seconds, 0 if the header gives none. A
// header without a unit of time is taken as seconds. The single precision of
// NIfTI-1 is read as the decimals that were meant: 0.8, not 0.800000012.
func (h *Header) TR() float64 {
	bits, exponent := 64, 0
	if h.Version == 1 {
		bits = 32
	}
	switch h.XYZTUnits & 0x38 {
	case 16:
		exponent = -3
	case 24:
		exponent = -6
	}
	tr, err := shifted(h.Pixdim[4], bits, exponent)
	if h.NDim < 4 || err != nil || !(tr > 0) || !finite(tr) {
		return 0
	}
	return tr
}

// headerSize tells which version a header has, in which byte order, and how long
// it is: by the first four bytes, or, as nibabel does, by the magic of a NIfTI-1
// header whose first field is wrong; the number of axes then shows the order.
// Less than sizeNifti1 bytes may be given if the first four are right.
func headerSize(b []byte) (size int, order binary.ByteOrder, err error) {
	if len(b) < 4 {
		return 0, nil, fmt.Errorf("%d bytes, too short for a NIfTI header", len(b))
	}
	nifti1 := len(b) >= sizeNifti1 && (string(b[344:348]) == "n+1\x00" || string(b[344:348]) == "ni1\x00")
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch n := order.Uint32(b); {
		case n == sizeNifti1, n == sizeNifti2 && !nifti1:
			return int(n), order, nil
		}
	}
	if nifti1 {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			if n := order.Uint16(b[40:]); n >= 1 && n <= 7 {
				return sizeNifti1, order, nil
			}
		}
	}
	return 0, nil, fmt.Errorf("not a NIfTI file: header size is %d, expected %d or %d",
		int32(binary.LittleEndian.Uint32(b)), sizeNifti1, sizeNifti2)
}

// parseHeader reads the fixed part of a header, 348 or 540 bytes, and checks
// all that can be checked without the file.
func parseHeader(b []byte) (*Header, error) {
	size, order, err := headerSize(b)
	if err != nil {
		return nil, err
	}
	if len(b) < size {
		return nil, fmt.Errorf("header is cut off: %d bytes, expected %d", len(b), size)
	}
	f := fields{b: b, order: order}
	h := &Header{bigEndian: order == binary.BigEndian}
	var dim [8]int64
	var slope, inter float64
	if size == sizeNifti1 {
		dim, slope, inter, err = h.parse1(f)
	} else {
		dim, slope, inter, err = h.parse2(f)
	}
	if err != nil {
		return nil, err
	}
	if err := h.setDims(dim); err != nil {
		return nil, err
	}
	if h.Datatype.Size() == 0 {
		return nil, fmt.Errorf("voxels of type %s are not supported; expected an integer or float type of 8 to 64 bits", h.Datatype)
	}
	if err := h.checkSize(); err != nil {
		return nil, err
	}
	if err := h.setScaling(slope, inter); err != nil {
		return nil, err
	}
	if h.VoxOffset == 0 { // not set: right behind the header
		h.VoxOffset = int64(size + 4)
	}
	if min := int64(size + 4); h.VoxOffset < min {
		return nil, fmt.Errorf("vox_offset is %d, expected at least %d", h.VoxOffset, min)
	}
	h.mendVoxelSize()
	return h, nil
}

// mendVoxelSize takes sizes below 0 by their amount and sizes of 0 as 1, as
// nibabel does.
func (h *Header) mendVoxelSize() {
	for i := 1; i <= 3; i++ {
		if h.Pixdim[i] = math.Abs(h.Pixdim[i]); h.Pixdim[i] == 0 {
			h.Pixdim[i] = 1
		}
	}
}

func (h *Header) setDims(dim [8]int64) error {
	if dim[0] < 1 || dim[0] > 7 {
		return fmt.Errorf("dim[0] is %d, expected 1 to 7 axes", dim[0])
	}
	h.NDim = int(dim[0])
	for i := range h.Dims {
		h.Dims[i] = 1
		if i < h.NDim {
			h.Dims[i] = dim[i+1]
		}
		if h.Dims[i] < 1 {
			return fmt.Errorf("dim[%d] is %d, expected at least 1", i+1, h.Dims[i])
		}
	}
	return nil
}

// checkSize refuses products of the dimensions that no machine holds, before
// anything multiplies them unchecked.
func (h *Header) checkSize() error {
	voxels := int64(1)
	for _, n := range h.Dims[:3] {
		if n > maxVoxels/voxels {
			return fmt.Errorf("a volume of %d x %d x %d voxels is too large, expected at most %d",
				h.Dims[0], h.Dims[1], h.Dims[2], maxVoxels)
		}
		voxels *= n
	}
	total := voxels * 8
	for _, n := range h.Dims[3:] {
		if n > math.MaxInt64/2/total {
			return fmt.Errorf("dimensions %v claim more than 2^62 bytes", h.Dims)
		}
		total *= n
	}
	return nil
}

func (h *Header) setScaling(slope, inter float64) error {
	if slope == 0 || math.IsNaN(slope) || math.IsInf(slope, 0) {
		h.Slope, h.Inter = 1, 0
		return nil
	}
	if math.IsNaN(inter) || math.IsInf(inter, 0) {
		return fmt.Errorf("scl_slope is %g but scl_inter is %g, expected a finite number", slope, inter)
	}
	h.Slope, h.Inter = slope, inter
	return nil
}

var errPair = errors.New("the header of a .hdr/.img pair; expected a single .nii file")

func (h *Header) parse1(f fields) (dim [8]int64, slope, inter float64, err error) {
	h.Version = 1
	switch magic := f.text(344, 4); magic {
	case "n+1":
	case "ni1":
		if !(f.f32(108) >= sizeNifti1+4) { // else the voxels are in this file all the same
			return dim, 0, 0, errPair
		}
	default:
		return dim, 0, 0, fmt.Errorf("magic is %q, expected \"n+1\"", magic)
	}
	for i := range dim {
		dim[i] = int64(f.i16(40 + 2*i))
		h.Pixdim[i] = f.f32(76 + 4*i)
	}
	h.Datatype = Datatype(f.i16(70))
	offset := f.f32(108)
	if !(offset >= 0 && offset < 1<<53) {
		return dim, 0, 0, fmt.Errorf("vox_offset is %g, expected at least %d", offset, sizeNifti1+4)
	}
	h.VoxOffset = int64(offset)
	h.DimInfo = f.b[39]
	h.XYZTUnits = int(f.b[123])
	h.TOffset = f.f32(136)
	h.Descrip, h.AuxFile, h.IntentName = f.text(148, 80), f.text(228, 24), f.text(328, 16)
	h.IntentCode = int(f.i16(68))
	h.QformCode, h.SformCode = int(f.i16(252)), int(f.i16(254))
	for i := range 3 {
		h.IntentP[i] = f.f32(56 + 4*i)
		h.Quatern[i] = f.f32(256 + 4*i)
		h.Qoffset[i] = f.f32(268 + 4*i)
		for j := range 4 {
			h.Srow[i][j] = f.f32(280 + 16*i + 4*j)
		}
	}
	return dim, f.f32(112), f.f32(116), nil
}

// magic2 is the magic of a single-file NIfTI-2; its tail shows a transfer that
// changed line ends.
const magic2 = "n+2\x00\r\n\x1a\n"

func (h *Header) parse2(f fields) (dim [8]int64, slope, inter float64, err error) {
	h.Version = 2
	switch magic := string(f.b[4:12]); {
	case magic == magic2, magic == "n+2\x00\x00\x00\x00\x00":
	case strings.HasPrefix(magic, "ni2"):
		return dim, 0, 0, errPair
	default:
		return dim, 0, 0, fmt.Errorf("magic is %q, expected %q", magic, magic2)
	}
	for i := range dim {
		dim[i] = f.i64(16 + 8*i)
		h.Pixdim[i] = f.f64(104 + 8*i)
	}
	h.Datatype = Datatype(f.i16(12))
	h.VoxOffset = f.i64(168)
	h.DimInfo = f.b[524]
	h.XYZTUnits = int(f.i32(500))
	h.TOffset = f.f64(216)
	h.Descrip, h.AuxFile, h.IntentName = f.text(240, 80), f.text(320, 24), f.text(508, 16)
	h.IntentCode = int(f.i32(504))
	h.QformCode, h.SformCode = int(f.i32(344)), int(f.i32(348))
	for i := range 3 {
		h.IntentP[i] = f.f64(80 + 8*i)
		h.Quatern[i] = f.f64(352 + 8*i)
		h.Qoffset[i] = f.f64(376 + 8*i)
		for j := range 4 {
			h.Srow[i][j] = f.f64(400 + 32*i + 8*j)
		}
	}
	return dim, f.f64(176), f.f64(184), nil
}

// encode returns the header in little-endian order with its extensions, padded
// to VoxOffset, which it sets. Fields of the acquisition that a derived image
// does not share (slice timing, display range) are left zero.
func (h *Header) encode() []byte {
	size := sizeNifti1
	if h.Version == 2 {
		size = sizeNifti2
	}
	ext := encodeExtensions(h.Extensions)
	h.VoxOffset = int64(size + len(ext))
	b := make([]byte, size, size+len(ext))
	f := fields{b: b, order: binary.LittleEndian}
	binary.LittleEndian.PutUint32(b, uint32(size))
	if h.Version == 2 {
		h.encode2(f)
	} else {
		h.encode1(f)
	}
	return append(b, ext...)
}

func (h *Header) encode1(f fields) {
	copy(f.b[344:], "n+1")
	f.putI16(40, h.NDim)
	for i, n := range h.Dims {
		f.putI16(42+2*i, int(n))
	}
	for i, p := range h.Pixdim {
		f.putF32(76+4*i, p)
	}
	f.putI16(70, int(h.Datatype))
	f.putI16(72, 8*h.Datatype.Size())
	f.putF32(108, float64(h.VoxOffset))
	f.putF32(112, h.Slope)
	f.putF32(116, h.Inter)
	f.b[39], f.b[123] = h.DimInfo, uint8(h.XYZTUnits)
	f.putF32(136, h.TOffset)
	f.putText(148, 80, h.Descrip)
	f.putText(228, 24, h.AuxFile)
	f.putText(328, 16, h.IntentName)
	f.putI16(68, h.IntentCode)
	f.putI16(252, h.QformCode)
	f.putI16(254, h.SformCode)
	for i := range 3 {
		f.putF32(56+4*i, h.IntentP[i])
		f.putF32(256+4*i, h.Quatern[i])
		f.putF32(268+4*i, h.Qoffset[i])
		for j := range 4 {
			f.putF32(280+16*i+4*j, h.Srow[i][j])
		}
	}
}

func (h *Header) encode2(f fields) {
	copy(f.b[4:], magic2)
	f.putI64(16, int64(h.NDim))
	for i, n := range h.Dims {
		f.putI64(24+8*i, n)
	}
	for i, p := range h.Pixdim {
		f.putF64(104+8*i, p)
	}
	f.putI16(12, int(h.Datatype))
	f.putI16(14, 8*h.Datatype.Size())
	f.putI64(168, h.VoxOffset)
	f.putF64(176, h.Slope)
	f.putF64(184, h.Inter)
	f.b[524] = h.DimInfo
	f.putI32(500, h.XYZTUnits)
	f.putF64(216, h.TOffset)
	f.putText(240, 80, h.Descrip)
	f.putText(320, 24, h.AuxFile)
	f.putText(508, 16, h.IntentName)
	f.putI32(504, h.IntentCode)
	f.putI32(344, h.QformCode)
	f.putI32(348, h.SformCode)
	for i := range 3 {
		f.putF64(80+8*i, h.IntentP[i])
		f.putF64(352+8*i, h.Quatern[i])
		f.putF64(376+8*i, h.Qoffset[i])
		for j := range 4 {
			f.putF64(400+32*i+8*j, h.Srow[i][j])
		}
	}
}

// fields reads and writes numbers at the offsets of a fixed-size header.
type fields struct {
	b     []byte
	order binary.ByteOrder
}

func (f fields) i16(at int) int16   { return int16(f.order.Uint16(f.b[at:])) }
func (f fields) i32(at int) int32   { return int32(f.order.Uint32(f.b[at:])) }
func (f fields) i64(at int) int64   { return int64(f.order.Uint64(f.b[at:])) }
func (f fields) f32(at int) float64 { return float64(math.Float32frombits(f.order.Uint32(f.b[at:]))) }
func (f fields) f64(at int) float64 { return math.Float64frombits(f.order.Uint64(f.b[at:])) }

// text returns the bytes up to the first NUL.
func (f fields) text(at, n int) string {
	s, _, _ := bytes.Cut(f.b[at:at+n], []byte{0})
	return string(s)
}

func (f fields) putI16(at, x int)            { f.order.PutUint16(f.b[at:], uint16(x)) }
func (f fields) putI32(at, x int)            { f.order.PutUint32(f.b[at:], uint32(x)) }
func (f fields) putI64(at int, x int64)      { f.order.PutUint64(f.b[at:], uint64(x)) }
func (f fields) putF32(at int, x float64)    { f.order.PutUint32(f.b[at:], math.Float32bits(float32(x))) }
func (f fields) putF64(at int, x float64)    { f.order.PutUint64(f.b[at:], math.Float64bits(x)) }
func (f fields) putText(at, n int, s string) { copy(f.b[at:at+n], s) }

// parseExtensions reads the bytes between the fixed header and the voxels: a
// flag of four bytes, then records of size, code and data.
func parseExtensions(b []byte, order binary.ByteOrder) ([]Extension, error) {
	if len(b) < 4 || b[0] == 0 {
		return nil, nil
	}
	var exts []Extension
	// A rest shorter than the smallest record is padding.
	for b = b[4:]; len(b) >= 16; {
		size := int64(int32(order.Uint32(b)))
		if size == 0 {
			break
		}
		if size < 8 || size > int64(len(b)) {
			return nil, fmt.Errorf("header extension %d claims %d bytes, expected 8 to %d", len(exts)+1, size, len(b))
		}
		exts = append(exts, Extension{
			Code: int32(order.Uint32(b[4:])),
			Data: bytes.Clone(b[8:size]),
		})
		b = b[size:]
	}
	return exts, nil
}

// encodeExtensions returns the flag and the records, each padded to a multiple
// of 16 bytes as the standard asks.
func encodeExtensions(exts []Extension) []byte {
	b := make([]byte, 4)
	for _, e := range exts {
		b[0] = 1
		size := (8 + len(e.Data) + 15) / 16 * 16
		b = binary.LittleEndian.AppendUint32(b, uint32(size))
		b = binary.LittleEndian.AppendUint32(b, uint32(e.Code))
		b = append(b, e.Data...)
		b = append(b, make([]byte, size-8-len(e.Data))...)
	}
	return b
}
