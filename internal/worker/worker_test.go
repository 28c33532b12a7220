package worker_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/worker"
)

// client talks to a worker of this process.
type client struct {
	t      *testing.T
	in     *io.PipeWriter
	out    *bufio.Scanner
	ended  chan error
	folder string
	n      int
}

// answer is a line of the worker.
type answer struct {
	ID       int
	Type     string
	Status   int
	Message  string
	Version  string
	Protocol int
	Result   struct{ Constant, NotFinite int }
	Arrays   map[string]worker.Array
}

func start(t *testing.T) *client {
	t.Helper()
	in, inEnd := io.Pipe()
	outEnd, out := io.Pipe()
	c := &client{t: t, in: inEnd, out: bufio.NewScanner(outEnd), ended: make(chan error, 1), folder: filepath.Join(t.TempDir(), "voxen-1")}
	if err := os.Mkdir(c.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.ended <- worker.Serve(context.Background(), in, out, worker.Program{Version: "v", Run: command})
	}()
	if hello := c.hear(); hello.Type != "hello" || hello.Version != "v" || hello.Protocol != worker.Protocol {
		t.Fatalf("first line %+v", hello)
	}
	return c
}

// hear takes the next line.
func (c *client) hear() (a answer) {
	c.t.Helper()
	if !c.out.Scan() {
		c.t.Fatalf("no answer: %v", c.out.Err())
	}
	if err := json.Unmarshal(c.out.Bytes(), &a); err != nil {
		c.t.Fatalf("%s: %v", c.out.Text(), err)
	}
	return a
}

// ask sends a request and hears its answer.
func (c *client) ask(op, rest string) answer {
	c.t.Helper()
	c.n++
	fmt.Fprintf(c.in, `{"id": %d, "op": %q%s}`+"\n", c.n, op, rest)
	a := c.hear()
	if a.ID != c.n {
		c.t.Fatalf("answer to %d, expected %d", a.ID, c.n)
	}
	return a
}

func (c *client) open() {
	c.t.Helper()
	if a := c.ask("open", fmt.Sprintf(`, "params": {"folders": [%q]}`, c.folder)); a.Type != "result" {
		c.t.Fatalf("open: %+v", a)
	}
}

