/* A tile of items past one panel of users; top_k.c includes it once for each kind of processor.
 *
 * TILE: the function's name; TARGET: its attribute; LANES: numbers of a register; VECTORS:
 * registers of a panel; ROWS: items at a time; ABOVE: bits of the lanes where a score is above.
 */

TARGET static void TILE(const struct block *block, int64_t panel, int64_t start, int64_t stop)
{
    typedef float vector __attribute__((vector_size(4 * LANES)));
    enum { SIDE = LANES * VECTORS };
    const int64_t width = block->width;
    const float *const user_DP = block->panels + panel * SIDE * width;
    const vector *const bars = (const vector *)(block->bars + panel * SIDE);

    for (int64_t first = start; first < stop; first += ROWS) {
        const float *row[ROWS];
        vector score[ROWS][VECTORS] = {0};
        uint64_t above[ROWS], any = 0;

        for (int r = 0; r < ROWS; r++) {
            /* Behind the last item it is taken again; nobody looks at that. */
            int64_t n = first + r < stop ? first + r : stop - 1;
            row[r] = block->item_ID + block->item_N[n] * width;
        }
        for (int64_t d = 0; d < width; d++) {
            const vector *user = (const vector *)(user_DP + d * SIDE);
            for (int r = 0; r < ROWS; r++)
                for (int v = 0; v < VECTORS; v++)
                    score[r][v] += user[v] * row[r][d];
        }
        for (int r = 0; r < ROWS; r++) {
            above[r] = 0;
            for (int v = 0; v < VECTORS; v++)
                above[r] |= (uint64_t)ABOVE(score[r][v], bars[v]) << (v * LANES);
            any |= above[r];
        }
        for (int r = 0; any && r < ROWS && first + r < stop; r++) {
            float kept[SIDE];
            memcpy(kept, score[r], sizeof kept);
            for (uint64_t left = above[r]; left; left &= left - 1) {
                int lane = __builtin_ctzll(left);
                offer(block, panel * SIDE + lane, block->item_N[first + r], kept[lane]);
            }
        }
    }
}

#undef TILE
#undef TARGET
#undef LANES
#undef VECTORS
#undef ROWS
#undef ABOVE
