package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"voxen/study"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"words, Wörter, слова, 言葉, नमस्ते": "words, Wörter, слова, 言葉, नमस्ते",
		"two lines\n\twith a tab":          "two lines\n\twith a tab",
		"\x1b[31mred\x07":                  `\x1b[31mred\x07`,
		"\x00\b\r\x7f":                     `\x00\x08\x0d\x7f`,
		"\u009b31m\u0085":                  `\u009b31m\u0085`,
		"a\u202ecod.exe\u2066\u200f\u061c": `a\u202ecod.exe\u2066\u200f\u061c`,
		"\u2028\u2029":                     `\u2028\u2029`,
		"\xff\x9b31m\xc3":                  `\xff\x9b31m\xc3`,
		"\ufffd":                           "\ufffd",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := printableLine("  a\r\nb\t \x1bc "); got != `a b \x1bc` {
		t.Errorf("%q", got)
	}
}

// TestPrinterEscapes: every way of the printer to say something escapes what it says,
// and with --json an encoder does.
func TestPrinterEscapes(t *testing.T) {
	const raw = "x\x1b[2J\u009b\u202e\xff"
	for _, asJSON := range []bool{false, true} {
		var out, errOut bytes.Buffer
		a := &app{ctx: t.Context(), out: &out, errOut: &errOut}
		a.common.JSON = asJSON
		a.printer = newPrinter(&out, &errOut, false, asJSON)
		p := a.printer
		now := time.Now()
		p.now = func() time.Time { return now }
		p.Steps([]study.StepState{{Step: raw}, {Step: raw}, {Step: raw}}, func() (step, study time.Duration) { return 0, time.Second })
		p.Step(0)
		p.Stage(raw, 10)
		now = now.Add(time.Hour)
		p.Progress(5)
		p.Warn(raw)
		p.StepDone(0, 1, true)
		p.Step(1)
		p.StepDone(1, 1, false)
		p.Step(2)
		p.StepFailed(2, 1)
		p.result("r", map[string]string{"name": raw}, raw+"\nsecond line")
		a.fail(errors.New(raw), 2)
		if n := strings.Count(out.String()+errOut.String(), "x"); n < 7 {
			t.Errorf("json %v: said %d times", asJSON, n)
		}
		for _, r := range out.String() + errOut.String() {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("json %v: %q in %q", asJSON, r, out.String()+errOut.String())
			}
		}
		if asJSON {
			for line := range strings.Lines(out.String()) {
				var o struct{ Message string }
				if err := json.Unmarshal([]byte(line), &o); err != nil || o.Message != "" && o.Message != "x\x1b[2J\u009b\u202e\ufffd" {
					t.Errorf("%q: %q, %v", line, o.Message, err)
				}
			}
		}
	}
}
