package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Axis says which ranges of its arrays a Job counts as finished.
type Axis uint8

// The axes.
const (
	Columns Axis = iota // voxels, signals
	Rows                // time points, words
)

func (a Axis) String() string {
	if a == Rows {
		return "rows"
	}
	return "columns"
}

// JobOptions describes an output.
type JobOptions struct {
	Command string   // the command, for example "encode"
	Options []Option // all that it was given, in a fixed order, defaults too; and the program's version
	Inputs  []Input  // what it reads; those of Watch where that is given
	Watch   *Inputs  // of which a change is an error of Finish and Commit; may be nil
	File    bool     // out is a file (--out FILE) and not a folder
	Axis    Axis     // of Done and Finish
	// Replace discards unfinished output that was begun with another command,
	// options or inputs, where it is refused otherwise.
	Replace bool
	// Part, if any, is what of the output this job finishes: for all else Done says that it is,
	// and EndPart takes the place of Commit.
	Part *Part
	// Parts are brought together: what they have finished is finished in this job, which
	// removes them when it is committed. Each has the options and inputs of this one.
	Parts []Part
	// FlushEvery is how much finished work may be lost by a crash, since to sync
	// files after every panel would take longer than the panels: 0 stands for
	// two seconds, a negative number for every Finish.
	FlushEvery time.Duration
}

// Job is an output under construction. Nothing appears under its final name
// before Commit; what Finish recorded survives a crash and is found by the next
// OpenJob with the same options. It satisfies tile.Checkpoint. Only one process
// at a time can hold it.
//
// In a folder job names are relative to the folder, with slashes. In a file job
// "" is the file itself and ".columns.tsv" the file of that ending beside it.
type Job struct {
	fsys    FS
	out     string // as the user gave it
	final   string // folder of the final names
	partial string // folder of the unfinished ones
	opts    JobOptions
	key     journalKey
	lock    io.Closer
	made    bool // the folder of a folder job was not there before
	resumed bool // the journal of an earlier process was found

	mu       sync.Mutex
	journal  File
	written  int64             // bytes of the journal that are whole
	pending  []journalEntry    // finished, not yet in the journal
	flushed  time.Time         // when pending was last emptied
	length   int               // of the axis, once a sink is made
	parts    []*merged         // that are brought together
	own      int               // of found: those of this output's own journal, before those of parts
	found    []journalRange    // read from the journal
	verified []map[string]bool // of found: outputs that hold what it says
	finished []journalRange    // by this process
	recorded int               // of finished: those in the journal
	notes    map[string]string
	remarks  map[string]bool // notes that are no work
	sinks    map[string]ColumnSink
	names    []string // of outputs, in the order in which they were made
	scratch  bool     // there are scratch files
	unsynced bool     // a name was made in the partial folder since it was synced
	closed   bool
}

// ColumnSink is an output of which a Job can tell whether a range of columns or
// rows is what it was when it was finished. ArraySink and CodesSink are.
type ColumnSink interface {
	// Digest returns a hash of what is stored for [lo, hi) of the axis.
	Digest(ctx context.Context, axis Axis, lo, hi int) (uint64, error)
	// Sync makes everything written durable.
	Sync() error
	io.Closer
}

const runName = "run.json"

// maxJournal bounds a journal that is read.
const maxJournal = 256 << 20

