package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"voxen/internal/faultfs"
	"voxen/store"
)

const (
	jobRows = 3
	jobCols = 20
	jobStep = 4
)

var jobOptions = store.JobOptions{
	Command:    "learn",
	Options:    []store.Option{{Name: "--atoms", Value: "3"}, {Name: "--threads", Value: "2", Free: true}},
	Inputs:     []store.Input{{Role: "--responses", Path: "S.npy", Bytes: 10, Digest: "sha256:00"}},
	FlushEvery: -1,
}

func cell(r, c int) float32 {
	x := (r*7 + c*3) % 5
	return float32(x)
}

func block(lo, hi int) []float32 {
	b := make([]float32, jobRows*(hi-lo))
	for r := range jobRows {
		for c := lo; c < hi; c++ {
			b[r*(hi-lo)+c-lo] = cell(r, c)
		}
	}
	return b
}

// runJob makes an output of every sort at `out` and returns how many ranges it
// had to compute. It stops at the first error.
func runJob(fsys store.FS, out string, o store.JobOptions) (computed int, err error) {
	ctx := context.Background()
	j, err := store.OpenJob(fsys, out, o)
	if err != nil {
		return 0, err
	}
	defer func() {
		if cerr := j.Close(); err == nil {
			err = cerr
		}
	}()
	codes, second := "codes.npz", "maps/a/alpha.npy"
	if o.File {
		codes, second = "", ".alpha.npy"
	}
	sinks := make([]interface {
		WriteFloat32(context.Context, int, int, []float32, int) error
	}, 3)
	if sinks[0], err = j.CreateNpy(ctx, ".weights.npy"[btoi(!o.File):], store.Float32, jobRows, jobCols, store.AsMatrix); err != nil {
		return 0, err
	}
	if sinks[1], err = j.CreateCodes(ctx, codes, store.Float64, jobRows, jobCols); err != nil {
		return 0, err
	}
	if sinks[2], err = j.CreateNpy(ctx, second, store.Float16, 1, jobCols, store.AsVector); err != nil {
		return 0, err
	}
	if _, ok := j.Noted("begun"); !ok {
		if err := j.Note("begun", "yes"); err != nil {
			return 0, err
		}
	}
	for lo := 0; lo < jobCols; lo += jobStep {
		hi := lo + jobStep
		if j.Done(lo, hi) {
			continue
		}
		computed++
		for _, s := range sinks {
			if err := s.WriteFloat32(ctx, lo, hi, block(lo, hi), jobStep); err != nil {
				return computed, err
			}
		}
		if err := j.Finish(lo, hi); err != nil {
			return computed, err
		}
	}
	err = j.WriteFile(".columns.tsv"[btoi(!o.File):], func(w io.Writer) error {
		t := store.NewTableWriter(w, "column", "name")
		for c := range jobCols {
			t.Row(fmt.Sprint(c), "x")
		}
		return t.Flush()
	})
	if err != nil {
		return computed, err
	}
	return computed, j.Commit(ctx, nil)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// oldResult puts an earlier result where runJob's will be, with a file that the
// new one does not have and one that is none of ours.
func oldResult(t *testing.T, fsys store.FS, out string, file bool) {
	t.Helper()
	o := jobOptions
	o.File, o.Inputs = file, nil
	j, err := store.OpenJob(fsys, out, o)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"weights.npy", "codes.npz", "only_old.npy"}
	if file {
		names = []string{"", ".weights.npy", ".only_old.npy"}
	}
	for _, name := range names {
		if err := j.WriteFile(name, func(w io.Writer) error { _, err := w.Write([]byte("old " + name)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Commit(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(filepath.Dir(store.RunPath(out, file)), "notes.txt")
	if err := store.WriteFile(fsys, foreign, func(w io.Writer) error { _, err := w.Write([]byte("mine")); return err }); err != nil {
		t.Fatal(err)
	}
}

// finalFiles leaves out what is unfinished.
func finalFiles(m *faultfs.Mem) map[string]string {
	files := m.Files()
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.Contains(name, ".partial") })
	return files
}

// outputCase is one kind of output over an empty place or an earlier result.
type outputCase struct {
	out  string
	file bool
	old  bool
}

func (c outputCase) String() string { return fmt.Sprintf("%s file=%v old=%v", c.out, c.file, c.old) }

func (c outputCase) disk(t *testing.T) *faultfs.Mem {
	m := faultfs.NewMem()
	if c.old {
		oldResult(t, m, c.out, c.file)
		return m.Crash(nil) // all of it must be durable by now
	}
	return m
}

func (c outputCase) options() store.JobOptions {
	o := jobOptions
	o.File = c.file
	return o
}

var outputCases = []outputCase{
	{"results/out", false, false}, {"results/out", false, true}, {"out.npz", true, false}, {"results/out.npz", true, true},
}

// powerFailures is the number of states of the disk tried after each fault.
var powerFailures = map[bool]uint64{false: 3, true: 12}[exhaustive]

// TestJobSurvivesEveryFault makes each file operation of a job fail in turn: by
// an error that passes, a full disk, a write cut short, or a crash. Whatever
// happens the final names hold the old result or the new one, and the same
// command run again ends with the result of an undisturbed run.
func TestJobSurvivesEveryFault(t *testing.T) {
	for _, c := range outputCases {
		reference := c.disk(t)
		before := finalFiles(reference)
		counter := faultfs.New(reference)
		if _, err := runJob(counter, c.out, c.options()); err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		want := finalFiles(reference)
		if len(reference.Files()) != len(want) {
			t.Errorf("%v: left over: %v", c, reference.Files())
		}
		if n := len(want); n != 5+btoi(c.old) {
			t.Errorf("%v: %d files", c, n)
		}
		for n := 1; n <= counter.Calls(); n++ {
			for i, rule := range []faultfs.Rule{
				{N: n, Err: syscall.EIO},
				{N: n, Err: syscall.ENOSPC, Short: true, Forever: true},
				{N: n, Crash: true, Short: true},
			} {
				if !exhaustive && i != n%3 {
					continue
				}
				kind := []string{"error", "full disk", "crash"}[i]
				name := fmt.Sprintf("%v, %s at call %d", c, kind, n)
				disk := c.disk(t)
				_, err := runJob(faultfs.New(disk, rule), c.out, c.options())
				checkMessage(t, name, err, kind == "crash")
				for seed := range powerFailures {
					if !exhaustive && seed == uint64(n/3%3) {
						continue
					}
					after := disk // the process went on or died, the machine did not
					if seed == 1 {
						after = disk.Crash(nil)
					} else if seed > 1 {
						after = disk.Crash(rand.New(rand.NewPCG(seed, uint64(n))))
					}
					checkFinal(t, fmt.Sprintf("%s, power failure %d", name, seed), after, c, before, want)
				}
			}
		}
	}
}

// checkMessage wants one line, and an error after a crash.
func checkMessage(t *testing.T, name string, err error, must bool) {
	t.Helper()
	switch {
	case err == nil && must:
		t.Errorf("%s: no error", name)
	case err != nil && strings.ContainsAny(err.Error(), "\n\r"):
		t.Errorf("%s: more than a line: %q", name, err)
	case err != nil && !strings.Contains(err.Error(), "out") && !strings.HasPrefix(err.Error(), "results: "): // or its folder
		t.Errorf("%s: names no file: %q", name, err)
	}
}

// checkFinal demands an old or new result, whole, and that the same command ends
// with the new one.
func checkFinal(t *testing.T, name string, disk *faultfs.Mem, c outputCase, before, want map[string]string) {
	t.Helper()
	now := finalFiles(disk)
	for file, text := range now {
		if text != before[file] && text != want[file] {
			t.Fatalf("%s: %s holds neither the old nor the new result", name, file)
		}
	}
	run := filepath.ToSlash(store.RunPath(c.out, c.file))
	switch text, ok := now[run]; {
	case ok && text == want[run] && !maps.Equal(now, want):
		t.Fatalf("%s: the new run.json stands beside other files: %v", name, now)
	case ok && text == before[run] && !maps.Equal(now, before):
		t.Fatalf("%s: the old run.json stands beside other files", name)
	case ok && text == want[run]: // a reader that comes now finds the result alone
		if err := store.Recover(disk, c.out, c.file); err != nil || len(disk.Files()) != len(want) {
			t.Fatalf("%s: after Recover (%v) there is %v", name, err, disk.Files())
		}
	}
	disk = disk.Crash(nil) // frees the lock as the death of a process does
	if _, err := runJob(disk, c.out, c.options()); err != nil {
		t.Fatalf("%s: again: %v", name, err)
	}
	if got := finalFiles(disk); !maps.Equal(got, want) || len(disk.Files()) != len(want) {
		t.Fatalf("%s: again: another result: %q", name, disk.Files())
	}
}

// TestJobResumes computes no range again that was finished before a crash, and
// one whose bytes have changed.
func TestJobResumes(t *testing.T) {
	counter := faultfs.New(faultfs.NewMem())
	if _, err := runJob(counter, "out", jobOptions); err != nil {
		t.Fatal(err)
	}
	fewer := map[int]bool{}
	for n := 1; n <= counter.Calls(); n++ {
		disk := faultfs.NewMem()
		first, err := runJob(faultfs.New(disk, faultfs.Rule{N: n, Crash: true}), "out", jobOptions)
		if err == nil {
			t.Fatal("no crash")
		}
		second, err := runJob(disk.Crash(nil), "out", jobOptions)
		if err != nil {
			t.Fatal(err)
		}
		if first+second > jobCols/jobStep+1 && second != jobCols/jobStep {
			t.Errorf("crash at call %d: %d ranges computed, then %d", n, first, second)
		}
		fewer[second] = true
	}
	for n := range jobCols/jobStep + 1 {
		if !fewer[n] {
			t.Errorf("no crash left %d ranges to compute", n)
		}
	}
}

// TestJobChecksFinishedRanges flips a byte of a finished range: it is computed
// again, and the others are not.
func TestJobChecksFinishedRanges(t *testing.T) {
	for _, file := range []string{"out/.partial/weights.npy", "out/.partial/.scratch/codes.npz.spill", "out/.partial/maps/a/alpha.npy"} {
		// All ranges are finished when the table is written.
		disk := faultfs.NewMem()
		creates := faultfs.New(disk, faultfs.Rule{Op: faultfs.Create, N: 5, Crash: true})
		if n, err := runJob(creates, "out", jobOptions); n != jobCols/jobStep || err == nil {
			t.Fatalf("%d ranges, %v", n, err)
		}
		disk = disk.Crash(nil)
		f, err := disk.Edit(file)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			t.Fatal(err)
		}
		last[0] ^= 0x40
		if _, err := f.WriteAt(last, size-1); err != nil {
			t.Fatal(err)
		}
		if n, err := runJob(disk, "out", jobOptions); n != 1 || err != nil {
			t.Errorf("%s: %d ranges computed again, %v, want 1", file, n, err)
		}
	}
}

// TestWriteFileFaults makes each operation of a whole-or-nothing file fail.
func TestWriteFileFaults(t *testing.T) {
	write := func(fsys store.FS, text string) error {
		return store.WriteFile(fsys, "dir/table.tsv", func(w io.Writer) error { _, err := io.WriteString(w, text); return err })
	}
	prepared := func() *faultfs.Mem {
		m := faultfs.NewMem()
		if err := errors.Join(m.MkdirAll("dir"), m.SyncDir("."), write(m, "old")); err != nil {
			t.Fatal(err)
		}
		return m.Crash(nil)
	}
	counter := faultfs.New(prepared())
	if err := write(counter, "new"); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= counter.Calls(); n++ {
		for _, rule := range []faultfs.Rule{{N: n, Short: true}, {N: n, Short: true, Crash: true}} {
			disk := prepared()
			err := write(faultfs.New(disk, rule), "new")
			if err == nil || !strings.HasPrefix(err.Error(), "dir") || strings.Contains(err.Error(), "\n") {
				t.Errorf("call %d: %v", n, err)
			}
			for seed := range uint64(5) {
				after := disk.Crash(rand.New(rand.NewPCG(seed, 1)))
				if text := after.Files()["dir/table.tsv"]; text != "old" && text != "new" {
					t.Errorf("call %d: the file holds %q", n, text)
				}
			}
			if files := disk.Files(); !rule.Crash && len(files) != 1 {
				t.Errorf("call %d: left over: %v", n, files)
			}
		}
	}
	failed := errors.New("no more rows")
	disk := prepared()
	if err := store.WriteFile(disk, "dir/table.tsv", func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
	if files := disk.Files(); len(files) != 1 || files["dir/table.tsv"] != "old" {
		t.Errorf("%v", files)
	}
}

// TestOpenNpyFaults makes each operation of opening and reading fail.
func TestOpenNpyFaults(t *testing.T) {
	disk := faultfs.NewMem()
	if err := store.SaveNpy(disk, "x.npy", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}); err != nil {
		t.Fatal(err)
	}
	load := func(fsys store.FS) error {
		_, _, err := store.LoadFloat64(context.Background(), fsys, "x.npy")
		return err
	}
	counter := faultfs.New(disk)
	if err := load(counter); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < counter.Calls(); n++ { // the last call closes a file that was only read
		err := load(faultfs.New(disk, faultfs.Rule{N: n, Err: syscall.EIO}))
		if !errors.Is(err, syscall.EIO) || store.IsInput(err) || !strings.HasPrefix(err.Error(), "x.npy") {
			t.Errorf("call %d: %v", n, err)
		}
	}
}
