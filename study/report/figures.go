package report

import (
	"fmt"
	"path/filepath"

	"voxen/internal/plotting"
	page "voxen/report"
	"voxen/store"
	"voxen/study/step"
)

// figure is what can be drawn.
type figure interface {
	Draw() (*plotting.Figure, error)
}

// drawing is a figure of the report.
func drawing(caption string, d figure) (page.Block, error) {
	f, err := d.Draw()
	if err != nil {
		return nil, err
	}
	return page.Figure{Caption: caption, Drawing: f}, nil
}

// draw adds a drawing to a section.
func draw(s *page.Section, caption string, d figure) error {
	f, err := drawing(caption, d)
	if err == nil {
		s.Add(f)
	}
	return err
}

// scoreScale is that of scores: from 0 to nearly the highest; of scores that are all
// below 0, as negative errors are, from nearly the lowest.
func scoreScale(values []float64, label string) plotting.Scale {
	kept := finite(values)
	if high := step.Quantile(kept, 0.998); high > 0 {
		return plotting.Scale{Label: label, High: plotting.RoundUp(high)}
	}
	if low := step.Quantile(kept, 0.002); low < 0 {
		return plotting.Scale{Label: label, Low: -plotting.RoundUp(-low)}
	}
	return plotting.Scale{Label: label}
}

// signedScale is that of weights and of t: as far on both sides of 0 as nearly all of
// them lie.
func signedScale(values []float64, label string) plotting.Scale {
	return plotting.Scale{Label: label, Diverging: true, High: max(0, plotting.RoundUp(step.Quantile(finite(absolute(values)), 0.998)))}
}

// source is how the page links to a table that lies beside it.
func (b *reporter) source(t *store.Table) string {
	path, err := filepath.Rel(filepath.Dir(b.o.Out), t.Path)
	if err != nil {
		return ""
	}
	return "./" + filepath.ToSlash(path)
}

// found adds a sentence to the top of the page, with what it rests on.
func (b *reporter) found(section, evidence, format string, args ...any) {
	b.page.Findings = append(b.page.Findings, page.Finding{Text: fmt.Sprintf(format, args...), Evidence: evidence, Section: section})
}

// leftOut says that some intervals lie beside their points, if some do.
func leftOut(series []plotting.Series) string {
	n := 0
	for _, s := range series {
		for k := range s.X {
			if s.XLow != nil && (s.X[k] < s.XLow[k] || s.X[k] > s.XHigh[k]) || s.YLow != nil && (s.Y[k] < s.YLow[k] || s.Y[k] > s.YHigh[k]) {
				n++
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %d of the intervals %s not hold %s: the index changes with the number of different subjects, which resampling lowers.", n,
		map[bool]string{true: "does", false: "do"}[n == 1], map[bool]string{true: "its point", false: "their points"}[n == 1])
}
