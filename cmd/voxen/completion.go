package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// completionCommand is voxen completion.
func (a *app) completionCommand() *cobra.Command {
	shells := map[string]func(root *cobra.Command) error{
		"bash":       func(root *cobra.Command) error { return root.GenBashCompletionV2(a.out, true) },
		"fish":       func(root *cobra.Command) error { return root.GenFishCompletion(a.out, true) },
		"powershell": func(root *cobra.Command) error { return root.GenPowerShellCompletionWithDesc(a.out) },
		"zsh":        func(root *cobra.Command) error { return root.GenZshCompletion(a.out) },
	}
	return &cobra.Command{
		Use:   "completion bash|fish|powershell|zsh",
		Short: "Print a script that completes commands and flags in a shell",
		Long: `Print a script that completes voxen's commands, flags and their values.

  bash        put it into /etc/bash_completion.d/voxen, or source it
  fish        put it into ~/.config/fish/completions/voxen.fish
  powershell  add it to your profile
  zsh         put it into a folder of $fpath as _voxen` + "\n" + exitHelp,
		Example:   "  voxen completion bash\n  voxen completion zsh",
		ValidArgs: sortedKeys(shells),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || shells[args[0]] == nil {
				return usageError{fmt.Errorf("completion %s: expected one of %s", strings.Join(args, " "), strings.Join(sortedKeys(shells), ", "))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return shells[args[0]](cmd.Root()) },
	}
}
