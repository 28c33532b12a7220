package lm

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fuzzTexts have words, spaces, an accent in two characters, a byte that is no
// text, and what added tokens look like.
var fuzzTexts = []string{"Alice’s  cat\r\n42", "e\u0301 \xff\U0001f600", "<s>[MASK] <|end|>", ""}

// encodeAll wants pieces that lie within their text, in order.
func encodeAll(t testing.TB, tok *Tokenizer) {
	for _, text := range fuzzTexts {
		at := 0
		for _, p := range tok.Encode(text) {
			if p.Lo < 0 || p.Hi < p.Lo || p.Hi > len(text) || p.Lo < at {
				t.Fatalf("piece %+v after %d of %q", p, at, text)
			}
			at = p.Lo
			if p.ID < 0 || p.ID >= tok.vocab {
				t.Fatalf("id %d in a vocabulary of %d", p.ID, tok.vocab)
			}
		}
	}
}

// oneLine wants a refusal that fits a line.
func oneLine(t *testing.T, err error) {
	if strings.Contains(err.Error(), "\n") {
		t.Fatalf("refusal of several lines: %q", err)
	}
}

// A change to a file puts the JSON in value (as a string, if it is none) in the place
// of the where-th value of a good file, counted depth first. Changed bytes would
// nearly always be no JSON, and an input of this size is made small at once.
type change struct {
	left  int
	value any
}

func (c *change) apply(x any) any {
	if c.left--; c.left < 0 {
		return x
	}
	if c.left == 0 {
		return c.value
	}
	switch x := x.(type) {
	case map[string]any:
		y := maps.Clone(x)
		for _, k := range slices.Sorted(maps.Keys(x)) {
			y[k] = c.apply(x[k])
		}
		return y
	case []any:
		y := slices.Clone(x)
		for i := range x {
			y[i] = c.apply(x[i])
		}
		return y
	}
	return x
}

// changed makes the bytes of a changed file.
func changed(doc any, where uint16, value []byte) []byte {
	c := &change{left: int(where) + 1}
	if json.Unmarshal(value, &c.value) != nil {
		c.value = string(value)
	}
	b, err := json.Marshal(c.apply(doc))
	if err != nil {
		panic(err)
	}
	return b
}

// FuzzTokenizerJSON: a tokenizer that encodes any text, or a refusal.
func FuzzTokenizerJSON(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join(goldenTokenizers, "*", "tokenizer.json"))
	if len(paths) == 0 {
		f.Fatal("no tokenizers")
	}
	docs := make([]any, len(paths))
	for i, path := range paths {
		docs[i] = shortTokenizer(f, path)
		b, err := json.Marshal(docs[i])
		if err != nil {
			f.Fatal(err)
		}
		tok, err := parseTokenizerJSON(b)
		if err != nil {
			f.Fatalf("%s: %v", path, err)
		}
		encodeAll(f, tok)
		f.Add(uint8(i), uint16(0xffff), []byte("null"))
		f.Add(uint8(i), uint16(3), []byte(`{"type":"Sequence","normalizers":[]}`))
		f.Add(uint8(i), uint16(9), []byte(`[{"id":7,"content":"<s>","lstrip":true,"single_word":true,"normalized":true}]`))
	}
	f.Fuzz(func(t *testing.T, file uint8, where uint16, value []byte) {
		tok, err := parseTokenizerJSON(changed(docs[int(file)%len(docs)], where, value))
		if err != nil {
			oneLine(t, err)
			return
		}
		encodeAll(t, tok)
	})
}

// shortTokenizer keeps 20 ids, the bytes and no merges, so that inputs are read
// thousands of times a second.
func shortTokenizer(f *testing.F, path string) any {
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		f.Fatal(err)
	}
	model := all["model"].(map[string]any)
	vocab := map[string]any{}
	pieces := model["vocab"].(map[string]any)
	for _, piece := range slices.SortedFunc(maps.Keys(pieces), func(a, b string) int { return int(pieces[a].(float64) - pieces[b].(float64)) }) {
		if len(vocab) < 20 || model["byte_fallback"] == true && strings.HasPrefix(piece, "<0x") {
			vocab[piece] = len(vocab)
		}
	}
	model["merges"] = []any{}
	next := len(vocab)
	for _, a := range all["added_tokens"].([]any) {
		a := a.(map[string]any)
		id, ok := vocab[a["content"].(string)]
		if !ok {
			id, next = next, next+1
		}
		a["id"] = id
	}
	text, err := json.Marshal(vocab)
	if err != nil {
		f.Fatal(err)
	}
	model["vocab"] = json.RawMessage(text) // one value, so that changes fall elsewhere
	return all
}

// FuzzSentencePiece: the same for a serialised ModelProto.
func FuzzSentencePiece(f *testing.F) {
	var b []byte
	message := func(num protowire.Number, value []byte) {
		b = protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), value)
	}
	for i, text := range []string{"<unk>", "<s>", "</s>", "▁", "a", "▁a", "l"} {
		p := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), text)
		p = protowire.AppendFixed32(protowire.AppendTag(p, 2, protowire.Fixed32Type), math.Float32bits(-float32(i)))
		message(1, protowire.AppendVarint(protowire.AppendTag(p, 3, protowire.VarintType), uint64([]int{2, 3, 3, 1, 1, 1, 1}[i])))
	}
	message(2, protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), trainerBPE))
	message(3, protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.VarintType), 0))
	if m, err := parseSP(b); err != nil {
		f.Fatal(err)
	} else if _, err := m.tokenizer(); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseSP(b)
		if err != nil {
			oneLine(t, err)
			return
		}
		tok, err := m.tokenizer()
		if err != nil {
			oneLine(t, err)
			return
		}
		encodeAll(t, tok)
	})
}

// FuzzConfig: a configuration whose sizes agree, or a refusal.
func FuzzConfig(f *testing.F) {
	paths, _ := filepath.Glob("../testdata/lm/*/config.json")
	if len(paths) == 0 {
		f.Fatal("no configurations")
	}
	docs := make([]any, len(paths))
	for i, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if err := json.Unmarshal(b, &docs[i]); err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), uint16(0xffff), []byte("null"))
	}
	f.Add(uint8(0), uint16(0), []byte("{\"model_type\": [\n1]}"))
	f.Fuzz(func(t *testing.T, file uint8, where uint16, value []byte) {
		c, err := parseConfig(changed(docs[int(file)%len(docs)], where, value))
		if err != nil {
			oneLine(t, err)
			return
		}
		if c.Layers < 1 || c.Hidden < 1 || c.Heads < 1 || c.Vocab < 1 || c.Heads%c.KVHeads != 0 || c.Positions < 1 {
			t.Fatalf("accepted %+v", c)
		}
	})
}

// FuzzTokenizerConfig: what it asks of a tokenizer is done or refused.
func FuzzTokenizerConfig(f *testing.F) {
	for _, c := range []string{`{}`, `{"tokenizer_class":"BertTokenizer","do_lower_case":false,"cls_token":"[SEP]"}`, `{"add_prefix_space":false,"legacy":true,"bos_token":{"content":"<s>"}}`,
		`{"added_tokens_decoder":{"3":{"content":"a"}},"additional_special_tokens":["x"]}`, `[`} {
		f.Add([]byte(c))
	}
	file := []byte(wordPieceJSON(`{"type":"BertNormalizer","lowercase":true}`, `{"type":"ByteLevel"}`, "null", ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := parseTokenizerJSON(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := tok.configure(b); err != nil {
			oneLine(t, err)
			return
		}
		tok.index()
		encodeAll(t, tok)
	})
}
