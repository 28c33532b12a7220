package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable returns text as it may go to a terminal: whatever it took from files and
// their names, it moves no cursor, rings no bell and turns no writing around. Control
// characters (C0 but for line feed and tab, DEL, C1), the marks of bidirectional
// text, the separators of lines and paragraphs and bytes that are not UTF-8 are
// written as in Go: \x1b, \u202e. Everything that is printed as text passes here.
func printable(text string) string {
	var b strings.Builder
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[at])
		case r == '\n' || r == '\t' || !moves(r):
			b.WriteString(text[at : at+size])
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		at += size
	}
	return b.String()
}

// moves reports whether a character does something to a terminal or to the text around it.
func moves(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// printableLine is printable for what is one line: line ends and tabs within it, which
// a name may hold, become spaces.
func printableLine(text string) string { return printable(oneLine(text)) }

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n\v\f", r) }), " ")
}

// printableJSON encodes v on one line. What encoding/json leaves of the characters that
// printable escapes (DEL, C1, bidirectional marks) is escaped as JSON does, so that a
// reader gets the text as it was.
func printableJSON(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, r := range string(plain) {
		if moves(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
