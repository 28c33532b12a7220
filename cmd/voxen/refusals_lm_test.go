package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"voxen/internal/npytest"
)

func init() { refusals = append(refusals, lmRefusals...) }

// extractRefusal refuses an extract with the small BERT for its flags.
func extractRefusal(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return instead(extractArgs(f.model("model", bertModel()), f.story("w.tsv", 12), f.path("out/r.npy")), more...)
	}, 2, says}
}

// zeroed refuses an extract whose table of units that are 0 holds text.
func zeroed(name, says, text string, more ...string) refusal {
	return refusal{"zero " + name, func(f *files) []string {
		args := extractArgs(f.model("model", bertModel()), f.story("w.tsv", 12), f.path("out/r.npy"), "--zero", f.bytes("neurons.tsv", []byte(text)))
		return instead(args, more...)
	}, 2, says}
}

// lesioned refuses a lesion of two units for the flags that make gives.
func lesioned(name, says string, make func(f *files) []string) refusal {
	return refusal{"lesion " + name, func(f *files) []string {
		return instead([]string{"lesion", "--model", f.model("model", bertModel().filling()), "--out", f.path("out"), "--draws", "2",
			"--subgroups", f.bytes("neurons.tsv", []byte("model\tlayer\tunit\tnetwork\nmodel\t0\t1\tx\n"))}, make(f)...)
	}, 2, says}
}

// speechless refuses a speech for its flags.
func speechless(name, says string, more ...string) refusal {
	return refusal{"speech of " + name, func(f *files) []string {
		return append([]string{"speech", "--tr", "2", "--volumes", "12", "--out", f.path("out")}, more...)
	}, 2, says}
}

// instead gives a command other flags, in the place of those it has.
func instead(args []string, more ...string) []string {
	for i := 0; i+1 < len(more); i += 2 {
		if at := slices.Index(args, more[i]); at >= 0 {
			args[at+1] = more[i+1]
			continue
		}
		args = append(args, more[i], more[i+1])
	}
	return args
}

// source refuses an extract from another source than --words.
func source(name, says, flag string, make func(f *files) string) refusal {
	return refusal{name, func(f *files) []string {
		return []string{"extract", "--model", f.model("model", llamaModel(32, 48, 2)), flag, make(f), "--out", f.path("out/r.npy")}
	}, 2, says}
}

// broken refuses an extract with the small Llama after spoil has changed its folder.
func broken(name, says string, spoil func(f *files, dir string)) refusal {
	return refusal{name, func(f *files) []string {
		dir := f.model("model", llamaModel(32, 48, 2))
		spoil(f, dir)
		return extractArgs(dir, f.story("w.tsv", 12), f.path("out/r.npy"))
	}, 2, says}
}

// configured refuses an extract of a Llama whose configuration says key.
func configured(says, key string, value any) refusal {
	return configuredOf(llamaModel(32, 48, 2), says, key, value)
}

// configuredOf refuses an extract of a model whose configuration says key.
func configuredOf(m *testModel, says, key string, value any) refusal {
	return refusal{fmt.Sprintf("config.json of %v with %s %v", m.config["model_type"], key, value), func(f *files) []string {
		m.config[key] = value
		return extractArgs(f.model("model", m), f.story("w.tsv", 12), f.path("out/r.npy"))
	}, 2, says}
}

// alignRefusal refuses an align of a good array for its flags.
func alignRefusal(name, says string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return instead([]string{"align", "--responses", f.npy("r.npy", []int{12, 3}), "--words", f.story("w.tsv", 12),
			"--out", f.path("out/s.npy"), "--tr", "2", "--volumes", "10"}, more...)
	}, 2, says}
}

// wordTable refuses an align to the word table that holds text.
func wordTable(name, says, text string) refusal {
	return refusal{"word table: " + name, func(f *files) []string {
		return []string{"align", "--responses", f.npy("r.npy", []int{2, 3}), "--words", f.bytes("w.tsv", []byte(text)),
			"--out", f.path("out/s.npy"), "--tr", "2", "--volumes", "10"}
	}, 2, says}
}

// configuredAs refuses an extract of a small decoder of the given model_type, of
// which there is a configuration alone, which is read first.
func configuredAs(modelType, says, key string, value any) refusal {
	return configuredOf(&testModel{tensors: map[string][]int{}, config: map[string]any{"model_type": modelType, "vocab_size": testVocab, "hidden_size": 32,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}}, says, key, value)
}

