// Command voxen fits voxel-wise encoding models and learns dictionaries, on a
// GPU node or a laptop.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	_ "go4.org/unsafe/assume-no-moving-gc"

	_ "voxen/cpu"
	_ "voxen/cuda"
	"voxen/store"
	"voxen/study/step"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and gives the exit status.
func run(args []string, out, errOut io.Writer) int { return runOn(store.OS{}, args, out, errOut) }

// runOn is run on a file system.
func runOn(fsys store.FS, args []string, out, errOut io.Writer) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		select {
		case s := <-signals:
			cancel(interrupted{s.(syscall.Signal)})
			signal.Stop(signals) // a second one ends the process at once
		case <-ctx.Done():
		}
	}()
	return execute(ctx, fsys, args, out, errOut, nil)
}

// execute is runOn until ctx ends, on devices that stay open where there are some.
func execute(ctx context.Context, fsys store.FS, args []string, out, errOut io.Writer, devices *step.Devices) int {
	app := &app{ctx: ctx, fs: fsys, out: out, errOut: errOut, devices: devices}
	root := app.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	app.finish()
	if err == nil {
		return 0
	}
	status := exitStatus(ctx, err)
	app.fail(err, status)
	return status
}

// interrupted is why a context ended: a signal from the user.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string {
	return fmt.Sprintf("interrupted (%s); what is finished is kept, the same command goes on", i.signal)
}
