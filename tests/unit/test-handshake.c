/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The negotiation of the control endpoint: which option gets which answer.
 * Every test has an endpoint of its own.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control-fixture.h"
#include "control-options.h"
#include "handshake.h"

#define ARRAY_SIZE(a) (sizeof (a) / sizeof (a)[0])

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

/* -- one option, one answer ------------------------------------------ */

static void
test_answers (void **state)
{
  static const struct {
    uint32_t option;
    const char *data;
    uint32_t len;
    uint32_t type;
    int others;
  } cases[] = {
    { NBD_OPT_LIST, NULL, 0, NBD_REP_ACK, 1 },
    { NBD_OPT_LIST, "x", 1, NBD_REP_ERR_INVALID, 0 },
    { NBD_OPT_STARTTLS, NULL, 0, NBD_REP_ERR_UNSUP, 0 },
    { NBD_OPT_STARTTLS, "x", 1, NBD_REP_ERR_INVALID, 0 },
    { 4, NULL, 0, NBD_REP_ERR_UNSUP, 0 },
    { 11, NULL, 0, NBD_REP_ERR_UNSUP, 0 },
    { 0xffffffff, "garbage", 7, NBD_REP_ERR_UNSUP, 0 },
    { NBD_OPT_INFO, "\0\0\0\0\0\0", 6, NBD_REP_ACK, 1 },
    { NBD_OPT_INFO, "\0\0\0\0\0\3\0\1\0\2\0\3", 12, NBD_REP_ACK, 4 },
    { NBD_OPT_INFO, "\0\0\0\0\0\1\0\x63", 8, NBD_REP_ACK, 1 },
    { NBD_OPT_INFO, "\0\0\0\0\0\1", 6, NBD_REP_ERR_INVALID, 0 },
    { NBD_OPT_INFO, "\0\0\0\1x\0\0", 7, NBD_REP_ERR_UNKNOWN, 0 },
    { NBD_OPT_GO, "\0\0\0\1x\0\0", 7, NBD_REP_ERR_UNKNOWN, 0 },
    { NBD_OPT_GO, "", 0, NBD_REP_ERR_INVALID, 0 },
    /* Before structured replies: */
    { NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\0", 8, NBD_REP_ERR_INVALID,
      0 },
    { NBD_OPT_LIST_META_CONTEXT, "\0\0\0\0\0\0\0\0", 8, NBD_REP_ACK, 1 },
    { NBD_OPT_STRUCTURED_REPLY, "x", 1, NBD_REP_ERR_INVALID, 0 },
    { NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK, 0 },
    /* After: */
    { NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\0", 8, NBD_REP_ACK, 0 },
    { NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\2ab", 14,
      NBD_REP_ERR_INVALID, 0 },
    { NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\2a:", 14,
      NBD_REP_ACK, 0 },
    { NBD_OPT_SET_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\x8x-baton:", 20,
      NBD_REP_ACK, 0 },
    { NBD_OPT_LIST_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\x8x-baton:", 20,
      NBD_REP_ACK, 1 },
    { NBD_OPT_LIST_META_CONTEXT, "\0\0\0\0\0\0\0\1\0\0\0\2a:", 14,
      NBD_REP_ACK, 0 },
    { NBD_OPT_LIST_META_CONTEXT, "\0\0\0\1x\0\0\0\0", 9,
      NBD_REP_ERR_UNKNOWN, 0 },
    { NBD_OPT_LIST_META_CONTEXT, "\0\0\0\0\0\0\0\1", 8, NBD_REP_ERR_INVALID,
      0 },
  };
  struct fixture *f = *state;
  int fd = client_start (f->path);
  size_t i;

  for (i = 0; i < ARRAY_SIZE (cases); i++) {
    int others;

    assert_int_equal (client_ask (fd, cases[i].option, cases[i].data,
                                  cases[i].len, &others), cases[i].type);
    assert_int_equal (others, cases[i].others);
  }
  client_go (fd);
  close (fd);
}

static void
test_list_describes (void **state)
{
  struct fixture *f = *state;
  int fd = client_start (f->path);
  static uint8_t buf[BUF_BYTES];
  uint32_t len;

  client_option (fd, NBD_OPT_LIST, NULL, 0);
  assert_int_equal (client_option_reply (fd, NBD_OPT_LIST, buf, &len),
                    NBD_REP_SERVER);
  assert_int_equal (len, 4 + strlen (FIXTURE_DESCRIPTION));
  assert_memory_equal (buf, "\0\0\0\0" FIXTURE_DESCRIPTION, len);
  close (fd);
}

static void
test_abort (void **state)
{
  struct fixture *f = *state;
  int fd = client_start (f->path), others;

  assert_int_equal (client_ask (fd, NBD_OPT_ABORT, "x", 1, &others),
                    NBD_REP_ACK);
  client_assert_closed (fd);
  close (fd);
}

/* -- the context ----------------------------------------------------- */

static uint32_t
set_context (int fd, const char *name, const char *query)
{
  uint8_t buf[256];
  uint32_t len = client_meta (buf, name, query);
  int others;

  return client_ask (fd, NBD_OPT_SET_META_CONTEXT, buf, len, &others);
}

/* What the export is after this: read-only or not. */
static void
finish (int fd, bool read_only)
{
  uint16_t flags = client_go (fd);

  assert_int_equal ((flags & NBD_FLAG_READ_ONLY) != 0, read_only);
  assert_int_not_equal (flags & NBD_FLAG_HAS_FLAGS, 0);
  close (fd);
}

static int
start_structured (const struct fixture *f)
{
  int fd = client_start (f->path);

  client_negotiate (fd, true, false);
  return fd;
}

static void
test_context_selected (void **state)
{
  int fd = start_structured (*state);

  assert_int_equal (set_context (fd, "", CONTROL_CONTEXT), NBD_REP_ACK);
  finish (fd, false);
}

static void
test_context_not_selected (void **state)
{
  struct fixture *f = *state;

  finish (start_structured (f), true);
  finish (client_start (f->path), true);
}

/* "replaces all previously-set metadata contexts (including when this
 * command fails)". */
static void
test_context_replaced (void **state)
{
  static uint8_t huge[HANDSHAKE_MAX_OPTION_BYTES + 1];
  struct fixture *f = *state;
  int fd, others, i;

  for (i = 0; i < 4; i++) {
    fd = start_structured (f);
    assert_int_equal (set_context (fd, "", CONTROL_CONTEXT), NBD_REP_ACK);
    switch (i) {
    case 0: set_context (fd, "", "x-baton:other"); break;
    case 1: set_context (fd, "other", CONTROL_CONTEXT); break;
    case 2: set_context (fd, "", "no colon"); break;
    default:
      client_ask (fd, NBD_OPT_SET_META_CONTEXT, huge, sizeof huge, &others);
      break;
    }
    finish (fd, true);
  }
}

/* Bound to "", so GO to another export has nothing of it, and fails. */
static void
test_context_of_another_export (void **state)
{
  int fd = start_structured (*state), others;

  assert_int_equal (set_context (fd, "other", CONTROL_CONTEXT),
                    NBD_REP_ERR_UNKNOWN);
  assert_int_equal (client_ask (fd, NBD_OPT_GO, "\0\0\0\5other\0\0", 11,
                                &others), NBD_REP_ERR_UNKNOWN);
  finish (fd, true);
}

/* -- EXPORT_NAME ----------------------------------------------------- */

static void
test_export_name (void **state)
{
  struct fixture *f = *state;
  uint8_t buf[10 + 124];
  size_t i;
  int fd;

  fd = client_start (f->path);
  client_option (fd, NBD_OPT_EXPORT_NAME, NULL, 0);
  assert_true (client_recv (fd, buf, 10));
  assert_memory_equal (buf, "\0\0\0\0\0\1\0\0\0\3", 10);
  close (fd);

  fd = client_connect (f->path);        /* neither flag */
  client_greet (fd, 0);
  client_option (fd, NBD_OPT_EXPORT_NAME, NULL, 0);
  assert_true (client_recv (fd, buf, sizeof buf));
  for (i = 10; i < sizeof buf; i++)
    assert_int_equal (buf[i], 0);
  close (fd);
}

#define TEST(name) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_answers),
    TEST (test_list_describes),
    TEST (test_abort),
    TEST (test_context_selected),
    TEST (test_context_not_selected),
    TEST (test_context_replaced),
    TEST (test_context_of_another_export),
    TEST (test_export_name),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
