package kernels

import (
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

//go:embed ptx/*.ptx.gz
var files embed.FS

// capabilities are those that PTX is made for, the highest first.
var capabilities = []int{90, 80, 70}

// Families lists the .cu files without their extension, in alphabetical order.
func Families() []string {
	entries, err := files.ReadDir("ptx")
	if err != nil {
		panic("kernels: " + err.Error()) // embedded
	}
	var names []string
	for _, e := range entries {
		family, _, _ := strings.Cut(e.Name(), "_")
		names = append(names, family)
	}
	return slices.Compact(names)
}

// PTX gives the module of a family for a device of the given compute capability
// (10 times the major version plus the minor one).
func PTX(family string, capability int) (string, error) {
	for _, c := range capabilities {
		if c <= capability {
			return unpack(path.Join("ptx", fmt.Sprintf("%s_%d.ptx.gz", family, c)))
		}
	}
	return "", fmt.Errorf("compute capability %d.%d, 7.0 or higher needed", capability/10, capability%10)
}

// unpack reads an embedded file.
func unpack(name string) (string, error) {
	f, err := files.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	text, err := io.ReadAll(z)
	return string(text), err
}

// Entries lists the kernels of a module with the number of their parameters.
func Entries(ptx string) map[string]int {
	entries := map[string]int{}
	for {
		_, rest, found := strings.Cut(ptx, ".entry ")
		if !found {
			return entries
		}
		name, rest, _ := strings.Cut(rest, "(")
		params, rest, _ := strings.Cut(rest, ")")
		entries[strings.TrimSpace(name)] = strings.Count(params, ".param")
		ptx = rest
	}
}
