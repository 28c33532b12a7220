//go:build voxencuda && cgo

package cuda

import (
	"fmt"
	"reflect"

	"gorgonia.org/cu"

	"voxen/engine"
	"voxen/internal/cuda/lazy"
)

// words puts the driver's text for an error of cu, which has its name alone.
func words(err error) error {
	if code := code(err); code != 0 {
		return lazy.Error(code)
	}
	return err
}

// code is the CUresult in an error of cu (an unexported integer type) or lazy, or 0.
func code(err error) int {
	if v := reflect.ValueOf(err); v.IsValid() && v.Kind() == reflect.Int {
		return int(v.Int())
	}
	return 0
}

// Results that cu has no name for, by their numbers in cuda.h.
const (
	deviceUnavailable = 46
	containedFault    = 721 // CUDA_ERROR_CONTAINED
	tensorMemoryLeak  = 722 // CUDA_ERROR_TENSOR_MEMORY_LEAK
	externalDevice    = 911 // CUDA_ERROR_EXTERNAL_DEVICE
)

// fatal lists the results after which a context is dead: the driver answers every
// later call with the same, or the device is gone.
var fatal = map[int]bool{
	code(cu.Deinitialized): true, code(cu.EccUncorrectable): true, code(cu.NvlinkUncorrectable): true,
	code(cu.IllegalAddress): true, code(cu.LaunchTimeout): true, code(cu.ContextIsDestroyed): true,
	code(cu.Assert): true, code(cu.HardwareStackError): true, code(cu.IllegalInstruction): true,
	code(cu.MisalignedAddress): true, code(cu.InvalidAddressSpace): true, code(cu.InvalidPc): true,
	code(cu.LaunchFailed): true, code(cu.SystemNotReady): true, code(cu.Unknown): true,
	deviceUnavailable: true, containedFault: true, tensorMemoryLeak: true, externalDevice: true,
}

// check turns the result of a driver call into an error of the engine.
func (b *Backend) check(call string, err error) error {
	if err == nil {
		return nil
	}
	if lost, ok := err.(*engine.Lost); ok {
		return lost // from do
	}
	if fatal[code(err)] {
		lost := &engine.Lost{Device: b.dev.Name, Err: fmt.Errorf("%s: %w", call, words(err))}
		b.lost.CompareAndSwap(nil, lost)
		return b.lost.Load()
	}
	if code(err) == code(cu.OutOfMemory) { // of a module, a graph, a stream: arrays say how much they want
		return fmt.Errorf("%s: %w", call, &engine.OutOfMemory{Device: b.dev.Name, Want: -1, Free: -1})
	}
	return fmt.Errorf("%s: %s: %w", b.dev.Name, call, words(err))
}
