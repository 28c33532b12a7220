package step

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"sync"
	"time"

	"voxen/store"
)

// File is an input with the flag that named it.
type File struct{ Role, Path string }

// DigestFiles names every input with what it holds; files without a path are left out.
func DigestFiles(ctx context.Context, fsys store.FS, files []File) ([]store.Input, error) {
	var inputs []store.Input
	for _, f := range files {
		if f.Path == "" {
			continue
		}
		in, err := digestFile(ctx, fsys, f.Path)
		if err != nil {
			return nil, err
		}
		in.Role = f.Role
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// digestFile is store.DigestFile, or what a study remembers.
func digestFile(ctx context.Context, fsys store.FS, path string) (store.Input, error) {
	if d, ok := fsys.(DigestingFS); ok {
		return d.digest(ctx, path)
	}
	return store.DigestFile(ctx, fsys, path)
}

// DigestCache remembers the digests of files by their size and time of change,
// so that a study does not read a hundred gigabytes to find that nothing
// changed. A file that was changed within the last seconds is not remembered: it
// could change again without another time.
type DigestCache struct {
	path string // where it is kept; "" for memory alone

	mu      sync.Mutex
	Entries map[string]cachedDigest
	changed bool
}

type cachedDigest struct {
	Bytes  int64  `json:"bytes"`
	Time   int64  `json:"time"` // of the last change, in nanoseconds since 1970
	Digest string `json:"digest"`
}

// settled is for how long a file has to be unchanged to be remembered: file
// systems keep times to two seconds at worst.
const settled = 3 * time.Second

// LoadDigests reads what an earlier process remembered; a damaged file is none.
func LoadDigests(fsys store.FS, path string) *DigestCache {
	c := &DigestCache{path: path, Entries: map[string]cachedDigest{}}
	if text, err := ReadText(fsys, path); err == nil {
		_ = json.Unmarshal([]byte(text), &c.Entries)
	}
	if c.Entries == nil {
		c.Entries = map[string]cachedDigest{}
	}
	return c
}

// digest is store.DigestFile, or what is remembered of the file.
func (c *DigestCache) digest(ctx context.Context, fsys store.FS, path string) (store.Input, error) {
	info, err := fsys.Stat(path)
	if err != nil {
		return store.DigestFile(ctx, fsys, path) // which says what is wrong
	}
	name, err := filepath.Abs(path)
	if err != nil {
		return store.Input{}, err
	}
	now := cachedDigest{Bytes: info.Size(), Time: info.ModTime().UnixNano()}
	c.mu.Lock()
	known, ok := c.Entries[name]
	c.mu.Unlock()
	if ok && known.Bytes == now.Bytes && known.Time == now.Time {
		return store.Input{Path: path, Bytes: known.Bytes, Digest: known.Digest}, nil
	}
	in, err := store.DigestFile(ctx, fsys, path)
	if err != nil {
		return in, err
	}
	now.Digest = in.Digest
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(info.ModTime()) > settled {
		c.Entries[name] = now
		c.changed = true
	}
	return in, nil
}

// Save keeps what is remembered for the next process.
func (c *DigestCache) Save(fsys store.FS) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed || c.path == "" {
		return nil
	}
	c.changed = false
	store.Tidy(fsys, c.path, time.Minute)
	return store.WriteFile(fsys, c.path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(c.Entries)
	})
}

// DigestingFS is a file system that remembers digests.
type DigestingFS struct {
	store.FS
	Cache *DigestCache
}

// digest is store.DigestFile.
func (f DigestingFS) digest(ctx context.Context, path string) (store.Input, error) {
	return f.Cache.digest(ctx, f.FS, path)
}
