//go:build voxencuda && cgo

package sim

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"

	"voxen/internal/cuda/lazy"
)

var control Control

func TestMain(m *testing.M) {
	path, err := Build()
	if err == nil {
		err = lazy.Load(path)
	}
	if err == nil {
		control, err = Controls(path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// ptx is the part of a module that the stand-in reads.
const ptx = `.version 8.1
.target sm_70
.visible .entry misuse_barrier(
	.param .u64 a
) .visible .entry misuse_shuffle(
	.param .u64 a
) .visible .entry misuse_mask(
	.param .u64 a
) .visible .entry misuse_shared(
	.param .u64 a
) .visible .entry misuse_unset(
	.param .u64 a
) .visible .entry misuse_race(
	.param .u64 a
) .visible .entry use_all(
	.param .u64 a
) .visible .entry misuse_end(
	.param .u64 a,
	.param .u32 b
)`

// device is a context with 4 KiB of memory, on a thread of its own.
type device struct {
	t      *testing.T
	module cu.Module
	stream cu.Stream
	p      cu.DevicePtr
}

func open(t *testing.T) *device {
	t.Helper()
	runtime.LockOSThread()
	d := &device{t: t}
	dev, err := cu.GetDevice(0)
	d.must(err)
	ctx, err := dev.RetainPrimaryCtx()
	d.must(err)
	d.must(cu.SetCurrentContext(ctx))
	d.module, err = cu.LoadData(ptx)
	d.must(err)
	d.stream, err = cu.MakeStream(cu.NonBlocking)
	d.must(err)
	d.p, err = cu.MemAlloc(4096)
	d.must(err)
	t.Cleanup(func() {
		d.stream.Destroy()
		cu.MemFree(d.p)
		control.Set("revive", 0)
		for _, name := range []string{"backwards", "poison", "jitter"} {
			control.Set(name, 0)
		}
		runtime.UnlockOSThread()
	})
	return d
}

func (d *device) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// run launches a kernel on the device's memory and waits for it.
func (d *device) run(name string, block [3]int, shared int, more ...uint64) error {
	d.t.Helper()
	f, err := d.module.Function(name)
	d.must(err)
	words := append([]uint64{uint64(d.p)}, more...)
	args := make([]unsafe.Pointer, len(words))
	for i := range words {
		args[i] = unsafe.Pointer(&words[i])
	}
	if err := f.Launch(2, 1, 1, block[0], block[1], block[2], shared, d.stream, args); err != nil {
		return err
	}
	return d.stream.Synchronize()
}

// floats reads the first n elements.
func (d *device) floats(n int) []float32 {
	d.t.Helper()
	x := make([]float32, n)
	d.must(cu.MemcpyDtoHAsync(unsafe.Pointer(&x[0]), d.p, int64(4*n), d.stream))
	d.must(d.stream.Synchronize())
	return x
}

func TestFreshMemoryIsPoisoned(t *testing.T) {
	for i, x := range open(t).floats(1024) {
		if x == x {
			t.Fatalf("element %d of fresh memory is %v", i, x)
		}
	}
}

// A kernel that does what a GPU forbids ends the context, as there.
func TestMisuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		block  [3]int
		shared int
		args   []uint64
	}{
		{"misuse_barrier", [3]int{64, 1, 1}, 0, nil},
		{"misuse_shuffle", [3]int{32, 1, 1}, 0, nil},
		{"misuse_mask", [3]int{32, 1, 1}, 0, nil},
		{"misuse_shared", [3]int{32, 1, 1}, 128, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			if err := d.run(c.name, c.block, c.shared, c.args...); err != cu.LaunchFailed {
				t.Errorf("launch: %v, want LaunchFailed", err)
			}
			if err := d.stream.Synchronize(); err != cu.LaunchFailed {
				t.Errorf("later call: %v, want the same", err)
			}
		})
	}
}

// A write past the end of memory that is no whole number of 256 bytes is seen
// when the memory is freed.
func TestWritePastTheEnd(t *testing.T) {
	if os.Getenv(SanitizeVariable) != "" {
		t.Skip("AddressSanitizer ends the process at the write")
	}
	d := open(t)
	whole := d.p
	var err error
	d.p, err = cu.MemAlloc(400)
	d.must(err)
	d.must(d.run("misuse_end", [3]int{32, 1, 1}, 0, 100))
	if err := cu.MemFree(d.p); err != cu.IllegalAddress {
		t.Errorf("free: %v, want IllegalAddress", err)
	}
	d.p = whole
}

func TestUnsetSharedMemory(t *testing.T) {
	d := open(t)
	control.Set("poison", 1)
	d.must(d.run("misuse_unset", [3]int{32, 1, 1}, 0))
	if x := d.floats(1)[0]; x == x {
		t.Errorf("unset shared memory holds %v", x)
	}
}

