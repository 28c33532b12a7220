// Blocks of CUDA threads on one thread of the machine: every CUDA thread is a
// fiber that runs until it has to wait for others of its block.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace sim {

struct Coord {
    unsigned x = 1, y = 1, z = 1;
    uint64_t count() const { return uint64_t(x) * y * z; }
};

struct Fiber; // a stack

// A CUDA thread.
struct Thread {
    Coord id;
    unsigned lane, warp;
    Fiber *fiber; // nullptr: not started
};

// A place where the lanes of a mask meet. Values lie in two buffers in turn, so
// that a fast lane's next value leaves those of this meeting alone.
struct Meeting {
    uint32_t mask, arrived, turn;
    uint32_t came[2];
    uint64_t value[2][32];
};

struct Warp {
    uint32_t ready, live, atBarrier;
    std::vector<Meeting> meetings;
};

struct Launch;

// The block that a thread of the machine runs.
struct Block {
    Coord index, dim, grid;
    Thread *current;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    unsigned warp;              // where to look for the next thread first
    unsigned live, atBarrier;
    unsigned barrier;           // barriers passed
    unsigned sum[2];            // of what threads brought to a barrier, in turn
    bool backwards;             // the order in which threads are taken
    std::string fault;
    const Launch *launch;
    std::vector<char> shared;   // dynamic
};

// This thread's block.
Block *block();

// barrier is __syncthreads; it returns the sum of add over the block.
unsigned barrier(unsigned add = 0);
// meet posts 8 bytes and gives those of all lanes in mask, and who came.
const uint64_t *meet(uint32_t mask, uint64_t value, uint32_t *came);
// fail ends the launch: the kernel did what a GPU would not allow.
[[noreturn]] void fail(const std::string &why);

// A compiled kernel, as the launcher sees it.
struct Kernel {
    const char *name;
    std::vector<size_t> sizes; // of its parameters
    void (*call)(void *function, void **args);
    void *function;
};

// The kernel of a name, or nullptr.
const Kernel *find(const std::string &name);
void add(Kernel k);

template <class... A> struct Caller {
    template <size_t... I> static void unpack(void *f, void **a, std::index_sequence<I...>) {
        ((void (*)(A...))f)(*(std::remove_cv_t<A> *)a[I]...);
    }
    static void call(void *f, void **a) { unpack(f, a, std::index_sequence_for<A...>{}); }
};

// Registers a kernel when its library is loaded.
struct Registration {
    template <class... A> Registration(const char *name, void (*f)(A...)) {
        add({name, {sizeof(A)...}, Caller<A...>::call, (void *)f});
    }
};

// Uses the thread-local memory of the library of kernels; see tls.cpp.
extern void (*touch)();

// A launch with its arguments copied.
struct Launch {
    const Kernel *kernel;
    Coord grid, block;
    size_t shared;
    std::vector<uint64_t> words; // one per argument
    std::vector<void *> args;
};

// What tests may vary about how launches run.
struct Order {
    bool backwards = false;    // blocks and threads from the last to the first
    bool poisonShared = false; // static shared memory holds NaN before every block
};

// run executes a launch to its end; the result is what went wrong, or empty.
std::string run(const Launch &l, Order o);

} // namespace sim
