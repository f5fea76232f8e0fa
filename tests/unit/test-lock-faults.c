/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QEMU's image locks where the kernel fails or is interrupted: each call for
 * each lock, and nothing is held afterwards.
 *
 * This program has its own fcntl, which the engine's library then calls.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "lock.h"

#define THE_FILE 12345          /* a descriptor that nobody has */
#define NR_BYTES 256

static struct {
  unsigned nth;                 /* call that fails, from 1; 0: none */
  int errnum;
  bool again;                   /* and all calls after it */
} fault;

static unsigned nr_calls;
static bool held[NR_BYTES];

int
fcntl (int fd, int command, ...)
{
  struct flock *fl;
  va_list args;

  va_start (args, command);
  fl = va_arg (args, struct flock *);
  va_end (args);
  if (fd != THE_FILE)
    return (int) syscall (SYS_fcntl, fd, command, fl);
  ++nr_calls;
  if (fl->l_type != F_UNLCK && fault.nth != 0 &&
      (nr_calls == fault.nth || (fault.again && nr_calls > fault.nth))) {
    errno = fault.errnum;
    return -1;
  }
  assert_in_range (fl->l_start, 0, NR_BYTES - 1);
  assert_int_equal (fl->l_len, 1);
  if (command == F_OFD_GETLK)
    fl->l_type = F_UNLCK;       /* nobody else has any */
  else
    held[fl->l_start] = fl->l_type == F_RDLCK;
  return 0;
}

static unsigned
nr_held (void)
{
  unsigned i, n = 0;

  for (i = 0; i < NR_BYTES; ++i)
    n += held[i];
  return n;
}

static int
take (unsigned nth, int errnum, bool again, struct error *err)
{
  memset (held, 0, sizeof held);
  nr_calls = 0;
  fault.nth = nth;
  fault.errnum = errnum;
  fault.again = again;
  return lock_take (THE_FILE, LOCK_WRITER, err);
}

/* Three bytes used and two not shared; as many are looked at. */
#define NR_CLAIMS 5u
#define NR_TESTS 5u

static void
test_interrupted (void **state)
{
  unsigned nth;

  (void) state;
  for (nth = 1; nth <= NR_CLAIMS + NR_TESTS; ++nth) {
    assert_int_equal (take (nth, EINTR, false, NULL), 0);
    assert_int_equal (nr_calls, NR_CLAIMS + NR_TESTS + 1);
    assert_int_equal (nr_held (), NR_CLAIMS);
  }
  fault.nth = 0;
  lock_release (THE_FILE);
  assert_int_equal (nr_held (), 0);
}

static void
test_fails (void **state)
{
  struct error err;
  unsigned nth;

  (void) state;
  for (nth = 1; nth <= NR_CLAIMS + NR_TESTS; ++nth) {
    err = (struct error) ERROR_INIT;
    assert_int_equal (take (nth, ENOLCK, false, &err), -1);
    assert_int_equal (err.errnum, ENOLCK);
    assert_null (err.class);
    assert_string_equal (err.text, "cannot lock it: No locks available");
    assert_int_equal (nr_held (), 0);
    /* Not for whoever does not want to know, either. */
    assert_int_equal (take (nth, ENOLCK, false, NULL), -1);
    assert_int_equal (nr_held (), 0);
  }
}

/* By its two names; whoever holds it is waited for, and then told of. */
static void
test_held (void **state)
{
  static const int names[] = { EAGAIN, EACCES };
  struct error err = ERROR_INIT;
  unsigned i;

  (void) state;
  for (i = 0; i < 2; ++i) {
    assert_int_equal (take (1, names[i], false, &err), 0);
    assert_int_equal (nr_held (), NR_CLAIMS);
    assert_int_equal (take (4, names[i], true, &err), -1);
    assert_int_equal (err.errnum, EAGAIN);
    assert_string_equal (err.class, "LockHeld");
    assert_int_equal (nr_held (), 0);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_interrupted),
    cmocka_unit_test (test_fails),
    cmocka_unit_test (test_held),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
