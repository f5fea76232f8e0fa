/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The transmission phase of the control endpoint: READ and its snapshots,
 * WRITE's limits, BLOCK_STATUS, what is not supported; and all of it once
 * with libnbd as the client.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libnbd.h>

#include "control-fixture.h"
#include "control-requests.h"
#include "session.h"

#define ARRAY_SIZE(a) (sizeof (a) / sizeof (a)[0])
#define FLUSH "{\"execute\": \"flush\"}"

static int
setup (void **state)
{
  *state = malloc (sizeof (struct fixture));
  return *state == NULL ? -1 : fixture_start (*state);
}

static int
teardown (void **state)
{
  fixture_stop (*state);
  free (*state);
  return 0;
}

/* -- READ ------------------------------------------------------------ */

static json_int_t
calls_in (const char *text)
{
  json_t *doc = json_loads (text, 0, NULL);
  json_int_t n;

  assert_non_null (doc);
  n = json_integer_value (json_object_get (json_object_get (doc, "status"),
                                           "calls"));
  json_decref (doc);
  return n;
}

static void
test_document (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, false);
  json_t *doc = client_document (fd);

  assert_int_equal (json_object_size (doc), 2);
  assert_true (json_is_object (json_object_get (doc, "status")));
  assert_true (json_is_null (json_object_get (doc, "reply")));
  json_decref (doc);
  close (fd);
}

/* The end of the document is NULs, all of them. */
static void
test_padding (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, false);
  const uint8_t *data = client_read (fd, 0, 65536);
  size_t i = strlen ((const char *) data);

  assert_in_range (i, 1, 1000);
  assert_int_equal (data[i - 1], '\n');
  for (; i < 65536; i++)
    assert_int_equal (data[i], 0);
  close (fd);
}

static void
test_simple_reply (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, false, false);
  static char buf[65536];
  uint32_t len;

  client_request (fd, NBD_CMD_READ, 0, sizeof buf);
  assert_int_equal (client_result (fd, (uint8_t *) buf, &len), 0);
  assert_int_equal (len, 0);            /* no chunk */
  assert_true (client_recv (fd, buf, sizeof buf));
  assert_int_equal (calls_in (buf), 1);
  /* DF is for structured replies. */
  client_request_flags (fd, NBD_CMD_FLAG_DF, NBD_CMD_READ, 0, 16);
  assert_int_equal (client_error (fd), NBD_EINVAL);
  client_request (fd, NBD_CMD_READ, 0, 65537);
  assert_int_equal (client_error (fd), NBD_EINVAL);
  client_request (fd, NBD_CMD_READ, 0, 0);
  assert_int_equal (client_error (fd), 0);
  close (fd);
}

/* Piece by piece is one document; offset 0 begins another. */
static void
test_snapshot (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, false);
  char text[65536];
  size_t i;

  for (i = 0; i < sizeof text; i += 16)
    memcpy (text + i, client_read (fd, i, 16), 16);
  assert_int_equal (calls_in (text), 1);
  memcpy (text, client_read (fd, 0, 65536), 65536);
  assert_int_equal (calls_in (text), 2);
  close (fd);
}

/* Each connection has its own; the first READ may be anywhere. */
static void
test_snapshot_elsewhere (void **state)
{
  struct fixture *f = *state;
  int a = client_open (f->path, true, false);
  int b = client_open (f->path, true, false);
  char text[65536];

  memcpy (text + 8, client_read (a, 8, 65536 - 8), 65536 - 8);
  assert_int_equal (calls_in ((const char *) client_read (b, 0, 65536)), 2);
  memcpy (text, "{\n  \"sta", 8);
  assert_int_equal (calls_in (text), 1);
  close (a);
  close (b);
}

static void
test_ranges (void **state)
{
  static const struct {
    uint64_t offset;
    uint32_t len;
    uint32_t error;
  } cases[] = {
    { 0, 65536, 0 }, { 65535, 1, 0 }, { 0, 0, 0 }, { 65536, 0, 0 },
    { 1, 65536, 22 }, { 65536, 1, 22 }, { 0, 65537, 22 },
    { 0, 0xffffffff, 22 }, { 65537, 0, 22 }, { UINT64_MAX, 1, 22 },
    { UINT64_MAX - 5, 6, 22 },
  };
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  size_t i;

  for (i = 0; i < ARRAY_SIZE (cases); i++) {
    client_request (fd, NBD_CMD_READ, cases[i].offset, cases[i].len);
    assert_int_equal (client_error (fd), cases[i].error);
  }
  close (fd);
}

