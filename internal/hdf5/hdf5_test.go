package hdf5

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSeeds: the small files can be read, checksums compared; every data set and
// link of them is found. Their values are checked in package store.
func TestSeeds(t *testing.T) {
	for name, b := range seeds(t) {
		want := 1
		if strings.HasPrefix(name, "filters") {
			want = 2
		}
		if n, err := readAll(b, false); n != want || err != nil {
			t.Errorf("%s: %d data sets, want %d, %v", name, n, want, err)
		}
	}
}

// TestChecksums against published values: of lookup3.c's own test for an initial
// value of 0, and of Fletcher's checksum for big-endian words.
func TestChecksums(t *testing.T) {
	for text, want := range map[string]uint32{"": 0xdeadbeef, "Four score and seven years ago": 0x17770551} {
		if got := lookup3([]byte(text)); got != want {
			t.Errorf("lookup3(%q) = %#x, want %#x", text, got, want)
		}
	}
	// by the definition, sums modulo 65535; 0 and 65535 are one there
	for _, n := range []int{0, 1, 2, 3, 719, 720, 721, 5000} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(255 - i*i%7)
		}
		s1, s2 := 0, 0
		for i := 0; i < n; i += 2 {
			w := int(b[i]) << 8
			if i+1 < n {
				w += int(b[i+1])
			}
			s1 = (s1 + w) % 65535
			s2 = (s2 + s1) % 65535
		}
		got := fletcher32(b)
		if int(got&0xffff)%65535 != s1 || int(got>>16)%65535 != s2 {
			t.Errorf("fletcher32 of %d bytes = %#x, want %#x%04x", n, got, s2, s1)
		}
	}
}

// TestDamage: a byte changed in a block with a checksum is noticed, whichever it is.
func TestDamage(t *testing.T) {
	for name, b := range seeds(t) {
		if !strings.HasSuffix(name, "_latest.h5") {
			continue
		}
		for _, sign := range []string{"OHDR", "BTHD", "BTLF", "FAHD", "FADB", "EAHD", "EAIB", "FRHP"} {
			at := bytes.Index(b, []byte(sign))
			if at < 0 {
				continue
			}
			damaged := slices.Clone(b)
			damaged[at+len(sign)+9] ^= 0x10
			_, err := readAll(damaged, false)
			if !isFormat(err) {
				t.Errorf("%s: %s damaged: %v", name, sign, err)
			}
		}
	}
}

func isFormat(err error) bool {
	var f *FormatError
	return errors.As(err, &f)
}

// TestHostile: files whose headers ask for everything end at once, without memory
// to speak of.
func TestHostile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sizes := []uint64{math.MaxUint64, math.MaxInt64, 1 << 40, math.MaxUint32, 1 << 31, 0, 1}
	names := slices.Sorted(maps.Keys(seeds(t)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	runs := 0
	for _, name := range names {
		whole := seeds(t)[name]
		for at := 0; at+8 <= len(whole); at += 1 + random.IntN(12) {
			b := slices.Clone(whole)
			binary.LittleEndian.PutUint64(b[at:], sizes[random.IntN(len(sizes))])
			if _, err := readAll(b, true); err != nil && !isFormat(err) && !IsNotFound(err) {
				t.Fatalf("%s with a length changed at %d: %v", name, at, err)
			}
			runs++
		}
	}
	runtime.ReadMemStats(&after)
	// A few runs reach a fill value, which has up to maxUnwritten bytes.
	if each := (after.TotalAlloc - before.TotalAlloc) / uint64(runs); each > 2<<20 {
		t.Errorf("%d bytes allocated for a file of some kB, expected less", each)
	}
	// 3,000 files in less than 1 s where nothing else runs
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("%d files took %s", runs, d)
	}
}

// counting counts the reads of a file that begin at a place.
type counting struct {
	io.ReaderAt
	mu    sync.Mutex
	reads map[int64]int
}

func (c *counting) ReadAt(b []byte, at int64) (int, error) {
	c.mu.Lock()
	c.reads[at]++
	c.mu.Unlock()
	return c.ReaderAt.ReadAt(b, at)
}

// TestChunksAreReadOnce: a pass over blocks of columns that cut chunks reads each
// once, by one goroutine or more, if a column of chunks fits the memory; and all
// that memory says is kept.
func TestChunksAreReadOnce(t *testing.T) {
	whole := seeds(t)["filters_earliest.h5"]
	for _, goroutines := range []int{1, 4} {
		r := &counting{ReaderAt: bytes.NewReader(whole), reads: map[int64]int{}}
		f, err := Open(r, int64(len(whole)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.Dataset("/x") // 5 x 7 in chunks of 3 x 4: 2 x 2 of them, of 48 bytes
		if err != nil {
			t.Fatal(err)
		}
		chunks, err := d.Chunks()
		if err != nil {
			t.Fatal(err)
		}
		chunks.Keep(2 * 48)
		clear(r.reads)
		var mu sync.Mutex
		var seen []string
		for v := range 7 {
			var group sync.WaitGroup
			for range goroutines {
				group.Go(func() {
					err := chunks.EachChunk(context.Background(), []int{0, v}, []int{5, 1}, 0, func(c Chunk) error {
						mu.Lock()
						defer mu.Unlock()
						seen = append(seen, fmt.Sprint(c.Start, c.Shape, c.Full))
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
		}
		slices.Sort(seen)
		if got := slices.Compact(seen); !slices.Equal(got, []string{"[0 0] [3 4] [3 4]", "[0 4] [3 3] [3 4]", "[3 0] [2 4] [3 4]", "[3 4] [2 3] [3 4]"}) {
			t.Errorf("chunks %v", got)
		}
		if len(r.reads) != 4 {
			t.Errorf("%d chunks read, want 4", len(r.reads))
		}
		for at, n := range r.reads {
			if n != 1 {
				t.Errorf("the chunk at %d was read %d times", at, n)
			}
		}
		if held := chunks.cache.held; held > 2*48 {
			t.Errorf("%d bytes are kept", held)
		}
	}
}

// TestLZF: runs, distances back that overlap what they write, and what does not end.
func TestLZF(t *testing.T) {
	for _, c := range []struct {
		packed, want string
	}{
		{"\x02abc", "abc"},
		{"\x00a\xe0\x03\x00", "a" + strings.Repeat("a", 12)},
		{"\x02abc\x20\x02", "abcabc"},
		{"\x02ab", ""},
		{"\x20\x00", ""},
		{"\x00a\xe0", ""},
		{"\x00a\x20", ""},
		{"\x00a\xff\xff\xff", ""},
	} {
		got, err := unLZF([]byte(c.packed), make([]byte, 20))
		if string(got) != c.want || (c.want == "") != isFormat(err) {
			t.Errorf("%q unpacks to %q, %v, want %q", c.packed, got, err, c.want)
		}
	}
}
