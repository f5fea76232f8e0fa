/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image that is left over: freed later, but never too late.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "image.h"
#include "leftover.h"

static _Atomic unsigned nr_closed;
static bool no_thread;

void
image_close (struct image *img)
{
  (void) img;
  nr_closed++;
}

/* Linked in place of the library's. */
int __real_pthread_create (pthread_t *ret, const pthread_attr_t *attr,
                           void *(*fn) (void *), void *arg);
int __wrap_pthread_create (pthread_t *ret, const pthread_attr_t *attr,
                           void *(*fn) (void *), void *arg);

int
__wrap_pthread_create (pthread_t *ret, const pthread_attr_t *attr,
                       void *(*fn) (void *), void *arg)
{
  return no_thread ? EAGAIN : __real_pthread_create (ret, attr, fn, arg);
}

static struct image *
an_image (void)
{
  static char memory;

  return (struct image *) &memory;
}

static int64_t
now_ms (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C (1000) + t.tv_nsec / 1000000;
}

/* Not while the next server may be at work; at once when it is waited for. */
static void
test_waited_for (void **state)
{
  struct leftover l = { .running = false };
  unsigned nr_early;
  int64_t start;

  (void) state;
  nr_closed = 0;
  leftover_wait (&l);
  start = now_ms ();
  leftover_free (&l, an_image ());
  usleep (20000);
  nr_early = nr_closed;
  /* Unless this thread has slept for longer. */
  if (now_ms () - start < 250)
    assert_int_equal (nr_early, 0);
  leftover_wait (&l);
  assert_int_equal (nr_closed, 1);
  leftover_wait (&l);
  assert_int_equal (nr_closed, 1);
}

static void
test_by_itself (void **state)
{
  struct leftover l = { .running = false };
  unsigned tries = 0;

  (void) state;
  nr_closed = 0;
  leftover_free (&l, an_image ());
  while (nr_closed == 0 && tries++ < 1000)
    usleep (10000);
  assert_int_equal (nr_closed, 1);
  leftover_wait (&l);
  assert_int_equal (nr_closed, 1);
}

static void
test_one_at_a_time (void **state)
{
  struct leftover l = { .running = false };

  (void) state;
  nr_closed = 0;
  leftover_free (&l, an_image ());
  leftover_free (&l, an_image ());
  assert_int_equal (nr_closed, 1);
  leftover_wait (&l);
  assert_int_equal (nr_closed, 2);
}

/* "Where no thread can be had it is freed at once." */
static void
test_no_thread (void **state)
{
  struct leftover l = { .running = false };

  (void) state;
  nr_closed = 0;
  no_thread = true;
  leftover_free (&l, an_image ());
  no_thread = false;
  assert_int_equal (nr_closed, 1);
  leftover_wait (&l);
  assert_int_equal (nr_closed, 1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_waited_for),
    cmocka_unit_test (test_by_itself),
    cmocka_unit_test (test_one_at_a_time),
    cmocka_unit_test (test_no_thread),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
