package lm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"voxen/store"
)

// tokenizerConfig is the part of tokenizer_config.json that changes which pieces a
// text becomes. A key that is missing or null says nothing: tokenizer.json counts.
type tokenizerConfig struct {
	Class string `json:"tokenizer_class"`

	DoLowerCase        *bool           `json:"do_lower_case"`
	StripAccents       *bool           `json:"strip_accents"`
	ChineseChars       *bool           `json:"tokenize_chinese_chars"`
	DoBasic            *bool           `json:"do_basic_tokenize"`
	NeverSplit         []string        `json:"never_split"`
	AddPrefixSpace     *bool           `json:"add_prefix_space"`
	Legacy             *bool           `json:"legacy"`
	AddBos             *bool           `json:"add_bos_token"`
	AddEos             *bool           `json:"add_eos_token"`
	SplitSpecialTokens bool            `json:"split_special_tokens"`
	SentencePiece      json.RawMessage `json:"sp_model_kwargs"`

	Bos         namedToken            `json:"bos_token"`
	Eos         namedToken            `json:"eos_token"`
	Unk         namedToken            `json:"unk_token"`
	Sep         namedToken            `json:"sep_token"`
	Pad         namedToken            `json:"pad_token"`
	Cls         namedToken            `json:"cls_token"`
	Mask        namedToken            `json:"mask_token"`
	Additional  []namedToken          `json:"additional_special_tokens"`
	Decoder     map[string]addedToken `json:"added_tokens_decoder"` // by id
	ExtraTokens json.RawMessage       `json:"extra_special_tokens"` // a list, or an object of names and tokens
}

// namedToken is a token, a string or an object with its content; "" for null.
type namedToken struct{ addedToken }

// UnmarshalJSON reads either form.
func (n *namedToken) UnmarshalJSON(b []byte) error {
	n.Special = true
	if json.Unmarshal(b, &n.Content) == nil {
		return nil
	}
	return json.Unmarshal(b, &n.addedToken)
}

// readConfig heeds tokenizer_config.json. A folder without the file is fine.
func (t *Tokenizer) readConfig(fsys store.FS, path string) error {
	b, err := readFile(fsys, path, maxTokenizer)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.configure(b); err != nil {
		return bad(path, err)
	}
	return nil
}

// configure does what a tokenizer_config.json asks for beside or against
// tokenizer.json, as transformers' AutoTokenizer does.
func (t *Tokenizer) configure(b []byte) error {
	var c tokenizerConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("not a tokenizer's configuration: %w", err)
	}
	c.Class = strings.TrimSuffix(c.Class, "Fast")
	if err := c.refuse(); err != nil {
		return err
	}
	if !slices.Contains(plainClasses, c.Class) {
		t.rebuild(&c)
	}
	if err := t.decoderTokens(c.Decoder); err != nil {
		return err
	}
	if err := t.namedTokens(&c); err != nil {
		return err
	}
	t.takeEnds(&c)
	return nil
}

// llamaClass makes the steps of SentencePiece models, and takes byte-level ones as they
// are.
const llamaClass = "LlamaTokenizer"

// plainClasses take tokenizer.json as it is, whatever else their configuration says.
var plainClasses = []string{"PreTrainedTokenizer", "TokenizersBackend", "PythonBackend"}

// refuse names what is not built.
func (c *tokenizerConfig) refuse() error {
	var sampling struct {
		Enable bool `json:"enable_sampling"`
	}
	if len(c.SentencePiece) > 0 && json.Unmarshal(c.SentencePiece, &sampling) != nil {
		return fmt.Errorf("sp_model_kwargs is %s, want an object", short(c.SentencePiece))
	}
	switch {
	case c.DoBasic != nil && !*c.DoBasic:
		return fmt.Errorf("do_basic_tokenize is false, want true: the other is not built")
	case len(c.NeverSplit) > 0:
		return fmt.Errorf("never_split is %q, want none: words that are not split are not built", c.NeverSplit)
	case c.SplitSpecialTokens:
		return fmt.Errorf("split_special_tokens is true, want false: the other is not built")
	case sampling.Enable:
		return fmt.Errorf("sp_model_kwargs.enable_sampling is true, want false: pieces by chance are not built")
	}
	return nil
}

