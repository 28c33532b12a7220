package lm

import (
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/store"
)

// windowGolden is what testdata/lm/windows.py wrote.
type windowGolden struct {
	Hard  [][2]any
	Cases []struct {
		Family, Tokenizer, Table  string
		Window, Stride, Positions int
		Windows                   [][4]int64
		Rows                      [][3]int
	}
}

// textModel is a model without weights, for what needs only words.
func textModel(t *testing.T, family, tokenizer string, positions int) *Model {
	t.Helper()
	tok, err := LoadTokenizer(store.OS{}, filepath.Join(goldenTokenizers, tokenizer))
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{Type: "bert", Positions: positions, Vocab: 1 << 20, Start: -1, Padding: -1, family: bert}
	if family == "causal" {
		c.Type, c.family = "llama", llama
	}
	return &Model{Config: c, Tokenizer: tok}
}

func TestWindows(t *testing.T) {
	var golden windowGolden
	readJSON(t, "../testdata/lm/windows.json", &golden)
	tables := map[string][]Row{"alice": aliceRows(t)[:400]}
	for _, h := range golden.Hard {
		tables["hard"] = append(tables["hard"], Row{h[0].(string), h[1].(bool)})
	}
	for _, c := range golden.Cases {
		m := textModel(t, c.Family, c.Tokenizer, c.Positions)
		r, err := m.ReadRows(tables[c.Table], c.Window, c.Stride)
		if err != nil {
			t.Errorf("%s %s window %d: %v", c.Tokenizer, c.Table, c.Window, err)
			continue
		}
		var windows [][4]int64
		rows := make([][3]int, r.Rows)
		for k, w := range r.Windows {
			var raw []byte
			for _, id := range w.IDs {
				raw = binary.LittleEndian.AppendUint32(raw, uint32(id))
			}
			windows = append(windows, [4]int64{int64(w.Lo), int64(w.Hi), int64(len(w.IDs)), int64(crc32.ChecksumIEEE(raw))})
			for _, row := range w.Rows {
				s := w.Spans[row-w.Lo]
				rows[row] = [3]int{k, s.Lo, s.Hi}
			}
		}
		if !slices.Equal(windows, c.Windows) {
			t.Errorf("%s %s window %d stride %d positions %d:\nwindows %v\n   want %v", c.Tokenizer, c.Table, c.Window, c.Stride, c.Positions, windows, c.Windows)
		}
		for i := range rows {
			want := c.Rows[i]
			if want[1] == want[2] { // no piece: where it would be is of no account
				want[1], want[2] = rows[i][1], rows[i][1]
			}
			if rows[i] != want {
				t.Errorf("%s %s window %d stride %d: row %d (%q) is [window, tokens] %v, want %v", c.Tokenizer, c.Table, c.Window, c.Stride, i, tables[c.Table][i].Text, rows[i], want)
			}
		}
	}
}

func TestReadRowsCountsEmpty(t *testing.T) {
	m := textModel(t, "encoder", "bert-uncased", 512)
	r, err := m.ReadRows([]Row{{"one", true}, {"", true}, {"\u200b", true}, {"two", true}}, 10, 5)
	if err != nil {
		t.Fatal(err)
	}
	if r.Empty != 2 {
		t.Errorf("%d rows without a piece, want 2", r.Empty)
	}
}

