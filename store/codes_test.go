package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestCodesSink gives blocks of uneven width in a mixed order from several
// goroutines and gets scipy's own members.
func TestCodesSink(t *testing.T) {
	ctx := context.Background()
	dense, _, err := LoadFloat32(ctx, OS{}, golden("codes_dense.npy"))
	if err != nil {
		t.Fatal(err)
	}
	for file, d := range map[string]DType{"codes_f4.npz": Float32, "codes_f8_stored.npz": Float64} {
		dir := t.TempDir()
		j, err := OpenJob(OS{}, dir, JobOptions{Command: "learn"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := j.CreateCodes(ctx, "codes.npz", d, 6, 11)
		if err != nil {
			t.Fatal(err)
		}
		if c.Rows() != 6 || c.Cols() != 11 {
			t.Errorf("(%d, %d)", c.Rows(), c.Cols())
		}
		var wg sync.WaitGroup
		for _, b := range [][2]int{{7, 11}, {0, 3}, {3, 3}, {3, 4}, {4, 7}} {
			wg.Go(func() {
				wide := make([]float64, len(dense))
				cast(wide, dense)
				if err := c.WriteFloat64(ctx, b[0], b[1], wide[b[0]:], 11); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := j.Commit(ctx, nil); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "codes.npz"))
		if err != nil {
			t.Fatal(err)
		}
		sameMembers(t, got, file)
	}
}

func TestCodesSinkRefuses(t *testing.T) {
	ctx := context.Background()
	j, err := OpenJob(OS{}, t.TempDir(), JobOptions{Command: "learn"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := j.CreateCodes(ctx, "a.npz", Float16, 2, 4); err == nil {
		t.Error("float16 codes were begun")
	}
	c, err := j.CreateCodes(ctx, "codes.npz", Float32, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFloat32(ctx, 0, 5, make([]float32, 10), 5); err == nil {
		t.Error("columns past the end were taken")
	}
	if err := c.WriteFloat32(ctx, 0, 2, make([]float32, 4), 2); err != nil {
		t.Error(err)
	}
	if err := j.Commit(ctx, nil); err == nil || !strings.Contains(err.Error(), "column 2 was never written") {
		t.Errorf("an archive without column 2: %v", err)
	}
	if err := j.Finish(0, 4); err == nil {
		t.Error("columns that were never written were finished")
	}
}

// TestSpillIsCut opens a spill that was cut at every byte, or had one changed:
// the columns of whole records are there, with their digests, and no others.
func TestSpillIsCut(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "spill")
	open := func() *CodesSink {
		c := &CodesSink{path: path, fsys: OS{}, dtype: Float32, rows: 2, pos: make([]int64, 6), count: make([]int32, 6)}
		if err := c.openSpill(path); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	ends := []int64{c.end}
	var sums []uint64
	for lo := 0; lo < 6; lo += 2 {
		if err := c.WriteFloat32(ctx, lo, lo+2, []float32{1, 0, float32(lo), 4}, 2); err != nil {
			t.Fatal(err)
		}
		sum, err := c.Digest(ctx, Columns, lo, lo+2)
		if err != nil {
			t.Fatal(err)
		}
		ends, sums = append(ends, c.end), append(sums, sum)
	}
	c.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, content []byte, records int) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		c := open()
		defer c.Close()
		for i := range 3 {
			sum, err := c.Digest(ctx, Columns, 2*i, 2*i+2)
			if i < records && (err != nil || sum != sums[i]) || i >= records && err == nil {
				t.Errorf("%s: record %d: %x, %v", name, i, sum, err)
			}
		}
		if c.end != max(ends[records], ends[0]) {
			t.Errorf("%s: goes on at %d, want %d", name, c.end, ends[records])
		}
	}
	for n := range whole {
		records, _ := slices.BinarySearch(ends, int64(n+1))
		check(fmt.Sprintf("cut at %d", n), whole[:n], max(records-1, 0))
		changed := slices.Clone(whole)
		changed[n] ^= 0x55
		check(fmt.Sprintf("byte %d changed", n), changed, max(records-1, 0))
	}
}
