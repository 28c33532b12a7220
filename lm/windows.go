package lm

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Row is one row of a word table.
type Row struct {
	Text string
	// Timed says that the table gives the row an onset. Rows without one that
	// spell a clitic (s, ll, nt) join the word before them.
	Timed bool
}

// Span is the tokens [Lo, Hi) of a window that belong to a row; Lo = Hi for a
// row without a piece.
type Span struct{ Lo, Hi int }

// Window is one pass of the model: the tokens that it sees together.
type Window struct {
	IDs []int
	// Lo, Hi are the rows [Lo, Hi) that the window holds, and Spans their tokens.
	Lo, Hi int
	Spans  []Span
	// Text is the number of tokens before the text: its start token.
	Text int
	// Rows lists the rows whose responses are read from this window, ascending.
	Rows []int

	set    int   // which lesion it is read with, of those of an extraction
	masked []int // the id of every token that is masked in IDs, else -1; nil: none is
}

// Reading is a text cut into windows.
type Reading struct {
	Rows    int
	Windows []Window
	Empty   int // rows without a piece: their responses are zero
}

// Tokens is the number of tokens of all windows.
func (r *Reading) Tokens() int {
	n := 0
	for _, w := range r.Windows {
		n += len(w.IDs)
	}
	return n
}

// Fewer counts the rows that are read with fewer than n rows before them although the text
// has as many: their windows do not fit the model's positions.
func (r *Reading) Fewer(n int) (rows int) {
	for _, w := range r.Windows {
		for _, row := range w.Rows {
			if row-w.Lo < min(row, n) {
				rows++
			}
		}
	}
	return rows
}

// ReadIDs makes one window of token ids, to which nothing is added; each id is
// a row.
func (m *Model) ReadIDs(ids []int) (*Reading, error) {
	if len(ids) == 0 {
		return nil, fmt.Errorf("no token ids, want at least one")
	}
	if len(ids) > m.Config.Positions {
		return nil, fmt.Errorf("%d token ids in one window, the model has %d positions", len(ids), m.Config.Positions)
	}
	w := Window{IDs: ids, Hi: len(ids)}
	for i := range ids {
		w.Spans, w.Rows = append(w.Spans, Span{i, i + 1}), append(w.Rows, i)
	}
	r := &Reading{Rows: len(ids), Windows: []Window{w}}
	return r, m.checkIDs(r)
}

// ReadRows cuts a table of words into windows of at most the given number of
// words that begin stride words apart.
//
// An encoder (BERT) takes each row by itself and puts the start and end tokens
// around each window; a row is read from the window where the smaller of its
// two contexts is largest, of equals the earlier. A causal model takes the text
// of the window, rows joined by spaces, after its start token; a row is read
// from the first window that holds it.
//
// A window longer than the model's positions loses whole words at its end; the
// next one begins at its own place or at the first word that no window has held
// yet, whichever is earlier. The last window is the first that reaches the end.
func (m *Model) ReadRows(rows []Row, window, stride int) (*Reading, error) {
	switch {
	case m.Tokenizer == nil:
		return nil, fmt.Errorf("the model has no tokenizer; give token ids")
	case len(rows) == 0:
		return nil, fmt.Errorf("no words, want at least one")
	case window < 1 || stride < 1 || stride > window:
		return nil, fmt.Errorf("window %d and stride %d, want 1 <= stride <= window", window, stride)
	}
	cut, err := m.cutter(rows)
	if err != nil {
		return nil, err
	}
	r := &Reading{Rows: len(rows)}
	for held := 0; held < len(rows); {
		start := min(len(r.Windows)*stride, held)
		w, err := m.longest(cut, start, textEnd(rows, start, min(start+window, len(rows))))
		if err != nil {
			return nil, err
		}
		held = max(held, w.Hi)
		r.Windows = append(r.Windows, w)
	}
	r.assign(!m.Config.Causal())
	return r, m.checkIDs(r)
}

// cutter makes the window of rows [lo, hi).
type cutter func(lo, hi int) Window

func (m *Model) cutter(rows []Row) (cutter, error) {
	t := m.Tokenizer
	for i, r := range rows {
		if len(r.Text) > maxWord {
			return nil, fmt.Errorf("row %d has %d bytes, want at most %d of a word", i, len(r.Text), maxWord)
		}
	}
	ends, err := m.ends()
	if err != nil {
		return nil, err
	}
	if m.Config.joined() {
		return func(lo, hi int) Window { return joinedWindow(t, rows, ends, lo, hi) }, nil
	}
	pieces := make([][]int, len(rows))
	for i, r := range rows {
		text := r.Text
		if m.Config.Type == "roberta" && text != "" {
			text = " " + text // its vocabulary tells words from parts of words by the space
		}
		for _, p := range t.Encode(text) {
			pieces[i] = append(pieces[i], p.ID)
		}
	}
	return func(lo, hi int) Window { return separateWindow(pieces, ends, lo, hi) }, nil
}

// ends are the tokens before and after the text of every window: those of the
// tokenizer, or bos_token_id of config.json for the first. A causal model has none
// after the text, which no word would see, and none before it where
// tokenizer_config.json says so.
func (m *Model) ends() ([2][]int, error) {
	var ends [2][]int
	start, end := m.Tokenizer.Start(), m.Tokenizer.End()
	if start < 0 {
		start = m.Config.Start
	}
	joined := m.Config.joined()
	switch {
	case joined && m.Tokenizer.bare:
	case start < 0:
		return ends, fmt.Errorf("neither the tokenizer nor config.json names the token that starts a window")
	default:
		ends[0] = []int{start}
	}
	switch {
	case m.Config.Causal() || joined && end < 0:
	case end < 0:
		return ends, fmt.Errorf("the tokenizer names no token that ends a window")
	default:
		ends[1] = []int{end}
	}
	return ends, nil
}

