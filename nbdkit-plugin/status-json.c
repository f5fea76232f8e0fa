/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Status as JSON: see status-json.h.  Where there is no memory, a member or
 * the whole is left empty: status is told, not relied on.
 */

#include <config.h>

#include <unistd.h>

#include "document.h"
#include "handoff.h"
#include "listens.h"
#include "server.h"
#include "status-json.h"

static json_t *
number (uint64_t n)
{
  return json_integer ((json_int_t) n);
}

static void
set (json_t *o, const char *key, json_t *value)
{
  json_object_set_new (o, key, value);
}

static json_t *
phases_json (const struct handoff_timeline *t)
{
  json_t *array = json_array ();
  size_t i;

  for (i = 0; i < t->nr_phases; ++i) {
    json_t *o = json_object ();

    set (o, "name", document_text (t->phases[i].name));
    set (o, "us", number (t->phases[i].us));
    json_array_append_new (array, o);
  }
  return array;
}

static json_t *
timeline_json (const struct handoff_timeline *t)
{
  json_t *o;

  if (!t->command)
    return json_null ();
  o = json_object ();
  set (o, "command", document_text (t->command));
  set (o, "ok", json_boolean (t->ok));
  set (o, "total-us", number (t->total_us));
  set (o, "phases", phases_json (t));
  return o;
}

/* What only an open image knows. */
static void
add_stats (json_t *o, const struct image_stats *s)
{
  json_t *cache = json_object (), *io = json_object ();
  json_t *clusters = json_object ();

  set (cache, "bytes", number (s->cache_bytes));
  set (cache, "budget-bytes", number (s->cache_budget_bytes));
  set (cache, "hits", number (s->cache_hits));
  set (cache, "misses", number (s->cache_misses));
  set (io, "syncs", number (s->syncs));
  set (io, "metadata-writes", number (s->metadata_writes));
  set (clusters, "reserved", number (s->reserved_clusters));
  set (clusters, "quarantined", number (s->quarantined_clusters));
  set (o, "cache", cache);
  set (o, "io", io);
  set (o, "clusters", clusters);
}

static void
add_no_stats (json_t *o)
{
  set (o, "cache", json_null ());
  set (o, "io", json_null ());
  set (o, "clusters", json_null ());
}

static json_t *
notices_json (const struct image_notices *n)
{
  json_t *array = json_array ();
  unsigned i;

  for (i = 0; i < n->nr; ++i)
    json_array_append_new (array, document_text (n->text[i]));
  return array;
}

static void
add_state (json_t *o, const struct handoff_status *s)
{
  set (o, "state", document_text (handoff_state_name (s->state)));
  set (o, "read-only", json_boolean (s->read_only));
  set (o, "while-inactive", document_text (s->hold ? "hold" : "reject"));
  set (o, "locked", json_boolean (s->locked));
  set (o, "virtual-size", number (s->virtual_size));
  set (o, "cluster-size", number (s->cluster_size));
  set (o, "file-number",
       s->file_number ? number (s->file_number) : json_null ());
  set (o, "data-file-number",
       s->data_file_number ? number (s->data_file_number) : json_null ());
  set (o, "in-flight", number (s->in_flight));
  set (o, "parked", number (server.nr_parked));
  set (o, "activations", number (s->nr_activations));
  set (o, "inactivations", number (s->nr_inactivations));
  set (o, "poisoned", json_boolean (s->has_stats && s->stats.poisoned));
  set (o, "notices", notices_json (&s->notices));
  set (o, "last-error",
       s->last_error[0] ? document_text (s->last_error) : json_null ());
}

/* -- ownership and storage ------------------------------------------- */

static void
set_id (json_t *o, const char *key, const uint8_t id[RECORD_ID_BYTES])
{
  char text[RECORD_ID_CHARS];

  record_id_text (id, text);
  set (o, key, document_text (text));
}

static void
add_record (json_t *o, const struct handoff_ownership *w)
{
  const struct record *r = &w->record;

  set (o, "record", document_text (r->state == RECORD_HELD ? "held"
                                                           : "released"));
  set (o, "epoch", number (r->epoch));
  set (o, "owner", document_text (r->host));
  set_id (o, "instance", r->instance);
  set_id (o, "uuid", r->uuid);
  set (o, "intact", json_boolean (w->intact));
}

static json_t *
make_ownership (const struct handoff_ownership *w)
{
  json_t *o = json_object ();

  set (o, "recorded", json_boolean (w->recorded));
  if (w->found == RECORD_VALID)
    add_record (o, w);
  else
    set (o, "record", document_text (w->found == RECORD_ABSENT ? "none"
                                                               : "damaged"));
  set (o, "taken-over-by",
       w->has_how ? document_text (ownership_how_name (w->how))
                  : json_null ());
  set (o, "recovery",
       json_boolean (w->has_how && w->how == OWNERSHIP_RECOVERY));
  set (o, "overridden",
       w->has_how && w->overridden ? document_text (w->overridden)
                                   : json_null ());
  set (o, "changed-since-release", json_boolean (w->changed_since));
  return o;
}

json_t *
ownership_json (void)
{
  struct handoff_status s;

  handoff_get_status (server.handoff, &s);
  return make_ownership (&s.ownership);
}

static const char *
storage_warning (const struct storage *s)
{
  if (server.parameters.locking == LOCKING_OFF)
    return "locking=off: only the ownership record keeps two servers apart";
  if (s->locks == STORAGE_LOCKS_NONE)
    return "no locks: only the ownership record keeps two servers apart";
  if (s->locks == STORAGE_LOCKS_LOCAL)
    return "locks are local to this host: between hosts only the ownership "
           "record keeps two servers apart";
  return NULL;
}

static json_t *
storage_json (const struct storage *s)
{
  static const char *const locks[] = {
    [STORAGE_LOCKS_NONE] = "none",
    [STORAGE_LOCKS_LOCAL] = "local",
    [STORAGE_LOCKS_YES] = "yes",
  };
  const char *warning = storage_warning (s);
  json_t *o;

  if (!s->kind)
    return json_null ();
  o = json_object ();
  set (o, "kind", document_text (s->kind));
  set (o, "one-host", json_boolean (s->one_host));
  set (o, "locks", document_text (locks[s->locks]));
  set (o, "o-direct", json_boolean (s->direct));
  set (o, "warning", warning ? document_text (warning) : json_null ());
  return o;
}

/* -- the whole ------------------------------------------------------- */

json_t *
status_json (void)
{
  struct handoff_status s;
  json_t *o = json_object ();

  handoff_get_status (server.handoff, &s);
  set (o, "image", document_text (server.parameters.file));
  set (o, "host", document_text (server.parameters.host));
  set (o, "pid", number ((uint64_t) getpid ()));
  set (o, "listens", listens_json ());
  add_state (o, &s);
  if (s.has_stats)
    add_stats (o, &s.stats);
  else
    add_no_stats (o);
  set (o, "ownership", make_ownership (&s.ownership));
  set (o, "storage", storage_json (&server.storage));
  set (o, "last-handover", timeline_json (&s.last));
  return o ? o : json_null ();
}
