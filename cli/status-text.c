/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server's status as text (status-text.h).
 *
 * Guarantees: whatever the JSON looks like, nothing is read that is not
 * there, and no member is hidden: what no printer below knows is printed
 * as JSON.  Pure; no locks.
 */

#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "cleanup.h"
#include "output.h"
#include "status-text.h"

#define MAX_ROWS 32

/* -- one printer per line --------------------------------------------- */

static void
print_image (FILE *out, const json_t *s)
{
  const char *image = field_string (s, "image");

  if (image != NULL)
    output_field (out, "image", "%s", image);
}

static void
print_state (FILE *out, const json_t *s)
{
  const char *state = field_string (s, "state");
  const char *policy = field_string (s, "while-inactive");
  bool read_only = false;

  if (state == NULL)
    state = "unknown (the server does not say)";
  field_bool (s, "read-only", &read_only);
  if (policy != NULL && strcmp (state, "inactive") == 0)
    output_field (out, "state", "%s (%s; requests: %s)", state,
                  read_only ? "read-only" : "read-write", policy);
  else
    output_field (out, "state", "%s (%s)", state,
                  read_only ? "read-only" : "read-write");
}

static void
print_poisoned (FILE *out, const json_t *s)
{
  bool poisoned;

  if (field_bool (s, "poisoned", &poisoned) && poisoned)
    output_field (out, "POISONED", "a write or sync of metadata failed; "
                                   "writes are refused until the image is "
                                   "opened afresh");
}

static void
print_size (FILE *out, const json_t *s)
{
  char size[OUTPUT_NUMBER_BYTES], cluster[OUTPUT_NUMBER_BYTES];
  uint64_t bytes;

  if (!field_u64 (s, "virtual-size", &bytes))
    return;
  output_size (bytes, size);
  if (field_u64 (s, "cluster-size", &bytes)) {
    output_size (bytes, cluster);
    output_field (out, "virtual size", "%s, clusters of %s", size, cluster);
  }
  else
    output_field (out, "virtual size", "%s", size);
}

static void
print_owner (FILE *out, const json_t *s)
{
  const char *host = field_string (s, "host");
  uint64_t pid;

  if (!field_u64 (s, "pid", &pid)) {
    if (host != NULL)
      output_field (out, "host", "%s", host);
  }
  else
    output_field (out, "host", "%s, process %" PRIu64,
                  host != NULL ? host : "unknown", pid);
}

static void
print_listens (FILE *out, const json_t *s)
{
  const json_t *list = json_object_get (s, "listens");
  size_t i;

  for (i = 0; i < json_array_size (list); i++) {
    const char *at = json_string_value (json_array_get (list, i));

    if (at != NULL)
      output_field (out, i == 0 ? "listens at" : "", "%s", at);
  }
}

static void
print_locked (FILE *out, const json_t *s)
{
  const char *state = field_string (s, "state");
  bool locked;

  if (!field_bool (s, "locked", &locked))
    return;
  if (locked)
    output_field (out, "image lock", "held");
  else if (state != NULL && strcmp (state, "active") == 0)
    output_field (out, "image lock", "NOT HELD: nothing keeps others from "
                                     "writing to the image");
  else
    output_field (out, "image lock", "not held");
}

static void
print_ownership (FILE *out, const json_t *s)
{
  const json_t *o = json_object_get (s, "ownership");
  const char *record = field_string (o, "record");
  const char *owner = field_string (o, "owner");
  const char *uuid = field_string (o, "uuid");
  uint64_t epoch;
  bool intact = true;

  if (record == NULL)
    return;
  field_bool (o, "intact", &intact);
  if (owner == NULL || !field_u64 (o, "epoch", &epoch))
    output_field (out, "record", "%s", record);
  else
    output_field (out, "record", "%s by %s, epoch %" PRIu64 "%s", record,
                  owner, epoch, intact ? "" : "; CHANGED since by another "
                  "program");
  if (uuid != NULL)
    output_field (out, "image uuid", "%s", uuid);
}

static void
print_taken_over (FILE *out, const json_t *s)
{
  const json_t *o = json_object_get (s, "ownership");
  const char *how = field_string (o, "taken-over-by");
  const char *overridden = field_string (o, "overridden");
  bool changed = false;

  if (how == NULL)
    return;
  field_bool (o, "changed-since-release", &changed);
  output_field (out, "taken over by", "%s%s%s%s", how,
                overridden != NULL ? ", overriding " : "",
                overridden != NULL ? overridden : "",
                changed ? "; another program had had it open for writing"
                        : "");
}

static void
print_storage (FILE *out, const json_t *s)
{
  const json_t *o = json_object_get (s, "storage");
  const char *kind = field_string (o, "kind");
  const char *locks = field_string (o, "locks");
  const char *warning = field_string (o, "warning");
  bool direct = false;

  if (kind == NULL)
    return;
  field_bool (o, "o-direct", &direct);
  output_field (out, "storage", "%s, locks: %s, O_DIRECT: %s", kind,
                locks != NULL ? locks : "unknown", direct ? "yes" : "no");
  if (warning != NULL)
    output_field (out, "WARNING", "%s", warning);
}

static void
print_requests (FILE *out, const json_t *s)
{
  uint64_t in_flight, parked;

  if (!field_u64 (s, "in-flight", &in_flight))
    return;
  if (field_u64 (s, "parked", &parked) && parked != 0)
    output_field (out, "requests", "%" PRIu64 " in flight, %" PRIu64 " parked",
                  in_flight, parked);
  else
    output_field (out, "requests", "%" PRIu64 " in flight", in_flight);
}

