// Package report writes one HTML file that holds everything it shows: text,
// tables, figures, and volumes of a brain in an interactive viewer (niivue,
// embedded). It asks for nothing over the network and prints on paper.
//
//	p := report.Page{Title: "Alice", Simulated: "The BOLD is simulated."}
//	s := p.Section("learning", "Learning curves", "Objective by step.")
//	s.Add(report.Chart{Title: "...", Series: series}.Figure())
//	err := p.Write(w)
//
// Colours are those of Okabe and Ito (2008), which readers with the common
// colour deficiencies tell apart, and series differ in marks and dashes too. The
// package knows no files and computes no statistics: what stands in a report is
// gathered by the step that makes it.
package report
