package step

import (
	"context"

	"voxen/store"
)

// File is an input with the flag that named it.
type File struct{ Role, Path string }

// DigestFiles names every input with what it holds; files without a path are left out.
// In the file system of an Env they are watched from then on.
func DigestFiles(ctx context.Context, fsys store.FS, files []File) ([]store.Input, error) {
	var inputs []store.Input
	for _, f := range files {
		if f.Path == "" {
			continue
		}
		in, err := digestFile(ctx, fsys, f)
		if err != nil {
			return nil, err
		}
		in.Role = f.Role
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func digestFile(ctx context.Context, fsys store.FS, f File) (store.Input, error) {
	if in, ok := fsys.(*store.Inputs); ok {
		return in.Add(ctx, f.Role, f.Path)
	}
	return store.DigestFile(ctx, fsys, f.Path)
}
