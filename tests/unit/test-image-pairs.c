/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two different calls fail while something is done to an image, each once or
 * for ever, with EIO, ENOSPC, ENOMEM or in the middle (fault-points.h says
 * what must hold); what failed is tried again while they do.  Then the disk is
 * looked at as a kill leaves it (promise K), and as power cuts do (P): each
 * sector holds what was flushed, or something written later.
 *
 * Pairs are drawn by BATON_TEST_SEED, BATON_TEST_PAIRS of them.  One that
 * fails says what BATON_TEST_PAIR runs it alone.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing-calls.h"
#include "fault-points.h"
#include "random.h"

#define NR_CUTS 2u
#define SECTOR 512u

/* What must read back after a power cut: in each sector one of these, which
 * are what was flushed last, and what there was after each step from then. */
#define MAX_CONTENTS 12u
struct history {
  uint8_t *contents[MAX_CONTENTS];
  unsigned nr;
  bool failed;                  /* a step: no flush makes one of them certain */
};

/* A pair, and how power is lost. */
struct pair {
  unsigned shape, operation;
  unsigned fault[2];
  uint64_t nth[2];
  uint64_t seed;
};

static struct pair running;
static bool is_running;
static uint64_t nr_lives;       /* looked at after kills and power cuts */

/* -- what was flushed ------------------------------------------------------ */

static void
history_begin (struct history *h, const struct world *w)
{
  unsigned i;

  for (i = 0; i < MAX_CONTENTS && !h->contents[i]; ++i) {
    h->contents[i] = malloc (world_bytes (w));
    assert_non_null (h->contents[i]);
  }
  memcpy (h->contents[0], w->first, world_bytes (w));
  h->nr = 1;
  h->failed = false;
}

static void
history_end (struct history *h)
{
  unsigned i;

  for (i = 0; i < MAX_CONTENTS; ++i)
    free (h->contents[i]);
}

static void
note_step (struct point *p, const struct step *s, int r)
{
  const uint64_t sixteenth = p->w->shape->unit_bytes / 16;
  const bool flushed = s->what == FLUSH || s->what == FINISH;
  struct history *h = p->opaque;
  unsigned i;

  if (s->what == NOTHING)
    return;
  h->failed |= r == -1;
  if (flushed && !h->failed)
    h->nr = 0;
  else if (flushed)
    return;
  assert_true (h->nr < MAX_CONTENTS);
  memcpy (h->contents[h->nr++], p->w->new, world_bytes (p->w));
  for (i = 0; r == 0 && s->flags & IMAGE_FUA && i < h->nr; ++i)
    memcpy (h->contents[i] + s->from * sixteenth,
            p->w->new + s->from * sixteenth, s->nr * sixteenth);
}

static void
compare (const struct history *h, struct world *w)
{
  uint8_t *buf = malloc (world_bytes (w));
  uint64_t at;
  unsigned i;

  assert_non_null (buf);
  world_read (w, buf, "after a power cut");
  for (at = 0; at < world_bytes (w); at += SECTOR) {
    for (i = 0; i < h->nr; ++i)
      if (memcmp (buf + at, h->contents[i] + at, SECTOR) == 0)
        break;
    if (i == h->nr)
      fail_msg ("after a power cut: the sector at %" PRIu64 " of the windows "
                "begins with %02x: neither what was flushed nor any later "
                "content", at, buf[at]);
  }
  free (buf);
}

/* -- what a kill and power cuts leave -------------------------------------- */

/* HISTORY: NULL after a kill. */
static void
look_at (struct point *p, struct simdisk *left, const struct history *h, int r)
{
  struct world *w = p->w;
  struct simdisk *disk = w->disk;
  struct image *img = w->img;
  uint64_t leaks;

  w->disk = left;
  w->img = NULL;
  fault_point_references (p, &leaks);
  world_open (w);
  if (h)
    compare (h, w);
  else
    world_compare (w, r == -1, "after a kill");
  world_close (w);
  w->disk = disk;
  w->img = img;
  simdisk_free (left);
  nr_lives++;
}

static void
look (struct point *p, int r)
{
  unsigned i;

  look_at (p, simdisk_kill (p->w->disk), NULL, r);
  for (i = 0; i < NR_CUTS; ++i)
    look_at (p, simdisk_crash (p->w->disk, running.seed + i), p->opaque, r);
}

/* -- pairs ------------------------------------------------------------------ */

/* How often OP calls what each kind of fault can fail. */
static void
count_calls (struct world *w, const struct operation *op,
             uint64_t ret[NR_FAULTS])
{
  uint64_t before[NR_FAULTS];
  struct error err = ERROR_INIT;
  unsigned f, i;

  world_restart (w);
  world_open (w);
  for (i = 0; i < 2; ++i)
    assert_int_equal (world_step (w, &op->before[i], 2, &err), 0);
  for (f = 0; f < NR_FAULTS; ++f)
    before[f] = simdisk_calls (w->disk, fault_kinds[f].kinds);
  fail_call (0);
  for (i = 0; i < 3; ++i)
    assert_int_equal (world_step (w, &op->steps[i], 3, &err), 0);
  for (f = 0; f < NR_FAULTS; ++f)
    ret[f] = fault_kinds[f].kinds == MEMORY
      ? fail_call_seen ()
      : simdisk_calls (w->disk, fault_kinds[f].kinds) - before[f];
}

/* The first of two is one of the calls that are made without faults; there
 * are others behind it. */
static struct pair
draw (unsigned shape, uint64_t calls[NR_OPERATIONS][NR_FAULTS],
      struct random *random)
{
  struct pair p = { .shape = shape };
  unsigned i;