// rebuild changes the steps that a tokenizer class makes anew from its configuration.
func (t *Tokenizer) rebuild(c *tokenizerConfig) {
	if n := t.bert; n != nil {
		if c.DoLowerCase != nil {
			n.lower = *c.DoLowerCase
			n.stripAccents = n.lower
		}
		if c.StripAccents != nil {
			n.stripAccents = *c.StripAccents
		}
		if c.ChineseChars != nil {
			n.ideographs = *c.ChineseChars
		}
	}
	if t.byteLevel != nil && c.AddPrefixSpace != nil && c.Class != llamaClass {
		t.byteLevel.prefix = *c.AddPrefixSpace
	}
	if t.metaspace && t.byteLevel == nil && (c.Class == llamaClass || c.Class == "") && (c.AddPrefixSpace != nil || c.Legacy != nil) {
		scheme := "first"
		switch {
		case c.AddPrefixSpace != nil && !*c.AddPrefixSpace:
			scheme = "never"
		case c.Legacy != nil && *c.Legacy:
			scheme = "always"
		}
		t.normalize, t.split = nil, []func([]char) [][]char{metaspace('▁', scheme)}
	}
}

// decoderTokens takes on the tokens of added_tokens_decoder, whose flags count more
// than those of tokenizer.json.
func (t *Tokenizer) decoderTokens(byID map[string]addedToken) error {
	tokens := make([]addedToken, 0, len(byID))
	for key, a := range byID {
		if _, err := fmt.Sscanf(key, "%d", &a.ID); err != nil || fmt.Sprint(a.ID) != key {
			return fmt.Errorf("added_tokens_decoder: key %q is no id", key)
		}
		tokens = append(tokens, a)
	}
	slices.SortFunc(tokens, func(a, b addedToken) int { return a.ID - b.ID })
	if err := t.addTokens(tokens); err != nil {
		return fmt.Errorf("added_tokens_decoder: %w", err)
	}
	return nil
}

// namedTokens takes on the special tokens that the tokenizer does not have yet; one
// that the vocabulary lacks gets an id after its last.
func (t *Tokenizer) namedTokens(c *tokenizerConfig) error {
	all := append([]namedToken{c.Bos, c.Eos, c.Unk, c.Sep, c.Pad, c.Cls, c.Mask}, c.Additional...)
	if len(c.ExtraTokens) > 0 {
		var list []namedToken
		if json.Unmarshal(c.ExtraTokens, &list) != nil {
			var byName map[string]namedToken
			if err := json.Unmarshal(c.ExtraTokens, &byName); err != nil {
				return fmt.Errorf("extra_special_tokens is %s, want a list or an object of tokens", short(c.ExtraTokens))
			}
			for _, name := range slices.Sorted(maps.Keys(byName)) {
				list = append(list, byName[name])
			}
		}
		all = append(all, list...)
	}
	for _, n := range all {
		if _, ok := t.addedAt[n.Content]; ok || n.Content == "" {
			continue
		}
		a := n.addedToken
		var known bool
		if a.ID, known = t.ID(a.Content); !known {
			a.ID = t.nextID()
		}
		if err := t.addTokens([]addedToken{a}); err != nil {
			return err
		}
	}
	return nil
}

// takeEnds takes the tokens before and after a text from the configuration: those of an
// encoder are its cls_token and sep_token, the first of a causal model is bos_token,
// where tokenizer.json has not said one. add_bos_token and add_eos_token count where
// there is no tokenizer.json.
func (t *Tokenizer) takeEnds(c *tokenizerConfig) {
	t.maskName = c.Mask.Content
	add := func(n namedToken, to *int) {
		if id, ok := t.ID(n.Content); ok && n.Content != "" {
			*to = id
		}
	}
	if t.start >= 0 && t.end >= 0 && !slices.Contains(plainClasses, c.Class) {
		add(c.Cls, &t.start)
		add(c.Sep, &t.end)
	}
	if !t.alone { // transformers drops add_bos_token and add_eos_token where there is a tokenizer.json
		c.AddBos, c.AddEos = nil, nil
	}
	t.bare = c.AddBos != nil && !*c.AddBos
	if c.AddBos != nil || t.start < 0 {
		add(c.Bos, &t.start)
	}
	if c.AddEos != nil && *c.AddEos {
		add(c.Eos, &t.end)
	}
}
