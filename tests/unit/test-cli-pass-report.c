/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `baton pass` says of each ending, word for word, in the model of
 * cli-world.h: for these lines are all that somebody has at night.
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

#include "cli-world.h"
#include "pass-report.h"

/* A letter per question: what becomes of it; after the last, all is well. */
static enum fate
scripted (struct world *w, const char *execute)
{
  const char *script = w->opaque;

  (void) execute;
  if (w->nr_questions > strlen (script))
    return FATE_OK;
  switch (script[w->nr_questions - 1]) {
  case '.':
    return FATE_OK;
  case 'r':
    return FATE_REFUSED;
  case 'n':
    return FATE_NOT_SENT;
  case 't':
    return FATE_TIMEOUT_AFTER;
  case 'T':
    return FATE_TIMEOUT_BEFORE;
  case 'L':
    return FATE_TIMEOUT_LATE;
  default:
    fail ();
    return FATE_OK;
  }
}

static void
run_world (struct world *w, const char *script, bool locks,
           struct pass_run *run)
{
  world_init (w, locks, scripted, (void *) script);
  pass_run (&w->src.peer, &w->dst.peer, NULL, run);
}

static void
check_failure (const char *script, bool locks, const char *wanted)
{
  struct pass_run run;
  struct world w;
  char *text = NULL;
  size_t len;
  FILE *f = open_memstream (&text, &len);

  assert_non_null (f);
  run_world (&w, script, locks, &run);
  run.pause_us = 1500;          /* as if */
  pass_report_failure (f, &(struct pass_report) { &run, "/a.sock",
                                                  "/b.sock" });
  assert_int_equal (fclose (f), 0);
  assert_string_equal (text, wanted);
  free (text);
  pass_run_clear (&run);
}

static void
test_nothing_changed (void **state)
{
  (void) state;
  check_failure ("n", true,
    "baton: /a.sock: cannot connect\n"
    "baton: nothing was changed: who has the image is NOT KNOWN: /a.sock "
    "does not tell, /b.sock is inactive\n"
    "baton: hint: if the source's process has ended for good: baton activate "
    "/b.sock\n");
  check_failure (".n", true,
    "baton: /b.sock: cannot connect\n"
    "baton: nothing was changed: /a.sock is active and serves the image\n");
  check_failure ("..r", true,
    "baton: /a.sock: flush refused: cannot do that (StaleView)\n"
    "baton: nothing was changed: /a.sock is active and serves the image\n");
  check_failure ("...r", true,
    "baton: /a.sock: inactivate refused: cannot do that (StaleView)\n"
    "baton: nothing was changed: /a.sock is active and serves the image\n");
}

static void
test_rolled_back (void **state)
{
  (void) state;
  check_failure ("....r", true,
    "baton: /b.sock: activate refused: cannot do that (StaleView)\n"
    "baton: rolled back: /a.sock is active again and serves the image, after "
    "a pause of 1.5 ms\n");
  check_failure ("...L", true,
    "baton: /a.sock: no answer in time: whether it was done is not known\n"
    "baton: rolled back: /a.sock is active again and serves the image, after "
    "a pause of 1.5 ms\n"
    "baton: hint: it may yet do what it did not answer; look again with: "
    "baton status /a.sock\n");
}

static void
test_left_open (void **state)
{
  (void) state;
  /* The destination has it, but nobody hears that. */
  check_failure ("....tT.T", true,
    "baton: /b.sock: no answer in time: whether it was done is not known\n"
    "baton: /a.sock: activate refused: cannot do that (LockHeld)\n"
    "baton: who has the image is NOT KNOWN: /a.sock is inactive, /b.sock "
    "does not tell\n"
    "baton: hint: find out with: baton status /a.sock /b.sock; activate one "
    "only when the other is inactive or its process has ended\n");
  check_failure ("....rr", true,
    "baton: /b.sock: activate refused: cannot do that (StaleView)\n"
    "baton: /a.sock: activate refused: cannot do that (StaleView)\n"
    "baton: NEITHER is active: neither /a.sock nor /b.sock serves the "
    "image\n"
    "baton: hint: to finish the hand-over: baton pass /a.sock /b.sock; to "
    "undo it: baton activate /a.sock\n");
}

