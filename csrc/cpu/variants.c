/* The variant lists of all ops, for pl.kernels.variants(). */
#include <string.h>

#include "cpu/cpu.h"

#define PL_OP_NAME(op)                       \
    extern const pl_variant pl_##op##_variants[]; \
    extern const int pl_##op##_variant_count;
#include "cpu/ops.inc"
#undef PL_OP_NAME

static const struct {
    const char *op;
    const pl_variant *rows;
    const int *count;
} lists[] = {
#define PL_OP_NAME(op) {#op, pl_##op##_variants, &pl_##op##_variant_count},
#include "cpu/ops.inc"
#undef PL_OP_NAME
};

const char *pl_op_at(int index) {
    return index >= 0 && index < (int)(sizeof lists / sizeof lists[0]) ? lists[index].op : NULL;
}

int pl_variant_at(const char *op, int index, pl_isa *isa, int *dtype, const char **name) {
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        if (strcmp(lists[i].op, op) == 0 && index >= 0 && index < *lists[i].count) {
            const pl_variant *row = &lists[i].rows[index];
            *isa = row->isa;
            *dtype = row->dtype;
            *name = row->name;
            return 1;
        }
    return 0;
}
