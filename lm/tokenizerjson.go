package lm

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"voxen/store"
)

// tokenizerJSON is the part of Hugging Face's tokenizer.json that encoding
// needs. Truncation and padding are left unread: a story is cut by windows.
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
		MaxInputCharsPerWord    int             `json:"max_input_chars_per_word"`
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

	Behavior       string  `json:"behavior"`
	Invert         bool    `json:"invert"`
	AddPrefixSpace *bool   `json:"add_prefix_space"`
	UseRegex       *bool   `json:"use_regex"`
	Replacement    string  `json:"replacement"`
	PrependScheme  *string `json:"prepend_scheme"`
	Split          *bool   `json:"split"`

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
	t := &Tokenizer{start: -1, end: -1, added: j.AddedTokens}
	t.added = slices.DeleteFunc(t.added, func(a addedToken) bool { return a.Content == "" })
	for _, build := range []func() error{
		func() error { return t.buildModel(&j) },
		func() error { return t.buildNormalizer(j.Normalizer) },
		func() error { return t.buildPreTokenizer(j.PreTokenizer) },
		func() error { return t.buildPostProcessor(j.PostProcessor) },
	} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	for _, id := range t.ids {
		t.vocab = max(t.vocab, id+1)
	}
	for _, a := range t.added {
		t.vocab = max(t.vocab, a.ID+1)
	}
	return t, nil
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
	enc := &wordPiece{ids: t.ids, prefix: "##", unknown: unknown, maxChars: m.MaxInputCharsPerWord}
	if m.ContinuingSubwordPrefix != nil {
		enc.prefix = *m.ContinuingSubwordPrefix
	}
	if enc.maxChars == 0 {
		enc.maxChars = 100
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

func (t *Tokenizer) buildNormalizer(raw json.RawMessage) error {
	c, err := parse(raw)
	if err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	switch c.Type {
	case "":
	case "Sequence":
		for _, r := range c.Normalizers {
			if err := t.buildNormalizer(r); err != nil {
				return err
			}
		}
	case "BertNormalizer":
		n := bertNormalizer{clean: c.CleanText, ideographs: c.HandleChineseChars, stripAccents: c.Lowercase, lower: c.Lowercase}
		if c.StripAccents != nil {
			n.stripAccents = *c.StripAccents
		}
		t.normalize = append(t.normalize, n.apply)
	case "Prepend":
		t.normalize = append(t.normalize, prepend(c.Prepend))
	case "Replace":
		if c.Pattern.String == nil || *c.Pattern.String == "" {
			return notBuilt("normalizer.pattern", "Regex", "String")
		}
		t.normalize = append(t.normalize, replace(*c.Pattern.String, c.Content))
	default:
		return notBuilt("normalizer.type", c.Type, "BertNormalizer, Prepend, Replace or Sequence")
	}
	return nil
}

func (t *Tokenizer) buildPreTokenizer(raw json.RawMessage) error {
	c, err := parse(raw)
	if err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	switch c.Type {
	case "":
	case "Sequence":
		for _, r := range c.Pretokenizers {
			if err := t.buildPreTokenizer(r); err != nil {
				return err
			}
		}
	case "BertPreTokenizer":
		t.split = append(t.split, each(splitBERT))
	case "ByteLevel":
		return t.buildByteLevel(c)
	case "Split":
		return t.buildSplit(c)
	case "Metaspace":
		return t.buildMetaspace(c)
	default:
		return notBuilt("pre_tokenizer.type", c.Type, "BertPreTokenizer, ByteLevel, Split, Metaspace or Sequence")
	}
	return nil
}

func (t *Tokenizer) buildByteLevel(c component) error {
	if c.AddPrefixSpace != nil && *c.AddPrefixSpace {
		t.split = append(t.split, each(func(cs []char) [][]char {
			if len(cs) > 0 && cs[0].r != ' ' {
				cs = prepend(" ")(cs)
			}
			return [][]char{cs}
		}))
	}
	if c.UseRegex == nil || *c.UseRegex {
		t.split = append(t.split, each(scanner(scanGPT2).split))
	}
	t.split = append(t.split, each(func(cs []char) [][]char { return [][]char{spellBytes(cs)} }))
	return nil
}

func (t *Tokenizer) buildSplit(c component) error {
	if c.Pattern.Regex == nil {
		return errors.New("pre_tokenizer.pattern: want a Regex")
	}
	scan, ok := scanners[*c.Pattern.Regex]
	if !ok {
		return notBuilt("pre_tokenizer.pattern.Regex", *c.Pattern.Regex, "that of GPT-2 or Llama 3")
	}
	if c.Behavior != "Isolated" || c.Invert {
		return notBuilt("pre_tokenizer.behavior", c.Behavior, "Isolated without invert")
	}
	t.split = append(t.split, each(scan.split))
	return nil
}

// buildMetaspace writes spaces as ▁, one before the text, without cutting it
// into words: the newer spelling of Llama 2's normaliser.
func (t *Tokenizer) buildMetaspace(c component) error {
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
	}
	if scheme != "always" && scheme != "first" && scheme != "never" {
		return notBuilt("pre_tokenizer.prepend_scheme", scheme, "always, first or never")
	}
	spaces, lead := replace(" ", c.Replacement), prepend(c.Replacement)
	t.split = append(t.split, func(words [][]char, atStart bool) [][]char {
		for i, w := range words {
			w = spaces(w)
			if len(w) > 0 && w[0].r != mark[0] && (scheme == "always" || scheme == "first" && atStart && i == 0) {
				w = lead(w)
			}
			words[i] = w
		}
		return words
	})
	return nil
}

// buildPostProcessor reads which tokens stand around a text.
func (t *Tokenizer) buildPostProcessor(raw json.RawMessage) error {
	c, err := parse(raw)
	if err != nil {
		return fmt.Errorf("post_processor: %w", err)
	}
	switch c.Type {
	case "", "ByteLevel":
	case "Sequence":
		for _, r := range c.Processors {
			if err := t.buildPostProcessor(r); err != nil {
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

// startOf reads bos_token of a tokenizer_config.json, a string or an object
// with its content; "" without one.
func startOf(b []byte) (string, error) {
	var j struct {
		Bos json.RawMessage `json:"bos_token"`
	}
	if err := json.Unmarshal(b, &j); err != nil {
		return "", err
	}
	var token string
	if json.Unmarshal(j.Bos, &token) == nil || len(j.Bos) == 0 {
		return token, nil
	}
	var object struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(j.Bos, &object)
	return object.Content, err
}
