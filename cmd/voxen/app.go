package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"voxen/engine/op"
	"voxen/store"
	"voxen/study/step"
)

// Exit statuses besides 0; a command that a signal ended has 128 plus its number.
const (
	statusFailed = 1
	statusUsage  = 2
)

const exitHelp = `
Exit status: 0 done, 1 failed, 2 wrong usage or input, 130 interrupted (Ctrl-C)
and 143 terminated, with what was finished kept for the same command to go on.`

// app is one run of the program: the options that all commands share, and where
// output goes.
type app struct {
	ctx         context.Context
	out, errOut io.Writer
	device      string
	threads     int
	precision   string
	memory      string
	quiet, json bool
	tf32        bool
	printer     *printer
}

// usageError is a wrong command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// root builds the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "voxen",
		Short: "Voxel-wise encoding models and dictionary learning, on GPUs and CPUs",
		Long: `voxen shows how groups of a language model's neurons line up with the functional
networks of the human brain: it learns temporal patterns (a dictionary) from the
neurons' responses to a story, fits them as regressors of every voxel's BOLD signal,
and matches the maps. Each step is a command.` + "\n" + exitHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	f := root.PersistentFlags()
	f.StringVar(&a.device, "device", "auto", "where to compute: auto, cpu, cuda (all GPUs of one model) or cuda:N")
	f.IntVar(&a.threads, "threads", 0, "threads of the CPU backend (0: all)")
	f.StringVar(&a.precision, "precision", "float32", "float32 or float64")
	f.StringVar(&a.memory, "memory", "", "bound of the process's resident memory, such as 512MiB (default: half of what is free)")
	f.BoolVar(&a.quiet, "quiet", false, "print errors and results only")
	f.BoolVar(&a.json, "json", false, "print one JSON object per line on standard output instead of text")
	f.BoolVar(&a.tf32, "tf32", false, "allow TensorFloat-32 products on CUDA: faster, 10 bits of mantissa")
	choices(root, map[string][]string{"device": {"auto", "cpu", "cuda"}, "precision": {"float32", "float64"}})
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.check() }
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	for _, command := range []func() *cobra.Command{
		a.devicesCommand,
		a.encodeCommand,
		a.learnCommand,
		a.extractCommand,
		a.alignCommand,
		a.coupleCommand,
		a.groupCommand,
		a.runCommand,
		a.reportCommand,
		a.demoCommand,
		a.matchCommand,
		a.organizeCommand,
		a.benchCommand,
		a.completionCommand,
	} {
		root.AddCommand(command())
	}
	return root
}

// check reads the shared options before any work.
func (a *app) check() error {
	a.printer = newPrinter(a.out, a.errOut, a.quiet, a.json)
	if a.threads < 0 || a.threads > 4096 {
		return usageError{fmt.Errorf("--threads %d, expected 0 to 4096", a.threads)}
	}
	if a.precision != "float32" && a.precision != "float64" {
		return usageError{fmt.Errorf("--precision %q, expected float32 or float64", a.precision)}
	}
	if a.memory != "" {
		if _, err := step.ParseSize(a.memory); err != nil {
			return usageError{fmt.Errorf("--memory: %w", err)}
		}
	}
	return nil
}

// env makes the environment of a step.
func (a *app) env() *step.Env {
	e := &step.Env{Device: a.device, Threads: a.threads, Precision: op.Float32, TF32: a.tf32, Report: a.printer, Version: version()}
	if a.precision == "float64" {
		e.Precision = op.Float64
	}
	if a.memory != "" {
		e.Memory, _ = step.ParseSize(a.memory) // checked before
	}
	return e
}

// noArgs refuses arguments that are no flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s: unexpected argument %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())}
	}
	return nil
}

// exitStatus sorts errors into the statuses of the help.
func exitStatus(ctx context.Context, err error) int {
	var i interrupted
	if errors.As(context.Cause(ctx), &i) {
		return 128 + int(i.signal)
	}
	var u usageError
	if errors.As(err, &u) || store.IsInput(err) || strings.HasPrefix(err.Error(), "unknown command") || strings.HasPrefix(err.Error(), "required flag") {
		return statusUsage
	}
	return statusFailed
}

// fail prints the error that ended the program, in one line.
func (a *app) fail(err error, status int) {
	var i interrupted
	if errors.As(context.Cause(a.ctx), &i) {
		err = i
	}
	message := strings.Join(strings.Fields(err.Error()), " ")
	if a.json {
		json.NewEncoder(a.out).Encode(map[string]any{"type": "error", "message": message, "status": status})
		return
	}
	fmt.Fprintln(a.errOut, "voxen:", message)
}

// finish ends whatever progress is on the screen.
func (a *app) finish() {
	if a.printer != nil {
		a.printer.end()
	}
}

// version is that of the module, or of the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value[:min(12, len(s.Value))]
		}
	}
	if v == "" {
		v = "(devel)"
	}
	return v
}
