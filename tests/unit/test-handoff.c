/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handoff, one thread at a time: every transition, every failure of every
 * step, what is open and locked afterwards.  Over the fake image.  Requests
 * are in test-handoff-requests.c, threads in test-handoff-threads.c.
 */

#include <config.h>

#include <errno.h>

#include "handoff-fixture.h"

/* -- life ------------------------------------------------------------ */

static void
test_new (void **state)
{
  struct handoff *h = new_plain ();
  struct handoff_status s;

  (void) state;
  check_state (h, HANDOFF_INACTIVE);
  assert_int_equal (handoff_size (h), 1 << 20);
  assert_int_equal (fake.nr_calls[FAKE_OPEN_RO], 1);
  assert_int_equal (fake.nr_calls[FAKE_OPEN_RW], 0);
  assert_int_equal (fake.nr_calls[FAKE_IMAGE_OPEN], 0);
  handoff_get_status (h, &s);
  assert_int_equal (s.cluster_size, 65536);
  assert_string_equal (s.last_error, "");
  assert_null (s.last.command);
  assert_false (s.has_stats);
  handoff_free (h);
  handoff_free (NULL);
}

static int
try_new (struct error *err)
{
  const struct handoff_config config = {
    .path = PATH, .options = { .opener = &fake.opener },
  };
  struct handoff *h = (void *) 1;
  const int r = handoff_new (&config, &h, err);

  assert_ptr_equal (h, (void *) 1);
  assert_int_equal (fake.nr_open_ios, 0);
  return r;
}

static void
test_new_fails (void **state)
{
  struct error err = ERROR_INIT;

  (void) state;
  fake_reset ();
  fake.fail[FAKE_OPEN_RO] = ENOENT;
  assert_int_equal (try_new (&err), -1);
  check_error (&err, ENOENT, NULL, "cannot open " PATH);
  fake_reset ();
  fake.magic = 0;
  assert_int_equal (try_new (&err), -1);
  check_error (&err, EINVAL, NULL, "not a qcow2 image");
}

/* -- activate -------------------------------------------------------- */

static void
test_activate (void **state)
{
  struct handoff *h = new_plain ();
  struct handoff_status s;

  (void) state;
  assert_int_equal (handoff_activate (h, NULL), 0);
  check_state (h, HANDOFF_ACTIVE);
  assert_string_equal (fake_log (), "open-rw lock image-open start");
  check_phases (h, "activate", true, "open lock read verify start swap");
  handoff_get_status (h, &s);
  assert_int_equal (s.nr_activations, 1);
  assert_true (s.has_stats);
  assert_int_equal (s.stats.cache_hits, 42);
  /* Again: success, and nothing is done. */
  fake_log_clear ();
  assert_int_equal (handoff_activate (h, NULL), 0);
  assert_string_equal (fake_log (), "");
  handoff_free (h);
  assert_int_equal (fake.nr_open_ios, 0);
}

static void
test_activate_read_only (void **state)
{
  struct handoff *h = new_with (true, false, false);

  (void) state;
  assert_int_equal (handoff_activate (h, NULL), 0);
  check_state (h, HANDOFF_ACTIVE);
  assert_string_equal (fake_log (), "open-ro lock image-open");
  assert_int_equal (handoff_flush (h, NULL), 0);
  assert_int_equal (handoff_inactivate (h, 0, NULL), 0);
  check_state (h, HANDOFF_INACTIVE);
  assert_string_equal (fake_log (), "open-ro lock image-open "
                       "unlock image-close close-io");
  handoff_free (h);
}

struct step {
  enum fake_call call;
  const char *class;
  const char *phases;
};

static void
fail_activation (struct handoff *h, const struct step *step)
{
  struct error err = ERROR_INIT;

  fake.fail[step->call] = EIO;
  assert_int_equal (handoff_activate (h, &err), -1);
  fake.fail[step->call] = 0;
  check_state (h, HANDOFF_INACTIVE);
  check_error (&err, EIO, step->class, "cannot activate " PATH ": fake");
  check_last_error (h, &err);
  check_phases (h, "activate", false, step->phases);
  /* A caller who does not want to know. */
  fake.fail[step->call] = EIO;
  assert_int_equal (handoff_activate (h, NULL), -1);
  fake.fail[step->call] = 0;
  check_state (h, HANDOFF_INACTIVE);
}

