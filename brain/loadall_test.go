package brain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func haxbyRuns(t *testing.T) []*Series {
	t.Helper()
	mask, err := LoadMask(ctx, "../testdata/haxby2001/sub-1_desc-25mm_mask.nii.gz")
	if err != nil {
		t.Fatal(err)
	}
	var runs []*Series
	for r := 1; r <= 6; r++ {
		s, err := mustOpen(t, fmt.Sprintf("../testdata/haxby2001/sub-1_task-objectviewing_run-%02d_desc-25mm_bold.nii.gz", r)).Series(mask)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		runs = append(runs, s)
	}
	return runs
}

// Whatever part of the runs fits in memory, they read the same, and progress
// ends at the total.
func TestLoadAll(t *testing.T) {
	reference := haxbyRuns(t)
	if err := LoadAll(ctx, reference, Storage{Memory: 1 << 30}, 1); err != nil {
		t.Fatal(err)
	}
	one := reference[0].Bytes()
	for _, held := range []int64{0, 2, 6} {
		runs := haxbyRuns(t)
		dir := t.TempDir()
		var mu sync.Mutex
		var most, total int64
		st := Storage{Memory: held*one + one/2, Scratch: filepath.Join(dir, "bold"), Progress: func(done, all int64) {
			mu.Lock()
			defer mu.Unlock()
			most, total = max(most, done), all
		}}
		if err := LoadAll(ctx, runs, st, 4); err != nil {
			t.Fatal(err)
		}
		if most != total || total != 6*6*10*10*121*2 {
			t.Errorf("progress reached %d of %d", most, total)
		}
		var inMemory int64
		for i, s := range runs {
			if s.memory != nil {
				inMemory++
			}
			want, got := readAll(t, reference[i], 200), readAll(t, s, 77)
			for r := range want {
				if maxAbs(got[r], want[r]) != 0 {
					t.Fatalf("with %d runs in memory, run %d differs", held, i)
				}
			}
		}
		files, _ := os.ReadDir(dir)
		if inMemory != held || int64(len(files)) != 6-held {
			t.Errorf("%d runs in memory and %d in files, want %d in memory", inMemory, len(files), held)
		}
	}
}

func TestLoadAllFails(t *testing.T) {
	runs := haxbyRuns(t)
	refused(t, LoadAll(ctx, runs, Storage{Memory: 1}, 2), "haxby2001", "more than the 0 allowed in memory")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := LoadAll(cancelled, haxbyRuns(t), Storage{Memory: 1 << 30}, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}
