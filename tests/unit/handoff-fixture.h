/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of the handoff share: one over the fake image, and what is
 * to be true of it.  Each function fails the test where something is not.
 */

#ifndef BATON_HANDOFF_FIXTURE_H
#define BATON_HANDOFF_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake-image.h"
#include "handoff.h"

#define PATH "/images/vm1.qcow2"

static inline struct handoff *
new_with (bool read_only, bool hold, bool stale)
{
  const struct handoff_config config = {
    .path = PATH,
    .options = { .opener = &fake.opener },
    .read_only = read_only,
    .hold = hold,
    .stale_for_tests = stale,
  };
  struct error err = ERROR_INIT;
  struct handoff *h;

  fake_reset ();
  if (handoff_new (&config, &h, &err) == -1)
    fail_msg ("handoff_new: %s", err.text);
  fake_log_clear ();
  return h;
}

static inline struct handoff *
new_plain (void)
{
  return new_with (false, false, false);
}

static inline struct handoff *
new_active (void)
{
  struct handoff *h = new_plain ();

  assert_int_equal (handoff_activate (h, NULL), 0);
  fake_log_clear ();
  return h;
}

static inline void
check_state (struct handoff *h, enum handoff_state state)
{
  const bool active = state == HANDOFF_ACTIVE;
  struct handoff_status s;

  handoff_get_status (h, &s);
  assert_string_equal (handoff_state_name (s.state),
                       handoff_state_name (state));
  assert_int_equal (s.in_flight, 0);
  assert_int_equal (s.locked, active);
  assert_int_equal (fake.nr_open_images, active);
  assert_int_equal (fake.nr_open_ios, active);
  assert_int_equal (fake.nr_locks, active);
}

static inline void
check_error (const struct error *err, int errnum, const char *class,
             const char *text)
{
  assert_int_equal (err->errnum, errnum);
  if (class)
    assert_string_equal (err->class, class);
  else
    assert_null (err->class);
  if (!strstr (err->text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err->text);
  /* The path is named, and once. */
  assert_non_null (strstr (err->text, PATH));
  assert_null (strstr (strstr (err->text, PATH) + 1, PATH));
}

static inline void
check_last_error (struct handoff *h, const struct error *err)
{
  struct handoff_status s;

  handoff_get_status (h, &s);
  assert_string_equal (s.last_error, err->text);
}

static inline void
check_phases (struct handoff *h, const char *command, bool ok,
              const char *phases)
{
  struct handoff_status s;
  char buf[256] = "";
  size_t i;

  handoff_get_status (h, &s);
  assert_string_equal (s.last.command, command);
  assert_int_equal (s.last.ok, ok);
  for (i = 0; i < s.last.nr_phases; ++i) {
    if (i)
      strcat (buf, " ");
    strcat (buf, s.last.phases[i].name);
  }
  assert_string_equal (buf, phases);
}

static inline enum admission
ask (struct handoff *h, enum request_kind kind)
{
  struct error err = ERROR_INIT;
  struct image *img = NULL;

  return handoff_admit (h, kind, &img, &err);
}

#endif /* BATON_HANDOFF_FIXTURE_H */
