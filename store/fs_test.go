package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOSAllocate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := OS{}.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int64{1000, 0, 10} { // a file may also become shorter
		if err := f.Allocate(size); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Size(); n != size || err != nil {
			t.Errorf("%d bytes, %v, want %d", n, err, size)
		}
	}
	if err := f.Allocate(1 << 62); err == nil || !strings.Contains(err.Error(), "allocate") {
		t.Errorf("4 EiB: %v", err)
	}
	if free, err := (OS{}).Free(path); free <= 0 || err != nil {
		t.Errorf("%d bytes free, %v", free, err)
	}
}

// TestOSLockOfRemovedFile takes a lock whose file the holder removes: the new
// holder's lock is on a file of that name.
func TestOSLockOfRemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := OS{}.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (OS{}).Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := OS{}.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (OS{}).Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("third lock: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (OS{}).Lock(filepath.Join(path, "below")); err == nil {
		t.Error("a lock was taken below a file")
	}
}

// TestLockByName is the lock of systems without flock.
func TestLockByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := lockByName(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockByName(path); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path+".pid") {
		t.Errorf("second lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	lock, err = lockByName(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
	if _, err := lockByName(filepath.Join(path, "none", "x")); err == nil {
		t.Error("a lock was taken in a folder that is not there")
	}
}

func TestUnreadableInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := os.WriteFile(path, nil, 0); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	checkRefusal(t, "unreadable", path, "permission denied", func() error { _, err := OpenNpy(OS{}, path); return err })
}
