package report

import (
	"path/filepath"
	"strings"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// reads are the files that the report takes from the folder of a command; images are
// the names of results of which it takes the image, whatever its kind.
var reads = map[string]struct{ files, images []string }{
	"learn":    {files: []string{"columns.tsv", "objective.tsv", "atoms.npy"}},
	"encode":   {files: []string{"cv_score.npy", "nested_score.npy", "test_score.npy", "mask.nii.gz", "layers.tsv", "band_weights.npy", "product_measure.npy", "split_r.npy", "partition.tsv", "q.npy", bestLayer + ".npy"}, images: []string{"cv_score", "nested_score", "test_score", "q", bestLayer}},
	"match":    {files: []string{"matches.tsv", "networks.tsv", "mask.nii.gz"}, images: []string{"group_maps"}},
	"couple":   {files: []string{"biological.tsv"}},
	"group":    {files: []string{"group.tsv"}, images: []string{"t"}},
	"lesion":   {files: []string{"lesions.tsv", "losses.tsv"}},
	"organize": {files: []string{"neurons.tsv", "models.tsv", "layers.tsv", "subgroups.tsv", "interaction.tsv", "contrasts.tsv"}},
}

// steps lists what was run, in the order of the analysis.
func (o *Options) steps() []ranStep {
	var list []ranStep
	add := func(name, command, path string, isFile bool) {
		if path != "" {
			list = append(list, ranStep{name: name, command: command, output: path, isFile: isFile, path: store.RunPath(path, isFile)})
		}
	}
	for _, m := range o.Models {
		add(m.Name+": extract", "extract", m.Extract, true)
		add(m.Name+": align", "align", m.Responses, true)
		add(m.Name+": learn", "learn", m.Learn, false)
		for s, dir := range m.Encode {
			add(m.Name+": encode "+m.Subjects[s], "encode", dir, false)
		}
		add(m.Name+": null", "null", m.Null, false)
		add(m.Name+": match", "match", m.Match, false)
		add(m.Name+": couple", "couple", m.Couple, false)
		add(m.Name+": group", "group", m.Group, false)
	}
	add("organize", "organize", o.Organize, false)
	for _, m := range o.Models {
		add(m.Name+": lesion", "lesion", m.Lesion, false)
	}
	for _, path := range o.Runs {
		add(filepath.Base(path), "", path, strings.Contains(filepath.Base(path), ".npy"))
	}
	return list
}

// MoreInputs are the files of the folders that are named, and the table of labels
// beside the templates. A folder must be there; what it holds may be less than all.
func (o *Options) MoreInputs(e *step.Env) ([]step.File, error) {
	var files []step.File
	for _, s := range o.steps() {
		of, err := s.files(e.FS)
		if err != nil {
			return nil, err
		}
		files = append(files, of...)
	}
	table, err := step.LabelTables(e.FS, "--templates", o.Templates)
	return append(files, table...), err
}

// files lists what is there of a step.
func (s *ranStep) files(fsys store.FS) ([]step.File, error) {
	dir := filepath.Dir(s.path)
	switch info, err := fsys.Stat(dir); {
	case err != nil:
		return nil, step.BadInput(dir, "no such folder: expected what %s wrote", s.name)
	case !info.IsDir():
		return nil, step.BadInput(dir, "is no folder, expected the one that %s wrote", s.name)
	}
	var files []step.File
	add := func(path string) {
		if step.Exists(fsys, path) {
			files = append(files, step.File{Role: s.name, Path: path})
		}
	}
	if s.isFile && s.command != "extract" { // whose file is large, and not read
		files = append(files, step.File{Role: s.name, Path: s.output})
		add(s.output + ".columns.tsv")
	}
	add(s.path)
	for _, name := range reads[s.command].files {
		add(filepath.Join(dir, name))
	}
	for _, name := range reads[s.command].images {
		image, err := brain.Files{FS: fsys}.FindResult(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for _, part := range brain.Parts(image) {
			if part != "" {
				add(part)
			}
		}
	}
	return files, nil
}

// ranStep is what a step wrote, with its run.json.
type ranStep struct {
	name    string // in the report: "bert: encode sub-01"
	command string // "" for one of which only run.json is read
	output  string
	isFile  bool
	path    string     // of run.json
	run     *store.Run // nil if there is none
}
