package study

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
	"voxen/testdata"
)

// ExampleYAML is the configuration that InitStudy writes: every key, with its
// default where it is commented out.
//
//go:embed example.yaml
var ExampleYAML string

// exampleData is the folder of the example's files, beside its configuration.
const exampleData = "example-data"

// The example: two minutes of Alice, and a small head of simulated BOLD.
const (
	exampleTR       = 2.0
	exampleVolumes  = 60
	exampleSubjects = 4
	exampleUnseen   = 60   // words after those minutes
	exampleSeed     = 1865 // the year of the book
)

var exampleGrid = [3]int{10, 12, 9}

// InitStudy writes a commented configuration that runs as it is, with the files
// that it names in a folder beside it: a tiny random BERT, the first words of
// Alice in Wonderland, and simulated BOLD. Nothing that is there is replaced, but
// what an interrupted call left.
func InitStudy(ctx context.Context, e *step.Env, path string) error {
	data := filepath.Join(filepath.Dir(path), exampleData)
	for _, p := range []string{path, data} {
		if step.Exists(e.FS, p) && !onlyUnfinished(e.FS, p) && !(p == data && madeByInit(e.FS, data)) {
			return step.BadInput(p, "is there already, and nothing is replaced: expected a new name")
		}
	}
	if _, err := step.Execute(ctx, e, &exampleFiles{Out: data}); err != nil {
		return err
	}
	_, err := step.Execute(ctx, e, &exampleConfig{Out: path}) // last: a study.yaml has its files
	return err
}

// onlyUnfinished reports whether a folder has nothing but the unfinished output of a job.
func onlyUnfinished(fsys store.FS, dir string) bool {
	entries, err := fsys.ReadDir(dir)
	return err == nil && len(entries) == 1 && entries[0].Name() == ".partial"
}

// madeByInit reports whether a folder is that of an example: one whose configuration is
// not there was interrupted between the two.
func madeByInit(fsys store.FS, dir string) bool {
	run, err := store.ReadRun(fsys, store.RunPath(dir, false))
	return err == nil && run.Command == initCommand(false).Name
}

// initCommand is the command of the files of an example.
func initCommand(file bool) step.Command {
	return step.Command{Name: "run --init", Results: 1, File: file, Neutral: []string{"precision"}}
}

// exampleConfig is the step that writes the configuration.
type exampleConfig struct {
	Out string `opt:"out" file:"out" required:"true" doc:"the configuration"`
}

// Command says what the step is.
func (*exampleConfig) Command() step.Command { return initCommand(true) }

// Check has nothing to refuse.
func (*exampleConfig) Check() error { return nil }

// Do writes the configuration.
func (*exampleConfig) Do(_ context.Context, r *step.Run) (step.Summary, error) {
	return &step.Ended{}, writeText(r.Job, "", ExampleYAML)
}

// exampleFiles is the step that writes the files that the configuration names.
type exampleFiles struct {
	Out string `opt:"out" file:"out" required:"true" doc:"folder of the files"`
}

// Command says what the step is.
func (*exampleFiles) Command() step.Command { return initCommand(false) }

// Check has nothing to refuse.
func (*exampleFiles) Check() error { return nil }

// Do makes the files.
func (*exampleFiles) Do(ctx context.Context, r *step.Run) (step.Summary, error) {
	x := &example{Job: r.Job, rng: rand.New(rand.NewPCG(exampleSeed, 0))}
	for _, write := range []func(context.Context) error{x.words, x.model, x.brain, x.participants} {
		if err := write(ctx); err != nil {
			return nil, err
		}
	}
	return &step.Ended{}, nil
}

// example writes the files.
type example struct {
	*store.Job
	rng  *rand.Rand
	rate []float64 // words per volume, convolved: what the simulated networks follow
}

// files is where images and tables are written.
func (x *example) files() brain.Files { return brain.Files{FS: x.FS()} }

// writeText writes a small output of a job.
func writeText(job *store.Job, name, content string) error {
	return job.WriteFile(name, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	})
}

func (x *example) text(name, content string) error { return writeText(x.Job, name, content) }

// image writes an output by its path.
func (x *example) image(name string, write func(path string) error) error {
	path, err := x.Path(name)
	if err != nil {
		return err
	}
	return write(path)
}

