/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rendering: numbers, words, timelines, and a status whatever it lacks or
 * has too much of.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"
#include "status-text.h"

/* What was printed between begin and take. */
static char *text;
static size_t text_len;
static FILE *out;

static void
begin (void)
{
  out = open_memstream (&text, &text_len);
  assert_non_null (out);
}

/* Compare, and free. */
static void
take (const char *wanted)
{
  assert_int_equal (fclose (out), 0);
  assert_string_equal (text, wanted);
  free (text);
}

static void
take_containing (const char *wanted)
{
  assert_int_equal (fclose (out), 0);
  if (strstr (text, wanted) == NULL)
    fail_msg ("no \"%s\" in:\n%s", wanted, text);
  free (text);
}

static void
test_numbers (void **state)
{
  static const struct {
    uint64_t n;
    const char *size, *us;
  } cases[] = {
    { 0, "0 B", "0 us" },
    { 999, "999 B", "999 us" },
    { 1024, "1 KiB", "1.02 ms" },
    { 1536, "1.5 KiB", "1.54 ms" },
    { 1234567, "1.177 MiB", "1.23 s" },
    { UINT64_C (20) << 30, "20 GiB", "21474.84 s" },
    { UINT64_MAX, "16 EiB", "18446744073709.55 s" },
  };
  char buf[OUTPUT_NUMBER_BYTES];
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    output_size (cases[i].n, buf);
    assert_string_equal (buf, cases[i].size);
    output_us (cases[i].n, buf);
    assert_string_equal (buf, cases[i].us);
  }
}

/* A server must not be able to steer a terminal. */
static void
test_clean (void **state)
{
  (void) state;
  begin ();
  output_clean (out, "a\033[31mb\nc\x7f" "d\xc2\x9b" "e \xc3\xa9");
  take ("a?[31mb?c?d?e \xc3\xa9");
}

static void
test_word (void **state)
{
  static const char *const cases[][2] = {
    { "/run/baton/vm1.sock", "/run/baton/vm1.sock" },
    { "nbds://h:10810/?a=b&c=d", "'nbds://h:10810/?a=b&c=d'" },
    { "it's", "'it'\\''s'" },
    { "", "''" },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    begin ();
    output_word (out, cases[i][0]);
    take (cases[i][1]);
  }
}

static void
test_timeline (void **state)
{
  static const struct output_row rows[] = {
    { 0, "first", NULL, '#', 0, 250 },
    { 1, "inner", NULL, '-', 100, 100 },
    { 0, "second", "refused", '#', 250, 750 },
    { 0, "tiny", NULL, '#', 1000, 0 },
  };

  (void) state;
  begin ();
  output_timeline (out, rows, 4);
  take ("  first                        250 us  ##########\n"
        "    inner                      100 us      ----\n"
        "  second                       750 us            "
        "##############################  refused\n"
        "  tiny                           0 us  "
        "                                       #\n");
}

/* Phases that no clock can have measured. */
static void
test_absurd_phases (void **state)
{
  json_t *handover = json_loads (
    "{\"phases\":[{\"name\":\"a\",\"us\":9223372036854775807},"
    "{\"name\":\"b\",\"us\":9223372036854775807},{\"us\":1},"
    "{\"name\":\"c\",\"us\":-1},7,{\"name\":\"d\",\"us\":5}]}", 0, NULL);
  struct output_row rows[3];

  (void) state;
  assert_non_null (handover);
  assert_int_equal (output_phases (handover, 1, 10, rows, 3), 3);
  assert_string_equal (rows[2].name, "d");
  assert_true (rows[1].start_us < UINT64_C (1) << 62);
  begin ();
  output_timeline (out, rows, 3);
  take_containing ("    d                            5 us  ");
  assert_int_equal (output_phases (handover, 1, 10, rows, 2), 2);
  assert_int_equal (output_phases (NULL, 1, 10, rows, 3), 0);
  json_decref (handover);
}

