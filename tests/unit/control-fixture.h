/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control endpoint in this process, on a socket in a directory of its
 * own, over the dummies of control-dummies.h.
 */

#ifndef BATON_TEST_CONTROL_FIXTURE_H
#define BATON_TEST_CONTROL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control-dummies.h"
#include "control.h"

#define FIXTURE_DESCRIPTION "control of a test"

struct fixture {
  char dir[64];
  char path[96];
  struct control_listener *listener;
  struct dummies dummies;
};

/* 0, or -1: said on stderr. */
static inline int
fixture_start_timed (struct fixture *f, int64_t handshake_ms, int64_t io_ms)
{
  struct control_config config = {
    .callbacks = &dummy_callbacks,
    .opaque = &f->dummies,
    .description = FIXTURE_DESCRIPTION,
    .handshake_ms = handshake_ms,
    .io_ms = io_ms,
  };
  struct error err = ERROR_INIT;

  memset (f, 0, sizeof *f);
  mutex_init (&f->dummies.lock);
  cond_init (&f->dummies.changed);
  strcpy (f->dir, "/tmp/baton-test-XXXXXX");
  if (mkdtemp (f->dir) == NULL)
    return -1;
  snprintf (f->path, sizeof f->path, "%s/control.sock", f->dir);
  config.path = f->path;
  if (control_listener_new (&config, &f->listener, &err) == 0 &&
      control_listener_start (f->listener, &err) == 0)
    return 0;
  fprintf (stderr, "fixture: %s\n", err.text);
  return -1;
}

static inline int
fixture_start (struct fixture *f)
{
  return fixture_start_timed (f, 20000, 20000);
}

/* May be called when the listener has been freed already (set to NULL). */
static inline void
fixture_stop (struct fixture *f)
{
  dummies_release (&f->dummies);
  control_listener_free (f->listener);
  rmdir (f->dir);
  cond_destroy (&f->dummies.changed);
  mutex_destroy (&f->dummies.lock);
}

#endif /* BATON_TEST_CONTROL_FIXTURE_H */
