// What table.c offers to Go.
#pragma once
#include <stddef.h>

// Opens the driver at path and fills the table. Returns NULL or why not, for the
// caller to free.
char *voxen_cuda_load(const char *path);
// Puts the table back to "no device".
void voxen_cuda_unload(void);
// The address of a driver function outside the table, or NULL.
void *voxen_cuda_symbol(const char *name);
