package step

import (
	"path/filepath"
	"strings"

	"voxen/store"
)

// Shared is what several steps of a study would each make of the same inputs, and is made
// once: the text that language models with one tokenizer read.
type Shared struct {
	values map[string]any
	order  []string // of the keys, the oldest first
}

// mostShared is how many values are held: those of the runs of a stimulus, which every model
// reads in turn.
const mostShared = 32

// Share gives a value that make makes of inputs of a step, those for which of holds, and of
// what says besides; a step of the same study that asked for it before has made it. It is not
// changed by who has it.
func Share[T any](r *Run, what string, of func(in store.Input) bool, make func() (T, error)) (T, error) {
	if r.Env.Keep == nil || r.Env.Keep.Shared == nil {
		return make()
	}
	s := r.Env.Keep.Shared
	var key strings.Builder
	key.WriteString(what)
	for _, in := range r.inputs {
		if of(in) {
			key.WriteString("\n" + in.Role + " " + filepath.Base(in.Path) + " " + in.Digest)
		}
	}
	if v, ok := s.values[key.String()].(T); ok {
		return v, nil
	}
	v, err := make()
	if err != nil {
		return v, err
	}
	if s.values == nil {
		s.values = map[string]any{}
	}
	if len(s.order) == mostShared {
		delete(s.values, s.order[0])
		s.order = s.order[1:]
	}
	s.values[key.String()], s.order = v, append(s.order, key.String())
	return v, nil
}