// spoilWeights edits the bytes of the weights.
func spoilWeights(edit func(data []byte) []byte) func(f *files, dir string) {
	return func(f *files, dir string) {
		path := filepath.Join(dir, "model.safetensors")
		data, err := os.ReadFile(path)
		if err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(path, edit(data), 0o666); err != nil {
			f.t.Fatal(err)
		}
	}
}

// renamed gives a tensor of the header another name of as many bytes.
func renamed(from, to string) func([]byte) []byte {
	return func(data []byte) []byte { return []byte(strings.Replace(string(data), from, to, 1)) }
}

// spoiled puts a float32 in the place of every number of a tensor.
func spoiled(tensor string, bits uint32) func([]byte) []byte {
	return func(data []byte) []byte {
		head := 8 + int(binary.LittleEndian.Uint64(data))
		var at struct {
			Offsets [2]int `json:"data_offsets"`
		}
		var header map[string]json.RawMessage
		if err := json.Unmarshal(data[8:head], &header); err != nil {
			panic(err)
		}
		if err := json.Unmarshal(header[tensor], &at); err != nil {
			panic(err)
		}
		for i := head + at.Offsets[0]; i < head+at.Offsets[1]; i += 4 {
			binary.LittleEndian.PutUint32(data[i:], bits)
		}
		return data
	}
}

// tokenizerConfigured refuses an extract of a model whose tokenizer_config.json is
// the given one.
func tokenizerConfigured(says, config string) refusal {
	return broken("tokenizer_config.json "+config, `tokenizer_config.json: `+says, func(f *files, dir string) { f.bytes("model/tokenizer_config.json", []byte(config)) })
}

// spoilTokenizer writes another tokenizer.json.
func spoilTokenizer(text string) func(f *files, dir string) {
	return func(f *files, dir string) { f.bytes("model/tokenizer.json", []byte(text)) }
}

// sharded puts the weights into one shard of an index that also names others.
func sharded(index string) func(f *files, dir string) {
	return func(f *files, dir string) {
		os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "model-00001-of-00001.safetensors"))
		f.bytes("model/model.safetensors.index.json", []byte(index))
	}
}

