/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A group of images is passed, all or none, in every state that there is
 * (group-explore.h): two pairs with any number of faults where nothing but
 * the decisions keeps the servers apart, and with up to 5 where locks and
 * records do; with callers that die at any moment and others that come after
 * them, with up to 3 faults; three pairs with up to 3.
 *
 * BATON_TEST_LONG=1: any number of faults with locks too, and one more of
 * three pairs.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "group-explore.h"
#include "pass-group.h"

static bool
is_long (void)
{
  return getenv ("BATON_TEST_LONG") != NULL;
}

static void
test_two_pairs (void **state)
{
  (void) state;
  group_explore (2, 5, 0, true, true);
  group_explore (2, GROUP_NO_LIMIT, 0, false, false);
  if (is_long ())
    group_explore (2, GROUP_NO_LIMIT, 0, true, true);
}

static void
test_callers_that_die (void **state)
{
  (void) state;
  group_explore (2, 3, 1, true, true);
  group_explore (2, 3, 1, false, true);
  group_explore (2, 3, 1, false, false);
  group_explore (2, 2, 2, true, true);
}

static void
test_three_pairs (void **state)
{
  (void) state;
  group_explore (3, is_long () ? 4 : 3, 0, true, true);
  group_explore (3, 2, 0, false, false);
}

/* -- before anything is changed -------------------------------------------- */

/* A round of statuses of sources, then one of destinations. */
static void
hear (struct group *g, struct pass *const *members, const char *const *texts)
{
  struct pass_event events[2];
  unsigned i;

  memset (events, 0, sizeof events);
  for (i = 0; i < 2; i++) {
    json_t *status = json_loads (texts[i], 0, NULL);

    assert_non_null (status);
    pass_view_parse (status, &events[i].view);
    json_decref (status);
  }
  group_advance (g, members, 2, events);
}

static void
test_one_server_in_two_pairs (void **state)
{
  static const char *const srcs[] = {
    "{\"state\":\"active\",\"host\":\"h\",\"pid\":1}",
    "{\"state\":\"active\",\"host\":\"h\",\"pid\":3}",
  }, *const dsts[] = {
    "{\"state\":\"inactive\",\"host\":\"h\",\"pid\":2}",
    "{\"state\":\"inactive\",\"host\":\"h\",\"pid\":2}",
  };
  struct pass passes[2], *const members[] = { &passes[0], &passes[1] };
  struct group g;

  (void) state;
  group_begin (&g, members, 2);
  hear (&g, members, srcs);
  hear (&g, members, dsts);
  assert_false (group_asks (&g, &passes[0]));
  assert_false (group_asks (&g, &passes[1]));
  assert_int_equal (group_result (members, 2), PASS_NOT_STARTED);
  assert_int_equal (passes[0].reason, PASS_REASON_GROUP);
  assert_int_equal (passes[1].reason, PASS_REASON_TWICE);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_one_server_in_two_pairs),
    cmocka_unit_test (test_callers_that_die),
    cmocka_unit_test (test_three_pairs),
    cmocka_unit_test (test_two_pairs),
  };

  return cmocka_run_group_tests_name ("cli-pass-group", tests, NULL, NULL);
}