// OpenJob begins an output, or goes on with one that was begun with the same
// command, options and inputs. One begun with others is refused with an
// InputError that names what differs, and so are an output that would replace or
// remove one of the inputs, and, but with Replace, one in whose place are the
// results of another command. A commit that a crash interrupted is completed first.
func OpenJob(fsys FS, out string, o JobOptions) (*Job, error) {
	if o.FlushEvery == 0 {
		o.FlushEvery = 2 * time.Second
	}
	if o.Watch != nil {
		o.Inputs = o.Watch.List()
	}
	outs := []string{out}
	if o.Part != nil {
		outs = append(outs, o.Part.Out(out, o.File))
	}
	for _, out := range outs {
		if err := Recover(fsys, out, o.File); err != nil {
			return nil, err
		}
	}
	j := &Job{
		fsys: fsys, out: out, opts: o, flushed: time.Now(),
		key:   journalKey{Command: o.Command, Options: o.Options, Inputs: o.Inputs, Axis: o.Axis},
		notes: map[string]string{}, remarks: map[string]bool{}, sinks: map[string]ColumnSink{},
	}
	j.partial, j.final = partialFolder(out, o.File)
	if o.Part != nil {
		j.partial, _ = partialFolder(o.Part.Out(out, o.File), o.File)
	}
	if err := j.checkReplaced(); err != nil {
		return nil, err
	}
	j.made = !o.File && o.Part == nil && isMissing(fsys, j.final)
	var err error
	if j.lock, err = LockFolder(fsys, j.partial); err != nil {
		return nil, err
	}
	if err := j.openJournal(); err != nil {
		j.lock.Close()
		return nil, err
	}
	j.own = len(j.found)
	if err := j.openParts(); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

// checkOut refuses an output that is of the other sort.
func checkOut(fsys FS, out string, file bool) error {
	if out == "" {
		return inputErrorf("", "the output has no name")
	}
	if file && slices.Contains(reservedNames, filepath.Base(out)) {
		return inputErrorf(out, "is a name that unfinished outputs use, expected another")
	}
	info, err := fsys.Stat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return openError(out, err)
	case file && info.IsDir():
		return inputErrorf(out, "is a folder, expected the name of a file")
	case !file && !info.IsDir():
		return inputErrorf(out, "is a file, expected the name of a folder")
	}
	return nil
}

// checkReplaced refuses to take away what somebody still needs: inputs, and the
// results of another command, whose files would go with its run.json.
func (j *Job) checkReplaced() error {
	if err := checkWithin(j.fsys, j.opts.Inputs, j.partial); err != nil {
		return err
	}
	if err := j.checkInputs(j.runFile()); err != nil {
		return err
	}
	if j.opts.File {
		if err := j.checkInputs(filepath.Base(j.out)); err != nil {
			return err
		}
	}
	old, err := ReadRun(j.fsys, RunPath(j.out, j.opts.File))
	if IsInput(err) {
		return nil // there is none, or it is not ours
	}
	if err != nil {
		return err
	}
	for _, o := range old.Outputs {
		if !localName(o.Name) {
			continue
		}
		if err := j.checkInputs(o.Name); err != nil {
			return err
		}
	}
	if old.Command != j.opts.Command && !j.opts.Replace {
		return inputErrorf(j.out, "holds results of %s, expected another name for those of %s", old.Command, j.opts.Command)
	}
	return nil
}

// checkInputs refuses an output, named relative to the folder of the final names,
// that is one of the inputs.
func (j *Job) checkInputs(file string) error {
	return CheckOutputs(j.fsys, j.opts.Inputs, filepath.Join(j.final, filepath.FromSlash(file)))
}

// makeFolder makes a folder whose name survives a crash.
func makeFolder(fsys FS, name string) error {
	var parents []string // of the folders that are new
	for dir := filepath.Clean(name); dir != "."; dir = filepath.Dir(dir) {
		_, err := fsys.Stat(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return pathError(name, err)
		}
		parents = append(parents, filepath.Dir(dir))
	}
	if len(parents) == 0 {
		return nil
	}
	if err := fsys.MkdirAll(name); err != nil {
		return pathError(name, err)
	}
	for _, dir := range parents {
		if err := fsys.SyncDir(dir); err != nil {
			return pathError(name, err)
		}
	}
	return nil
}

// LockFolder makes a folder, if it is not there, and takes it for this process until
// the lock is closed. That another has it is an error with ErrLocked as its cause,
// and no InputError: the same command may succeed later.
func LockFolder(fsys FS, dir string) (io.Closer, error) {
	if err := makeFolder(fsys, dir); err != nil {
		return nil, err
	}
	return lockPartial(fsys, dir)
}

