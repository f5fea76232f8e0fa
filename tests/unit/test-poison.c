/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Poison: the first reason is kept, for ever, and told to everybody.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"

static void
test_not_poisoned (void **state)
{
  struct error err = ERROR_INIT;
  struct poison p;

  (void) state;
  poison_init (&p);
  assert_int_equal (poison_check (&p, &err), 0);
  assert_int_equal (err.errnum, 0);
  assert_string_equal (err.text, "");
  poison_destroy (&p);
}

static void
test_first_reason_stays (void **state)
{
  struct error first = ERROR_INIT, second = ERROR_INIT, later = ERROR_INIT;
  struct poison p;

  (void) state;
  poison_init (&p);
  error_set (&first, ENOSPC, "the moon is full");
  assert_int_equal (poison_set (&p, &first), -1);
  assert_int_equal (first.errnum, EIO);
  assert_string_equal (first.class, "Poisoned");
  assert_non_null (strstr (first.text, "the moon is full"));
  assert_non_null (strstr (first.text, "no further change is accepted until "
                           "the image is opened afresh"));
  error_set (&second, EIO, "and so is the sun");
  assert_int_equal (poison_set (&p, &second), -1);
  assert_int_equal (poison_check (&p, &later), -1);
  assert_int_equal (later.errnum, EIO);
  assert_string_equal (later.class, "Poisoned");
  assert_non_null (strstr (later.text, "an earlier write or sync of this image "
                           "failed (the moon is full): no further change"));
  assert_null (strstr (later.text, "the sun"));
  poison_destroy (&p);
}

static void
test_nobody_wants_to_know (void **state)
{
  struct error err = ERROR_INIT;
  struct poison p;

  (void) state;
  poison_init (&p);
  assert_int_equal (poison_set (&p, NULL), -1);
  assert_int_equal (poison_check (&p, NULL), -1);
  assert_int_equal (poison_check (&p, &err), -1);
  assert_string_equal (err.class, "Poisoned");
  poison_destroy (&p);
}

static void *
poison_and_check (void *opaque)
{
  struct poison *p = opaque;
  struct error err = ERROR_INIT;

  error_set (&err, EIO, "one of many");
  poison_set (p, &err);
  return poison_check (p, &err) == -1 && strstr (err.text, "one of many")
    ? NULL : p;
}

static void
test_threads (void **state)
{
  pthread_t threads[4];
  struct poison p;
  unsigned i;

  (void) state;
  poison_init (&p);
  for (i = 0; i < 4; ++i)
    assert_int_equal (pthread_create (&threads[i], NULL, poison_and_check,
                                      &p), 0);
  for (i = 0; i < 4; ++i) {
    void *wrong;

    pthread_join (threads[i], &wrong);
    assert_null (wrong);
  }
  poison_destroy (&p);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_not_poisoned),
    cmocka_unit_test (test_first_reason_stays),
    cmocka_unit_test (test_nobody_wants_to_know),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
