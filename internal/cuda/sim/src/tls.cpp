// In the library of kernels: makes its thread-local memory, where static shared
// arrays lie, come into being on a thread before the first kernel uses some.
#include "fiber.h"

static thread_local char any;
static void use() { *(volatile char *)&any = 0; }
static const bool set = (sim::touch = use, true);
