/* SPDX-License-Identifier: BSD-3-Clause
 *
 * "json:" names, in the forms that QEMU and libvirt write, and in others.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "json-name.h"

#define FILE_X "{\"driver\":\"file\",\"filename\":\"x\"}"
#define QCOW2_X "{\"driver\":\"qcow2\",\"file\":" FILE_X "}"

static void
assert_says (const char *name, const char *format)
{
  struct error err = ERROR_INIT;
  struct file_spec *s;

  if (json_name_parse (name, &s, &err) == -1)
    fail_msg ("%s: %s", name, err.text);
  assert_string_equal (s->path, "x");
  if (format)
    assert_string_equal (s->format, format);
  else
    assert_null (s->format);
  assert_false (s->has_backing);
  file_spec_free (s);
}

static void
test_forms (void **state)
{
  (void) state;
  assert_says ("json:" QCOW2_X, "qcow2");
  assert_says ("json: { \"file\": " FILE_X ", \"driver\" : \"raw\" }", "raw");
  assert_says ("json:{\"driver\":\"raw\",\"file.driver\":\"file\","
               "\"file.filename\":\"x\"}", "raw");
  assert_says ("json:{\"file.filename\":\"x\"}", NULL);
  assert_says ("json:" FILE_X, NULL);
  assert_says ("json:{\"driver\":\"host_device\",\"filename\":\"x\"}", NULL);
  assert_says ("json:{\"file\":{\"driver\":\"file\"},\"file.filename\":\"x\","
               "\"driver\":\"qcow2\"}", "qcow2");
  /* What says how, and not what. */
  assert_says ("json:{\"driver\":\"qcow2\",\"read-only\":true,\"cache.direct\":"
               "true,\"file\":{\"driver\":\"file\",\"filename\":\"x\","
               "\"node-name\":\"libvirt-2-storage\",\"aio\":\"native\"}}",
               "qcow2");
}

static void
test_backing (void **state)
{
  struct error err = ERROR_INIT;
  struct file_spec *s;

  (void) state;
  if (json_name_parse ("json:{\"driver\":\"qcow2\",\"file\":" FILE_X ","
                       "\"backing\":{\"driver\":\"raw\",\"file\":" FILE_X
                       ",\"backing\":null}}", &s, &err) == -1)
    fail_msg ("%s", err.text);
  assert_true (s->has_backing);
  assert_string_equal (s->backing->format, "raw");
  assert_true (s->backing->has_backing);
  assert_null (s->backing->backing);
  file_spec_free (s);
  if (json_name_parse ("json:{\"driver\":\"qcow2\",\"file.filename\":\"x\","
                       "\"backing.file.filename\":\"y\"}", &s, &err) == -1)
    fail_msg ("%s", err.text);
  assert_string_equal (s->backing->path, "y");
  file_spec_free (s);
}

static void
test_refused (void **state)
{
  static const struct { const char *name; int errnum; const char *text; }
  cases[] = {
    { "json:", EINVAL, "not a JSON object" },
    { "json:[]", EINVAL, "not a JSON object" },
    { "json:{\"driver\":\"raw\"", EINVAL, "not a JSON object: " },
    { "json:{}", EINVAL, "it has no \"filename\"" },
    { "json:{\"driver\":\"nbd\",\"host\":\"h\"}", ENOTSUP,
      "driver \"nbd\" is not served, only files are, and raw and qcow2" },
    { "json:{\"driver\":7}", ENOTSUP, "\"?\"" },
    { "json:{\"driver\":\"vmdk\",\"file\":" FILE_X "}", ENOTSUP, "\"vmdk\"" },
    { "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"http\",\"url\":"
      "\"u\"}}", ENOTSUP, "\"http\"" },
    { "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":"
      "\"x\",\"x-check-cache-dropped\":true}}", ENOTSUP, "x-check" },
    { "json:{\"driver\":\"qcow2\",\"file\":\"node\"}", ENOTSUP,
      "\"file\" refers to a node, and there are none here" },
    { "json:{\"driver\":\"qcow2\",\"file\":" FILE_X ",\"backing\":\"node\"}",
      ENOTSUP, "\"backing\" refers to a node, and there are none here" },
    { "json:{\"driver\":\"qcow2\",\"file\":" FILE_X ",\"backing\":{\"driver\":"
      "\"nbd\"}}", ENOTSUP, "\"nbd\"" },
    { "json:{\"driver\":\"raw\",\"file\":" FILE_X ",\"offset\":512}", ENOTSUP,
      "\"offset\"" },
    { "json:{\"driver\":\"qcow2\",\"file\":" FILE_X ",\"data-file\":{}}",
      ENOTSUP, "\"data-file\"" },
    { "json:{\"file.filename\":\"x\",\"file\":\"y\"}", EINVAL, "twice" },
    { "json:{\"a\":1,\"a.b\":2}", EINVAL, "twice" },
    { "json:{\"filename\":\"x\",\"filename\":\"y\"}", EINVAL, "duplicate" },
    { "json:{\"filename\":\"x\\u0000y\"}", EINVAL, "not a JSON" },
    { "json:{\"filename\":\"\"}", EINVAL, "no \"filename\"" },
    { "json:{\"filename\":{}}", EINVAL, "no \"filename\"" },
    { "json:{\"driver\":\"raw\",\"file\":{\"a\":1,\"a.b\":2}}", EINVAL,
      "\"a.b\" is there twice" },
    { "json:{\"driver\":\"raw\",\"file\":" FILE_X ",\"backing\":7}", ENOTSUP,
      "a node" },
    { "json:{\"driver\":null,\"file\":" FILE_X "}", ENOTSUP, "\"?\"" },
    { "json:{\".\":1}", ENOTSUP, "" },
    { "json:{\"driver\":\"qcow2\",\"filename\":\"x\"}", ENOTSUP, "\"qcow2\"" },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct file_spec *s = (struct file_spec *) &cases;
    struct error err = ERROR_INIT;

    if (json_name_parse (cases[i].name, &s, &err) != -1)
      fail_msg ("%s: accepted", cases[i].name);
    assert_ptr_equal (s, &cases);
    if (err.errnum != cases[i].errnum || !strstr (err.text, cases[i].text))
      fail_msg ("%s: %d, %s", cases[i].name, err.errnum, err.text);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_forms),
    cmocka_unit_test (test_backing),
    cmocka_unit_test (test_refused),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
