package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"

	"voxen/store"
)

// runParams are what run is asked for: a command line.
type runParams struct {
	Args []string `json:"args"`
}

// run does a command line of the program. Its summary is the result.
func (c *call) run(ctx context.Context) (any, error) {
	var p runParams
	if err := c.params(&p); err != nil {
		return nil, err
	}
	if len(p.Args) == 0 {
		return nil, badInput("no arguments, expected a command")
	}
	c.forget() // what the command may take of memory is all of the bound
	debug.FreeOSMemory()
	said := &lines{call: c}
	if status := c.program.Run(ctx, p.Args, said, &c.devices); status != 0 {
		return nil, said.failure(status)
	}
	return said.result, nil
}

// lines takes what a command prints: an object on each line.
type lines struct {
	call    *call
	rest    []byte
	result  json.RawMessage
	refused error
	other   string // the last line that is no object
}

// Write passes whole lines on.
func (l *lines) Write(data []byte) (int, error) {
	l.rest = append(l.rest, data...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		if end < 0 {
			return len(data), nil
		}
		l.line(l.rest[:end])
		l.rest = l.rest[end+1:]
	}
}

// line makes a message of an object: its type names what else it has.
func (l *lines) line(text []byte) {
	var o map[string]json.RawMessage
	var known struct {
		Type, Stage, Message string
		Done, Total, Status  int
	}
	if json.Unmarshal(text, &o) != nil || json.Unmarshal(text, &known) != nil {
		l.other = string(text)
		return
	}
	c := l.call
	switch known.Type {
	case "stage", "progress":
		if c.Progress && known.Total > 0 {
			c.send(map[string]any{"id": c.ID, "type": "progress", "stage": known.Stage, "done": known.Done, "total": known.Total})
		}
	case "warning":
		c.send(map[string]any{"id": c.ID, "type": "warning", "message": known.Message})
	case "foreseen": // by a study that is not run yet
		var messages []string
		if json.Unmarshal(o[known.Type], &messages) != nil {
			l.other = string(text)
			return
		}
		for _, m := range messages {
			c.send(map[string]any{"id": c.ID, "type": "warning", "message": m})
		}
	case "error":
		l.refused = errors.New(known.Message)
		if known.Status == statusInput {
			l.refused = &store.InputError{Msg: known.Message}
		}
	case "step", "step_done":
	default:
		l.result = bytes.Clone(o[known.Type])
	}
}

// failure is the error of a command that ended with a status.
func (l *lines) failure(status int) error {
	switch {
	case l.refused != nil:
		return l.refused
	case status == statusInput:
		return badInput("%s", l.other)
	}
	return errors.New(l.other)
}