// words writes the first words of Alice, with their onsets.
func (x *example) words(context.Context) error {
	content, err := testdata.Files.ReadFile("alice/words.tsv")
	if err != nil {
		return err
	}
	lines := strings.SplitAfter(string(content), "\n")
	end := 1 + slices.IndexFunc(lines[1:], func(line string) bool { return firstNumber(line) >= exampleTR*exampleVolumes })
	if err := x.text("words.tsv", strings.Join(lines[:end], "")); err != nil {
		return err
	}
	if err := x.text("unseen.tsv", lines[0]+strings.Join(lines[end:end+exampleUnseen], "")); err != nil {
		return err
	}
	path, err := x.Path("words.tsv")
	if err != nil {
		return err
	}
	words, err := x.files().Words(path, brain.WordColumns{})
	if err != nil {
		return err
	}
	hrf, err := brain.ParseHRF("glover")
	if err != nil {
		return err
	}
	a, err := brain.NewAlignment(words, brain.AlignOptions{TR: exampleTR, Volumes: exampleVolumes, Within: brain.Mean, HRF: hrf})
	if err != nil {
		return err
	}
	x.rate = a.WordRate()
	return nil
}

// firstNumber is the first cell of a line that is a number, the onset.
func firstNumber(line string) float64 {
	for cell := range strings.SplitSeq(line, "\t") {
		if n, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err == nil {
			return n
		}
	}
	return -1
}

// The shape of the example's BERT.
const (
	tinyLayers = 3
	tinyHidden = 32
	tinyFFN    = 64
)