static void
test_json (void **state)
{
  struct pass_report report = { NULL, "/a.sock", "/b.sock" };
  struct pass_run run;
  struct world w;
  json_t *o;

  (void) state;
  run_world (&w, "", true, &run);
  report.run = &run;
  assert_true (pass_report_ok (&report));
  o = pass_report_json (&report);
  assert_string_equal (field_string (o, "result"), "done");
  assert_string_equal (field_string (o, "owner"), "dst");
  assert_true (json_is_integer (json_object_get (o, "pause-us")));
  assert_int_equal (json_array_size (json_object_get (o, "steps")), 5);
  assert_string_equal (field_string (json_object_get (o, "dst"), "state"),
                       "active");
  assert_null (json_object_get (o, "message"));
  json_decref (o);
  pass_run_clear (&run);
}

static void
test_json_failed (void **state)
{
  struct pass_report report = { NULL, "/a.sock", "/b.sock" };
  struct pass_run run;
  struct world w;
  json_t *o;

  (void) state;
  run_world (&w, "....tT.T", true, &run);
  report.run = &run;
  assert_false (pass_report_ok (&report));
  o = pass_report_json (&report);
  assert_string_equal (field_string (o, "result"), "failed");
  assert_string_equal (field_string (o, "owner"), "unknown");
  assert_true (json_is_null (json_object_get (o, "pause-us")));
  assert_true (json_is_null (json_object_get (o, "dst")));
  assert_int_equal (json_array_size (json_object_get (o, "message")), 4);
  json_decref (o);
  pass_run_clear (&run);
}

/* A timeline with the servers' own phases; times are made up. */
static void
test_timeline (void **state)
{
  struct pass_run run = {
    .pass = { .step = PASS_END, .result = PASS_DONE },
    .nr_records = 5, .paused = true, .pause_us = 3000,
    .records = {
      { PASS_ASK_SRC, 0, { .us = 500 } },
      { PASS_ASK_DST, 500, { .us = 500 } },
      { PASS_FLUSH_SRC, 1000, { .us = 1000 } },
      { PASS_INACTIVATE_SRC, 2000, { .us = 2000, .retried = true } },
      { PASS_ACTIVATE_DST, 4000, { .us = 1000 } },
    },
  };
  char *text = NULL;
  size_t len;
  FILE *f = open_memstream (&text, &len);

  (void) state;
  assert_non_null (f);
  run.src_status = json_loads (
    "{\"last-handover\":{\"command\":\"inactivate\",\"total-us\":1000,"
    "\"phases\":[{\"name\":\"drain\",\"us\":1000}]}}", 0, NULL);
  /* Of an earlier time: longer than what was measured here. */
  run.dst_status = json_loads (
    "{\"last-handover\":{\"command\":\"activate\",\"total-us\":1001,"
    "\"phases\":[{\"name\":\"lock\",\"us\":1}]}}", 0, NULL);
  pass_report_timeline (f, &(struct pass_report) { &run, "/a", "/b" });
  assert_int_equal (fclose (f), 0);
  assert_string_equal (text,
    "  flush source                1000 us  ##########\n"
    "  inactivate source           2000 us            ####################"
    "            asked twice\n"
    "    drain                     1000 us                 ----------\n"
    "  activate destination        1000 us                                "
    "##########\n"
    "  pause                       3000 us            "
    "==============================\n");
  free (text);
  pass_run_clear (&run);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_nothing_changed),
    cmocka_unit_test (test_rolled_back),
    cmocka_unit_test (test_left_open),
    cmocka_unit_test (test_json),
    cmocka_unit_test (test_json_failed),
    cmocka_unit_test (test_timeline),
  };

  return cmocka_run_group_tests_name ("cli-pass-report", tests, NULL, NULL);
}
