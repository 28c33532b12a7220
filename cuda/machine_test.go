//go:build voxencuda && cgo

package cuda

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// job is a small graph over tiles: z = y - shift(y), with the shifts of every
// column, in panels of 64 columns.
type job struct {
	y, z, shift *gorgonia.Node
	source      *tile.Array[float32]
}

const jobWidth = 64

func newJob(T, V int) job {
	rng := rand.New(rand.NewPCG(3, 1))
	g := gorgonia.NewGraph()
	var j job
	j.y = op.Input(g, "y", op.Type{Dtype: op.Float32, Dims: op.Dims{1, 1, T, jobWidth}})
	j.shift = op.Must(op.ColumnShift{}, j.y)
	j.z = op.Must(op.SubRow{}, j.y, j.shift)
	j.source = tile.NewArray[float32](T, V)
	for i := range j.source.Data {
		j.source.Data[i] = float32(100 + rng.NormFloat64())
	}
	return j
}

// run computes the job and returns its results, z and shifts.
func (j job) run(be engine.Backend, panels int) ([]float32, engine.Stats, error) {
	z, shift := tile.NewArray[float32](j.source.Rows(), j.source.Cols()), tile.NewArray[float32](1, j.source.Cols())
	stats, err := engine.NewMachine(be).Run(context.Background(),
		engine.Feeds{j.y: engine.Columns(j.source)},
		engine.Results{j.z: engine.ToSink(z), j.shift: engine.ToSink(shift)},
		engine.Tiling{Cols: j.source.Cols(), Width: jobWidth, Panels: panels})
	return append(z.Data, shift.Data...), stats, err
}

// The bits are the same for every tile, with streams that come late and threads
// in the other order.
func TestTilesOverlap(t *testing.T) {
	b := open(t)
	j := newJob(33, 1000)
	want, _, err := j.run(b, 1)
	if err != nil {
		t.Fatal(err)
	}
	if device == "" {
		restore(t)
		control.Set("jitter", 3000)
		control.Set("backwards", 1)
	}
	for _, panels := range []int{2, 5, 0} {
		got, stats, err := j.run(b, panels)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("panels %d: other bits in %d tiles", panels, stats.Tiles)
		}
	}
}

// The tile is halved until the device has room, at any allocation that fails.
func TestOutOfMemoryHalvesTheTile(t *testing.T) {
	restore(t)
	b := open(t)
	b.arena.Direct = true
	j := newJob(512, 2000) // a tile of 32 panels: 4 MiB for y and z each, twice
	want, stats, err := j.run(b, 32)
	if err != nil || stats.Halvings != 0 {
		t.Fatalf("%d halvings, %v", stats.Halvings, err)
	}
	control.Set("memory", 6<<20)
	got, stats, err := j.run(b, 32)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Halvings == 0 || stats.Panels >= 32 || !slices.Equal(got, want) {
		t.Errorf("%d halvings to %d panels, same bits: %v", stats.Halvings, stats.Panels, slices.Equal(got, want))
	}
	control.Set("memory", 4<<30)
	for n := 1; n <= 8; n++ {
		control.Set("fail", fmt.Sprintf("cuMemAlloc_v2:%d:2", n))
		got, stats, err := j.run(b, 32)
		if err != nil || stats.Halvings != 1 || !slices.Equal(got, want) {
			t.Errorf("allocation %d: %d halvings, %v", n, stats.Halvings, err)
		}
	}
	control.Set("memory", 1000)
	var oom *engine.OutOfMemory
	if _, _, err := j.run(b, 32); !errors.As(err, &oom) || oom.Device != "cuda:0" {
		t.Errorf("no memory at all: %v", err)
	}
	if used := control.Get("used:0"); used != 0 {
		t.Errorf("%d bytes of device memory were not given back", used)
	}
}

