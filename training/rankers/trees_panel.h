/* A panel of rows through all trees; trees.c includes it once for each kind of processor.
 *
 * KIND: its name; TARGET: its functions' attribute; LANES: numbers of a register; VECTORS:
 * registers of a panel; CHOSEN: left where x is below the threshold, else right.
 */

#define SIDE (LANES * VECTORS)

typedef float OF(vector) __attribute__((vector_size(4 * LANES)));
typedef int32_t OF(bits) __attribute__((vector_size(4 * LANES)));
typedef struct {
    OF(vector) part[VECTORS];
} OF(values);

/* Lay features side by side; behind the last row it is taken again, nobody looks at that. */
TARGET static void OF(lay_features)(const struct forest *forest, const float *row_NF,
                                    int64_t num_rows, float *columns)
{
    const float *row[SIDE];
    for (int r = 0; r < SIDE; r++)
        row[r] = row_NF + (r < num_rows ? r : num_rows - 1) * forest->num_features;
    for (int64_t c = 0; c < forest->num_plain; c++)
        for (int r = 0; r < SIDE; r++)
            columns[c * SIDE + r] = row[r][forest->feature_C[c]];
    float *left = columns + forest->num_plain * SIDE;
    for (int64_t l = 0; l < forest->num_left; l++)
        for (int r = 0; r < SIDE; r++) {
            float x = columns[forest->column_L[l] * SIDE + r];
            left[l * SIDE + r] = x == x ? x : -INFINITY;
        }
}

TARGET static void OF(lay_categories)(const struct forest *forest, float *columns)
{
    float *column = columns + (forest->num_plain + forest->num_left) * SIDE;
    for (int64_t g = 0; g < forest->num_groups; g++) {
        const struct group *group = forest->group_G + g;
        const uint32_t *words = forest->word_W + group->first_word;
        const float *x = columns + group->column * SIDE;
        uint32_t word[SIDE];
        for (int r = 0; r < SIDE; r++) {
            int is_known = x[r] >= 0 && x[r] < (float)group->num_categories;
            word[r] = words[is_known ? 2 + (int32_t)x[r] : x[r] == x[r]];
        }
        for (int n = 0; n < SPLITS; n++, column += SIDE)
            for (int r = 0; r < SIDE; r++)
                column[r] = word[r] >> n & 1 ? -1.0f : 1.0f;
    }
}

INLINE TARGET OF(values) OF(below_0)(const struct split *splits, const float *leaves,
                                     const float *columns, int at, int leaf)
{
    OF(values) found;
    (void)splits, (void)columns, (void)at;
    for (int v = 0; v < VECTORS; v++)
        found.part[v] = leaves[leaf] - (OF(vector)){0};
    return found;
}

/* What lies below split `at`, LEVELS above the leaves, of which `leaf` is the leftmost. */
#define BELOW(LEVELS, LESS, HOW)                                                                  \
    HOW TARGET OF(values)                                                                         \
        OF(below_##LEVELS)(const struct split *splits, const float *leaves, const float *columns, \
                           int at, int leaf)                                                      \
    {                                                                                             \
        OF(values) left = OF(below_##LESS)(splits, leaves, columns, 2 * at, leaf);                \
        OF(values) right = OF(below_##LESS)(splits, leaves, columns, 2 * at + 1,                  \
                                            leaf + (1 << LESS));                                  \
        const OF(vector) *x = (const OF(vector) *)(columns + (int64_t)splits[at].column * SIDE);  \
        OF(vector) threshold = splits[at].threshold - (OF(vector)){0};                            \
        for (int v = 0; v < VECTORS; v++)                                                         \
            left.part[v] = CHOSEN(x[v], threshold, left.part[v], right.part[v]);                  \
        return left;                                                                              \
    }

BELOW(1, 0, INLINE)
BELOW(2, 1, INLINE)
BELOW(3, 2, INLINE)
BELOW(4, 3, INLINE)
BELOW(5, 4, INLINE)
BELOW(6, 5, APART)
BELOW(7, 6, APART)
BELOW(8, 7, APART)

#define CASE(LEVELS) \
    case LEVELS:     \
        return OF(below_##LEVELS)(splits, leaves, columns, 1, 0)

INLINE TARGET OF(values) OF(leaf_of)(int depth, const struct split *splits, const float *leaves,
                                     const float *columns)
{
    switch (depth) {
        CASE(8);
        CASE(7);
        CASE(6);
        CASE(5);
        CASE(4);
        CASE(3);
        CASE(2);
        CASE(1);
    default:
        return OF(below_0)(splits, leaves, columns, 1, 0);
    }
}

TARGET static void OF(predict)(const struct forest *forest, const float *row_NF, int64_t num_rows,
                               float *columns, float *p_HN, int64_t num_all)
{
    const struct split *splits = forest->split_S;
    const float *leaves = forest->leaf_S;
    const int32_t *depth = forest->depth_T;

    OF(lay_features)(forest, row_NF, num_rows, columns);
    OF(lay_categories)(forest, columns);
    for (int64_t h = 0; h < forest->num_heads; h++) {
        float base = margin_of(forest->base_H[h]);
        OF(values) margin;
        for (int v = 0; v < VECTORS; v++)
            margin.part[v] = base - (OF(vector)){0};
        for (const int32_t *end = depth + forest->num_trees_H[h]; depth < end; depth++) {
            OF(values) leaf = OF(leaf_of)(*depth, splits, leaves, columns);
            for (int v = 0; v < VECTORS; v++)
                margin.part[v] += leaf.part[v];
            splits += 1 << *depth;
            leaves += 1 << *depth;
        }
        for (int64_t r = 0; r < num_rows; r++)
            p_HN[h * num_all + r] = sigmoid(((const float *)&margin)[r]);
    }
}

#undef CASE
#undef BELOW
#undef SIDE
#undef KIND
#undef TARGET
#undef LANES
#undef VECTORS
#undef CHOSEN
