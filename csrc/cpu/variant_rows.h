/* Turns csrc/<op>/<op>_kernels.inc into the table that dispatch, tests and explain() read.
 * The driver defines PL_OP, PL_OP_TABLE (the type of a leaf's table) and PL_OP_ROWS (the file),
 * and gets  static pl_select_op(dtype)  plus the external  pl_<op>_variants  and  ..._count. */
#include "cpu/cpu.h"

#define PL_SYMBOL_(dtype, op, suffix) pl_##dtype##_##op##__##suffix
#define PL_SYMBOL(dtype, op, suffix) PL_SYMBOL_(dtype, op, suffix)
#define PL_LIST_(op, what) pl_##op##_##what
#define PL_LIST(op, what) PL_LIST_(op, what)
#define PL_DTYPE_f32 PL_F32
#define PL_DTYPE_f64 PL_F64

#define PL_ROW(isa, suffix, dtype, name) extern const PL_OP_TABLE PL_SYMBOL(dtype, PL_OP, suffix);
#include PL_OP_ROWS
#undef PL_ROW

extern const pl_variant PL_LIST(PL_OP, variants)[];
extern const int PL_LIST(PL_OP, variant_count);

#define PL_ROW(isa, suffix, dtype, name) \
    {PL_##isa, PL_DTYPE_##dtype, name, &PL_SYMBOL(dtype, PL_OP, suffix)},
const pl_variant PL_LIST(PL_OP, variants)[] = {
#include PL_OP_ROWS
};
#undef PL_ROW
const int PL_LIST(PL_OP, variant_count) =
    (int)(sizeof PL_LIST(PL_OP, variants) / sizeof PL_LIST(PL_OP, variants)[0]);

static inline const PL_OP_TABLE *pl_select_op(int dtype) {
    return pl_select(PL_LIST(PL_OP, variants), PL_LIST(PL_OP, variant_count), dtype);
}
