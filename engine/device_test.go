package engine_test

import (
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/engine"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct{ name, want, err string }{
		{"cpu", "cpu", ""},
		{"cpu:0", "", "want auto"},
		{"", "", "want auto"},
		{"gpu", "", "want auto"},
		{"cuda:-1", "", "want auto"},
		{"cuda:01", "", "want auto"},
		{"cuda:x", "", "want auto"},
		{"cuda:1e3", "", "want auto"},
	} {
		got, err := engine.Resolve(c.name)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: error %v, want %q", c.name, err, c.err)
		case c.err == "" && (err != nil || got.Name() != c.want || got.Reason == ""):
			t.Errorf("%q: %+v, %v", c.name, got, err)
		}
	}
	auto, err := engine.Resolve("auto")
	if err != nil || auto.Reason == "" {
		t.Errorf("auto: %+v, %v", auto, err)
	}
}
