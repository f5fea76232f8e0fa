/* SPDX-License-Identifier: BSD-3-Clause
 *
 * -r on nbdkit's command line is seen wherever getopt_long would see it, and
 * nowhere else.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command-line.h"

/* LINE is split at spaces. */
static bool
parse (const char *line, bool posix)
{
  struct command_line c = { .posix = posix };
  char *copy = strdup (line), *save = NULL, *argument;

  assert_non_null (copy);
  for (argument = strtok_r (copy, " ", &save); argument;
       argument = strtok_r (NULL, " ", &save))
    command_line_next (&c, argument);
  free (copy);
  return c.read_only;
}

static void
test_yes (void **state)
{
  static const char *const lines[] = {
    "nbdkit -r qcow2 disk",
    "nbdkit --readonly qcow2 disk",
    "nbdkit --read-only qcow2 disk",
    "nbdkit --read qcow2 disk",
    "nbdkit -frv qcow2 disk",
    "nbdkit -rU - qcow2 disk",
    "nbdkit -U - -r qcow2 disk",
    "nbdkit -U- -r qcow2 disk",
    "nbdkit -p 10809 -r qcow2 disk",
    "nbdkit --port 10809 -r qcow2 disk",
    "nbdkit --port=10809 -r qcow2 disk",
    "nbdkit --tls require -r qcow2 disk",
    "nbdkit --tls-verify-peer -r qcow2 disk",
    "nbdkit --filter=log -r qcow2 disk",
    "nbdkit qcow2 disk -r",
    "nbdkit qcow2 -r disk",
    "nbdkit --exit-with-parent -r qcow2 disk",
    "nbdkit --vsock -r qcow2 disk",
    "nbdkit --run true -r qcow2 disk",
    "nbdkit -46r qcow2 disk",
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof lines / sizeof lines[0]; ++i)
    if (!parse (lines[i], false))
      fail_msg ("not read-only: %s", lines[i]);
}

static void
test_no (void **state)
{
  static const char *const lines[] = {
    "nbdkit",
    "-r",
    "nbdkit qcow2 disk",
    "nbdkit -f qcow2 disk",
    "nbdkit --run -r qcow2 disk",
    "nbdkit --run=-r qcow2 disk",
    "nbdkit -U -r qcow2 disk",
    "nbdkit -Ur qcow2 disk",
    "nbdkit -fPr qcow2 disk",
    "nbdkit -fP -r qcow2 disk",
    "nbdkit -e --readonly qcow2 disk",
    "nbdkit --exp -r qcow2 disk",
    "nbdkit --filter -r qcow2 disk",
    "nbdkit --run r qcow2 disk",
    "nbdkit -- qcow2 -r",
    "nbdkit qcow2 -- -r",
    "nbdkit qcow2 file=-r",
    "nbdkit --nosuch qcow2 disk",
    "nbdkit - qcow2 disk",
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof lines / sizeof lines[0]; ++i)
    if (parse (lines[i], false))
      fail_msg ("read-only: %s", lines[i]);
}

static void
test_posix (void **state)
{
  (void) state;
  assert_true (parse ("nbdkit -r qcow2 disk", true));
  assert_false (parse ("nbdkit qcow2 disk -r", true));
}

static void
test_this_process (void **state)
{
  (void) state;
  assert_false (command_line_is_read_only ());
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_yes),
    cmocka_unit_test (test_no),
    cmocka_unit_test (test_posix),
    cmocka_unit_test (test_this_process),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