static void
test_activate_fails (void **state)
{
  static const struct step steps[] = {
    { FAKE_OPEN_RW, NULL, "open" },
    { FAKE_LOCK, "LockHeld", "open lock" },
    { FAKE_IMAGE_OPEN, NULL, "open lock read" },
    { FAKE_START, NULL, "open lock read verify start" },
  };
  struct handoff *h = new_plain ();
  struct handoff_status s;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof steps / sizeof steps[0]; ++i)
    fail_activation (h, &steps[i]);
  handoff_get_status (h, &s);
  assert_int_equal (s.nr_activations, 0);
  assert_int_equal (handoff_activate (h, NULL), 0);
  check_state (h, HANDOFF_ACTIVE);
  handoff_free (h);
}

static void
test_activate_other_size (void **state)
{
  struct handoff *h = new_plain ();
  struct error err = ERROR_INIT;

  (void) state;
  fake.virtual_size = 2 << 20;
  handoff_connect (h);
  handoff_connect (h);
  assert_int_equal (handoff_activate (h, &err), -1);
  check_error (&err, ESTALE, "SizeChanged", "is 2097152 bytes now, but 2 "
               "connected clients of this server were told 1048576: ");
  handoff_disconnect (h);
  assert_int_equal (handoff_activate (h, &err), -1);
  check_error (&err, ESTALE, "SizeChanged", "is 2097152 bytes now, but 1 "
               "connected client of this server was told 1048576: ");
  check_state (h, HANDOFF_INACTIVE);
  assert_int_equal (fake.nr_calls[FAKE_START], 0);
  assert_int_equal (handoff_size (h), 1 << 20);
  /* The last one who was told goes. */
  handoff_disconnect (h);
  assert_int_equal (handoff_activate (h, NULL), 0);
  assert_int_equal (handoff_size (h), 2 << 20);
  handoff_free (h);
}

/* -- inactivate ------------------------------------------------------ */

static void
test_inactivate (void **state)
{
  struct handoff *h = new_active ();
  struct handoff_status s;

  (void) state;
  assert_int_equal (handoff_inactivate (h, 100, NULL), 0);
  check_state (h, HANDOFF_INACTIVE);
  /* Durable before the lock is given back. */
  assert_string_equal (fake_log (), "finish unlock image-close close-io");
  check_phases (h, "inactivate", true, "drain flush close");
  handoff_get_status (h, &s);
  assert_int_equal (s.nr_inactivations, 1);
  assert_false (s.has_stats);
  fake_log_clear ();
  assert_int_equal (handoff_inactivate (h, 100, NULL), 0);
  assert_string_equal (fake_log (), "");
  handoff_free (h);
}

/* For good: what comes now waits for the next server, and is never refused. */
static void
test_retire (void **state)
{
  struct handoff *h = new_active ();
  struct error err = ERROR_INIT;
  struct ticket ticket;
  bool has;

  (void) state;
  fake.fail[FAKE_FINISH] = EIO;
  assert_int_equal (handoff_retire (h, 100, &has, &ticket, NULL), -1);
  fake.fail[FAKE_FINISH] = 0;
  check_state (h, HANDOFF_ACTIVE);
  assert_int_equal (ask (h, REQUEST_WRITE), ADMITTED);
  handoff_leave (h);
  fake_log_clear ();
  assert_int_equal (handoff_retire (h, 100, &has, &ticket, NULL), 0);
  assert_string_equal (fake_log (), "finish unlock image-close close-io");
  assert_int_equal (ask (h, REQUEST_WRITE), PARKED);
  assert_int_equal (ask (h, REQUEST_READ), PARKED);
  assert_int_equal (handoff_activate (h, &err), -1);
  check_error (&err, ESHUTDOWN, "WrongState", "about to end");
  assert_int_equal (handoff_inactivate (h, 100, NULL), 0);
  assert_int_equal (handoff_retire (h, 100, &has, &ticket, NULL), 0);
  handoff_free (h);

  h = new_active ();
  assert_int_equal (handoff_inactivate (h, 100, NULL), 0);
  assert_int_equal (handoff_retire (h, 100, &has, &ticket, NULL), 0);
  assert_int_equal (handoff_activate (h, NULL), -1);
  handoff_free (h);
}

