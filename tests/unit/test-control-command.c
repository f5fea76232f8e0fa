/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands of the control endpoint: what reaches a callback, and what the
 * document says afterwards.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command.h"
#include "control-fixture.h"
#include "control-requests.h"
#include "document.h"

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

static void
assert_json (json_t *got, const char *expected)
{
  json_t *e = json_loads (expected, 0, NULL);

  assert_non_null (e);
  assert_true (json_equal (got, e));
  json_decref (e);
}

/* -- success --------------------------------------------------------- */

static void
test_success (void **state)
{
  static const struct { const char *command, *reply; } cases[] = {
    { "{\"execute\":\"flush\"}", "{\"return\":{}}" },
    { "{\"execute\":\"flush\",\"arguments\":{}}", "{\"return\":{}}" },
    { "{\"execute\":\"flush\",\"id\":\"a\"}",
      "{\"return\":{},\"id\":\"a\"}" },
    { "{\"id\":[1,{\"x\":null}],\"execute\":\"flush\"}",
      "{\"return\":{},\"id\":[1,{\"x\":null}]}" },
    { "{\"id\":null,\"execute\":\"flush\"}", "{\"return\":{},\"id\":null}" },
    { "{\"execute\":\"inactivate\"}", "{\"return\":{\"waited\":0}}" },
    { "{\"execute\":\"inactivate\","
      "\"arguments\":{\"drain-timeout-ms\":4294967295}}",
      "{\"return\":{\"waited\":4294967295}}" },
    { "{\"execute\":\"activate\"}",
      "{\"return\":{\"force\":false,\"ticket\":null}}" },
    { "{\"execute\":\"activate\",\"arguments\":{\"force\":true}}",
      "{\"return\":{\"force\":true,\"ticket\":null}}" },
    { "{\"execute\":\"activate\",\"arguments\":"
      "{\"ticket\":{\"a\":[1]},\"force\":false}}",
      "{\"return\":{\"force\":false,\"ticket\":{\"a\":[1]}}}" },
  };
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  size_t i;

  for (i = 0; i < ARRAY_SIZE (cases); i++) {
    json_t *reply;

    assert_int_equal (client_command (fd, cases[i].command), 0);
    reply = client_reply (fd);
    assert_json (reply, cases[i].reply);
    json_decref (reply);
  }
  close (fd);
}

static void
test_status (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  json_t *reply;

  assert_int_equal (client_command (fd, "{\"execute\":\"status\"}"), 0);
  reply = client_reply (fd);
  assert_json (reply, "{\"return\":{\"state\":\"active\",\"calls\":1}}");
  json_decref (reply);
  close (fd);
}

static void
test_padding (void **state)
{
  static const char padded[] = "{\"execute\":\"flush\"} \r\n\t\n\0\0\0\0";
  static char full[65536] = "{\"execute\":\"flush\"}";
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);

  client_write (fd, 0, padded, sizeof padded);
  assert_int_equal (client_error (fd), 0);
  client_write (fd, 0, full, sizeof full);
  assert_int_equal (client_error (fd), 0);
  memset (full + 19, ' ', sizeof full - 19);
  client_write (fd, 0, full, sizeof full);
  assert_int_equal (client_error (fd), 0);
  assert_int_equal (dummies_nr_flush (&f->dummies), 3);
  close (fd);
}

/* Without structured replies there is no context, hence no command; and
 * the reply belongs to the connection that asked. */
static void
test_reply_is_private (void **state)
{
  struct fixture *f = *state;
  int a = client_open (f->path, true, true);
  int b = client_open (f->path, true, true);
  json_t *reply;

  assert_int_equal (client_command (a, "{\"execute\":\"flush\"}"), 0);
  reply = client_reply (b);
  assert_true (json_is_null (reply));
  json_decref (reply);
  close (a);
  close (b);
}

/* -- refusals -------------------------------------------------------- */

