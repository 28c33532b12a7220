package step

import (
	"errors"
	"testing"

	"voxen/engine"
)

// The device stays open from step to step of a process, and goes where another is asked for,
// where it failed, and where a step moved to the CPU.
func TestDevicesStayOpen(t *testing.T) {
	devices := &Devices{}
	take := func(threads int) *Worker {
		t.Helper()
		e := &Env{Device: "cpu", Threads: threads, Devices: devices}
		e.Begin()
		w, err := e.OpenDevice()
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		return w
	}
	first, second := take(1), take(1)
	if first.Backend != second.Backend || devices.backend == nil {
		t.Error("the second step has another backend, expected that of the first")
	}
	if other := take(2); other.Backend == first.Backend {
		t.Error("other threads have the same backend")
	}
	w := take(2)
	if err := w.move("of a test"); err != nil || devices.backend != nil || w.Backend == nil || w.kept {
		t.Errorf("a step that moved: %v, kept %v, open %v", err, w.kept, devices.backend != nil)
	}
	take(1)
	lost := &engine.Lost{Device: "cuda:0", Err: errors.New("it fell off the bus")}
	devices.Drop(lost)
	if devices.backend != nil || devices.lost.lost != lost {
		t.Error("a lost device is kept")
	}
	e := &Env{Device: "cpu", Devices: devices}
	e.Begin()
	if e.devices.lost != lost {
		t.Error("the next step does not know of the loss")
	}
	if err := devices.Close(); err != nil {
		t.Error(err)
	}
}