static void
print_counts (FILE *out, const json_t *s)
{
  uint64_t activations, inactivations;

  if (field_u64 (s, "activations", &activations) &&
      field_u64 (s, "inactivations", &inactivations))
    output_field (out, "since start", "activated %" PRIu64
                  "x, inactivated %" PRIu64 "x", activations, inactivations);
}

static void
print_cache (FILE *out, const json_t *s)
{
  const json_t *cache = json_object_get (s, "cache");
  char used[OUTPUT_NUMBER_BYTES], budget[OUTPUT_NUMBER_BYTES];
  uint64_t bytes, budget_bytes, hits = 0, misses = 0;

  if (!field_u64 (cache, "bytes", &bytes) ||
      !field_u64 (cache, "budget-bytes", &budget_bytes))
    return;
  output_size (bytes, used);
  output_size (budget_bytes, budget);
  field_u64 (cache, "hits", &hits);
  field_u64 (cache, "misses", &misses);
  if (hits == 0 && misses == 0)
    output_field (out, "metadata cache", "%s of %s", used, budget);
  else
    output_field (out, "metadata cache", "%s of %s, %.1f %% hits (%" PRIu64
                  " misses)", used, budget,
                  100.0 * (double) hits / ((double) hits + (double) misses),
                  misses);
}

static void
print_io (FILE *out, const json_t *s)
{
  const json_t *io = json_object_get (s, "io");
  uint64_t syncs, writes;

  if (field_u64 (io, "syncs", &syncs) &&
      field_u64 (io, "metadata-writes", &writes))
    output_field (out, "metadata I/O", "%" PRIu64 " writes, %" PRIu64
                  " syncs", writes, syncs);
}

static void
print_clusters (FILE *out, const json_t *s)
{
  const json_t *clusters = json_object_get (s, "clusters");
  uint64_t reserved, quarantined;

  if (field_u64 (clusters, "reserved", &reserved) &&
      field_u64 (clusters, "quarantined", &quarantined))
    output_field (out, "clusters", "%" PRIu64 " reserved ahead, %" PRIu64
                  " waiting for reuse", reserved, quarantined);
}

static void
print_notices (FILE *out, const json_t *s)
{
  const json_t *notices = json_object_get (s, "notices");
  size_t i;

  for (i = 0; i < json_array_size (notices); ++i) {
    const char *text = json_string_value (json_array_get (notices, i));

    if (text != NULL)
      output_field (out, "notice", "%s", text);
  }
}

static void
print_last_error (FILE *out, const json_t *s)
{
  const char *text = field_string (s, "last-error");

  if (text != NULL && text[0] != '\0')
    output_field (out, "last error", "%s", text);
}

static void
print_handover (FILE *out, const json_t *s)
{
  const json_t *handover = json_object_get (s, "last-handover");
  const char *command = field_string (handover, "command");
  struct output_row rows[MAX_ROWS];
  char total[OUTPUT_NUMBER_BYTES] = "an unknown time";
  uint64_t us;
  bool ok = false;

  if (command == NULL)
    return;
  if (field_u64 (handover, "total-us", &us))
    output_us (us, total);
  field_bool (handover, "ok", &ok);
  output_field (out, "last hand-over", "%s %s %s", command,
                ok ? "took" : "FAILED after", total);
  output_timeline (out, rows, output_phases (handover, 0, 0, rows, MAX_ROWS));
}

/* -- what goes where -------------------------------------------------- */

/* In this order.  MEMBERS: what a line takes care of. */
static const struct line {
  void (*print) (FILE *out, const json_t *status);
  const char *members[3];
} lines[] = {
  { print_image, { "image" } },
  { print_state, { "state", "read-only", "while-inactive" } },
  { print_poisoned, { "poisoned" } },
  { print_size, { "virtual-size", "cluster-size" } },
  { print_owner, { "host", "pid" } },
  { print_listens, { "listens" } },
  { print_locked, { "locked" } },
  { print_ownership, { "ownership" } },
  { print_taken_over, { NULL } },
  { print_storage, { "storage" } },
  { print_requests, { "in-flight", "parked" } },
  { print_counts, { "activations", "inactivations" } },
  { print_cache, { "cache" } },
  { print_io, { "io" } },
  { print_clusters, { "clusters" } },
  { print_notices, { "notices" } },
  { print_last_error, { "last-error" } },
  { print_handover, { "last-handover" } },
};

#define NR_LINES (sizeof lines / sizeof lines[0])

static bool
line_has (const struct line *line, const char *key)
{
  size_t i;

  for (i = 0; i < 3 && line->members[i] != NULL; i++)
    if (strcmp (line->members[i], key) == 0)
      return true;
  return false;
}

static void
print_unknown (FILE *out, const char *key, const json_t *value)
{
  CLEANUP_FREE char *text = NULL;
  size_t i;

  for (i = 0; i < NR_LINES; i++)
    if (line_has (&lines[i], key))
      return;
  text = json_dumps (value, JSON_ENCODE_ANY);
  if (text != NULL)
    output_field (out, key, "%s", text);
}

void
status_text (FILE *out, const json_t *status)
{
  const char *key;
  json_t *value;
  size_t i;

  for (i = 0; i < NR_LINES - 1; i++)
    lines[i].print (out, status);
  json_object_foreach ((json_t *) status, key, value)
    print_unknown (out, key, value);
  lines[NR_LINES - 1].print (out, status);
}
