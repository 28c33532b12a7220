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
)

// Part is one of several jobs that each finish some ranges of one output, on machines of
// their own. A panel is of the part in which its first column lies, so that every panel is of
// exactly one, however wide panels are.
type Part struct{ Index, Of int } // from 1 to Of

// MaxParts bounds the parts of an output.
const MaxParts = 100_000

// ParsePart reads "3/8".
func ParsePart(text string) (Part, error) {
	var p Part
	if _, err := fmt.Sscanf(text, "%d/%d", &p.Index, &p.Of); err != nil || text != fmt.Sprintf("%d/%d", p.Index, p.Of) ||
		p.Of < 1 || p.Of > MaxParts || p.Index < 1 || p.Index > p.Of {
		return Part{}, inputErrorf("", "part %q, expected I/N with I from 1 to N, as 3/8", text)
	}
	return p, nil
}

func (p Part) String() string { return fmt.Sprintf("%d/%d", p.Index, p.Of) }

// has reports whether what begins at lo of n is of the part.
func (p Part) has(lo, n int) bool {
	N, i := int64(p.Of), int64(p.Index)
	return int64(n)*(i-1)/N <= int64(lo) && int64(lo) < int64(n)*i/N
}

// folder is what the folder of a part is called: "3-of-8".
func (p Part) folder() string { return fmt.Sprintf("%d-of-%d", p.Index, p.Of) }

// partsFolder is where the parts of an output are until they are merged.
func partsFolder(out string) string { return filepath.Clean(out) + ".parts" }

// Out is the output of the part.
func (p Part) Out(out string, file bool) string {
	dir := filepath.Join(partsFolder(out), p.folder())
	if file {
		return filepath.Join(dir, filepath.Base(out))
	}
	return dir
}

// FindParts lists the parts of an output that are there, and refuses a set that is not whole.
func FindParts(fsys FS, out string) ([]Part, error) {
	dir := partsFolder(out)
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, inputErrorf(dir, "does not exist: expected the parts that voxen shard makes of %s", out)
	}
	if err != nil {
		return nil, pathError(dir, err)
	}
	var parts []Part
	for _, e := range entries {
		if p, ok := partOf(e); ok {
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b Part) int { return a.Index - b.Index })
	if len(parts) == 0 {
		return nil, inputErrorf(dir, "has no part: expected folders like 1-of-8")
	}
	N := parts[0].Of
	for _, p := range parts {
		if p.Of != N {
			return nil, inputErrorf(dir, "has parts of %d and of %d, expected one set: remove the other", N, p.Of)
		}
	}
	var missing []string
	for i, at := 1, 0; i <= N; i++ {
		if at < len(parts) && parts[at].Index == i {
			at++
		} else if missing = append(missing, fmt.Sprintf("%d/%d", i, N)); len(missing) == 4 {
			missing = append(missing[:3], "more")
			break
		}
	}
	if len(missing) > 0 {
		return nil, inputErrorf(dir, "lacks %s of the %d parts: compute them with voxen shard", strings.Join(missing, ", "), N)
	}
	return parts, nil
}

// PartDone reports whether a part says that it is done; of what options, the merge sees.
func PartDone(fsys FS, out string, file bool, p Part) bool {
	partial, _ := partialFolder(p.Out(out, file), file)
	b, err := ReadFile(context.Background(), fsys, filepath.Join(partial, journalName), maxJournal)
	if err != nil {
		return false
	}
	entries, _ := parseJournal(b)
	return slices.ContainsFunc(entries, func(e journalEntry) bool {
		return e.Note != nil && e.Note.Name == partNote && e.Note.Value == p.String()
	})
}

// partNote is the note of a part whose work is done.
const partNote = "part"

// EndPart ends a job that is a part: what it finished is kept for the job that brings the
// parts together.
func (j *Job) EndPart() error {
	if err := j.Note(partNote, j.opts.Part.String()); err != nil {
		return err
	}
	return j.Close()
}

// merged is a part that a job brings together with others.
type merged struct {
	Part
	partial string
	lock    io.Closer
	ranges  []journalRange
	notes   map[string]string
}

// openParts reads what the parts have finished. Those of other options or inputs, that are not
// done or that are at work are refused. Each is locked until the job ends.
func (j *Job) openParts() error {
	for _, p := range j.opts.Parts {
		m, err := j.openPart(p)
		if err != nil {
			return err
		}
		j.parts = append(j.parts, m)
		for _, r := range m.ranges {
			j.found = append(j.found, r)
			j.verified = append(j.verified, map[string]bool{})
		}
	}
	return nil
}

func (j *Job) openPart(p Part) (*merged, error) {
	m := &merged{Part: p, notes: map[string]string{}}
	m.partial, _ = partialFolder(p.Out(j.out, j.opts.File), j.opts.File)
	name := filepath.Join(m.partial, journalName)
	b, err := ReadFile(context.Background(), j.fsys, name, maxJournal)
	entries, _ := parseJournal(b)
	switch {
	case isMissing(j.fsys, name) || err == nil && len(entries) == 0:
		return nil, inputErrorf(m.partial, "has nothing of part %v: compute it with voxen shard", p)
	case err != nil:
		return nil, err
	}
	if d := entries[0].Key.difference(&j.key); d != "" {
		return nil, inputErrorf(m.partial, "part %v is of other options: %s; give those, or compute it again", p, d)
	}
	for _, e := range entries[1:] {
		switch {
		case e.Range != nil: // computed again after a crash, it stands for what it covers
			m.ranges = slices.DeleteFunc(m.ranges, func(r journalRange) bool { return r.Lo < e.Range.Hi && e.Range.Lo < r.Hi })
			m.ranges = append(m.ranges, *e.Range)
		case e.Note != nil:
			m.notes[e.Note.Name] = e.Note.Value
		}
	}
	if m.notes[partNote] != p.String() {
		return nil, inputErrorf(m.partial, "part %v is not done: the same voxen shard goes on with it", p)
	}
	if m.lock, err = lockPartial(j.fsys, m.partial); err != nil {
		return nil, err
	}
	return m, nil
}