// model writes a BERT of random weights whose word pieces are single letters.
func (x *example) model(context.Context) error {
	vocab := map[string]int{"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
	for _, r := range "abcdefghijklmnopqrstuvwxyz0123456789'’.,-" {
		vocab[string(r)] = len(vocab)
		vocab["##"+string(r)] = len(vocab)
	}
	config := map[string]any{"model_type": "bert", "hidden_size": tinyHidden, "num_hidden_layers": tinyLayers, "num_attention_heads": 4, "intermediate_size": tinyFFN,
		"hidden_act": "gelu", "vocab_size": len(vocab), "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12}
	tokenizer := map[string]any{"version": "1.0", "normalizer": map[string]any{"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": nil, "lowercase": true},
		"pre_tokenizer": map[string]any{"type": "BertPreTokenizer"}, "added_tokens": []any{}, "truncation": nil, "padding": nil,
		"post_processor": map[string]any{"type": "TemplateProcessing",
			"single":         []any{special("[CLS]"), map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}}, special("[SEP]")},
			"special_tokens": map[string]any{"[CLS]": token("[CLS]", 2), "[SEP]": token("[SEP]", 3)}},
		"decoder": nil, "model": map[string]any{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": vocab}}
	for name, content := range map[string]any{"config.json": config, "tokenizer.json": tokenizer} {
		b, err := json.MarshalIndent(content, "", " ")
		if err != nil {
			return err
		}
		if err := x.text("model/"+name, string(b)+"\n"); err != nil {
			return err
		}
	}
	return x.WriteFile("model/model.safetensors", func(w io.Writer) error {
		return store.WriteSafetensors(w, x.weights(len(vocab)), nil)
	})
}

func special(name string) map[string]any {
	return map[string]any{"SpecialToken": map[string]any{"id": name, "type_id": 0}}
}

func token(name string, id int) map[string]any {
	return map[string]any{"id": name, "ids": []int{id}, "tokens": []string{name}}
}

// weights are random tensors by the names that BERT has.
func (x *example) weights(vocab int) []store.TensorData {
	var all []store.TensorData
	random := x.rng
	add := func(name string, scale, mean float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(mean + scale*random.NormFloat64())
		}
		all = append(all, store.TensorData{Name: name, Shape: shape, Data: data})
	}
	norm := func(name string) {
		add(name+".weight", 0.05, 1, tinyHidden)
		add(name+".bias", 0.05, 0, tinyHidden)
	}
	dense := func(name string, out, in int) {
		add(name+".weight", 1/math.Sqrt(float64(in)), 0, out, in)
		add(name+".bias", 0.05, 0, out)
	}
	add("embeddings.word_embeddings.weight", 1, 0, vocab, tinyHidden)
	add("embeddings.position_embeddings.weight", 0.2, 0, 512, tinyHidden)
	add("embeddings.token_type_embeddings.weight", 0.2, 0, 2, tinyHidden)
	norm("embeddings.LayerNorm")
	for l := range tinyLayers {
		p := fmt.Sprintf("encoder.layer.%d.", l)
		for _, name := range []string{"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"} {
			dense(p+name, tinyHidden, tinyHidden)
		}
		norm(p + "attention.output.LayerNorm")
		dense(p+"intermediate.dense", tinyFFN, tinyHidden)
		dense(p+"output.dense", tinyHidden, tinyFFN)
		norm(p + "output.LayerNorm")
	}
	random = rand.New(rand.NewPCG(exampleSeed, 1)) // what predicts masked words leaves all after it as they are
	dense("cls.predictions.transform.dense", tinyHidden, tinyHidden)
	norm("cls.predictions.transform.LayerNorm")
	add("cls.predictions.bias", 0.05, 0, vocab)
	return all
}

// head is the grid of the example's images, 8 mm voxels about the origin.
func head() (*brain.Header, *brain.Grid) {
	h := &brain.Header{Version: 1, NDim: 3, Datatype: brain.Float32, Slope: 1, SformCode: 4, XYZTUnits: 2 | 8}
	h.Dims = [7]int64{int64(exampleGrid[0]), int64(exampleGrid[1]), int64(exampleGrid[2]), 1, 1, 1, 1}
	h.Pixdim = [8]float64{1, 8, 8, 8, 1, 1, 1, 1}
	for i := range 3 {
		h.Srow[i][i], h.Srow[i][3] = 8, -4*float64(exampleGrid[i]-1)
	}
	g, _ := h.Grid() // which has no quaternion to be wrong
	return h, g
}

// brain writes a mask, four networks, and every subject's BOLD and confounds.
func (x *example) brain(ctx context.Context) error {
	header, grid := head()
	inside := &brain.Volume{Grid: grid, Values: make([]float64, grid.Voxels())}
	network := make([]float64, grid.Voxels())
	v := 0
	for i := range exampleGrid[0] {
		for j := range exampleGrid[1] {
			for k := range exampleGrid[2] {
				a, b, c := centred(i, 0), centred(j, 1), centred(k, 2)
				if a*a+b*b+c*c < 1 {
					inside.Values[v] = 1
					network[v] = 1 // quarters of the head: front and back, left and right
					if b > 0 {
						network[v] += 2
					}
					if a > 0 {
						network[v]++
					}
				}
				v++
			}
		}
	}
	mask, err := brain.NewMask(header, inside)
	if err != nil {
		return err
	}
	if err := x.image("mask.nii.gz", func(path string) error { return x.files().WriteMask(ctx, path, mask) }); err != nil {
		return err
	}
	labels, err := mask.Gather(&brain.Volume{Grid: grid, Values: network})
	if err != nil {
		return err
	}
	err = x.image("networks.nii.gz", func(path string) error {
		return x.files().WriteMap(ctx, path, mask, labels, brain.MapOptions{Datatype: brain.Int16})
	})
	if err != nil {
		return err
	}
	if err := x.text("networks.tsv", "index\tname\tcolor\n1\tFrontLeft\t#0072b2\n2\tFrontRight\t#e69f00\n3\tBackLeft\t#009e73\n4\tBackRight\t#cc79a7\n"); err != nil {
		return err
	}
	for s := range exampleSubjects {
		if err := x.subject(ctx, fmt.Sprintf("sub-%02d", s+1), mask, labels); err != nil {
			return err
		}
	}
	return nil
}

// centred is where a voxel lies between the head's borders at -1 and 1.
func centred(i, axis int) float64 {
	half := float64(exampleGrid[axis]) / 2
	return (float64(i) + 0.5 - half) / half
}

// subject writes BOLD in which two of the networks follow the words, in opposite
// directions, with motion and noise besides.
func (x *example) subject(ctx context.Context, name string, mask *brain.Mask, labels []float64) error {
	gain := map[float64]float64{1: 2, 4: -2}
	motion, csf := make([]float64, exampleVolumes), make([]float64, exampleVolumes)
	table := "trans_x\tcsf\n"
	for t := range motion {
		motion[t] = 0.1 * x.rng.NormFloat64()
		if t > 0 {
			motion[t] += motion[t-1]
		}
		csf[t] = 900 + 5*x.rng.NormFloat64()
		table += fmt.Sprintf("%.6f\t%.6f\n", motion[t], csf[t])
	}
	if err := x.text(name+"_confounds.tsv", table); err != nil {
		return err
	}
	leak := make([]float64, mask.Len())
	for v := range leak {
		leak[v] = 3 * x.rng.NormFloat64()
	}
	row := func(t int, dst []float64) error {
		for v := range dst {
			dst[v] = 1000 + gain[labels[v]]*x.rate[t] + leak[v]*motion[t] + 0.2*(csf[t]-900) + 2*x.rng.NormFloat64()
		}
		return nil
	}
	return x.image(name+"_bold.nii.gz", func(path string) error {
		return x.files().WriteMaps(ctx, path, mask, exampleVolumes, row, brain.MapOptions{TR: exampleTR, Descrip: "simulated"})
	})
}

// participants writes ages and a made-up score.
func (x *example) participants(context.Context) error {
	table := "participant_id\tage\tmemory\n"
	for s := range exampleSubjects {
		table += fmt.Sprintf("sub-%02d\t%d\t%.1f\n", s+1, 20+x.rng.IntN(30), 20+5*x.rng.NormFloat64())
	}
	return x.text("participants.tsv", table)
}