static void
test_inactivate_finish_fails (void **state)
{
  struct handoff *h = new_active ();
  struct error err = ERROR_INIT;

  (void) state;
  fake.fail[FAKE_FINISH] = ENOSPC;
  assert_int_equal (handoff_inactivate (h, 0, &err), -1);
  check_error (&err, ENOSPC, NULL, "cannot inactivate " PATH ": fake");
  check_last_error (h, &err);
  check_phases (h, "inactivate", false, "drain flush");
  check_state (h, HANDOFF_ACTIVE);
  assert_int_equal (ask (h, REQUEST_WRITE), ADMITTED);
  handoff_leave (h);
  fake.fail[FAKE_FINISH] = 0;
  assert_int_equal (handoff_inactivate (h, 0, NULL), 0);
  check_state (h, HANDOFF_INACTIVE);
  handoff_free (h);
}

static void
test_inactivate_poisoned (void **state)
{
  struct handoff *h = new_active ();
  struct error err = ERROR_INIT;

  (void) state;
  fake.poisoned = true;
  assert_int_equal (handoff_inactivate (h, 0, &err), -1);
  check_error (&err, EIO, "Poisoned", "an earlier write or sync of it failed, so "
               "what was written since the last successful flush may be lost");
  check_error (&err, EIO, "Poisoned", "activate afresh");
  check_state (h, HANDOFF_ACTIVE);
  assert_int_equal (fake.nr_calls[FAKE_FINISH], 0);
  handoff_free (h);
}

static void
test_inactivate_drain_timeout (void **state)
{
  struct handoff *h = new_active ();
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (ask (h, REQUEST_WRITE), ADMITTED);
  assert_int_equal (handoff_inactivate (h, 20, &err), -1);
  check_error (&err, ETIMEDOUT, "DrainTimeout", "1 request(s)");
  assert_string_equal (fake_log (), "");
  check_phases (h, "inactivate", false, "drain");
  assert_int_equal (ask (h, REQUEST_WRITE), ADMITTED);
  handoff_leave (h);
  handoff_leave (h);
  check_state (h, HANDOFF_ACTIVE);
  assert_int_equal (handoff_inactivate (h, 20, NULL), 0);
  handoff_free (h);
}

/* Each activation reads afresh: no object is used twice. */
static void
test_back_and_forth (void **state)
{
  struct handoff *h = new_plain ();
  struct handoff_status s;
  int i;

  (void) state;
  for (i = 1; i <= 5; ++i) {
    assert_int_equal (handoff_activate (h, NULL), 0);
    check_state (h, HANDOFF_ACTIVE);
    assert_int_equal (fake.nr_calls[FAKE_IMAGE_OPEN], i);
    assert_int_equal (handoff_inactivate (h, 0, NULL), 0);
    check_state (h, HANDOFF_INACTIVE);
  }
  handoff_get_status (h, &s);
  assert_int_equal (s.nr_activations, 5);
  assert_int_equal (s.nr_inactivations, 5);
  handoff_free (h);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_new),
    cmocka_unit_test (test_new_fails),
    cmocka_unit_test (test_activate),
    cmocka_unit_test (test_activate_read_only),
    cmocka_unit_test (test_activate_fails),
    cmocka_unit_test (test_activate_other_size),
    cmocka_unit_test (test_inactivate),
    cmocka_unit_test (test_retire),
    cmocka_unit_test (test_inactivate_finish_fails),
    cmocka_unit_test (test_inactivate_poisoned),
    cmocka_unit_test (test_inactivate_drain_timeout),
    cmocka_unit_test (test_back_and_forth),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
