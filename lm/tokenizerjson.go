package lm

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"voxen/store"
)

// tokenizerJSON is the part of Hugging Face's tokenizer.json that encoding
// needs. Truncation and padding are left unread: a story is cut by windows, and
// transformers sets both anew in every call.
type tokenizerJSON struct {
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Model         struct {
		Type                    string          `json:"type"`
		Vocab                   json.RawMessage `json:"vocab"`
		Merges                  json.RawMessage `json:"merges"`
		UnkToken                *string         `json:"unk_token"`
		ContinuingSubwordPrefix *string         `json:"continuing_subword_prefix"`
		EndOfWordSuffix         *string         `json:"end_of_word_suffix"`
		MaxInputCharsPerWord    *int            `json:"max_input_chars_per_word"`
		FuseUnk                 bool            `json:"fuse_unk"`
		ByteFallback            bool            `json:"byte_fallback"`
		IgnoreMerges            bool            `json:"ignore_merges"`
		Dropout                 *float64        `json:"dropout"`
	} `json:"model"`
}

// component is one step of a normaliser, pre-tokeniser or post-processor:
// the union of the fields that those built here have.
type component struct {
	Type string `json:"type"`

	Normalizers   []json.RawMessage `json:"normalizers"`
	Pretokenizers []json.RawMessage `json:"pretokenizers"`
	Processors    []json.RawMessage `json:"processors"`

	CleanText          bool  `json:"clean_text"`
	HandleChineseChars bool  `json:"handle_chinese_chars"`
	StripAccents       *bool `json:"strip_accents"`
	Lowercase          bool  `json:"lowercase"`

	Prepend string `json:"prepend"`
	Content string `json:"content"`
	Pattern struct {
		String *string `json:"String"`
		Regex  *string `json:"Regex"`
	} `json:"pattern"`

	Behavior         string  `json:"behavior"`
	Invert           bool    `json:"invert"`
	AddPrefixSpace   *bool   `json:"add_prefix_space"`
	UseRegex         *bool   `json:"use_regex"`
	IndividualDigits bool    `json:"individual_digits"`
	Replacement      string  `json:"replacement"`
	PrependScheme    *string `json:"prepend_scheme"`
	Split            *bool   `json:"split"`

	Single        []templatePart           `json:"single"`
	SpecialTokens map[string]templateToken `json:"special_tokens"`
	Cls           []any                    `json:"cls"`
	Sep           []any                    `json:"sep"`
}

// templatePart is a special token or the sequence itself.
type templatePart struct {
	SpecialToken *struct {
		ID string `json:"id"`
	} `json:"SpecialToken"`
}

type templateToken struct {
	IDs []int `json:"ids"`
}

// notBuilt is the refusal of a part of tokenizer.json.
func notBuilt(key, value, want string) error {
	return fmt.Errorf("%s %q is not built, want %s", key, value, want)
}

// readTokenizerJSON builds the tokenizer that a tokenizer.json describes.
func readTokenizerJSON(fsys store.FS, path string) (*Tokenizer, error) {
	b, err := readFile(fsys, path, maxTokenizer)
	if err != nil {
		return nil, err
	}
	t, err := parseTokenizerJSON(b)
	if err != nil {
		return nil, bad(path, err)
	}
	return t, nil
}

func parseTokenizerJSON(b []byte) (*Tokenizer, error) {
	var j tokenizerJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("not a tokenizer: %w", err)
	}
	t := &Tokenizer{start: -1, end: -1}
	steps := &builder{t: t, growth: 1}
	for _, build := range []func() error{
		func() error { return t.buildModel(&j) },
		func() error { return t.addTokens(j.AddedTokens) },
		func() error { return steps.normalizer(j.Normalizer, 0) },
		func() error { return steps.preTokenizer(j.PreTokenizer, 0) },
		func() error { return t.buildPostProcessor(j.PostProcessor, 0) },
	} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	t.index()
	return t, nil
}

// Bounds of what a file may ask for, far beyond what any tokenizer does: with them
// the work is linear in the text.
const (
	maxNested = 16   // sequences of steps within each other
	maxSteps  = 64   // of the normaliser, and of the pre-tokeniser
	maxGrowth = 1024 // characters of the normalised text for one of the source
	maxPiece  = 1024 // bytes of a piece that is sought in a word
)

