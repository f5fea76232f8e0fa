/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Chooses the operations of a twin run (twin-plan.h).  No I/O, no state but
 * struct plan: the n-th operation depends on nothing but seed and geometry.
 */

#include <config.h>

#include <assert.h>
#include <string.h>

#include "twin-plan.h"

#define HOT_CLUSTERS 6          /* length of a hot window */
#define MOVE_HOT_EVERY 400      /* operations */
#define MAX_DATA_LEN (UINT64_C (4) << 20)
#define MANY_BYTES (UINT64_C (128) << 10)
#define MAX_RANGE_LEN (UINT64_C (32) << 20)    /* what every server takes */

const char *
op_kind_name (enum op_kind kind)
{
  static const char *const names[NR_OP_KINDS] = {
    "read", "write", "zero", "trim", "flush", "cache", "status",
  };

  return names[kind];
}

/* The last window always sits at the end of the disk: the last cluster is
 * the only one that may be cut short. */
static void
move_hot_windows (struct plan *p)
{
  const uint64_t window = HOT_CLUSTERS * p->cluster;
  size_t i;

  for (i = 0; i < PLAN_HOT_WINDOWS; i++)
    p->hot[i] = random_below (&p->random, p->size);
  p->hot[PLAN_HOT_WINDOWS - 1] = p->size > window ? p->size - window : 0;
}

void
plan_init (struct plan *p, uint64_t seed, uint64_t size, uint64_t cluster,
           uint64_t align)
{
  assert (align > 0 && size >= align && size % align == 0);
  memset (p, 0, sizeof *p);
  p->random.state = seed;
  p->size = size;
  p->cluster = cluster < align ? align : cluster;
  p->align = align;
  p->max_data_len = MAX_DATA_LEN;
  move_hot_windows (p);
}

static enum op_kind
choose_kind (struct plan *p)
{
  static const struct {
    enum op_kind kind;
    unsigned weight;            /* per cent */
  } table[] = {
    { OP_WRITE, 46 }, { OP_READ, 20 },  { OP_ZERO, 12 }, { OP_TRIM, 10 },
    { OP_STATUS, 6 }, { OP_FLUSH, 4 }, { OP_CACHE, 2 },
  };
  uint64_t n = random_below (&p->random, 100);
  size_t i = 0;

  while (n >= table[i].weight)
    n -= table[i++].weight;
  return table[i].kind;
}

static uint64_t
choose_offset (struct plan *p)
{
  struct random *r = &p->random;
  uint64_t start;

  if (p->nr_recent > 0 && random_chance (r, 1, 5)) {
    const size_t n = p->nr_recent < PLAN_RECENT ? p->nr_recent : PLAN_RECENT;
    const struct op *op = &p->recent[random_below (r, n)];

    return op->offset + random_below (r, op->len);
  }
  if (random_chance (r, 1, 4))
    return random_below (r, p->size);
  start = p->hot[random_below (r, PLAN_HOT_WINDOWS)];
  return start + random_below (r, HOT_CLUSTERS * p->cluster);
}

static uint64_t
choose_len (struct plan *p)
{
  struct random *r = &p->random;

  switch (random_below (r, 8)) {
  case 0:                       /* inside one sector, mostly */
    return 1 + random_below (r, 600);
  case 1:
    return 512 * (1 + random_below (r, 16));
  case 2:                       /* a part of a cluster */
  case 3:
    return 1 + random_below (r, p->cluster);
  case 4:                       /* whole clusters, where the offset agrees */
  case 5:
    return p->cluster * (1 + random_below (r, 3));
  case 6:                       /* crosses a boundary for certain */
    return p->cluster + random_below (r, p->cluster);
  default:                      /* many clusters, however small they are */
    return 1 + random_below (r, 16 * p->cluster + MANY_BYTES);
  }
}

/* Boundaries of clusters and sectors as often as odd bytes. */
static uint64_t
choose_granule (struct plan *p)
{
  switch (random_below (&p->random, 4)) {
  case 0:
    return p->align;
  case 1:
    return p->align > 512 ? p->align : 512;
  default:
    return p->cluster;
  }
}

static uint64_t
round_down (uint64_t n, uint64_t granule)
{
  return n - n % granule;
}

static void
choose_range (struct plan *p, struct op *op)
{
  const bool data = op->kind == OP_WRITE || op->kind == OP_READ;
  const uint64_t limit = data ? p->max_data_len : MAX_RANGE_LEN;

  op->offset = choose_offset (p) % p->size;
  op->offset = round_down (op->offset, choose_granule (p));
  op->offset = round_down (op->offset, p->align);
  op->len = choose_len (p);
  if (!data && random_chance (&p->random, 1, 16))
    op->len = random_below (&p->random, p->size);
  if (op->len > limit)
    op->len = limit;
  if (op->len > p->size - op->offset)
    op->len = p->size - op->offset;
  op->len = round_down (op->len, p->align);
  if (op->len == 0)
    op->len = p->align;
}

void
plan_next (struct plan *p, struct op *ret)
{
  struct random *r = &p->random;
  struct op op = { .index = p->next_index++ };

  if (op.index % MOVE_HOT_EVERY == MOVE_HOT_EVERY - 1)
    move_hot_windows (p);
  op.kind = choose_kind (p);
  op.fua = random_chance (r, 1, 12);
  op.no_hole = random_chance (r, 1, 3);
  op.fast = random_chance (r, 1, 6);
  op.blank = random_chance (r, 1, 12);
  op.req_one = random_chance (r, 1, 4);
  if (op.kind != OP_FLUSH)
    choose_range (p, &op);
  if (op.kind == OP_ZERO || op.kind == OP_TRIM)
    p->recent[p->nr_recent++ % PLAN_RECENT] = op;
  *ret = op;
}