static void
print_status (const char *json)
{
  json_t *status = json_loads (json, JSON_DECODE_ANY, NULL);

  assert_non_null (status);
  begin ();
  status_text (out, status);
  json_decref (status);
}

static void
test_status (void **state)
{
  (void) state;
  print_status (
    "{\"image\":\"/srv/a.qcow2\",\"host\":\"h1\",\"pid\":42,"
    "\"state\":\"active\",\"read-only\":false,\"while-inactive\":\"hold\","
    "\"locked\":true,\"virtual-size\":21474836480,\"cluster-size\":65536,"
    "\"in-flight\":3,\"parked\":0,\"activations\":1,\"inactivations\":0,"
    "\"poisoned\":false,\"last-error\":null,"
    "\"cache\":{\"bytes\":1048576,\"budget-bytes\":2097152,\"hits\":3,"
    "\"misses\":1},\"io\":{\"syncs\":2,\"metadata-writes\":9},"
    "\"clusters\":{\"reserved\":4,\"quarantined\":0},"
    "\"last-handover\":{\"command\":\"activate\",\"ok\":true,"
    "\"total-us\":1500,\"phases\":[{\"name\":\"lock\",\"us\":500},"
    "{\"name\":\"open\",\"us\":1000}]},\"epoch\":7}");
  take ("image            /srv/a.qcow2\n"
        "state            active (read-write)\n"
        "virtual size     20 GiB, clusters of 64 KiB\n"
        "host             h1, process 42\n"
        "image lock       held\n"
        "requests         3 in flight\n"
        "since start      activated 1x, inactivated 0x\n"
        "metadata cache   1 MiB of 2 MiB, 75.0 % hits (1 misses)\n"
        "metadata I/O     9 writes, 2 syncs\n"
        "clusters         4 reserved ahead, 0 waiting for reuse\n"
        "epoch            7\n"
        "last hand-over   activate took 1.5 ms\n"
        "  lock                         500 us  -------------\n"
        "  open                        1000 us               "
        "---------------------------\n");
}

/* What must not be overlooked at night. */
static void
test_status_alarms (void **state)
{
  (void) state;
  print_status ("{\"state\":\"active\",\"locked\":false}");
  take_containing ("image lock       NOT HELD");
  print_status ("{\"state\":\"active\",\"poisoned\":true}");
  take_containing ("POISONED         ");
  print_status ("{\"last-error\":\"cannot sync: I/O error\"}");
  take_containing ("last error       cannot sync: I/O error\n");
  print_status ("{\"last-handover\":{\"command\":\"activate\","
                "\"ok\":false,\"total-us\":7}}");
  take_containing ("last hand-over   activate FAILED after 7 us\n");
  print_status ("{\"state\":\"inactive\",\"while-inactive\":\"reject\"}");
  take_containing ("state            inactive (read-write; requests: "
                   "reject)\n");
  print_status ("{\"in-flight\":0,\"parked\":2}");
  take_containing ("requests         0 in flight, 2 parked\n");
}

/* Of another version, or of something else. */
static void
test_status_odd (void **state)
{
  static const char *const cases[] = {
    "{}", "[]", "7", "{\"state\":7,\"cache\":[],\"io\":\"x\"}",
    "{\"last-handover\":{\"phases\":{}}}", "{\"pid\":-1,\"host\":{}}",
    "{\"virtual-size\":1e300,\"in-flight\":null,\"clusters\":null}",
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    print_status (cases[i]);
    take_containing ("state            unknown (the server does not say)");
  }
  print_status ("{\"new\":{\"thing\":\"\\u009b\"}}");
  take_containing ("new              {\"thing\": \"?\"}\n");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_numbers),
    cmocka_unit_test (test_clean),
    cmocka_unit_test (test_word),
    cmocka_unit_test (test_timeline),
    cmocka_unit_test (test_absurd_phases),
    cmocka_unit_test (test_status),
    cmocka_unit_test (test_status_alarms),
    cmocka_unit_test (test_status_odd),
  };

  return cmocka_run_group_tests_name ("cli-output", tests, NULL, NULL);
}
