package lm

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fuzzTexts have words, spaces, an accent in two characters, a byte that is no
// text, and what added tokens look like.
var fuzzTexts = []string{"Alice’s  cat\r\n42", "e\u0301 \xff\U0001f600", "<s>[MASK] <|end|>", ""}

// encodeAll wants pieces that lie within their text, in order.
func encodeAll(t *testing.T, tok *Tokenizer) {
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

// FuzzTokenizerJSON: a tokenizer that encodes any text, or a refusal.
func FuzzTokenizerJSON(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join(goldenTokenizers, "*", "tokenizer.json"))
	if len(paths) == 0 {
		f.Fatal("no tokenizers")
	}
	for _, path := range paths {
		f.Add(shortTokenizer(f, path))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := parseTokenizerJSON(b)
		if err != nil {
			oneLine(t, err)
			return
		}
		encodeAll(t, tok)
	})
}

// shortTokenizer keeps the first 60 ids and the merges among them, so that
// changes fall on what is read rather than on the vocabulary.
func shortTokenizer(f *testing.F, path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		f.Fatal(err)
	}
	model := all["model"].(map[string]any)
	vocab := model["vocab"].(map[string]any)
	for piece, id := range vocab {
		if id.(float64) >= 60 {
			delete(vocab, piece)
		}
	}
	model["merges"] = []any{}
	b, err = json.Marshal(all)
	if err != nil {
		f.Fatal(err)
	}
	return b
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
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("{\"model_type\": [\n1]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig(b)
		if err != nil {
			oneLine(t, err)
			return
		}
		if c.Layers < 1 || c.Hidden < 1 || c.Heads < 1 || c.Vocab < 1 {
			t.Fatalf("accepted %+v", c)
		}
	})
}
