package step

import (
	"fmt"
	"slices"
	"strings"

	"voxen/engine/op"
	"voxen/store"
)

// Common are the options that all commands have.
type Common struct {
	Device    string `opt:"device" default:"auto" form:"auto, cpu, cuda or cuda:N" complete:"auto,cpu,cuda,cuda:" doc:"where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N"`
	Threads   int    `opt:"threads" min:"0" max:"4096" neutral:"true" doc:"threads of the CPU backend (0: all)"`
	Precision string `opt:"precision" default:"float32" oneof:"float32,float64" doc:"of results, and of the arithmetic over voxels"`
	Memory    string `opt:"memory" form:"512MiB, 4GiB or BYTES" neutral:"true" doc:"bound of the process's resident memory, such as 512MiB (default: half of what is free)"`
	TF32      bool   `opt:"tf32" doc:"allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa"`
	Force     bool   `opt:"force" neutral:"true" doc:"replace finished results that were made with other options"`
	Quiet     bool   `opt:"quiet" neutral:"true" doc:"print errors and results only"`
	JSON      bool   `opt:"json" neutral:"true" doc:"print one JSON object per line on standard output instead of text"`
}

// Env is the environment that the options ask for.
func (c *Common) Env(report Reporter, version string) (*Env, error) {
	if err := checkOptions(c); err != nil {
		return nil, err
	}
	e := &Env{Device: c.Device, Threads: c.Threads, Precision: op.Float32, TF32: c.TF32, Force: c.Force, Report: report, Version: version}
	if c.Precision == "float64" {
		e.Precision = op.Float64
	}
	if c.Memory != "" {
		var err error
		if e.Memory, err = ParseSize(c.Memory); err != nil {
			return nil, refuse("--memory: %v", err)
		}
	}
	return e, nil
}

// resultsOption names the results number of a command among its options.
const resultsOption = "results number"

// key lists the shared options that can change the results of a command.
func (e *Env) key(c Command) []store.Option {
	list := []store.Option{{Name: resultsOption, Value: fmt.Sprint(c.Results)}, {Name: "--precision", Value: e.Precision.String()}}
	if c.Device {
		list = append(list, store.Option{Name: "--device", Value: e.Device}, store.Option{Name: "--tf32", Value: fmt.Sprint(e.TF32)})
	}
	return slices.DeleteFunc(list, func(o store.Option) bool { return slices.Contains(c.Neutral, strings.TrimPrefix(o.Name, "--")) })
}
