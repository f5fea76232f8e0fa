/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handoff under threads: the drain waits for requests in flight, status
 * waits for nothing, commands wait for each other, and no request ever runs
 * on an image that is closed (the fake image aborts if one does).  Meant to
 * be run under ThreadSanitizer too.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake-image.h"
#include "handoff.h"

#define NR_THREADS 6
#define NR_CYCLES 300

static void
nap (void)
{
  const struct timespec ts = { 0, 100000 };

  nanosleep (&ts, NULL);
}

static struct handoff *
new_handoff (bool hold)
{
  const struct handoff_config config = {
    .path = "/images/vm1.qcow2",
    .options = { .opener = &fake.opener },
    .hold = hold,
  };
  struct handoff *h;

  fake_reset ();
  assert_int_equal (handoff_new (&config, &h, NULL), 0);
  return h;
}

static struct handoff_status
status (struct handoff *h)
{
  struct handoff_status s;

  handoff_get_status (h, &s);
  return s;
}

static void
wait_for_state (struct handoff *h, enum handoff_state state)
{
  while (status (h).state != state)
    nap ();
}

static void
wait_for_reader (void)
{
  while (fake.nr_reading == 0)
    nap ();
}

/* -- one request, as a front end makes it ---------------------------- */

struct request {
  struct handoff *h;
  enum request_kind kind;
  int r;
  struct error err;
};

/* 1: admitted while inactive and not answered; ask again. */
static int
do_inactive (struct request *q)
{
  char byte;
  int r = 0;

  if (q->kind == REQUEST_READ)
    r = handoff_read_inactive (q->h, &byte, 1, 0, &q->err);
  handoff_leave (q->h);
  return r == -1 && q->err.errnum == EAGAIN ? 1 : r;
}

static int
do_active (struct request *q, struct image *img)
{
  char byte = 0;
  int r;

  if (q->kind == REQUEST_WRITE)
    r = image_write (img, &byte, 1, 0, 0, &q->err);
  else if (q->kind == REQUEST_FLUSH)
    r = image_flush (img, &q->err);
  else
    r = image_read (img, &byte, 1, 0, &q->err);
  handoff_leave (q->h);
  return r;
}

/* 1: ask again. */
static int
try_request (struct request *q)
{
  struct image *img;

  switch (handoff_admit (q->h, q->kind, &img, &q->err)) {
  case ADMITTED:
    return do_active (q, img);
  case ADMITTED_INACTIVE:
    return do_inactive (q);
  case PARKED:
    nap ();
    return 1;
  case REFUSED:
    break;
  }
  return -1;
}

static void *
run_request (void *opaque)
{
  struct request *q = opaque;

  do
    q->r = try_request (q);
  while (q->r == 1);
  return NULL;
}

static void *
run_inactivate (void *opaque)
{
  struct request *q = opaque;

  q->r = handoff_inactivate (q->h, 0, &q->err);
  return NULL;
}

static void *
run_activate (void *opaque)
{
  struct request *q = opaque;

  q->r = handoff_activate (q->h, &q->err);
  return NULL;
}

/* -- tests ----------------------------------------------------------- */

static void
test_drain_waits (void **state)
{
  struct handoff *h = new_handoff (false);
  struct request reader = { .h = h, .kind = REQUEST_READ };
  struct request parked = { .h = h, .kind = REQUEST_WRITE };
  struct request first = { .h = h }, second = { .h = h };
  pthread_t t[4];

  (void) state;
  assert_int_equal (handoff_activate (h, NULL), 0);
  fake.block_reads = true;
  pthread_create (&t[0], NULL, run_request, &reader);
  wait_for_reader ();
  pthread_create (&t[1], NULL, run_inactivate, &first);
  wait_for_state (h, HANDOFF_INACTIVATING);
  pthread_create (&t[2], NULL, run_inactivate, &second);
  pthread_create (&t[3], NULL, run_request, &parked);
  while (status (h).parked == 0)
    nap ();
  assert_int_equal (status (h).in_flight, 1);
  assert_int_equal (fake.nr_calls[FAKE_FINISH], 0);
  fake.block_reads = false;
  for (int i = 0; i < 4; ++i)
    pthread_join (t[i], NULL);
  assert_int_equal (reader.r, 0);
  assert_int_equal (first.r, 0);
  assert_int_equal (second.r, 0);
  /* while-inactive=reject: what was parked is refused in the end. */
  assert_int_equal (parked.r, -1);
  assert_int_equal (parked.err.errnum, EPERM);
  assert_int_equal (status (h).nr_inactivations, 1);
  assert_int_equal (fake.nr_calls[FAKE_FINISH], 1);
  handoff_free (h);
}

