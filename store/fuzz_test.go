package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// seedFiles adds the golden files of a pattern, whole and cut in half.
func seedFiles(f *testing.F, pattern string) {
	files, err := filepath.Glob(golden(pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 4096 {
			f.Add(b)
			f.Add(b[:len(b)/2])
		}
	}
}

// FuzzNpyHeader: whatever the bytes, an array of exactly their length or an
// InputError; what can be opened can be read.
func FuzzNpyHeader(f *testing.F) {
	seedFiles(f, "*.npy")
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := newNpyArray("fuzz.npy", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !IsInput(err) {
				t.Fatalf("not an InputError: %v", err)
			}
			return
		}
		if a.offset+a.dataBytes() != int64(len(b)) {
			t.Fatalf("%d bytes from %d in a file of %d", a.dataBytes(), a.offset, len(b))
		}
		x, err := Float64s(context.Background(), a)
		if err != nil && !IsInput(err) {
			t.Fatal(err)
		}
		if err == nil && int64(len(x))*int64(a.dtype.Size) != a.dataBytes() && a.rows*a.cols != 0 {
			t.Fatalf("%d elements of %v", len(x), a.shape)
		}
	})
}

// FuzzSafetensors: an InputError or tensors that lie within the file. A fuzzer does not
// find the length of the header: a file is made of header and elements, too.
func FuzzSafetensors(f *testing.F) {
	files, err := filepath.Glob(golden("*.safetensors"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if n := 8 + binary.LittleEndian.Uint64(b); n < 4096 {
			f.Add(b[8:n], uint16(uint64(len(b))-n))
			f.Add(b[:n], uint16(0))
		}
	}
	f.Add([]byte(`{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}  `), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, elements uint16) {
		whole := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(b)+int(elements)), uint64(len(b)))
		whole = append(whole, b...)
		checkSafetensors(t, whole[:len(whole)+int(elements)])
		checkSafetensors(t, b)
	})
}

func checkSafetensors(t *testing.T, b []byte) {
	t.Helper()
	entries, start, err := readSafetensorsHeader("fuzz.safetensors", bytes.NewReader(b), int64(len(b)))
	if err != nil {
		if !IsInput(err) {
			t.Fatalf("not an InputError: %v", err)
		}
		return
	}
	at := start
	for _, e := range entries {
		if start+e.begin != at || e.end < e.begin {
			t.Fatalf("tensor %q at %d to %d, expected from %d", e.name, start+e.begin, start+e.end, at)
		}
		at = start + e.end
		if _, err := newFlat("fuzz", bytes.NewReader(b), start+e.begin, e.dtype, e.shape, false); err != nil {
			t.Fatal(err)
		}
	}
	if at != int64(len(b)) {
		t.Fatalf("tensors end at %d of %d", at, len(b))
	}
}

// FuzzNpz: an InputError or a matrix whose parts fit together.
func FuzzNpz(f *testing.F) {
	seedFiles(f, "codes_*.npz")
	seedFiles(f, "plain*.npz")
	f.Fuzz(func(t *testing.T, b []byte) {
		z, err := newNpz("fuzz.npz", bytes.NewReader(b), int64(len(b)))
		if err == nil {
			var s *Sparse
			if s, err = z.sparse(context.Background()); err == nil {
				checkSparse(t, s)
				return
			}
		}
		if !IsInput(err) {
			t.Fatalf("not an InputError: %v", err)
		}
	})
}

func checkSparse(t *testing.T, s *Sparse) {
	t.Helper()
	for n := range s.Cols {
		rows, values := s.Column(n)
		if len(rows) != len(values) {
			t.Fatalf("column %d: %d rows, %d values", n, len(rows), len(values))
		}
		for k, i := range rows {
			if i < 0 || int(i) >= s.Rows || k > 0 && i <= rows[k-1] {
				t.Fatalf("column %d: rows %v", n, rows)
			}
		}
	}
}

// FuzzJournal: what counts as valid is read the same from those bytes alone,
// and writing it again gives entries that are read the same.
func FuzzJournal(f *testing.F) {
	key, err := journalEntry{Key: &journalKey{Command: "encode"}}.line()
	if err != nil {
		f.Fatal(err)
	}
	done, err := journalEntry{Range: &journalRange{Lo: 0, Hi: 5, Sums: map[string]string{"a": "0"}}}.line()
	if err != nil {
		f.Fatal(err)
	}
	whole := append(key, done...)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(checkedLine([]byte(`{"range":{"lo":5,"hi":1}}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		// A fuzzer does not find checksums: the text is tried with the right one too.
		for _, journal := range [][]byte{b, append(bytes.Clone(key), checkedLine(b)...)} {
			entries, valid := parseJournal(journal)
			if valid < 0 || valid > len(journal) {
				t.Fatalf("%d of %d bytes", valid, len(journal))
			}
			again, same := parseJournal(journal[:valid])
			if same != valid || len(again) != len(entries) {
				t.Fatalf("%d entries in %d bytes, then %d in %d", len(entries), valid, len(again), same)
			}
			for i, e := range entries {
				if e.Range != nil && (e.Range.Lo < 0 || e.Range.Hi < e.Range.Lo) || (i == 0) != (e.Key != nil) {
					t.Fatalf("entry %d: %+v", i, e)
				}
			}
		}
	})
}

// FuzzTable: what is read and written again is read the same.
func FuzzTable(f *testing.F) {
	seedFiles(f, "*.tsv")
	f.Add([]byte("a\t\"b\r\nc\"\"\"\n\r\r\n\"\""))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, lines, err := parseCells("fuzz.tsv", string(b), '\t')
		if err != nil {
			if !IsInput(err) {
				t.Fatalf("not an InputError: %v", err)
			}
			return
		}
		if len(rows) != len(lines) {
			t.Fatalf("%d rows, %d lines", len(rows), len(lines))
		}
		for _, row := range rows {
			var out bytes.Buffer
			w := NewTableWriter(&out, row...)
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			again, _, err := parseCells("again.tsv", out.String(), '\t')
			if err != nil || len(again) != 1 || len(again[0]) != len(row) {
				t.Fatalf("%q was written as %q and read as %q, %v", row, out.String(), again, err)
			}
			for i := range row {
				if again[0][i] != row[i] || !utf8.ValidString(row[i]) {
					t.Fatalf("%q was written as %q and read as %q", row, out.String(), again)
				}
			}
		}
	})
}
