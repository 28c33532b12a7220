package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
)

// newSuffix marks a commit record that is being written.
const newSuffix = ".new"

// commitRecord is the decision to give a whole result its final names, made
// durable before the first of them is given. It is one journal line, in the
// file "commit" of the partial folder, so a damaged one is known.
type commitRecord struct {
	Names  []string `json:"names"`  // outputs to be moved
	Run    string   `json:"run"`    // run.json, moved last
	Remove []string `json:"remove"` // files of the earlier result
}

func (c *commitRecord) write(fsys FS, partial string) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	temporary := filepath.Join(partial, commitName+newSuffix)
	err = writeSynced(fsys, temporary, func(w io.Writer) error {
		_, err := w.Write(checkedLine(b))
		return err
	})
	if err != nil {
		return err
	}
	if err := fsys.Rename(temporary, filepath.Join(partial, commitName)); err != nil {
		return pathError(partial, err)
	}
	if err := fsys.SyncDir(partial); err != nil {
		return pathError(partial, err)
	}
	return nil
}

// readCommit returns the commit record of a partial folder; nil if it has none.
func readCommit(fsys FS, partial string) (*commitRecord, error) {
	name := filepath.Join(partial, commitName)
	if isMissing(fsys, name) {
		return nil, nil
	}
	b, err := readWhole(fsys, name, maxJournal)
	if err != nil {
		return nil, err
	}
	c := &commitRecord{}
	text, ok := uncheckedLine(bytes.TrimSuffix(b, []byte{'\n'}))
	if !ok || json.Unmarshal(text, c) != nil || !c.local() {
		return nil, inputErrorf(name, "is damaged, expected a list of finished files; remove %s to start afresh", partial)
	}
	return c, nil
}

// local reports whether every name stays within the folder of the result.
func (c *commitRecord) local() bool {
	for _, name := range slices.Concat(c.Names, c.Remove, []string{c.Run}) {
		if !localName(name) {
			return false
		}
	}
	return true
}

// complete moves the files to their final names and removes the partial folder.
// It may be called again after it was interrupted anywhere. The earlier
// run.json goes first and the new one comes last, so that a folder with a
// run.json never holds files of two results.
func (c *commitRecord) complete(fsys FS, partial, final string) error {
	at := func(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	if !isMissing(fsys, at(partial, c.Run)) {
		for _, name := range append([]string{c.Run}, c.Remove...) {
			if err := fsys.Remove(at(final, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return pathError(at(final, name), err)
			}
		}
	}
	for _, dir := range folders(c.Names) {
		if err := makeFolder(fsys, at(final, dir)); err != nil {
			return err
		}
	}
	for _, name := range append(slices.Clone(c.Names), c.Run) {
		if isMissing(fsys, at(partial, name)) {
			continue // moved before the interruption
		}
		if err := fsys.Rename(at(partial, name), at(final, name)); err != nil {
			return pathError(at(final, name), err)
		}
	}
	for _, dir := range folders(c.Names) {
		if err := fsys.SyncDir(at(final, dir)); err != nil {
			return pathError(at(final, c.Run), err)
		}
	}
	return removeCommitted(fsys, partial)
}

// removeCommitted removes a partial folder whose files have moved. The commit
// record goes last but for the lock: without it what is left would look like
// work to go on with.
func removeCommitted(fsys FS, partial string) error {
	if err := emptyFolder(fsys, partial, lockName, commitName); err != nil {
		return err
	}
	for _, name := range []string{commitName, lockName} {
		full := filepath.Join(partial, name)
		if err := fsys.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return pathError(full, err)
		}
	}
	discard(fsys, partial) // stays if another process has begun in it just now
	return nil
}

// Recover completes the commit of an output that a crash interrupted between
// the first and the last rename. It does nothing where there is none, and is
// called by OpenJob; a reader of results that wants no half-replaced folder
// calls it first.
func Recover(fsys FS, out string, file bool) error {
	partial, final := partialFolder(out, file)
	if isMissing(fsys, filepath.Join(partial, commitName)) {
		return nil
	}
	lock, err := lockFolder(fsys, partial)
	if err != nil {
		return err
	}
	c, err := readCommit(fsys, partial)
	if err == nil && c != nil {
		err = c.complete(fsys, partial, final)
	}
	if cerr := lock.Close(); err == nil && cerr != nil {
		err = pathError(partial, cerr)
	}
	return err
}
