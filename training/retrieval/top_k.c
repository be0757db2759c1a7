/* Exact top-K of products of vectors: training/retrieval/top_k.py says what is promised.
 *
 * Users are laid side by side, a panel of them: one vector register holds one number of several
 * users. A tile of items goes past all panels of a block while it is in the cache; an item's
 * products with a panel stay in registers and are compared there with each user's bar, the score
 * of his K-th best so far. Only what is above goes to memory.
 *
 * Every product is summed over d = 0, 1, ... alone, by the same instructions wherever a user or an
 * item stands, so that its bits depend on the two vectors only. Items pass in ascending order: of
 * equal scores the smaller number was there before, and a later one does not enter.
 *
 * Shapes: U users, D numbers of a vector, N items that may be listed, K places, P users of a panel.
 */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_USERS = 512,      /* whose panels and lists are in the cache together */
    TILE_NUMBERS = 1 << 15, /* of items' vectors that pass all panels together: 128 KB */
    SPARE_KEYS = 128        /* places of a list beyond K, at least */
};

/* One user's list while items pass. */
struct list {
    uint64_t *keys;          /* the best so far, in any order */
    int64_t num_keys;
    const int64_t *seen;     /* the next item that is not for him */
    const int64_t *seen_end;
};

/* What the tiles of a block share. */
struct block {
    const float *item_ID;
    const int64_t *item_N;   /* the items that may be listed, ascending */
    int64_t width;           /* D */
    int64_t num_places;      /* K */
    int64_t num_room;        /* places of a list before it is cut to K */
    float *panels;           /* of D x P each */
    float *bars;             /* a score a user: what is not above is not listed */
    struct list *lists;
};

/* Scores and items as one number each, larger is better: bits of a float ordered as unsigned. */
static uint64_t key_of(float score, int64_t item)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    bits ^= bits >> 31 ? 0xFFFFFFFFu : 0x80000000u;
    return (uint64_t)bits << 32 | (0xFFFFFFFFu - (uint32_t)item);
}

static int32_t item_of(uint64_t key)
{
    return (int32_t)(0xFFFFFFFFu - (uint32_t)key);
}

static float score_of(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float score;
    bits ^= bits >> 31 ? 0x80000000u : 0xFFFFFFFFu;
    memcpy(&score, &bits, sizeof score);
    return score;
}

static uint64_t middle_of(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Bring the largest `num_kept` of distinct keys to the front, the least of them behind the others
 * (quickselect, Hoare 1961; each pass moves keys without a branch). */
static void keep_best(uint64_t *keys, int64_t num_keys, int64_t num_kept)
{
    int64_t first = 0, last = num_keys - 1, wanted = num_kept - 1;
    while (first < last) {
        uint64_t pivot = middle_of(keys[first], keys[(first + last) / 2], keys[last]);
        int64_t num_above = first;
        int64_t at = keys[first] == pivot ? first : keys[last] == pivot ? last : (first + last) / 2;
        keys[at] = keys[last];
        for (int64_t i = first; i < last; i++) {
            uint64_t key = keys[i];
            keys[i] = keys[num_above];
            keys[num_above] = key;
            num_above += key > pivot;
        }
        keys[last] = keys[num_above];
        keys[num_above] = pivot;
        if (num_above == wanted)
            return;
        if (num_above < wanted)
            first = num_above + 1;
        else
            last = num_above - 1;
    }
}

static int falling(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a < b) - (a > b);
}

/* Take an item whose score is above its user's bar, unless it is one that he has seen. */
static __attribute__((noinline)) void
offer(const struct block *block, int64_t user, int64_t item, float score)
{
    struct list *list = block->lists + user;
    while (list->seen < list->seen_end && *list->seen < item)
        list->seen++;
    if (list->seen < list->seen_end && *list->seen == item)
        return;
    list->keys[list->num_keys++] = key_of(score, item);
    if (list->num_keys == block->num_room) {
        keep_best(list->keys, list->num_keys, block->num_places);
        list->num_keys = block->num_places;
        block->bars[user] = score_of(list->keys[block->num_places - 1]);
    }
}

/* The same loop for each kind of processor: top_k_tile.h with vectors of its size. */
#if defined(__x86_64__)
#include <immintrin.h>

#define TILE tile_avx512
#define TARGET __attribute__((target("avx512f")))
#define LANES 16
#define VECTORS 4
#define ROWS 6
#define ABOVE(score, bar) _mm512_cmp_ps_mask((__m512)(score), (__m512)(bar), _CMP_GT_OQ)
#include "top_k_tile.h"

#define TILE tile_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define VECTORS 2
#define ROWS 6
#define ABOVE(score, bar) \
    _mm256_movemask_ps(_mm256_cmp_ps((__m256)(score), (__m256)(bar), _CMP_GT_OQ))
#include "top_k_tile.h"
#endif