// adopt copies into a sink what the parts have finished of an array. That it is what they
// finished is seen when the sink is added.
func (j *Job) adopt(ctx context.Context, file string, to *ArraySink) error {
	for _, p := range j.parts {
		from, ok := reopenSink(j.fsys, filepath.Join(p.partial, filepath.FromSlash(file)), to.header, to.dtype, to.rows, to.cols)
		if !ok {
			return inputErrorf(filepath.Join(p.partial, file), "is not the array of part %v that %s needs: compute the part again", p.Part, j.out)
		}
		for _, r := range p.ranges {
			if err := to.copyRange(ctx, from, j.opts.Axis, r.Lo, r.Hi); err != nil {
				from.Close()
				return err
			}
		}
		if err := from.Close(); err != nil {
			return pathError(from.path, err)
		}
	}
	return nil
}

// CheckParts refuses parts that together have not finished each of n columns or rows exactly
// once, as their journals say and the arrays hold.
func (j *Job) CheckParts(n int) error {
	if len(j.parts) == 0 {
		return nil
	}
	type owned struct {
		Range
		Part
	}
	var all []owned
	for _, p := range j.parts {
		for _, r := range p.ranges {
			all = append(all, owned{Range{r.Lo, r.Hi}, p.Part})
		}
	}
	slices.SortStableFunc(all, func(a, b owned) int { return a.Lo - b.Lo })
	what, at := j.opts.Axis.String(), 0
	for i, o := range all {
		if o.Lo < at {
			return inputErrorf(partsFolder(j.out), "parts %v and %v have both finished %s from %d on, expected each once: compute one of them again", all[i-1].Part, o.Part, what, o.Lo)
		}
		if o.Lo > at {
			return inputErrorf(partsFolder(j.out), "no part has finished %s %d to %d: compute the parts again", what, at, o.Lo-1)
		}
		if !j.Done(o.Lo, o.Hi) {
			return inputErrorf(partsFolder(j.out), "part %v holds other values in %s %d to %d than it finished: compute it again", o.Part, what, o.Lo, o.Hi-1)
		}
		at = o.Hi
	}
	if at < n {
		return inputErrorf(partsFolder(j.out), "no part has finished %s %d to %d: compute the parts again", what, at, n-1)
	}
	return nil
}

// PartNote is what a part noted under a name, "" if it did not, and what it has finished.
type PartNote struct {
	Part
	Value    string
	Finished []Range
}

// PartNotes gives what each part noted under a name, in the order of the parts; nil for a job
// that brings none together.
func (j *Job) PartNotes(name string) []PartNote {
	var notes []PartNote
	for _, p := range j.parts {
		n := PartNote{Part: p.Part, Value: p.notes[name]}
		for _, r := range p.ranges {
			n.Finished = append(n.Finished, Range{r.Lo, r.Hi})
		}
		n.Finished = mergeRanges(n.Finished)
		notes = append(notes, n)
	}
	return notes
}

// PartScratch reads a scratch file of every part.
func (j *Job) PartScratch(ctx context.Context, name string, limit int64) ([][]byte, error) {
	var files [][]byte
	for _, p := range j.parts {
		b, err := ReadFile(ctx, j.fsys, filepath.Join(p.partial, scratchName, name), limit)
		if err != nil {
			return nil, fmt.Errorf("part %v: %w", p.Part, err)
		}
		files = append(files, b)
	}
	return files, nil
}

// endParts gives up the parts; once the output is whole they are removed.
func (j *Job) endParts(remove bool) error {
	var first error
	for _, p := range j.parts {
		if remove {
			if err := removeUnfinished(j.fsys, p.partial); err != nil && first == nil {
				first = err
			}
		}
		p.lock.Close()
		if remove {
			discard(j.fsys, filepath.Join(partsFolder(j.out), p.folder()))
		}
	}
	if remove && len(j.parts) > 0 {
		discard(j.fsys, partsFolder(j.out))
	}
	j.parts = nil
	return first
}

// RemoveParts removes what a merge that was interrupted after its commit left of the parts of
// an output.
func RemoveParts(fsys FS, out string, file bool) error {
	entries, err := fsys.ReadDir(partsFolder(out))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return pathError(partsFolder(out), err)
	}
	for _, e := range entries {
		p, ok := partOf(e)
		if !ok {
			continue
		}
		partial, _ := partialFolder(p.Out(out, file), file)
		if !isMissing(fsys, partial) {
			lock, err := lockPartial(fsys, partial)
			if err != nil {
				return err
			}
			err = removeUnfinished(fsys, partial)
			lock.Close()
			if err != nil {
				return err
			}
		}
		discard(fsys, filepath.Join(partsFolder(out), p.folder()))
	}
	discard(fsys, partsFolder(out))
	return nil
}

// partOf reads the name of a part's folder.
func partOf(e fs.DirEntry) (Part, bool) {
	p, err := ParsePart(strings.Replace(e.Name(), "-of-", "/", 1))
	return p, err == nil && e.Name() == p.folder() && e.IsDir()
}
