package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"voxen/internal/npytest"
	"voxen/lm"
	"voxen/store"
)

// extractArgs is a valid extract with more flags.
func extractArgs(model, words, out string, more ...string) []string {
	return append([]string{"extract", "--model", model, "--words", words, "--out", out}, more...)
}

// tableColumn reads one column of a .tsv.
func tableColumn(t *testing.T, path, name string) []string {
	t.Helper()
	table, err := store.ReadTable(store.OS{}, path)
	if err != nil {
		t.Fatal(err)
	}
	column, err := table.Column(name)
	if err != nil {
		t.Fatal(err)
	}
	return column
}

// Features of an autoencoder are columns of their own, and its files are inputs.
func TestExtractFeatures(t *testing.T) {
	f := newFiles(t)
	sae := f.autoencoder("sae", testHidden, 9)
	args := extractArgs(f.model("tiny-bert", bertModel()), f.story("words.tsv", 12), f.path("r.npy"), "--tap", "hidden", "--layers", "1", "--sae", sae)
	if out := mustRun(t, args...); !strings.Contains(out, "12 rows of 9 units in 1 layers") {
		t.Errorf("said %q", out)
	}
	rows, cols, data := array(t, f.path("r.npy"))
	if rows != 12 || cols != 9 || slices.Min(data) != 0 || slices.Max(data) == 0 {
		t.Errorf("features are %d x %d from %g to %g, want 12 x 9 from 0 on", rows, cols, slices.Min(data), slices.Max(data))
	}
	columns := f.path("r.npy.columns.tsv")
	for i, tap := range tableColumn(t, columns, "tap") {
		if unit := tableColumn(t, columns, "unit")[i]; tap != "hidden.sae" || unit != fmt.Sprint(i) {
			t.Errorf("column %d is unit %s of %s", i, unit, tap)
		}
	}
	run, err := store.ReadRun(store.OS{}, f.path("r.npy.run.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{sae, f.path("sae/cfg.json")} {
		if !slices.ContainsFunc(run.Inputs, func(in store.Input) bool { return in.Role == "--sae" && in.Path == want }) {
			t.Errorf("inputs are %v, want %s among them", run.Inputs, want)
		}
	}
}

// A table of words gives a row each, columns are named layer by layer, and
// run.json counts the row without a word piece.
func TestExtractWords(t *testing.T) {
	f := newFiles(t)
	model, words := f.model("tiny-bert", bertModel()), f.story("words.tsv", 40)
	out := mustRun(t, extractArgs(model, words, f.path("r.npy"), "--tap", "attn.out,ffn.out", "--layers", "0,2", "--window", "16", "--stride", "8")...)
	if !strings.Contains(out, "40 rows of 128 units in 2 layers") || !strings.Contains(out, "rows without a word piece (zero): 1") {
		t.Errorf("said %q", out)
	}
	rows, cols, data := array(t, f.path("r.npy"))
	if rows != 40 || cols != 2*2*testHidden {
		t.Fatalf("responses are %d x %d", rows, cols)
	}
	for r := range rows {
		zero := !slices.ContainsFunc(data[r*cols:(r+1)*cols], func(v float32) bool { return v != 0 })
		if zero != (r == 5) {
			t.Errorf("row %d: all zero is %v", r, zero)
		}
	}
	var want []string
	for _, layer := range []string{"0", "2"} {
		for _, tap := range []string{"attn.out", "ffn.out"} {
			for u := range testHidden {
				want = append(want, fmt.Sprintf("tiny-bert %s %d %s", layer, u, tap))
			}
		}
	}
	columns := f.path("r.npy.columns.tsv")
	model_, layer, unit, tap := tableColumn(t, columns, "model"), tableColumn(t, columns, "layer"), tableColumn(t, columns, "unit"), tableColumn(t, columns, "tap")
	for i, c := range tableColumn(t, columns, "column") {
		if got := strings.Join([]string{model_[i], layer[i], unit[i], tap[i]}, " "); c != fmt.Sprint(i) || got != want[i] {
			t.Fatalf("column %d is %s: %s, want %s", i, c, got, want[i])
		}
	}
	run, err := store.ReadRun(store.OS{}, f.path("r.npy.run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if run.Command != "extract" || run.Device.Name != "cpu" || len(run.LeftOut) != 1 || run.LeftOut[0].N != 1 || len(run.Inputs) != 4 {
		t.Errorf("run.json: %+v", run)
	}
	if left, _ := filepath.Glob(f.path("*.partial")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// Every file of the model's folder that is read is an input, the index of shards too, and
// no other; run.json has what became of the options that were left out.
func TestExtractInputs(t *testing.T) {
	f := newFiles(t)
	model, words := f.model("model", bertModel()), f.story("words.tsv", 12)
	s, err := store.OpenSafetensors(store.OS{}, model)
	if err != nil {
		t.Fatal(err)
	}
	first := s.Names()[0]
	s.Close()
	sharded(`{"weight_map":{"`+first+`":"model-00001-of-00001.safetensors"}}`)(f, model)
	f.bytes("model/tokenizer_config.json", []byte("{}"))
	f.bytes("model/unused.safetensors", []byte("x"))
	f.bytes("model/tokenizer.model", []byte("x"))
	mustRun(t, extractArgs(model, words, f.path("r.npy"), "--window", "6")...)
	run, err := store.ReadRun(store.OS{}, f.path("r.npy.run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, in := range run.Inputs {
		names = append(names, filepath.Base(in.Path))
	}
	if got := strings.Join(names, " "); got != "words.tsv config.json model.safetensors.index.json model-00001-of-00001.safetensors tokenizer.json tokenizer_config.json" {
		t.Errorf("inputs are %s", got)
	}
	for _, o := range run.Options {
		if want, ok := map[string]string{"--name": "model", "--stride": "6"}[o.Name]; ok && o.Value != want {
			t.Errorf("%s is %q, want %q", o.Name, o.Value, want)
		}
	}
}

// The rows of a table in one window are the means over the word pieces of what
// --ids gives for the tokens that the model reads, for both families.
func TestExtractWordsAndIDs(t *testing.T) {
	for name, m := range map[string]*testModel{"bert": bertModel(), "llama": llamaModel(32, 48, 2)} {
		f := newFiles(t)
		dir, words := f.model(name, m), f.story("words.tsv", 30)
		mustRun(t, extractArgs(dir, words, f.path("w.npy"), "--tap", "hidden,ffn.act,attn.qk", "--window", "30")...)
		model, err := lm.Open(store.OS{}, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		if err := model.ReadTokenizer(store.OS{}); err != nil {
			t.Fatal(err)
		}
		var table []lm.Row
		onset := tableColumn(t, words, "onset")
		for i, w := range tableColumn(t, words, "word") {
			table = append(table, lm.Row{Text: w, Timed: onset[i] != ""})
		}
		reading, err := model.ReadRows(table, 30, 30)
		if err != nil || len(reading.Windows) != 1 {
			t.Fatalf("%d windows, %v", len(reading.Windows), err)
		}
		w := reading.Windows[0]
		ids := make([]int64, len(w.IDs))
		for i, id := range w.IDs {
			ids[i] = int64(id)
		}
		if err := npytest.Save(f.path("ids.npy"), []int{len(ids)}, ids); err != nil {
			t.Fatal(err)
		}
		os.Remove(filepath.Join(dir, "tokenizer.json")) // ids need none
		mustRun(t, "extract", "--model", dir, "--ids", f.path("ids.npy"), "--tap", "hidden,ffn.act,attn.qk", "--out", f.path("i.npy"))
		_, cols, rows := array(t, f.path("w.npy"))
		n, _, tokens := array(t, f.path("i.npy"))
		if n != len(ids) {
			t.Fatalf("%s: %d rows for %d ids", name, n, len(ids))
		}
		for r, s := range w.Spans {
			for c := range cols {
				mean := 0.0
				for k := s.Lo; k < s.Hi; k++ {
					mean += float64(tokens[k*cols+c]) / float64(s.Hi-s.Lo)
				}
				if got := float64(rows[r*cols+c]); math.Abs(got-mean) > 1e-5*(1+math.Abs(mean)) { // one rounding of a mean of float32
					t.Fatalf("%s: row %d column %d is %g, the mean over its tokens %g", name, r, c, got, mean)
				}
			}
		}
	}
}

// Files of another kind or type hold the same numbers; a text is the table of
// its words; precision and threads change no more than rounding, or nothing.
func TestExtractForms(t *testing.T) {
	f := newFiles(t)
	model := f.model("llama", llamaModel(32, 48, 2))
	text := f.bytes("story.txt", []byte("\ufeffAlice was\tbeginning to\n\nget very “tired” of 's it\n"))
	extract := func(out string, more ...string) []float32 {
		mustRun(t, append([]string{"extract", "--model", model, "--window", "6", "--stride", "3", "--out", f.path(out)}, more...)...)
		_, _, data := array(t, f.path(out))
		return data
	}
	want := extract("a.npy", "--text", text, "--rate", "2")
	if got := tableColumn(t, f.path("a.npy.words.tsv"), "word"); strings.Join(got, " ") != "Alice was beginning to get very “tired” of 's it" {
		t.Errorf("words %q", got)
	}
	if got := tableColumn(t, f.path("a.npy.words.tsv"), "onset"); strings.Join(got, " ") != "0 0.5 1 1.5 2 2.5 3 3.5 4 4.5" {
		t.Errorf("onsets %q", got)
	}
	for name, got := range map[string][]float32{
		"table":       extract("b.npy", "--words", f.path("a.npy.words.tsv")),
		"no rate":     extract("c.npy", "--text", text),
		"safetensors": extract("d.safetensors", "--text", text),
		"one thread":  extract("e.npy", "--text", text, "--threads", "1"),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s: other responses", name)
		}
	}
	wide, half := extract("f.npy", "--text", text, "--precision", "float64"), extract("g.safetensors", "--text", text, "--dtype", "float16")
	for i, v := range want {
		if math.Abs(float64(wide[i]-v)) > 1e-4*(1+math.Abs(float64(v))) { // float32 through two layers
			t.Errorf("element %d in float64 is %g, in float32 %g", i, wide[i], v)
		}
		if math.Abs(float64(half[i]-v)) > 0x1p-11*math.Abs(float64(v))+0x1p-24 { // half a unit of float16
			t.Errorf("element %d in float16 is %g, in float32 %g", i, half[i], v)
		}
	}
}

// float16 holds no more than 65504: a warning says how much was lost.
func TestExtractHalfOverflow(t *testing.T) {
	f := newFiles(t)
	m := bertModel()
	m.order = slices.DeleteFunc(m.order, func(name string) bool { return strings.HasSuffix(name, "layer.0.output.dense.bias") })
	dir := f.model("bert", m)
	bias := make([]float32, testHidden)
	bias[3] = 1e6
	data := append(m.weights(), store.TensorData{Name: "encoder.layer.0.output.dense.bias", Shape: []int{testHidden}, Data: bias})
	file, err := os.Create(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.WriteSafetensors(file, data, nil); err != nil {
		t.Fatal(err)
	}
	file.Close()
	out, line, status := voxen(extractArgs(dir, f.story("words.tsv", 12), f.path("r.npy"), "--layers", "0", "--dtype", "float16")...)
	if status != 0 || !strings.Contains(line, "warning: --dtype float16: 11 responses are beyond 65504") {
		t.Errorf("status %d, %q, %q", status, out, line)
	}
}

// A story that a signal stops keeps the rows that are done, and the same command
// ends with the bits of one that was never stopped.
func TestExtractResumes(t *testing.T) {
	f := newFiles(t)
	model, words := f.model("llama", llamaModel(128, 512, 4)), f.story("words.tsv", 400)
	args := func(out string, more ...string) []string {
		return append(extractArgs(model, words, f.path(out), "--window", "60", "--stride", "2", "--threads", "1"), more...)
	}
	mustRun(t, args("whole.npy")...)
	stopped := process(t, args("stopped.npy")...)
	var errOut bytes.Buffer
	stopped.Stderr = &errOut
	if err := stopped.Start(); err != nil {
		t.Fatal(err)
	}
	for range 20000 {
		if begun(f.path("stopped.npy.partial/stopped.npy")) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	stopped.Process.Signal(syscall.SIGINT)
	if err := stopped.Wait(); stopped.ProcessState.ExitCode() != 130 {
		t.Fatalf("ended with %v, want status 130: %s", err, errOut.String())
	}
	if _, err := os.Stat(f.path("stopped.npy")); err == nil {
		t.Error("an unfinished output has its final name")
	}
	if _, line, status := voxen(args("stopped.npy", "--tap", "hidden")...); status != statusUsage || !strings.Contains(line, "--tap") {
		t.Errorf("another tap: status %d, %q", status, line)
	}
	var sum struct {
		Extract struct{ Windows, Tokens, Rows int }
	}
	lines := strings.Split(strings.TrimSpace(mustRun(t, args("stopped.npy", "--json", "--memory", "1GiB")...)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil {
		t.Fatal(err)
	}
	run, err := store.ReadRun(store.OS{}, f.path("stopped.npy.run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if all := int(run.Results["tokens"]); sum.Extract.Tokens == 0 || sum.Extract.Tokens >= all {
		t.Errorf("going on read %d of %d tokens: nothing was kept", sum.Extract.Tokens, all)
	}
	if !bytes.Equal(f.read("stopped.npy"), f.read("whole.npy")) {
		t.Error("the responses differ after going on")
	}
}

// Surprisals of words are sums of those of the ids that the model reads; the words
// are the table's, one without a piece has none, and of ids the first has none.
func TestExtractSurprisal(t *testing.T) {
	f := newFiles(t)
	m := llamaModel(32, 48, 2)
	m.config["tie_word_embeddings"] = true
	dir, words := f.model("llama", m), f.story("words.tsv", 20)
	mustRun(t, extractArgs(dir, words, f.path("w.npy"), "--surprisal", "--pieces", "last", "--layers", "0", "--window", "20")...)
	model, err := lm.Open(store.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if err := model.ReadTokenizer(store.OS{}); err != nil {
		t.Fatal(err)
	}
	var table []lm.Row
	onset := tableColumn(t, words, "onset")
	names := tableColumn(t, words, "word")
	for i, w := range names {
		table = append(table, lm.Row{Text: w, Timed: onset[i] != ""})
	}
	reading, err := model.ReadRows(table, 20, 20)
	if err != nil || len(reading.Windows) != 1 {
		t.Fatalf("%d windows, %v", len(reading.Windows), err)
	}
	w := reading.Windows[0]
	ids := make([]int64, len(w.IDs))
	for i, id := range w.IDs {
		ids[i] = int64(id)
	}
	mustRun(t, "extract", "--model", dir, "--ids", f.ids("ids.npy", ids...), "--surprisal", "--out", f.path("i.npy"))
	bits := func(path string) []float64 {
		var out []float64
		for _, s := range tableColumn(t, path, "surprisal") {
			v, err := strconv.ParseFloat(s, 64)
			if s == "n/a" {
				v, err = math.NaN(), nil
			}
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		return out
	}
	byWord, byID := bits(f.path("w.npy.surprisal.tsv")), bits(f.path("i.npy.surprisal.tsv"))
	if got := tableColumn(t, f.path("w.npy.surprisal.tsv"), "word"); !slices.Equal(got, names) {
		t.Errorf("words %q, want %q", got, names)
	}
	if got := tableColumn(t, f.path("i.npy.surprisal.tsv"), "id"); got[1] != fmt.Sprint(ids[1]) || !math.IsNaN(byID[0]) {
		t.Errorf("ids %q, the first with %g bits", got, byID[0])
	}
	end := 1 // of the word before: the space between two words is the second's
	for r, s := range w.Spans {
		sum := math.NaN()
		if s.Lo < s.Hi {
			sum = 0
			for k := min(s.Lo, end); k < s.Hi; k++ {
				sum += byID[k]
			}
			end = s.Hi
		}
		if math.Abs(byWord[r]-sum) > 1e-5*(1+sum) || math.IsNaN(byWord[r]) != math.IsNaN(sum) { // seven digits are written
			t.Errorf("word %d %q has %g bits, its ids %g", r, names[r], byWord[r], sum)
		}
	}
}

// Every length of context is a file in which a word has the responses and the
// surprisal of a text that ends with it and begins so many words before.
func TestExtractContext(t *testing.T) {
	f := newFiles(t)
	m := llamaModel(32, 48, 2)
	m.config["tie_word_embeddings"] = true
	dir := f.model("llama", m)
	words := strings.Fields("Alice was beginning to get very tired of sitting by her sister on the bank")
	text := f.bytes("story.txt", []byte(strings.Join(words, " ")))
	mustRun(t, "extract", "--model", dir, "--text", text, "--context", "0,3", "--surprisal", "--out", f.path("c.npy"))
	for _, n := range []int{0, 3} {
		path := f.path(fmt.Sprintf("c.npy.context-%d.npy", n))
		rows, cols, data := array(t, path)
		if rows != len(words) || len(tableColumn(t, path+".columns.tsv", "unit")) != cols {
			t.Fatalf("context %d: %d x %d", n, rows, cols)
		}
		for _, i := range []int{0, 2, 9} {
			lo := max(0, i-n)
			one := f.bytes("one.txt", []byte(strings.Join(words[lo:i+1], " ")))
			out := f.path(fmt.Sprintf("one-%d-%d.npy", n, i))
			mustRun(t, "extract", "--model", dir, "--text", one, "--surprisal", "--out", out)
			_, _, want := array(t, out)
			for c, v := range data[i*cols : (i+1)*cols] {
				if w := want[(i-lo)*cols+c]; math.Abs(float64(v-w)) > 1e-6*(1+math.Abs(float64(w))) {
					t.Fatalf("context %d, word %d column %d is %g, alone %g", n, i, c, v, w)
				}
			}
			if got, want := tableColumn(t, path+".surprisal.tsv", "surprisal")[i], tableColumn(t, out+".surprisal.tsv", "surprisal")[i-lo]; got[:4] != want[:4] {
				t.Errorf("context %d, word %d has %s bits, alone %s", n, i, got, want)
			}
		}
	}
	if _, err := os.Stat(f.path("c.npy")); err == nil {
		t.Error("windows are written too")
	}
	run, err := store.ReadRun(store.OS{}, f.path("c.npy.context-3.npy.run.json"))
	if fewer, noted := run.Results["fewer_words_before"]; err != nil || len(run.Warnings) > 0 || fewer != 0 || !noted {
		t.Errorf("context 3: %v, %v, %v", run.Warnings, run.Results, err)
	}
	m.config["max_position_embeddings"] = 8
	short := f.model("short", m)
	mustRun(t, "extract", "--model", short, "--text", text, "--context", "500", "--out", f.path("s.npy"))
	if run, err = store.ReadRun(store.OS{}, f.path("s.npy.context-500.npy.run.json")); err != nil {
		t.Fatal(err)
	}
	fewer := run.Results["fewer_words_before"]
	if want := fmt.Sprintf("--context 500: %g of %d words were read with fewer words before them", fewer, len(words)); !(fewer > 0) || len(run.Warnings) != 1 || !strings.HasPrefix(run.Warnings[0], want) {
		t.Errorf("context 500 of 8 positions: %v, %v", run.Warnings, run.Results)
	}
}

// numbersOf reads a column of numbers, NaN where there is none.
func numbersOf(t *testing.T, path, column string) (list []float64) {
	t.Helper()
	for _, cell := range tableColumn(t, path, column) {
		x, err := strconv.ParseFloat(cell, 64)
		if cell == "n/a" {
			x, err = math.NaN(), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// Losses are mean surprisals, without and with units that are 0, and of sets with as many
// units of each layer and a like response; p counts them; the responses are those of the
// lesion, and the same seed draws the same.
func TestExtractLoss(t *testing.T) {
	f := newFiles(t)
	m := llamaModel(32, 48, 3)
	m.config["tie_word_embeddings"] = true
	dir, words := f.model("llama", m), f.story("words.tsv", 30)
	neurons := "model\tlayer\tunit\tnetwork\n"
	for layer, units := range map[int][]int{0: {1, 5, 9}, 2: {4, 31}} {
		for _, u := range units {
			neurons += fmt.Sprintf("llama\t%d\t%d\tx\n", layer, u)
		}
	}
	zero := f.bytes("neurons.tsv", []byte(neurons+"llama\t1\t0\tn/a\nllama\t1\t3\ty\nother\t1\t7\tx\n"))
	run := func(out string, more ...string) string {
		mustRun(t, extractArgs(dir, words, f.path(out), append(more, "--window", "15", "--stride", "5")...)...)
		return f.path(out)
	}
	mean := func(path string) float64 {
		sum, n := 0.0, 0
		for _, b := range numbersOf(t, path+".surprisal.tsv", "surprisal") {
			if !math.IsNaN(b) {
				sum, n = sum+b, n+1
			}
		}
		return sum / float64(n)
	}
	lesion := []string{"--zero", zero, "--zero-network", "x"}
	intact, zeroed := mean(run("intact.npy", "--surprisal")), mean(run("zeroed.npy", append(lesion, "--surprisal")...))
	path := run("loss.npy", append(lesion, "--loss", "--loss-draws", "19")...)
	if !bytes.Equal(f.read("loss.npy"), f.read("zeroed.npy")) || bytes.Equal(f.read("loss.npy"), f.read("intact.npy")) {
		t.Error("the responses are not those of the lesion")
	}
	table := path + ".loss.tsv"
	loss, size, what := numbersOf(t, table, "loss"), numbersOf(t, table, "mean_response"), tableColumn(t, table, "units")
	if len(loss) != 21 || math.Abs(loss[0]-intact) > 1e-5*intact || math.Abs(loss[1]-zeroed) > 1e-5*zeroed || intact == zeroed {
		t.Fatalf("losses %v of %v, want %g and %g first", loss, what, intact, zeroed)
	}
	as := 1.
	for i, l := range loss[2:] {
		if l >= loss[1] {
			as++
		}
		if math.Abs(size[2+i]/size[1]-1) > 0.1+1e-5 { // written with 6 digits
			t.Errorf("set %d has a mean |response| of %g, the units %g", i, size[2+i], size[1])
		}
	}
	results, err := store.ReadRun(store.OS{}, path+".run.json")
	if err != nil {
		t.Fatal(err)
	}
	if p := results.Results["loss_p"]; math.Abs(p-as/20) > 1e-12 || results.Results["zeroed"] != 5 {
		t.Errorf("p %g with %g of 20: %v", p, as, results.Results)
	}
	run("again.npy", append(lesion, "--loss", "--loss-draws", "19")...)
	run("other.npy", append(lesion, "--loss", "--loss-draws", "19", "--loss-seed", "1")...)
	if !bytes.Equal(f.read("again.npy.loss.tsv"), f.read("loss.npy.loss.tsv")) || bytes.Equal(f.read("other.npy.loss.tsv"), f.read("loss.npy.loss.tsv")) {
		t.Error("the same seed draws other sets, or another one the same")
	}
}

// Of a BERT words are masked: each word of the table is predicted once, whatever the windows,
// and units of two taps change what it loses.
func TestExtractMaskedLoss(t *testing.T) {
	f := newFiles(t)
	dir, words := f.model("bert", bertModel().filling()), f.story("words.tsv", 40)
	zero := f.bytes("neurons.tsv", []byte("model\tlayer\tunit\tnetwork\ttap\nbert\t0\t1\tx\tffn.out\nbert\t1\t5\tx\tattn.heads\n"))
	mustRun(t, extractArgs(dir, words, f.path("r.npy"), "--zero", zero, "--loss", "--loss-draws", "5", "--window", "16", "--stride", "8")...)
	run, err := store.ReadRun(store.OS{}, f.path("r.npy.run.json"))
	if err != nil {
		t.Fatal(err)
	}
	empty := 0
	for _, c := range run.LeftOut {
		empty += c.N
	}
	loss := numbersOf(t, f.path("r.npy.loss.tsv"), "loss")
	if got := int(run.Results["loss_words"]); got != 40-empty || len(loss) != 7 || loss[0] == loss[1] || !(loss[0] > 0) {
		t.Errorf("%d words of 40, %d without a piece; losses %v", got, empty, loss)
	}
}
