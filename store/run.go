package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// RunSchema is the version of run.json that this package writes and the newest
// that it reads. It grows when a field changes its meaning or goes away.
const RunSchema = 1

// maxRunBytes bounds a run.json that is read.
const maxRunBytes = 64 << 20

// Run is what run.json says about a result: enough to know what it was computed
// from, by what, and what was left out. Job.Commit fills Schema, Command,
// Options, Inputs and Outputs.
type Run struct {
	Schema   int      `json:"schema"`
	Command  string   `json:"command"`
	Version  string   `json:"version,omitempty"` // of the program
	Options  []Option `json:"options"`
	Inputs   []Input  `json:"inputs"`
	Outputs  []Output `json:"outputs"`
	Started  string   `json:"started,omitempty"` // RFC 3339
	Seconds  float64  `json:"seconds"`
	Device   Device   `json:"device"`
	Stages   []Stage  `json:"stages,omitempty"`
	LeftOut  []Count  `json:"left_out,omitempty"`
	Marks    []string `json:"marks,omitempty"` // why the bits may differ elsewhere
	Warnings []string `json:"warnings,omitempty"`
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
	b, err := readWhole(fsys, path, maxRunBytes)
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

// readWhole reads a small file.
func readWhole(fsys FS, path string, limit int64) ([]byte, error) {
	f, size, err := openInput(fsys, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, inputErrorf(path, "has %d bytes, expected at most %d", size, limit)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, pathError(path, err)
	}
	return b, nil
}