#define TILE tile_portable
#define TARGET
#define LANES 4
#define VECTORS 2
#define ROWS 4
#define ABOVE(score, bar)                                                                  \
    (((score)[0] > (bar)[0]) | ((score)[1] > (bar)[1]) << 1 | ((score)[2] > (bar)[2]) << 2 | \
     ((score)[3] > (bar)[3]) << 3)
#include "top_k_tile.h"

static const struct kind {
    const char *name;
    int64_t panel_users; /* P */
    void (*tile)(const struct block *, int64_t panel, int64_t start, int64_t stop);
} KINDS[] = {
#if defined(__x86_64__)
    {"avx512f", 64, tile_avx512},
    {"avx2", 16, tile_avx2},
#endif
    {"portable", 8, tile_portable},
};

enum { NUM_KINDS = sizeof KINDS / sizeof *KINDS };

/* Name a kind of instructions, the fastest first; "" where this processor lacks it, NULL at the
 * end. */
const char *top_k_kind(int number)
{
    if (number >= NUM_KINDS)
        return NULL;
#if defined(__x86_64__)
    if (number == 0 && !__builtin_cpu_supports("avx512f"))
        return "";
    if (number == 1 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
        return "";
#endif
    return KINDS[number].name;
}

/* Lay users side by side; nobody's lists stay empty, as nothing is above his bar. */
static void lay_panels(struct block *block, const float *user_UD, int64_t num_users, int64_t side)
{
    int64_t num_laid = (num_users + side - 1) / side * side;
    memset(block->panels, 0, sizeof(float) * num_laid * block->width);
    for (int64_t user = 0; user < num_laid; user++) {
        float *panel = block->panels + user / side * side * block->width + user % side;
        block->bars[user] = user < num_users ? -INFINITY : INFINITY;
        for (int64_t d = 0; user < num_users && d < block->width; d++)
            panel[d * side] = user_UD[user * block->width + d];
    }
}

static void pass_items(const struct block *block, const struct kind *kind, int64_t num_users,
                       int64_t num_items)
{
    int64_t num_panels = (num_users + kind->panel_users - 1) / kind->panel_users;
    int64_t step = TILE_NUMBERS / block->width / 24 * 24; /* of whole rows for each kind */
    step = step < 24 ? 24 : step;
    for (int64_t start = 0; start < num_items; start += step) {
        int64_t stop = start + step < num_items ? start + step : num_items;
        for (int64_t panel = 0; panel < num_panels; panel++)
            kind->tile(block, panel, start, stop);
    }
}

static void write_list(const struct block *block, struct list *list, int32_t *item_K,
                       float *score_K)
{
    qsort(list->keys, list->num_keys, sizeof *list->keys, falling);
    for (int64_t k = 0; k < block->num_places && k < list->num_keys; k++) {
        item_K[k] = item_of(list->keys[k]);
        score_K[k] = score_of(list->keys[k]);
    }
}

/* Fill item_UK and score_UK; places that nothing takes stay as they are.
 *
 * user_UD, item_ID: rows of D numbers, D > 0. item_N: N numbers of rows of item_ID, ascending. seen_S:
 * what users have seen, user u from seen_indptr[u] on, ascending. Returns 0, or -1 where memory is
 * lacking. */
int top_k(int kind_number, const float *user_UD, int64_t num_users, const float *item_ID,
          const int64_t *item_N, int64_t num_items, int64_t width, const int64_t *seen_indptr,
          const int64_t *seen_S, int64_t num_places, int32_t *item_UK, float *score_UK)
{
    const struct kind *kind = KINDS + kind_number;
    int64_t spare = num_places > SPARE_KEYS ? num_places : SPARE_KEYS;
    struct block block = {.item_ID = item_ID, .item_N = item_N, .width = width,
                          .num_places = num_places, .num_room = num_places + spare};
    uint64_t *keys = malloc(sizeof *keys * BLOCK_USERS * block.num_room);
    block.panels = aligned_alloc(64, sizeof(float) * BLOCK_USERS * width);
    block.bars = aligned_alloc(64, sizeof(float) * BLOCK_USERS);
    block.lists = malloc(sizeof(struct list) * BLOCK_USERS);
    int is_short = !keys || !block.panels || !block.bars || !block.lists;
    for (int64_t start = 0; !is_short && start < num_users; start += BLOCK_USERS) {
        int64_t num = num_users - start < BLOCK_USERS ? num_users - start : BLOCK_USERS;
        lay_panels(&block, user_UD + start * width, num, kind->panel_users);
        for (int64_t user = 0; user < num; user++) {
            const int64_t *indptr = seen_indptr + start + user;
            block.lists[user] = (struct list){keys + user * block.num_room, 0, seen_S + indptr[0],
                                              seen_S + indptr[1]};
        }
        pass_items(&block, kind, num, num_items);
        for (int64_t user = 0; user < num; user++)
            write_list(&block, block.lists + user, item_UK + (start + user) * num_places,
                       score_UK + (start + user) * num_places);
    }
    free(keys);
    free(block.panels);
    free(block.bars);
    free(block.lists);
    return is_short ? -1 : 0;
}
