/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handoff: what requests are told in each state, the commands that do not
 * change the state, and the founding bug.  Over the fake image.
 */

#include <config.h>

#include <errno.h>

#include "handoff-fixture.h"

/* -- flush, invalidate ----------------------------------------------- */

static void
test_flush (void **state)
{
  struct handoff *h = new_plain ();
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (handoff_flush (h, &err), -1);
  check_error (&err, EPERM, "WrongState", "cannot flush " PATH ": this server is "
               "inactive: it holds nothing to write back");
  assert_int_equal (handoff_activate (h, NULL), 0);
  assert_int_equal (handoff_flush (h, &err), 0);
  assert_int_equal (fake.nr_calls[FAKE_FLUSH], 1);
  fake.fail[FAKE_FLUSH] = EIO;
  assert_int_equal (handoff_flush (h, &err), -1);
  check_error (&err, EIO, NULL, "fake failure");
  check_last_error (h, &err);
  check_state (h, HANDOFF_ACTIVE);
  handoff_free (h);
}

static void
test_invalidate (void **state)
{
  struct handoff *h = new_plain ();
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (handoff_invalidate (h, &err), 0);
  assert_string_equal (fake_log (), "open-ro close-io");
  fake.magic = 0;
  assert_int_equal (handoff_invalidate (h, &err), -1);
  check_error (&err, EINVAL, NULL, "cannot invalidate " PATH ": not a qcow2");
  fake.magic = QCOW2_MAGIC;
  fake.virtual_size = 4096;
  handoff_connect (h);
  assert_int_equal (handoff_invalidate (h, &err), -1);
  check_error (&err, ESTALE, "SizeChanged", "its virtual size is 4096 bytes now, "
               "but 1 connected client of this server was told 1048576: "
               "disconnect, and try again");
  check_last_error (h, &err);
  assert_int_equal (handoff_size (h), 1 << 20);
  handoff_disconnect (h);
  assert_int_equal (handoff_invalidate (h, NULL), 0);
  assert_int_equal (handoff_size (h), 4096);
  assert_int_equal (handoff_activate (h, NULL), 0);
  assert_int_equal (handoff_invalidate (h, &err), -1);
  check_error (&err, EPERM, "WrongState", "this server is active, and it would "
               "throw away unwritten changes; inactivate it first");
  check_state (h, HANDOFF_ACTIVE);
  handoff_free (h);
}

/* -- requests -------------------------------------------------------- */

static void
check_refused (struct handoff *h, enum request_kind kind, int errnum,
               const char *class, const char *text)
{
  struct error err = ERROR_INIT;
  struct image *img = NULL;

  assert_int_equal (handoff_admit (h, kind, &img, &err), REFUSED);
  assert_int_equal (err.errnum, errnum);
  assert_string_equal (err.class, class);
  assert_string_equal (err.text, text);
}

#define INACTIVE "this server is inactive and answers only reads: nothing was " \
  "written; activate it first"

static void
test_requests_active (void **state)
{
  struct handoff *h = new_active ();
  struct image *img = NULL;
  int kind;

  (void) state;
  for (kind = REQUEST_READ; kind <= REQUEST_WRITE; ++kind) {
    assert_int_equal (handoff_admit (h, kind, &img, NULL), ADMITTED);
    assert_int_equal (image_size (img), 1 << 20);
    handoff_leave (h);
  }
  handoff_free (h);
}

static void
test_requests_reject (void **state)
{
  struct handoff *h = new_plain ();
  int kind;

  (void) state;
  for (kind = REQUEST_READ; kind <= REQUEST_CACHE; ++kind) {
    assert_int_equal (ask (h, kind), ADMITTED_INACTIVE);
    handoff_leave (h);
  }
  check_refused (h, REQUEST_FLUSH, EPERM, "WrongState", INACTIVE);
  check_refused (h, REQUEST_WRITE, EPERM, "WrongState", INACTIVE);
  handoff_free (h);
}