func lockPartial(fsys FS, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, pathError(dir, err)
	}
	return lock, nil
}

// openJournal reads the journal, if there is one, or begins it.
func (j *Job) openJournal() error {
	name := filepath.Join(j.partial, journalName)
	b, err := ReadFile(context.Background(), j.fsys, name, maxJournal)
	if err != nil && !isMissing(j.fsys, name) {
		return err
	}
	entries, valid := parseJournal(b)
	if len(entries) == 0 {
		return j.begin(name)
	}
	if d := entries[0].Key.difference(&j.key); d != "" && j.opts.Replace {
		return j.begin(name)
	} else if d != "" {
		return inputErrorf(j.partial, "holds unfinished output of other options: %s; finish it with those or remove it", d)
	}
	for _, e := range entries[1:] {
		switch {
		case e.Range != nil:
			j.found = append(j.found, *e.Range)
			j.verified = append(j.verified, map[string]bool{})
		case e.Note != nil:
			j.notes[e.Note.Name] = e.Note.Value
		}
	}
	j.resumed = len(entries) > 1
	if j.journal, err = j.fsys.Edit(name); err != nil {
		return pathError(name, err)
	}
	j.written = int64(valid)
	if err := j.journal.Truncate(j.written); err != nil {
		j.journal.Close()
		return pathError(name, err)
	}
	return nil
}

func isMissing(fsys FS, name string) bool {
	_, err := fsys.Stat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// begin empties the partial folder and writes a journal of the key alone. The earlier
// journal goes last: without it nothing would say whose the rest is.
func (j *Job) begin(name string) error {
	if err := emptyFolder(j.fsys, j.partial, append(lockNames, journalName)...); err != nil {
		return err
	}
	if err := j.fsys.SyncDir(j.partial); err != nil {
		return pathError(j.partial, err)
	}
	line, err := journalEntry{Key: &j.key}.line()
	if err != nil {
		return err
	}
	if j.journal, err = j.fsys.Create(name); err != nil {
		return pathError(name, err)
	}
	err = writeFull(j.journal, line, 0)
	if err == nil {
		err = j.journal.Sync()
	}
	if err == nil {
		err = j.fsys.SyncDir(j.partial)
	}
	if err != nil {
		j.journal.Close()
		j.removePartial()
		return pathError(name, err)
	}
	j.written = int64(len(line))
	return nil
}

// FS returns the file system of the output.
func (j *Job) FS() FS { return j.fsys }

// Resumed reports whether the output was begun by an earlier process.
func (j *Job) Resumed() bool { return j.resumed }

// fileName turns the name of an output into that of its file, relative to the
// folder of the final names.
func (j *Job) fileName(name string) (string, error) {
	if j.opts.File {
		if name != "" && !strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) || name == ".partial" {
			return "", fmt.Errorf("%s: bad ending of an output beside it: %q", j.out, name)
		}
		return filepath.Base(j.out) + name, nil
	}
	if !localName(name) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("%s: bad name of an output: %q", j.out, name)
	}
	return name, nil
}

// localName reports whether a name with slashes stays within its folder.
func localName(name string) bool {
	return fs.ValidPath(name) && name != "." && filepath.IsLocal(filepath.FromSlash(name))
}

