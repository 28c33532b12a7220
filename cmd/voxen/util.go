package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// choices names the values of flags for shell completion.
func choices(cmd *cobra.Command, values map[string][]string) {
	for flag, list := range values {
		if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // the flag is not there: a slip in the code
		}
	}
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
