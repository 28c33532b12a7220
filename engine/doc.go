// Package engine runs tensor graphs on a device.
//
// A Backend owns a device: its memory, its streams, and one method per
// operation of package op. A Machine compiles a graph for a Backend once per
// shape and runs it over many tiles of voxels, with the copies of neighbouring
// tiles overlapping the compute of the one between. Open finds the backend that
// a user's "auto", "cpu" or "cuda:0" stands for.
//
// The package computes nothing itself and knows no estimators: those are in
// ridge and dict, and what runs on a device is in the packages cpu and cuda,
// which register themselves when they are imported. The example has a graph of one's own.
package engine
