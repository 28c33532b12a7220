package faultfs

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"voxen/store"
)

// history does every operation once or more and returns the first error.
func history(fsys store.FS, dir string) error {
	at := func(name string) string { return filepath.Join(dir, name) }
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	note(fsys.MkdirAll(at("a/b")))
	lock, err := fsys.Lock(at("a/lock"))
	note(err)
	if f, err := fsys.Create(at("a/b/f")); err != nil {
		note(err)
	} else {
		note(f.Allocate(8))
		_, err = f.WriteAt([]byte("12345678"), 0)
		note(err)
		note(f.Sync())
		note(f.Truncate(4))
		_, err = f.Size()
		note(err)
		_, err = f.ReadAt(make([]byte, 4), 0)
		note(err)
		note(f.Close())
	}
	note(fsys.Rename(at("a/b/f"), at("a/g")))
	note(fsys.SyncDir(at("a")))
	if f, err := fsys.Open(at("a/g")); err != nil {
		note(err)
	} else {
		note(f.Close())
	}
	if f, err := fsys.Edit(at("a/g")); err != nil {
		note(err)
	} else {
		note(f.Close())
	}
	_, err = fsys.ReadDir(at("a"))
	note(err)
	_, err = fsys.Stat(at("a/g"))
	note(err)
	_, err = fsys.Free(dir)
	note(err)
	note(fsys.Remove(at("a/g")))
	if lock != nil {
		note(lock.Close())
	}
	return first
}

// TestEveryCallFails runs a history with each call failing in turn.
func TestEveryCallFails(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() (store.FS, string)
	}{
		{"mem", func() (store.FS, string) { return NewMem(), "." }},
		{"os", func() (store.FS, string) { return store.OS{}, t.TempDir() }},
	} {
		fsys, dir := c.make()
		counter := New(fsys)
		if err := history(counter, dir); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		calls := counter.Calls()
		if calls < 20 || counter.Count(Close) != 4 {
			t.Errorf("%s: %d calls, %d of close", c.name, calls, counter.Count(Close))
		}
		for n := 1; n <= calls; n++ {
			fsys, dir := c.make()
			if err := history(New(fsys, Rule{N: n, Err: syscall.EIO}), dir); !errors.Is(err, syscall.EIO) {
				t.Errorf("%s: call %d: %v, want EIO", c.name, n, err)
			}
		}
		for _, op := range []Op{Open, Create, Edit, Rename, Remove, MkdirAll, ReadDir, Stat, SyncDir, Lock, Free, ReadAt, WriteAt, Size, Allocate, Truncate, Sync, Close} {
			fsys, dir := c.make()
			if err := history(New(fsys, Rule{Op: op, N: 1}), dir); !errors.Is(err, ErrInjected) {
				t.Errorf("%s: %s: %v", c.name, op, err)
			}
		}
	}
}

func TestRules(t *testing.T) {
	f := New(NewMem(), Rule{Op: WriteAt, N: 2, Short: true, Err: syscall.ENOSPC, Forever: true})
	file, err := f.Create("x")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{4, 2, 2} {
		n, err := file.WriteAt([]byte("abcd"), int64(4*i))
		if n != want || (err != nil) != (i > 0) || i > 0 && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("write %d: %d bytes, %v", i, n, err)
		}
	}
	c := New(NewMem(), Rule{N: 2, Crash: true})
	if _, err := c.Create("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stat("x"); !errors.Is(err, ErrInjected) {
		t.Errorf("the call that crashes: %v", err)
	}
	if _, err := c.Stat("x"); !errors.Is(err, ErrCrashed) {
		t.Errorf("a call after it: %v", err)
	}
}

// TestMemCrash loses what was not synced, of files and of names.
func TestMemCrash(t *testing.T) {
	m := NewMem()
	write := func(name, text string, sync bool) {
		t.Helper()
		f, err := m.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(text), 0); err != nil {
			t.Fatal(err)
		}
		if sync {
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(m.MkdirAll("d"), m.MkdirAll("lost"), m.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	write("d/synced", "old", true)
	write("d/unsynced", "data", false)
	write("d/moved", "m", true)
	if err := errors.Join(m.SyncDir("d"), m.Rename("d/moved", "e")); err != nil {
		t.Fatal(err)
	}
	write("d/unnamed", "n", true)
	write("d/synced", "newer", false)

	after := m.Crash(nil).Files()
	want := map[string]string{"d/synced": "old", "d/unsynced": "", "d/moved": "m"}
	if len(after) != len(want) {
		t.Errorf("%q, want %q", after, want)
	}
	for name, text := range want {
		if after[name] != text {
			t.Errorf("%s holds %q, want %q", name, after[name], text)
		}
	}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		files := m.Crash(rand.New(rand.NewPCG(seed, 0))).Files()
		_, moved := files["d/moved"]
		e, there := files["e"]
		if moved == there {
			t.Fatalf("seed %d: a rename was torn: %q", seed, files)
		}
		seen["moved "+e] = seen["moved "+e] || there
		seen[files["d/synced"]] = true
	}
	for _, state := range []string{"moved m", "old", "newer"} {
		if !seen[state] {
			t.Errorf("no crash left %q; saw %v", state, seen)
		}
	}
}

func TestMemSpace(t *testing.T) {
	m := NewMem()
	m.SetSpace(10)
	f, err := m.Create("x")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Allocate(11); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("11 of 10 bytes: %v", err)
	}
	if err := f.Allocate(6); err != nil {
		t.Error(err)
	}
	if n, err := m.Free("."); n != 4 || err != nil {
		t.Errorf("%d free, %v", n, err)
	}
	if _, err := m.Stat("nowhere/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	lock, err := m.Lock("l")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Lock("l"); !errors.Is(err, store.ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}