// Whatever call the device is lost at, the run ends with that and soon, and
// nothing is written that was not computed.
func TestLostDevice(t *testing.T) {
	restore(t)
	j := newJob(17, 500)
	b := open(t)
	want, _, err := j.run(b, 2)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	for _, what := range []string{"any:%d:719", "run:%d:700", "any:%d:46", "any:%d:214"} {
		lost := 0
		for n := 1; ; n += 1 + n/4 {
			b, err := New(0, engine.Config{})
			if err != nil {
				t.Fatal(err)
			}
			control.Set("fail", fmt.Sprintf(what, n))
			type outcome struct {
				got []float32
				err error
			}
			done := make(chan outcome, 1)
			go func() {
				got, _, err := j.run(b, 2)
				done <- outcome{got, err}
			}()
			var out outcome
			select {
			case out = <-done:
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: the run hangs", fmt.Sprintf(what, n))
			}
			control.Set("fail", "")
			control.Set("revive", 0)
			b.Close()
			if out.err == nil { // the job has fewer calls
				if !slices.Equal(out.got, want) {
					t.Errorf("%s: other bits without an error", fmt.Sprintf(what, n))
				}
				break
			}
			var l *engine.Lost
			if !errors.As(out.err, &l) || l.Device != "cuda:0" {
				t.Fatalf("%s: %v", fmt.Sprintf(what, n), out.err)
			}
			lost++
		}
		if lost < 5 {
			t.Errorf("%s: lost %d times", what, lost)
		}
	}
}

// An error that the device survives is said with the call and the driver's words.
func TestErrorNamesTheCall(t *testing.T) {
	restore(t)
	b := open(t)
	control.Set("fail", "cuLaunchKernel:1:1")
	_, _, err := newJob(5, 64).run(b, 1)
	const want = "ColumnShift: cuda:0: launch of column_shift_f32: an error of the stand-in driver (CUDA error 1)"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// Every case of absence has its reason.
func TestDevices(t *testing.T) {
	restore(t)
	for _, c := range []struct {
		setting, value string
		want           string
	}{
		{"version", "11080", "the driver is for CUDA 11.8, 12.1 or later needed"},
		{"devices", "0", "the driver sees no device"},
		{"capability", "61", "cuda:0 is a simulated device of compute capability 6.1, 7.0 or higher needed"},
		{"fail", "cuDeviceGetCount:1:999", "the driver lists no devices: an error of the stand-in driver (CUDA error 999)"},
	} {
		control.Set(c.setting, c.value)
		if _, err := devices(); err == nil || err.Error() != c.want {
			t.Errorf("%s %s: %v, want %s", c.setting, c.value, err, c.want)
		}
		control.Set("version", 12090)
		control.Set("devices", 2)
		control.Set("capability", 80)
	}
	all, err := devices()
	if err != nil || len(all) != 2 || all[1].Name != "cuda:1" || all[1].Versions["capability"] != "8.0" {
		t.Errorf("two devices: %v, %v", all, err)
	}
}

// Devices that share the tiles give the bits of one; each has work.
func TestDevicesShareTiles(t *testing.T) {
	restore(t)
	control.Set("devices", 3)
	control.Set("jitter", 2000)
	j := newJob(33, 4000)
	one := open(t)
	want, _, err := j.run(one, 0)
	if err != nil {
		t.Fatal(err)
	}
	all, choice, err := engine.Open("cuda", engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if d := all.Device(); d.Name != "cuda" || d.Count != 3 || !choice.All {
		t.Fatalf("cuda is %+v, %+v", d, choice)
	}
	got, stats, err := j.run(all, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) || stats.Tiles < 12 {
		t.Errorf("same bits: %v, %d tiles", slices.Equal(got, want), stats.Tiles)
	}
	control.Set("fail", "cuLaunchKernel:4:719:1")
	var lost *engine.Lost
	if _, _, err := j.run(all, 0); !errors.As(err, &lost) || lost.Device != "cuda:1" {
		t.Errorf("the second device is lost: %v", err)
	}
}

// Panels of page-locked memory go to the device as they lie; the last, which is
// padded, through staging. The bits are the same.
func TestPageLockedSource(t *testing.T) {
	b := open(t)
	if device == "" {
		restore(t)
		control.Set("jitter", 1000)
	}
	j := newJob(33, 1000)
	want, _, err := j.run(b, 4)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := engine.Lock(b, j.source)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if device == "" {
		control.Set("fail", "cuMemcpy2DAsync_v2:3:1")
		if _, _, err := j.run(b, 4); err == nil || !strings.Contains(err.Error(), "cuMemcpy2DAsync") {
			t.Fatalf("no third copy of rows: %v", err)
		}
	}
	got, _, err := j.run(b, 4)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Error("other bits")
	}
}
