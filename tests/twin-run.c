/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keeps up to `depth' operations in flight on A, while B gets the same ones
 * one by one (twin-run.h).
 *
 * The order of issue is the order of the plan, whatever the servers do: an
 * operation waits until it overlaps nothing in flight.  So the model may be
 * changed when an operation is issued, and what a read must return is
 * known then.  One thread; callbacks run inside nbd_aio_notify_*.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "twin-run.h"

#define STALL_SECONDS 90

struct slot;

struct half {                   /* one operation on one server */
  struct slot *slot;
  struct side *side;
  uint8_t *buf;                 /* read: the answer; owned */
  bool waiting;                 /* to be sent: its server is busy, or has
                                 * refused a fast zero */
};

struct slot {
  struct run *run;
  struct op op;
  unsigned nr_pending;          /* replies awaited; 0: the slot is free */
  uint8_t *payload;             /* write; owned */
  struct half half[2];          /* A, B */
  struct status_check status;
};

static void
fail_head (struct run *run, const struct side *side, const struct op *op)
{
  fprintf (stderr, "twin: FAILED: seed %" PRIu64 ", server %s, ", run->seed,
           side->label);
  op_print (stderr, op);
}

void
run_fail (struct run *run, const struct side *side, const struct op *op,
          const char *what)
{
  fail_head (run, side, op);
  fprintf (stderr, ": %s\n", what);
  exit (EXIT_FAILURE);
}

void
run_fail_data (struct run *run, const struct side *side, const struct op *op,
               uint64_t at, const uint8_t *buf)
{
  fail_head (run, side, op);
  fprintf (stderr, ": wrong data at offset %" PRIu64 "\n", at);
  model_explain (&run->model, stderr, at, buf, op->offset, op->len);
  exit (EXIT_FAILURE);
}

int
run_check_extents (void *opaque, const char *context, uint64_t offset,
                   uint32_t *entries, size_t nr_entries, int *error)
{
  struct status_check *check = opaque;
  struct run *run = check->run;
  const struct op *op = &check->op;
  size_t i;

  (void) error;
  if (strcmp (context, LIBNBD_CONTEXT_BASE_ALLOCATION) != 0)
    return 0;
  if (op->req_one && nr_entries != 2)
    run_fail (run, &run->a, op, "several extents though one was asked for");
  for (i = 0; i + 1 < nr_entries; i += 2) {
    if (entries[i] == 0)
      run_fail (run, &run->a, op, "an extent of length 0");
    if (offset + entries[i] > op->offset + op->len)
      run_fail (run, &run->a, op, "an extent reaches past what was asked");
    if ((entries[i + 1] & LIBNBD_STATE_ZERO) &&
        !model_is_zero (&run->model, offset, entries[i]))
      run_fail (run, &run->a, op, "a range that holds data is called zero");
    offset += entries[i];
    check->covered += entries[i];
  }
  return 0;
}

static bool
overlap (const struct op *a, const struct op *b)
{
  return a->offset < b->offset + b->len && b->offset < a->offset + a->len;
}

static bool
may_issue (const struct slot *slots, size_t depth, const struct op *op)
{
  size_t i, nr_busy = 0;

  for (i = 0; i < depth; i++) {
    if (slots[i].nr_pending == 0)
      continue;
    nr_busy++;
    if (overlap (&slots[i].op, op))
      return false;
  }
  return nr_busy < depth;
}

/* Both halves have been answered. */
static void
retire (struct slot *slot)
{
  struct run *run = slot->run;
  const struct op *op = &slot->op;
  uint64_t at;
  size_t i;

  for (i = 0; i < 2; i++) {
    struct half *half = &slot->half[i];

    if (op->kind == OP_READ &&
        !model_equal (&run->model, half->buf, op->offset, op->len, &at))
      run_fail_data (run, half->side, op, at, half->buf);
    free (half->buf);
    half->buf = NULL;
  }
  if (op->kind == OP_STATUS && slot->status.covered == 0 &&
      run->a.can_status)
    run_fail (run, &run->a, op, "no extent was returned");
  free (slot->payload);
  slot->payload = NULL;
}

static int
on_reply (void *opaque, int *error)
{
  struct half *half = opaque;
  struct slot *slot = half->slot;
  const bool fast = half->side == &slot->run->a && slot->op.fast &&
                    slot->op.kind == OP_ZERO;

  half->side->busy = false;
  if (fast && *error == ENOTSUP) {
    slot->run->nr_fast_refused++;
    slot->op.fast = false;
    half->waiting = true;
    return 1;
  }
  if (*error != 0)
    run_fail (slot->run, half->side, &slot->op, strerror (*error));
  if (--slot->nr_pending == 0)
    retire (slot);
  return 1;
}

static int64_t
send_zero (struct half *half, struct nbd_handle *nbd, uint32_t flags,
           nbd_completion_callback done)
{
  const struct side *side = half->side;
  const struct op *op = &half->slot->op;

  if (op->kind == OP_TRIM && !side->trim_as_zero && side->can_trim)
    return nbd_aio_trim (nbd, op->len, op->offset, done, flags);
  if (op->kind == OP_ZERO && op->no_hole)
    flags |= LIBNBD_CMD_FLAG_NO_HOLE;
  if (op->kind == OP_ZERO && op->fast && side->label[0] == 'A' &&
      side->can_fast_zero)
    flags |= LIBNBD_CMD_FLAG_FAST_ZERO;
  return nbd_aio_zero (nbd, op->len, op->offset, done, flags);
}

static int64_t
send_status (struct half *half, struct nbd_handle *nbd,
             nbd_completion_callback done)
{
  struct slot *slot = half->slot;
  const struct op *op = &slot->op;
  const nbd_extent_callback extent = {
    .callback = run_check_extents, .user_data = &slot->status,
  };

  slot->status =
    (struct status_check) { .run = slot->run, .op = *op };
  return nbd_aio_block_status (nbd, op->len, op->offset, extent, done,
                               op->req_one ? LIBNBD_CMD_FLAG_REQ_ONE : 0);
}

static int64_t
send_command (struct half *half, struct nbd_handle *nbd)
{
  const struct op *op = &half->slot->op;
  const uint32_t fua =
    op->fua && half->side->can_fua ? LIBNBD_CMD_FLAG_FUA : 0;
  const nbd_completion_callback done = {
    .callback = on_reply, .user_data = half,
  };

  switch (op->kind) {
  case OP_READ:
    return nbd_aio_pread (nbd, half->buf, op->len, op->offset, done, 0);
  case OP_WRITE:
    return nbd_aio_pwrite (nbd, half->slot->payload, op->len, op->offset,
                           done, fua);
  case OP_ZERO:
  case OP_TRIM:
    return send_zero (half, nbd, fua, done);
  case OP_FLUSH:
    return nbd_aio_flush (nbd, done, 0);
  case OP_CACHE:
    return nbd_aio_cache (nbd, op->len, op->offset, done, 0);
  default:
    return send_status (half, nbd, done);
  }
}

/* Commands that only the server under test is asked, where it can. */
static bool
wanted_on (const struct side *side, const struct op *op)
{
  if (op->kind == OP_STATUS)
    return side->label[0] == 'A' && side->can_status;
  if (op->kind == OP_CACHE)
    return side->label[0] == 'A' && side->can_cache;
  return true;
}

static void
send_half (struct half *half)
{
  struct slot *slot = half->slot;
  struct run *run = slot->run;
  struct side *side = half->side;
  struct nbd_handle *nbd = side->nbd[slot->op.index % side->nr_connections];

  half->waiting = side->one_by_one && side->busy;
  if (half->waiting)
    return;
  side->busy = true;
  if (send_command (half, nbd) == -1)
    run_fail (run, side, &slot->op, nbd_get_error ());
}

static void *
must_alloc (size_t len)
{
  void *p = malloc (len);

  if (!p) {
    perror ("twin: malloc");
    exit (EXIT_FAILURE);
  }
  return p;
}

static void
issue (struct run *run, struct slot *slot, const struct op *op)
{
  struct half *half;
  size_t i;

  slot->op = *op;
  slot->half[0].side = &run->a;
  slot->half[1].side = &run->b;
  if (op->kind == OP_WRITE) {
    slot->payload = must_alloc (op->len);
    model_payload (op, slot->payload);
  }
  if (model_apply (&run->model, op) == -1)
    run_fail (run, &run->a, op, "out of memory");
  for (half = slot->half; half < slot->half + 2; half++)
    slot->nr_pending += wanted_on (half->side, op);
  for (i = 0; i < 2; i++) {
    half = &slot->half[i];
    half->slot = slot;
    if (!wanted_on (half->side, op))
      continue;
    if (op->kind == OP_READ)
      half->buf = must_alloc (op->len);
    send_half (half);
  }
}

static void
send_waiting (struct slot *slots, size_t depth)
{
  size_t i, k;

  for (i = 0; i < depth; i++)
    for (k = 0; k < 2; k++)
      if (slots[i].nr_pending > 0 && slots[i].half[k].waiting)
        send_half (&slots[i].half[k]);
}

static void
fail_stalled (struct run *run, const struct slot *slots)
{
  size_t i;

  fprintf (stderr, "twin: FAILED: seed %" PRIu64 ": no reply for %d seconds;"
           " in flight:\n", run->seed, STALL_SECONDS);
  for (i = 0; i < run->depth; i++) {
    if (slots[i].nr_pending == 0)
      continue;
    fprintf (stderr, "  ");
    op_print (stderr, &slots[i].op);
    fprintf (stderr, "\n");
  }
  exit (EXIT_FAILURE);
}

static size_t
fill_poll (struct side *side, struct pollfd *fds, size_t nr)
{
  size_t i;

  for (i = 0; i < side->nr_connections; i++) {
    const unsigned dir = nbd_aio_get_direction (side->nbd[i]);

    fds[nr++] = (struct pollfd) {
      .fd = nbd_aio_get_fd (side->nbd[i]),
      .events = (short) ((dir & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                         (dir & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0)),
    };
  }
  return nr;
}

static void
notify (struct run *run, const struct side *side, struct nbd_handle *nbd,
        short revents)
{
  const unsigned dir = nbd_aio_get_direction (nbd);
  const struct op none = { .kind = OP_FLUSH };
  int r = 0;

  if ((revents & (POLLIN | POLLHUP)) && (dir & LIBNBD_AIO_DIRECTION_READ))
    r = nbd_aio_notify_read (nbd);
  else if ((revents & POLLOUT) && (dir & LIBNBD_AIO_DIRECTION_WRITE))
    r = nbd_aio_notify_write (nbd);
  else if (revents & (POLLERR | POLLHUP | POLLNVAL))
    run_fail (run, side, &none, "the server closed the connection");
  if (r == -1)
    run_fail (run, side, &none, nbd_get_error ());
}

/* Let the connections make progress once. */
static void
pump (struct run *run, struct slot *slots)
{
  struct pollfd fds[2 * MAX_CONNECTIONS];
  const size_t nr_a = fill_poll (&run->a, fds, 0);
  const size_t nr = fill_poll (&run->b, fds, nr_a);
  size_t i;
  int r;

  r = poll (fds, nr, STALL_SECONDS * 1000);
  if (r == 0)
    fail_stalled (run, slots);
  for (i = 0; r > 0 && i < nr; i++) {
    struct side *side = i < nr_a ? &run->a : &run->b;

    if (fds[i].revents)
      notify (run, side, side->nbd[i < nr_a ? i : i - nr_a], fds[i].revents);
  }
  send_waiting (slots, run->depth);
}

static struct slot *
free_slot (struct slot *slots)
{
  while (slots->nr_pending > 0)
    slots++;
  return slots;
}

static bool
busy (const struct slot *slots, size_t depth)
{
  size_t i;

  for (i = 0; i < depth; i++)
    if (slots[i].nr_pending > 0)
      return true;
  return false;
}

void
run_operations (struct run *run)
{
  struct slot slots[MAX_DEPTH];
  uint64_t n;

  memset (slots, 0, sizeof slots);
  for (n = 0; n < run->depth; n++)
    slots[n].run = run;
  for (n = 0; n < run->nr_ops; n++) {
    struct op op;

    plan_next (&run->plan, &op);
    if (run->verbose) {
      op_print (stderr, &op);
      fprintf (stderr, "\n");
    }
    run->counts[op.kind]++;
    while (!may_issue (slots, run->depth, &op))
      pump (run, slots);
    issue (run, free_slot (slots), &op);
  }
  while (busy (slots, run->depth))
    pump (run, slots);
}
