#include "common/scratch.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    void *block[PL_SLOTS];
    size_t bytes[PL_SLOTS];
} arena;

static pthread_key_t arena_key;
static pthread_once_t arena_once = PTHREAD_ONCE_INIT;
static int arena_key_ok;

static void free_arena(void *pointer) {
    arena *owned = pointer;
    for (int slot = 0; slot < PL_SLOTS; slot++) free(owned->block[slot]);
    free(owned);
}

static void make_key(void) { arena_key_ok = pthread_key_create(&arena_key, free_arena) == 0; }

void *pl_scratch(pl_slot slot, size_t bytes) {
    pthread_once(&arena_once, make_key);
    if (!arena_key_ok) return NULL;
    arena *mine = pthread_getspecific(arena_key);
    if (!mine) {
        mine = calloc(1, sizeof *mine);
        if (!mine || pthread_setspecific(arena_key, mine) != 0) {
            free(mine);
            return NULL;
        }
    }
    if (mine->bytes[slot] < bytes) {
        free(mine->block[slot]);
        mine->bytes[slot] = 0;
        mine->block[slot] = NULL;
        if (bytes > SIZE_MAX - 4096) return NULL;
        if (posix_memalign(&mine->block[slot], 64, (bytes + 4095) / 4096 * 4096) != 0) {
            mine->block[slot] = NULL;
            return NULL;
        }
        mine->bytes[slot] = bytes;
    }
    return mine->block[slot];
}
