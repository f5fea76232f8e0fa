/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of the server: see server.h.
 *
 * nbdkit binds its own sockets after server_start.  When that fails it ends
 * the process without a word to the plugin; so a destructor undoes what was
 * started, unless the process has forked: then another one has it.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "command-line.h"
#include "json-name.h"
#include "server.h"

#define STOP_DRAIN_MS 10000

struct server server = { .parameters = PARAMETERS_INIT, .hint = "" };

/* -- start ----------------------------------------------------------- */

/* For the test of the founding bug; it says so loudly. */
static bool
stale_for_tests (void)
{
  const char *value = getenv ("BATON_TEST_STALE_CACHE");

  if (!value || strcmp (value, "1") != 0)
    return false;
  nbdkit_error ("warning: BATON_TEST_STALE_CACHE=1: this server will serve "
                "stale metadata and destroy the image; for tests only");
  return true;
}

static int
report (const struct error *err)
{
  nbdkit_error ("%s%s", err->text, server.hint);
  return -1;
}

static bool
may_be_handed_over (const struct parameters *p)
{
  return p->control || p->control_listen;
}

static int
new_handoff (struct error *err)
{
  const struct parameters *p = &server.parameters;
  const struct handoff_config config = {
    .path = p->file,
    .options = {
      .opener = &server.opener.base,
      .backing = p->backing,
      .data_file = p->data_file,
      .data_file_path = p->data_file_path,
      .parse_json = json_name_parse,
      .keyring = p->keyring,
      .metadata_cache_bytes = p->metadata_cache_bytes,
      .keep_space = p->keep_space,
      .compress = p->compress,
      .snapshot = p->snapshot,
      .allow_corrupt = p->allow_corrupt,
    },
    .read_only = server.read_only,
    .hold = p->hold,
    .host = p->host,
    .recorded = may_be_handed_over (p),
    .stale_for_tests = stale_for_tests (),
  };

  io_file_opener_init (&server.opener, p->direct, p->locking);
  return handoff_new (&config, &server.handoff, err);
}

static int
activate_at_start (struct error *err)
{
  if (server_activate (NULL, false, err) == 0)
    return 0;
  if (err->class && strcmp (err->class, "HeldElsewhere") == 0)
    server.hint = "; a server started with control= and start=inactive can "
                  "be told so: baton activate --force";
  if (!server.read_only && (err->errnum == EACCES || err->errnum == EROFS))
    server.hint = "; to serve it read-only use nbdkit -r";
  return -1;
}

/* Before a hand-over is tried, not after it went wrong. */
static void
probe_storage (void)
{
  const struct parameters *p = &server.parameters;
  struct error err = ERROR_INIT;

  if (storage_probe (p->file, &server.storage, &err) == -1)
    nbdkit_error ("warning: %s", err.text);
  else if (may_be_handed_over (p) &&
           server.storage.locks == STORAGE_LOCKS_LOCAL)
    nbdkit_error ("warning: %s: locks on this storage (%s) are not seen by "
                  "other hosts: between hosts only the ownership record keeps "
                  "two servers from being active at once", p->file,
                  server.storage.kind);
}

static int
start (struct error *err)
{
  const struct parameters *p = &server.parameters;

  probe_storage ();
  if (new_handoff (err) == -1)
    return -1;
  if (endpoints_new (p, &server.endpoints, err) == -1)
    return -1;
  return p->start_inactive ? 0 : activate_at_start (err);
}

static void
note_fork (void)
{
  server.forked = true;
}

int
server_start (void)
{
  struct error err = ERROR_INIT;
  int r;

  /* A limit on the size of files is an error (EFBIG), not a death. */
  signal (SIGXFSZ, SIG_IGN);
  server.read_only = command_line_is_read_only () ||
    server.parameters.snapshot;
  r = pthread_atfork (NULL, note_fork, note_fork);
  if (r != 0) {
    nbdkit_error ("pthread_atfork: %s", strerror (r));
    return -1;
  }
  if (start (&err) == -1) {
    server_stop ();
    return report (&err);
  }
  return 0;
}

