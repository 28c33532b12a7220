//go:build voxencuda && cgo

package cuda

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"unsafe"

	"gorgonia.org/cu"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/internal/cuda/lazy"
	"voxen/kernels"
)

// size is the extent of a grid or a block; 0 stands for 1.
type size [3]int

func (s size) at(i int) int { return max(1, s[i]) }

// cover is the number of blocks of n threads that cover an extent.
func cover(extent, n int) int { return (extent + n - 1) / n }

// kernel is a launch without its operands.
type kernel struct {
	name        string       // as in KERNEL(name)
	of          tensor.Dtype // which of its two entries
	grid, block size
	shared      int // bytes of dynamic shared memory
}

// entry is the name in PTX.
func (k kernel) entry() string {
	if k.of == op.Float64 {
		return k.name + "_f64"
	}
	return k.name + "_f32"
}

// defaultShared is the dynamic shared memory that every kernel may have.
const defaultShared = 48 << 10

// launch queues a kernel on the call's stream. Each of args is an engine.Array
// (four words), an int (an int), an int64 (a long long), a float64 (a double), a
// float32 (a float) or a pointer to the device.
func (b *Backend) launch(c *engine.Call, k kernel, args ...any) error {
	w, err := pack(args)
	if err != nil {
		return fmt.Errorf("kernel %s: %w", k.entry(), err)
	}
	return b.do(func() error {
		f, err := b.modules.function(b, k.entry())
		if err != nil {
			return err
		}
		if len(w) != f.params {
			return fmt.Errorf("kernel %s: %d words for %d parameters", k.entry(), len(w), f.params)
		}
		if k.shared > f.shared {
			if err := lazy.DynamicShared(f.f, k.shared); err != nil {
				return b.check(fmt.Sprintf("%d bytes of shared memory for %s", k.shared, k.entry()), err)
			}
			f.shared = k.shared
		}
		p := make([]unsafe.Pointer, len(w))
		for i := range w {
			p[i] = unsafe.Pointer(&w[i])
		}
		g, bl := k.grid, k.block
		err = f.f.Launch(g.at(0), g.at(1), g.at(2), bl.at(0), bl.at(1), bl.at(2), k.shared, c.Stream.(*stream).s, p)
		return b.check("launch of "+k.entry(), err)
	})
}

// pack makes words of a kernel's arguments.
func pack(args []any) ([]uint64, error) {
	w := make([]uint64, 0, 4*len(args))
	for i, a := range args {
		switch a := a.(type) {
		case engine.Array:
			w = append(w, uint64(a.Buf.Pointer())+uint64(a.Offset))
			for axis, s := range a.Strides {
				if a.Dims[axis] == 1 {
					s = 0
				}
				w = append(w, uint64(s))
			}
		case int:
			if a != int(int32(a)) {
				return nil, fmt.Errorf("argument %d is %d, too large for an int", i, a)
			}
			w = append(w, uint64(uint32(int32(a))))
		case int64:
			w = append(w, uint64(a))
		case float64:
			w = append(w, math.Float64bits(a))
		case float32:
			w = append(w, uint64(math.Float32bits(a)))
		case cu.DevicePtr:
			w = append(w, uint64(a))
		default:
			return nil, fmt.Errorf("argument %d is a %T", i, a)
		}
	}
	return w, nil
}

// modules holds the device code, loaded by family when it is first used.
type modules struct {
	mu        sync.Mutex
	family    map[string]string // by entry
	ptx       map[string]string // by family
	params    map[string]int    // by entry
	loaded    map[string]cu.Module
	functions map[string]*function
}

type function struct {
	f      cu.Function
	params int
	shared int // bytes of dynamic shared memory that it may have
}

// init reads which kernels there are for a compute capability.
func (m *modules) init(capability int) error {
	m.family, m.ptx, m.params = map[string]string{}, map[string]string{}, map[string]int{}
	m.loaded, m.functions = map[string]cu.Module{}, map[string]*function{}
	for _, family := range kernels.Families() {
		ptx, err := kernels.PTX(family, capability)
		if err != nil {
			return err
		}
		m.ptx[family] = ptx
		for entry, n := range kernels.Entries(ptx) {
			m.family[entry], m.params[entry] = family, n
		}
	}
	return nil
}

// function finds a kernel, and loads the module that holds it.
func (m *modules) function(b *Backend, entry string) (*function, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.functions[entry]; ok {
		return f, nil
	}
	family, ok := m.family[entry]
	if !ok {
		return nil, fmt.Errorf("no kernel %s in the PTX of package kernels", entry)
	}
	mod, ok := m.loaded[family]
	if !ok {
		var err error
		if mod, err = cu.LoadData(m.ptx[family]); err != nil {
			return nil, b.check("cuModuleLoadData of "+family, err)
		}
		m.loaded[family] = mod
	}
	f, err := mod.Function(entry)
	if err != nil {
		return nil, b.check("cuModuleGetFunction of "+entry, err)
	}
	m.functions[entry] = &function{f, m.params[entry], defaultShared}
	return m.functions[entry], nil
}

// unload gives all modules back.
func (m *modules) unload(b *Backend) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var first error
	for family, mod := range m.loaded {
		if err := b.check("cuModuleUnload of "+family, mod.Unload()); err != nil && first == nil {
			first = err
		}
		delete(m.loaded, family)
	}
	clear(m.functions)
	return first
}

// tables holds lists that kernels read, by their contents.
type tables struct {
	mu   sync.Mutex
	have map[string]engine.Buffer
}

// ints puts a list on the device, as const int *, where it stays.
func (b *Backend) ints(list []int) (cu.DevicePtr, error) {
	data := make([]byte, 4*len(list))
	for i, x := range list {
		if x != int(int32(x)) {
			return 0, fmt.Errorf("%d in a list of ints", x)
		}
		*(*int32)(unsafe.Pointer(&data[4*i])) = int32(x)
	}
	return b.table("i", data)
}

// reals puts a list on the device, as const double *, where it stays.
func (b *Backend) reals(list []float64) (cu.DevicePtr, error) {
	data := make([]byte, 8*len(list))
	for i, x := range list {
		*(*float64)(unsafe.Pointer(&data[8*i])) = x
	}
	return b.table("r", data)
}

func (b *Backend) table(kind string, data []byte) (cu.DevicePtr, error) {
	t := &b.tables
	t.mu.Lock()
	defer t.mu.Unlock()
	key := kind + string(data)
	if buf, ok := t.have[key]; ok {
		return buf.(*buffer).address(), nil
	}
	buf, err := b.Alloc(max(len(data), 8))
	if err != nil {
		return 0, err
	}
	s, err := b.NewStream()
	if err == nil {
		defer s.Close()
		err = b.Upload(s, buf, 0, data)
	}
	if err == nil {
		err = s.Synchronize()
	}
	if err != nil {
		buf.Free()
		return 0, err
	}
	if t.have == nil {
		t.have = map[string]engine.Buffer{}
	}
	t.have[strings.Clone(key)] = buf
	return buf.(*buffer).address(), nil
}

func (t *tables) free() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, buf := range t.have {
		buf.Free()
		delete(t.have, key)
	}
}
