/* Column sums of a tall matrix: blocks of rows by shape only, partial sums added in order. */
#include "reduce/reduce.h"

#include <string.h>

#include "common/scratch.h"
#include "threading/threading.h"

#define PL_OP reduce
#define PL_OP_TABLE pl_reduce_kernels
#define PL_OP_ROWS "reduce/reduce_kernels.inc"
#include "cpu/variant_rows.h"

const pl_reduce_kernels *pl_reduce_select(int dtype) { return pl_select_op(dtype); }

enum { BLOCK_ROWS = 1024 };

typedef struct {
    const pl_reduce_kernels *kernels;
    const char *x;
    char *partial;
    ptrdiff_t rows, columns;
    size_t item;
} sums_job;

static void sum_blocks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const sums_job *job = context;
    for (ptrdiff_t block = begin; block < end; block++) {
        const ptrdiff_t first = block * BLOCK_ROWS, row_bytes = job->columns * (ptrdiff_t)job->item;
        job->kernels->column_sums(job->x + first * row_bytes, job->columns,
                                  pl_min(BLOCK_ROWS, job->rows - first), job->columns,
                                  job->partial + block * row_bytes);
    }
}

int pl_column_sums(int dtype, const void *x, ptrdiff_t rows, ptrdiff_t columns, void *y) {
    const size_t item = pl_item_size(dtype);
    const ptrdiff_t blocks = pl_ceil_div(pl_max(rows, 1), BLOCK_ROWS);
    sums_job job = {pl_reduce_select(dtype), x, y, rows, columns, item};
    if (blocks > 1) {
        job.partial = pl_scratch(PL_SLOT_REDUCE, (size_t)(blocks * columns) * item);
        if (!job.partial) return PL_NO_MEMORY;
    }
    pl_parallel_for(blocks, pl_workers(blocks, (double)rows * (double)columns * 0.1), sum_blocks, &job);
    if (blocks > 1) {
        memcpy(y, job.partial, (size_t)columns * item);
        for (ptrdiff_t block = 1; block < blocks; block++)
            job.kernels->add(job.partial + (size_t)(block * columns) * item, y, columns);
    }
    return PL_OK;
}

int pl_column_sums_call(const void *args) {
    const pl_column_sums_args *a = args;
    return pl_column_sums(a->dtype, a->x, a->m, a->n, a->y);
}
