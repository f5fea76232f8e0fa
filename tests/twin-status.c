/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Asks the servers of a twin run for block status and compares the answers
 * (twin-status.h).  Single-threaded, nothing else in flight.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "twin-status.h"

#define ASK_BYTES (UINT64_C (64) << 20)
#define HOLE LIBNBD_STATE_HOLE
#define ZERO LIBNBD_STATE_ZERO

/* A request for status that SIDE refuses ends the program. */
static void
ask (struct run *run, const struct side *side, const struct op *op,
     nbd_extent_callback extent)
{
  if (nbd_block_status (side->nbd[0], op->len, op->offset, extent, 0) == -1)
    run_fail (run, side, op, nbd_get_error ());
}

void
status_verify (struct run *run)
{
  struct op op = { .index = run->nr_ops, .kind = OP_STATUS };
  const uint64_t limit = run->plan.cluster * 100;

  if (!run->a.can_status)
    return;
  while (op.offset < run->a.size) {
    struct status_check check = { .run = run };
    const nbd_extent_callback extent = {
      .callback = run_check_extents, .user_data = &check,
    };

    op.len = run->plan.align *
             (1 + random_below (&run->plan.random, limit / run->plan.align));
    if (op.len > run->a.size - op.offset)
      op.len = run->a.size - op.offset;
    check.op = op;
    ask (run, &run->a, &op, extent);
    if (check.covered == 0)
      run_fail (run, &run->a, &op, "no extent was returned");
    op.offset += check.covered;
  }
}

/* -- the whole disk of one side ------------------------------------------- */

struct extent {
  uint64_t end;                 /* guest bytes; starts where the last ends */
  uint32_t flags;
};

struct extents {
  struct extent *list;          /* owned */
  size_t nr;
  size_t capacity;
  uint64_t end;
  uint64_t limit;               /* of the disk: QEMU may say more */
};

static void
append (struct extents *e, uint64_t len, uint32_t flags)
{
  if (len > e->limit - e->end)
    len = e->limit - e->end;
  e->end += len;
  if (e->nr > 0 && e->list[e->nr - 1].flags == flags) {
    e->list[e->nr - 1].end = e->end;
    return;
  }
  if (e->nr == e->capacity) {
    e->capacity = e->capacity ? 2 * e->capacity : 256;
    e->list = realloc (e->list, e->capacity * sizeof *e->list);
    if (!e->list) {
      perror ("twin: realloc");
      exit (EXIT_FAILURE);
    }
  }
  e->list[e->nr++] = (struct extent) { .end = e->end, .flags = flags };
}

static int
collect (void *opaque, const char *context, uint64_t offset,
         uint32_t *entries, size_t nr_entries, int *error)
{
  struct extents *e = opaque;
  size_t i;

  (void) offset;
  (void) error;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) == 0)
    for (i = 0; i + 1 < nr_entries; i += 2)
      append (e, entries[i], entries[i + 1] & (HOLE | ZERO));
  return 0;
}

static void
collect_all (struct run *run, const struct side *side, struct extents *e)
{
  struct op op = { .index = run->nr_ops, .kind = OP_STATUS };

  *e = (struct extents) { .limit = side->size };
  while (e->end < side->size) {
    op.offset = e->end;
    op.len = side->size - e->end;
    if (op.len > ASK_BYTES)
      op.len = ASK_BYTES;
    ask (run, side, &op,
         (nbd_extent_callback) { .callback = collect, .user_data = e });
    if (e->end == op.offset)
      run_fail (run, side, &op, "no extent was returned");
  }
}

/* -- comparing ------------------------------------------------------------- */

static uint64_t *
figure_of (struct status_figures *f, uint32_t a, uint32_t b,
           enum status_rule rule)
{
  if (a == b)
    return &f->nr_same;
  if (a == ZERO && b == (HOLE | ZERO))
    return &f->nr_held;
  if (a == 0 && b == ZERO)
    return &f->nr_looked;
  if (rule != STATUS_TWINS)
    return NULL;
  if ((a & ZERO) == (b & ZERO))
    return &f->nr_same;
  return a & ZERO ? &f->nr_only_a_zero : &f->nr_only_b_zero;
}

static void
differ (struct run *run, uint64_t offset, uint64_t end, uint32_t a,
        uint32_t b)
{
  const struct op op = {
    .index = run->nr_ops, .kind = OP_STATUS,
    .offset = offset, .len = end - offset,
  };
  char text[80];

  snprintf (text, sizeof text, "status of one file: A says%s%s, B says%s%s",
            a & HOLE ? " hole" : " data", a & ZERO ? " zero" : "",
            b & HOLE ? " hole" : " data", b & ZERO ? " zero" : "");
  run_fail (run, &run->a, &op, text);
}

void
status_compare (struct run *run, enum status_rule rule,
                struct status_figures *ret)
{
  struct extents a, b;
  uint64_t offset = 0, end, *figure;
  size_t i = 0, k = 0;

  memset (ret, 0, sizeof *ret);
  if (!run->a.can_status || !run->b.can_status)
    return;
  collect_all (run, &run->a, &a);
  collect_all (run, &run->b, &b);
  for (; i < a.nr && k < b.nr; offset = end) {
    end = a.list[i].end < b.list[k].end ? a.list[i].end : b.list[k].end;
    figure = figure_of (ret, a.list[i].flags, b.list[k].flags, rule);
    if (!figure)
      differ (run, offset, end, a.list[i].flags, b.list[k].flags);
    *figure += end - offset;
    i += a.list[i].end == end;
    k += b.list[k].end == end;
  }
  free (a.list);
  free (b.list);
}
