package main

// plotted refuses a figure of a volume of 8 voxels.
func plotted(name, says, out string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"plot", "--map", f.bytes("m.nii", nifti(grid, nil)), "--out", f.path(out)}, more...)
	}, 2, says}
}

// plottedOf refuses a map.
func plottedOf(name, says string, make func(f *files) string, more ...string) refusal {
	return refusal{name, func(f *files) []string {
		return append([]string{"plot", "--map", make(f), "--out", f.path("f.png")}, more...)
	}, 2, says}
}

func init() {
	array := func(f *files) string { return f.npy("v.npy", []int{2, 7}) }
	refusals = append(refusals,
		plotted("a figure of another kind", `f.jpg: is of no kind that is written here: expected .png, .svg`, "f.jpg"),
		plotted("a page of a histogram", `f.html: is no figure, expected .png, .svg or .pdf of --kind histogram`, "f.html", "--kind", "histogram"),
		plotted("layers of one map", `--kind layers with 1 map`, "f.png", "--kind", "layers"),
		plotted("two maps", `--kind map with 2 maps`, "f.png", "--map", "other.nii"),
		plotted("a map that is not there", `m.nii: has 12 maps, but --number is 12`, "f.png", "--number", "12"),
		plotted("positions that are none", `--at "1,x": "x", expected positions in mm`, "f.png", "--at", "1,x"),
		plotted("a position outside", `m.nii: no slice within a voxel of 4000 mm`, "f.png", "--at", "4000"),
		plotted("a limit of 0", `--limit 0, expected`, "f.png", "--limit", "0"),
		plotted("a threshold below 0", `--threshold -1, expected`, "f.png", "--threshold", "-1"),
		refusal{"a surface for a volume", func(f *files) []string {
			return []string{"plot", "--map", f.bytes("m.nii", nifti(grid, nil)), "--surface", f.bytes("s.surf.gii", nil), "--out", f.path("f.png")}
		}, 2, `s.surf.gii: is a surface, but .*m.nii is a volume`},
		plotted("two backgrounds", `t1.nii: is a background beside --anatomy mni152`, "f.png", "--background", "t1.nii", "--anatomy", "mni152"),
		plotted("a surface beside the shipped one", `s.surf.gii: is a surface, but --view inflated`, "f.png", "--surface", "s.surf.gii", "--view", "inflated"),
		plotted("a background of the cortex", `m.nii: is drawn on surfaces, and --anatomy mni152`, "f.png", "--view", "pial", "--anatomy", "mni152"),
		plotted("a volume of no brain", `m.nii: has no value in the cortex of fsaverage5`, "f.png", "--view", "pial"),
		plotted("q for a histogram", `q.nii: is q of places, but --kind histogram draws none`, "f.png", "--kind", "histogram", "--q", "q.nii"),
		plottedOf("an array that lies nowhere", `v.npy: is an array: expected --mask`, array),
		plottedOf("a map of an array that is not there", `v.npy: has 2 maps, but --number is 2`, array, "--kind", "histogram", "--number", "2"),
		refusal{"an array of labels", func(f *files) []string {
			return []string{"plot", "--map", f.npy("v.npy", []int{2, 7}), "--mask", f.masked("mask.nii.gz"), "--colours", "labels", "--out", f.path("f.png")}
		}, 2, `v.npy: is an array, expected an image of labels`},
		plottedOf("alphas that are scores", `w.npy: has 300 values that differ, expected alphas of a grid`, func(f *files) string { return f.npy("w.npy", []int{1, 300}) }, "--kind", "alphas"),
		plottedOf("an array of three dimensions", `v.npy: has shape \[2 2 2\]`, func(f *files) string { return f.npy("v.npy", []int{2, 2, 2}) }, "--kind", "histogram"),
	)
}
