/* SPDX-License-Identifier: BSD-3-Clause
 *
 * struct error: what each function fills in, cutting, aliasing, NULL.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"

static void
test_set (void **state)
{
  struct error err = { 1, "LockHeld", "old" };

  (void) state;
  assert_int_equal (error_set (&err, ENOSPC, "cluster %d of %s", 7, "x"), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_null (err.class);
  assert_string_equal (err.text, "cluster 7 of x");
}

static void
test_class (void **state)
{
  static const char class[] = "StaleView";
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (error_set_class (&err, ESTALE, class, "epoch %u", 3u), -1);
  assert_int_equal (err.errnum, ESTALE);
  assert_ptr_equal (err.class, class);
  assert_string_equal (err.text, "epoch 3");
}

static void
test_errno (void **state)
{
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (error_set_errno (&err, ENOENT, "opening %s", "x"), -1);
  assert_int_equal (err.errnum, ENOENT);
  assert_string_equal (err.text, "opening x: No such file or directory");
}

static void
test_prefix (void **state)
{
  struct error err = ERROR_INIT;

  (void) state;
  error_set_class (&err, EAGAIN, "LockHeld", "is in use");
  assert_int_equal (error_prefix (&err, "disk%d.qcow2", 1), -1);
  assert_string_equal (err.text, "disk1.qcow2: is in use");
  assert_int_equal (err.errnum, EAGAIN);
  assert_string_equal (err.class, "LockHeld");
}

/* "errnum: an errno value, never 0 after a failure". */
static void
test_errnum_never_zero (void **state)
{
  struct error err = ERROR_INIT;

  (void) state;
  error_set (&err, 0, "x");
  assert_int_equal (err.errnum, EIO);
  error_set_errno (&err, 0, "x");
  assert_int_equal (err.errnum, EIO);
  assert_string_equal (err.text, "x: Input/output error");
}

static void
test_own_text_as_argument (void **state)
{
  struct error err = ERROR_INIT;

  (void) state;
  error_set (&err, EIO, "inner");
  error_set (&err, EPERM, "outer (%s)", err.text);
  assert_string_equal (err.text, "outer (inner)");
  error_prefix (&err, "%s", err.text);
  assert_string_equal (err.text, "outer (inner): outer (inner)");
}

static void
test_long_text_is_cut (void **state)
{
  struct error err = ERROR_INIT;
  char lots[2000];

  (void) state;
  memset (lots, 'a', sizeof lots - 1);
  lots[sizeof lots - 1] = '\0';
  error_set (&err, EIO, "%s", lots);
  assert_int_equal (strlen (err.text), sizeof err.text - 1);
  error_prefix (&err, "%.20s", lots);
  assert_int_equal (strlen (err.text), sizeof err.text - 1);
  assert_memory_equal (err.text + 20, ": a", 3);
  error_prefix (&err, "%s", lots);
  assert_int_equal (strlen (err.text), sizeof err.text - 1);
  error_set_errno (&err, EIO, "%s", lots);
  assert_int_equal (strlen (err.text), sizeof err.text - 1);
}

static void
test_null (void **state)
{
  (void) state;
  assert_int_equal (error_set (NULL, EIO, "x"), -1);
  assert_int_equal (error_set_class (NULL, EIO, "C", "x"), -1);
  assert_int_equal (error_set_errno (NULL, EIO, "x"), -1);
  assert_int_equal (error_prefix (NULL, "x"), -1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_set),
    cmocka_unit_test (test_class),
    cmocka_unit_test (test_errno),
    cmocka_unit_test (test_prefix),
    cmocka_unit_test (test_errnum_never_zero),
    cmocka_unit_test (test_own_text_as_argument),
    cmocka_unit_test (test_long_text_is_cut),
    cmocka_unit_test (test_null),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
