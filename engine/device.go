package engine

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

// Config is what a user may choose about a backend.
type Config struct {
	Threads int  // of a CPU; 0: all that the process may use
	TF32    bool // allow TensorFloat-32 products on CUDA
}

// Driver makes backends of one kind. A package that holds a backend registers
// one in its init function.
type Driver struct {
	// Kind is the part of a device name before the colon: "cpu", "cuda".
	Kind string
	// Rank orders the kinds for "auto": the highest that has a device is taken.
	Rank int
	// Devices lists the devices that answer, or says why there are none.
	Devices func() ([]Device, error)
	// Versions, if any, adds what takes longer to find than devices do: libraries
	// that the backend would use.
	Versions func() map[string]string
	// Open makes a backend of the device with this index.
	Open func(index int, cfg Config) (Backend, error)
}

var registry struct {
	sync.Mutex
	drivers map[string]Driver
}

// Register adds a driver; a second one of the same kind is a programmer's error.
func Register(d Driver) {
	registry.Lock()
	defer registry.Unlock()
	if registry.drivers == nil {
		registry.drivers = map[string]Driver{}
	}
	if _, dup := registry.drivers[d.Kind]; dup {
		panic("engine: backend " + d.Kind + " registered twice")
	}
	registry.drivers[d.Kind] = d
}

// Drivers lists what is registered, the first choice of "auto" first.
func Drivers() []Driver {
	registry.Lock()
	defer registry.Unlock()
	ds := make([]Driver, 0, len(registry.drivers))
	for _, d := range registry.drivers {
		ds = append(ds, d)
	}
	sort.Slice(ds, func(i, j int) bool { return ds[i].Rank > ds[j].Rank })
	return ds
}

// Choice says which device a name stands for and why.
type Choice struct {
	Kind   string
	Index  int
	All    bool   // every device of the kind
	Reason string // one clause: "no CUDA driver: libcuda.so.1 not found"
	Failed error  // of the device that auto would have taken, but could not open
}

// Name is the device's name: "cpu", "cuda:1".
func (c Choice) Name() string {
	if c.Kind == "cpu" {
		return c.Kind
	}
	return fmt.Sprintf("%s:%d", c.Kind, c.Index)
}

// Resolve finds the device that name stands for: "auto" (the best kind that has
// a device), a kind ("cpu"; "cuda" for all its devices), or a device ("cuda:1").
func Resolve(name string) (Choice, error) {
	kind, index, err := splitName(name)
	if err != nil {
		return Choice{}, err
	}
	if kind == "auto" {
		return resolveAuto()
	}
	for _, d := range Drivers() {
		if d.Kind != kind {
			continue
		}
		devices, err := d.Devices()
		switch {
		case err != nil:
			return Choice{}, fmt.Errorf("device %s: %w", name, err)
		case len(devices) == 0:
			return Choice{}, fmt.Errorf("device %s: none found", name)
		case index >= len(devices):
			return Choice{}, fmt.Errorf("device %s: this machine has %s:0 to %s:%d", name, kind, kind, len(devices)-1)
		}
		return Choice{Kind: kind, Index: max(index, 0), All: index < 0, Reason: "asked for"}, nil
	}
	return Choice{}, fmt.Errorf("device %s: this program was built without %s", name, kind)
}

// resolveAuto takes the first kind that has a device and keeps the reasons of
// those before it.
func resolveAuto() (Choice, error) {
	var reasons []string
	for _, d := range Drivers() {
		devices, err := d.Devices()
		if err == nil && len(devices) > 0 {
			reason := fmt.Sprintf("%s answered", devices[0].Model)
			if len(reasons) > 0 {
				reason = strings.Join(reasons, "; ")
			}
			return Choice{Kind: d.Kind, All: true, Reason: reason}, nil
		}
		if err == nil {
			err = fmt.Errorf("no device")
		}
		reasons = append(reasons, fmt.Sprintf("no %s: %v", d.Kind, err))
	}
	return Choice{}, fmt.Errorf("device auto: %s", strings.Join(append(reasons, "no backend left"), "; "))
}

// splitName cuts "cuda:1" into kind and index; the index is -1 where none is given.
func splitName(name string) (kind string, index int, err error) {
	kind, num, found := strings.Cut(name, ":")
	index = -1
	if found {
		if _, err := fmt.Sscanf(num, "%d", &index); err != nil || index < 0 || fmt.Sprint(index) != num {
			return "", 0, fmt.Errorf("device %q: want auto, cpu, cuda or cuda:N", name)
		}
	}
	switch kind {
	case "auto", "cpu", "cuda":
		if found && kind != "cuda" {
			break
		}
		return kind, index, nil
	}
	return "", 0, fmt.Errorf("device %q: want auto, cpu, cuda or cuda:N", name)
}

// Open resolves name and opens the device; with "auto" a device that cannot be
// opened gives way to the CPU, and the reason says so.
func Open(name string, cfg Config) (Backend, Choice, error) {
	c, err := Resolve(name)
	if err != nil {
		return nil, c, err
	}
	b, err := open(c, cfg)
	if err != nil && name == "auto" && c.Kind != "cpu" {
		c = Choice{Kind: "cpu", Reason: fmt.Sprintf("%s failed to open: %v", c.Name(), err), Failed: err}
		b, err = open(c, cfg)
	}
	if err != nil {
		return nil, c, fmt.Errorf("device %s: %w", c.Name(), err)
	}
	return b, c, nil
}

func open(c Choice, cfg Config) (Backend, error) {
	for _, d := range Drivers() {
		switch {
		case d.Kind != c.Kind:
		case c.All && c.Kind != "cpu":
			return openAll(d, cfg)
		default:
			return d.Open(c.Index, cfg)
		}
	}
	return nil, fmt.Errorf("this program was built without %s", c.Kind)
}