static void
test_flags (void **state)
{
  static const struct { uint16_t type, flags; uint32_t error; } cases[] = {
    { NBD_CMD_READ, NBD_CMD_FLAG_DF, 0 },
    { NBD_CMD_READ, 1, 22 },            /* FUA: not advertised */
    { NBD_CMD_READ, NBD_CMD_FLAG_REQ_ONE, 22 },
    { NBD_CMD_READ, 0x8000, 22 },
    { NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_REQ_ONE, 0 },
    { NBD_CMD_BLOCK_STATUS, NBD_CMD_FLAG_DF, 22 },
  };
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  size_t i;

  for (i = 0; i < ARRAY_SIZE (cases); i++) {
    client_request_flags (fd, cases[i].flags, cases[i].type, 0, 512);
    assert_int_equal (client_error (fd), cases[i].error);
  }
  client_request_flags (fd, 1, NBD_CMD_WRITE, 0, strlen (FLUSH));
  client_send (fd, FLUSH, strlen (FLUSH));
  assert_int_equal (client_error (fd), NBD_EINVAL);
  assert_int_equal (dummies_nr_flush (&f->dummies), 0);
  close (fd);
}

/* -- WRITE ----------------------------------------------------------- */

static void
test_read_only (void **state)
{
  struct fixture *f = *state;
  int i;

  for (i = 0; i < 2; i++) {
    int fd = client_open (f->path, i == 1, false);

    assert_int_equal (client_command (fd, FLUSH), NBD_EPERM);
    assert_int_equal (client_command (fd, FLUSH), NBD_EPERM);
    close (fd);
  }
  assert_int_equal (dummies_nr_flush (&f->dummies), 0);
}

static void
test_write_elsewhere (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);

  client_write (fd, 512, FLUSH, strlen (FLUSH));
  assert_int_equal (client_error (fd), NBD_EINVAL);
  client_assert_refusal (fd, "InvalidArguments", "EINVAL", "offset 0");
  client_write (fd, 65530, FLUSH, strlen (FLUSH));
  assert_int_equal (client_error (fd), NBD_ENOSPC);
  client_assert_refusal (fd, "InvalidArguments", "ENOSPC", "beyond the end");
  assert_int_equal (dummies_nr_flush (&f->dummies), 0);
  close (fd);
}

/* Too long to be a command: refused, and still in step. */
static void
test_write_long (void **state)
{
  static const uint32_t lens[] = { 65537, 100000, 1024 * 1024 };
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  uint8_t *data = malloc (1024 * 1024);
  size_t i;

  assert_non_null (data);
  memset (data, 0x25, 1024 * 1024);     /* begins like a request's magic */
  for (i = 0; i < ARRAY_SIZE (lens); i++) {
    client_write (fd, 0, data, lens[i]);
    assert_int_equal (client_error (fd), NBD_ENOSPC);
    assert_int_equal (client_command (fd, FLUSH), 0);
  }
  assert_int_equal (dummies_nr_flush (&f->dummies), ARRAY_SIZE (lens));
  free (data);
  client_request (fd, NBD_CMD_WRITE, 0, SESSION_MAX_DRAIN_BYTES + 1);
  client_assert_closed (fd);
  close (fd);
}

/* -- BLOCK_STATUS ---------------------------------------------------- */

static void
set_state_flags (struct fixture *f, uint32_t flags)
{
  mutex_lock (&f->dummies.lock);
  f->dummies.state = flags;
  mutex_unlock (&f->dummies.lock);
}

static void
test_block_status (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  static uint8_t buf[BUF_BYTES];
  uint32_t flags, len;

  for (flags = CONTROL_STATE_INACTIVE; flags <= CONTROL_STATE_INACTIVATING;
       flags++) {
    set_state_flags (f, flags);
    client_request (fd, NBD_CMD_BLOCK_STATUS, 512 * flags, 1000);
    assert_int_equal (client_result (fd, buf, &len), 0);
    assert_int_equal (len, 12);
    assert_int_equal (load_be32 (buf + 4), 1000);
    assert_int_equal (load_be32 (buf + 8), flags);
  }
  client_request (fd, NBD_CMD_BLOCK_STATUS, 0, 0);
  assert_int_equal (client_error (fd), NBD_EINVAL);
  client_request (fd, NBD_CMD_BLOCK_STATUS, 65536, 1);
  assert_int_equal (client_error (fd), NBD_EINVAL);
  close (fd);
}