// builder takes on the steps of a tokenizer.json.
type builder struct {
	t      *Tokenizer
	growth float64 // characters that one of the source may become so far
}

// addNormalizer takes on a step that makes at most grow characters of one.
func (b *builder) addNormalizer(grow float64, f func([]char) []char) error {
	if b.growth *= max(grow, 1); b.growth > maxGrowth {
		return fmt.Errorf("normalizer makes up to %.0f characters of one, want at most %d", b.growth, maxGrowth)
	}
	if len(b.t.normalize) == maxSteps {
		return fmt.Errorf("normalizer has more than %d steps", maxSteps)
	}
	b.t.normalize = append(b.t.normalize, f)
	return nil
}

// addSplit takes on a step of the pre-tokeniser.
func (b *builder) addSplit(f func([]char) [][]char) error {
	if len(b.t.split) >= maxSteps {
		return fmt.Errorf("pre_tokenizer has more than %d steps", maxSteps)
	}
	b.t.split = append(b.t.split, f)
	return nil
}

// nested refuses sequences within each other without end.
func nested(what string, depth int) error {
	if depth > maxNested {
		return fmt.Errorf("%s: sequences are nested deeper than %d", what, maxNested)
	}
	return nil
}

// parse reads a component; null or nothing gives one without a type.
func parse(raw json.RawMessage) (component, error) {
	var c component
	if len(raw) == 0 {
		return c, nil
	}
	err := json.Unmarshal(raw, &c)
	return c, err
}

func (t *Tokenizer) buildModel(j *tokenizerJSON) error {
	m := &j.Model
	if m.Dropout != nil && *m.Dropout != 0 {
		return fmt.Errorf("model.dropout %g is not built, want 0", *m.Dropout)
	}
	if m.Type == "" && len(m.Merges) > 0 {
		m.Type = "BPE" // files of before the type was written
	}
	if m.Type != "WordPiece" && m.Type != "BPE" {
		return notBuilt("model.type", m.Type, "WordPiece or BPE")
	}
	if err := json.Unmarshal(m.Vocab, &t.ids); err != nil || len(t.ids) == 0 {
		return fmt.Errorf("model.vocab: want an object of pieces and their ids")
	}
	unknown := -1
	if m.UnkToken != nil {
		id, ok := t.ids[*m.UnkToken]
		if !ok {
			return fmt.Errorf("model.unk_token %q is not in the vocabulary", *m.UnkToken)
		}
		unknown = id
	}
	if m.Type == "WordPiece" {
		return t.buildWordPiece(j, unknown)
	}
	for key, v := range map[string]*string{"continuing_subword_prefix": m.ContinuingSubwordPrefix, "end_of_word_suffix": m.EndOfWordSuffix} {
		if v != nil && *v != "" {
			return notBuilt("model."+key, *v, "none")
		}
	}
	merges, err := parseMerges(m.Merges, t.ids)
	if err != nil {
		return err
	}
	enc := &bpe{ids: t.ids, merges: merges, unknown: unknown, fuseUnknown: m.FuseUnk, byteFallback: m.ByteFallback, ignoreMerges: m.IgnoreMerges}
	if m.ByteFallback {
		if err := enc.findBytes(); err != nil {
			return err
		}
	}
	t.encodeWord = enc.encode
	return nil
}

func (t *Tokenizer) buildWordPiece(j *tokenizerJSON, unknown int) error {
	m := &j.Model
	if unknown < 0 {
		return errors.New("model.unk_token is missing")
	}
	enc := &wordPiece{ids: t.ids, prefix: "##", unknown: unknown, maxChars: 100}
	if m.ContinuingSubwordPrefix != nil {
		enc.prefix = *m.ContinuingSubwordPrefix
	}
	if m.MaxInputCharsPerWord != nil {
		enc.maxChars = *m.MaxInputCharsPerWord
	}
	for piece := range t.ids {
		enc.longest = max(enc.longest, len(piece))
	}
	if enc.longest > maxPiece && enc.maxChars > maxPiece {
		return fmt.Errorf("model.max_input_chars_per_word %d with a piece of %d bytes, want one of them at most %d", enc.maxChars, enc.longest, maxPiece)
	}
	t.encodeWord = enc.encode
	return nil
}

