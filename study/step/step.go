package step

import (
	"context"

	"voxen/brain"
	"voxen/store"
)

// Step is one part of a study as a value: the address of a struct of options (see
// Option). It says what it is and does one thing; Execute does the rest, alike for
// all steps: it checks, digests and watches what is read, decides whether finished
// output is kept, opens job and device, and commits.
type Step interface {
	// Command says what the step is.
	Command() Command
	// Check refuses options that are wrong without a look at any file, and completes
	// those that follow from others. Choices and bounds of single options, and Rules
	// of pairs of them (Ruled), are checked before.
	Check() error
	// Do reads, computes and writes through r.Job; what it returns is the summary
	// for the user. It commits nothing.
	Do(ctx context.Context, r *Run) (Summary, error)
}

// Command is what a step is, whatever its options.
type Command struct {
	Name string // "encode"
	// Results is raised in the change that alters the bytes of a step's results:
	// output of another number is made again, and --status says so.
	Results int
	File    bool       // the output is a file, not a folder
	Device  bool       // it computes on a device
	Axis    store.Axis // of which ranges are finished one by one
	Neutral []string   // shared options that cannot change the results: "precision"
}

// MoreInputs is a Step that reads files which no option names: those beside others.
type MoreInputs interface {
	// MoreInputs lists them; a file that may be missing is left out by the step.
	MoreInputs(e *Env) ([]File, error)
}

// Parted is a Step whose output can be made in parts: where Run.InPart, Do ends with
// Run.EndPart once what is kept range by range is finished, and the rest is done where the
// parts are merged.
type Parted interface {
	// Parts refuses options with which it cannot.
	Parts() error
}

// File is an input with the flag that named it, or what it is to the step.
type File struct{ Role, Path string }

// Summary is what a step found, for the user and --json. Every summary embeds Ended.
type Summary interface{ end(Ended) }

// Ended is what all summaries say.
type Ended struct {
	Out     string  `json:"out"`
	Device  string  `json:"device,omitempty"`
	Seconds float64 `json:"seconds"`
}

func (e *Ended) end(with Ended) { *e = with }

// Out is the path of a step's output.
func Out(s Step) string {
	for _, o := range Options(s) {
		if o.File == "out" && o.Name == "out" {
			return o.String()
		}
	}
	return ""
}

// furtherOuts are the files that a step writes beside its output, by the option
// that names them.
func furtherOuts(s Step) []File {
	var files []File
	for _, o := range Options(s) {
		if path := o.String(); o.File == "out" && o.Name != "out" && path != "" {
			files = append(files, File{"--" + o.Name, path})
		}
	}
	return files
}

// inputsOf lists the files that a step reads: those that its options name, then
// those that lie beside.
func inputsOf(e *Env, s Step) ([]File, error) {
	var files []File
	for _, o := range Options(s) {
		if o.File != "in" {
			continue
		}
		paths := []string{o.String()}
		if o.Repeats() {
			paths = paths[:0]
			for i := range o.value.Len() {
				paths = append(paths, write(o.value.Index(i)))
			}
		}
		for _, path := range paths {
			parts := brain.Parts(path)
			if o.field.Tag.Get("spaces") != "" {
				parts = FilesOfSpaces(path)
			}
			for _, p := range parts {
				if p != "" {
					files = append(files, File{"--" + o.Name, p})
				}
			}
		}
	}
	m, ok := s.(MoreInputs)
	if !ok {
		return files, nil
	}
	more, err := m.MoreInputs(e)
	return append(files, more...), err
}

// key lists the options of a step that can change its results, and with them the
// shared ones.
func key(e *Env, s Step) []store.Option {
	var list []store.Option
	for _, o := range Options(s) {
		if o.File == "" && !o.Neutral {
			list = append(list, store.Option{Name: "--" + o.Name, Value: o.String()})
		}
	}
	return append(list, e.key(s.Command())...)
}