var lmRefusals = []refusal{
	zeroed("units of another model", `neurons.tsv: has no unit of the model "model", but of other`, "model\tlayer\tunit\tnetwork\nother\t0\t0\tx\n"),
	zeroed("units of no network", `neurons.tsv: has no unit of "model" with a network`, "model\tlayer\tunit\tnetwork\nmodel\t0\t0\tn/a\n"),
	zeroed("units of another network", `neurons.tsv: has no unit of "model" in the network "y", but of x`, "model\tlayer\tunit\tnetwork\nmodel\t0\t0\tx\n", "--zero-network", "y"),
	zeroed("a unit that is not there", `neurons.tsv: unit 1000 of ffn.out, expected one of the model's`, "model\tlayer\tunit\tnetwork\nmodel\t0\t1000\tx\n"),
	zeroed("a layer that is no number", `neurons.tsv: line 2 has layer "first"`, "model\tlayer\tunit\tnetwork\nmodel\tfirst\t0\tx\n"),
	zeroed("a unit twice", `neurons.tsv: unit 1 of ffn.out in layer 0 is there twice`, "model\tlayer\tunit\tnetwork\nmodel\t0\t1\tx\nmodel\t0\t1\ty\n"),
	zeroed("units of a tap without effect", `neurons.tsv: units of "attn.qk" cannot be 0`, "model\tlayer\tunit\tnetwork\ttap\nmodel\t0\t1\tx\tattn.qk\n"),
	zeroed("units of several taps", `neurons.tsv: has no column tap, and --tap ffn.out,hidden are several`, "model\tlayer\tunit\tnetwork\nmodel\t0\t0\tx\n", "--tap", "ffn.out,hidden"),
	zeroed("a table of units without networks", `neurons.tsv: has no column "network"`, "model\tlayer\tunit\nmodel\t0\t0\n"),
	refusal{"a loss of a model that predicts nothing", func(f *files) []string {
		return append(extractArgs(f.model("model", bertModel()), f.story("w.tsv", 12), f.path("out/r.npy")),
			"--zero", f.bytes("neurons.tsv", []byte("model\tlayer\tunit\tnetwork\nmodel\t0\t0\tx\n")), "--loss")
	}, 2, `has no tensor "cls.predictions.transform.dense.weight": this model predicts no masked words`},
	speechless("nothing that is heard", `neither --words nor --audio is given`),
	speechless("a beginning of no sound", `--audio-start 3 without --audio`, "--words", "w.tsv", "--audio-start", "3"),
	speechless("frequencies of no words", `--frequencies zipf.tsv without --words`, "--audio", "a.wav", "--frequencies", "zipf.tsv"),
	speechless("counts beside a table", `--stories with --frequencies`, "--words", "w.tsv", "--frequencies", "zipf.tsv", "--stories", "s.tsv"),
	speechless("columns of stories", `2 --stories-columns, expected one for each of 1 --stories`, "--words", "w.tsv", "--stories", "s.tsv", "--stories-columns", "a,b,c", "--stories-columns", "a,b,c"),
	refusal{"speech that is no WAV file", func(f *files) []string {
		return []string{"speech", "--audio", f.bytes("a.wav", []byte("ID3")), "--tr", "2", "--volumes", "12", "--out", f.path("out")}
	}, 2, `a.wav: is no WAV file`},
	lesioned("without a text", `neither --words nor --text is given`, func(f *files) []string { return nil }),
	lesioned("of a text that was seen", `w.tsv: is a text that the dictionary has seen: 100% of its runs of 8 words`, func(f *files) []string {
		return []string{"--words", f.story("w.tsv", 40), "--seen", f.story("s.tsv", 60)}
	}),
	lesioned("of a text and a table", `--words .* with --text`, func(f *files) []string { return []string{"--words", f.story("w.tsv", 12), "--text", f.path("w.tsv")} }),
	refusal{"lesion columns of tables that are not named", func(f *files) []string {
		return []string{"lesion", "--model", "m", "--subgroups", "n.tsv", "--words", "w.tsv", "--out", f.path("out"), "--seen", "s.tsv", "--seen-columns", "a,b,c", "--seen-columns", "a,b,c"}
	}, 2, `2 --seen-columns, expected one for each of 1 --seen`},
	lesioned("gaps between windows", `--window 5 and --stride 6`, func(f *files) []string {
		return []string{"--words", f.story("w.tsv", 12), "--window", "5", "--stride", "6"}
	}),
	lesioned("of units that are not there", `neurons.tsv: unit 1000 of ffn.out`, func(f *files) []string {
		return []string{"--words", f.story("w.tsv", 12), "--subgroups", f.bytes("neurons.tsv", []byte("model\tlayer\tunit\tnetwork\nmodel\t0\t1000\tx\n"))}
	}),
	lesioned("of a network twice", `--networks x,y,x names x twice`, func(f *files) []string { return []string{"--words", f.story("w.tsv", 12), "--networks", "x,y,x"} }),
	lesioned("of a network that is misspelt", `neurons.tsv: --networks has "@"`, func(f *files) []string { return []string{"--words", f.story("w.tsv", 12), "--networks", "@"} }),
	lesioned("of another model", `neurons.tsv: has no unit of the model "other", but of model`, func(f *files) []string { return []string{"--words", f.story("w.tsv", 12), "--name", "other"} }),
	lesioned("of a model that predicts nothing", `model2.* has no tensor "cls.predictions.transform.dense.weight"`, func(f *files) []string {
		return []string{"--words", f.story("w.tsv", 12), "--model", f.model("model2", bertModel())}
	}),
	refusal{"a loss of masks that nothing names", func(f *files) []string {
		return []string{"extract", "--model", f.model("model", bertModel().filling()), "--ids", f.ids("ids.npy", 101, 7, 102), "--out", f.path("out/r.npy"),
			"--zero", f.bytes("neurons.tsv", []byte("model\tlayer\tunit\tnetwork\nmodel\t0\t0\tx\n")), "--loss"}
	}, 2, `model: the tokenizer names no mask token, expected one for --loss`},
	// extract: the command line
	{"extract of nothing", func(*files) []string { return []string{"extract"} }, 2, `--model is needed: Hugging Face model folder`},
	{"no text", func(f *files) []string {
		return []string{"extract", "--model", f.model("model", bertModel()), "--out", f.path("out/r.npy")}
	}, 2, `0 of --words, --text and --ids are given, expected one`},
	extractRefusal("words and text", `2 of --words, --text and --ids are given`, "--text", "story.txt"),
	extractRefusal("responses of another kind", `r.csv: .*expected .npy or .safetensors`, "--out", "r.csv"),
	extractRefusal("no such tap", `--tap: tap "mlp.out", want ffn.out, .*hidden`, "--tap", "mlp.out"),
	extractRefusal("tap twice", `--tap: tap "hidden" is listed twice`, "--tap", "hidden,hidden"),
	extractRefusal("empty tap", `--tap "" is empty`, "--tap", ""),
	extractRefusal("layer past the last", `--layers: layers "0,3": "3" is not within 0-2`, "--layers", "0,3"),
	extractRefusal("embeddings of a layer", "--layers 1-2 with the tap embed, expected layer 0 among them", "--layers", "1-2", "--tap", "hidden,embed"),
	{"an autoencoder of another width", func(f *files) []string {
		return append(extractArgs(f.model("model", bertModel()), f.story("w.tsv", 12), f.path("out/r.npy")), "--tap", "hidden", "--layers", "1", "--sae", f.autoencoder("sae", testHidden+1, 9))
	}, 2, `sae.safetensors: takes 33 units, the model has 32 at hidden`},
	{"an autoencoder of all layers", func(f *files) []string {
		return append(extractArgs(f.model("model", bertModel()), f.story("w.tsv", 12), f.path("out/r.npy")), "--sae", f.autoencoder("sae", testHidden, 9))
	}, 2, `sae.safetensors: is of one tap of one layer, 1 taps and 3 layers are read`},
	extractRefusal("no autoencoder", `w.tsv`, "--sae", "w.tsv"),
	extractRefusal("layers backwards", `"2-1" is not within 0-2`, "--layers", "2-1"),
	extractRefusal("layer twice", `layer 1 is listed twice`, "--layers", "0-1,1"),
	extractRefusal("no window", `--window 0, expected at least 1`, "--window", "0"),
	extractRefusal("no stride", `--stride 0, expected at least 1`, "--stride", "0"),
	extractRefusal("stride past the window", `--window 10 and --stride 11, expected 1 <= stride <= window`, "--window", "10", "--stride", "11"),
	extractRefusal("float8", `--dtype "float8", expected float32 or float16`, "--dtype", "float8"),
	extractRefusal("two columns", `--columns "word,onset", expected the names of three columns`, "--columns", "word,onset"),
	extractRefusal("columns that are not there", `w.tsv: .*"begin"`, "--columns", "word,begin,end"),
	extractRefusal("rate of a table", `--rate 2 without --text`, "--rate", "2"),
	source("rate of 0", `--rate 0, expected a number above 0`, "--rate=0", func(f *files) string { return "--text=" + f.bytes("t.txt", []byte("a b")) }),
	extractRefusal("too little memory for a layer", `--memory 56MiB is too small: this job needs at least`, "--memory", "56MiB"),

	// extract: the text
	source("text of no words", `t.txt: a text of no words`, "--text", func(f *files) string { return f.bytes("t.txt", []byte(" \n\t\n")) }),
	source("text that is not there", `gone.txt`, "--text", func(f *files) string { return f.path("gone.txt") }),
	source("text that is not UTF-8", `t.txt: is not UTF-8`, "--text", func(f *files) string { return f.bytes("t.txt", []byte("caf\xe9")) }),
	source("word longer than the model's positions", `t.txt: row 1 alone is \d+ tokens .*the model has 256 positions`, "--text",
		func(f *files) string { return f.bytes("t.txt", []byte("one "+strings.Repeat("ab1", 200))) }),
	source("id outside the vocabulary", `i.npy: token id 2000 at place 1 .*0 to 1999`, "--ids", func(f *files) string { return f.ids("i.npy", 3, 2000) }),
	source("negative id", `i.npy: token id -1`, "--ids", func(f *files) string { return f.ids("i.npy", -1) }),
	source("no ids", `i.npy: no token ids`, "--ids", func(f *files) string { return f.header("i.npy", "<i8", "(0,)", 0) }),
	source("more ids than positions", `i.npy: 257 token ids in one window, the model has 256 positions`, "--ids", func(f *files) string { return f.ids("i.npy", make([]int64, 257)...) }),
	source("ids in two dimensions", `i.npy: has shape \[2 2\]`, "--ids", func(f *files) string { return f.header("i.npy", "<i8", "(2, 2)", 32) }),
	source("ids that are no integers", `i.npy`, "--ids", func(f *files) string { return f.npy("i.npy", []int{2}, 1.5, 2) }),

	// extract: the model's folder
	{"a file for a model's folder", func(f *files) []string {
		w := f.story("w.tsv", 12)
		return extractArgs(w, w, f.path("out/r.npy"))
	}, 2, `w.tsv/config.json: no such file: want the folder of a Hugging Face model`},
	{"no such model", func(f *files) []string { return extractArgs(f.path("gone"), f.story("w.tsv", 12), f.path("out/r.npy")) }, 2, `gone/config.json: no such file`},
	broken("config.json that is no JSON", `config.json: not a model's configuration`, func(f *files, dir string) { f.bytes("model/config.json", []byte("{\"model_type\": ")) }),
	configured(`config.json: model_type is "mamba", want bert, roberta, gpt2, llama, mistral, qwen2, qwen3, gemma2, opt or gpt_neox`, "model_type", "mamba"),
	configured(`config.json: hidden_act is "relu6", want`, "hidden_act", "relu6"),
	configured(`config.json: num_hidden_layers is 2.5, want a whole number`, "num_hidden_layers", 2.5),
	configured(`config.json: num_attention_heads is 0, want`, "num_attention_heads", 0),
	configured(`config.json: num_attention_heads is 5, want a divisor of hidden_size, 32`, "num_attention_heads", 5),
	configured(`config.json: num_key_value_heads is 3, want a divisor of the 4 attention heads`, "num_key_value_heads", 3),
	configured(`config.json: head_dim is 7, want an even number`, "head_dim", 7),
	configured(`config.json: rope_scaling.rope_type is "yarn", want default, linear, dynamic or llama3`, "rope_scaling", map[string]any{"rope_type": "yarn", "factor": 2}),
	configured(`config.json: rope_parameters.factor is missing, want a number`, "rope_parameters", map[string]any{"rope_type": "linear"}),
	configured(`config.json: rope_scaling.rope_type is "longrope", want default`, "rope_scaling", map[string]any{"rope_type": "longrope", "long_factor": []int{1}}),
	configured(`config.json: rope_scaling.type is "yarn", want default`, "rope_scaling", map[string]any{"type": "yarn", "factor": 2}),
	configured(`config.json: rope_parameters.full_attention is .*want no numbers for some layers alone`, "rope_parameters", map[string]any{"full_attention": map[string]any{"rope_type": "default"}}),
	configured(`config.json: partial_rotary_factor is 0.5, want 1: the rotation of a part of a head is not built`, "partial_rotary_factor", 0.5),
	configured(`config.json: sliding_window is 4096, want null: windows of attention are not built`, "sliding_window", 4096),
	configured(`config.json: layer_types is \["full_attention","sliding_attention"\], want full_attention alone`, "layer_types", []string{"full_attention", "sliding_attention"}),
	configured(`config.json: num_local_experts is 8, want 1: mixtures of experts are not built`, "num_local_experts", 8),
	configured(`config.json: num_experts is 60, want 1`, "num_experts", 60),
	configured(`config.json: clip_qkv is 8, want null`, "clip_qkv", 8),
	configured(`config.json: residual_multiplier is 0.22, want 1: scaled residuals are not built`, "residual_multiplier", 0.22),
	configured(`config.json: hidden_act is "gelu_10", want`, "hidden_act", "gelu_10"),
	configuredOf(bertModel(), `config.json: position_embedding_type is "relative_key", want absolute`, "position_embedding_type", "relative_key"),
	configuredOf(bertModel(), `config.json: is_decoder is true, want false`, "is_decoder", true),
	configuredOf(bertModel(), `config.json: add_cross_attention is true, want false`, "add_cross_attention", true),
	configuredOf(bertModel(), `config.json: pruned_heads is {"0":\[1\]}, want {}: pruned heads are not built`, "pruned_heads", map[string]any{"0": []int{1}}),
	configuredOf(bertModel(), `config.json: hidden_act is "mish", want`, "hidden_act", "mish"),
	configuredAs("mistral", `config.json: sliding_window is 0, want a whole number`, "sliding_window", 0),
	configuredAs("mistral", `config.json: is_causal is false, want true: windows of attention that see both ways are not built`, "is_causal", false),
	configuredAs("mistral", `config.json: rope_scaling.rope_type is "yarn", want default`, "rope_scaling", map[string]any{"rope_type": "yarn", "factor": 2}),
	configuredAs("qwen2", `config.json: layer_types is .*want one for each of the 2 layers`, "layer_types", []string{"full_attention"}),
	configuredAs("qwen2", `config.json: layer_types is .*want full_attention and sliding_attention alone`, "layer_types", []string{"full_attention", "chunked_attention"}),
	configuredAs("qwen2", `config.json: rope_parameters.rope_type is "longrope", want default`, "rope_parameters", map[string]any{"rope_type": "longrope"}),
	configuredAs("qwen3", `config.json: head_dim is 7, want an even number`, "head_dim", 7),
	configuredAs("gemma2", `config.json: use_bidirectional_attention is true, want false`, "use_bidirectional_attention", true),
	configuredAs("gemma2", `config.json: query_pre_attn_scalar is 0, want a positive number`, "query_pre_attn_scalar", 0),
	configuredAs("gemma2", `config.json: hidden_act is "tanh", want`, "hidden_activation", "tanh"),
	configuredAs("opt", `config.json: layer_norm_elementwise_affine is false, want true`, "layer_norm_elementwise_affine", false),
	configuredAs("opt", `config.json: word_embed_proj_dim is 64, want at most hidden_size`, "word_embed_proj_dim", 64),
	configuredAs("gpt_neox", `config.json: partial_rotary_factor 0.1 turns 0 of the 8 units of a head`, "rotary_pct", 0.1),
	configuredAs("gpt_neox", `config.json: rope_scaling.type is "yarn", want default`, "rope_scaling", map[string]any{"type": "yarn", "factor": 2}),
	configured(`config.json: rope_parameters.partial_rotary_factor is 0.5, want 1`, "rope_parameters", map[string]any{"rope_type": "default", "partial_rotary_factor": 0.5}),
	configuredAs("qwen3_next", `config.json: model_type is "qwen3_next", want bert`, "x", 1),
	configuredAs("gemma3_text", `config.json: model_type is "gemma3_text", want bert`, "x", 1),
	configured(`config.json: quantization_config is .*quantised weights are not built`, "quantization_config", map[string]any{"bits": 4}),
	configured(`config.json: attention_bias is "yes", want true or false`, "attention_bias", "yes"),
	configured(`tensor model.layers.0.mlp.gate_proj.weight has shape \[48 32\], the configuration wants 64 x 32`, "intermediate_size", 64),
	configured(`has no tensor "model.layers.2.input_layernorm.weight"`, "num_hidden_layers", 1<<30),
	broken("missing tensor", `has no tensor "model.layers.1.mlp.up_proj.weight"`, spoilWeights(renamed("layers.1.mlp.up_proj", "layers.1.mlp.up_gone"))),
	broken("weights of integers", `tensor model.layers.1.mlp.up_proj.weight is .*want F64, F32, F16 or BF16`, spoilWeights(func(data []byte) []byte {
		at := strings.Index(string(data), `"model.layers.1.mlp.up_proj.weight":{"dtype":"F32"`)
		return []byte(string(data[:at]) + strings.Replace(string(data[at:]), "F32", "I32", 1))
	})),
	broken("weights of an eighth of a float", `tensor model.layers.1.mlp.up_proj.weight is F8_E4M3, want F64, F32, F16 or BF16`, spoilWeights(func(data []byte) []byte {
		end := 8 + int(binary.LittleEndian.Uint64(data))
		was, is := `"model.layers.1.mlp.up_proj.weight":{"dtype":"F32","shape":[48,32]`, `"model.layers.1.mlp.up_proj.weight":{"dtype":"F8_E4M3","shape":[48,32,4]`
		header := strings.Replace(string(data[8:end]), was, is, 1)
		return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data[end:]...)
	})),
	broken("weight that is no number", `model: tensor model.layers.1.mlp.up_proj.weight: holds NaN, want finite numbers`, spoilWeights(spoiled("model.layers.1.mlp.up_proj.weight", 0x7fc00000))),
	broken("infinite weight", `model: tensor model.layers.0.input_layernorm.weight: holds -Inf, want finite numbers`, spoilWeights(spoiled("model.layers.0.input_layernorm.weight", 0xff800000))),
	broken("infinite embedding", `model: tensor model.embed_tokens.weight: row \d+ holds \+Inf, want finite numbers`, spoilWeights(spoiled("model.embed_tokens.weight", 0x7f800000))),
	broken("weights beyond float32", `model: responses of ffn.out in layer 0 are not finite`, spoilWeights(spoiled("model.layers.0.mlp.down_proj.weight", 0x7f7fffff))),
	configured(`config.json: is_causal is "no", want true or false`, "is_causal", "no"),
	configured(`config.json: rope_scaling is \[2\], want an object`, "rope_scaling", []int{2}),
	configured(`config.json: alibi is true, want false`, "alibi", true),
	configured(`config.json: attn_logit_softcapping is 50, want null`, "attn_logit_softcapping", 50),
	configuredOf(gpt2Config(), `config.json: hidden_size is 64, want 32, as n_embd says`, "hidden_size", 64),
	configuredOf(gpt2Config(), `config.json: num_hidden_layers is 3, want 2, as n_layer says`, "num_hidden_layers", 3),
	tokenizerConfigured(`do_basic_tokenize is false, want true`, `{"do_basic_tokenize":false}`),
	tokenizerConfigured(`never_split is \["a"\], want none`, `{"never_split":["a"]}`),
	tokenizerConfigured(`split_special_tokens is true, want false`, `{"split_special_tokens":true}`),
	tokenizerConfigured(`sp_model_kwargs.enable_sampling is true, want false`, `{"sp_model_kwargs":{"enable_sampling":true}}`),
	tokenizerConfigured(`added_tokens_decoder: key "x" is no id`, `{"added_tokens_decoder":{"x":{"content":"y"}}}`),
	tokenizerConfigured(`added_tokens_decoder: added token "<y>" has id 5, its place in the vocabulary is \d+`, `{"added_tokens_decoder":{"5":{"content":"<y>"}}}`),
	tokenizerConfigured(`extra_special_tokens is 7, want a list or an object of tokens`, `{"extra_special_tokens":7}`),
	tokenizerConfigured(`not a tokenizer's configuration`, `[`),
	broken("weights cut short", `model.safetensors.*bytes`, spoilWeights(func(data []byte) []byte { return data[:len(data)-7] })),
	broken("weights with bytes behind", `model.safetensors.*bytes`, spoilWeights(func(data []byte) []byte { return append(data, 0) })),
	broken("weights of no bytes", `model.safetensors: has 0 bytes`, spoilWeights(func([]byte) []byte { return nil })),
	broken("header of 2^63 bytes", `model.safetensors: asks for a header of`, spoilWeights(func(data []byte) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, 1<<63), data[8:]...)
	})),
	broken("tensors that overlap", `model.safetensors: bad .safetensors header`, spoilWeights(func(data []byte) []byte {
		return []byte(strings.Replace(string(data), `"data_offsets":[256000,256128]`, `"data_offsets":[255999,256127]`, 1))
	})),
	broken("name that comes twice", `model.safetensors: bad .safetensors header`, spoilWeights(renamed("layers.1.mlp.up_proj", "layers.0.mlp.up_proj"))),
	broken("no weights", `has neither model.safetensors nor model.safetensors.index.json`, func(f *files, dir string) { os.Remove(filepath.Join(dir, "model.safetensors")) }),
	broken("shard that is not there", `model-00002-of-00002.safetensors`, sharded(`{"weight_map":{"a":"model-00002-of-00002.safetensors"}}`)),
	broken("shard outside the folder", `names shard "../x.safetensors", expected a file beside it`, sharded(`{"weight_map":{"a":"../x.safetensors"}}`)),
	broken("shard without its tensor", `says tensor "a" is in model-00001-of-00001.safetensors, which does not have it`, sharded(`{"weight_map":{"a":"model-00001-of-00001.safetensors"}}`)),
	broken("truncated shard", `model-00001-of-00001.safetensors.*bytes`, func(f *files, dir string) {
		spoilWeights(func(data []byte) []byte { return data[:len(data)/2] })(f, dir)
		sharded(`{"weight_map":{"a":"model-00001-of-00001.safetensors"}}`)(f, dir)
	}),
	broken("index of nothing", `model.safetensors.index.json: has no weight_map`, sharded(`{}`)),
	broken("no tokenizer", `neither tokenizer.json nor tokenizer.model is there; token ids need none`, func(f *files, dir string) { os.Remove(filepath.Join(dir, "tokenizer.json")) }),
	broken("tokenizer of another kind", `tokenizer.json: model.type "Unigram" is not built, want WordPiece or BPE`, spoilTokenizer(`{"model":{"type":"Unigram","vocab":[]}}`)),
	broken("tokenizer that is no JSON", `tokenizer.json`, spoilTokenizer(`{"model":`)),
	{"tokens that the model has no embedding for", func(f *files) []string {
		m := llamaModel(32, 48, 2)
		m.config["vocab_size"], m.tensors["model.embed_tokens.weight"] = 20, []int{20, 32}
		return extractArgs(f.model("model", m), f.story("w.tsv", 12), f.path("out/r.npy"))
	}, 2, `w.tsv: token id \d+ at place \d+ .*the vocabulary has 0 to 19`},

	{"demo without its model", func(f *files) []string {
		return []string{"demo", "--out", f.path("out"), "--minilm", f.path("gone")}
	}, 2, `gone: has no config.json, expected the folder of MiniLM`},

	// align
	{"align of nothing", func(*files) []string { return []string{"align"} }, 2, `--responses is needed: responses per word`},
	{"align without a TR", func(f *files) []string {
		return []string{"align", "--responses", f.npy("r.npy", []int{12, 3}), "--words", f.story("w.tsv", 12), "--out", f.path("out/s.npy"), "--volumes", "10"}
	}, 2, `--tr is needed: seconds`},
	alignRefusal("too little memory to align", `--memory 8MiB is too small: this job needs at least`, "--memory", "8MiB"),
	alignRefusal("no TR", `--tr 0, expected 1e-4 to 1e4`, "--tr", "0"),
	alignRefusal("TR of a nanosecond", `--tr 1e-09, expected 1e-4`, "--tr", "1e-9"),
	alignRefusal("TR that is no number", `--tr`, "--tr", "NaN"),
	alignRefusal("no volumes", `--volumes 0, expected 1 to`, "--volumes", "0"),
	alignRefusal("2^50 volumes", `--volumes "1125899906842624", expected a whole number`, "--volumes", "1125899906842624"),
	alignRefusal("start at infinity", `start`, "--start", "inf"),
	alignRefusal("response", `--hrf "canonical", expected none, glover or spm`, "--hrf", "canonical"),
	alignRefusal("words of a volume", `--within "median", expected mean, sum, last or lanczos`, "--within", "median"),
	alignRefusal("trend", `--detrend: .*"cubic"`, "--detrend", "cubic"),
	alignRefusal("scaling", `--standardize "unit", expected none or zscore`, "--standardize", "unit"),
	alignRefusal("word rate of another kind", `rate.txt: .*expected .npy`, "--word-rate", "rate.txt"),
	alignRefusal("word rate in the place of the responses", `s.npy: is --out too`, "--out", "x/s.npy", "--word-rate", "./x/s.npy"),
	alignRefusal("no word in any volume", `w.tsv: no word begins within the volumes: onsets go from 1 to 6.5 s, the volumes from 1000 to 1020 s`, "--start", "1000"),
	alignRefusal("aligned to another kind", `s.nii: .*expected .npy`, "--out", "s.nii"),
	alignRefusal("columns of a word table", `--columns "a,,c", expected`, "--columns", "a,,c"),
	{"responses of other words", func(f *files) []string {
		return []string{"align", "--responses", f.npy("r.npy", []int{11, 3}), "--words", f.story("w.tsv", 12), "--out", f.path("out/s.npy"), "--tr", "2", "--volumes", "10"}
	}, 2, `r.npy: responses have 11 rows, expected one for each of the 12 rows of words`},
	wordTable("empty", `w.tsv: `, ""),
	wordTable("no onset column", `w.tsv: .*no column "onset"`, "word\toffset\na\t1\nb\t2\n"),
	wordTable("no word column", `w.tsv: .*no column "word"`, "onset\toffset\n1\t2\n1\t2\n"),
	wordTable("no onset in any row", `w.tsv: no row of 2 has an onset`, "word\tonset\toffset\na\t\t\nb\t\t\n"),
	wordTable("onset that is no number", `w.tsv: .*"soon"`, "word\tonset\toffset\na\tsoon\t2\nb\t1\t2\n"),
	wordTable("row cut short", `w.tsv: `, "word\tonset\toffset\na\t1\t2\nb\n"),
}

// gpt2Config is a GPT-2 of which there is a configuration alone, which is read first.
func gpt2Config() *testModel {
	return &testModel{tensors: map[string][]int{}, config: map[string]any{"model_type": "gpt2", "vocab_size": testVocab, "n_embd": 32, "n_head": 4, "n_layer": 2}}
}

// ids writes token ids.
func (f *files) ids(name string, ids ...int64) string {
	f.t.Helper()
	if err := npytest.Save(f.path(name), []int{len(ids)}, ids); err != nil {
		f.t.Fatal(err)
	}
	return f.path(name)
}
