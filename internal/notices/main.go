// Command notices writes NOTICE: the licences of all that the program embeds, which
// voxen licences prints. With -check it fails where NOTICE is not what it would write.
//
//	go run ./internal/notices [-check]
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is what the go command says of a module.
type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module
}

// shipped are parts of the program that are no Go modules, with the files that say
// under which terms they are.
var shipped = []struct{ name, file string }{
	{"Go standard library and runtime", "$GOROOT/LICENSE"},
	{"NiiVue, the viewer in reports", "report/niivue/LICENSE"},
	{"Data that voxen demo unpacks", "testdata/README.md"},
	{"Surfaces and the background of voxen plot", "testdata/templates/LICENSE"},
}

func main() {
	check := len(os.Args) > 1 && os.Args[1] == "-check"
	notice, err := write()
	if err == nil {
		err = put(notice, check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// put writes NOTICE, or compares it.
func put(notice []byte, check bool) error {
	if !check {
		return os.WriteFile("NOTICE", notice, 0o666)
	}
	if there, err := os.ReadFile("NOTICE"); err != nil || !bytes.Equal(there, notice) {
		return errors.New("NOTICE is not that of the modules in go.mod: go run ./internal/notices")
	}
	return nil
}

// write gives the text: each licence once, below the names of what is under it.
func write() ([]byte, error) {
	names, texts := []string{}, map[string][]string{}
	add := func(name, text string) {
		text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
		if texts[text] == nil {
			names = append(names, text)
		}
		texts[text] = append(texts[text], name)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	for _, s := range shipped {
		text, err := os.ReadFile(strings.Replace(s.file, "$GOROOT", strings.TrimSpace(string(root)), 1))
		if err != nil {
			return nil, err
		}
		add(s.name, string(text))
	}
	modules, err := embedded()
	if err != nil {
		return nil, err
	}
	for _, m := range modules {
		text, err := licence(m)
		if err != nil {
			return nil, err
		}
		add(m.Path+" "+m.Version, text)
	}
	var b bytes.Buffer
	b.WriteString("voxen is under the BSD-3-Clause licence (LICENSE). The program embeds the following.\n")
	for _, text := range names {
		fmt.Fprintf(&b, "\n%s\n\n", strings.Repeat("=", 80))
		for _, name := range texts[text] {
			fmt.Fprintf(&b, "%s\n", name)
		}
		fmt.Fprintf(&b, "\n%s\n", text)
	}
	return b.Bytes(), nil
}

// embedded lists the modules whose packages are linked into the program, with and
// without CUDA, on every system.
func embedded() ([]module, error) {
	seen := map[string]module{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-e", "-tags", "voxencuda", "-json=Module", "./cmd/voxen")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=1") // nothing is compiled
		out, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct{ Module *module }
			if err := dec.Decode(&p); err == io.EOF {
				break
			} else if err != nil {
				return nil, err
			}
			if p.Module != nil && !p.Module.Main {
				seen[p.Module.Path] = *p.Module
			}
		}
	}
	var list []module
	for _, m := range seen {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// licence reads the files of a module that say under which terms it is.
func licence(m module) (string, error) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w", m.Path, err)
	}
	var parts []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "UNLICENSE", "COPYING", "NOTICE", "PATENTS"}, func(s string) bool { return strings.HasPrefix(name, s) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return "", err
		}
		parts = append(parts, strings.TrimSpace(string(text)))
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("%s %s has no licence file", m.Path, m.Version)
	}
	return strings.Join(parts, "\n\n"), nil
}
