/* What boosted trees predict: training/rankers/trees.py says what is promised.
 *
 * Rows are laid side by side, a panel of them: one vector register holds one column of several
 * rows. A tree is a complete one. Each of its splits is asked of every row, and the answers choose
 * between neighbours from the leaves up: more splits than lie on the way to a leaf, but no jump, no
 * gather, nothing that waits for another split's answer.
 *
 * A split goes left where column < threshold. Columns are made so that this is all there is to ask:
 * a feature as it is, where what is missing goes right; a feature with -inf for what is missing,
 * where that goes left; and for each split by categories a column of -1, left, and 1, right.
 *
 * Margins are summed tree by tree from the base on, in float32, as xgboost does.
 *
 * Shapes: N rows, F features, C columns of features, L of features that miss to the left, G groups
 * of splits by categories, H heads, T trees of all heads.
 */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    SPLITS = 32,        /* of a group: bits of a word */
    LONGEST_PANEL = 32, /* rows */
    ALIGNED = 64        /* bytes */
};

/* A split of a complete tree; the root is number 1, below number n lie 2n and 2n + 1. */
struct split {
    float threshold;
    uint32_t column;
};

/* Splits by categories of one feature: of each category a word, whose bits say who goes left. The
 * first word is for what is missing, the second for categories that no split knows. */
struct group {
    int32_t column;
    int32_t num_categories;
    int64_t first_word;
};

struct forest {
    int64_t num_features; /* F */
    int64_t num_plain;    /* C */
    int64_t num_left;     /* L */
    int64_t num_groups;   /* G */
    int64_t num_heads;    /* H */
    const int32_t *feature_C;
    const int32_t *column_L;
    const struct group *group_G;
    const uint32_t *word_W;
    const struct split *split_S; /* tree by tree, 2 to the power of its depth; the first is none */
    const float *leaf_S;
    const int32_t *depth_T;
    const int32_t *num_trees_H;
    const float *base_H;         /* chances */
};

/* As xgboost's common/math.h has it, whose 1e-16 more below the line are lost in float32. */
static float sigmoid(float margin)
{
    float x = -margin < 88.7f ? -margin : 88.7f; /* exp stays finite */
    return 1.0f / (expf(x) + 1.0f);
}

/* Its inverse, as objective/regression_loss.h has it for a base. */
static float margin_of(float chance)
{
    return -logf(1.0f / chance - 1.0f);
}

/* The same loops for each kind of processor: trees_panel.h with vectors of its size. */
#define JOINED(name, kind) name##_##kind
#define NAMED(name, kind) JOINED(name, kind)
#define OF(name) NAMED(name, KIND)
#define INLINE static inline __attribute__((always_inline))
#define APART static __attribute__((noinline))

#if defined(__x86_64__)
#include <immintrin.h>

#define KIND avx512f
#define TARGET __attribute__((target("avx512f")))
#define LANES 16
#define VECTORS 2
#define CHOSEN(x, threshold, left, right)                                                    \
    (OF(vector)) _mm512_mask_blend_ps(                                                       \
        _mm512_cmp_ps_mask((__m512)(x), (__m512)(threshold), _CMP_LT_OQ), (__m512)(right),   \
        (__m512)(left))
#include "trees_panel.h"

#define KIND avx2
#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define VECTORS 2
#define CHOSEN(x, threshold, left, right)                                                    \
    (OF(vector)) _mm256_blendv_ps(                                                           \
        (__m256)(right), (__m256)(left),                                                     \
        _mm256_cmp_ps((__m256)(x), (__m256)(threshold), _CMP_LT_OQ))
#include "trees_panel.h"
#endif

#define KIND portable
#define TARGET
#define LANES 4
#define VECTORS 2
#define CHOSEN(x, threshold, left, right)                                                    \
    (OF(vector))((((x) < (threshold)) & (OF(bits))(left)) |                                  \
                 (~((x) < (threshold)) & (OF(bits))(right)))
#include "trees_panel.h"

static const struct kind {
    const char *name;
    int64_t num_rows; /* of a panel */
    void (*predict)(const struct forest *, const float *row_NF, int64_t num_rows, float *columns,
                    float *p_HN, int64_t num_all);
} KINDS[] = {
#if defined(__x86_64__)
    {"avx512f", 32, predict_avx512f},
    {"avx2", 16, predict_avx2},
#endif
    {"portable", 8, predict_portable},
};

enum { NUM_KINDS = sizeof KINDS / sizeof *KINDS };

/* Name a kind of instructions, the fastest first; "" where this processor lacks it, NULL at the
 * end. */
const char *trees_kind(int number)
{
    if (number >= NUM_KINDS)
        return NULL;
#if defined(__x86_64__)
    if (number == 0 && !__builtin_cpu_supports("avx512f"))
        return "";
    if (number == 1 && !__builtin_cpu_supports("avx2"))
        return "";
#endif
    return KINDS[number].name;
}

/* Fill p_HN with what each head's trees predict of each row.
 *
 * row_NF: rows of F numbers, NaN where missing. Returns 0, or -1 where memory is lacking. */
int trees(int kind_number, const struct forest *forest, const float *row_NF, int64_t num_rows,
          float *p_HN)
{
    const struct kind *kind = KINDS + kind_number;
    int64_t num_columns = forest->num_plain + forest->num_left + SPLITS * forest->num_groups;
    float *columns = aligned_alloc(ALIGNED, (num_columns + 1) * LONGEST_PANEL * sizeof *columns);
    if (!columns)
        return -1;
    for (int64_t first = 0; first < num_rows; first += kind->num_rows) {
        int64_t num = num_rows - first < kind->num_rows ? num_rows - first : kind->num_rows;
        kind->predict(forest, row_NF + first * forest->num_features, num, columns, p_HN + first,
                      num_rows);
    }
    free(columns);
    return 0;
}
