// What tests ask of the stand-in driver, before or between calls. The variable
// CUSIM holds settings for the start: "devices=2,memory=1000000".
//
//   devices N, memory BYTES, capability CC, version V   what it reports
//   jitter US       work of a stream starts up to so much late, now and then
//   backwards 0|1   blocks and threads run from the last to the first
//   poison 0|1      static shared memory is NaN before every block
//   fail NAME:N:CODE[:DEVICE]   the N-th call of NAME from now on answers CODE;
//                   "any" is every call, "run" the execution of a launch
//   revive DEVICE   a lost device works again, with empty memory
#pragma once

extern "C" {
void cusim_set(const char *name, const char *value);
// Counters: calls, launches, graphs, used:DEVICE (bytes), allocations:DEVICE.
long cusim_get(const char *name);
// For the stand-in libraries: work in the order of a stream (CUstream) of the
// current context; what f points to is freed by it.
int cusim_submit(void *stream, void (*f)(void *), void *arg);
}
