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
	"voxen/engine/dict"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/worker"
	"voxen/study/step"
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
	Result   struct {
		Constant, NotFinite int
		Folders             []string
	}
	Arrays map[string]worker.Array
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

// Bands, an L1 path, dictionaries and codes through the worker have the bits of the engine's own.
func TestOtherEstimators(t *testing.T) {
	c := start(t)
	c.open()
	const T, K, V = 30, 3, 5
	X, Y := problem(T, K, V)
	x, y := c.share("in-1", 0, X), c.share("in-2", 0, Y)
	be, _, err := engine.Open("cpu", engine.Config{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	Yt, err := tile.Of(T, V, Y.Data)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	o := ridge.Options{Alphas: []float64{1, 10}, Folds: []int{0, 10, 20, 30}, Score: "r2", Intercept: true, Nested: true, Precision: op.Float64}
	same := func(what string, a answer, name string, want []float64) {
		t.Helper()
		if a.Type != "result" {
			t.Fatalf("%s: %+v", what, a)
		}
		got := c.read(a.Arrays[name])
		if len(got) != len(want) {
			t.Fatalf("%s: %s has %d values, want %d", what, name, len(got), len(want))
		}
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				t.Fatalf("%s: %s[%d] is %g, want %g", what, name, i, got[i], want[i])
			}
		}
	}

	gammas := tile.Matrix{Rows: 2, Cols: 2, Data: []float64{0.5, 0.5, 0.25, 0.75}}
	weights, bands, scores := tile.NewArray[float64](K, V), tile.NewArray[float64](2, V), tile.NewArray[float64](2, V)
	_, err = ridge.FitBanded(ctx, be, ridge.Data{X: X, Y: Yt}, ridge.BandedOutputs{Outputs: ridge.Outputs{Weights: weights, CVScores: scores}, BandWeights: bands},
		o, ridge.Bands{Of: []int{0, 1, 1}, Gammas: [][]float64{gammas.Row(0), gammas.Row(1)}})
	if err != nil {
		t.Fatal(err)
	}
	a := c.ask("fit", strings.Replace(params, `"nested"`, `"bands": [0, 1, 1], "nested"`, 1)+strings.TrimSuffix(fmt.Sprintf(arrays, x, y), "}")+`, "gammas": `+c.share("in-3", 0, gammas)+"}")
	same("bands", a, "coef", weights.Data)
	same("bands", a, "band_weights", bands.Data)
	same("bands", a, "scores", scores.Data)

	o.L1 = &ridge.L1{Ratio: 0.5}
	top, err := ridge.LargestPenalty(ctx, be, ridge.Data{X: X, Y: Yt}, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Alphas = []float64{top, top * math.Pow(1e-3, 0.5), top * 1e-3}
	if _, err := ridge.Fit(ctx, be, ridge.Data{X: X, Y: Yt}, ridge.Outputs{Weights: weights}, o); err != nil {
		t.Fatal(err)
	}
	a = c.ask("fit", strings.Replace(params, `"alphas": [1, 10]`, `"path": 3, "l1_ratio": 0.5`, 1)+fmt.Sprintf(arrays, x, y))
	same("path", a, "coef", weights.Data)

	signals, err := dict.NewSignals(K, T, X.Data) // the rows of X
	if err != nil {
		t.Fatal(err)
	}
	d := dict.Defaults()
	d.Atoms, d.Lambda, d.Epochs, d.Batch, d.Seed, d.Standardize, d.Precision = 2, 0.5, 3, 7, 5, dict.None, op.Float64
	learned, err := dict.Learn(ctx, be, signals, d)
	if err != nil {
		t.Fatal(err)
	}
	atoms, codes := tile.Matrix{Rows: 2, Cols: K, Data: make([]float64, 2*K)}, make([]float64, T*2)
	for k := range 2 {
		for i := range K {
			atoms.Data[k*K+i] = learned.Atoms.Row(i)[k]
		}
	}
	second := false // a signal of the second atom alone
	for n := range T {
		which, values := learned.Codes.Column(n)
		second = second || len(which) == 1 && which[0] == 1
		for i, k := range which {
			codes[n*2+int(k)] = values[i]
		}
	}
	if !second {
		t.Fatal("no signal is of the second atom alone")
	}
	common := `, "common": {"device": "cpu", "precision": "float64", "threads": "2"}`
	a = c.ask("learn", common+`, "params": {"atoms": 2, "lambda": 0.5, "epochs": 3, "batch": 7, "seed": 5}, "arrays": {"S": `+x+"}")
	same("learn", a, "atoms", atoms.Data)
	same("learn", a, "codes", codes)
	a = c.ask("code", common+`, "params": {"lambda": 0.5}, "arrays": {"S": `+x+`, "atoms": `+c.share("in-4", 0, atoms)+"}")
	same("code", a, "codes", codes)
	c.in.Close()
	<-c.ended
}

// TestFoldersAreMade: the worker makes folders, of those that it can, and removes them when
// its input ends.
func TestFoldersAreMade(t *testing.T) {
	c := start(t)
	made, none := filepath.Join(t.TempDir(), "voxen-2"), filepath.Join(t.TempDir(), "none", "voxen-3")
	a := c.ask("open", fmt.Sprintf(`, "params": {"folders": [%q, %q], "make": true}`, none, made))
	if info, err := os.Stat(made); a.Type != "result" || !slices.Equal(a.Result.Folders, []string{made}) || err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Fatalf("open: %+v, %v", a, err)
	}
	c.in.Close()
	<-c.ended
	if _, err := os.Stat(made); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
}