// separateWindow puts rows that were encoded one by one between the start and
// the end token.
func separateWindow(pieces [][]int, ends [2][]int, lo, hi int) Window {
	w := Window{IDs: slices.Clone(ends[0]), Lo: lo, Hi: hi}
	for _, ids := range pieces[lo:hi] {
		w.Spans = append(w.Spans, Span{len(w.IDs), len(w.IDs) + len(ids)})
		w.IDs = append(w.IDs, ids...)
	}
	w.IDs = append(w.IDs, ends[1]...)
	return w
}

// joinedWindow encodes the text of rows after the start token. A piece belongs
// to every row with which it shares a character. A window of no token at all
// takes the first of the vocabulary, which no row is read from.
func joinedWindow(t *Tokenizer, rows []Row, ends [2][]int, lo, hi int) Window {
	var text strings.Builder
	ranges := make([]Span, 0, hi-lo) // bytes of each row
	for i, r := range rows[lo:hi] {
		if i > 0 && !attaches(r) {
			text.WriteByte(' ')
		}
		at := text.Len()
		text.WriteString(r.Text)
		ranges = append(ranges, Span{at, text.Len()})
	}
	w := Window{IDs: slices.Clone(ends[0]), Lo: lo, Hi: hi, Spans: make([]Span, hi-lo)}
	base := len(w.IDs)
	w.Text = base
	pieces := t.Encode(text.String())
	for _, p := range pieces {
		w.IDs = append(w.IDs, p.ID)
	}
	for i, r := range ranges {
		// pieces come in the order of the text, so those of a row are a range
		first := sort.Search(len(pieces), func(k int) bool { return pieces[k].Hi > r.Lo })
		last := first
		for last < len(pieces) && pieces[last].Lo < r.Hi {
			last++
		}
		if r.Lo < r.Hi && first < last {
			w.Spans[i] = Span{first + base, last + base}
		}
	}
	if w.IDs = append(w.IDs, ends[1]...); len(w.IDs) == 0 {
		w.IDs = []int{0}
	}
	return w
}

// clitics are rows without an onset of their own that end the word before them.
var clitics = []string{"s", "d", "m", "ll", "re", "ve", "nt", "n't"}

// attaches tells whether a row is joined to the one before it without a space.
func attaches(r Row) bool {
	return strings.HasPrefix(r.Text, "'") || strings.HasPrefix(r.Text, "’") || !r.Timed && slices.Contains(clitics, r.Text)
}

// Bounds of a text that is encoded at once, in bytes: what a hostile file could
// ask for does not fit the memory that a run is given.
const (
	maxWord = 1 << 16
	maxText = 1 << 20 // of a window; a longer one loses whole words, as one past the positions does
)

// textEnd shortens rows [lo, hi) to a text of at most maxText bytes, but not
// below one row.
func textEnd(rows []Row, lo, hi int) int {
	n := 0
	for i := lo; i < hi; i++ {
		if n += len(rows[i].Text) + 1; n > maxText && i > lo {
			return i
		}
	}
	return hi
}

// longest makes the longest window of rows [lo, hi') with hi' at most hi that
// fits the model's positions.
func (m *Model) longest(cut cutter, lo, hi int) (Window, error) {
	limit := m.Config.Positions
	w := cut(lo, hi)
	if len(w.IDs) <= limit {
		return w, nil
	}
	// The rows whose pieces all lie within the limit are a first guess; encoding
	// the shorter text anew may change its last pieces.
	fits := sort.Search(hi-lo, func(k int) bool { return len(cut(lo, lo+k+1).IDs) > limit })
	for ; fits > 0; fits-- {
		if w := cut(lo, lo+fits); len(w.IDs) <= limit {
			return w, nil
		}
	}
	return Window{}, fmt.Errorf("row %d alone is %d tokens with those that start and end a window, the model has %d positions", lo, len(cut(lo, lo+1).IDs), limit)
}

// assign decides from which window each row is read, and counts rows without a
// piece.
func (r *Reading) assign(balanced bool) {
	best, context := make([]int, r.Rows), make([]int, r.Rows)
	for i := range best {
		best[i] = -1
	}
	for k, w := range r.Windows {
		for row := w.Lo; row < w.Hi; row++ {
			c := min(row-w.Lo, w.Hi-1-row)
			if best[row] < 0 || balanced && c > context[row] {
				best[row], context[row] = k, c
			}
		}
	}
	for row, k := range best {
		w := &r.Windows[k]
		w.Rows = append(w.Rows, row)
		if s := w.Spans[row-w.Lo]; s.Lo == s.Hi {
			r.Empty++
		}
	}
}

// checkIDs refuses ids that the model has no embedding for.
func (m *Model) checkIDs(r *Reading) error {
	for _, w := range r.Windows {
		for i, id := range w.IDs {
			if id < 0 || id >= m.Config.Vocab {
				return fmt.Errorf("token id %d at place %d of a window, the vocabulary has 0 to %d", id, i, m.Config.Vocab-1)
			}
			if id == m.Config.Padding {
				return fmt.Errorf("token id %d at place %d of a window is the padding token, which has no position", id, i)
			}
		}
	}
	return nil
}
