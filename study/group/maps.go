package group

import (
	"context"
	"slices"

	"voxen/brain"
	"voxen/store"
	"voxen/study/step"
)

// subjectNames gives a name per map: those given, or the last sub-NAME of each path.
func subjectNames(paths, given []string) ([]string, error) {
	names := slices.Clone(given)
	for i, path := range paths {
		if len(given) == 0 {
			name := step.SubjectIn(path)
			if name == "" {
				return nil, step.BadInput(path, "has no sub-NAME in its path, expected one or --subjects")
			}
			names = append(names, name)
		}
		if at := slices.Index(names[:i], names[i]); at >= 0 {
			return nil, step.BadInput(path, "is of subject %s, as %s is: expected a map per subject", names[i], paths[at])
		}
	}
	return names, nil
}

// openMaps opens a map of one row per subject: arrays, or images of one sort. With first,
// not nil, they have its voxels.
func openMaps(ctx context.Context, e *step.Env, paths []string, mask string, first *step.Responses) (*step.Responses, error) {
	var r *step.Responses
	var err error
	if brain.KindByName(paths[0]) == nil {
		r, err = openVectors(e.FS, paths, mask)
	} else {
		r, err = step.OpenResponses(ctx, e, paths, brain.OpenOptions{Mask: mask, Rows: brain.MapRows}, first)
	}
	if err != nil {
		return nil, err
	}
	if first == nil {
		first = r
	}
	for i, p := range r.Parts {
		switch {
		case p.Rows() != 1:
			err = step.BadInput(paths[i], "has %d maps, expected one", p.Rows())
		case p.Cols() != first.Cols():
			err = step.BadInput(paths[i], "has %d voxels, %s has %d", p.Cols(), first.Paths[0], first.Cols())
		case p.Cols() == 0:
			err = step.BadInput(paths[i], "has no voxels")
		}
		if err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// openVectors opens arrays of one value per voxel.
func openVectors(fsys store.FS, paths []string, mask string) (*step.Responses, error) {
	r := &step.Responses{Paths: paths}
	for _, path := range paths {
		if brain.KindByName(path) != nil {
			r.Close()
			return nil, step.BadInput(path, "is not of the kind of %s: give files of one kind", paths[0])
		}
		a, err := store.OpenArray(fsys, path)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.Closers = append(r.Closers, a.Close)
		if len(a.Shape()) == 1 {
			a = a.AsRow()
		}
		r.Parts = append(r.Parts, a)
	}
	if mask != "" {
		r.Close()
		return nil, step.BadInput(mask, "is a mask, but maps %s are arrays without a grid", paths[0])
	}
	return r, nil
}
