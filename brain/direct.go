package brain

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
)

// A plan says how to fetch the voxels [lo, hi) from a volume in few reads: the
// spans to read, and for each the columns that lie in it.
type plan struct {
	lo, hi int
	spans  []span
}

type span struct {
	first, last int32 // stored voxels [first, last)
	voxels      []planVoxel
}

type planVoxel struct{ file, col int32 }

const (
	// maxSpan bounds the bytes of one read, and so the scratch of a reader.
	maxSpan = 4 << 20
	// maxGap is how many unwanted bytes are read to save a system call: about
	// what the page cache copies in the time of one.
	maxGap = 32 << 10
)

// planReads groups the block's voxels in file order into spans.
func planReads(file []int32, lo, hi, size int) *plan {
	order := make([]planVoxel, hi-lo)
	for c := range order {
		order[c] = planVoxel{file: file[lo+c], col: int32(c)}
	}
	slices.SortFunc(order, func(a, b planVoxel) int { return int(a.file) - int(b.file) })
	p := &plan{lo: lo, hi: hi}
	start := 0
	for i := 1; i <= len(order); i++ {
		if i < len(order) {
			gap := int(order[i].file-order[i-1].file) * size
			length := int(order[i].file-order[start].file+1) * size
			if gap <= maxGap && length <= maxSpan {
				continue
			}
		}
		p.spans = append(p.spans, span{
			first: order[start].file, last: order[i-1].file + 1, voxels: order[start:i],
		})
		start = i
	}
	return p
}

// planCache keeps the plan of the last block: a block is often read in both
// precisions, or again for a second pass.
type planCache struct {
	mu   sync.Mutex
	last *plan
}

func (c *planCache) get(file []int32, lo, hi, size int) *plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || c.last.lo != lo || c.last.hi != hi {
		c.last = planReads(file, lo, hi, size)
	}
	return c.last
}

// directReader reads the block from the image file itself.
func (s *Series) directReader(lo, hi int) rowReader {
	h := s.im.Header
	size := h.Datatype.Size()
	p := s.plans.get(s.mask.file(), lo, hi, size)
	longest := 0
	for _, sp := range p.spans {
		longest = max(longest, int(sp.last-sp.first)*size)
	}
	raw, releaseRaw := buffer((hi - lo) * size)
	scratch, releaseScratch := buffer(longest)
	return rowReader{
		row: func(t int) ([]byte, error) {
			volume := h.VoxOffset + int64(t)*h.volumeBytes()
			for _, sp := range p.spans {
				b := scratch[:int(sp.last-sp.first)*size]
				if _, err := s.direct.ReadAt(b, volume+int64(sp.first)*int64(size)); err != nil {
					if err == io.EOF {
						err = fmt.Errorf("volume %d is cut off", t)
					}
					return nil, err
				}
				sp.scatter(raw, b, size)
			}
			if h.bigEndian {
				swapBytes(raw, size)
			}
			return raw, nil
		},
		release: func() { releaseRaw(); releaseScratch() },
	}
}

// scatter copies the span's voxels from b to their columns.
func (sp *span) scatter(raw, b []byte, size int) {
	ne := binary.NativeEndian
	for _, v := range sp.voxels {
		at := int(v.file-sp.first) * size
		c := int(v.col)
		switch size {
		case 1:
			raw[c] = b[at]
		case 2:
			ne.PutUint16(raw[2*c:], ne.Uint16(b[at:]))
		case 4:
			ne.PutUint32(raw[4*c:], ne.Uint32(b[at:]))
		case 8:
			ne.PutUint64(raw[8*c:], ne.Uint64(b[at:]))
		}
	}
}
