package hdf5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"
)

// The filters that are read, by the number that HDF5 gives them.
const (
	filterGzip       = 1
	filterShuffle    = 2
	filterFletcher32 = 3
	filterLZF        = 32000 // h5py's own
)

// filterNames are those that are refused by name.
var filterNames = map[int]string{
	4: "szip", 5: "nbit", 6: "scale-offset", 305: "LZO", 307: "bzip2", 32001: "Blosc", 32004: "LZ4",
	32008: "bitshuffle", 32013: "ZFP", 32015: "Zstandard", 32026: "Blosc2",
}

type filter struct {
	id      int
	element int // of shuffle: bytes of an element
}

// filters reads a filter pipeline message.
func (f *File) filters(b []byte) ([]filter, error) {
	c := f.cursor(b, "filters")
	version, n := c.u8(), int(c.u8())
	switch {
	case version == 1:
		c.skip(6)
	case version != 2:
		c.fail("has filters of version %d, expected 1 or 2", version)
	}
	if n > 32 {
		c.fail("is damaged: %d filters", n)
	}
	var filters []filter
	for range n {
		if c.err != nil {
			return nil, c.err
		}
		id := int(c.u16())
		nameBytes := 0
		if version == 1 || id >= 256 {
			nameBytes = int(c.u16())
		}
		c.skip(2)
		values := int(c.u16())
		if version == 1 {
			nameBytes += -nameBytes & 7
		}
		c.skip(nameBytes)
		data := c.bytes(4 * values)
		if version == 1 && values%2 == 1 {
			c.skip(4)
		}
		switch id {
		case filterGzip, filterFletcher32, filterLZF:
		case filterShuffle:
			if len(data) < 4 {
				c.fail("is damaged: a shuffle filter without its element's size")
			} else {
				filters = append(filters, filter{id, int(binary.LittleEndian.Uint32(data))})
				continue
			}
		default:
			name := filterNames[id]
			if name == "" {
				name = "a filter that is not known"
			}
			c.fail("is compressed by %s (filter %d), expected gzip, lzf, shuffle or fletcher32: write it anew, as h5repack -f GZIP=4 does", name, id)
		}
		filters = append(filters, filter{id: id})
	}
	packers, sums := 0, 0
	for _, f := range filters {
		switch f.id {
		case filterGzip, filterLZF:
			packers++
		case filterFletcher32:
			sums++
		}
	}
	if packers > 1 || 4*sums > extra {
		c.fail("is damaged: chunks compressed %d times with %d checksums", packers, sums)
	}
	return filters, c.err
}

// deflateMost is the most bytes that deflate packs into one; LZF packs 88.
const deflateMost = 1032

// smallest is the fewest bytes that n bytes can have in the file. It keeps a
// damaged header from asking for memory that no data fill.
func smallest(filters []filter, n uint64) uint64 {
	for _, f := range filters {
		switch f.id {
		case filterGzip:
			n /= deflateMost
		case filterLZF:
			n /= 88
		}
	}
	return n
}

// unpacker undoes filters with buffers that it keeps.
type unpacker struct {
	gzip   io.ReadCloser
	source bytes.Reader
	packed []byte // a chunk as it lies in the file
	spare  []byte
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// extra is room behind a chunk for checksums that are not the last filter.
const extra = 8

// unpack undoes the filters of a chunk, the last first, apart from those of the
// mask, into dst, which must come out full and has capacity for extra bytes
// more. packed is changed.
func (u *unpacker) unpack(filters []filter, mask uint32, packed, dst []byte) error {
	sizes := make([]int, len(filters)) // of what filter i was given
	n := len(dst)
	for i, f := range filters {
		sizes[i] = n
		if f.id == filterFletcher32 && mask&(1<<i) == 0 {
			n += 4
		}
	}
	from := packed
	for i := len(filters) - 1; i >= 0; i-- {
		if mask&(1<<i) != 0 {
			continue
		}
		var err error
		switch f := filters[i]; f.id {
		case filterFletcher32:
			from, err = unfletcher(from)
		case filterGzip:
			from, err = u.inflate(from, u.other(from, dst, sizes[i]))
		case filterLZF:
			from, err = unLZF(from, u.other(from, dst, sizes[i]))
		case filterShuffle:
			if len(from) != sizes[i] {
				return wrongSize(len(from), sizes[i])
			}
			to := u.other(from, dst, sizes[i])
			unshuffle(to, from, f.element)
			from = to
		}
		if err != nil {
			return err
		}
	}
	if len(from) != len(dst) {
		return wrongSize(len(from), len(dst))
	}
	if len(from) > 0 && &from[0] != &dst[0] {
		copy(dst, from)
	}
	return nil
}

func wrongSize(got, want int) error {
	return formatf("is damaged: a chunk unpacks to %d bytes, expected %d", got, want)
}

// other returns n bytes that are not those of from: of dst, or of the spare of
// the unpacker.
func (u *unpacker) other(from, dst []byte, n int) []byte {
	if len(from) == 0 || cap(dst) == 0 || &from[0] != &dst[:1][0] {
		return dst[:n]
	}
	if cap(u.spare) < n {
		u.spare = make([]byte, n)
	}
	return u.spare[:n]
}

// unfletcher checks and takes off the checksum at the end. Libraries before
// 1.6.3 on little-endian machines wrote it with the bytes of each half swapped,
// which HDF5 itself still reads.
func unfletcher(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, formatf("is damaged: a chunk of %d bytes with a checksum", len(b))
	}
	b, end := b[:len(b)-4], b[len(b)-4:]
	want, got := binary.LittleEndian.Uint32(end), fletcher32(b)
	if want != got && want != (got>>8&0xff00ff|got&0xff00ff<<8) {
		return nil, formatf("is damaged: the checksum of a chunk does not fit its contents")
	}
	return b, nil
}

