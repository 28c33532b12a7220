package study_test

import (
	"os"
	"path/filepath"
	"testing"

	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study"
)

// An example that was interrupted between its files and its configuration is made whole
// by the same call; one that is whole is not replaced.
func TestInitGoesOn(t *testing.T) {
	yaml := filepath.Join(t.TempDir(), "study.yaml")
	if err := study.InitStudy(t.Context(), steptest.Env(), yaml); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(yaml); err != nil {
		t.Fatal(err)
	}
	if err := study.InitStudy(t.Context(), steptest.Env(), yaml); err != nil {
		t.Errorf("without its configuration: %v", err)
	}
	if err := study.InitStudy(t.Context(), steptest.Env(), yaml); !store.IsInput(err) {
		t.Errorf("a whole example: %v, expected a refusal", err)
	}
}
