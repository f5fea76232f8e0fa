/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Waiting for admission: see hold.h.
 *
 * A parked request sleeps in slices of nbdkit_nanosleep, which wakes when the
 * client hangs up or the server quits: a wait on a condition would keep both
 * from happening.  Slices are short at first, because a hand-over is, and
 * shorter while an activation is under way.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "hold.h"
#include "server.h"

#define SHORT_SLICE_NS 1000000u
#define LONG_SLICE_NS 3000000u
#define ACTIVATING_SLICE_NS 300000u
#define SHORT_UNTIL_MS 200

static uint64_t
now_ms (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static int
give_up (struct client *client)
{
  const bool hung_up = client_hang_up (client);

  nbdkit_error ("%s: not activated within hold-timeout=%u seconds%s",
                server.parameters.file,
                server.parameters.hold_timeout_seconds,
                hung_up ? ": the client's connections are closed" : "");
  nbdkit_set_error (ESHUTDOWN);
  return -1;
}

/* Nobody gets the answer. */
static int
end_unheard (void)
{
  nbdkit_set_error (ESHUTDOWN);
  return -1;
}

static unsigned
slice_ns (uint64_t waited_ms)
{
  if (handoff_is_activating (server.handoff))
    return ACTIVATING_SLICE_NS;
  return waited_ms < SHORT_UNTIL_MS ? SHORT_SLICE_NS : LONG_SLICE_NS;
}

/* One slice of a wait that began at START. */
static int
wait_slice (struct client *client, uint64_t start)
{
  const uint64_t limit_ms =
    (uint64_t) server.parameters.hold_timeout_seconds * 1000;
  const uint64_t waited_ms = now_ms () - start;

  if (client_is_hung_up (client))
    return end_unheard ();
  if (limit_ms && waited_ms >= limit_ms)
    return give_up (client);
  if (nbdkit_nanosleep (0, slice_ns (waited_ms)) == -1)
    return end_unheard ();
  return 0;
}

static int
refuse (const struct error *err)
{
  nbdkit_error ("%s: %s", server.parameters.file, err->text);
  nbdkit_set_error (err->errnum);
  return -1;
}

static int
wait_admitted (struct client *client, enum request_kind kind,
               struct image **ret_image)
{
  const uint64_t start = now_ms ();
  struct error err = ERROR_INIT;
  enum admission how;

  do {
    if (wait_slice (client, start) == -1)
      return -1;
    how = handoff_admit (server.handoff, kind, ret_image, &err);
  } while (how == PARKED);
  return how == REFUSED ? refuse (&err) : (int) how;
}

/* nbdkit's own NBDKIT_HANDLE_NOT_NEEDED is &errno: another in each thread. */
static char no_client;

static struct client *
client_of (void *handle)
{
  return handle == &no_client ? NULL : handle;
}

void *
hold_open (void)
{
  struct client *client = NULL;

  if (server.parameters.hold_end_close)
    client = client_join ();
  return client ? (void *) client : &no_client;
}

void
hold_close (void *handle)
{
  client_part (client_of (handle));
}

int
hold_admit (void *handle, enum request_kind kind, struct image **ret_image)
{
  struct client *client = client_of (handle);
  struct error err;
  enum admission how;
  int r;

  error_clear (&err);
  how = handoff_admit (server.handoff, kind, ret_image, &err);
  if (how == REFUSED)
    return refuse (&err);
  if (how != PARKED)
    return how;
  server.nr_parked++;
  client_park (client);
  r = wait_admitted (client, kind, ret_image);
  client_unpark (client);
  server.nr_parked--;
  return r;
}