// Path registers an output that the caller writes by itself, and returns where
// to write it. It must be complete when Commit is called, which makes it
// durable. An output that would replace an input is refused.
func (j *Job) Path(name string) (string, error) {
	file, err := j.fileName(name)
	if err != nil {
		return "", err
	}
	if err := j.checkInputs(file); err != nil {
		return "", err
	}
	full := filepath.Join(j.partial, filepath.FromSlash(file))
	if dir := filepath.Dir(full); dir != j.partial {
		if err := makeFolder(j.fsys, dir); err != nil {
			return "", err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Contains(j.names, file) {
		j.names = append(j.names, file)
	}
	j.unsynced = true
	return full, nil
}

// WriteFile writes a small output.
func (j *Job) WriteFile(name string, write func(io.Writer) error) error {
	full, err := j.Path(name)
	if err != nil {
		return err
	}
	return writeSynced(j.fsys, full, write)
}

// Scratch returns the path of a file that helps the job and goes with it, for
// example an unpacked image. Note can tell the next process that it is whole.
func (j *Job) Scratch(name string) (string, error) {
	if !localName(name) || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("%s: bad name of a scratch file: %q", j.out, name)
	}
	dir := filepath.Join(j.partial, scratchName)
	if err := makeFolder(j.fsys, dir); err != nil {
		return "", err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.scratch, j.unsynced = true, true
	return filepath.Join(dir, name), nil
}

// CreateWhole makes a .npy output (rows x cols) that the caller writes whole and closes: unlike
// that of CreateNpy it is of none of the job's ranges.
func (j *Job) CreateWhole(name string, d DType, rows, cols int) (*ArraySink, error) {
	path, err := j.Path(name)
	if err != nil {
		return nil, err
	}
	shape, err := sinkShape(path, d, rows, cols, AsMatrix)
	if err != nil {
		return nil, err
	}
	return createSink(j.fsys, path, npyHeaderBytes(d, shape), d, rows, cols, false)
}

// CreateNpy makes a .npy output, or goes on with the one that is there. Ranges
// of which it does not hold what it did when they were finished are no longer
// Done.
func (j *Job) CreateNpy(ctx context.Context, name string, d DType, rows, cols int, v Vector) (*ArraySink, error) {
	shape, err := sinkShape(name, d, rows, cols, v)
	if err != nil {
		return nil, err
	}
	return j.createArray(ctx, name, npyHeaderBytes(d, shape), d, rows, cols)
}

// CreateSafetensors is CreateNpy for a .safetensors of a single tensor.
func (j *Job) CreateSafetensors(ctx context.Context, name, tensor string, d DType, rows, cols int, metadata map[string]string) (*ArraySink, error) {
	header, err := safetensorsSinkHeader(name, tensor, d, rows, cols, metadata)
	if err != nil {
		return nil, err
	}
	return j.createArray(ctx, name, header, d, rows, cols)
}

func (j *Job) createArray(ctx context.Context, name string, header []byte, d DType, rows, cols int) (*ArraySink, error) {
	full, err := j.Path(name)
	if err != nil {
		return nil, err
	}
	s, ok := reopenSink(j.fsys, full, header, d, rows, cols)
	if !ok {
		if s, err = createSink(j.fsys, full, header, d, rows, cols, j.opts.Part != nil); err != nil {
			return nil, err
		}
	}
	j.mu.Lock()
	if j.length = cols; j.opts.Axis == Rows {
		j.length = rows
	}
	j.mu.Unlock()
	file, err := j.fileName(name)
	if err == nil {
		err = j.adopt(ctx, file, s)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	if err := j.AddSink(ctx, name, s); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// AddSink registers what fills an output of Path range by range: Finish records
// its digest, Commit and Close sync and close it. If the job goes on from an
// earlier process the ranges finished then are checked against what it holds.
func (j *Job) AddSink(ctx context.Context, name string, s ColumnSink) error {
	file, err := j.fileName(name)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.sinks[file] != nil:
		return fmt.Errorf("%s: output %s made twice", j.out, file)
	case !slices.Contains(j.names, file):
		return fmt.Errorf("%s: output %s has a sink and no path", j.out, file)
	}
	for i, r := range j.found {
		want, ok := r.Sums[file]
		if !ok {
			continue
		}
		got, err := s.Digest(ctx, j.opts.Axis, r.Lo, r.Hi)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		j.verified[i][file] = err == nil && formatSum(got) == want
	}
	j.sinks[file] = s
	return nil
}

// sinkNames lists the outputs that have sinks in the order in which they were
// made, so that the same job makes the same file operations in the same order.
func (j *Job) sinkNames() []string {
	var names []string
	for _, name := range j.names {
		if j.sinks[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

func formatSum(sum uint64) string { return fmt.Sprintf("%016x", sum) }

// Done reports whether [lo, hi) was finished, by this process or an earlier one,
// and holds what it did then in every output made so far; of a part, whether it is to finish
// nothing there.
func (j *Job) Done(lo, hi int) bool {
	if p := j.opts.Part; p != nil && !p.has(lo, j.axisLength()) {
		return true
	}
	for _, r := range j.Finished() {
		if r.Lo <= lo && lo < r.Hi {
			lo = r.Hi
		}
	}
	return lo >= hi
}

func (j *Job) axisLength() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.length
}

// Axis is that of the ranges that are finished.
func (j *Job) Axis() Axis { return j.opts.Axis }

// Range is [Lo, Hi) of the axis of a job.
type Range struct{ Lo, Hi int }

// Finished lists the ranges that are Done, in order; those that touch are one.
func (j *Job) Finished() []Range {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Range
	for _, r := range j.finished {
		all = append(all, Range{r.Lo, r.Hi})
	}
	for i, r := range j.found {
		if j.holds(i) {
			all = append(all, Range{r.Lo, r.Hi})
		}
	}
	return mergeRanges(all)
}

// mergeRanges puts ranges in order; those that touch become one.
func mergeRanges(all []Range) []Range {
	slices.SortFunc(all, func(a, b Range) int { return a.Lo - b.Lo })
	merged := all[:0]
	for _, r := range all {
		switch n := len(merged); {
		case r.Lo == r.Hi:
		case n > 0 && r.Lo <= merged[n-1].Hi:
			merged[n-1].Hi = max(merged[n-1].Hi, r.Hi)
		default:
			merged = append(merged, r)
		}
	}
	return merged
}

// holds reports whether every output has in the i-th range found what the
// journal says, and none is missing from it.
func (j *Job) holds(i int) bool {
	for name := range j.found[i].Sums {
		if !j.verified[i][name] {
			return false
		}
	}
	for name := range j.sinks {
		if !j.verified[i][name] {
			return false
		}
	}
	return true
}

// Finish records that every output holds its results for [lo, hi).
func (j *Job) Finish(lo, hi int) error {
	if lo < 0 || hi < lo {
		return fmt.Errorf("%s: finished [%d, %d)", j.out, lo, hi)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.explain(j.finish(lo, hi))
}

func (j *Job) finish(lo, hi int) error {
	r := journalRange{Lo: lo, Hi: hi, Sums: map[string]string{}}
	for _, name := range j.sinkNames() {
		sum, err := j.sinks[name].Digest(context.Background(), j.opts.Axis, lo, hi)
		if err != nil {
			return err
		}
		r.Sums[name] = formatSum(sum)
	}
	j.finished = append(j.finished, r)
	j.pending = append(j.pending, journalEntry{Range: &r})
	if time.Since(j.flushed) < j.opts.FlushEvery {
		return nil
	}
	return j.flush()
}

// Note records a fact for the next process that goes on with this job, at once.
func (j *Job) Note(name, value string) error { return j.note(name, value, false) }

// Remark is Note for what is no work: by itself it is no reason for Close to keep an
// output that was not finished.
func (j *Job) Remark(name, value string) error { return j.note(name, value, true) }

func (j *Job) note(name, value string, remark bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes[name], j.remarks[name] = value, remark
	j.pending = append(j.pending, journalEntry{Note: &journalNote{name, value}})
	return j.flush()
}

// Noted returns what Note last recorded under a name.
func (j *Job) Noted(name string) (value string, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	value, ok = j.notes[name]
	return value, ok
}

// flush makes the outputs durable, then the journal entries that speak of them.
func (j *Job) flush() error {
	if len(j.pending) == 0 {
		return nil
	}
	var lines []byte
	for _, e := range j.pending {
		line, err := e.line()
		if err != nil {
			return err
		}
		lines = append(lines, line...)
	}
	if err := j.checkInputsSame(); err != nil {
		return err
	}
	for _, name := range j.sinkNames() {
		if err := j.sinks[name].Sync(); err != nil {
			return err
		}
	}
	if err := j.syncNames(); err != nil {
		return err
	}
	err := writeFull(j.journal, lines, j.written)
	if err == nil {
		err = j.journal.Sync()
	}
	if err != nil {
		return pathError(filepath.Join(j.partial, journalName), err)
	}
	j.written += int64(len(lines))
	j.pending, j.flushed, j.recorded = nil, time.Now(), len(j.finished)
	return nil
}

// checkInputsSame is Inputs.Check before anything is put down as finished. What was
// finished since the last check is then nothing to go on with.
func (j *Job) checkInputsSame() error {
	if j.opts.Watch == nil {
		return nil
	}
	err := j.opts.Watch.Check()
	if err != nil {
		j.pending, j.finished = nil, j.finished[:j.recorded]
	}
	return err
}

// Explain returns the cause of an error of the work on this output, where that lies
// outside it: an input that changed, whatever reading it gave then, or the removal of
// the folder of unfinished output, which no option of the command is to blame for.
func (j *Job) Explain(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.explain(err)
}

func (j *Job) explain(err error) error {
	if err == nil || j.closed || errors.Is(err, context.Canceled) || errors.Is(err, ErrChanged) {
		return err
	}
	if isMissing(j.fsys, filepath.Join(j.partial, journalName)) {
		return fmt.Errorf("%s was removed while it was written", j.partial)
	}
	if j.opts.Watch != nil {
		if changed := j.opts.Watch.Check(); errors.Is(changed, ErrChanged) {
			return changed
		}
	}
	return err
}

// syncNames makes the names of all files made so far durable.
func (j *Job) syncNames() error {
	if !j.unsynced {
		return nil
	}
	dirs := folders(j.names)
	if j.scratch {
		dirs = append(dirs, scratchName)
	}
	for _, dir := range dirs {
		full := filepath.Join(j.partial, filepath.FromSlash(dir))
		if err := j.fsys.SyncDir(full); err != nil {
			return pathError(full, err)
		}
	}
	j.unsynced = false
	return nil
}

// Close ends the job without a result. What is finished is kept for the next
// process; if nothing is, the partial folder is removed. After Commit and Discard
// it does nothing.
func (j *Job) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	err := j.flush()
	return j.end(j.own+len(j.finished) > 0 || j.noted(), err)
}

// noted reports whether a note is a reason to keep what there is.
func (j *Job) noted() bool {
	for name := range j.notes {
		if !j.remarks[name] {
			return true
		}
	}
	return false
}

// Discard ends the job without a result and keeps nothing: for inputs that turn
// out to have none, however often one goes on. After Commit and Close it does
// nothing.
func (j *Job) Discard() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	return j.end(false, nil)
}

// end closes the job's files and, unless what is finished is kept, removes them.
func (j *Job) end(keep bool, err error) error {
	j.closeFiles()
	j.endParts(false)
	if !keep {
		j.removePartial()
	}
	if cerr := j.lock.Close(); err == nil && cerr != nil {
		err = pathError(j.partial, cerr)
	}
	return err
}

// closeFiles closes sinks and journal. Everything that matters was synced, so
// an error here takes nothing away.
func (j *Job) closeFiles() {
	j.closed = true
	for _, name := range j.sinkNames() {
		j.sinks[name].Close()
	}
	j.journal.Close()
}

// removePartial removes the partial folder, and the output folder if this job
// made it. The lock is still held, so nobody else is in it.
func (j *Job) removePartial() {
	if removeUnfinished(j.fsys, j.partial) != nil {
		return
	}
	if j.made {
		discard(j.fsys, j.final) // stays if somebody has put something there
	}
	if p := j.opts.Part; p != nil {
		discard(j.fsys, filepath.Join(partsFolder(j.out), p.folder()))
		discard(j.fsys, partsFolder(j.out))
	}
}
