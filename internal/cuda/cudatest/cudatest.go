// Package cudatest lets tests of the estimators run on CUDA too, in programs built
// with the tag voxencuda: on the stand-in driver of package internal/cuda/sim, or on the
// device that the variable VOXEN_TEST_DEVICE names.
//
//	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) { ... })
package cudatest

import (
	"strings"
	"testing"

	"voxen/engine"
)

// DeviceVariable names the environment variable with the CUDA device ("cuda:0")
// that tests run on in place of the stand-in.
const DeviceVariable = "VOXEN_TEST_DEVICE"

// Each runs a test on a backend as the subtest of its kind, "cpu", and where the
// program has CUDA as the subtest "cuda".
func Each(t *testing.T, be engine.Backend, test func(t *testing.T, be engine.Backend)) {
	kind, _, _ := strings.Cut(be.Device().Name, ":")
	t.Run(kind, func(t *testing.T) { test(t, be) })
	if built {
		t.Run("cuda", func(t *testing.T) { test(t, Open(t)) })
	}
}
