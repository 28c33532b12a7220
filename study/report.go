package study

// ReportOptions are the options of the report step. Every part is optional: what
// is not there is left out of the report with a sentence.
type ReportOptions struct {
	Title     string
	Out       string   // report.html
	Simulated string   // what was simulated, in a sentence; "" for real data
	Runs      []string // further folders or files whose run.json is listed

	Models []ReportModel
	Couple string // folder of the couple step
	Group  string // folder of the group step

	Organize   string // folder of the organize step: neurons.tsv, layers.tsv, models.tsv, interaction.tsv
	Words      string // word table, for the words that drive each sub-group
	TR, Start  float64
	HRF        string // that the responses were convolved with
	Background string // image behind the maps
	Templates  string // label image of the networks, shown beside the maps
}

// ReportModel is what the steps wrote for one language model.
type ReportModel struct {
	Name      string
	Responses string   // aligned responses (T, N)
	Learn     string   // folder of the learn step
	Encode    []string // folders of the encode step, one per subject
	Subjects  []string // their names
	Match     string   // folder of the match step
}

// ReportSummary is what the report holds.
type ReportSummary struct {
	Out     string   `json:"out"`
	Bytes   int64    `json:"bytes"`
	Figures int      `json:"figures"`
	Viewers int      `json:"viewers"` // images in the interactive viewer
	Missing []string `json:"missing"` // parts that were left out, with why
	Seconds float64  `json:"seconds"`
}
