package store

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// slowFile waits before every read and notes what it was asked for.
type slowFile struct {
	*bytes.Reader
	wait  time.Duration
	asked map[int64]int64
	early int // reads of what had been asked for
}

func (f *slowFile) WillNeed(off, n int64) { f.asked[off] = n }

func (f *slowFile) ReadAt(b []byte, off int64) (int, error) {
	time.Sleep(f.wait)
	if f.asked[off] == int64(len(b)) {
		f.early++
	}
	return f.Reader.ReadAt(b, off)
}

// TestReadAhead: a file whose reads wait is asked for every later segment
// exactly where it will be read.
func TestReadAhead(t *testing.T) {
	const rows, cols, lo, hi = 80, 5000, 100, 2148
	raw := make([]byte, rows*cols*4)
	for _, d := range []DType{Float32, {Kind: Float, Size: 4, Big: true}} {
		f := &slowFile{Reader: bytes.NewReader(raw), wait: 200 * time.Microsecond, asked: map[int64]int64{}}
		a, err := newFlat("slow", f, 0, d, []int{rows, cols}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.ReadFloat32(context.Background(), lo, hi, make([]float32, rows*(hi-lo)), hi-lo); err != nil {
			t.Fatal(err)
		}
		if f.early < rows-2 || len(f.asked) != f.early {
			t.Errorf("%s: %d segments asked for, %d of %d reads found theirs", d, len(f.asked), f.early, rows)
		}
	}
}
