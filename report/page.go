package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/png"
	"io"
	"strings"
)

// Page is a report.
type Page struct {
	Title     string
	Subtitle  string
	Simulated string // what was simulated, in a sentence; "" for real data
	Facts     []Fact // the few numbers at the top
	Sections  []*Section
	Footer    string
}

// Fact is a number with what it counts.
type Fact struct{ Value, Name string }

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
	// Table is a table with a caption. Columns of numbers stand to the right.
	Table struct {
		Caption string
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
	// Figure is a drawing with a caption; Alt says in words what it shows.
	Figure struct {
		Caption, Alt string
		src          template.URL  // of a picture
		svg          template.HTML // of a chart
		Width        int           // of a picture on the page, in its own pixels; 0: as it is
	}
	// Details hides blocks behind a line until it is opened; print shows them.
	Details struct {
		Summary string
		Blocks  []Block
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

// Picture makes a figure of an image.
func Picture(img image.Image, caption, alt string) (Figure, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return Figure{}, err
	}
	return Figure{Caption: caption, Alt: alt, src: dataURL("image/png", b.Bytes()), Width: img.Bounds().Dx()}, nil
}

// dataURL embeds bytes in an address.
func dataURL(kind string, data []byte) template.URL {
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data))
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
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
	"src":    func(f Figure) template.URL { return f.src },
	"svg":    func(f Figure) template.HTML { return f.svg },
	"css":    func() template.CSS { return template.CSS(pageCSS) },
	"viewer": func() template.JS { return template.JS(viewerJS) },
	"niivue": func() template.JS {
		return template.JS("/* NiiVue " + NiivueVersion() + ", @niivue/niivue\n" + niivueLicense + "*/\n" + niivueJS)
	},
}).Parse(pageHTML))

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