/* After a drain that gave up, what was parked is served. */
static void
test_drain_timeout_unparks (void **state)
{
  struct handoff *h = new_handoff (false);
  struct request reader = { .h = h, .kind = REQUEST_READ };
  struct request writer = { .h = h, .kind = REQUEST_WRITE };
  struct error err = ERROR_INIT;
  pthread_t t[2];

  (void) state;
  assert_int_equal (handoff_activate (h, NULL), 0);
  fake.block_reads = true;
  pthread_create (&t[0], NULL, run_request, &reader);
  wait_for_reader ();
  assert_int_equal (handoff_inactivate (h, 30, &err), -1);
  assert_string_equal (err.class, "DrainTimeout");
  pthread_create (&t[1], NULL, run_request, &writer);
  pthread_join (t[1], NULL);
  assert_int_equal (writer.r, 0);
  fake.block_reads = false;
  pthread_join (t[0], NULL);
  handoff_free (h);
}

static void *
unblock_soon (void *p)
{
  (void) p;
  nap ();
  fake.block_reads = false;
  return NULL;
}

/* A second is 10^9 ns, wherever in it a deadline begins; and who ends before
 * it has been waited for. */
static void
test_drain_deadline (void **state)
{
  struct handoff *h = new_handoff (false);
  struct request reader = { .h = h, .kind = REQUEST_READ };
  struct timespec begin, end;
  pthread_t t[2];

  (void) state;
  assert_int_equal (handoff_activate (h, NULL), 0);
  fake.block_reads = true;
  pthread_create (&t[0], NULL, run_request, &reader);
  wait_for_reader ();
  clock_gettime (CLOCK_MONOTONIC, &begin);
  assert_int_equal (handoff_inactivate (h, 999, NULL), -1);
  clock_gettime (CLOCK_MONOTONIC, &end);
  assert_true ((end.tv_sec - begin.tv_sec) * 1000 +
               (end.tv_nsec - begin.tv_nsec) / 1000000 >= 999);
  pthread_create (&t[1], NULL, unblock_soon, NULL);
  assert_int_equal (handoff_inactivate (h, 600000, NULL), 0);
  pthread_join (t[0], NULL);
  pthread_join (t[1], NULL);
  assert_int_equal (reader.r, 0);
  handoff_free (h);
}

static void *
read_inactive (void *p)
{
  struct request *q = p;
  char byte;

  q->r = handoff_read_inactive (q->h, &byte, 1, 0, &q->err);
  return NULL;
}

/* What it read may be neither the old nor the new contents. */
static void
test_activated_during_read (void **state)
{
  struct handoff *h = new_handoff (false);
  struct request reader = { .h = h, .kind = REQUEST_READ };
  pthread_t t;

  (void) state;
  fake.block_reads = true;
  pthread_create (&t, NULL, read_inactive, &reader);
  wait_for_reader ();
  assert_int_equal (handoff_activate (h, NULL), 0);
  fake.block_reads = false;
  pthread_join (t, NULL);
  assert_int_equal (reader.r, -1);
  assert_int_equal (reader.err.errnum, EAGAIN);
  assert_string_equal (reader.err.class, "StateChanged");
  assert_string_equal (reader.err.text, "the image was activated during the "
                       "read: ask again");
  handoff_free (h);
}

