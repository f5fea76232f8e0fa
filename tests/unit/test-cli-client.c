/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The client against a real control endpoint with dummy callbacks, and
 * against what only looks like one: each outcome, within its deadline.
 */

#include <config.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "client.h"
#include "clock.h"
#include "control-fixture.h"

#define PATIENT_US 10000000
#define SHORT_US 200000

static struct peer *
new_client (const char *path, uint64_t us)
{
  const struct client_deadlines deadlines = { us, us };
  const struct client_tls tls = { NULL, NULL, NULL };
  struct peer *p;

  assert_int_equal (client_new (path, &deadlines, &tls, &p, NULL), 0);
  return p;
}

/* RET_A is cleared first; EXECUTE: NULL asks for the status. */
static void
ask (struct peer *p, const char *execute, json_t *arguments,
     struct answer *ret_a)
{
  answer_clear (ret_a);
  if (execute == NULL)
    p->ops->status (p, ret_a);
  else
    p->ops->command (p, execute, arguments, ret_a);
  json_decref (arguments);
}

static json_t *
drain (int ms)
{
  return json_pack ("{s:i}", "drain-timeout-ms", ms);
}

static void
test_done (void **state)
{
  struct answer a = { .outcome = OUTCOME_LOST };
  struct fixture f;
  struct peer *p;
  uint64_t calls;

  (void) state;
  assert_int_equal (fixture_start (&f), 0);
  p = new_client (f.path, PATIENT_US);
  ask (p, NULL, NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  assert_string_equal (field_string (a.body, "state"), "active");
  assert_true (field_u64 (a.body, "calls", &calls));
  ask (p, "flush", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  assert_int_equal (dummies_nr_flush (&f.dummies), 1);
  ask (p, "inactivate", drain (7), &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  assert_int_equal (json_integer_value (json_object_get (a.body, "waited")),
                    7);
  answer_clear (&a);
  peer_free (p);
  fixture_stop (&f);
}

static void
test_refused (void **state)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  struct fixture f;
  struct peer *p;

  (void) state;
  assert_int_equal (fixture_start (&f), 0);
  p = new_client (f.path, PATIENT_US);
  ask (p, "activate", json_pack ("{s:{s:i}}", "ticket", "fail", ESTALE), &a);
  assert_int_equal (a.outcome, OUTCOME_REFUSED);
  assert_string_equal (a.class, "Planned");
  assert_string_equal (a.errno_name, "ESTALE");
  assert_string_equal (a.text, "as the ticket says");
  ask (p, "inactivate", drain (1), &a);
  assert_int_equal (a.outcome, OUTCOME_REFUSED);
  assert_string_equal (a.class, "GenericError");
  ask (p, "dance", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_REFUSED);
  assert_string_equal (a.class, "CommandNotFound");
  /* A refusal is not the end of a connection. */
  ask (p, "flush", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  answer_clear (&a);
  peer_free (p);
  fixture_stop (&f);
}

/* Done, though its reply is too long to be told. */
static void
test_reply_too_large (void **state)
{
  struct answer a = { .outcome = OUTCOME_LOST };
  struct fixture f;
  struct peer *p;

  (void) state;
  assert_int_equal (fixture_start (&f), 0);
  p = new_client (f.path, PATIENT_US);
  ask (p, "invalidate", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  assert_null (a.body);
  answer_clear (&a);
  peer_free (p);
  fixture_stop (&f);
}

static void
test_timeout (void **state)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  struct fixture f;
  struct peer *p;

  (void) state;
  assert_int_equal (fixture_start (&f), 0);
  p = new_client (f.path, SHORT_US);
  ask (p, "inactivate", drain (2), &a);
  assert_int_equal (a.outcome, OUTCOME_LOST);
  assert_true (a.timed_out);
  assert_string_equal (a.text, "no answer to inactivate within 0.2 s");
  /* The late reply is not taken for the next one's. */
  dummies_release (&f.dummies);
  ask (p, "activate", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  assert_non_null (json_object_get (a.body, "force"));
  answer_clear (&a);
  peer_free (p);
  fixture_stop (&f);
}

/* -- a server that dies -------------------------------------------------- */

/* The path of a server in another process, whose PID is returned. */
static pid_t
fork_server (char path[96])
{
  int fds[2];
  pid_t pid;

  assert_int_equal (pipe (fds), 0);
  pid = fork ();
  assert_true (pid >= 0);
  if (pid == 0) {
    struct fixture f;

    prctl (PR_SET_PDEATHSIG, SIGKILL);  /* whatever becomes of the test */
    if (fixture_start (&f) == -1 || write (fds[1], f.path, 96) != 96)
      _exit (1);
    for (;;)
      pause ();
  }
  assert_int_equal (read (fds[0], path, 96), 96);
  close (fds[0]);
  close (fds[1]);
  return pid;
}

static pid_t
fork_killer (pid_t victim)
{
  const pid_t pid = fork ();

  assert_true (pid >= 0);
  if (pid == 0) {
    usleep (SHORT_US);
    kill (victim, SIGKILL);
    _exit (0);
  }
  return pid;
}

static void
remove_remains (char *path)
{
  unlink (path);
  *strrchr (path, '/') = '\0';
  rmdir (path);
}

static void
test_server_dies (void **state)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  struct peer *p;
  char path[96];
  pid_t server, killer;

  (void) state;
  server = fork_server (path);
  p = new_client (path, PATIENT_US);
  ask (p, "flush", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  killer = fork_killer (server);
  ask (p, "inactivate", drain (2), &a);
  assert_int_equal (a.outcome, OUTCOME_LOST);
  assert_false (a.timed_out);
  assert_int_equal (waitpid (server, NULL, 0), server);
  assert_int_equal (waitpid (killer, NULL, 0), killer);
  ask (p, "activate", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_NOT_SENT);
  assert_non_null (strstr (a.text, "Connection refused (nobody listens"));
  answer_clear (&a);
  peer_free (p);
  remove_remains (path);
}

/* Noticed before anything is sent on the connection that was open. */
static void
test_server_died_idle (void **state)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  struct peer *p;
  char path[96];
  pid_t server;

  (void) state;
  server = fork_server (path);
  p = new_client (path, PATIENT_US);
  ask (p, NULL, NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  kill (server, SIGKILL);
  assert_int_equal (waitpid (server, NULL, 0), server);
  ask (p, "activate", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_NOT_SENT);
  answer_clear (&a);
  peer_free (p);
  remove_remains (path);
}

/* -- what is no server --------------------------------------------------- */

/* Returns the microseconds that it took to find out. */
static uint64_t
check_unreachable (const char *path, const char *text)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  struct peer *p = new_client (path, SHORT_US);
  const uint64_t start_us = clock_us ();
  uint64_t us;

  ask (p, NULL, NULL, &a);
  us = clock_us () - start_us;
  assert_int_equal (a.outcome, OUTCOME_NOT_SENT);
  if (strstr (a.text, text) == NULL)
    fail_msg ("no \"%s\" in \"%s\"", text, a.text);
  assert_true (us < 10 * SHORT_US);
  answer_clear (&a);
  peer_free (p);
  return us;
}

/* Listens and never accepts; there is room for one connection. */
static int
listen_silently (const char *path)
{
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  const int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  assert_true (fd >= 0);
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", path);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (fd, 0), 0);
  return fd;
}

static void
test_unreachable (void **state)
{
  char dir[] = "/tmp/baton-test-XXXXXX", path[64];
  int fd;

  (void) state;
  assert_non_null (mkdtemp (dir));
  snprintf (path, sizeof path, "%s/x.sock", dir);
  check_unreachable (path, "No such file or directory (is the server");
  check_unreachable (dir, "not a socket");
  fd = listen_silently (path);
  check_unreachable (path, "no answer to the connection within 0.2 s");
  /* That connection is in the queue still; others try until they must
   * give up. */
  assert_true (check_unreachable (path, "accepts no connections") >=
               SHORT_US);
  close (fd);
  check_unreachable (path, "Connection refused (nobody listens there");
  unlink (path);
  rmdir (dir);
}

static void
test_uri (void **state)
{
  struct answer a = { .outcome = OUTCOME_LOST };
  struct fixture f;
  struct peer *p;
  char uri[160];

  (void) state;
  assert_int_equal (fixture_start (&f), 0);
  snprintf (uri, sizeof uri, "nbd+unix:///?socket=%s", f.path);
  p = new_client (uri, PATIENT_US);
  ask (p, "flush", NULL, &a);
  assert_int_equal (a.outcome, OUTCOME_DONE);
  answer_clear (&a);
  peer_free (p);
  fixture_stop (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_done),
    cmocka_unit_test (test_refused),
    cmocka_unit_test (test_reply_too_large),
    cmocka_unit_test (test_timeout),
    cmocka_unit_test (test_server_dies),
    cmocka_unit_test (test_server_died_idle),
    cmocka_unit_test (test_unreachable),
    cmocka_unit_test (test_uri),
  };

  signal (SIGPIPE, SIG_IGN);
  return cmocka_run_group_tests_name ("cli-client", tests, NULL, NULL);
}
