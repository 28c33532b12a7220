package brain_test

import (
	"context"
	"fmt"
	"log"

	"voxen/brain"
)

// The time courses of a run within a mask.
func Example() {
	ctx := context.Background()
	const folder = "../testdata/haxby2001/sub-1_"
	im, err := brain.Files{}.Open(ctx, folder+"task-objectviewing_run-01_desc-25mm_bold.nii.gz",
		brain.OpenOptions{Mask: folder + "desc-25mm_mask.nii.gz"})
	if err != nil {
		log.Fatal(err)
	}
	defer im.Close()
	if err := im.Load(ctx, brain.Storage{Memory: 1 << 30}); err != nil {
		log.Fatal(err)
	}
	bold := make([]float32, im.Rows()*im.Cols())
	if err := im.ReadFloat32(ctx, 0, im.Cols(), bold, im.Cols()); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d volumes of %d voxels, %g s apart\n", im.Rows(), im.Cols(), im.TR())
	// Output: 121 volumes of 129 voxels, 2.5 s apart
}
