//go:build voxencuda && cgo

package cuda

import (
	"errors"
	"fmt"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/internal/cuda/lazy"
)

// minDriver is the CUDA version that a driver must know for the PTX of package
// kernels, as cuDriverGetVersion counts: 12.1, which drivers have from 530 on.
const minDriver = 12010

// minCapability is the lowest compute capability that PTX is made for, times 10.
const minCapability = 70

func init() {
	engine.Register(engine.Driver{
		Kind:     "cuda",
		Rank:     rank,
		Devices:  devices,
		Versions: versions,
		Open:     func(index int, cfg engine.Config) (engine.Backend, error) { return New(index, cfg) },
	})
}

// devices lists the devices that kernels can run on, or says why there are none.
func devices() ([]engine.Device, error) {
	n, err := count()
	if err != nil {
		return nil, err
	}
	all := make([]engine.Device, n)
	for i := range all {
		if all[i], err = describe(i); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// count loads the driver and counts its devices.
func count() (int, error) {
	if err := lazy.Load(""); err != nil {
		return 0, err
	}
	if v := cu.Version(); v < minDriver {
		return 0, fmt.Errorf("the driver is for CUDA %s, %s or later needed", version(v), version(minDriver))
	}
	n, err := cu.NumDevices()
	if err != nil {
		return 0, fmt.Errorf("the driver lists no devices: %w", words(err))
	}
	if n == 0 {
		return 0, errors.New("the driver sees no device")
	}
	return n, nil
}

// version writes 12010 as "12.1".
func version(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// describe asks the driver about a device.
func describe(index int) (engine.Device, error) {
	name := fmt.Sprintf("cuda:%d", index)
	d, err := cu.GetDevice(index)
	if err != nil {
		return engine.Device{}, fmt.Errorf("%s: %w", name, words(err))
	}
	model, err := d.Name()
	if err != nil {
		return engine.Device{}, fmt.Errorf("%s: name: %w", name, words(err))
	}
	memory, err := d.TotalMem()
	if err != nil {
		return engine.Device{}, fmt.Errorf("%s: memory: %w", name, words(err))
	}
	c, err := capability(d)
	if err != nil {
		return engine.Device{}, fmt.Errorf("%s: capability: %w", name, words(err))
	}
	if c < minCapability {
		return engine.Device{}, fmt.Errorf("%s is a %s of compute capability %d.%d, 7.0 or higher needed", name, model, c/10, c%10)
	}
	return engine.Device{
		Name:   name,
		Model:  model,
		Memory: memory,
		Versions: map[string]string{
			"driver":     version(cu.Version()),
			"capability": fmt.Sprintf("%d.%d", c/10, c%10),
		},
	}, nil
}

// capability is 10 times the major version plus the minor one.
func capability(d cu.Device) (int, error) {
	major, err := d.Attribute(cu.ComputeCapabilityMajor)
	if err != nil {
		return 0, err
	}
	minor, err := d.Attribute(cu.ComputeCapabilityMinor)
	return 10*major + minor, err
}
