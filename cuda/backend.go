//go:build voxencuda && cgo

package cuda

import (
	"runtime"
	"sync"
	"sync/atomic"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/internal/heap"
)

// Backend runs operations on one GPU.
type Backend struct {
	dev     engine.Device
	device  cu.Device
	context cu.CUContext
	cap     int // compute capability times 10
	cfg     engine.Config
	lost    atomic.Pointer[engine.Lost]

	libs    libraries
	modules modules
	tables  tables
	pinned  pinned
	arena   *heap.Slabs[cu.DevicePtr]

	solverSizes sync.Map // workspace of cuSOLVER by the size of a matrix
}

var _ engine.Backend = (*Backend)(nil)

// New opens the device with this index. Backends of one device share its primary
// context, as other libraries of the process do.
func New(index int, cfg engine.Config) (*Backend, error) {
	if _, err := count(); err != nil {
		return nil, err
	}
	dev, err := describe(index)
	if err != nil {
		return nil, err
	}
	b := &Backend{dev: dev, cfg: cfg}
	b.arena = newArena(b)
	if b.device, err = cu.GetDevice(index); err != nil {
		return nil, b.check("cuDeviceGet", err)
	}
	if b.cap, err = capability(b.device); err != nil {
		return nil, b.check("cuDeviceGetAttribute", err)
	}
	if b.context, err = b.device.RetainPrimaryCtx(); err != nil {
		return nil, b.check("cuDevicePrimaryCtxRetain", err)
	}
	if err := b.modules.init(b.cap); err != nil {
		return nil, err
	}
	b.findLibraries()
	return b, nil
}

// Device describes the GPU.
func (b *Backend) Device() engine.Device { return b.dev }

// do runs driver calls on a thread where the device's context is current. A
// device that was lost answers nothing more.
func (b *Backend) do(f func() error) error {
	if lost := b.lost.Load(); lost != nil {
		return lost
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(b.context); err != nil {
		return b.check("cuCtxSetCurrent", err)
	}
	return f()
}

// Close frees tables and modules and gives the context back.
func (b *Backend) Close() error {
	b.tables.free()
	b.arena.Close()
	err := b.do(func() error { return b.modules.unload(b) })
	if rel := b.device.ReleasePrimaryCtx(); err == nil {
		err = b.check("cuDevicePrimaryCtxRelease", rel)
	}
	return err
}

// Bytes of a tile: panels are sized for a machine's typical job, responses of
// about 1,000 rows with their statistics and scores, two tiles in flight.
const (
	panelBytes = 32 << 20
	minPanels  = 2
	maxPanels  = 32 // a quarter of a million voxels in four tiles: enough to overlap
)

// Panels gives a quarter of the free memory to one tile. A machine whose panels
// are larger halves the tile.
func (b *Backend) Panels() int {
	free, _, err := b.Memory()
	if err != nil {
		return minPanels
	}
	return int(max(minPanels, min(maxPanels, free/4/panelBytes)))
}
