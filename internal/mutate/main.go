package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func main() {
	var (
		only    = flag.String("only", "", "changes of files whose path holds this")
		n       = flag.Int("sample", 0, "make about so many changes of the list, 0 for all")
		turn    = flag.Int("turn", 0, "which part of the list a sample is")
		workers = flag.Int("j", 1, "changes to try at once")
		limit   = flag.Duration("limit", 0, "begin no further change after this time, 0 for none")
	)
	flag.Parse()
	status, err := run(*only, *n, *turn, *workers, *limit)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		status = 2
	}
	os.Exit(status)
}

// run tries changes of the list and prints what came of it.
func run(only string, n, turn, workers int, limit time.Duration) (status int, err error) {
	begun := time.Now()
	root, err := moduleRoot()
	if err != nil {
		return 2, err
	}
	all, err := parse(list)
	if err != nil {
		return 2, err
	}
	var changes []change
	for _, c := range all {
		if _, err := c.changed(root); err != nil { // those that are not tried as well: a list is true or not
			return 2, err
		}
		if strings.Contains(c.file, only) {
			changes = append(changes, c)
		}
	}
	changes = sample(changes, n, turn)
	if out, err := test(root, "", packages(changes)); err != nil {
		return 2, fmt.Errorf("tests fail without any change:\n%s", out)
	}
	results := try(root, changes, workers, func() bool { return limit > 0 && time.Since(begun) > limit })
	counts := map[outcome]int{}
	for i, r := range results {
		counts[r.outcome]++
		switch r.outcome {
		case survived:
			fmt.Printf("survived: %s\n\ttests of %s\n", changes[i], strings.Join(changes[i].packages, " "))
			status = max(status, 1)
		case broken:
			fmt.Printf("does not compile: list.tsv, line %d: %s\n%s\n", changes[i].line, changes[i], r.output)
			status = 2
		}
	}
	fmt.Printf("%d of %d changes noticed, %d survived, %d not tried for want of time; the list has %d (%.0f s)\n",
		counts[noticed], len(changes), counts[survived], counts[late], len(all), time.Since(begun).Seconds())
	return status, nil
}

// moduleRoot is the folder of go.mod.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// outcome is what came of a change.
type outcome int

const (
	late outcome = iota // not tried
	noticed
	survived
	broken // does not compile
)

type result struct {
	outcome outcome
	output  string
}

// try makes the changes, some at once, until it is over.
func try(root string, changes []change, workers int, over func() bool) []result {
	results := make([]result, len(changes))
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				if !over() {
					results[i] = tried(root, changes[i])
				}
			}
		}()
	}
	for i := range changes {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

// tried makes one change and runs the tests of its packages, one after the other until one fails.
func tried(root string, c change) result {
	overlay, clean, err := overlayOf(root, c)
	if err != nil {
		return result{broken, err.Error()}
	}
	defer clean()
	for _, p := range c.packages {
		if out, err := test(root, overlay, []string{p}); err != nil {
			if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") {
				return result{broken, out}
			}
			return result{noticed, out}
		}
	}
	return result{outcome: survived}
}

// overlayOf writes what the go command reads in place of the file that a change is in.
func overlayOf(root string, c change) (path string, clean func(), err error) {
	data, err := c.changed(root)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", nil, err
	}
	clean = func() { os.RemoveAll(dir) }
	source := filepath.Join(dir, filepath.Base(c.file))
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, c.file): source}})
	if err == nil {
		err = os.WriteFile(source, data, 0o644)
	}
	path = filepath.Join(dir, "overlay.json")
	if err == nil {
		err = os.WriteFile(path, replace, 0o644)
	}
	if err != nil {
		clean()
		return "", nil, err
	}
	return path, clean, nil
}

// test runs the short tests of packages. Plain Go tests take under a minute; a change that makes one run on ends with the
// time, which counts as noticed.
func test(root, overlay string, packages []string) (output string, err error) {
	args := []string{"test", "-short", "-failfast", "-vet=off", "-timeout", "3m"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
