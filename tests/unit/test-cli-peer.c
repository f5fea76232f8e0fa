/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Asking twice where a connection was lost, what that makes of the outcome,
 * and how it is told; and what an endpoint may look like.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "endpoint.h"
#include "peer.h"
#include "report.h"

/* -- a peer with two answers in stock ----------------------------------- */

struct stock {
  struct peer peer;
  const struct answer *answers;
  unsigned nr_asked;
};

static void
stock_status (struct peer *p, struct answer *ret)
{
  struct stock *s = (struct stock *) p;

  assert_true (s->nr_asked < 2);
  *ret = s->answers[s->nr_asked++];
}

static void
stock_command (struct peer *p, const char *execute, const json_t *arguments,
               struct answer *ret)
{
  assert_string_equal (execute, "activate");
  assert_null (arguments);
  stock_status (p, ret);
}

static void
stock_free (struct peer *p)
{
  (void) p;
}

static void
ask (const struct answer answers[2], unsigned nr_expected, struct answer *ret)
{
  static const struct peer_ops ops = { stock_status, stock_command,
                                       stock_free };
  struct stock s = { { &ops, "/x" }, answers, 0 };

  memset (ret, 0, sizeof *ret);
  peer_command (&s.peer, "activate", NULL, ret);
  assert_int_equal (s.nr_asked, nr_expected);
  s.nr_asked = 0;
  peer_status (&s.peer, ret);
  assert_int_equal (s.nr_asked, nr_expected);
  peer_free (&s.peer);
}

static void
test_asked_once (void **state)
{
  static const struct answer answers[][2] = {
    { { .outcome = OUTCOME_DONE } },
    { { .outcome = OUTCOME_REFUSED } },
    { { .outcome = OUTCOME_NOT_SENT } },
    /* It would only queue up behind the first. */
    { { .outcome = OUTCOME_LOST, .timed_out = true } },
  };
  struct answer a;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    ask (answers[i], 1, &a);
    assert_int_equal (a.outcome, answers[i][0].outcome);
    assert_false (a.retried);
  }
}

static void
test_asked_twice (void **state)
{
  static const enum outcome outcomes[][2] = {
    { OUTCOME_DONE, OUTCOME_DONE },
    { OUTCOME_REFUSED, OUTCOME_REFUSED },
    { OUTCOME_LOST, OUTCOME_LOST },
    { OUTCOME_NOT_SENT, OUTCOME_LOST }, /* the first may have arrived */
  };
  struct answer a;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    const struct answer answers[2] = {
      { .outcome = OUTCOME_LOST, .text = "first" },
      { .outcome = outcomes[i][0], .text = "second", .hint = "hint" },
    };

    ask (answers, 2, &a);
    assert_int_equal (a.outcome, outcomes[i][1]);
    assert_true (a.retried);
    if (outcomes[i][0] == OUTCOME_NOT_SENT) {
      assert_string_equal (a.text, "first; then: second");
      assert_string_equal (a.hint, "");
    }
  }
}

/* -- telling ------------------------------------------------------------ */

static void
check_told (const struct answer *a, const char *command, const char *wanted)
{
  char *text = NULL;
  size_t len;
  FILE *f = open_memstream (&text, &len);

  assert_non_null (f);
  report_failure (f, "/x y", command, a);
  assert_int_equal (fclose (f), 0);
  assert_string_equal (text, wanted);
  free (text);
}

static void
test_failures (void **state)
{
  const struct answer refused = {
    .outcome = OUTCOME_REFUSED, .class = "LockHeld", .text = "in use\n\033",
  };
  const struct answer generic = {
    .outcome = OUTCOME_REFUSED, .class = "GenericError", .text = "no",
  };
  const struct answer not_sent = {
    .outcome = OUTCOME_NOT_SENT, .text = "cannot connect", .hint = "start it",
  };
  const struct answer lost = { .outcome = OUTCOME_LOST, .text = "no answer" };

  (void) state;
  check_told (&refused, "activate",
              "baton: /x y: activate refused: in use?? (LockHeld)\n");
  check_told (&generic, "flush", "baton: /x y: flush refused: no\n");
  check_told (&not_sent, "flush", "baton: /x y: cannot connect\n"
                                  "baton: hint: start it\n");
  check_told (&lost, "status", "baton: /x y: no answer\n");
  check_told (&lost, "inactivate",
              "baton: /x y: no answer: whether it was done is not known\n"
              "baton: hint: find out with: baton status '/x y'; inactivate "
              "may be asked for again\n");
}

static void
test_json (void **state)
{
  const struct answer a = {
    .outcome = OUTCOME_LOST, .us = 7, .class = "C", .text = "t",
  };
  json_t *json = report_json ("/x", "flush", &a);
  char *text = json_dumps (json, JSON_SORT_KEYS | JSON_COMPACT);

  (void) state;
  assert_string_equal (text, "{\"command\":\"flush\",\"endpoint\":\"/x\","
                       "\"error\":{\"class\":\"C\",\"desc\":\"t\"},"
                       "\"result\":\"unknown\",\"retried\":false,\"us\":7}");
  free (text);
  json_decref (json);
}

/* -- endpoints ---------------------------------------------------------- */

static void
test_endpoints (void **state)
{
  static const struct {
    const char *text;
    int errnum;                 /* 0: good */
    bool is_uri;
  } cases[] = {
    { "/run/baton/vm1.sock", 0, false },
    { "vm1.sock", 0, false },
    { "./a://b", 0, false },    /* a path, where somebody insists */
    { "nbd://host", 0, true },
    { "nbds://host:10810/", 0, true },
    { "nbd+unix:///?socket=/run/x", 0, true },
    { "nbds+unix:///?socket=/run/x", 0, true },
    { "nbd+vsock://2/", 0, true },
    { "nbd+unix:///", EINVAL, true },
    { "http://host/", EINVAL, true },
    { "nb://host/", EINVAL, true },
    { "nbd+unixx:///?socket=a", EINVAL, true },
    { "", EINVAL, false },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct endpoint e = { .text = NULL };
    struct error err = ERROR_INIT;
    const int r = endpoint_parse (cases[i].text, &e, &err);

    assert_int_equal (r, cases[i].errnum == 0 ? 0 : -1);
    assert_int_equal (err.errnum, cases[i].errnum);
    if (r == 0) {
      assert_int_equal (e.is_uri, cases[i].is_uri);
      assert_ptr_equal (e.text, cases[i].text);
    }
  }
}

static void
test_long_path (void **state)
{
  struct error err = ERROR_INIT;
  struct endpoint e;
  char path[109];

  (void) state;
  memset (path, 'x', sizeof path);
  path[107] = '\0';
  assert_int_equal (endpoint_parse (path, &e, NULL), 0);
  path[107] = 'x';
  path[108] = '\0';
  assert_int_equal (endpoint_parse (path, &e, &err), -1);
  assert_int_equal (err.errnum, ENAMETOOLONG);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_asked_once),
    cmocka_unit_test (test_asked_twice),
    cmocka_unit_test (test_failures),
    cmocka_unit_test (test_json),
    cmocka_unit_test (test_endpoints),
    cmocka_unit_test (test_long_path),
  };

  return cmocka_run_group_tests_name ("cli-peer", tests, NULL, NULL);
}