// The order of threads can be turned round, which a race does not survive.
func TestBackwards(t *testing.T) {
	d := open(t)
	d.must(d.run("misuse_race", [3]int{32, 1, 1}, 0))
	forth := d.floats(1)[0]
	control.Set("backwards", 1)
	d.must(d.run("misuse_race", [3]int{32, 1, 1}, 0))
	if back := d.floats(1)[0]; forth != 31 || back != 0 {
		t.Errorf("the last thread is %v forwards and %v backwards, want 31 and 0", forth, back)
	}
}

func TestBarriersAndWarps(t *testing.T) {
	d := open(t)
	for _, order := range []int{0, 1} {
		control.Set("backwards", order)
		for _, block := range [][3]int{{32, 1, 1}, {256, 1, 1}, {16, 8, 4}, {1024, 1, 1}} {
			n := block[0] * block[1] * block[2]
			d.must(d.run("use_all", block, 0))
			got, want := d.floats(4), []float32{float32(n / 2), 11, float32(n * (n - 1) / 2), 31}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("block %v, order %d: %v, want %v", block, order, got, want)
					break
				}
			}
		}
	}
}

// Launches beyond the limits, copies across the end and unknown kernels are refused.
func TestRefusals(t *testing.T) {
	d := open(t)
	if err := d.run("use_all", [3]int{2048, 1, 1}, 0); err != cu.InvalidValue {
		t.Errorf("2,048 threads: %v", err)
	}
	if err := d.run("use_all", [3]int{32, 1, 1}, 64<<10); err != cu.InvalidValue {
		t.Errorf("64 KiB of shared memory: %v", err)
	}
	x := make([]byte, 8192)
	if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&x[0]), d.p, 4097, d.stream); err != cu.InvalidValue {
		t.Errorf("copy past the end: %v", err)
	}
	if _, err := d.module.Function("none"); err != cu.NotFound {
		t.Errorf("unknown kernel: %v", err)
	}
	for _, text := range []string{"", strings.Replace(ptx, ".version", "version", 1)} {
		if _, err := cu.LoadData(text); err != cu.InvalidPtx {
			t.Errorf("bad PTX: %v", err)
		}
	}
	if _, err := cu.LoadData(strings.Replace(ptx, "sm_70", "sm_100", 1)); err != cu.NoBinaryForGpu {
		t.Errorf("PTX for a later device: %v", err)
	}
	m, err := cu.LoadData(strings.Replace(ptx, ".param .u32 b", ".param .u64 b", 1))
	d.must(err)
	if _, err := m.Function("misuse_end"); err != cu.InvalidImage {
		t.Errorf("kernel with other parameters than its source: %v", err)
	}
}

// What the host does not wait for comes late: two streams, one of which is told
// to wait for the other's event.
func TestStreamsAreAsynchronous(t *testing.T) {
	d := open(t)
	control.Set("jitter", 20000)
	other, err := cu.MakeStream(cu.NonBlocking)
	d.must(err)
	defer other.Destroy()
	ev, err := cu.MakeEvent(cu.DisableTiming)
	d.must(err)
	late := 0
	for i := range 20 {
		v := math.Float32bits(float32(i))
		d.must(cu.MemsetD32Async(d.p, uint(v), 4, d.stream))
		x := float32(-1)
		d.must(cu.MemcpyDtoHAsync(unsafe.Pointer(&x), d.p, 4, other))
		d.must(other.Synchronize())
		if x != float32(i) {
			late++
		}
		d.must(ev.Record(d.stream))
		d.must(other.Wait(ev, 0))
		d.must(cu.MemcpyDtoHAsync(unsafe.Pointer(&x), d.p, 4, other))
		d.must(other.Synchronize())
		if x != float32(i) {
			t.Fatalf("after the event: %v, want %d", x, i)
		}
	}
	if late == 0 {
		t.Error("no missing wait was seen in 20 tries")
	}
}

// Work captured from a stream runs when the graph is launched, and only then.
func TestCapture(t *testing.T) {
	d := open(t)
	zero := func() { d.must(cu.MemsetD32Async(d.p, 0, 4, d.stream)) }
	d.must(lazy.BeginCapture(d.stream))
	if err := d.run("use_all", [3]int{32, 1, 1}, 0); err != cu.StreamCaptureUnsupported {
		t.Errorf("waiting for a stream under capture: %v", err)
	}
	if _, err := lazy.EndCapture(d.stream); err == nil {
		t.Error("a capture that was waited for gave a graph")
	}
	zero()
	d.must(lazy.BeginCapture(d.stream))
	f, err := d.module.Function("use_all")
	d.must(err)
	word := uint64(d.p)
	d.must(f.Launch(1, 1, 1, 64, 1, 1, 0, d.stream, []unsafe.Pointer{unsafe.Pointer(&word)}))
	g, err := lazy.EndCapture(d.stream)
	d.must(err)
	if x := d.floats(1)[0]; x != 0 {
		t.Errorf("captured work ran: %v", x)
	}
	for range 3 {
		zero()
		d.must(g.Launch(d.stream))
		if x := d.floats(1)[0]; x != 32 {
			t.Errorf("launched graph gave %v, want 32", x)
		}
	}
	d.must(g.Close())
}
