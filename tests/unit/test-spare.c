/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Spare buffers: what is kept, what is not.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spare.h"

static void
test_kept (void **state)
{
  struct spare s;
  void *a, *b;

  (void) state;
  spare_init (&s);
  a = spare_take (&s, 1);
  b = spare_take (&s, SPARE_BYTES);
  assert_int_equal ((uintptr_t) a % 4096, 0);
  memset (a, 1, SPARE_BYTES);
  spare_give (&s, a, 1);
  spare_give (&s, b, SPARE_BYTES);
  /* The last one first. */
  assert_ptr_equal (spare_take (&s, 4096), b);
  assert_ptr_equal (spare_take (&s, 1), a);
  spare_give (&s, a, 1);
  spare_give (&s, b, 4096);
  spare_destroy (&s);
}

/* So many and no more, and none that is larger. */
static void
test_not_kept (void **state)
{
  void *p[SPARE_KEPT + 2];
  struct spare s;
  unsigned i;

  (void) state;
  spare_init (&s);
  for (i = 0; i < SPARE_KEPT + 2; i++)
    p[i] = spare_take (&s, 4096);
  for (i = 0; i < SPARE_KEPT + 2; i++)
    spare_give (&s, p[i], 4096);
  for (i = 0; i < SPARE_KEPT; i++)
    p[i] = spare_take (&s, 4096);
  for (i = 0; i < SPARE_KEPT; i++)
    spare_give (&s, p[i], 4096);

  p[0] = spare_take (&s, SPARE_BYTES + 1);
  assert_int_equal ((uintptr_t) p[0] % 4096, 0);
  memset (p[0], 1, SPARE_BYTES + 1);
  spare_give (&s, p[0], SPARE_BYTES + 1);
  spare_give (&s, NULL, 4096);

  p[0] = spare_take (NULL, 4096);
  memset (p[0], 1, 4096);
  spare_give (NULL, p[0], 4096);
  spare_destroy (&s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_kept),
    cmocka_unit_test (test_not_kept),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
