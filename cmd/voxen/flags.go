package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"voxen/study/step"
)

// flag makes an option of a step a flag of a command.
type flag struct {
	step.Option
	given string // as it was given first
	set   bool
}

// Set is called each time that the flag is given: more than once is for lists alone.
// An empty value is refused, as it is one that went missing: a mask of a shell's
// variable that is not set must not become no mask.
func (f *flag) Set(text string) error {
	if text == "" {
		return errors.New(`"" is empty, expected a value, or no such flag for the default`)
	}
	if f.set && !f.Repeats() {
		return fmt.Errorf("is given twice, as %q and as %q, expected one value", f.given, text)
	}
	f.given, f.set = text, true
	return f.Option.Set(text)
}

// Type is what the help says of the value.
func (f *flag) Type() string {
	switch {
	case f.IsBool():
		return "bool" // cobra writes no value then
	case f.Option.Type() == "whole number":
		return "int"
	case f.Option.Type() == "number":
		return "float"
	}
	return "string"
}

// bind gives a command the flags of the options of a step.
func bind(cmd *cobra.Command, flags *pflag.FlagSet, options []step.Option) {
	for _, o := range options {
		f := flags.VarPF(&flag{Option: o}, o.Name, "", o.Doc)
		if o.IsBool() {
			f.NoOptDefVal = "true"
		}
		if words := o.Completions(); len(words) > 0 {
			cmd.RegisterFlagCompletionFunc(o.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

// flagError says what is wrong with a flag: cobra's words, but for an unknown flag also
// the nearest one, and for a value no more than what the option says.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var value *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		return usageError{fmt.Errorf("unknown flag --%s; the nearest is --%s (%s --help lists all)", unknown.GetSpecifiedName(), step.Nearest(unknown.GetSpecifiedName(), names), cmd.CommandPath())}
	case errors.As(err, &value):
		return usageError{fmt.Errorf("--%s %w", value.GetFlag().Name, value.Unwrap())}
	}
	return usageError{err}
}

// stepCommand is the command of a step: the flags of its options, one call, and the
// summary as text tells it or as JSON.
func stepCommand[S step.Step, T step.Summary](a *app, s S, text func(T) string, cmd cobra.Command) *cobra.Command {
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		sum, err := step.Do[T](cmd.Context(), a.env(), s)
		if err != nil {
			return err
		}
		a.printer.result(s.Command().Name, sum, text(sum))
		return nil
	}
	bind(&cmd, cmd.Flags(), step.Options(s))
	if a.steps == nil {
		a.steps = map[string]step.Step{}
	}
	a.steps[s.Command().Name] = s
	return &cmd
}