static void
test_refusals (void **state)
{
  static const struct { const char *command, *class, *text; } cases[] = {
    { "{\"execute\":\"fly\"}", "CommandNotFound", "\"fly\"" },
    { "{\"execute\":\"\"}", "CommandNotFound", "\"\"" },
    { "{\"execute\":\"Flush\"}", "CommandNotFound", "\"Flush\"" },
    { "{}", "InvalidArguments", "\"execute\"" },
    { "{\"execute\":1}", "InvalidArguments", "\"execute\"" },
    { "[]", "InvalidArguments", "object" },
    { "{\"execute\":\"flush\",\"argument\":{}}", "InvalidArguments",
      "\"argument\" of a command" },
    { "{\"execute\":\"flush\",\"arguments\":[]}", "InvalidArguments",
      "\"arguments\"" },
    { "{\"execute\":\"flush\",\"arguments\":null}", "InvalidArguments",
      "\"arguments\"" },
    { "{\"execute\":\"flush\",\"arguments\":{\"now\":1}}",
      "InvalidArguments", "\"now\" of flush" },
    { "{\"execute\":\"status\",\"arguments\":{\"x\":1}}",
      "InvalidArguments", "\"x\" of status" },
    { "{\"execute\":\"invalidate\",\"arguments\":{\"x\":1}}",
      "InvalidArguments", "\"x\" of invalidate" },
    { "{\"execute\":\"activate\",\"arguments\":{\"frce\":true}}",
      "InvalidArguments", "\"frce\" of activate" },
    { "{\"execute\":\"activate\",\"arguments\":{\"force\":1}}",
      "InvalidArguments", "\"force\"" },
    { "{\"execute\":\"activate\",\"arguments\":{\"force\":null}}",
      "InvalidArguments", "\"force\"" },
    { "{\"execute\":\"activate\",\"arguments\":{\"ticket\":\"x\"}}",
      "InvalidArguments", "\"ticket\"" },
    { "{\"execute\":\"inactivate\",\"arguments\":{\"exit\":1}}",
      "InvalidArguments", "\"exit\" must be true or false" },
    { "{\"execute\":\"inactivate\",\"arguments\":"
      "{\"drain-timeout-ms\":-1}}", "InvalidArguments", "4294967295" },
    { "{\"execute\":\"inactivate\",\"arguments\":"
      "{\"drain-timeout-ms\":4294967296}}", "InvalidArguments", "integer" },
    { "{\"execute\":\"inactivate\",\"arguments\":"
      "{\"drain-timeout-ms\":1.5}}", "InvalidArguments", "integer" },
    { "{\"execute\":\"inactivate\",\"arguments\":"
      "{\"drain-timeout\":1}}", "InvalidArguments", "\"drain-timeout\"" },
    { "", "JSONParse", "empty" },
    { "\n", "JSONParse", "empty" },
    { "{\"execute\":\"flush\"", "JSONParse", "line 1" },
    { "{\"execute\":\"flush\"}}", "JSONParse", "line 1" },
    { "{\"execute\":\"flush\"} {}", "JSONParse", "line 1" },
    { "{\"execute\":\"flush\",\"execute\":\"status\"}", "JSONParse",
      "duplicate" },
    { "{'execute':'flush'}", "JSONParse", "line 1" },
    { "{\"execute\":\"fl\\u0000ush\"}", "JSONParse", "line 1" },
    { "{\"execute\":\"fl\xffush\"}", "JSONParse", "line 1" },
    { "flush", "JSONParse", "line 1" },
    { "{\"execute\":\"flush\",\"id\":1e999}", "JSONParse", "line 1" },
  };
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  size_t i;

  for (i = 0; i < ARRAY_SIZE (cases); i++) {
    assert_int_equal (client_command (fd, cases[i].command), NBD_EINVAL);
    client_assert_refusal (fd, cases[i].class, "EINVAL", cases[i].text);
  }
  assert_int_equal (dummies_nr_flush (&f->dummies), 0);
  assert_int_equal (dummies_get (&f->dummies, &f->dummies.nr_inactivate),
                    0);
  close (fd);
}

/* Whoever is to end after the answer is told when the client has read it and
 * left; it is not waited for for ever. */
static void
test_exit (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);

  assert_int_equal (client_command (fd, "{\"execute\":\"inactivate\","
                                    "\"arguments\":{\"exit\":false}}"), 0);
  assert_int_equal (dummies_get (&f->dummies, &f->dummies.nr_for_good),
                    0);
  assert_int_equal (client_command (fd, "{\"execute\":\"inactivate\","
                                    "\"arguments\":{\"exit\":true}}"), 0);
  assert_int_equal (dummies_get (&f->dummies, &f->dummies.nr_for_good),
                    1);
  assert_int_equal (client_command (fd, "{\"execute\":\"flush\"}"), 0);
  mutex_lock (&f->dummies.lock);
  assert_int_equal (f->dummies.nr_left, 0);
  while (f->dummies.nr_left == 0)
    cond_wait (&f->dummies.changed, &f->dummies.lock);
  mutex_unlock (&f->dummies.lock);
  close (fd);
}

/* A NUL inside is no padding: what follows must not be overlooked. */
static void
test_nul_inside (void **state)
{
  static const char two[] = "{\"execute\":\"flush\"}\0{}";
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);

  client_write (fd, 0, two, sizeof two);
  assert_int_equal (client_error (fd), NBD_EINVAL);
  client_assert_refusal (fd, "JSONParse", "EINVAL", "line 1");
  assert_int_equal (dummies_nr_flush (&f->dummies), 0);
  close (fd);
}

static uint32_t
nested (int fd, size_t depth)
{
  static char text[65536];
  static const char head[] = "{\"execute\":\"activate\",\"arguments\":"
                             "{\"ticket\":{\"[[[[\":";
  size_t n = sizeof head - 1;

  memcpy (text, head, n);
  memset (text + n, '[', depth);
  memset (text + n + depth, ']', depth);
  memcpy (text + n + 2 * depth, "}}}", 4);
  return client_command (fd, text);
}

