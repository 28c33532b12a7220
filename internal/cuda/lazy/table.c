//go:build voxencuda && cgo

#include "table.h"
#include "symbols.h"
#include <dlfcn.h>
#include <string.h>

#define NO_DEVICE 100

static const char *const names[SYMBOLS] = {SYMBOL_NAMES};
static void *driver;

static int no_device(void) { return NO_DEVICE; }

// gorgonia.org/cu calls cuInit when it is imported and ends the process on an error.
static int init_later(void) { return 0; }

// The jumps of jump_*.S go through here.
__attribute__((visibility("hidden"))) void *voxen_cuda_table[SYMBOLS] = {
	[0 ... SYMBOLS - 1] = (void *)no_device,
	[SYMBOL_INIT] = (void *)init_later,
};

char *voxen_cuda_load(const char *path) {
	driver = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!driver)
		return strdup(dlerror());
	for (size_t i = 0; i < SYMBOLS; i++) {
		void *p = dlsym(driver, names[i]);
		voxen_cuda_table[i] = p ? p : (void *)no_device;
	}
	return NULL;
}

void voxen_cuda_unload(void) {
	for (size_t i = 0; i < SYMBOLS; i++)
		voxen_cuda_table[i] = (void *)no_device;
	driver = NULL; // stays mapped: its threads may still run
}

void *voxen_cuda_symbol(const char *name) { return driver ? dlsym(driver, name) : NULL; }