static void
test_requests_hold (void **state)
{
  struct handoff *h = new_with (false, true, false);
  struct handoff_status s;
  int kind;

  (void) state;
  for (kind = REQUEST_READ; kind <= REQUEST_WRITE; ++kind)
    assert_int_equal (ask (h, kind), PARKED);
  handoff_get_status (h, &s);
  assert_int_equal (s.parked, 5);
  assert_int_equal (s.in_flight, 0);
  assert_int_equal (handoff_activate (h, NULL), 0);
  assert_int_equal (ask (h, REQUEST_WRITE), ADMITTED);
  handoff_leave (h);
  handoff_get_status (h, &s);
  assert_int_equal (s.parked, 0);
  handoff_free (h);
}

static void
test_requests_read_only (void **state)
{
  struct handoff *h = new_with (true, true, false);

  (void) state;
  check_refused (h, REQUEST_WRITE, EROFS, "ReadOnly",
                 "the image is served read-only: nothing was written");
  assert_int_equal (handoff_activate (h, NULL), 0);
  check_refused (h, REQUEST_WRITE, EROFS, "ReadOnly",
                 "the image is served read-only: nothing was written");
  assert_int_equal (ask (h, REQUEST_FLUSH), ADMITTED);
  handoff_leave (h);
  handoff_free (h);
}

static void
check_read (struct handoff *h, char expected)
{
  struct error err = ERROR_INIT;
  char byte = 0;

  if (handoff_read_inactive (h, &byte, 1, 0, &err) == -1)
    fail_msg ("handoff_read_inactive: %s", err.text);
  assert_int_equal (byte, expected);
}

/* The file as it is now, each time, and no lock. */
static void
test_read_inactive (void **state)
{
  struct handoff *h = new_plain ();
  struct error err = ERROR_INIT;
  char byte;

  (void) state;
  check_read (h, 'A');
  fake.content = 'B';
  check_read (h, 'B');
  check_state (h, HANDOFF_INACTIVE);
  assert_int_equal (fake.nr_calls[FAKE_LOCK], 0);
  assert_int_equal (fake.nr_calls[FAKE_OPEN_RW], 0);
  fake.fail[FAKE_IMAGE_OPEN] = EIO;
  assert_int_equal (handoff_read_inactive (h, &byte, 1, 0, &err), -1);
  fake.fail[FAKE_IMAGE_OPEN] = 0;
  fake.fail[FAKE_READ] = EIO;
  assert_int_equal (handoff_read_inactive (h, &byte, 1, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  check_state (h, HANDOFF_INACTIVE);
  handoff_free (h);
}

static char
read_active (struct handoff *h)
{
  struct image *img = NULL;
  char byte = 0;

  assert_int_equal (handoff_admit (h, REQUEST_READ, &img, NULL), ADMITTED);
  assert_int_equal (image_read (img, &byte, 1, 0, NULL), 0);
  handoff_leave (h);
  return byte;
}

/* The founding bug, and that it is not there without the switch. */
static void
test_stale (void **state)
{
  struct handoff *h = new_plain ();
  struct error err = ERROR_INIT;
  char byte;

  (void) state;
  check_read (h, 'A');
  fake.content = 'B';
  assert_int_equal (handoff_activate (h, NULL), 0);
  assert_int_equal (read_active (h), 'B');
  handoff_free (h);

  h = new_with (false, false, true);
  check_read (h, 'A');
  fake.content = 'B';
  assert_int_equal (handoff_activate (h, NULL), 0);
  assert_int_equal (read_active (h), 'A');
  assert_int_equal (handoff_read_inactive (h, &byte, 1, 0, &err), -1);
  assert_string_equal (err.text, "the stale image is gone: this is a test "
                       "mode");
  check_state (h, HANDOFF_ACTIVE);
  assert_int_equal (handoff_inactivate (h, 0, NULL), 0);
  check_state (h, HANDOFF_INACTIVE);
  handoff_free (h);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_flush),
    cmocka_unit_test (test_invalidate),
    cmocka_unit_test (test_requests_active),
    cmocka_unit_test (test_requests_reject),
    cmocka_unit_test (test_requests_hold),
    cmocka_unit_test (test_requests_read_only),
    cmocka_unit_test (test_read_inactive),
    cmocka_unit_test (test_stale),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