static void
test_depth (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);

  assert_int_equal (nested (fd, COMMAND_MAX_DEPTH - 3), 0);
  assert_int_equal (nested (fd, COMMAND_MAX_DEPTH - 2), NBD_EINVAL);
  client_assert_refusal (fd, "JSONParse", "EINVAL", "brackets");
  assert_int_equal (nested (fd, 30000), NBD_EINVAL);
  client_assert_refusal (fd, "JSONParse", "EINVAL", "brackets");
  /* Within strings they do not count, escaped quotes or not. */
  assert_int_equal (client_command (fd, "{\"execute\":\"flush\",\"id\":"
                                    "\"\\\\\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                                    "[[[[[[[[[[[[[[[[[\"}"), 0);
  close (fd);
}

static void
test_ids_of_refusals (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  char text[COMMAND_MAX_ID_BYTES + 100] = "{\"execute\":\"fly\",\"id\":\"";
  const size_t head = strlen (text);
  json_t *reply;

  memset (text + head, 'i', COMMAND_MAX_ID_BYTES - 2);
  strcpy (text + head + COMMAND_MAX_ID_BYTES - 2, "\"}");
  assert_int_equal (client_command (fd, text), NBD_EINVAL);
  reply = client_reply (fd);
  assert_int_equal (json_string_length (json_object_get (reply, "id")),
                    COMMAND_MAX_ID_BYTES - 2);
  json_decref (reply);
  strcpy (text + head + COMMAND_MAX_ID_BYTES - 2, "i\"}");
  assert_int_equal (client_command (fd, text), NBD_EINVAL);
  client_assert_refusal (fd, "InvalidArguments", "EINVAL", "\"id\"");
  close (fd);
}

/* -- errors of callbacks --------------------------------------------- */

static void
test_errno (void **state)
{
  static const struct { int errnum; const char *name; uint32_t nbd; }
  cases[] = {
    { EPERM, "EPERM", NBD_EPERM }, { EROFS, "EROFS", NBD_EPERM },
    { EIO, "EIO", NBD_EIO }, { ENOMEM, "ENOMEM", NBD_ENOMEM },
    { ENOSPC, "ENOSPC", NBD_ENOSPC }, { EDQUOT, "EDQUOT", NBD_ENOSPC },
    { ESHUTDOWN, "ESHUTDOWN", NBD_ESHUTDOWN },
    { ENOTSUP, "ENOTSUP", NBD_ENOTSUP }, { EBUSY, "EBUSY", NBD_EINVAL },
    { EAGAIN, "EAGAIN", NBD_EINVAL }, { ETIMEDOUT, "ETIMEDOUT", NBD_EINVAL },
    { ESTALE, "ESTALE", NBD_EINVAL }, { 99999, "EINVAL", NBD_EINVAL },
  };
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  size_t i;

  for (i = 0; i < ARRAY_SIZE (cases); i++) {
    char text[128];

    snprintf (text, sizeof text, "{\"execute\":\"activate\",\"arguments\":"
              "{\"ticket\":{\"fail\":%d}}}", cases[i].errnum);
    assert_int_equal (client_command (fd, text), cases[i].nbd);
    client_assert_refusal (fd, "Planned", cases[i].name, "as the ticket");
  }
  close (fd);
}

/* No class, and a text that is not UTF-8. */
static void
test_generic_error (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);

  assert_int_equal (client_command (fd, "{\"execute\":\"inactivate\","
                                    "\"arguments\":{\"drain-timeout-ms\":1}"
                                    "}"), NBD_EINVAL);
  client_assert_refusal (fd, "GenericError", "EBUSY",
                         "caf?: requests did not end");
  close (fd);
}

/* -- the document's limit -------------------------------------------- */

static void
test_too_large (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true);
  json_t *reply;

  assert_int_equal (client_command (fd, "{\"execute\":\"invalidate\","
                                    "\"id\":5}"), 0);
  client_assert_refusal (fd, "TooLarge", "EOVERFLOW", "succeeded");
  reply = client_reply (fd);
  assert_int_equal (json_integer_value (json_object_get (reply, "id")), 5);
  json_decref (reply);
  close (fd);
}

static void
test_render_limits (void **state)
{
  static uint8_t buf[CONTROL_EXPORT_BYTES];
  char *text = malloc (70000);
  size_t len;

  (void) state;
  assert_non_null (text);
  for (len = 65400; len < 65600; len++) {
    json_t *status, *doc;

    memset (text, 's', len);
    text[len] = '\0';
    status = json_string (text);
    memset (buf, 0xff, sizeof buf);
    document_render (status, NULL, buf);
    assert_int_equal (buf[sizeof buf - 1], 0);
    doc = json_loads ((char *) buf, 0, NULL);
    assert_non_null (doc);
    /* Either whole, or gone and said so. */
    assert_int_equal (json_is_string (json_object_get (doc, "status")),
                      json_is_null (json_object_get (doc, "reply")));
    json_decref (doc);
    json_decref (status);
  }
  free (text);
}

#define TEST(name) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_success),
    TEST (test_status),
    TEST (test_padding),
    TEST (test_reply_is_private),
    TEST (test_refusals),
    TEST (test_exit),
    TEST (test_nul_inside),
    TEST (test_depth),
    TEST (test_ids_of_refusals),
    TEST (test_errno),
    TEST (test_generic_error),
    TEST (test_too_large),
    cmocka_unit_test (test_render_limits),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
