// Package hdf5 reads arrays of numbers from HDF5 files, as h5py, PyTables and
// MATLAB (version 7.3) write them, and writes files of a few arrays and texts.
//
//	f, err := hdf5.Open(r, size)
//	...
//	d, err := f.Dataset("/group/name")
//	...
//	if r, offset, ok, err := d.Contiguous(); ok { ... }  // the elements, one after the other
//	chunks, err := d.Chunks()                             // or in chunks
//	err = chunks.EachChunk(ctx, start, count, 0, func(c hdf5.Chunk) error { ... })
//
// Read are superblocks 0 to 3, user blocks, groups of both kinds (symbol tables;
// links in headers and in heaps), soft links within the file, committed types,
// integers of 1, 2, 4 and 8 bytes, IEEE floats of 2, 4 and 8, bfloat16 and
// enumerations of integers in either byte order; compact, contiguous and chunked
// layouts with each of the format's six indexes; gzip, lzf, shuffle and
// fletcher32. Refused by name are other filters, virtual and external data, links
// to other files and headers in a shared heap.
//
// Everything is a positioned read. Each length of the file is compared with the
// file's size before memory is allocated for it; the metadata read are bounded
// by a multiple of the file's size, so that a damaged file that refers to itself
// ends; checksums are compared where the format has them. What the file gets
// wrong is a *FormatError, whose text says what the file "is" or "has".
//
// Source: The HDF Group, HDF5 File Format Specification, version 3.0; what it
// leaves open was taken from what h5py 3.16 (HDF5 2.0) and earlier write.
package hdf5
