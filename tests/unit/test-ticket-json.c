/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ticket as JSON: what is written reads back, and whatever else comes is
 * refused with the name of the member that is wrong.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ticket-json.h"

static struct ticket
sample (bool backing)
{
  struct ticket t = {
    .release = { .uuid = "uuid-of-an-image", .nonce = "nonce-of-release",
                 .epoch = RECORD_MAX_EPOCH },
    .virtual_size = UINT64_C (1) << 62, .file_bytes = 393216,
    .mtime_ns = UINT64_C (1795593726025620497), .has_backing = backing,
  };

  memset (t.digests.header, 0x1f, DIGEST_BYTES);
  memset (t.digests.l1, 0xf1, DIGEST_BYTES);
  memset (t.digests.reftable, 0xa0, DIGEST_BYTES);
  if (backing)
    memset (t.backing, 0x0b, DIGEST_BYTES);
  return t;
}

static void
test_round_trip (void **state)
{
  int backing;

  (void) state;
  for (backing = 0; backing <= 1; backing++) {
    const struct ticket t = sample (backing);
    json_t *json = ticket_json (&t), *again;
    char *text = json_dumps (json, JSON_COMPACT);
    struct ticket back;

    assert_null (strchr (text, '\n'));
    again = json_loads (text, 0, NULL);
    assert_int_equal (ticket_parse (again, &back, NULL), 0);
    assert_memory_equal (&back.release, &t.release, sizeof t.release);
    assert_memory_equal (&back.digests, &t.digests, sizeof t.digests);
    assert_int_equal (back.virtual_size, t.virtual_size);
    assert_int_equal (back.file_bytes, t.file_bytes);
    assert_int_equal (back.mtime_ns, t.mtime_ns);
    assert_int_equal (back.has_backing, backing);
    assert_memory_equal (back.backing, t.backing, DIGEST_BYTES);
    free (text);
    json_decref (json);
    json_decref (again);
  }
}

static void
check_refused (const json_t *json, const char *name)
{
  const struct ticket t = sample (true);
  struct ticket ret = t;
  struct error err = ERROR_INIT;

  assert_int_equal (ticket_parse (json, &ret, &err), -1);
  assert_int_equal (err.errnum, EINVAL);
  assert_string_equal (err.class, "BadTicket");
  if (!strstr (err.text, name))
    fail_msg ("%s is not in: %s", name, err.text);
  assert_memory_equal (&ret, &t, sizeof t);
}

/* In OBJECT, a part of JSON: each member left out, and of other kinds. */
static void
spoil_members (json_t *json, json_t *object)
{
  static const char *const values[] = {
    "null", "true", "-1", "1.5", "\"\"", "\"zz\"", "[]", "{}",
    "\"1F1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f\"",
  };
  json_t *copy = json_deep_copy (object), *value;
  const char *name;
  size_t i;

  json_object_foreach (copy, name, value) {
    json_object_del (object, name);
    check_refused (json, "");
    for (i = 0; i < sizeof values / sizeof values[0]; i++) {
      if (strcmp (name, "backing") == 0 && strcmp (values[i], "null") == 0)
        continue;
      json_object_set_new (object, name,
                           json_loads (values[i], JSON_DECODE_ANY, NULL));
      check_refused (json, json == object ? name : "");
    }
    json_object_set (object, name, value);
  }
  json_object_set_new (object, "more", json_true ());
  check_refused (json, "");
  json_object_del (object, "more");
  json_decref (copy);
}

static void
test_every_member (void **state)
{
  const struct ticket t = sample (true);
  json_t *json = ticket_json (&t);
  struct ticket back;

  (void) state;
  spoil_members (json, json);
  spoil_members (json, json_object_get (json, "digests"));
  assert_int_equal (ticket_parse (json, &back, NULL), 0);
  json_decref (json);
}

/* VALUE, which may be NULL, in the place of the member NAME. */
static void
refuse_with (const char *name, json_t *value, const char *text)
{
  const struct ticket t = sample (false);
  json_t *json = ticket_json (&t);

  if (value)
    json_object_set_new (json, name, value);
  else
    json_object_del (json, name);
  check_refused (json, text);
  json_decref (json);
}

static void
test_values (void **state)
{
  (void) state;
  refuse_with ("epoch", json_integer (0), "not to be used: \"epoch\" is out of "
               "range");
  refuse_with ("epoch", json_integer (INT64_MAX), "\"epoch\" is out of range");
  refuse_with ("epoch", json_real (1), "\"epoch\" is missing or no number");
  refuse_with ("baton-ticket", json_integer (2), "\"baton-ticket\" is a version "
               "that this server does not know");
  refuse_with ("baton-ticket", json_integer (0), "version");
  refuse_with ("more", json_true (), "\"baton-ticket\" comes with other members "
               "than the seven that are known");
  refuse_with ("uuid", json_string ("1f"), "\"uuid\" is missing or not as long "
               "as it should be");
  refuse_with ("uuid", json_string ("1F1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f"),
               "\"uuid\" is not hexadecimal");
  refuse_with ("digests", json_object (), "\"digests\" is missing, or has other "
               "members than four");
  check_refused (NULL, "the ticket is not to be used: \"baton-ticket\"");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_round_trip),
    cmocka_unit_test (test_every_member),
    cmocka_unit_test (test_values),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
