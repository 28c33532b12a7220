package store

import (
	"io"
	"time"
)

// willNeeder is a file that can be told which bytes will be read soon.
type willNeeder interface {
	WillNeed(off, n int64)
}

// readAhead asks for the segments of later rows while earlier ones are read.
// The kernel reads ahead by itself where reads follow each other, but not where
// they jump from row to row: a block of 2,048 of 60,000 columns then waits for
// the disk once a row, at a fifth of the speed that the same disk reaches with
// 64 rows asked for. Where the file is in memory already, asking would only
// cost time, so it begins with the first read that had to wait.
type readAhead struct {
	file  willNeeder // nil: nothing can be asked
	first int64      // byte of the file at which row 0's segment begins
	step  int64      // bytes from row to row
	bytes int64      // of a segment
	rows  int
	asked int // rows before this one have been asked for
	cold  bool
}

const (
	// aheadRows is how many rows are asked for at a time, while as many before
	// them are read. From 32 to 128 it makes no difference.
	aheadRows = 32
	// A read that takes longer than this, and than a copy at waitRate, has waited.
	waitTime = 20 * time.Microsecond
	waitRate = 1 << 10 // bytes per microsecond: a sixth of the page cache's speed
)

func newReadAhead(r io.ReaderAt, first, step, bytes int64, rows int) *readAhead {
	file, _ := r.(willNeeder)
	return &readAhead{file: file, first: first, step: step, bytes: bytes, rows: rows}
}

// row reads the segment of row t, which read does, and asks for later ones.
func (h *readAhead) row(t int, read func() error) error {
	if h.file == nil {
		return read()
	}
	if h.cold {
		if t+aheadRows >= h.asked {
			h.ask(t+1, t+2*aheadRows)
		}
		return read()
	}
	begin := time.Now()
	err := read()
	h.cold = time.Since(begin) > waitTime+time.Duration(h.bytes/waitRate)*time.Microsecond
	return err
}

// ask asks for rows [lo, hi) but those asked for before.
func (h *readAhead) ask(lo, hi int) {
	for t := max(lo, h.asked); t < min(hi, h.rows); t++ {
		h.file.WillNeed(h.first+int64(t)*h.step, h.bytes)
	}
	h.asked = max(h.asked, hi)
}