// parseMerges reads pairs in either spelling, "a b" or ["a", "b"].
func parseMerges(raw json.RawMessage, ids map[string]int) (map[[2]int32]merge, error) {
	var pairs [][2]string
	var lines []string
	if err := json.Unmarshal(raw, &lines); err == nil {
		for i, l := range lines {
			a, b, ok := strings.Cut(l, " ")
			if !ok {
				return nil, fmt.Errorf("model.merges[%d] is %q, want two pieces", i, l)
			}
			pairs = append(pairs, [2]string{a, b})
		}
	} else if err := json.Unmarshal(raw, &pairs); err != nil {
		return nil, errors.New("model.merges: want a list of pairs of pieces")
	}
	merges := make(map[[2]int32]merge, len(pairs))
	for rank, p := range pairs {
		a, okA := ids[p[0]]
		b, okB := ids[p[1]]
		id, ok := ids[p[0]+p[1]]
		if !okA || !okB || !ok {
			return nil, fmt.Errorf("model.merges[%d] joins %q and %q, of which the vocabulary lacks one or their join", rank, p[0], p[1])
		}
		merges[[2]int32{int32(a), int32(b)}] = merge{int32(rank), int32(id)}
	}
	return merges, nil
}

func (b *builder) normalizer(raw json.RawMessage, depth int) error {
	c, err := parse(raw)
	if err == nil {
		err = nested("normalizer", depth)
	}
	if err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	switch c.Type {
	case "":
	case "Sequence":
		for _, r := range c.Normalizers {
			if err := b.normalizer(r, depth+1); err != nil {
				return err
			}
		}
	case "BertNormalizer":
		n := &bertNormalizer{clean: c.CleanText, ideographs: c.HandleChineseChars, stripAccents: c.Lowercase, lower: c.Lowercase}
		if c.StripAccents != nil {
			n.stripAccents = *c.StripAccents
		}
		b.t.bert = n
		return b.addNormalizer(2*3*4, func(cs []char) []char { return n.apply(cs) }) // capital İ, ideographs, decompositions
	case "NFC":
		return b.addNormalizer(3, compose)
	case "Prepend":
		b.t.metaspace = b.t.metaspace || c.Prepend == "▁"
		return b.addNormalizer(1+float64(len([]rune(c.Prepend))), prepend(c.Prepend))
	case "Replace":
		if c.Pattern.String == nil || *c.Pattern.String == "" {
			return notBuilt("normalizer.pattern", "Regex", "String")
		}
		from, to := *c.Pattern.String, c.Content
		return b.addNormalizer(float64(len([]rune(to)))/float64(len([]rune(from))), replace(from, to))
	default:
		return notBuilt("normalizer.type", c.Type, "BertNormalizer, NFC, Prepend, Replace or Sequence")
	}
	return nil
}

func (b *builder) preTokenizer(raw json.RawMessage, depth int) error {
	c, err := parse(raw)
	if err == nil {
		err = nested("pre_tokenizer", depth)
	}
	if err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	switch c.Type {
	case "":
	case "Sequence":
		for _, r := range c.Pretokenizers {
			if err := b.preTokenizer(r, depth+1); err != nil {
				return err
			}
		}
	case "BertPreTokenizer":
		return b.addSplit(splitBERT)
	case "ByteLevel":
		if b.t.byteLevel != nil {
			return notBuilt("pre_tokenizer.type", c.Type, "it once")
		}
		step := &byteLevel{prefix: c.AddPrefixSpace != nil && *c.AddPrefixSpace, cut: c.UseRegex == nil || *c.UseRegex}
		b.t.byteLevel = step
		return b.addSplit(step.split)
	case "Digits":
		return b.addSplit(splitDigits(c.IndividualDigits))
	case "Split":
		return b.split(c)
	case "Metaspace":
		return b.metaspace(c)
	default:
		return notBuilt("pre_tokenizer.type", c.Type, "BertPreTokenizer, ByteLevel, Digits, Split, Metaspace or Sequence")
	}
	return nil
}

