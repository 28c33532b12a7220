package step

import (
	"errors"

	"voxen/engine"
)

// Devices keeps a device open from one piece of work to the next, of a process that does
// many, one at a time: opening a GPU takes longer than a small fit.
type Devices struct {
	backend engine.Backend
	choice  engine.Choice
	opened  opened
	lost    lostDevices
}

// opened is what a backend was opened with.
type opened struct {
	device string
	config engine.Config
}

// Open gives the device: the one that is open if it was opened by this name and for this
// configuration, else that one is closed. Where one was lost, auto is the CPU.
func (d *Devices) Open(name string, config engine.Config) (engine.Backend, engine.Choice, error) {
	if name == "auto" && d.lost.lost != nil {
		if best, err := engine.Resolve(name); err != nil || best.Kind != "cpu" {
			name = "cpu"
		}
	}
	want := opened{name, config}
	if d.backend != nil && d.opened == want {
		return d.backend, d.choice, nil
	}
	if err := d.Close(); err != nil {
		return nil, engine.Choice{}, err
	}
	be, choice, err := engine.Open(name, config)
	if err != nil {
		return nil, choice, err
	}
	d.backend, d.choice, d.opened = be, choice, want
	errors.As(choice.Failed, &d.lost.lost)
	return be, choice, nil
}

// Drop closes a device that failed with err: nothing of it is kept, and where it is lost it
// is not tried again.
func (d *Devices) Drop(err error) {
	errors.As(err, &d.lost.lost)
	d.Close() // it answers no more
}

// Close closes what is open.
func (d *Devices) Close() error {
	if d.backend == nil {
		return nil
	}
	be := d.backend
	d.backend = nil
	return be.Close()
}
