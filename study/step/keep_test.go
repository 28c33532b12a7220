package step

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"voxen/store"
)

// doubling is a step of the tests: it writes its input twice.
type doubling struct {
	In    string `opt:"in" file:"in" required:"true" doc:"text"`
	Out   string `opt:"out" file:"out" required:"true" doc:"folder"`
	Also  string `opt:"also" file:"out" doc:"a further output"`
	Times int    `opt:"times" default:"2" min:"0" doc:"how often"`

	results int
	during  func() // called while it is at work
}

type doubled struct{ Ended }

func (d *doubling) Command() Command { return Command{Name: "double", Results: d.results} }
func (d *doubling) Check() error     { return nil }

func (d *doubling) Do(ctx context.Context, r *Run) (Summary, error) {
	text, err := ReadText(ctx, r.Env.FS, d.In)
	if err != nil {
		return nil, err
	}
	write := func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat(text, d.Times))
		return err
	}
	if d.during != nil {
		d.during()
	}
	if d.Also != "" {
		if err := r.Further("also").WriteFile("", write); err != nil {
			return nil, err
		}
	}
	return &doubled{}, r.Job.WriteFile("double.txt", write)
}

func testStep(t *testing.T) *doubling {
	dir := t.TempDir()
	d := Default(&doubling{In: filepath.Join(dir, "in.txt"), Out: filepath.Join(dir, "out"), results: 1})
	put(t, d.In, "abc")
	return d
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func studyEnv() *Env { return &Env{Keep: &Keeper{Cache: store.LoadDigests(store.OS{}, "none")}} }

func mustExecute(t *testing.T, e *Env, s Step) Outcome {
	t.Helper()
	o, err := Execute(context.Background(), e, s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// A study keeps what the step would make, and says why it does not; StateOf says the
// same without reading.
func TestKeeps(t *testing.T) {
	for _, c := range []struct {
		name, why string
		change    func(t *testing.T, d *doubling)
	}{
		{"nothing", "", func(*testing.T, *doubling) {}},
		{"an option", `--times was "2", is "3"`, func(_ *testing.T, d *doubling) { d.Times = 3 }},
		{"an option set to 0", `--times was "2", is "0"`, func(_ *testing.T, d *doubling) { d.Times = 0 }},
		{"the results number", "this version computes other results (number 2, was 1)", func(_ *testing.T, d *doubling) { d.results = 2 }},
		{"the input", "--in in.txt is another", func(t *testing.T, d *doubling) { put(t, d.In, "xyz") }},
		{"an output", "double.txt was changed", func(t *testing.T, d *doubling) { put(t, filepath.Join(d.Out, "double.txt"), "abcab-") }},
		{"an output that is gone", "double.txt is gone", func(t *testing.T, d *doubling) { os.Remove(filepath.Join(d.Out, "double.txt")) }},
		{"run.json", "run.json cannot be read", func(t *testing.T, d *doubling) { put(t, filepath.Join(d.Out, "run.json"), "{") }},
		{"the further output", "also.txt is gone", func(t *testing.T, d *doubling) { os.Remove(d.Also) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := testStep(t)
			d.Also = filepath.Join(filepath.Dir(d.In), "also.txt")
			mustExecute(t, studyEnv(), d)
			time.Sleep(20 * time.Millisecond) // times of files are as coarse as the clock's tick
			c.change(t, d)
			e := studyEnv()
			e.Begin()
			st, err := StateOf(e, d)
			if err != nil || st.Why != c.why {
				t.Errorf("state %q (%v), expected %q", st.Why, err, c.why)
			}
			if o := mustExecute(t, studyEnv(), d); (o.Kept != nil) != (c.why == "") {
				t.Errorf("kept: %v, expected why %q", o.Kept != nil, c.why)
			}
			if o := mustExecute(t, studyEnv(), d); o.Kept == nil {
				t.Error("done again though nothing changed")
			}
		})
	}
}

// A command by itself replaces results of the same options on other inputs, and those of
// other options only with Force.
func TestReplaces(t *testing.T) {
	d := testStep(t)
	mustExecute(t, &Env{}, d)
	put(t, d.In, "xyz")
	mustExecute(t, &Env{}, d)
	if b, _ := os.ReadFile(filepath.Join(d.Out, "double.txt")); string(b) != "xyzxyz" {
		t.Errorf("of the new input there is %q", b)
	}
	d.Times = 1
	if _, err := Execute(context.Background(), &Env{}, d); !store.IsInput(err) || !strings.Contains(err.Error(), "--times") || !strings.Contains(err.Error(), "--force") {
		t.Errorf("other options: %v, expected a refusal that names --times and --force", err)
	}
	mustExecute(t, &Env{Force: true}, d)
	if b, _ := os.ReadFile(filepath.Join(d.Out, "double.txt")); string(b) != "xyz" {
		t.Errorf("with Force there is %q", b)
	}
}

// An input that changes while the step is at work ends it without a result.
func TestInputChanges(t *testing.T) {
	d := testStep(t)
	d.during = func() { put(t, d.In, "xyz") }
	_, err := Execute(context.Background(), &Env{}, d)
	if err == nil || store.IsInput(err) || !strings.Contains(err.Error(), "in.txt changed while it was read") {
		t.Errorf("%v, expected that in.txt changed", err)
	}
	if Exists(store.OS{}, filepath.Join(d.Out, "run.json")) {
		t.Error("there is a result")
	}
}

// No output is an input, by whatever option and name.
func TestOutputIsNoInput(t *testing.T) {
	d := testStep(t)
	link := filepath.Join(filepath.Dir(d.In), "link.txt")
	if err := os.Link(d.In, link); err != nil {
		t.Skip(err)
	}
	for _, also := range []string{d.In, link} {
		d.Also = also
		if _, err := Execute(context.Background(), &Env{Force: true}, d); !store.IsInput(err) {
			t.Errorf("--also %s: %v, expected a refusal", filepath.Base(also), err)
		}
		if b, _ := os.ReadFile(d.In); string(b) != "abc" {
			t.Fatalf("the input is %q", b)
		}
	}
}