static void
test_block_status_without_context (void **state)
{
  struct fixture *f = *state;
  int i;

  for (i = 0; i < 2; i++) {
    int fd = client_open (f->path, i == 1, false);

    client_request (fd, NBD_CMD_BLOCK_STATUS, 0, 512);
    assert_int_equal (client_error (fd), NBD_EINVAL);
    close (fd);
  }
}

/* -- the rest -------------------------------------------------------- */

static void
test_unsupported (void **state)
{
  static const uint16_t types[] = {
    NBD_CMD_FLUSH, NBD_CMD_TRIM, NBD_CMD_CACHE, NBD_CMD_WRITE_ZEROES, 8, 999,
    0xffff,
  };
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  size_t i;

  for (i = 0; i < ARRAY_SIZE (types); i++) {
    client_request (fd, types[i], 0, 512);
    assert_int_equal (client_error (fd), NBD_EINVAL);
  }
  assert_int_equal (client_command (fd, FLUSH), 0);
  close (fd);
}

static void
test_bad_magic (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  uint8_t garbage[28] = { 0x25, 0x60, 0x95, 0x14 };

  client_send (fd, garbage, sizeof garbage);
  client_assert_closed (fd);
  close (fd);
}

static void
test_disconnect (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);

  client_request (fd, NBD_CMD_DISC, 0, 0);
  client_assert_closed (fd);
  close (fd);
}

/* Requests sent without waiting are answered in order. */
static void
test_pipeline (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  int i;

  for (i = 0; i < 5; i++) {
    client_write (fd, 0, FLUSH, strlen (FLUSH));
    client_request (fd, NBD_CMD_TRIM, 0, 1);
  }
  for (i = 0; i < 5; i++) {
    assert_int_equal (client_error (fd), 0);
    assert_int_equal (client_error (fd), NBD_EINVAL);
  }
  assert_int_equal (dummies_nr_flush (&f->dummies), 5);
  close (fd);
}

/* -- libnbd ---------------------------------------------------------- */

static int
note_extent (void *opaque, const char *context, uint64_t offset,
             uint32_t *entries, size_t nr_entries, int *error)
{
  uint32_t *flags = opaque;

  (void) error;
  if (strcmp (context, CONTROL_CONTEXT) == 0 && offset == 0 &&
      nr_entries == 2 && entries[0] == 65536)
    *flags = entries[1];
  return 0;
}

static void
test_libnbd (void **state)
{
  static const char bad[] = "{\"execute\": \"fly\"}";
  struct fixture *f = *state;
  struct nbd_handle *nbd = nbd_create ();
  uint32_t flags = 99;
  char buf[65536];

  assert_non_null (nbd);
  set_state_flags (f, CONTROL_STATE_ACTIVE);
  assert_int_equal (nbd_add_meta_context (nbd, CONTROL_CONTEXT), 0);
  assert_int_equal (nbd_connect_unix (nbd, f->path), 0);
  assert_int_equal (nbd_get_size (nbd), 65536);
  assert_int_equal (nbd_is_read_only (nbd), 0);
  assert_int_equal (nbd_can_df (nbd), 1);
  assert_int_equal (nbd_can_multi_conn (nbd), 0);
  assert_int_equal (nbd_can_meta_context (nbd, CONTROL_CONTEXT), 1);
  assert_int_equal (nbd_pwrite (nbd, FLUSH, strlen (FLUSH), 0, 0), 0);
  assert_int_equal (nbd_pwrite (nbd, bad, strlen (bad), 0, 0), -1);
  assert_int_equal (nbd_get_errno (), EINVAL);
  assert_int_equal (nbd_pread (nbd, buf, sizeof buf, 0, 0), 0);
  assert_non_null (strstr (buf, "CommandNotFound"));
  assert_int_equal (nbd_block_status (nbd, 65536, 0,
                                      (nbd_extent_callback) {
                                        .callback = note_extent,
                                        .user_data = &flags,
                                      }, 0), 0);
  assert_int_equal (flags, CONTROL_STATE_ACTIVE);
  assert_int_equal (nbd_shutdown (nbd, 0), 0);
  nbd_close (nbd);
}

#define TEST(name) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_document),
    TEST (test_padding),
    TEST (test_simple_reply),
    TEST (test_snapshot),
    TEST (test_snapshot_elsewhere),
    TEST (test_ranges),
    TEST (test_flags),
    TEST (test_read_only),
    TEST (test_write_elsewhere),
    TEST (test_write_long),
    TEST (test_block_status),
    TEST (test_block_status_without_context),
    TEST (test_unsupported),
    TEST (test_bad_magic),
    TEST (test_disconnect),
    TEST (test_pipeline),
    TEST (test_libnbd),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
