package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// RunSchema is the version of run.json that this package writes and the newest
// that it reads. It grows when a field changes its meaning or goes away.
const RunSchema = 1

// maxRunBytes bounds a run.json that is read.
const maxRunBytes = 64 << 20

// Run is what run.json says about a result: enough to know what it was computed
// from, by what, and what was left out. Job.Commit fills Schema, Command,
// Options where they are nil, Option, Inputs and Outputs.
type Run struct {
	Schema  int    `json:"schema"`
	Command string `json:"command"`
	Version string `json:"version,omitempty"` // of the program
	// ResultsNumber is that of the command, which is raised when its results
	// change: by it, and not by the version, results are known for old.
	ResultsNumber int      `json:"results_number,omitempty"`
	Options       []Option `json:"options"` // with what became of those left to the command
	// Option is Options as an object: values by name, without dashes; of an option
	// that is there several times a list.
	Option   map[string]any `json:"option,omitempty"`
	Inputs   []Input        `json:"inputs"`
	Outputs  []Output       `json:"outputs"`
	Started  string         `json:"started,omitempty"` // RFC 3339
	Seconds  float64        `json:"seconds"`
	Device   Device         `json:"device"`
	Stages   []Stage        `json:"stages,omitempty"`
	LeftOut  []Count        `json:"left_out,omitempty"`
	Marks    []string       `json:"marks,omitempty"` // why the bits may differ elsewhere
	Warnings []string       `json:"warnings,omitempty"`
	// Results are single numbers that have no file of their own, for example
	// the final objective.
	Results map[string]float64 `json:"results,omitempty"`
}

// Output is one file of a result, named relative to run.json's folder.
type Output struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"`
}

// Device is where the arithmetic was done.
type Device struct {
	Name      string            `json:"name"`            // cpu, cuda:0; cuda where several shared the work
	Count     int               `json:"count,omitempty"` // how many did
	Model     string            `json:"model,omitempty"`
	Driver    string            `json:"driver,omitempty"`
	Reason    string            `json:"reason,omitempty"` // why this one was taken
	Libraries map[string]string `json:"libraries,omitempty"`
}

// Stage is the wall-clock time of one part of the work.
type Stage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Count says how many of something were left out, and why.
type Count struct {
	What string `json:"what"` // voxels, words, neurons
	Why  string `json:"why"`
	N    int    `json:"n"`
}

// byName gives options as an object.
func byName(options []Option) map[string]any {
	m := map[string]any{}
	for _, o := range options {
		name := strings.TrimLeft(o.Name, "-")
		switch was := m[name].(type) {
		case nil:
			m[name] = o.Value
		case string:
			m[name] = []string{was, o.Value}
		case []string:
			m[name] = append(was, o.Value)
		}
	}
	return m
}

// write writes the run as indented JSON.
func (r *Run) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("run.json: %w", err)
	}
	return nil
}

// ReadRun reads a run.json. Fields that a newer program of the same schema
// added are ignored.
func ReadRun(fsys FS, path string) (*Run, error) {
	b, err := ReadFile(context.Background(), fsys, path, maxRunBytes)
	if err != nil {
		return nil, err
	}
	r := &Run{}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(r); err != nil {
		return nil, &InputError{Path: path, Msg: "is not a run.json", Err: err}
	}
	if r.Schema < 1 || r.Schema > RunSchema {
		return nil, inputErrorf(path, "has schema %d, expected 1 to %d", r.Schema, RunSchema)
	}
	return r, nil
}

// ReadFile reads a file whole. One of more than limit bytes is refused, with both
// numbers, before anything is read.
func ReadFile(ctx context.Context, fsys FS, path string, limit int64) ([]byte, error) {
	f, size, err := openInput(fsys, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, inputErrorf(path, "has %d bytes, expected at most %d", size, limit)
	}
	if err := Allow(fsys, path, size); err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if err := readPieces(ctx, f, b, 0); err != nil {
		if ctx.Err() == nil {
			err = pathError(path, err)
		}
		return nil, err
	}
	return b, nil
}

// readPieces fills b from byte off, in pieces small enough that a cancelled context
// is seen within milliseconds.
func readPieces(ctx context.Context, r io.ReaderAt, b []byte, off int64) error {
	const piece = 8 << 20
	for len(b) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(piece, len(b))
		if got, err := r.ReadAt(b[:n], off); got < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}
