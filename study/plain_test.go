package study_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study"
	"voxen/study/encode"
)

// noise writes features of the example's 60 volumes.
func noise(t *testing.T, path string, columns int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float64, 60*columns)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := npytest.Save(path, []int{60, columns}, x); err != nil {
		t.Fatal(err)
	}
}

// plainStudy writes the example's files with a configuration of its BOLD and another end.
func plainStudy(t *testing.T, end string) (dir, yaml string) {
	t.Helper()
	dir = t.TempDir()
	yaml = filepath.Join(dir, "study.yaml")
	if err := study.InitStudy(context.Background(), steptest.Env(), yaml); err != nil {
		t.Fatal(err)
	}
	noise(t, filepath.Join(dir, "features", "alice_pitch.npy"), 3, 1)
	head, _, _ := strings.Cut(study.ExampleYAML, "\nmodels:")
	head = strings.Join(slices.DeleteFunc(slices.Collect(strings.Lines(head)), func(line string) bool {
		return strings.Contains(line, `name: "03"`) || strings.Contains(line, `name: "04"`)
	}), "")
	if err := os.WriteFile(yaml, []byte(head+"\n"+end), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir, yaml
}

// row reads a result.
func row(t *testing.T, parts ...string) []float64 {
	t.Helper()
	x, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(parts...)+".npy")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// names lists the steps of a study.
func names(s *study.Study) (list []string) {
	for _, task := range s.Tasks {
		list = append(list, task.Name)
	}
	return list
}

const tinyModel = "models: [{name: bert, path: example-data/model, window: 40, stride: 20}]\n"

// A study without a dictionary fits models by layer and feature spaces of files as they are,
// and is complete with group and report; done again it keeps everything, and a step that was
// interrupted is made as it would have been.
func TestPlainStudy(t *testing.T) {
	dir, yaml := plainStudy(t, tinyModel+`features: [{name: pitch, files: "features/{run}_pitch.npy"}]
dictionary: {skip: true}
encode: {alphas: "10,1000", delays: "1,2", null: "shift:2", detrend: linear}
group: {permutations: 20}
`)
	if err := runStudy(t, store.OS{}, yaml); err != nil {
		t.Fatal(err)
	}
	s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(names(s), ", ")
	want := "extract bert alice, align bert alice, encode bert sub-01, encode bert sub-02, " +
		"encode pitch sub-01, encode pitch sub-02, group bert, group pitch, report"
	if got != want {
		t.Errorf("steps are %s, want %s", got, want)
	}
	states, err := s.States(steptest.Env())
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range states {
		if st.State != study.StateDone {
			t.Errorf("%s is %s: %s", st.Step, st.State, st.Why)
		}
	}
	out := filepath.Join(dir, "results", "bert", "sub-01")
	cv, best, nested, each := row(t, out, "cv_scores"), row(t, out, "best_layer"), row(t, out, "nested_score"), row(t, out, "nested_scores")
	V := len(best)
	for v, layer := range best {
		for l := range 3 {
			if cv[l*V+v] > cv[int(layer)*V+v] {
				t.Errorf("voxel %d: layer %v is taken, %d scores higher", v, layer, l)
			}
		}
		if nested[v] != nested[v] || each[v] != each[v] {
			t.Errorf("voxel %d has no held-out score", v)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "results", "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Encoding models", "Best layer", "pitch", "held-out r", "bert: the layer that predicts a voxel best", "mean over 2 subjects; layers are counted from 0"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report has no %q", want)
		}
	}
	for _, no := range []string{"no dictionary was given", "no matches.tsv", "sub-groups"} {
		if strings.Contains(string(page), no) {
			t.Errorf("the report of a plain study says %q", no)
		}
	}
	before := outputs(t, filepath.Join(dir, "results"))
	if err := os.Remove(filepath.Join(out, "nested_score.npy")); err != nil {
		t.Fatal(err)
	}
	if err := runStudy(t, store.OS{}, yaml); err != nil {
		t.Fatal(err)
	}
	sameOutputs(t, "again", outputs(t, filepath.Join(dir, "results")), before)
}

// Feature spaces by name are bands of one fit, beside the baseline that is made of words; what
// bands carry adds up to the scores.
func TestBandsOfAStudy(t *testing.T) {
	dir, yaml := plainStudy(t, `features: [{name: pitch, files: [features/alice_pitch.npy]}, {name: other, files: [features/alice_other.npy]}]
encode: {alphas: "1:1e4:5", bands: [pitch, other], baseline: [word_frequency, audio_envelope], frequencies: zipf.csv, band_samples: 6, split: true, partition: true, metrics: [r, r2]}
group: {skip: true}
`)
	noise(t, filepath.Join(dir, "features", "alice_other.npy"), 2, 2)
	config, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	audio := []byte("RIFF\x24\x19\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x64\x00\x00\x00\x64\x00\x00\x00\x01\x00\x08\x00data\x00\x19\x00\x00") // 64 s
	for i := range 6400 {
		audio = append(audio, byte(128+i*i%97))
	}
	for path, data := range map[string][]byte{"a.wav": audio, "zipf.csv": []byte("word,zipf\nthe,7.4\nalice,4.3\n"), "study.yaml": []byte(strings.Replace(string(config), "    tr: 2 ", "    audio: a.wav\n    tr: 2 ", 1))} {
		if err := os.WriteFile(filepath.Join(dir, path), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := runStudy(t, store.OS{}, yaml); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "results", "bands", "sub-02")
	gain, score := row(t, out, "gain"), row(t, out, "nested_score")
	for name, whole := range map[string][]float64{"product_measure": row(t, out, "nested_r2"), "split_r": row(t, out, "nested_r")} {
		parts, V := row(t, out, name), len(whole)
		for v := range V {
			sum := 0.0
			for b := range 5 {
				sum += parts[b*V+v]
			}
			if math.Abs(sum-whole[v]) > 1e-5 {
				t.Errorf("%s of voxel %d adds up to %v, want %v", name, v, sum, whole[v])
			}
		}
	}
	if len(gain) != len(score) {
		t.Errorf("%d gains of %d voxels", len(gain), len(score))
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(out, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(run.Options, func(o store.Option) bool { return o.Name == "--bands" }); i < 0 || run.Options[i].Value != "pitch=0:3,other=3:5,word_frequency=5:6,audio_envelope=6:7" {
		t.Errorf("options are %+v", run.Options)
	}
	page, err := os.ReadFile(filepath.Join(dir, "results", "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"audio_envelope", "Unique", "Product measure", "Gain"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report has no %q", want)
		}
	}
}

// Sound that nothing is made of, and the beginning of none, are refused.
func TestStudySoundRefusals(t *testing.T) {
	for key, want := range map[string]string{
		"audio: a.wav":    "stimulus[0].audio is given, and audio_envelope is no band: expected it in encode.baseline or encode.bands",
		"audio_start: 10": "stimulus[0].audio_start is given without stimulus[0].audio",
	} {
		_, yaml := plainStudy(t, "features: [{name: pitch, files: [features/alice_pitch.npy]}]\nencode: {baseline: [word_rate]}\n")
		text, err := os.ReadFile(yaml)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(yaml, []byte(strings.Replace(string(text), "    tr: 2 ", "    "+key+"\n    tr: 2 ", 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := study.OpenStudy(store.OS{}, yaml, t.Logf); !store.IsInput(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
}

// What is named and not there, or asked for without what it is of, is refused with its key
// and line before anything is computed.
func TestPlainStudyRefusals(t *testing.T) {
	const pitch = `features: [{name: pitch, files: [features/alice_pitch.npy]}]` + "\n"
	for name, c := range map[string]struct{ end, want string }{
		"nothing to fit":        {"encode: {cv: runs}\n", "models are not given, and neither are features"},
		"no files":              {"features: [{name: pitch}]\n", "features[0].files are not given"},
		"no such file":          {`features: [{name: pitch, files: "{run}.npy"}]` + "\n", "alice.npy: no such file"},
		"files of two runs":     {"features: [{name: pitch, files: [a.npy, b.npy]}]\n", "features[0].files are 2, expected one for each of 1 runs"},
		"other rows":            {"features: [{name: pitch, files: [features/short.npy]}]\n", "of 50 rows, and run alice has 60 volumes"},
		"name of words":         {"features: [{name: word_rate, files: [a.npy]}]\n", `features[0].name is "word_rate", which is there twice`},
		"unknown band":          {pitch + "encode: {bands: [pitch, words_rate]}\n", `encode.bands[1] is "words_rate", which no model and no feature space is called; the nearest is "word_rate"`},
		"one band":              {pitch + "encode: {bands: [pitch]}\n", "encode.bands are pitch alone"},
		"split without bands":   {pitch + "encode: {split: true}\n", "encode.split is given without bands"},
		"layers of a baseline":  {tinyModel + "dictionary: {skip: true}\nencode: {by: layer, baseline: [word_rate]}\n", "encode.by is layer beside encode.baseline"},
		"layers of atoms":       {tinyModel + "encode: {by: layer}\n", "encode.by is layer, and the features of models are atoms"},
		"heads of a tap":        {tinyModel + "dictionary: {skip: true}\nencode: {by: head}\n", "encode.by is head, and ffn.out of bert has no heads"},
		"a result of group":     {pitch + "encode: {outputs: [cv_score]}\n", "encode.outputs is cv_score, which leaves out nested_score, and group reads it"},
		"saved predictions":     {pitch + "encode: {nested: false, save_predictions: true}\n", "encode pitch sub-01: --save-predictions without held-out predictions"},
		"sound of no file":      {pitch + "encode: {baseline: [audio_envelope]}\n", "stimulus[0].audio is not given, and encode has the band audio_envelope"},
		"frequencies of none":   {pitch + "encode: {baseline: [word_rate], frequencies: features/alice_pitch.npy}\n", "encode.frequencies is given, and word_frequency is no band"},
		"weights that are none": {pitch + "encode: {baseline: [word_rate], band_weights: no.npy}\n", "encode.band_weights is"},
	} {
		dir, yaml := plainStudy(t, c.end)
		if err := npytest.Save(filepath.Join(dir, "features", "short.npy"), []int{50, 1}, make([]float64, 50)); err != nil {
			t.Fatal(err)
		}
		_, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
		if err == nil || !store.IsInput(err) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// The baseline stands beside every model and feature space, after its own columns.
func TestBaselineOfAStudy(t *testing.T) {
	_, yaml := plainStudy(t, tinyModel+`features: [{name: pitch, files: [features/alice_pitch.npy]}, {name: loud, files: [features/alice_pitch.npy]}]
encode: {baseline: [loud, word_rate]}
`)
	s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range s.Tasks {
		o, ok := task.Step.(*encode.Options)
		if !ok {
			continue
		}
		own, _, _ := strings.Cut(strings.TrimPrefix(task.Name, "encode "), " ")
		if own == "loud" || !strings.HasPrefix(o.Features[0], own+"=") || !strings.Contains(o.Features[0], ",loud=") || !slices.Equal(o.Baseline, []string{"loud", "word_rate"}) {
			t.Errorf("%s is fitted to %s with the baseline %s", task.Name, o.Features[0], fmt.Sprint(o.Baseline))
		}
	}
}

// Maps of product measures, and of weights with delays or a baseline, have a row per atom, and
// match and organize read them.
func TestMapsOfAStudy(t *testing.T) {
	end := tinyModel + `dictionary: {atoms: 4}
encode: {alphas: "10,1000", %s}
match: {templates: example-data/networks.nii.gz, draws: 10, %s}
organize: {bootstraps: 10, draws: 10}
couple: {skip: true}
group: {skip: true}
report: {skip: true}
`
	for name, c := range map[string]struct{ encode, match, refused string }{
		"product":           {"cv: kfold:3", "maps: product", ""},
		"delays":            {"cv: kfold:3, delays: \"1,2\"", "maps: weights", ""},
		"baseline":          {"cv: kfold:3, baseline: [word_rate], band_samples: 3", "maps: product", ""},
		"product of lasso":  {"model: lasso", "maps: product", "match.maps is product, and encode.model is lasso"},
		"maps left out":     {"cv: kfold:3, outputs: scores", "maps: weights", "encode.outputs is scores, which leaves out weights, and match reads it"},
		"product of no one": {"nested: false", "maps: product", "match.maps is product without held-out predictions"},
	} {
		dir, yaml := plainStudy(t, fmt.Sprintf(end, c.encode, c.match))
		if c.refused != "" {
			if _, err := study.OpenStudy(store.OS{}, yaml, t.Logf); err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v, want %q", name, err, c.refused)
			}
			continue
		}
		if err := runStudy(t, store.OS{}, yaml); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		matches, err := store.ReadTable(store.OS{}, filepath.Join(dir, "results", "bert", "match", "matches.tsv"))
		if err != nil || len(matches.Rows) != 4*4 {
			t.Errorf("%s: %d matches of 4 atoms with 4 networks: %v", name, len(matches.Rows), err)
		}
		if _, err := os.Stat(filepath.Join(dir, "results", "organize", "models.tsv")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One dictionary of all models is matched once, and the models are organised apart.
func TestSharedDictionary(t *testing.T) {
	dir, yaml := plainStudy(t, `models:
  - {name: a, path: example-data/model, window: 40, stride: 20}
  - {name: b, path: example-data/model, window: 20, stride: 20, tap: hidden}
dictionary: {atoms: 4, shared: true}
encode: {alphas: "10,1000", cv: kfold:3}
match: {templates: example-data/networks.nii.gz, draws: 10, nulls: [maps]}
organize: {bootstraps: 10, draws: 10}
couple: {atoms: 2}
group: {permutations: 10}
lesion: {text: unseen.txt, draws: 2}
`)
	if err := os.WriteFile(filepath.Join(dir, "unseen.txt"), []byte("A dog runs by the sea."), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := runStudy(t, store.OS{}, yaml); err != nil {
		t.Fatal(err)
	}
	models, err := store.ReadTable(store.OS{}, filepath.Join(dir, "results", "organize", "models.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	if of, _ := models.Column("model"); !slices.Equal(of, []string{"a", "b"}) {
		t.Errorf("models %q are organised, want a and b", of)
	}
	for _, path := range []string{"shared/learn/codes.npz", "shared/sub-02/weights.npy", "shared/match/matches.tsv", "a/couple/coupling.tsv", "b/couple/coupling.tsv", "a/lesion/lesions.tsv", "b/lesion/lesions.tsv", "shared/group/group.tsv", "report.html"} {
		if _, err := os.Stat(filepath.Join(dir, "results", path)); err != nil {
			t.Error(err)
		}
	}
}

// The features of a sparse autoencoder are the neurons of a model; one of another width is
// refused with its key before anything is computed.
func TestAutoencoderOfAStudy(t *testing.T) {
	for width, want := range map[int]string{32: "", 31: "models[0].sae is refused"} {
		dir, yaml := plainStudy(t, "models: [{name: bert, path: example-data/model, tap: hidden, layers: 1, sae: sae.safetensors}]\ndictionary: {skip: true}\n")
		f, err := os.Create(filepath.Join(dir, "sae.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		data := func(n int) []float32 { return make([]float32, n) }
		err = store.WriteSafetensors(f, []store.TensorData{{Name: "W_enc", Shape: []int{width, 9}, Data: data(width * 9)}, {Name: "b_enc", Shape: []int{9}, Data: data(9)}, {Name: "b_dec", Shape: []int{width}, Data: data(width)}}, nil)
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		s, err := study.OpenStudy(store.OS{}, yaml, t.Logf)
		switch {
		case want != "":
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("width %d: %v, want %q", width, err, want)
			}
		case err != nil:
			t.Error(err)
		default:
			states, err := s.States(steptest.Env())
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(states[0].Size, " x 9 neurons") {
				t.Errorf("%+v: %v", states[0], err)
			}
		}
	}
}

// Runs that lie in one file are told apart by their first rows: they are the folds. What is
// written of them says encode.outputs.
func TestRunsWithinAFile(t *testing.T) {
	dir, yaml := plainStudy(t, `features: [{name: pitch, files: [features/alice_pitch.npy]}]
encode: {alphas: "10,1000", runs: onsets.npy, outputs: [cv_score, nested_score, predictions], save_predictions: true}
group: {skip: true}
report: {skip: true}
`)
	if err := npytest.Save(filepath.Join(dir, "onsets.npy"), []int{3}, []int64{0, 20, 40}); err != nil {
		t.Fatal(err)
	}
	if err := runStudy(t, store.OS{}, yaml); err != nil {
		t.Fatal(err)
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(dir, "results", "pitch", "sub-01", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for _, o := range run.Outputs {
		if strings.HasSuffix(o.Name, ".npy") {
			written = append(written, o.Name)
		}
	}
	if slices.Sort(written); !slices.Equal(written, []string{"cv_score.npy", "nested_score.npy", "predictions.npy"}) {
		t.Errorf("encode.outputs writes %v", written)
	}
	if cv := run.Option["cv"]; cv != "runs" && !strings.HasPrefix(fmt.Sprint(cv), "runs,") {
		t.Errorf("folds are %v, want the three runs", cv)
	}
}
