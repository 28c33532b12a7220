package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A journal is a text file of one entry a line: the CRC-32C of the JSON that
// follows, eight hexadecimal digits, a space, the JSON. The first entry is the
// key. Lines are only ever added; what follows the first line that is cut or
// damaged counts for nothing, so a crash at any byte loses no more than the
// entries that were being written.

// Option is one setting of a command, as a user would write it.
type Option struct {
	Name  string `json:"name"`  // with its dashes: "--alphas"
	Value string `json:"value"` // that was used
	// Resolved says that the value was left to the command, and Given what it was
	// given then: "" for --cv, whose Value is "kfold:5" in run.json. A job goes on,
	// and a result is kept, by what was given.
	Resolved bool   `json:"resolved,omitempty"`
	Given    string `json:"given,omitempty"`
	// Free says that the option cannot change a result, so that a job may go on
	// under another value.
	Free bool `json:"free,omitempty"`
}

// Asked is the value that the command was given.
func (o Option) Asked() string {
	if o.Resolved {
		return o.Given
	}
	return o.Value
}

// journalKey is what must be the same for a job to go on.
type journalKey struct {
	Command string   `json:"command"`
	Options []Option `json:"options"`
	Inputs  []Input  `json:"inputs"`
	Axis    Axis     `json:"axis"`
}

// journalEntry is one line; one of its fields is set.
type journalEntry struct {
	Key   *journalKey   `json:"key,omitempty"`
	Range *journalRange `json:"range,omitempty"`
	Note  *journalNote  `json:"note,omitempty"`
}

// journalRange says that [Lo, Hi) is finished, and what each output held there.
type journalRange struct {
	Lo   int               `json:"lo"`
	Hi   int               `json:"hi"`
	Sums map[string]string `json:"sums"` // xxh64 by name of output
}

type journalNote struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// line returns the entry as it stands in the file.
func (e journalEntry) line() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return checkedLine(b), nil
}

// checkedLine puts the checksum in front of a line's text.
func checkedLine(text []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(text, castagnoli), text)
}

// uncheckedLine returns the text of a line without its line feed; ok is false
// if the checksum is not that of the text.
func uncheckedLine(line []byte) (text []byte, ok bool) {
	if len(line) < 10 || line[8] != ' ' {
		return nil, false
	}
	sum, err := strconv.ParseUint(string(line[:8]), 16, 32)
	return line[9:], err == nil && uint32(sum) == crc32.Checksum(line[9:], castagnoli)
}

// parseJournal returns the whole entries of a journal and the bytes they take.
// A first entry other than a key makes it none at all.
func parseJournal(b []byte) (entries []journalEntry, valid int) {
	for {
		line, _, found := bytes.Cut(b[valid:], []byte{'\n'})
		if !found {
			return entries, valid
		}
		e, ok := parseJournalLine(line)
		if !ok || (len(entries) == 0) != (e.Key != nil) {
			return entries, valid
		}
		entries = append(entries, e)
		valid += len(line) + 1
	}
}

func parseJournalLine(line []byte) (journalEntry, bool) {
	var e journalEntry
	text, ok := uncheckedLine(line)
	if !ok || json.Unmarshal(text, &e) != nil {
		return e, false
	}
	if r := e.Range; r != nil && (r.Lo < 0 || r.Hi < r.Lo) {
		return e, false
	}
	return e, true
}

// difference names what keeps a job begun with key old from going on with key
// now: each option or input with both values. It is empty if nothing does.
func (old *journalKey) difference(now *journalKey) string {
	var found []string
	add := func(name, was, is string) {
		if was != is {
			found = append(found, fmt.Sprintf("%s was %s, is %s", name, was, is))
		}
	}
	add("the command", strconv.Quote(old.Command), strconv.Quote(now.Command))
	diffValues(old.values(), now.values(), add)
	if old.Axis != now.Axis {
		add("the unit of progress", old.Axis.String(), now.Axis.String())
	}
	return strings.Join(found, "; ")
}

// keyValue is an option or input that counts; shown is its value in a message.
type keyValue struct{ name, value, shown string }

func (k *journalKey) values() []keyValue {
	var out []keyValue
	count := map[string]int{}
	add := func(name, value, shown string) {
		// A repeated flag is told apart by its place among its like.
		count[name]++
		if n := count[name]; n > 1 {
			name = fmt.Sprintf("%s (number %d)", name, n)
		}
		out = append(out, keyValue{name, value, shown})
	}
	for _, o := range k.Options {
		if !o.Free {
			add(o.Name, o.Asked(), strconv.Quote(o.Asked()))
		}
	}
	for _, in := range k.Inputs {
		// The same content under another path gives the same result.
		add("the content of "+in.Role, fmt.Sprintf("%d %s", in.Bytes, in.Digest), fmt.Sprintf("%s (%d bytes, %s)", in.Path, in.Bytes, in.Digest))
	}
	return out
}

func diffValues(old, now []keyValue, add func(name, was, is string)) {
	const none = "not given"
	is := map[string]keyValue{}
	for _, v := range now {
		is[v.name] = v
	}
	was := map[string]bool{}
	for _, v := range old {
		was[v.name] = true
		switch n, ok := is[v.name]; {
		case !ok:
			add(v.name, v.shown, none)
		case n.value != v.value:
			add(v.name, v.shown, n.shown)
		}
	}
	for _, v := range now {
		if !was[v.name] {
			add(v.name, none, v.shown)
		}
	}
}
