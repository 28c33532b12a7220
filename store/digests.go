package store

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"sync"
	"time"
)

// Digests remember those of files by which file it is, its size and its times, so
// that a study does not read a hundred gigabytes to find that nothing changed. A
// file that was changed within the last seconds is not remembered: it could change
// again without another time. A nil *Digests remembers nothing.
type Digests struct {
	path string

	mu      sync.Mutex
	entries map[string]knownDigest // by absolute path
	changed bool
}

// knownDigest is the digest of a file that is still the same if nothing else differs.
type knownDigest struct {
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Bytes    int64  `json:"bytes"`
	Modified int64  `json:"modified"`
	Changed  int64  `json:"changed"`
	Digest   string `json:"digest"`
}

// settled is for how long a file has to be unchanged to be remembered: network file
// systems keep times to two seconds at worst.
var settled = 3 * time.Second

// maxDigests bounds the file of what is remembered.
const maxDigests = 64 << 20

// LoadDigests reads what an earlier process remembered at path; a file that is
// damaged, or of an earlier version, is none.
func LoadDigests(fsys FS, path string) *Digests {
	d := &Digests{path: path}
	if b, err := ReadFile(context.Background(), fsys, path, maxDigests); err == nil {
		if json.Unmarshal(b, &d.entries) != nil {
			d.entries = nil
		}
	}
	if d.entries == nil {
		d.entries = map[string]knownDigest{}
	}
	return d
}

// File is DigestFile, or what is remembered of the file.
func (d *Digests) File(ctx context.Context, fsys FS, path string) (Input, error) {
	file, _ := SplitMember(path)
	f, size, err := openInput(fsys, file)
	if err != nil {
		return Input{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Input{}, pathError(path, err)
	}
	return d.digest(ctx, path, f, size, info)
}

// Known is the digest that is remembered of a file, given what Stat says of it now.
func (d *Digests) Known(path string, info fs.FileInfo) (digest string, ok bool) {
	key, err := inputKey(path)
	if d == nil || err != nil {
		return "", false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.entries[key]
	now := describe(info)
	now.Digest = known.Digest
	return known.Digest, ok && known == now
}

// describe is what is remembered of a file but for its digest.
func describe(info fs.FileInfo) knownDigest {
	id := IdentityOf(info)
	return knownDigest{Device: id.Device, Inode: id.Inode, Bytes: id.Bytes, Modified: id.Modified, Changed: id.Changed}
}

// digest is digestReader of an open file, whose description was taken before, or
// what is remembered of it.
func (d *Digests) digest(ctx context.Context, path string, r io.ReaderAt, size int64, info fs.FileInfo) (Input, error) {
	if d == nil {
		return digestReader(ctx, path, r, size)
	}
	file, _ := SplitMember(path)
	key, err := inputKey(file)
	if err != nil {
		return Input{}, err
	}
	if known, ok := d.Known(file, info); ok {
		return Input{Path: path, Bytes: size, Digest: known}, nil
	}
	in, err := digestReader(ctx, path, r, size)
	if err != nil {
		return in, err
	}
	now := describe(info)
	if now.Digest = in.Digest; time.Since(time.Unix(0, max(now.Modified, now.Changed))) > settled {
		d.mu.Lock()
		d.entries[key], d.changed = now, true
		d.mu.Unlock()
	}
	return in, nil
}

// Save keeps what is remembered for the next process, if there is anything new.
func (d *Digests) Save(fsys FS) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.changed {
		return nil
	}
	d.changed = false
	Tidy(fsys, d.path, time.Minute)
	return WriteFile(fsys, d.path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		return enc.Encode(d.entries)
	})
}
