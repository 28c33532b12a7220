// Package tile streams the columns of arrays larger than memory: voxels of BOLD
// responses on the way in, maps and scores on the way out.
//
// A Source is read and a Sink written by blocks of columns, so a fit over a
// whole brain holds a few panels of voxels at a time. Source and Sink use
// built-in types only: packages that read formats implement them without
// importing this one. The package knows nothing of files, devices or models.
package tile
