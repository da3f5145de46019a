/* Joining arrays along the last axis, and taking them apart: strided copies of rows, exact for any
 * element type. Memory-bound, so memcpy and threads are all there is; no leaf, no variants. */
#include <string.h>

#include "common/common.h"
#include "include/pl_kernels.h"
#include "threading/threading.h"

/* Bytes of a task: enough to pay for its scheduling, few enough to share a layer's output. */
enum { CHUNK_BYTES = 1 << 15 };

/* Nanoseconds for a byte, and for a row whose start and end must be found. */
#define BYTE_COST 0.05
#define ROW_COST 2.0

typedef struct {
    const pl_copy_columns_args *args;
    ptrdiff_t rows_per_task;
} job;

static void copy_task(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const job *work = context;
    const pl_copy_columns_args *g = work->args;
    const ptrdiff_t stop = pl_min(end * work->rows_per_task, g->rows);
    for (ptrdiff_t row = begin * work->rows_per_task; row < stop; row++)
        memcpy((char *)g->y + row * g->y_stride, (const char *)g->x + row * g->x_stride,
               (size_t)g->width);
}

int pl_copy_columns(const void *args) {
    const pl_copy_columns_args *g = args;
    const ptrdiff_t unit = pl_max(1, CHUNK_BYTES / pl_max(1, g->width));
    const ptrdiff_t tasks = pl_ceil_div(g->rows, unit);
    const double cost = (double)g->rows * (ROW_COST + BYTE_COST * (double)g->width);
    job work = {g, unit};
    pl_parallel_for(tasks, pl_workers(tasks, cost), copy_task, &work);
    return PL_OK;
}
