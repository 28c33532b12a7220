package store

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
)

// Names in a partial folder that are the Job's own.
const (
	journalName = ".journal"
	lockName    = ".lock"
	commitName  = ".commit"
	scratchName = ".scratch"
	// newSuffix marks a commit record that is being written.
	newSuffix = ".new"
)

var reservedNames = []string{journalName, lockName, commitName, commitName + newSuffix, scratchName}

// lockNames are the files by which a folder is locked; the second where there is no flock.
var lockNames = []string{lockName, lockName + exclusiveSuffix}

// partialFolder returns where the unfinished output of out lives and in which
// folder it will be.
func partialFolder(out string, file bool) (partial, final string) {
	if file {
		return out + ".partial", filepath.Dir(out)
	}
	return filepath.Join(out, ".partial"), out
}

// checkPartial refuses a partial folder that no Job made, or in which somebody put a
// link since: what a Job removes, empties and writes there must be its own. found
// lists what is in it, and is nil where there is none.
func checkPartial(fsys FS, partial string) (found []fs.DirEntry, err error) {
	info, err := fsys.Lstat(partial)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, openError(partial, err)
	case !info.IsDir():
		return nil, inputErrorf(partial, "is %s where unfinished output is kept: move it away, or give another name for the output", modeName(info.Mode()))
	}
	if err := checkLinks(fsys, partial); err != nil {
		return nil, err
	}
	if found, err = fsys.ReadDir(partial); err != nil {
		return nil, pathError(partial, err)
	}
	ours, err := isOurs(fsys, partial, found)
	if err != nil {
		return nil, err
	}
	if !ours {
		return nil, inputErrorf(partial, "has files and no journal of voxen's, where unfinished output is kept: move it away, or give another name for the output")
	}
	return found, nil
}

// checkLinks refuses what is neither a folder nor a file of one name: what is written
// to a link is written elsewhere.
func checkLinks(fsys FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return pathError(dir, err)
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		info, err := fsys.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // another process ended just now
		case err != nil:
			return pathError(name, err)
		case info.IsDir():
			err = checkLinks(fsys, name)
		case !info.Mode().IsRegular():
			err = inputErrorf(name, "is %s among unfinished output: remove it", modeName(info.Mode()))
		case IdentityOf(info).Links > 1:
			err = inputErrorf(name, "is a file of several names (hard links) among unfinished output: remove this one")
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// isOurs reports whether a Job made a partial folder. It has a journal that begins
// with a key, or a commit record; or nothing but what a Job has before the first
// and after the last of these.
func isOurs(fsys FS, partial string, found []fs.DirEntry) (bool, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(found, func(e fs.DirEntry) bool { return e.Name() == name && e.Type().IsRegular() })
	}
	if has(commitName) {
		return true, nil
	}
	if has(journalName) {
		b, err := ReadFile(context.Background(), fsys, filepath.Join(partial, journalName), maxJournal)
		if err != nil && !isMissing(fsys, filepath.Join(partial, journalName)) {
			return false, err
		}
		if entries, _ := parseJournal(b); len(entries) > 0 {
			return true, nil
		}
	}
	return !slices.ContainsFunc(found, func(e fs.DirEntry) bool {
		return !e.Type().IsRegular() || e.Name() != journalName && !slices.Contains(lockNames, e.Name())
	}), nil
}

// emptyFolder removes everything in a folder except the files of some names.
func emptyFolder(fsys FS, dir string, except ...string) error {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return pathError(dir, err)
	}
	for _, e := range entries {
		if slices.Contains(except, e.Name()) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			if err := emptyFolder(fsys, name); err != nil {
				return err
			}
		}
		if err := fsys.Remove(name); err != nil {
			return pathError(name, err)
		}
	}
	return nil
}

// removeUnfinished removes a folder of unfinished output, the journal after all that it speaks
// of. Its lock is held.
func removeUnfinished(fsys FS, partial string) error {
	err := emptyFolder(fsys, partial, append(lockNames, journalName)...)
	if err == nil {
		err = removeNames(fsys, partial, journalName, lockName)
	}
	if err == nil {
		discard(fsys, partial)
	}
	return err
}

// removeNames removes files of a folder, those that are there, in their order.
func removeNames(fsys FS, dir string, names ...string) error {
	for _, name := range names {
		full := filepath.Join(dir, name)
		if err := fsys.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return pathError(full, err)
		}
	}
	return nil
}

// CheckOutputs refuses an output that is one of the inputs, by its path or by
// another that leads to the same file (links, symbolic or hard). Outputs that are
// not there yet are none.
func CheckOutputs(fsys FS, inputs []Input, outputs ...string) error {
	for _, out := range outputs {
		info, err := fsys.Stat(out)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return openError(out, err)
		}
		for _, in := range inputs {
			path, _ := SplitMember(in.Path)
			other, err := fsys.Stat(path)
			if err == nil && same(info, other) {
				return inputErrorf(in.Path, "is an input (%s) that the output would replace, expected another name for the output", in.Role)
			}
		}
	}
	return nil
}

// checkWithin refuses an input that lies in the partial folder, which is emptied.
func checkWithin(fsys FS, inputs []Input, partial string) error {
	info, err := fsys.Stat(partial)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return openError(partial, err)
	}
	for _, in := range inputs {
		path, err := inputKey(in.Path)
		if err != nil {
			return err
		}
		for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			above, err := fsys.Stat(dir)
			if err == nil && same(info, above) {
				return inputErrorf(in.Path, "is an input (%s) in the folder of unfinished output, which is emptied: move it away", in.Role)
			}
		}
	}
	return nil
}
