package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// finisher is a sink whose file can be made only when all of it has come.
type finisher interface {
	finish(ctx context.Context) error
}

// RunPath returns the path of run.json of an output.
func RunPath(out string, file bool) string {
	if file {
		return out + "." + runName
	}
	return filepath.Join(out, runName)
}

// runFile is the name of run.json relative to the folder of the final names.
func (j *Job) runFile() string { return filepath.Base(RunPath(j.out, j.opts.File)) }

// Commit makes every output durable, writes run.json, and gives all of them
// their final names. An earlier result under these names stays whole until the
// new one is; of its files those that the new one lacks are removed.
//
// run may be nil; its Schema, Command, Option, Inputs and Outputs are filled, and so
// are its Options if they are nil: those that it has may differ from the job's in what
// became of them (Option.Resolved) and in nothing else.
func (j *Job) Commit(ctx context.Context, run *Run) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fmt.Errorf("%s: committed or closed already", j.out)
	}
	committed, err := j.commit(ctx, run)
	if err != nil && !committed {
		return j.explain(err)
	}
	return err
}

// commit is Commit; committed says that the result is whole, so that if anything
// fails from there on the next process completes it.
func (j *Job) commit(ctx context.Context, run *Run) (committed bool, err error) {
	for _, name := range j.sinkNames() {
		if f, ok := j.sinks[name].(finisher); ok {
			if err := f.finish(ctx); err != nil {
				return false, err
			}
		}
	}
	if err := j.checkInputsSame(); err != nil {
		return false, err
	}
	if err := j.syncOutputs(); err != nil {
		return false, err
	}
	if run == nil {
		run = &Run{}
	}
	if err := j.describe(ctx, run); err != nil {
		return false, err
	}
	if err := writeSynced(j.fsys, filepath.Join(j.partial, j.runFile()), run.write); err != nil {
		return false, err
	}
	j.unsynced = true // run.json
	if err := j.syncNames(); err != nil {
		return false, err
	}
	stale, err := j.stale()
	if err != nil {
		return false, err
	}
	c := commitRecord{Names: j.names, Run: j.runFile(), Remove: stale}
	if err := c.write(j.fsys, j.partial); err != nil {
		return false, err
	}
	j.closeFiles()
	err = c.complete(j.fsys, j.partial, j.final)
	if perr := j.endParts(err == nil); err == nil {
		err = perr
	}
	if cerr := j.lock.Close(); err == nil && cerr != nil {
		err = pathError(j.partial, cerr)
	}
	return true, err
}

// syncOutputs makes the contents of all outputs durable.
func (j *Job) syncOutputs() error {
	if err := j.flush(); err != nil {
		return err
	}
	for _, name := range j.names {
		if s := j.sinks[name]; s != nil {
			if err := s.Sync(); err != nil {
				return err
			}
			continue
		}
		full := filepath.Join(j.partial, filepath.FromSlash(name))
		f, err := j.fsys.Edit(full)
		if err != nil {
			return pathError(full, err)
		}
		err = f.Sync()
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return pathError(full, err)
		}
	}
	return nil
}

// describe fills what the job knows of its run.
func (j *Job) describe(ctx context.Context, run *Run) error {
	run.Schema, run.Command, run.Inputs = RunSchema, j.opts.Command, j.opts.Inputs
	if run.Options == nil {
		run.Options = j.opts.Options
	}
	if d := (&journalKey{Options: run.Options}).difference(&journalKey{Options: j.opts.Options}); d != "" {
		return fmt.Errorf("%s: run.json has other options than the job: %s", j.out, d)
	}
	run.Option, run.Outputs = byName(run.Options), nil
	for _, name := range j.names {
		full := filepath.Join(j.partial, filepath.FromSlash(name))
		d, err := DigestFile(ctx, j.fsys, full)
		if IsInput(err) { // to whoever runs the command it is no input
			return errors.New(err.Error())
		}
		if err != nil {
			return err
		}
		run.Outputs = append(run.Outputs, Output{Name: name, Bytes: d.Bytes, Digest: d.Digest})
	}
	return nil
}

// stale lists the files of the result that this one replaces and does not have.
func (j *Job) stale() ([]string, error) {
	old, err := ReadRun(j.fsys, RunPath(j.out, j.opts.File))
	if IsInput(err) {
		return nil, nil // there is none, or it is not ours to tidy up
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, o := range old.Outputs {
		ours := !j.opts.File || strings.HasPrefix(o.Name, filepath.Base(j.out)+".")
		if ours && localName(o.Name) && !slices.Contains(j.names, o.Name) && o.Name != j.runFile() {
			names = append(names, o.Name)
		}
	}
	return names, nil
}

// folders lists the folders that hold the named files, and those above, the
// innermost first and "." last.
func folders(names []string) []string {
	seen := map[string]bool{".": true}
	var dirs []string
	for _, name := range names {
		for dir := path.Dir(name); !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	slices.SortFunc(dirs, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	return append(dirs, ".")
}

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
	b, err := ReadFile(context.Background(), fsys, name, maxJournal)
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
	if err := emptyFolder(fsys, partial, append(lockNames, commitName)...); err != nil {
		return err
	}
	if err := removeNames(fsys, partial, commitName, lockName); err != nil {
		return err
	}
	discard(fsys, partial) // stays if another process has begun in it just now
	return nil
}

// Recover completes the commit of an output that a crash interrupted anywhere:
// between the first and the last rename, or before the partial folder, empty
// but for its lock, was removed. It does nothing where there is none, and is
// called by OpenJob; a reader of results that wants no half-replaced folder
// calls it first. A file where a folder is expected, or a folder for a file, is refused.
func Recover(fsys FS, out string, file bool) error {
	if err := checkOut(fsys, out, file); err != nil {
		return err
	}
	partial, final := partialFolder(out, file)
	found, err := checkPartial(fsys, partial)
	if err != nil {
		return err
	}
	committed := slices.ContainsFunc(found, func(e fs.DirEntry) bool { return e.Name() == commitName })
	begun := slices.ContainsFunc(found, func(e fs.DirEntry) bool { return !slices.Contains(lockNames, e.Name()) })
	if found == nil || begun && !committed {
		return nil
	}
	lock, err := lockPartial(fsys, partial)
	if err != nil {
		return err
	}
	c, err := readCommit(fsys, partial)
	switch {
	case err != nil:
	case c != nil:
		err = c.complete(fsys, partial, final)
	case isMissing(fsys, filepath.Join(partial, journalName)): // still, now that it is locked
		err = removeCommitted(fsys, partial)
	}
	if cerr := lock.Close(); err == nil && cerr != nil {
		err = pathError(partial, cerr)
	}
	return err
}