// inflate unpacks zlib data into dst and returns the part that is filled.
func (u *unpacker) inflate(b, dst []byte) ([]byte, error) {
	u.source.Reset(b)
	var err error
	if u.gzip == nil {
		u.gzip, err = zlib.NewReader(&u.source)
	} else {
		err = u.gzip.(zlib.Resetter).Reset(&u.source, nil)
	}
	if err != nil {
		u.gzip = nil
		return nil, formatf("is damaged: a chunk that is no gzip data: %v", err)
	}
	n, err := io.ReadFull(u.gzip, dst)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, formatf("is damaged: a chunk of gzip data: %v", err)
	}
	if n < len(dst) {
		return nil, wrongSize(n, len(dst))
	}
	// The checksum is compared when the end is reached.
	var one [1]byte
	if n, err := u.gzip.Read(one[:]); n > 0 || !errors.Is(err, io.EOF) {
		if n > 0 {
			err = fmt.Errorf("more than %d bytes", len(dst))
		}
		return nil, formatf("is damaged: a chunk of gzip data: %v", err)
	}
	return dst, nil
}

// unshuffle puts byte j of element i, which lies at j*n + i, back to i*size + j.
// Bytes beyond the last whole element stay.
func unshuffle(dst, src []byte, size int) {
	if size <= 1 || len(src) < size {
		copy(dst, src)
		return
	}
	n := len(src) / size
	if size == 4 {
		a, b, c, d := src[:n], src[n:2*n], src[2*n:3*n], src[3*n:4*n]
		for i := range a {
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(a[i])|uint32(b[i])<<8|uint32(c[i])<<16|uint32(d[i])<<24)
		}
	} else {
		for j := range size {
			for i, x := range src[j*n : (j+1)*n] {
				dst[i*size+j] = x
			}
		}
	}
	copy(dst[n*size:], src[n*size:])
}

// unLZF unpacks LZF (Marc Lehmann's liblzf, format of version 1): a byte below
// 32 is a count, less one, of bytes that follow; any other has a length in its
// upper three bits and, with the next byte, a distance back.
func unLZF(b, dst []byte) ([]byte, error) {
	damaged := formatf("is damaged: a chunk of lzf data")
	n := 0
	for i := 0; i < len(b); {
		head := int(b[i])
		i++
		if head < 32 {
			run := head + 1
			if i+run > len(b) || n+run > len(dst) {
				return nil, damaged
			}
			n += copy(dst[n:], b[i:i+run])
			i += run
			continue
		}
		run := head >> 5
		if run == 7 {
			if i >= len(b) {
				return nil, damaged
			}
			run += int(b[i])
			i++
		}
		if i >= len(b) {
			return nil, damaged
		}
		from := n - (head&31<<8 + int(b[i])) - 1
		i++
		run += 2
		if from < 0 || n+run > len(dst) {
			return nil, damaged
		}
		for k := range run { // the bytes may be those just written
			dst[n+k] = dst[from+k]
		}
		n += run
	}
	return dst[:n], nil
}