int
server_listen (void)
{
  struct error err = ERROR_INIT;

  server.serving = true;
  keyring_relock (server.parameters.keyring);
  if (endpoints_start (&server.endpoints, &err) == -1)
    return report (&err);
  return 0;
}

/* -- commands -------------------------------------------------------- */

/* locking=auto goes on without locks, but not in silence. */
static void
warn_unlocked (void)
{
  struct handoff_status s;

  handoff_get_status (server.handoff, &s);
  if (!s.locked && server.parameters.locking == LOCKING_AUTO)
    nbdkit_error ("warning: %s: this storage has no locks: nothing keeps "
                  "another program or host from writing to the image at the "
                  "same time", server.parameters.file);
}

/* What is to be told of the image itself, from number FIRST on. */
static void
print_notices (unsigned first)
{
  struct handoff_status s;
  unsigned i;

  handoff_get_status (server.handoff, &s);
  for (i = first; i < s.notices.nr; ++i)
    nbdkit_error ("warning: %s: %s", server.parameters.file,
                  s.notices.text[i]);
}

/* What a log should tell, since nobody may have been asked. */
static void
tell_how (const struct handoff_ownership *o)
{
  const char *file = server.parameters.file;

  if (o->how == OWNERSHIP_RECOVERY)
    nbdkit_error ("note: %s: taken over from a process of this host that "
                  "ended without releasing it", file);
  if (o->how == OWNERSHIP_FORCED)
    nbdkit_error ("warning: %s: taken over by force: the refusal %s was "
                  "overridden", file, o->overridden);
  if (o->changed_since && o->how != OWNERSHIP_FORCED)
    nbdkit_error ("note: %s: another program has had the image open for "
                  "writing since its ownership record was written", file);
}

int
server_activate (const struct ticket *ticket, bool force, struct error *err)
{
  struct handoff_status s;
  bool was_active;

  handoff_get_status (server.handoff, &s);
  was_active = s.state == HANDOFF_ACTIVE;
  if (handoff_take_over (server.handoff, ticket, force, err) == -1)
    return -1;
  if (was_active)
    return 0;
  nbdkit_debug ("activated %s", server.parameters.file);
  handoff_get_status (server.handoff, &s);
  if (s.ownership.has_how)
    tell_how (&s.ownership);
  warn_unlocked ();
  print_notices (0);
  return 0;
}

int
server_inactivate (unsigned drain_timeout_ms, bool for_good, bool *ret_has,
                   struct ticket *ret, struct error *err)
{
  struct handoff_status s;
  int r;

  handoff_get_status (server.handoff, &s);
  r = for_good ? handoff_retire (server.handoff, drain_timeout_ms, ret_has,
                                 ret, err)
               : handoff_release (server.handoff, drain_timeout_ms, ret_has,
                                  ret, err);
  if (r == 0)
    print_notices (s.notices.nr);
  return r;
}

/* -- end ------------------------------------------------------------- */

/* False where requests still run, which need it. */
static bool
stop_handoff (struct handoff *h)
{
  struct error err = ERROR_INIT;
  struct handoff_status s;
  struct ticket ticket;
  bool has;

  if (server_inactivate (STOP_DRAIN_MS, false, &has, &ticket, &err) == -1)
    nbdkit_error ("%s", err.text);
  handoff_get_status (h, &s);
  return s.in_flight == 0;
}

void
server_release (void)
{
  /* A repair may take long, and can be done again. */
  if (server.handoff)
    handoff_interrupt (server.handoff);
  endpoints_free (&server.endpoints);
  if (server.handoff && !server.released)
    server.idle = stop_handoff (server.handoff);
  server.released = true;
}

void
server_stop (void)
{
  server_release ();
  if (!server.handoff || !server.idle)
    return;
  handoff_free (server.handoff);
  server.handoff = NULL;
}

static void __attribute__ ((destructor))
abandon (void)
{
  if (!server.forked && !server.serving)
    server_stop ();
}
