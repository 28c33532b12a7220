package step

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/engine"
	"voxen/store"
)

// worked is a worker on the CPU with a job of columns in a folder.
func worked(t *testing.T, dir string) *Worker {
	t.Helper()
	e := &Env{Device: "cpu", Threads: 1}
	e.Begin()
	w, err := e.OpenDevice()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if w.Job, err = store.OpenJob(e.FS, dir, store.JobOptions{Command: "test"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Job.Close() })
	return w
}

// Marks say what was finished by earlier processes on other devices, all of it too, and
// nothing where there was one.
func TestMarksOverProcesses(t *testing.T) {
	const gpu = "cuda (a card, driver 12.9)"
	for name, c := range map[string]struct {
		device string
		before []store.Range // finished on it
		tests  bool          // a whole part follows
		want   []string
	}{
		"one device":       {device: "", before: []store.Range{{Lo: 0, Hi: 4}}},
		"some columns":     {device: gpu, before: []store.Range{{Lo: 2, Hi: 4}, {Lo: 6, Hi: 8}}, want: []string{"computed on " + gpu + ": columns 2-3, 6-7", "computed on CPU: columns 0-1, 4-5, 8-9"}},
		"nothing":          {device: gpu},
		"all":              {device: gpu, before: []store.Range{{Lo: 0, Hi: 10}}, want: []string{"computed on " + gpu + ": columns 0-9"}},
		"all but the test": {device: gpu, before: []store.Range{{Lo: 0, Hi: 10}}, tests: true, want: []string{"computed on " + gpu + ": columns 0-9", "computed on CPU: test"}},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		columns := func(w *Worker, device string, todo []store.Range) {
			p := Part{What: "columns", N: 10, Finished: w.Job.Finished}
			err := w.Compute(context.Background(), p, func(context.Context) error {
				if device != "" {
					if err := w.Job.Remark("devices of columns", `[{"device":"`+device+`"}]`); err != nil {
						return err
					}
				}
				for _, r := range todo {
					if err := w.Job.Finish(r.Lo, r.Hi); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		first := worked(t, dir)
		columns(first, c.device, c.before)
		first.Job.Close()
		w := worked(t, dir)
		columns(w, "", without([]store.Range{{Lo: 0, Hi: 10}}, c.before))
		if c.tests {
			if err := w.Compute(context.Background(), Part{What: "test"}, func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		for i := range c.want {
			c.want[i] = strings.Replace(c.want[i], "CPU", signature(w.Backend.Device()), 1)
		}
		if got := w.marks(); !slices.Equal(got, c.want) {
			t.Errorf("%s: marks %q, want %q", name, got, c.want)
		}
	}
}

// Ranges without others.
func TestRangesWithout(t *testing.T) {
	r := func(bounds ...int) (out []store.Range) {
		for i := 0; i < len(bounds); i += 2 {
			out = append(out, store.Range{Lo: bounds[i], Hi: bounds[i+1]})
		}
		return out
	}
	for _, c := range []struct{ ranges, others, want []store.Range }{
		{r(0, 10), nil, r(0, 10)},
		{r(0, 10), r(0, 10), nil},
		{r(0, 10), r(2, 4, 4, 5, 9, 12), r(0, 2, 5, 9)},
		{r(0, 3, 5, 8), r(2, 6), r(0, 2, 6, 8)},
		{r(5, 8), r(0, 5, 8, 9), r(5, 8)},
	} {
		if got := without(c.ranges, c.others); !slices.Equal(got, c.want) {
			t.Errorf("%v without %v: %v, want %v", c.ranges, c.others, got, c.want)
		}
	}
}

// A device that was lost in a step before is not opened again in auto, and one that was
// asked for is.
func TestLostDeviceIsNotOpenedAgain(t *testing.T) {
	e := &Env{Device: "auto", Threads: 1}
	e.Begin()
	e.devices.lost = &engine.Lost{Device: "cuda:0", Err: context.Canceled}
	step := *e // as a study has it
	step.Begin()
	w, err := step.OpenDevice()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.choice.Kind != "cpu" || step.devices != e.devices {
		t.Errorf("took %+v", w.choice)
	}
}
