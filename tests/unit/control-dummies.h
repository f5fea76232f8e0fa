/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Dummy callbacks of a control endpoint, which a test can look at and hold
 * up.  What they do is chosen by the command's arguments:
 *   flush                          succeeds, returns nothing
 *   inactivate drain-timeout-ms 1  fails with EBUSY, no class
 *   inactivate drain-timeout-ms 2  waits for dummies_release
 *   invalidate                     succeeds with a reply of 70,000 bytes
 *   activate ticket {"fail": N}    fails with errno N, class "Planned"
 *   activate                       returns {"force": ..., "ticket": ...}
 */

#ifndef BATON_TEST_CONTROL_DUMMIES_H
#define BATON_TEST_CONTROL_DUMMIES_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "mutex.h"

/* `lock` protects what follows it. */
struct dummies {
  struct mutex lock;
  struct cond changed;
  int nr_status;                /* calls so far */
  int nr_flush;
  int nr_inactivate;            /* ended */
  int nr_for_good;              /* of these */
  int nr_left;                  /* connections that have ended */
  int nr_waiting;               /* in inactivate now */
  int released;                 /* not 0: they need not wait */
  int state;                    /* flags */
};

/* *N + BY, there and returned. */
static int
dummies_add (struct dummies *d, int *n, int by)
{
  int sum;

  mutex_lock (&d->lock);
  sum = *n += by;
  cond_broadcast (&d->changed);
  mutex_unlock (&d->lock);
  return sum;
}

static json_t *
dummy_status (void *opaque)
{
  struct dummies *d = opaque;

  return json_pack ("{s:s, s:i}", "state", "active",
                    "calls", dummies_add (d, &d->nr_status, 1));
}

static uint32_t
dummy_state_flags (void *opaque)
{
  struct dummies *d = opaque;

  return (uint32_t) dummies_add (d, &d->state, 0);
}

static int
dummy_flush (void *opaque, json_t **ret_reply, struct error *err)
{
  struct dummies *d = opaque;

  (void) ret_reply, (void) err;
  dummies_add (d, &d->nr_flush, 1);
  return 0;
}

static int
dummy_inactivate (void *opaque, uint32_t drain_timeout_ms, bool for_good,
                  json_t **ret_reply, struct error *err)
{
  struct dummies *d = opaque;

  if (drain_timeout_ms == 1)
    return error_set (err, EBUSY, "caf\xe9: requests did not end");
  dummies_add (d, &d->nr_waiting, 1);
  mutex_lock (&d->lock);
  while (drain_timeout_ms == 2 && !d->released)
    cond_wait (&d->changed, &d->lock);
  d->nr_waiting--;
  d->nr_inactivate++;
  d->nr_for_good += for_good;
  cond_broadcast (&d->changed);
  mutex_unlock (&d->lock);
  *ret_reply = json_pack ("{s:I}", "waited", (json_int_t) drain_timeout_ms);
  return 0;
}

static void
dummy_left (void *opaque)
{
  struct dummies *d = opaque;
  dummies_add (d, &d->nr_left, 1);
}

static bool
dummy_is_leaving (void *opaque)
{
  struct dummies *d = opaque;
  return dummies_add (d, &d->nr_for_good, 0) > 0;
}

static int
dummy_invalidate (void *opaque, json_t **ret_reply, struct error *err)
{
  static const size_t len = 70000;
  char *text = malloc (len + 1);

  (void) opaque;
  if (text == NULL)
    return error_set (err, ENOMEM, "text");
  memset (text, 'x', len);
  text[len] = '\0';
  *ret_reply = json_pack ("{s:s}", "text", text);
  free (text);
  return 0;
}

static int
dummy_activate (void *opaque, const json_t *ticket, bool force,
                json_t **ret_reply, struct error *err)
{
  const json_t *fail = json_object_get (ticket, "fail");

  (void) opaque;
  if (fail != NULL)
    return error_set_class (err, (int) json_integer_value (fail), "Planned",
                            "as the ticket says");
  *ret_reply = json_pack ("{s:b, s:O?}", "force", (int) force,
                          "ticket", (json_t *) ticket);
  return 0;
}

static const struct control_callbacks dummy_callbacks = {
  .status = dummy_status,
  .state_flags = dummy_state_flags,
  .flush = dummy_flush,
  .inactivate = dummy_inactivate,
  .invalidate = dummy_invalidate,
  .activate = dummy_activate,
  .is_leaving = dummy_is_leaving,
  .left = dummy_left,
};

/* *N, one of D's numbers, whatever the endpoint's threads do meanwhile. */
static inline int
dummies_get (struct dummies *d, int *n)
{
  return dummies_add (d, n, 0);
}

static inline int
dummies_nr_flush (struct dummies *d) { return dummies_get (d, &d->nr_flush); }

static inline void
dummies_release (struct dummies *d)
{
  dummies_add (d, &d->released, 1);
}

/* Wait until a command waits in the dummy. */
static inline void
dummies_await_command (struct dummies *d)
{
  mutex_lock (&d->lock);
  while (d->nr_waiting == 0)
    cond_wait (&d->changed, &d->lock);
  mutex_unlock (&d->lock);
}

#endif /* BATON_TEST_CONTROL_DUMMIES_H */
