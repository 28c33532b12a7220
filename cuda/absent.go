//go:build !voxencuda || !cgo

package cuda

import (
	"errors"

	"voxen/engine"
)

var errAbsent = errors.New("this program was built without CUDA")

func init() {
	engine.Register(engine.Driver{
		Kind:    "cuda",
		Rank:    rank,
		Devices: func() ([]engine.Device, error) { return nil, errAbsent },
		Open:    func(int, engine.Config) (engine.Backend, error) { return nil, errAbsent },
	})
}
