package cpu

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/blas"
	"voxen/internal/heap"
	"voxen/internal/sysblas"
)

func init() {
	// One goroutine per call: the backend cuts the work itself.
	blas.UseThreads(1)
	engine.Register(engine.Driver{
		Kind: "cpu",
		Rank: 0,
		Devices: func() ([]engine.Device, error) {
			if err := outsideBLAS(); err != nil {
				return nil, err
			}
			return []engine.Device{device(runtime.GOMAXPROCS(0))}, nil
		},
		Open: func(_ int, cfg engine.Config) (engine.Backend, error) {
			if err := outsideBLAS(); err != nil {
				return nil, err
			}
			return New(cfg.Threads), nil
		},
	})
}

// Backend runs operations on the processor.
type Backend struct {
	threads int
	team    *team
}

var _ engine.Backend = (*Backend)(nil)

// New makes a backend with the given number of threads; 0 is all that the
// process may use.
func New(threads int) *Backend {
	if threads < 1 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &Backend{threads: threads, team: newTeam(threads)}
}

// Device describes the processor.
func (b *Backend) Device() engine.Device { return device(b.threads) }

func device(threads int) engine.Device {
	_, total, _ := memory()
	var marks []string
	if name := BLAS(); !strings.HasPrefix(name, ownBLAS) {
		marks = []string{"products by an outside BLAS: " + name}
	}
	return engine.Device{
		Marks:   marks,
		Name:    "cpu",
		Model:   model(),
		Memory:  total,
		Threads: threads,
		Versions: map[string]string{
			"go":    runtime.Version(),
			"blas":  BLAS(),
			"gonum": moduleVersion("gonum.org/v1/gonum"),
		},
	}
}

// outsideBLAS makes the library that VOXEN_BLAS names (openblas, mkl, blis,
// accelerate or a path) the BLAS of gonum, the first time it is called.
var outsideBLAS = sync.OnceValue(func() error {
	name := os.Getenv("VOXEN_BLAS")
	if name == "" || name == ownBLAS {
		return nil
	}
	im, err := sysblas.Open(name)
	if err != nil {
		return fmt.Errorf("VOXEN_BLAS: %w", err)
	}
	blas32.Use(im)
	blas64.Use(im)
	return nil
})

// ownBLAS begins the name of voxen/cpu/blas.
const ownBLAS = "voxen"

// BLAS names the implementations registered with gonum.
func BLAS() string {
	name := func(im any) string {
		switch im := im.(type) {
		case blas.Implementation:
			return ownBLAS + " (" + im.Level.Resolve().String() + ")"
		case sysblas.Implementation:
			return im.Name()
		}
		return fmt.Sprintf("%T", im)
	}
	s, d := name(blas32.Implementation()), name(blas64.Implementation())
	if s == d {
		return s
	}
	return s + ", float64 " + d
}

// moduleVersion is the version of a module in this program, or "unknown".
func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}

// slab is memory from the system, outside the Go heap where that can be.
type slab struct{ mem, all []byte }

// arena is the memory of all backends. Pages that were touched before cost
// nothing; what is kept idle is little beside what jobs of any size use.
var arena = heap.Slabs[slab]{
	Size: slabBytes,
	Take: func(n int) (s slab, err error) {
		s.mem, s.all, err = allocate(n)
		return s, err
	},
	Give:     func(s slab) { release(s.all) },
	NoMemory: func(error) bool { return true },
	Frugal:   true,
}

// Alloc takes memory of the arena.
func (b *Backend) Alloc(n int) (engine.Buffer, error) {
	p, err := arena.Alloc(max(n, 1))
	if err != nil {
		free, _, _ := memory()
		return nil, &engine.OutOfMemory{Device: "cpu", Want: int64(n), Free: free}
	}
	return &buffer{p.Slab.mem[p.At : p.At+n : p.At+n], p}, nil
}

// Host is never needed: buffers are host memory.
func (b *Backend) Host(n int) (engine.HostBuffer, error) {
	buf, err := b.Alloc(n)
	if err != nil {
		return nil, err
	}
	return hostBuffer{buf}, nil
}

// Memory reports what the machine or its cgroup has.
func (b *Backend) Memory() (free, total int64, err error) { return memory() }

// Panels keeps a tile small enough to stay near the caches, and large enough
// that every thread has work between two operations.
func (b *Backend) Panels() int { return max(2, b.threads) }

// Close gives memory back that no backend uses.
func (b *Backend) Close() error {
	arena.Trim()
	return nil
}

// Upload copies.
func (b *Backend) Upload(_ engine.Stream, dst engine.Buffer, offset int, src []byte) error {
	copy(dst.Host()[offset:offset+len(src)], src)
	return nil
}

// Download copies.
func (b *Backend) Download(_ engine.Stream, dst []byte, src engine.Buffer, offset int) error {
	copy(dst, src.Host()[offset:offset+len(dst)])
	return nil
}

// NewStream gives a stream that runs work at once.
func (b *Backend) NewStream() (engine.Stream, error) { return stream{}, nil }

// NewEvent gives an event that has always passed.
func (b *Backend) NewEvent() (engine.Event, error) { return event{}, nil }

// Scratch is 0: scratch of this backend is per worker, and grows once.
func (b *Backend) Scratch(op.Spec, op.Type, []op.Type) int { return 0 }

type buffer struct {
	mem   []byte
	piece heap.Piece[slab]
}

func (b *buffer) Bytes() int       { return len(b.mem) }
func (b *buffer) Pointer() uintptr { return address(b.mem) }
func (b *buffer) Host() []byte     { return b.mem }
func (b *buffer) Free() {
	if b.piece.N > 0 {
		arena.Free(b.piece)
	}
	*b = buffer{}
}

type hostBuffer struct{ engine.Buffer }

func (h hostBuffer) Bytes() []byte { return h.Host() }

type stream struct{}

func (stream) Record(engine.Event) error { return nil }
func (stream) Wait(engine.Event) error   { return nil }
func (stream) Synchronize() error        { return nil }
func (stream) Close() error              { return nil }

type event struct{}

func (event) Synchronize() error { return nil }
func (event) Close() error       { return nil }
