package lm

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"voxen/store"
)

const goldenTokenizers = "../testdata/lm/tokenizers"

type tokenizerCase struct {
	Text    string
	IDs     []int
	Offsets [][2]int // in characters
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// characters turns a byte range into one of characters.
func characters(text string, p Piece) [2]int {
	return [2]int{utf8.RuneCountInString(text[:p.Lo]), utf8.RuneCountInString(text[:p.Hi])}
}

// TestTokenizersMatchHuggingFace compares ids and offsets with what Hugging
// Face tokenizers made of the same files.
func TestTokenizersMatchHuggingFace(t *testing.T) {
	for _, name := range []string{"bert-uncased", "bert-cased", "llama2", "llama2-metaspace", "llama3", "gpt2", "qwen2", "gemma2", "opt", "neox"} {
		t.Run(name, func(t *testing.T) {
			tok, err := LoadTokenizer(store.OS{}, filepath.Join(goldenTokenizers, name))
			if err != nil {
				t.Fatal(err)
			}
			var cases []tokenizerCase
			readJSON(t, filepath.Join(goldenTokenizers, name, "cases.json"), &cases)
			if len(cases) < 50 {
				t.Fatalf("%d cases", len(cases))
			}
			for _, c := range cases {
				var ids []int
				var offsets [][2]int
				for _, p := range tok.Encode(c.Text) {
					ids = append(ids, p.ID)
					offsets = append(offsets, characters(c.Text, p))
				}
				if !slices.Equal(ids, c.IDs) {
					t.Errorf("%.60q:\n ids %v\nwant %v", c.Text, ids, c.IDs)
				} else if !slices.Equal(offsets, c.Offsets) {
					t.Errorf("%.60q:\n offsets %v\n    want %v", c.Text, offsets, c.Offsets)
				}
			}
		})
	}
}

// TestSentencePieceModel compares tokenizer.model read alone with the
// sentencepiece library.
func TestSentencePieceModel(t *testing.T) {
	for name, start := range map[string]int{"llama2": 1, "gemma2": 2, "symbols": 2} {
		tok, err := readSentencePiece(store.OS{}, filepath.Join(goldenTokenizers, name, "tokenizer.model"))
		if err != nil {
			t.Fatal(err)
		}
		if tok.Start() != start {
			t.Errorf("%s: start token %d, want %d", name, tok.Start(), start)
		}
		var cases []tokenizerCase
		readJSON(t, filepath.Join(goldenTokenizers, name, "cases-model.json"), &cases)
		for _, c := range cases {
			if ids := encodeIDs(tok, c.Text); !slices.Equal(ids, c.IDs) {
				t.Errorf("%s: %.60q:\n ids %v\nwant %v", name, c.Text, ids, c.IDs)
			}
		}
	}
}

// encodeIDs is the ids of a text's pieces, not nil.
func encodeIDs(tok *Tokenizer, text string) []int {
	ids := []int{}
	for _, p := range tok.Encode(text) {
		ids = append(ids, p.ID)
	}
	return ids
}

// TestTokenizerConfigs compares with transformers' AutoTokenizer what a
// tokenizer_config.json and added tokens of every kind change.
func TestTokenizerConfigs(t *testing.T) {
	var cases []struct {
		Folder        string
		Config, Added json.RawMessage
		Texts         []struct {
			Text     string
			IDs, All []int
		}
	}
	readJSON(t, filepath.Join(goldenTokenizers, "configs.json"), &cases)
	if len(cases) < 50 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		var file map[string]any
		readJSON(t, filepath.Join(goldenTokenizers, c.Folder, "tokenizer.json"), &file)
		var added []any
		if err := json.Unmarshal(c.Added, &added); err != nil {
			t.Fatal(err)
		}
		file["added_tokens"] = append(file["added_tokens"].([]any), added...)
		b, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := parseTokenizerJSON(b)
		if err == nil {
			err = tok.configure(c.Config)
		}
		if err != nil {
			t.Errorf("%s %s %s: %v", c.Folder, c.Config, c.Added, err)
			continue
		}
		tok.index()
		for _, want := range c.Texts {
			ids := encodeIDs(tok, want.Text)
			if !slices.Equal(ids, want.IDs) {
				t.Errorf("%s %s %s: %q:\n ids %v\nwant %v", c.Folder, c.Config, c.Added, want.Text, ids, want.IDs)
			}
			if tok.start >= 0 && !tok.bare {
				ids = append([]int{tok.start}, ids...)
			}
			if tok.end >= 0 {
				ids = append(ids, tok.end)
			}
			if len(want.All) > len(want.IDs) && !slices.Equal(ids, want.All) {
				t.Errorf("%s %s: %q with its ends:\n ids %v\nwant %v", c.Folder, c.Config, want.Text, ids, want.All)
			}
		}
	}
}

func TestAliceWords(t *testing.T) {
	tok, err := LoadTokenizer(store.OS{}, filepath.Join(goldenTokenizers, "bert-uncased"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ IDs, Rows []int }
	readJSON(t, filepath.Join(goldenTokenizers, "words.json"), &want)
	f, err := os.Open("../testdata/alice/words.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	table, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var ids, rows []int
	for i, rec := range table[1:] {
		for _, p := range tok.Encode(rec[0]) {
			ids, rows = append(ids, p.ID), append(rows, i)
		}
	}
	if !slices.Equal(ids, want.IDs) || !slices.Equal(rows, want.Rows) {
		t.Errorf("pieces of the Alice words differ from Hugging Face's: %d pieces, want %d", len(ids), len(want.IDs))
	}
}

// TestUnicode sweeps characters through the normalisers and patterns: all
// below U+0600 and a block in 16 of the rest; the build tag long takes all.
func TestUnicode(t *testing.T) {
	sweepUnicode(t, func(base rune) bool { return base < 0x600 || base/256%16 == 0 })
}

func sweepUnicode(t *testing.T, take func(base rune) bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenTokenizers, "unicode.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")[1:]
	bert := func(lower bool) func(c string) []string {
		n := bertNormalizer{clean: true, ideographs: true, stripAccents: lower, lower: lower}
		return func(c string) (parts []string) {
			for _, w := range splitBERT(n.apply(charsOf("a"+c+"b", 0))) {
				parts = append(parts, stringOf(w))
			}
			return parts
		}
	}
	pattern := func(s scanner) func(c string) []string {
		return func(c string) (parts []string) {
			for _, w := range s.split(charsOf("a"+c+"1"+c+" "+c+"\n"+c+"'"+c, 0)) {
				parts = append(parts, stringOf(w))
			}
			return parts
		}
	}
	nfc := func(c string) []string { return []string{stringOf(compose(charsOf("a"+c+"\u0323\u0301"+c, 0)))} }
	columns := []func(string) []string{bert(true), bert(false), pattern(scanGPT2), pattern(scanLlama(3)), pattern(scanLlama(1)), nfc}
	for _, l := range lines {
		f := strings.Split(l, "\t")
		base, err := strconv.ParseInt(f[0], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if !take(rune(base)) {
			continue
		}
		for k, split := range columns {
			var parts []string
			for r := rune(base); r < rune(base)+256; r++ {
				if r < 0xd800 || r >= 0xe000 {
					parts = append(parts, strings.Join(split(string(r)), "\x02"))
				}
			}
			sum := sha256.Sum256([]byte(strings.Join(parts, "\x01")))
			if got := hex.EncodeToString(sum[:4]); got != f[k+1] {
				t.Errorf("block %s column %d differs", f[0], k)
			}
		}
	}
}
