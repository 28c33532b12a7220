package main

import (
	"github.com/spf13/cobra"

	notices "voxen"
)

// licencesCommand is voxen licences.
func (a *app) licencesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "licences",
		Short:   "Print the licences of the program and of all that it embeds",
		Long:    "Print the licence of voxen and the notices of the libraries, the viewer and the data\nthat the program embeds." + "\n" + exitHelp,
		Example: "  voxen licences",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			text := notices.Licence + "\n" + notices.Notice
			a.printer.result("licences", map[string]string{"licence": notices.Licence, "notice": notices.Notice}, text)
			return nil
		},
	}
}
