package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"image/color"
	"io"
	"strings"
	"sync"

	"voxen/internal/plotting"
)

// Page is a report.
type Page struct {
	Title     string
	Subtitle  string
	Simulated string // what was simulated, in a sentence; "" for real data
	Facts     []Fact // the few numbers at the top
	Findings  []Finding
	Sections  []*Section
	Footer    string
}

// Fact is a number with what it counts.
type Fact struct{ Value, Name string }

// Finding is a sentence on what was found, with what it rests on, in a section of the
// page.
type Finding struct{ Text, Evidence, Section string }

// Section is a part of the page with a heading.
type Section struct {
	ID, Title string
	Lead      string // a paragraph below the heading
	Blocks    []Block
}

// Section adds a part.
func (p *Page) Section(id, title, lead string) *Section {
	s := &Section{ID: id, Title: title, Lead: lead}
	p.Sections = append(p.Sections, s)
	return s
}

// Add adds blocks to a section.
func (s *Section) Add(blocks ...Block) { s.Blocks = append(s.Blocks, blocks...) }

// Block is something in a section. The kinds are Text, Heading, Missing, Table,
// Figure, Details, Code, Viewer and SurfaceViewer.
type Block interface{ kind() string }

type (
	// Text is a paragraph.
	Text string
	// Heading is a smaller heading within a section.
	Heading string
	// Missing says what is not in the report, and why.
	Missing string
	// Code is text as it is, in lines.
	Code string
	// Table is a table with a caption. Columns of numbers stand to the right. In a
	// browser it sorts by any column, and a long one has a field to search it.
	Table struct {
		Caption string
		Source  string // the file it was read from, as the page may link to it; may be empty
		Columns []Column
		Rows    []Row
	}
	// Column heads a column.
	Column struct {
		Name   string
		Number bool
	}
	// Row is a line of a table; Strong sets it off.
	Row struct {
		Cells  []string
		Strong bool
	}
	// Figure is a drawing with a caption.
	Figure struct {
		Caption string
		Drawing *plotting.Figure
	}
	// Details hides blocks behind a line until it is opened; print shows them, but for
	// those that are for the screen alone.
	Details struct {
		Summary string
		Blocks  []Block
		Screen  bool
	}
	// Viewer shows volumes interactively.
	Viewer struct {
		ID         string
		Caption    string
		Background *Volume // below the others; may be nil
		Volumes    []Volume
	}
)

func (Text) kind() string    { return "text" }
func (Heading) kind() string { return "heading" }
func (Missing) kind() string { return "missing" }
func (Code) kind() string    { return "code" }
func (Table) kind() string   { return "table" }
func (Figure) kind() string  { return "figure" }
func (Details) kind() string { return "details" }
func (Viewer) kind() string  { return "viewer" }

// Searchable reports whether a table is long enough for a field to search it.
func (t Table) Searchable() bool { return len(t.Rows) > 12 }

// SourceName is the name of the file alone.
func (t Table) SourceName() string { return t.Source[strings.LastIndexByte(t.Source, '/')+1:] }

// Inline is the drawing as part of a page.
func (f Figure) Inline() template.HTML { return template.HTML(f.Drawing.Inline()) }

// Tall reports whether a drawing is too high to share a page of paper.
func (f Figure) Tall() bool { return f.Drawing.Height > 1.1*f.Drawing.Width }

// Wide reports whether a table has more columns than paper has room for in its usual size.
func (t Table) Wide() bool { return len(t.Columns) > 12 }

// Wordy reports whether a cell is a sentence, which wants room to be read.
func Wordy(cell string) bool { return len(cell) > 48 && !Long(cell) }

// Long reports whether a cell is one long word, such as a digest, which may break
// anywhere.
func Long(cell string) bool { return len(cell) > 32 && !strings.ContainsAny(cell, " -") }

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
	//go:embed viewer.js
	viewerJS string
	//go:embed niivue/niivue.umd.js
	niivueJS string
	//go:embed niivue/LICENSE
	niivueLicense string
	//go:embed niivue/VERSION
	niivueVersion string
)

// NiivueVersion is that of the viewer.
func NiivueVersion() string { return strings.Fields(niivueVersion)[0] }

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"kind":   func(b Block) string { return b.kind() },
	"long":   Long,
	"wordy":  Wordy,
	"css":    func() template.CSS { return template.CSS(pageCSS) },
	"script": func() template.JS { return template.JS(pageJS) },
	"viewer": func() template.JS { return colourTables() + template.JS(viewerJS) },
	"about": func() template.JS {
		return template.JS("/* NiiVue " + NiivueVersion() + ", @niivue/niivue\n" + niivueLicense + "*/\n")
	},
	// a text of JSON, a third of the code's size
	"niivue": sync.OnceValue(func() template.JS { return template.JS(`"` + packed([]byte(niivueJS)) + `"`) }),
}).Parse(pageHTML))

// colourTables are the scales of the figures for the viewers, as niivue has them: stops
// from 0 to the end of each, the first transparent.
func colourTables() template.JS {
	const stops = 16
	tables := map[string]map[string][]int{}
	for name, at := range map[string]func(x float64) color.RGBA{
		"sequential": plotting.Sequential, "above": plotting.Diverging,
		"below": func(x float64) color.RGBA { return plotting.Diverging(-x) },
	} {
		t := map[string][]int{}
		for i := range stops + 1 {
			x := float64(i) / stops
			c, alpha := at(x), 255
			if i == 0 {
				alpha = 0
			}
			for key, v := range map[string]int{"R": int(c.R), "G": int(c.G), "B": int(c.B), "A": alpha, "I": i * 255 / stops} {
				t[key] = append(t[key], v)
			}
		}
		tables[name] = t
	}
	text, err := json.Marshal(tables)
	if err != nil {
		panic("report: " + err.Error()) // of integers
	}
	return template.JS("\"use strict\";\nconst colourTables = " + string(text) + ";\n")
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// Viewers counts the viewers of the page, and Figures its drawings.
func (p *Page) Viewers() int { return p.count("viewer") + p.count("surfaces") }

// Figures counts the drawings.
func (p *Page) Figures() int { return p.count("figure") }

func (p *Page) count(kind string) (n int) {
	var in func(blocks []Block)
	in = func(blocks []Block) {
		for _, b := range blocks {
			if b.kind() == kind {
				n++
			}
			if d, ok := b.(Details); ok {
				in(d.Blocks)
			}
		}
	}
	for _, s := range p.Sections {
		in(s.Blocks)
	}
	return n
}
