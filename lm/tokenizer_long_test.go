//go:build long

package lm

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"voxen/store"
)

// TestAllUnicode sweeps every character.
func TestAllUnicode(t *testing.T) {
	sweepUnicode(t, func(rune) bool { return true })
}

// TestRealTokenizers compares tokenizers of real models, which are not
// shipped: each folder of VOXEN_TOKENIZERS holds a tokenizer.json and the
// cases.json that testdata/lm/tokenizer_cases.py made of it.
func TestRealTokenizers(t *testing.T) {
	root := os.Getenv("VOXEN_TOKENIZERS")
	if root == "" {
		t.Skip("VOXEN_TOKENIZERS is not set")
	}
	folders, err := filepath.Glob(filepath.Join(root, "*", "cases.json"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no */cases.json in %s", root)
	}
	for _, f := range folders {
		tok, err := LoadTokenizer(store.OS{}, filepath.Dir(f))
		if err != nil {
			t.Fatal(err)
		}
		var cases []tokenizerCase
		readJSON(t, f, &cases)
		for _, c := range cases {
			var ids []int
			for _, p := range tok.Encode(c.Text) {
				ids = append(ids, p.ID)
			}
			if !slices.Equal(ids, c.IDs) {
				t.Errorf("%s: %.60q:\n ids %v\nwant %v", f, c.Text, ids, c.IDs)
			}
		}
	}
}
