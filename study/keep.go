package study

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"voxen/store"
)

// keeper decides within a study whether a step's finished output is what the
// step would make: the run.json beside it has the same command, the same options
// and inputs of the same digests, and every output has the digest it had then.
type keeper struct {
	probe bool // say what is to do, and begin nothing
	cache *digestCache
}

// unchanged is how a step ends whose output is there already.
type unchanged struct{ run *store.Run }

func (unchanged) Error() string { return "is there already" }

// stale is how a probed step ends that is to be run.
type stale struct {
	why        string
	unfinished bool
}

func (s stale) Error() string { return s.why }

// openJob begins the output of a step. In a study it ends a step whose output is
// there, and unfinished output of other options makes way.
func (e *Env) openJob(out string, o store.JobOptions) (*store.Job, error) {
	k := e.keep
	if k == nil {
		return store.OpenJob(e.FS, out, o)
	}
	if !k.probe {
		if err := store.Recover(e.FS, out, o.File); err != nil {
			return nil, err
		}
	}
	why, run, err := k.compare(e.FS, out, o)
	switch {
	case err != nil:
		return nil, err
	case why == "":
		return nil, unchanged{run}
	case k.probe:
		return nil, stale{why, hasPartial(e.FS, out, o.File)}
	}
	o.Replace = true
	return store.OpenJob(e.FS, out, o)
}

// hasPartial reports whether an output was begun and not finished.
func hasPartial(fsys store.FS, out string, file bool) bool {
	if file {
		return isThere(fsys, out+".partial")
	}
	return isThere(fsys, filepath.Join(out, ".partial"))
}

// compare says why a finished output is not the one that a job would make, ""
// if it is.
func (k *keeper) compare(fsys store.FS, out string, o store.JobOptions) (why string, run *store.Run, err error) {
	path := store.RunPath(out, o.File)
	if !isThere(fsys, path) {
		return "not there yet", nil, nil
	}
	if run, err = store.ReadRun(fsys, path); store.IsInput(err) {
		return "run.json cannot be read", nil, nil
	} else if err != nil {
		return "", nil, err
	}
	if run.Command != o.Command || len(run.Options) != len(o.Options) {
		return "made by another version", nil, nil
	}
	for i, option := range o.Options {
		if was := run.Options[i]; was != option {
			return fmt.Sprintf("%s was %q, is %q", option.Name, was.Value, option.Value), nil, nil
		}
	}
	same := func(a, b store.Input) bool { return a.Role == b.Role && a.Bytes == b.Bytes && a.Digest == b.Digest }
	if !slices.EqualFunc(run.Inputs, o.Inputs, same) {
		return whichInput(run.Inputs, o.Inputs, same), nil, nil
	}
	dir := filepath.Dir(path)
	for _, output := range run.Outputs {
		name := filepath.Join(dir, filepath.FromSlash(output.Name))
		if !isThere(fsys, name) {
			return output.Name + " is gone", nil, nil
		}
		in, err := k.cache.digest(context.Background(), fsys, name)
		if err != nil {
			return "", nil, err
		}
		if in.Digest != output.Digest {
			return output.Name + " was changed", nil, nil
		}
	}
	return "", run, nil
}

// whichInput names the first input that differs.
func whichInput(was, is []store.Input, same func(a, b store.Input) bool) string {
	for i, in := range is {
		if i >= len(was) || !same(was[i], in) {
			return fmt.Sprintf("%s %s is another", in.Role, filepath.Base(in.Path))
		}
	}
	return "there are fewer inputs"
}

// digestCache remembers the digests of files by their size and time of change,
// so that a study does not read a hundred gigabytes to find that nothing
// changed. A file that was changed within the last seconds is not remembered: it
// could change again without another time.
type digestCache struct {
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

// loadDigests reads what an earlier process remembered; a damaged file is none.
func loadDigests(fsys store.FS, path string) *digestCache {
	c := &digestCache{path: path, Entries: map[string]cachedDigest{}}
	if text, err := readText(fsys, path); err == nil {
		_ = json.Unmarshal([]byte(text), &c.Entries)
	}
	if c.Entries == nil {
		c.Entries = map[string]cachedDigest{}
	}
	return c
}

// digest is store.DigestFile, or what is remembered of the file.
func (c *digestCache) digest(ctx context.Context, fsys store.FS, path string) (store.Input, error) {
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

// save keeps what is remembered for the next process.
func (c *digestCache) save(fsys store.FS) error {
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

// digestingFS is a file system that remembers digests.
type digestingFS struct {
	store.FS
	cache *digestCache
}

// digest is store.DigestFile.
func (f digestingFS) digest(ctx context.Context, path string) (store.Input, error) {
	return f.cache.digest(ctx, f.FS, path)
}
