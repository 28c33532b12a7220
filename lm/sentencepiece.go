package lm

import (
	"bytes"
	"fmt"
	"math"
	"sort"

	"google.golang.org/protobuf/encoding/protowire"

	"voxen/store"
)

// SentencePiece's own numbers, from sentencepiece_model.proto.
const (
	pieceNormal, pieceUnknown, pieceControl, pieceUserDefined, pieceUnused, pieceByte = 1, 2, 3, 4, 5, 6
	trainerBPE                                                                        = 2
)

// spPiece is one entry of a SentencePiece vocabulary.
type spPiece struct {
	text  string
	score float32
	kind  uint64
}

// spModel is what encoding needs of a tokenizer.model file.
type spModel struct {
	pieces           []spPiece
	modelType        uint64
	charsMap         []byte
	dummyPrefix      bool
	removeExtra      bool
	escapeWhitespace bool
	suffix           bool // trainer_spec.treat_whitespace_as_suffix
	byteFallback     bool
	startID          int64  // trainer_spec.bos_id
	startPiece       string // trainer_spec.bos_piece
}

// fields calls take for every field of a protocol-buffer message.
func fields(b []byte, take func(num protowire.Number, typ protowire.Type, value []byte, varint uint64) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var value []byte
		var varint uint64
		switch typ {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			varint = uint64(v)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := take(num, typ, value, varint); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// parseSP reads a serialised ModelProto.
func parseSP(b []byte) (*spModel, error) {
	m := &spModel{modelType: 1, dummyPrefix: true, removeExtra: true, escapeWhitespace: true, startID: 1, startPiece: "<s>"} // the proto's defaults
	err := fields(b, func(num protowire.Number, typ protowire.Type, value []byte, _ uint64) error {
		if typ != protowire.BytesType {
			return nil
		}
		switch num {
		case 1: // pieces
			p := spPiece{kind: pieceNormal}
			err := fields(value, func(num protowire.Number, _ protowire.Type, value []byte, v uint64) error {
				switch num {
				case 1:
					p.text = string(value)
				case 2:
					p.score = math.Float32frombits(uint32(v))
				case 3:
					p.kind = v
				}
				return nil
			})
			m.pieces = append(m.pieces, p)
			return err
		case 2: // trainer_spec
			return fields(value, func(num protowire.Number, _ protowire.Type, value []byte, v uint64) error {
				switch num {
				case 3:
					m.modelType = v
				case 24:
					m.suffix = v != 0
				case 35:
					m.byteFallback = v != 0
				case 41:
					m.startID = int64(int32(v)) // an int32: -1 for none
				case 46:
					m.startPiece = string(value)
				}
				return nil
			})
		case 3: // normalizer_spec
			return fields(value, func(num protowire.Number, _ protowire.Type, value []byte, v uint64) error {
				switch num {
				case 2:
					m.charsMap = value
				case 3:
					m.dummyPrefix = v != 0
				case 4:
					m.removeExtra = v != 0
				case 5:
					m.escapeWhitespace = v != 0
				}
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("not a SentencePiece model: %w", err)
	}
	return m, nil
}

// readSentencePiece reads tokenizer.model as Llama 1 and 2 ship it.
func readSentencePiece(fsys store.FS, path string) (*Tokenizer, error) {
	b, err := readFile(fsys, path, maxTokenizer)
	if err != nil {
		return nil, err
	}
	if line, _, _ := bytes.Cut(b, []byte("\n")); bytes.HasSuffix(line, []byte(" 0")) && bytes.HasPrefix(line, []byte("IQ==")) {
		return nil, badf(path, "is a tiktoken vocabulary, want a SentencePiece model; the folder's tokenizer.json will do")
	}
	m, err := parseSP(b)
	if err != nil {
		return nil, bad(path, err)
	}
	t, err := m.tokenizer()
	if err != nil {
		return nil, bad(path, err)
	}
	return t, nil
}

// tokenizer builds the encoder, or says what the model asks for that is not
// built.
func (m *spModel) tokenizer() (*Tokenizer, error) {
	switch {
	case len(m.pieces) == 0:
		return nil, fmt.Errorf("holds no pieces")
	case m.modelType != trainerBPE:
		return nil, fmt.Errorf("trainer_spec.model_type %d is not built, want %d (BPE)", m.modelType, trainerBPE)
	case m.suffix:
		return nil, fmt.Errorf("trainer_spec.treat_whitespace_as_suffix true is not built, want false")
	case len(m.charsMap) > 0:
		return nil, fmt.Errorf("normalizer_spec.precompiled_charsmap of %d bytes is not built, want none (identity)", len(m.charsMap))
	case m.removeExtra:
		return nil, fmt.Errorf("normalizer_spec.remove_extra_whitespaces true is not built, want false")
	case !m.escapeWhitespace:
		return nil, fmt.Errorf("normalizer_spec.escape_whitespaces false is not built, want true")
	}
	enc := &bpe{ids: make(map[string]int, len(m.pieces)), unknown: -1, fuseUnknown: true,
		scored: &scores{pieces: make([]string, len(m.pieces)), rank: m.ranks()}}
	t := &Tokenizer{ids: enc.ids, start: -1, end: -1, encodeWord: enc.encode, metaspace: m.dummyPrefix, alone: true}
	if err := m.takePieces(t, enc); err != nil {
		return nil, err
	}
	if m.byteFallback {
		enc.byteFallback = true
		if err := enc.findBytes(); err != nil {
			return nil, err
		}
	}
	if m.dummyPrefix {
		t.normalize = append(t.normalize, prepend("▁"))
	}
	t.normalize = append(t.normalize, replace(" ", "▁"))
	if id, ok := enc.ids[m.startPiece]; ok && m.startID >= 0 {
		t.start = id
	}
	t.index()
	return t, nil
}

// takePieces sorts the pieces by their kinds. Control pieces and the unknown one are
// found in the text as it is, as Hugging Face does; user-defined symbols are pieces
// wherever they stand, and never joined to their neighbours.
func (m *spModel) takePieces(t *Tokenizer, enc *bpe) error {
	symbols := newMatcher()
	for id, p := range m.pieces {
		if other, twice := enc.ids[p.text]; twice {
			return fmt.Errorf("pieces %d and %d are both %q", other, id, p.text)
		}
		enc.ids[p.text] = id
		enc.scored.pieces[id] = p.text
	}
	for id, p := range m.pieces {
		a := addedToken{ID: id, Content: p.text}
		switch p.kind {
		case pieceUnknown:
			enc.unknown = id
		case pieceControl:
		case pieceUserDefined:
			if len(p.text) > maxAdded {
				return fmt.Errorf("symbol %.20q... has %d bytes, want at most %d", p.text, len(p.text), maxAdded)
			}
			symbols.add(charsOf(p.text, 0), a)
			continue
		case pieceUnused:
			return fmt.Errorf("piece %q is of type 5 (unused), which is not built", p.text)
		default:
			continue
		}
		if err := t.addTokens([]addedToken{a}); err != nil {
			return err
		}
	}
	if len(symbols.tokens) > 0 {
		enc.symbolic = symbols
	}
	return nil
}

// ranks orders the pieces that joining can make by score, the highest first;
// equal scores share a rank.
func (m *spModel) ranks() []int32 {
	rank := make([]int32, len(m.pieces))
	var order []int
	for id, p := range m.pieces {
		rank[id] = -1
		if p.kind == pieceNormal {
			order = append(order, id)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return m.pieces[order[i]].score > m.pieces[order[j]].score })
	for i, id := range order {
		rank[id] = int32(i)
		if i > 0 && m.pieces[id].score == m.pieces[order[i-1]].score {
			rank[id] = rank[order[i-1]]
		}
	}
	return rank
}
