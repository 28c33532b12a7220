package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestRunRoundTrip(t *testing.T) {
	dir := t.TempDir()
	in, err := DigestFile(context.Background(), OS{}, golden("vector.npy"))
	if err != nil {
		t.Fatal(err)
	}
	in.Role = "--features"
	o := JobOptions{Command: "encode", Options: []Option{{Name: "--cv", Value: "kfold:5"}}, Inputs: []Input{in}}
	j := mustOpenJob(t, dir, o)
	if err := j.WriteFile("alpha.txt", text("abc")); err != nil {
		t.Fatal(err)
	}
	run := &Run{
		Version: "0.1", Started: "2026-11-24T00:00:00Z", Seconds: 1.5,
		Device: Device{Name: "cpu", Reason: "no driver", Libraries: map[string]string{"gonum": "0.17"}},
		Stages: []Stage{{"read", 0.5}}, LeftOut: []Count{{"voxels", "constant", 3}},
		Marks: []string{"outside BLAS"}, Results: map[string]float64{"objective": 0.25},
	}
	if err := j.Commit(context.Background(), run); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRun(OS{}, RunPath(dir, false))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, run) {
		t.Errorf("read %+v, wrote %+v", got, run)
	}
	want := []Output{{"alpha.txt", 3, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("abc")))}}
	if got.Schema != RunSchema || got.Command != "encode" || !reflect.DeepEqual(got.Outputs, want) || got.Inputs[0] != in {
		t.Errorf("%+v", got)
	}
	for name, content := range map[string]string{"is not a run.json": "[", "has schema 0": "{}", "has schema 99": `{"schema":99}`} {
		path := filepath.Join(dir, "bad.json")
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		checkRefusal(t, name, path, name, func() error { _, err := ReadRun(OS{}, path); return err })
	}
}
