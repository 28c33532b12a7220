package lm

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// wordPieceJSON is a tokenizer.json with the given parts.
func wordPieceJSON(normalizer, pre, post, model string) string {
	return fmt.Sprintf(`{"added_tokens":[],"normalizer":%s,"pre_tokenizer":%s,"post_processor":%s,"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"##a":2,"##aa":3}%s}}`,
		normalizer, pre, post, model)
}

// nest puts n sequences around a component.
func nest(n int, list, inner string) string {
	return strings.Repeat(`{"type":"Sequence","`+list+`":[`, n) + inner + strings.Repeat("]}", n)
}

// steps lists a component n times.
func steps(n int, list, step string) string {
	return `{"type":"Sequence","` + list + `":[` + strings.Repeat(step+",", n-1) + step + "]}"
}

// What would take time or memory without end is refused, and named.
func TestHostileTokenizers(t *testing.T) {
	double := `{"type":"Replace","pattern":{"String":"a"},"content":"aa"}`
	bert := `{"type":"BertPreTokenizer"}`
	long := strings.Repeat("a", maxPiece+1)
	for name, c := range map[string]struct{ file, says string }{
		"nested normalizers":     {wordPieceJSON(nest(maxNested+1, "normalizers", double), bert, "null", ""), "normalizer: sequences are nested deeper than 16"},
		"nested pre-tokenizers":  {wordPieceJSON("null", nest(4000, "pretokenizers", bert), "null", ""), "pre_tokenizer: sequences are nested deeper than 16"},
		"nested post-processors": {wordPieceJSON("null", bert, nest(100, "processors", `{"type":"ByteLevel"}`), ""), "post_processor: sequences are nested deeper than 16"},
		"text that doubles":      {wordPieceJSON(steps(11, "normalizers", double), bert, "null", ""), "normalizer makes up to 2048 characters of one"},
		"many normalizers":       {wordPieceJSON(steps(maxSteps+1, "normalizers", `{"type":"Replace","pattern":{"String":"a"},"content":"b"}`), bert, "null", ""), "normalizer has more than 64 steps"},
		"many pre-tokenizers":    {wordPieceJSON("null", steps(maxSteps+1, "pretokenizers", bert), "null", ""), "pre_tokenizer has more than 64 steps"},
		"bytes of bytes":         {wordPieceJSON("null", steps(2, "pretokenizers", `{"type":"ByteLevel"}`), "null", ""), `pre_tokenizer.type "ByteLevel" is not built, want it once`},
		"long piece":             {wordPieceJSON("null", bert, "null", `,"max_input_chars_per_word":1000000,"vocab":{"[UNK]":0,"`+long+`":1}`), "model.max_input_chars_per_word 1000000 with a piece of 1025 bytes"},
		"long added token":       {strings.Replace(wordPieceJSON("null", bert, "null", ""), "[]", `[{"id":4,"content":"`+long+`"}]`, 1), "has 1025 characters, want at most 512"},
		"added token elsewhere":  {strings.Replace(wordPieceJSON("null", bert, "null", ""), "[]", `[{"id":9,"content":"b"}]`, 1), `added token "b" has id 9, its place in the vocabulary is 4`},
	} {
		if _, err := parseTokenizerJSON([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// Words of a size that a quadratic step would not end with: each takes
// milliseconds.
func TestLinearWords(t *testing.T) {
	const n = 1 << 18
	for name, c := range map[string]struct{ file, text string }{
		"combining marks": {wordPieceJSON(`{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":true,"lowercase":true}`, `{"type":"BertPreTokenizer"}`, "null", ""), "a" + strings.Repeat("\u0301\u0316", n/2)},
		"composed marks":  {wordPieceJSON(`{"type":"NFC"}`, `{"type":"BertPreTokenizer"}`, "null", ""), "a" + strings.Repeat("\u0301\u0316", n/2)},
		"a long word":     {wordPieceJSON("null", `{"type":"BertPreTokenizer"}`, "null", `,"max_input_chars_per_word":2147483647`), strings.Repeat("a", n) + "b"},
	} {
		tok, err := parseTokenizerJSON([]byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if pieces := tok.Encode(c.text); len(pieces) != 1 {
			t.Errorf("%s: %d pieces", name, len(pieces))
		}
		if took := time.Since(start); took > 5*time.Second { // n*n steps would take minutes
			t.Errorf("%s: %d characters took %v", name, n, took)
		}
	}
}