  p.operation = (unsigned) random_below (random, NR_OPERATIONS);
  do
    p.fault[0] = (unsigned) random_below (random, NR_FAULTS);
  while (calls[p.operation][p.fault[0]] == 0);
  p.fault[1] = (unsigned) random_below (random, NR_FAULTS);
  for (i = 0; i < 2; ++i) {
    const uint64_t nr = calls[p.operation][p.fault[i]];

    p.nth[i] = 1 + random_below (random, i == 0 ? nr : nr + 2);
  }
  p.seed = random_next (random) >> 32;
  return p;
}

/* Whether both have struck. */
static bool
run (struct world *w, const struct pair *pair, struct history *h,
     struct totals *totals)
{
  struct point p = {
    .w = w, .op = &fault_operations[pair->operation], .nr_faults = 2,
    .totals = totals, .then = look, .stepped = note_step, .opaque = h,
  };
  unsigned i;
  bool both;

  for (i = 0; i < 2; ++i) {
    p.faults[i].fault = &fault_kinds[pair->fault[i]];
    p.faults[i].nth = pair->nth[i];
  }
  running = *pair;
  is_running = true;
  history_begin (h, w);
  both = fault_point_run (&p);
  is_running = false;
  return both;
}

static uint64_t
number_from_env (const char *name, uint64_t otherwise)
{
  const char *s = getenv (name);

  return s ? strtoull (s, NULL, 10) : otherwise;
}

static uint64_t
pairs_of_each_shape (void)
{
  const uint64_t all =
    number_from_env ("BATON_TEST_PAIRS", getenv ("BATON_TEST_RUNS") ? 220 : 880);

  return (all + NR_SHAPES - 1) / NR_SHAPES;
}

static void
report (const struct totals *t, uint64_t nr_drawn)
{
  print_message ("%s: %" PRIu64 " pairs of faults of %" PRIu64 " drawn: %"
                 PRIu64 " operations failed, %" PRIu64 " poisoned, %" PRIu64
                 " images leak, %" PRIu64 " looked at by QEMU; after kills and "
                 "power cuts %" PRIu64 "\n", fault_shapes[running.shape].name,
                 t->points, nr_drawn, t->failed, t->poisoned, t->leaky,
                 t->qemu_looks, nr_lives);
}

static void
test_pairs (void **state)
{
  const struct world_shape *shape = *state;
  const unsigned nr = (unsigned) (shape - fault_shapes);
  const uint64_t wanted = pairs_of_each_shape ();
  struct random random = {
    number_from_env ("BATON_TEST_SEED", 1) * NR_SHAPES + nr
  };
  struct totals t = { .qemu_each = 97 };
  uint64_t calls[NR_OPERATIONS][NR_FAULTS];
  struct history h = { 0 };
  uint64_t nr_drawn = 0;
  struct world w;
  unsigned o;

  nr_lives = 0;
  world_init (&w, shape);
  for (o = 0; o < NR_OPERATIONS; ++o)
    count_calls (&w, &fault_operations[o], calls[o]);
  while (t.points < wanted) {
    const struct pair p = draw (nr, calls, &random);

    run (&w, &p, &h, &t);
    nr_drawn++;
  }
  assert_true (nr_drawn < 50 * (wanted + 10));
  assert_true (t.failed > 0 && t.poisoned > 0);
  report (&t, nr_drawn);
  history_end (&h);
  world_destroy (&w);
}

/* BATON_TEST_PAIR */
static void
test_one (void **state)
{
  const char *name = *state;
  struct totals t = { .qemu_each = 1 };
  struct history h = { 0 };
  struct pair p;
  struct world w;

  if (sscanf (name, "%u,%u,%u,%" SCNu64 ",%u,%" SCNu64 ",%" SCNu64, &p.shape,
              &p.operation, &p.fault[0], &p.nth[0], &p.fault[1], &p.nth[1],
              &p.seed) != 7 || p.shape >= NR_SHAPES ||
      p.operation >= NR_OPERATIONS || p.fault[0] >= NR_FAULTS ||
      p.fault[1] >= NR_FAULTS)
    fail_msg ("BATON_TEST_PAIR=%s is no pair", name);
  world_init (&w, &fault_shapes[p.shape]);
  if (!run (&w, &p, &h, &t))
    print_message ("not both of the faults have struck\n");
  report (&t, 1);
  history_end (&h);
  world_destroy (&w);
}

static int
tell_what_failed (void **state)
{
  const struct pair *p = &running;

  (void) state;
  if (is_running)
    print_error ("%s, %s: again with BATON_TEST_PAIR=%u,%u,%u,%" PRIu64 ",%u,%"
                 PRIu64 ",%" PRIu64 "\n", fault_shapes[p->shape].name,
                 fault_operations[p->operation].name, p->shape, p->operation,
                 p->fault[0], p->nth[0], p->fault[1], p->nth[1], p->seed);
  is_running = false;
  return 0;
}

int
main (void)
{
  char *one = getenv ("BATON_TEST_PAIR");
  const struct CMUnitTest alone[] = {
    cmocka_unit_test_prestate_setup_teardown (test_one, NULL, tell_what_failed,
                                              one),
  };
  struct CMUnitTest tests[NR_SHAPES];
  size_t i;

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  if (one)
    return cmocka_run_group_tests (alone, NULL, NULL);
  for (i = 0; i < NR_SHAPES; ++i)
    tests[i] = (struct CMUnitTest) {
      fault_shapes[i].name, test_pairs, NULL, tell_what_failed,
      (void *) &fault_shapes[i] };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