// Rows before which the positions leave no room for as many words as were asked for are
// counted; those at the head of the text, which has no more, are not.
func TestReadingFewer(t *testing.T) {
	rows := make([]Row, 20)
	for i := range rows {
		rows[i] = Row{"the", true}
	}
	for _, c := range []struct{ positions, context, want int }{
		{512, 0, 0}, {512, 5, 0}, {512, 500, 0},
		{9, 6, 0},  // the start token and 8 words
		{9, 7, 0},  // all but
		{9, 8, 12}, // 7 words before each from the ninth on
		{9, 500, 12},
	} {
		m := textModel(t, "causal", "llama2", c.positions)
		r, err := m.ReadRows(rows, c.context+1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Fewer(c.context); got != c.want {
			t.Errorf("%d positions, %d words before each: %d rows have fewer, want %d", c.positions, c.context, got, c.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	m := textModel(t, "encoder", "bert-uncased", 16)
	long := []Row{{"one", true}, {strings.Repeat("ab ", 40), true}}
	for _, c := range []struct {
		rows           []Row
		window, stride int
		want           string
	}{
		{nil, 10, 5, "no words"},
		{long, 10, 5, "row 1 alone is"},
		{long[:1], 5, 10, "window 5 and stride 10"},
		{long[:1], 0, 0, "window 0 and stride 0"},
	} {
		_, err := m.ReadRows(c.rows, c.window, c.stride)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d rows, window %d: error %v, want %q", len(c.rows), c.window, err, c.want)
		}
	}
	m.Config.Vocab = 5
	if _, err := m.ReadRows([]Row{{"rabbit", true}}, 10, 5); err == nil || !strings.Contains(err.Error(), "the vocabulary has 0 to 4") {
		t.Errorf("id outside the vocabulary: error %v", err)
	}
	for _, c := range []struct {
		ids  []int
		want string
	}{{nil, "no token ids"}, {[]int{1, 9}, "token id 9 at place 1"}, {[]int{-1}, "token id -1"}, {make([]int, 17), "17 token ids in one window"}} {
		if _, err := m.ReadIDs(c.ids); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ids %v: error %v, want %q", c.ids, err, c.want)
		}
	}
}

// A folder with tokenizer.model alone may say that no token stands before or after
// a text; a model that sees its whole window has the one after it.
func TestEnds(t *testing.T) {
	rows := []Row{{"Alice", true}, {"was", true}}
	for _, c := range []struct {
		config        string
		bidirectional bool
		first, last   int // tokens around the text, -1 for none
	}{
		{`{}`, false, 1, -1},
		{`{"add_bos_token": true, "bos_token": "</s>"}`, false, 2, -1},
		{`{"add_bos_token": false}`, false, -1, -1},
		{`{"add_eos_token": true, "eos_token": "</s>"}`, false, 1, -1},
		{`{"add_eos_token": true, "eos_token": {"content": "</s>"}}`, true, 1, 2},
		{`{"add_bos_token": false}`, true, -1, -1},
	} {
		tok, err := readSentencePiece(store.OS{}, filepath.Join(goldenTokenizers, "llama2", "tokenizer.model"))
		if err == nil {
			err = tok.configure([]byte(c.config))
		}
		if err != nil {
			t.Fatalf("%s: %v", c.config, err)
		}
		tok.index()
		m := textModel(t, "causal", "llama2", 64)
		m.Tokenizer, m.Config.Bidirectional = tok, c.bidirectional
		r, err := m.ReadRows(rows, 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		want := encodeIDs(tok, "Alice was")
		at := 0
		if c.first >= 0 {
			want, at = append([]int{c.first}, want...), 1
		}
		if c.last >= 0 {
			want = append(want, c.last)
		}
		if w := r.Windows[0]; !slices.Equal(w.IDs, want) || w.Spans[0].Lo != at {
			t.Errorf("%s: ids %v, first row %v, want %v from %d", c.config, w.IDs, w.Spans[0], want, at)
		}
	}
	m := textModel(t, "causal", "llama2", 64)
	m.Tokenizer.bare = true
	r, err := m.ReadRows([]Row{{"", true}}, 10, 10)
	if err != nil || r.Empty != 1 || len(r.Windows[0].IDs) != 1 {
		t.Errorf("a text of no piece without a start token: %+v, %v", r, err)
	}
}

// A causal model whose tokens see the whole window reads a row where the smaller of
// its contexts is largest.
func TestBidirectionalRows(t *testing.T) {
	m := textModel(t, "causal", "llama2", 4096)
	rows := make([]Row, 9)
	for i := range rows {
		rows[i] = Row{"Alice", true}
	}
	for _, c := range []struct {
		bidirectional bool
		want          []int
	}{{false, []int{0, 1, 2, 3, 4, 5}}, {true, []int{0, 1, 2, 3, 4}}} {
		m.Config.Bidirectional = c.bidirectional
		r, err := m.ReadRows(rows, 6, 3)
		if err != nil || !slices.Equal(r.Windows[0].Rows, c.want) {
			t.Errorf("bidirectional %v: first window gives rows %v, want %v, %v", c.bidirectional, r.Windows[0].Rows, c.want, err)
		}
	}
}

// Texts that a hostile file asks to be encoded at once are refused or cut.
func TestLongTexts(t *testing.T) {
	m := textModel(t, "causal", "llama2", 1<<30)
	if _, err := m.ReadRows([]Row{{"a", true}, {strings.Repeat("a", maxWord+1), true}}, 2, 2); err == nil || !strings.Contains(err.Error(), "row 1 has 65537 bytes") {
		t.Errorf("a long word: %v", err)
	}
	rows := make([]Row, 20)
	for i := range rows {
		rows[i] = Row{strings.Repeat("a", maxWord), true}
	}
	if end := textEnd(rows, 2, 20); end != 2+maxText/(maxWord+1) {
		t.Errorf("a window of %d rows", end-2)
	}
	m.Config.Padding = 5
	if err := m.checkIDs(&Reading{Windows: []Window{{IDs: []int{3, 5}}}}); err == nil || !strings.Contains(err.Error(), "token id 5 at place 1 of a window is the padding token") {
		t.Errorf("a padding token: %v", err)
	}
}
