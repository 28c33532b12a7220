package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"voxen/internal/worker"
	"voxen/study/step"
)

// workerCommand is voxen worker.
func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Serve the engine to a program that has its arrays in memory, such as Python",
		Long: `Serve the engine to the program that starts it: requests and answers are JSON
objects, one per line, on standard input and output; arrays lie in files that both
map into memory. It ends with its input. The Python package starts one by itself;
docs/python.md has the messages.` + "\n" + exitHelp,
		Example: "  voxen worker </dev/null",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // an answer to a program that was killed would end this one before it removes its files
			return worker.Serve(cmd.Context(), os.Stdin, a.out, worker.Program{Version: version(), Run: func(ctx context.Context, args []string, out io.Writer, devices *step.Devices) int {
				return execute(ctx, a.fs, append(args, "--json"), out, out, devices)
			}})
		},
	}
}
