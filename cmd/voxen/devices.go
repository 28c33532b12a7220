package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"voxen/engine"
	"voxen/study/step"
)

// deviceList is what voxen devices prints with --json.
type deviceList struct {
	Devices []engine.Device   `json:"devices"`
	Missing map[string]string `json:"missing,omitempty"` // kind: why there is none
	Auto    string            `json:"auto"`
	Reason  string            `json:"reason"`
}

// devicesCommand is voxen devices.
func (a *app) devicesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "devices",
		Short:   "List backends and devices, and the one that auto takes",
		Long:    "List backends, devices, their memory, the libraries in use, and the device that --device auto takes and why." + "\n" + exitHelp,
		Example: "  voxen devices\n  voxen devices --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := engine.Resolve(a.common.Device); err != nil {
				return usageError{err}
			}
			list, err := listDevices()
			if err != nil {
				return err
			}
			a.printer.result("devices", list, list.text())
			return nil
		},
	}
}

func listDevices() (deviceList, error) {
	list := deviceList{Missing: map[string]string{}}
	for _, d := range engine.Drivers() {
		devices, err := d.Devices()
		if err != nil {
			list.Missing[d.Kind] = err.Error()
			continue
		}
		if d.Versions != nil {
			for name, text := range d.Versions() {
				for i := range devices {
					devices[i].Versions[name] = text
				}
			}
		}
		list.Devices = append(list.Devices, devices...)
	}
	choice, err := engine.Resolve("auto")
	if err != nil {
		return list, err
	}
	list.Auto, list.Reason = choice.Name(), choice.Reason
	return list, nil
}

func (l deviceList) text() string {
	var b strings.Builder
	for _, d := range l.Devices {
		fmt.Fprintf(&b, "%-8s %s, %s", d.Name, d.Model, step.Size(d.Memory))
		if d.Threads > 0 {
			fmt.Fprintf(&b, ", %d threads", d.Threads)
		}
		b.WriteByte('\n')
		for _, k := range sortedKeys(d.Versions) {
			fmt.Fprintf(&b, "         %s: %s\n", k, d.Versions[k])
		}
	}
	for _, kind := range sortedKeys(l.Missing) {
		fmt.Fprintf(&b, "%-8s none: %s\n", kind, l.Missing[kind])
	}
	fmt.Fprintf(&b, "auto takes %s: %s", l.Auto, l.Reason)
	return b.String()
}
