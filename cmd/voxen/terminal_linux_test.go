package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what a program writes to its end is kept, and
// what is typed here it reads there.
type terminal struct {
	*os.File          // the end of the person
	program  *os.File // the end of the program
	mu       sync.Mutex
	shown    bytes.Buffer
	read     chan struct{} // closed when all was read
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}); err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := &terminal{File: person, program: program, read: make(chan struct{})}
	go func() {
		defer close(c.read)
		buf := make([]byte, 4096)
		for {
			n, err := person.Read(buf) // ends when the program's end is closed everywhere
			c.mu.Lock()
			c.shown.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return c
}

// screen is what was shown so far.
func (c *terminal) screen() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown.String()
}

// At a terminal an extraction shows a bar with its tokens and the time left;
// Ctrl-C typed there keeps the rows that are done, and the same command ends with
// the bits of one that was never stopped.
func TestExtractAtTerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds of arithmetic, many more under the race detector")
	}
	f := newFiles(t)
	model, words := f.model("llama", llamaModel(128, 512, 4)), f.story("words.tsv", 400)
	args := func(out string, more ...string) []string {
		return append(extractArgs(model, words, f.path(out), "--window", "100", "--stride", "1"), more...)
	}
	c := newTerminal(t)
	cmd := process(t, args("r.npy", "--threads", "1")...) // slow enough to show a bar
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.program, c.program, c.program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // the terminal's signals go to it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.program.Close()
	// "extracting (tokens)  17% |███     | 12345 of 67890, 5s left"
	bar := regexp.MustCompile(`extracting \(tokens\)\s+\d+% \|.*\| \d+ of \d+, \d+s left`)
	for range 2000 {
		if bar.MatchString(c.screen()) && begun(f.path("r.npy.partial/r.npy")) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := c.Write([]byte{3}); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	cmd.Wait()
	<-c.read
	screen := c.screen()
	if !bar.MatchString(screen) {
		t.Errorf("no progress in tokens with the time left in %q", screen)
	}
	lines := strings.FieldsFunc(screen, func(r rune) bool { return r == '\r' || r == '\n' })
	if status, last := cmd.ProcessState.ExitCode(), lines[len(lines)-1]; status != 130 || !strings.Contains(last, "the same command goes on") {
		t.Fatalf("Ctrl-C: status %d, last line %q", status, last)
	}
	mustRun(t, args("r.npy")...)
	mustRun(t, args("whole.npy")...)
	if !bytes.Equal(f.read("r.npy"), f.read("whole.npy")) {
		t.Error("the responses differ after Ctrl-C")
	}
}
