/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping: runs of subclusters.  A run begins and ends at any subcluster and
 * goes on over clusters, as far as one slice tells.  No lock.
 */

#include <config.h>

#include <inttypes.h>

#include "checked.h"
#include "mapping-subcluster.h"

/* A lookup reads this many entries at a time. */
#define LOOKUP_ENTRIES 16

static void
begin_run (const struct mapping *m, const struct l2_entry *e, uint64_t bitmap,
           uint64_t in_cluster, struct run *ret)
{
  const unsigned index = in_cluster >> subcluster_bits (m->header);

  *ret = (struct run) {
    .type = subcluster_type (e, bitmap, index),
    .compressed_bytes = e->compressed_bytes,
  };
  if (ret->type == CLUSTER_NORMAL) {
    ret->copied = e->copied;
    ret->host_offset = e->host_offset + in_cluster;
  }
  if (ret->type == CLUSTER_COMPRESSED)
    ret->host_offset = e->host_offset;
}

/* Whether RUN, which reaches to the end of a cluster and has LEN bytes so
 * far, goes on in the next one. */
static bool
goes_on (const struct run *run, uint64_t len, const struct l2_entry *e,
         uint64_t bitmap)
{
  if (run->type == CLUSTER_COMPRESSED ||
      subcluster_type (e, bitmap, 0) != run->type)
    return false;
  return run->type != CLUSTER_NORMAL ||
    (e->copied == run->copied && e->host_offset == run->host_offset + len);
}

/* Where the type of the subcluster at byte FROM of a cluster ends. */
static uint64_t
end_in_cluster (const struct mapping *m, uint64_t bitmap, uint64_t from)
{
  const uint32_t bits = subcluster_bits (m->header);
  const unsigned index = from >> bits;

  return (uint64_t) (index + subcluster_run (bitmap, index)) << bits;
}

int
mapping_lookup_subclusters (struct mapping *m, uint64_t offset, uint64_t len,
                            struct run *ret, struct error *err)
{
  const uint32_t bits = m->header->cluster_bits;
  const uint64_t first = offset >> bits;
  const uint64_t in_cluster = offset & (m->header->cluster_size - 1);
  const uint64_t nr =
    mapping_in_slice (m, first, ((in_cluster + len - 1) >> bits) + 1);
  struct raw_entry raw[LOOKUP_ENTRIES];
  uint64_t from = in_cluster, end, total = 0;
  struct l2_entry e;
  struct run run;
  uint32_t i;

  for (i = 0; i < nr; ++i, from = 0) {
    const struct raw_entry *entry = &raw[i % LOOKUP_ENTRIES];

    if (i % LOOKUP_ENTRIES == 0 &&
        mapping_get (m, first + i, min_u64 (nr - i, LOOKUP_ENTRIES), raw,
                     err) == -1)
      return -1;
    if (raw_entry_decode (m->header, entry, &e, i == 0 ? err : NULL) == -1) {
      if (i == 0)
        return error_prefix (err, "guest offset %" PRIu64, first << bits);
      break;                    /* told when a run starts there */
    }
    if (i == 0)
      begin_run (m, &e, entry->bitmap, in_cluster, &run);
    else if (!goes_on (&run, total, &e, entry->bitmap))
      break;
    end = end_in_cluster (m, entry->bitmap, from);
    total += end - from;
    if (end < m->header->cluster_size)
      break;
  }
  run.len = min_u64 (len, total);
  *ret = run;
  return 0;
}