// A wrong request is refused in one line and leaves no results; the next one is served.
func TestRefusals(t *testing.T) {
	c := start(t)
	none := filepath.Join(t.TempDir(), "none", "voxen-1")
	if a := c.ask("open", fmt.Sprintf(`, "params": {"folders": [%q], "make": true}`, none)); a.Status != 1 || !strings.Contains(a.Message, "no folder for shared arrays") {
		t.Errorf("open of a folder that cannot be made: %+v", a)
	}
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
	gammas := func(name string, rows int, data ...float64) string {
		return c.share(name, 0, tile.Matrix{Rows: rows, Cols: 2, Data: data})
	}
	half, negative, one, none := gammas("in-7", 1, 0.5, 0.5), gammas("in-8", 1, -1, 2), gammas("in-9", 1, 1, 1), gammas("in-10", 0)
	banded := func(bands, gammas string) string {
		return strings.TrimSuffix(with(`"nested"`, `"bands": `+bands+`, "nested"`), "}") + `, "gammas": ` + gammas + "}"
	}
	long := strings.Replace(y, "[30, 5]", "[31, 5]", 1)
	for name, r := range map[string]struct{ op, rest, says string }{
		"op":            {"fits", "", `op "fits", expected open, fit, learn`},
		"parameter":     {"fit", with(`"nested"`, `"nest"`), `unknown field "nest"`},
		"option":        {"fit", with(`"threads"`, `"thread"`), `option "thread"`},
		"value":         {"fit", with(`"2"`, `"two"`), `threads "two", expected a whole number`},
		"device":        {"fit", with(`"cpu"`, `"tpu"`), `tpu`},
		"precision":     {"fit", with(`"float64"`, `"float16"`), `float16`},
		"memory":        {"fit", with(`"threads": "2"`, `"memory": "50MiB"`), `--memory 50MiB is too small: this job needs at least`},
		"alpha":         {"fit", with(`[1, 10]`, `[1, 1]`), `alpha 1, expected positive and distinct`},
		"no alpha":      {"fit", with(`[1, 10]`, `[]`), `no alphas`},
		"folds":         {"fit", with(`20, 30`, `20, 31`), `folds \[0 10 20 31\] of 30 rows`},
		"a row":         {"fit", with(`10, 20`, `10, 11`), `fold 1 of rows 10 to 11, expected at least 2`},
		"order":         {"fit", with(`10, 20`, `20, 10`), `fold 1 of rows 20 to 10`},
		"l1 ratio":      {"fit", with(`"nested"`, `"l1_ratio": 2, "nested"`), `l1_ratio 2, expected above 0`},
		"path of ridge": {"fit", with(`"nested"`, `"path": 3, "nested"`), `l1_ratio 0, expected above 0`},
		"path, alphas":  {"fit", with(`"nested"`, `"path": 3, "l1_ratio": 1, "nested"`), `path of 3 and 2 alphas`},
		"bands of L1":   {"fit", with(`"nested"`, `"bands": [0, 0, 0], "l1_ratio": 1, "nested"`), `bands under an L1 penalty`},
		"no gammas":     {"fit", with(`"nested"`, `"bands": [0, 0, 0], "nested"`), `no array gammas`},
		"bands":         {"fit", banded(`[0, 1]`, half), `bands of 2 columns, X has 3`},
		"band":          {"fit", banded(`[0, 1, 2]`, half), `column 2 is of band 2, gammas have 2`},
		"empty band":    {"fit", banded(`[0, 0, 0]`, half), `no column is of band 1`},
		"gamma":         {"fit", banded(`[0, 0, 1]`, negative), `draw 0 has a weight of -1`},
		"gammas":        {"fit", banded(`[0, 0, 1]`, one), `draw 0 sum to 2, expected 1`},
		"no draw":       {"fit", banded(`[0, 0, 1]`, none), `gammas have no draw`},
		"atoms":         {"learn", fmt.Sprintf(`, "params": {"atoms": 0}, "arrays": {"S": %s}`, x), `0 atoms, expected 1 to`},
		"lambda":        {"learn", fmt.Sprintf(`, "params": {"lambda": -1}, "arrays": {"S": %s}`, x), `lambda -1, expected`},
		"batch":         {"learn", fmt.Sprintf(`, "params": {"batch": 0}, "arrays": {"S": %s}`, x), `batches of 0`},
		"no signals":    {"learn", "", `learn: no array S`},
		"not finite":    {"learn", fmt.Sprintf(`, "arrays": {"S": %s}`, c.share("in-6", 0, tile.Matrix{Rows: 2, Cols: 2, Data: []float64{1, 2, 3, math.NaN()}})), `signal 1`},
		"other atoms":   {"code", fmt.Sprintf(`, "arrays": {"S": %s, "atoms": %s}`, x, y), `atoms are 30 x 5, signals have 3 values`},
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
func command(ctx context.Context, args []string, out io.Writer, devices *step.Devices) int {
	if args[0] == "device" {
		be, _, err := devices.Open("cpu", engine.Config{Threads: 2})
		if err != nil {
			return 1
		}
		given = append(given, be)
		return 0
	}
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

// given are the backends that the command "device" had.
var given []engine.Backend

// Fits and commands share the device that is open.
func TestDeviceStaysOpen(t *testing.T) {
	c := start(t)
	c.open()
	X, Y := problem(30, 3, 5)
	given = nil
	for range 2 {
		if a := c.ask("fit", params+fmt.Sprintf(arrays, c.share("in-1", 0, X), c.share("in-2", 0, Y))); a.Type != "result" {
			t.Fatalf("fit: %+v", a)
		}
		if a := c.ask("run", `, "params": {"args": ["device"]}`); a.Type != "result" {
			t.Fatalf("run: %+v", a)
		}
	}
	if len(given) != 2 || given[0] != given[1] {
		t.Errorf("%d backends, expected the same twice", len(given))
	}
	c.in.Close()
	<-c.ended
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
		"foreseen": {"false", []string{result, `{"type": "foreseen", "foreseen": ["a", "b"]}`}, []string{"warning", "warning", "result"}, 0},
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
		if last.Type == "result" && slices.Contains(r.args, result) && last.Result.Constant != 3 {
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
	fmt.Fprintf(c.in, `{"id": %d, "op": "cancel"}`+"\n", c.n+1) // heard before the request begins
	if a := c.ask("fit", params+fmt.Sprintf(arrays, c.share("in-3", 0, small), c.share("in-4", 0, smallY))); a.Status != 130 {
		t.Errorf("cancelled before it began: %+v", a)
	}
	c.in.Close()
	<-c.ended
}
