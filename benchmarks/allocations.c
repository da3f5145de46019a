/* Counts what a process allocates while it is told to; preloaded by memory.py (Linux, glibc).

       cc -O2 -shared -fPIC allocations.c -o allocations.so

   Everything that asks malloc and its sisters counts: Python, NumPy, the kernels, OpenMP. */

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

enum { KEPT = 64 };

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_size_t least; /* 0: do not count */
static atomic_long found;
static size_t sizes[KEPT];

static void note(size_t size) {
    const size_t from = atomic_load_explicit(&least, memory_order_relaxed);
    if (from == 0 || size < from)
        return;
    const long place = atomic_fetch_add(&found, 1);
    if (place < KEPT)
        sizes[place] = size;
}

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note(count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    note(size);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    void *memory = memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *result = memory;
    return 0;
}

/* Count from now on those of at least so many bytes; 0 stops. */
void count_allocations(size_t from) {
    if (from != 0)
        atomic_store(&found, 0);
    atomic_store(&least, from);
}

/* How many were found. */
long counted_allocations(void) { return atomic_load(&found); }

/* The size of one of the first found. */
size_t counted_size(long index) { return index < KEPT ? sizes[index] : 0; }