// share writes an array to a file, from an offset on.
func (c *client) share(name string, offset int, m tile.Matrix) string {
	c.t.Helper()
	data := make([]byte, offset, offset+8*len(m.Data))
	for _, x := range m.Data {
		data = binary.NativeEndian.AppendUint64(data, math.Float64bits(x))
	}
	path := filepath.Join(c.folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf(`{"path": %q, "offset": %d, "dtype": "float64", "shape": [%d, %d]}`, path, offset, m.Rows, m.Cols)
}

// read is an array of results.
func (c *client) read(a worker.Array) []float64 {
	c.t.Helper()
	data, err := os.ReadFile(a.Path)
	if err != nil || len(data) != 8*a.Shape[0]*a.Shape[1] || a.Dtype != "float64" {
		c.t.Fatalf("%+v of %d bytes: %v", a, len(data), err)
	}
	x := make([]float64, len(data)/8)
	for i := range x {
		x[i] = math.Float64frombits(binary.NativeEndian.Uint64(data[8*i:]))
	}
	return x
}

func problem(T, K, V int) (X, Y tile.Matrix) {
	rng := rand.New(rand.NewPCG(1, 2))
	X, Y = tile.Matrix{Rows: T, Cols: K, Data: make([]float64, T*K)}, tile.Matrix{Rows: T, Cols: V, Data: make([]float64, T*V)}
	for _, data := range [][]float64{X.Data, Y.Data} {
		for i := range data {
			data[i] = rng.NormFloat64()
		}
	}
	for t := range T {
		Y.Data[t*V] += 2 * X.Data[t*K]
		Y.Data[t*V+1] = 7 // constant
	}
	return X, Y
}

const (
	params = `, "common": {"device": "cpu", "precision": "float64", "threads": "2"}, "params": {"alphas": [1, 10], "folds": [0, 10, 20, 30], "score": "r2", "intercept": true, "nested": true, "all_scores": true}`
	arrays = `, "arrays": {"X": %s, "Y": %s}`
)

func matches(t *testing.T, pattern, text string) bool {
	t.Helper()
	ok, err := regexp.MatchString(pattern, text)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// A fit through the worker has the bits of the engine's own.
func TestFit(t *testing.T) {
	c := start(t)
	c.open()
	const T, K, V = 30, 3, 5
	X, Y := problem(T, K, V)
	for range 2 { // the backend, and what is mapped, stay
		a := c.ask("fit", params+fmt.Sprintf(arrays, c.share("in-1", 64, X), c.share("in-2", 0, Y)))
		if a.Type != "result" || a.Result.Constant != 1 {
			t.Fatalf("fit: %+v", a)
		}
		be, _, err := engine.Open("cpu", engine.Config{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		y, err := tile.Of(T, V, Y.Data)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]*tile.Array[float64]{"coef": tile.NewArray[float64](K, V), "scores": tile.NewArray[float64](2, V)}
		for _, name := range []string{"alpha", "cv_score", "status", "intercept", "nested"} {
			want[name] = tile.NewArray[float64](1, V)
		}
		_, err = ridge.Fit(context.Background(), be, ridge.Data{X: X, Y: y}, ridge.Outputs{Weights: want["coef"], Alpha: want["alpha"], CVScore: want["cv_score"], CVScores: want["scores"],
			Status: want["status"], Intercept: want["intercept"], Nested: want["nested"]},
			ridge.Options{Alphas: []float64{1, 10}, Folds: []int{0, 10, 20, 30}, Score: "r2", Intercept: true, Nested: true, Precision: op.Float64})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Arrays) != len(want) {
			t.Errorf("results %v", a.Arrays)
		}
		for name, w := range want {
			for i, x := range c.read(a.Arrays[name]) {
				if math.Float64bits(x) != math.Float64bits(w.Data[i]) {
					t.Errorf("%s[%d] is %g, want %g", name, i, x, w.Data[i])
				}
			}
		}
	}
	c.in.Close()
	if err := <-c.ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(c.folder); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
}

// A wrong request is refused in one line and leaves no results; the next one is served.
func TestRefusals(t *testing.T) {
	c := start(t)
	if a := c.ask("open", `, "params": {"folders": ["/etc"]}`); a.Status != 2 || !strings.Contains(a.Message, "begins with voxen-") {
		t.Errorf("open: %+v", a)
	}
	X, Y := problem(30, 3, 5)
	x, y := c.share("in-1", 0, X), c.share("in-2", 0, Y)
	with := func(from, to string) string {
		if !strings.Contains(params+arrays, from) {
			t.Fatalf("no %s to replace", from)
		}
		return fmt.Sprintf(strings.Replace(params+arrays, from, to, 1), x, y)
	}
	if a := c.ask("fit", fmt.Sprintf(params+arrays, x, y)); a.Status != 2 || !strings.Contains(a.Message, "expected open before") {
		t.Errorf("fit before open: %+v", a)
	}
	c.open()
	long := strings.Replace(y, "[30, 5]", "[31, 5]", 1)
	for name, r := range map[string]struct{ op, rest, says string }{
		"op":            {"fits", "", `op "fits", expected open, fit, run`},
		"parameter":     {"fit", with(`"nested"`, `"nest"`), `unknown field "nest"`},
		"option":        {"fit", with(`"threads"`, `"thread"`), `option "thread"`},
		"value":         {"fit", with(`"2"`, `"two"`), `threads "two", expected a whole number`},
		"device":        {"fit", with(`"cpu"`, `"tpu"`), `tpu`},
		"precision":     {"fit", with(`"float64"`, `"float16"`), `float16`},
		"memory":        {"fit", with(`"threads": "2"`, `"memory": "50MiB"`), `--memory 50MiB is too small: this job needs at least`},
		"alpha":         {"fit", with(`[1, 10]`, `[1, 1]`), `alpha 1, expected positive and distinct`},
		"no alpha":      {"fit", with(`[1, 10]`, `[]`), `no alphas`},
		"folds":         {"fit", with(`20, 30`, `20, 31`), `folds \[0 10 20 31\] of 30 rows`},
		"order":         {"fit", with(`10, 20`, `20, 10`), `fold 1 of rows 20 to 10`},
		"nested of two": {"fit", with(`[0, 10, 20, 30]`, `[0, 10, 30]`), `at least 3`},
		"no array":      {"fit", params, `fit: no array X`},
		"too long":      {"fit", fmt.Sprintf(params+arrays, x, long), `has 1200 bytes, expected 1240`},
		"type":          {"fit", fmt.Sprintf(params+arrays, x, strings.Replace(y, "float64", "int8", 1)), `array Y of "int8"`},
		"odd offset":    {"fit", fmt.Sprintf(params+arrays, x, strings.Replace(y, `"offset": 0`, `"offset": 3`, 1)), `from byte 3`},
		"negative":      {"fit", fmt.Sprintf(params+arrays, x, strings.Replace(y, `[30, 5]`, `[-30, 5]`, 1)), `\[-30 5\]`},
		"huge":          {"fit", fmt.Sprintf(params+arrays, x, strings.Replace(y, `[30, 5]`, `[9000000000, 9000000000]`, 1)), `expected a size that there is`},
		"rows":          {"fit", fmt.Sprintf(params+arrays, x, strings.Replace(y, `[30, 5]`, `[5, 30]`, 1)), `X has 30 rows and Y 5`},
	} {
		a := c.ask(r.op, r.rest)
		if a.Type != "error" || a.Status != 2 || strings.Contains(a.Message, "\n") || !matches(t, r.says, a.Message) {
			t.Errorf("%s: %+v, expected %s", name, a, r.says)
		}
		if left, _ := filepath.Glob(filepath.Join(c.folder, "out-*")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	if a := c.ask("fit", fmt.Sprintf(params+arrays, x, y)); a.Type != "result" {
		t.Errorf("after all: %+v", a)
	}
	fmt.Fprintln(c.in, "hello")
	if err := <-c.ended; err == nil || !strings.Contains(err.Error(), "expected a JSON object on a line") {
		t.Errorf("no JSON: %v", err)
	}
}

// command is a program that says what it is told: an object for each argument, a line
// that is none for the last.
func command(ctx context.Context, args []string, out io.Writer) int {
	if args[0] == "wait" {
		fmt.Fprint(out, `{"type": "stage", "stage": "waiting", "total": 3}`+"\n")
		<-ctx.Done()
		return 1
	}
	for i, a := range args {
		fmt.Fprint(out, a[:len(a)/2]) // lines come in pieces
		fmt.Fprint(out, a[len(a)/2:]+"\n")
		if strings.Contains(a, "error") {
			return i
		}
	}
	return 0
}

// A command's lines become messages: progress where it is wanted, warnings, one result or
// one error.
func TestRun(t *testing.T) {
	c := start(t)
	send := func(op, progress string, args ...string) {
		c.n++
		list, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c.in, `{"id": %d, "op": %q, "progress": %s, "params": {"args": %s}}`+"\n", c.n, op, progress, list)
	}
	stage, done, warning, result := `{"type": "stage", "stage": "s", "total": 9}`, `{"type": "progress", "stage": "s", "done": 4, "total": 9}`,
		`{"type": "warning", "message": "m"}`, `{"type": "learn", "learn": {"constant": 3}}`
	for name, r := range map[string]struct {
		progress string
		args     []string
		want     []string
		status   int
	}{
		"all":      {"true", []string{stage, done, warning, result}, []string{"progress", "progress", "warning", "result"}, 0},
		"quiet":    {"false", []string{stage, done, warning, result}, []string{"warning", "result"}, 0},
		"refused":  {"false", []string{stage, `{"type": "error", "message": "e", "status": 2}`}, []string{"error"}, 2},
		"failed":   {"false", []string{result, `{"type": "error", "message": "e", "status": 1}`}, []string{"error"}, 1},
		"no JSON":  {"false", []string{result, "panic or error: text"}, []string{"error"}, 1},
		"no lines": {"false", []string{stage}, []string{"result"}, 0},
	} {
		send("run", r.progress, r.args...)
		var got []string
		var last answer
		for len(got) < len(r.want) {
			last = c.hear()
			got = append(got, last.Type)
		}
		if !slices.Equal(got, r.want) || last.Status != r.status || last.ID != c.n {
			t.Errorf("%s: %v %+v, want %v and status %d", name, got, last, r.want, r.status)
		}
		if last.Type == "result" && len(r.args) == 4 && last.Result.Constant != 3 {
			t.Errorf("%s: result %+v", name, last)
		}
	}
	send("run", "true", "wait")
	if a := c.hear(); a.Type != "progress" {
		t.Fatalf("%+v", a)
	}
	fmt.Fprintf(c.in, `{"id": %d, "op": "cancel"}`+"\n", c.n)
	if a := c.hear(); a.Status != 130 {
		t.Errorf("cancelled: %+v", a)
	}
	if a := c.ask("run", `, "params": {}`); a.Status != 2 || !strings.Contains(a.Message, "no arguments") {
		t.Errorf("nothing to run: %+v", a)
	}
	c.in.Close()
	<-c.ended
}

// Cancel interrupts the request that it names, and no other.
func TestCancel(t *testing.T) {
	c := start(t)
	c.open()
	const T, K, V = 400, 100, 30000
	X, Y := problem(T, K, V)
	x, y := c.share("in-1", 0, X), c.share("in-2", 0, Y)
	big := strings.Replace(params, "[0, 10, 20, 30]", "[0, 100, 200, 300, 400]", 1) + fmt.Sprintf(arrays, x, y)
	c.n++
	fmt.Fprintf(c.in, `{"id": %d, "op": "cancel"}`+"\n", c.n+5)
	fmt.Fprintf(c.in, `{"id": %d, "op": "fit", "progress": true%s}`+"\n", c.n, big)
	if a := c.hear(); a.Type != "progress" { // it is at work
		t.Fatalf("%+v", a)
	}
	fmt.Fprintf(c.in, `{"id": %d, "op": "cancel"}`+"\n", c.n)
	a := c.hear()
	for a.Type == "progress" {
		a = c.hear()
	}
	if a.ID != c.n || a.Status != 130 {
		t.Errorf("%+v, expected status 130", a)
	}
	if left, _ := filepath.Glob(filepath.Join(c.folder, "out-*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	small, smallY := problem(30, 3, 5)
	if a := c.ask("fit", params+fmt.Sprintf(arrays, c.share("in-3", 0, small), c.share("in-4", 0, smallY))); a.Type != "result" {
		t.Errorf("after it: %+v", a)
	}
	c.in.Close()
	<-c.ended
}