func (b *builder) split(c component) error {
	if c.Invert {
		return notBuilt("pre_tokenizer.invert", "true", "false")
	}
	if s := c.Pattern.String; s != nil && *s != "" {
		if c.Behavior != "MergedWithPrevious" {
			return notBuilt("pre_tokenizer.behavior", c.Behavior, "MergedWithPrevious, with a pattern of plain text")
		}
		return b.addSplit(splitAfter([]rune(*s)))
	}
	if c.Pattern.Regex == nil {
		return errors.New("pre_tokenizer.pattern: want a Regex or a String")
	}
	scan, ok := scanners[*c.Pattern.Regex]
	if !ok {
		return notBuilt("pre_tokenizer.pattern.Regex", *c.Pattern.Regex, "that of GPT-2, Llama 3 or Qwen 2")
	}
	if c.Behavior != "Isolated" {
		return notBuilt("pre_tokenizer.behavior", c.Behavior, "Isolated")
	}
	return b.addSplit(scan.split)
}

// metaspace writes spaces as ▁, one before the text, without cutting it
// into words: the newer spelling of Llama 2's normaliser.
func (b *builder) metaspace(c component) error {
	mark := []rune(c.Replacement)
	if len(mark) != 1 {
		return notBuilt("pre_tokenizer.replacement", c.Replacement, "one character")
	}
	if c.Split == nil || *c.Split {
		return notBuilt("pre_tokenizer.split", "true", "false")
	}
	scheme := "always"
	if c.PrependScheme != nil {
		scheme = *c.PrependScheme
	} else if c.AddPrefixSpace != nil && !*c.AddPrefixSpace { // of before there were schemes
		scheme = "never"
	}
	if scheme != "always" && scheme != "first" && scheme != "never" {
		return notBuilt("pre_tokenizer.prepend_scheme", scheme, "always, first or never")
	}
	b.t.metaspace = true
	return b.addSplit(metaspace(mark[0], scheme))
}

// metaspace writes spaces as a mark, and one before a text that does not begin
// with it: before every stretch, the first, or none.
func metaspace(mark rune, scheme string) func([]char) [][]char {
	spaces, lead := replace(" ", string(mark)), prepend(string(mark))
	return func(w []char) [][]char {
		w = spaces(w)
		if len(w) > 0 && w[0].r != mark && (scheme == "always" || scheme == "first" && w[0].lo == 0) {
			w = lead(w)
		}
		return [][]char{w}
	}
}

// buildPostProcessor reads which tokens stand around a text.
func (t *Tokenizer) buildPostProcessor(raw json.RawMessage, depth int) error {
	c, err := parse(raw)
	if err == nil {
		err = nested("post_processor", depth)
	}
	if err != nil {
		return fmt.Errorf("post_processor: %w", err)
	}
	switch c.Type {
	case "", "ByteLevel":
	case "Sequence":
		for _, r := range c.Processors {
			if err := t.buildPostProcessor(r, depth+1); err != nil {
				return err
			}
		}
	case "TemplateProcessing":
		return t.buildTemplate(c)
	case "BertProcessing", "RobertaProcessing":
		for _, end := range []struct {
			pair []any
			to   *int
		}{{c.Cls, &t.start}, {c.Sep, &t.end}} {
			if len(end.pair) != 2 {
				return fmt.Errorf("post_processor %s: want cls and sep as pairs of token and id", c.Type)
			}
			id, ok := end.pair[1].(float64)
			if !ok {
				return fmt.Errorf("post_processor %s: id %v is no number", c.Type, end.pair[1])
			}
			*end.to = int(id)
		}
	default:
		return notBuilt("post_processor.type", c.Type, "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or Sequence")
	}
	return nil
}

// buildTemplate takes at most one token before the sequence and one after it.
func (t *Tokenizer) buildTemplate(c component) error {
	before := true
	for _, part := range c.Single {
		if part.SpecialToken == nil {
			before = false
			continue
		}
		ids := c.SpecialTokens[part.SpecialToken.ID].IDs
		to := &t.end
		if before {
			to = &t.start
		}
		if len(ids) != 1 || *to >= 0 {
			return notBuilt("post_processor.single", part.SpecialToken.ID, "one token of one id on each side of the text")
		}
		*to = ids[0]
	}
	return nil
}
