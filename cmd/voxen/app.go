package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

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

// app is one run of the program: the file system, the options that all commands
// share, and where output goes.
type app struct {
	ctx         context.Context
	fs          store.FS // all that is read and written
	out, errOut io.Writer
	common      step.Common
	devices     *step.Devices // of a process that does many commands, else nil
	environment *step.Env     // by check
	printer     *printer
	steps       map[string]step.Step // of the commands, by name
}

// usageError is a wrong command line.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// groups are the commands by what people want to do, those used most first.
func (a *app) groups() []commandGroup {
	return []commandGroup{
		{"A whole study, an encoding model, its results:", []func() *cobra.Command{a.runCommand, a.encodeCommand, a.reportCommand}},
		{"More of encoding models:", []func() *cobra.Command{a.predictCommand, a.scoreCommand, a.nullCommand, a.groupCommand}},
		{"Language models, atoms and networks:", []func() *cobra.Command{a.extractCommand, a.alignCommand, a.speechCommand, a.learnCommand, a.matchCommand, a.organizeCommand, a.coupleCommand, a.localizeCommand, a.lesionCommand}},
		{"To look at:", []func() *cobra.Command{a.demoCommand, a.plotCommand}},
		{"Many machines:", []func() *cobra.Command{a.shardCommand, a.mergeCommand}},
		{"The program:", []func() *cobra.Command{a.benchCommand, a.completionCommand, a.devicesCommand, a.licencesCommand, a.workerCommand}},
	}
}

// commandGroup is commands under one title of the help.
type commandGroup struct {
	title    string
	commands []func() *cobra.Command
}

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
	bind(root, root.PersistentFlags(), step.Options(step.Default(&a.common)))
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.check() }
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	for _, g := range a.groups() {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, command := range g.commands {
			c := command()
			c.GroupID = g.title
			root.AddCommand(c)
		}
		root.SetHelpCommandGroupID(g.title) // the last one's
	}
	return root
}

// check reads the shared options before any work.
func (a *app) check() error {
	a.printer = newPrinter(a.out, a.errOut, a.common.Quiet, a.common.JSON)
	var err error
	if a.environment, err = a.common.Env(a.printer, version()); err != nil {
		return err
	}
	a.environment.FS, a.environment.Devices = a.fs, a.devices
	return nil
}

// env is the environment that the shared options ask for.
func (a *app) env() *step.Env { return a.environment }

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
	if a.common.JSON {
		writeObject(a.out, map[string]any{"type": "error", "message": oneLine(err.Error()), "status": status})
		return
	}
	fmt.Fprintln(a.errOut, "voxen:", printableLine(err.Error()))
}

// finish ends whatever progress is on the screen.
func (a *app) finish() {
	if a.printer != nil {
		a.printer.end()
	}
}

// release is the version that make build stamps into the program.
var release string

// version is that of the release, the module, or the commit it was built from.
func version() string {
	if release != "" {
		return release
	}
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