/* Status and requests while an activation takes its time. */
static void
test_activating (void **state)
{
  struct handoff *h = new_handoff (false);
  struct request writer = { .h = h, .kind = REQUEST_WRITE };
  struct request activation = { .h = h };
  pthread_t t[2];

  (void) state;
  fake.block_start = true;
  pthread_create (&t[0], NULL, run_activate, &activation);
  wait_for_state (h, HANDOFF_ACTIVATING);
  pthread_create (&t[1], NULL, run_request, &writer);
  while (status (h).parked == 0)
    nap ();
  assert_false (status (h).has_stats);
  fake.block_start = false;
  pthread_join (t[0], NULL);
  pthread_join (t[1], NULL);
  assert_int_equal (activation.r, 0);
  assert_int_equal (writer.r, 0);
  handoff_free (h);
}

/* A read of the file that an activation overtook is asked again. */
static void
test_overtaken_read (void **state)
{
  struct handoff *h = new_handoff (false);
  struct request reader = { .h = h, .kind = REQUEST_READ };
  unsigned nr_opens;
  pthread_t t;

  (void) state;
  fake.block_reads = true;
  pthread_create (&t, NULL, run_request, &reader);
  wait_for_reader ();
  /* It does not wait for the reader. */
  assert_int_equal (handoff_activate (h, NULL), 0);
  nr_opens = fake.nr_calls[FAKE_IMAGE_OPEN];
  fake.block_reads = false;
  pthread_join (t, NULL);
  assert_int_equal (reader.r, 0);
  assert_int_equal (fake.nr_calls[FAKE_READ], 2);
  assert_int_equal (fake.nr_calls[FAKE_IMAGE_OPEN], nr_opens);
  assert_int_equal (status (h).in_flight, 0);
  handoff_free (h);
}

static _Atomic bool stop;

struct worker {
  struct handoff *h;
  unsigned seed;
  bool hold;
};

static void *
hammer (void *opaque)
{
  static const enum request_kind kinds[] = {
    REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH, REQUEST_READ,
  };
  const struct worker *w = opaque;
  struct request q = { .h = w->h };
  unsigned i;

  for (i = w->seed; !stop; ++i) {
    q.kind = kinds[i % 4];
    run_request (&q);
    if (q.r == -1 && (w->hold || q.err.errnum != EPERM))
      abort ();
  }
  return NULL;
}

static void *
watch (void *opaque)
{
  struct handoff *h = opaque;

  while (!stop) {
    status (h);
    handoff_flush (h, NULL);
    nap ();
  }
  return NULL;
}

static void
run_hammer (bool hold)
{
  struct handoff *h = new_handoff (hold);
  struct worker w[NR_THREADS];
  pthread_t t[NR_THREADS + 1];
  unsigned i;

  stop = false;
  for (i = 0; i < NR_THREADS; ++i) {
    w[i] = (struct worker) { h, i, hold };
    pthread_create (&t[i], NULL, hammer, &w[i]);
  }
  pthread_create (&t[i], NULL, watch, h);
  for (i = 0; i < NR_CYCLES; ++i) {
    assert_int_equal (handoff_activate (h, NULL), 0);
    nap ();
    assert_int_equal (handoff_inactivate (h, 0, NULL), 0);
  }
  assert_int_equal (handoff_activate (h, NULL), 0);
  stop = true;
  for (i = 0; i < NR_THREADS + 1; ++i)
    pthread_join (t[i], NULL);
  assert_int_equal (status (h).in_flight, 0);
  assert_true (fake.nr_calls[FAKE_WRITE] > NR_CYCLES);
  handoff_free (h);
}

static void
test_hammer_reject (void **state)
{
  (void) state;
  run_hammer (false);
}

static void
test_hammer_hold (void **state)
{
  (void) state;
  run_hammer (true);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_drain_waits),
    cmocka_unit_test (test_drain_timeout_unparks),
    cmocka_unit_test (test_drain_deadline),
    cmocka_unit_test (test_activated_during_read),
    cmocka_unit_test (test_activating),
    cmocka_unit_test (test_overtaken_read),
    cmocka_unit_test (test_hammer_reject),
    cmocka_unit_test (test_hammer_hold),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
