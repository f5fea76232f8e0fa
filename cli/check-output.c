/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `baton check` says: see check-output.h.
 */

#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "check-output.h"
#include "clock.h"
#include "output.h"

#define BAR_COLUMNS 40
#define REDRAW_US 100000

/* -- text ------------------------------------------------------------ */

static void
print_fixed (FILE *out, const struct check_result *r)
{
  if (r->corruptions_fixed == 0 && r->leaks_fixed == 0)
    return;
  fprintf (out, "The following inconsistencies were found and repaired:\n\n"
           "    %" PRIu64 " leaked clusters\n"
           "    %" PRIu64 " corruptions\n\n", r->leaks_fixed,
           r->corruptions_fixed);
  if (r->rebuilt)
    fputs ("A new refcount table was made.\n", out);
}

static void
print_found (FILE *out, const struct check_result *r)
{
  if (r->corruptions > 0)
    fprintf (out, "\n%" PRIu64 " errors were found on the image.\n"
             "Data may be corrupted, or further writes to the image may "
             "corrupt it.\n", r->corruptions);
  if (r->leaks > 0)
    fprintf (out, "\n%" PRIu64 " leaked clusters were found on the image.\n"
             "This means waste of disk space, but no harm to data.\n",
             r->leaks);
  if (r->check_errors > 0)
    fprintf (out, "\n%" PRIu64 " things could not be checked.\n",
             r->check_errors);
  if (r->corruptions == 0 && r->leaks == 0 && r->check_errors == 0)
    fputs ("No errors were found on the image.\n", out);
}

static double
percent (uint64_t part, uint64_t whole)
{
  return whole == 0 ? 0 : 100.0 * (double) part / (double) whole;
}

void
check_output_text (FILE *out, const struct check_result *r)
{
  print_fixed (out, r);
  print_found (out, r);
  fprintf (out, "%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% "
           "fragmented, %0.2f%% compressed clusters\n",
           r->allocated_clusters, r->total_clusters,
           percent (r->allocated_clusters, r->total_clusters),
           percent (r->fragmented_clusters, r->allocated_clusters),
           percent (r->compressed_clusters, r->allocated_clusters));
  fprintf (out, "Image end offset: %" PRIu64 "\n", r->image_end_offset);
}

/* -- JSON ------------------------------------------------------------ */

json_t *
check_output_json (const char *path, const struct check_result *r)
{
  const struct {
    const char *name;
    uint64_t value;
    bool always;
  } members[] = {
    { "image-end-offset", r->image_end_offset, true },
    { "total-clusters", r->total_clusters, true },
    { "check-errors", r->check_errors, true },
    { "allocated-clusters", r->allocated_clusters, true },
    { "fragmented-clusters", r->fragmented_clusters, false },
    { "compressed-clusters", r->compressed_clusters, false },
    { "corruptions", r->corruptions, false },
    { "leaks", r->leaks, false },
    { "corruptions-fixed", r->corruptions_fixed, false },
    { "leaks-fixed", r->leaks_fixed, false },
    { "memory-bytes", r->census_bytes, true },
  };
  json_t *o = json_object ();
  size_t i;

  for (i = 0; i < sizeof members / sizeof members[0]; ++i)
    if (members[i].always || members[i].value != 0)
      json_object_set_new (o, members[i].name,
                           json_integer ((json_int_t) members[i].value));
  json_object_set_new (o, "filename",
                       json_stringn_nocheck (path, strlen (path)));
  json_object_set_new (o, "format", json_string ("qcow2"));
  if (r->rebuilt)
    json_object_set_new (o, "rebuilt", json_true ());
  return o;
}

/* -- bar ------------------------------------------------------------- */

void
check_bar_draw (struct check_bar *b, const char *phase, uint64_t done,
                uint64_t total)
{
  const uint64_t now = clock_us ();
  unsigned filled, i;

  if (!b->shown || total == 0 || now - b->last_us < REDRAW_US)
    return;
  b->last_us = now;
  b->drawn = true;
  filled = (unsigned) (percent (done, total) * BAR_COLUMNS / 100);
  fprintf (stderr, "\r%-10s [", phase);
  for (i = 0; i < BAR_COLUMNS; ++i)
    putc (i < filled ? '=' : ' ', stderr);
  fprintf (stderr, "] %3.0f%%", percent (done, total));
  fflush (stderr);
}

void
check_bar_clear (struct check_bar *b)
{
  if (b->drawn)
    fprintf (stderr, "\r%*s\r", BAR_COLUMNS + 20, "");
  b->drawn = false;
}
