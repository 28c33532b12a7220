//go:build linux || darwin

package store_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"voxen/internal/faultfs"
	"voxen/store"
)

// write makes a file of a text, and renames it over another of the name.
func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// changes are what can become of an input while it is read.
var changes = map[string]func(t *testing.T, path string){
	"overwritten in place": func(t *testing.T, path string) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("z"), 1)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	},
	"overwritten with its time put back": func(t *testing.T, path string) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(os.WriteFile(path, []byte("xyz"), 0o666), os.Chtimes(path, info.ModTime(), info.ModTime()))
		if err != nil {
			t.Fatal(err)
		}
	},
	"cut": func(t *testing.T, path string) {
		if err := os.Truncate(path, 1); err != nil {
			t.Fatal(err)
		}
	},
	"replaced":              func(t *testing.T, path string) { write(t, path, "xyz") },
	"replaced by its equal": func(t *testing.T, path string) { write(t, path, "abc") },
	"removed": func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	},
}

// TestInputsCheck: an input that is not what was digested any more is named, by Check,
// Finish and Commit, and is no InputError.
func TestInputsCheck(t *testing.T) {
	for name, change := range changes {
		dir := t.TempDir()
		other, path := write(t, filepath.Join(dir, "other"), "abc"), write(t, filepath.Join(dir, "X.npy"), "abc")
		in := store.NewInputs(store.OS{}, nil)
		for _, p := range []string{other, path} {
			if _, err := in.Add(t.Context(), "--features", p); err != nil {
				t.Fatal(err)
			}
		}
		jobs := map[string]*store.Job{}
		for _, out := range []string{"finish", "commit", "explain"} {
			j, err := store.OpenJob(store.OS{}, filepath.Join(dir, out), store.JobOptions{Command: "x", Watch: in, FlushEvery: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if err := j.Finish(0, 1); err != nil {
				t.Fatalf("%s: before it: %v", name, err)
			}
			jobs[out] = j
		}
		if err := in.Check(); err != nil {
			t.Errorf("%s: before it: %v", name, err)
		}
		change(t, path)
		for call, err := range map[string]error{
			"Check": in.Check(), "Finish": jobs["finish"].Finish(1, 2), "Commit": jobs["commit"].Commit(t.Context(), nil), "Explain": jobs["explain"].Explain(io.ErrUnexpectedEOF),
		} {
			if !errors.Is(err, store.ErrChanged) || store.IsInput(err) || err.Error() != path+" changed while it was read" {
				t.Errorf("%s: %s: %v", name, call, err)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "commit", "run.json")); err == nil {
			t.Errorf("%s: a result was committed", name)
		}
		if !jobs["finish"].Done(0, 1) || jobs["finish"].Done(1, 2) {
			t.Errorf("%s: finished are %v, expected what was before the change", name, jobs["finish"].Finished())
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestInputsOpenOnce: what is read is what was digested, though another file has the
// name by then; each file is opened once, whatever it is called.
func TestInputsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "X.npy"), "abc")
	counter := faultfs.New(store.OS{})
	in := store.NewInputs(counter, nil)
	for _, p := range []string{path, dir + "/./X.npy", path} {
		got, err := in.Add(t.Context(), "--a", p)
		if err != nil || got.Path != p || got.Role != "--a" || got.Digest != "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || got.Bytes != 3 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n := len(in.List()); n != 3 || counter.Count(faultfs.Open) != 1 {
		t.Errorf("%d inputs, opened %d times", n, counter.Count(faultfs.Open))
	}
	write(t, path, "xyz")
	for range 2 {
		f, err := in.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 3)
		if _, err := f.ReadAt(b, 0); err != nil || string(b) != "abc" {
			t.Errorf("%q, %v", b, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if b, err := store.ReadFile(t.Context(), in, path, 10); string(b) != "xyz" || err != nil {
		t.Errorf("after Close: %q, %v", b, err)
	}
}

// TestInputsTick: a file that is changed in the same tick of the clock as before it was
// opened is known to be changed all the same.
func TestInputsTick(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "X")
	for range 20 {
		write(t, path, "abc")
		in := store.NewInputs(store.OS{}, nil)
		if _, err := in.Add(t.Context(), "--a", path); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		if err := in.Check(); !errors.Is(err, store.ErrChanged) {
			t.Fatal("not seen")
		}
		if err := errors.Join(f.Close(), in.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestInputsFaults: Add fails with the error of whatever fails, and leaves nothing open.
func TestInputsFaults(t *testing.T) {
	disk := faultfs.NewMem()
	if err := store.WriteFile(disk, "X", func(w io.Writer) error { _, err := io.WriteString(w, "abc"); return err }); err != nil {
		t.Fatal(err)
	}
	counter := faultfs.New(disk)
	in := store.NewInputs(counter, nil)
	if _, err := in.Add(t.Context(), "--a", "X"); err != nil || in.Check() != nil || in.Close() != nil {
		t.Fatal(err)
	}
	for n := 1; n <= counter.Calls(); n++ {
		f := faultfs.New(disk, faultfs.Rule{N: n})
		in := store.NewInputs(f, nil)
		_, err := in.Add(t.Context(), "--a", "X")
		err = errors.Join(err, in.Check(), in.Close())
		if err == nil || store.IsInput(err) || !strings.HasPrefix(err.Error(), "X") {
			t.Errorf("call %d: %v", n, err)
		}
		if opened, closed := f.Count(faultfs.Open), f.Count(faultfs.Close); n > 1 && opened != closed {
			t.Errorf("call %d: %d opened, %d closed", n, opened, closed)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.NewInputs(disk, nil).Add(cancelled, "--a", "X"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestDigestsRemember: a digest is taken again only where something about the file
// differs, its time of change included, and young files are not remembered.
func TestDigestsRemember(t *testing.T) {
	for name, change := range changes {
		if name == "removed" {
			continue
		}
		dir := t.TempDir()
		path, cache := write(t, filepath.Join(dir, "X"), "abc"), filepath.Join(dir, "digests")
		reads := func(again bool) (string, int) {
			t.Helper()
			f := faultfs.New(store.OS{})
			d := store.LoadDigests(store.OS{}, cache)
			in, err := d.File(t.Context(), f, path)
			if err != nil {
				t.Fatal(err)
			}
			if again {
				if err := d.Save(store.OS{}); err != nil {
					t.Fatal(err)
				}
			}
			return in.Digest, f.Count(faultfs.ReadAt)
		}
		was, _ := reads(true)
		if _, n := reads(true); n == 0 {
			t.Errorf("%s: a file was remembered that is a moment old", name)
		}
		undo := store.Settle(0) // as if all files had been there long enough
		reads(true)
		if got, n := reads(true); n != 0 || got != was {
			t.Errorf("%s: read again, %s and %s", name, was, got)
		}
		time.Sleep(20 * time.Millisecond)
		change(t, path)
		if got, n := reads(false); n == 0 || (got == was) != strings.Contains(name, "equal") {
			t.Errorf("%s: not seen: %s", name, got)
		}
		if err := os.WriteFile(cache, []byte("{"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, n := reads(false); n == 0 {
			t.Errorf("%s: something was remembered by a damaged file", name)
		}
		undo()
	}
}
