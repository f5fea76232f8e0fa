/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Check: the order of the steps, and of what a repair writes.
 *
 *   C1  a sync makes durable what was read of the tables before a refcount
 *       is lowered: the process that wrote them may have been killed, and a
 *       pointer that is gone in the page cache may be there again after a
 *       power cut; what is too low has been raised before;
 *   C2  a new refcount table takes space that nothing refers to, be it
 *       behind the end of the file, and is
 *       durable, like what was read, before one durable write of the header
 *       makes it the one that counts;
 *   C3  COPIED is changed when the refcounts are right, durably, and in
 *       tables alone that are nothing else as well;
 *   C4  the dirty and corrupt bits are cleared last of all.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check-internal.h"
#include "checked.h"
#include "cleanup.h"
#include "cursor.h"
#include "qcow2-entry.h"

/* As QEMU: more cannot be compared. */
#define MAX_CLUSTERS ((UINT64_C (1) << 31) - 1)
#define FIRST_READ_BYTES (UINT64_C (64) << 10)

static void
vsay (struct check *c, const char *fmt, va_list ap)
{
  char text[512];

  if (!c->options->finding)
    return;
  vsnprintf (text, sizeof text, fmt, ap);
  c->options->finding (c->options->opaque, text);
}

void
check_say (struct check *c, const char *fmt, ...)
{
  va_list ap;

  va_start (ap, fmt);
  vsay (c, fmt, ap);
  va_end (ap);
}

void
check_corruption (struct check *c, const char *fmt, ...)
{
  va_list ap;

  c->result->corruptions++;
  va_start (ap, fmt);
  vsay (c, fmt, ap);
  va_end (ap);
}

int
check_step (struct check *c, const char *phase, uint64_t done,
            uint64_t total, struct error *err)
{
  const struct check_options *o = c->options;

  if (o->interrupt && atomic_load (o->interrupt))
    return error_set (err, EINTR, "the check was interrupted; it may be run "
                      "again");
  if (o->progress)
    o->progress (o->opaque, phase, min_u64 (done, total), total);
  return 0;
}

/* The true number is kept, also where no refcount can say it: who takes one
 * away again must not make it seem that there is none. */
static int
refer_one (struct check *c, uint64_t cluster, int delta, struct error *err)
{
  const uint64_t n = census_get (c->census, cluster);

  if (delta < 0)
    return n > 0 ? census_set (c->census, cluster, n - 1, err) : 0;
  if (n >= refcount_max (c->h.refcount_order))
    check_corruption (c, "ERROR: overflow cluster offset=0x%" PRIx64
                      ": more references than a refcount of %u bits can "
                      "count; convert the image with qemu-img convert",
                      cluster << c->h.cluster_bits,
                      1u << c->h.refcount_order);
  return census_set (c->census, cluster, n + 1, err);
}

uint64_t
check_references (const struct check *c, uint64_t cluster)
{
  return min_u64 (census_get (c->census, cluster),
                  refcount_max (c->h.refcount_order));
}

/* It reads zeros, and must not begin to read something else. */
static void
refer_behind_end (struct check *c, uint64_t offset, uint64_t len)
{
  check_corruption (c, "ERROR: counting reference for region exceeding the "
                    "end of the file by one cluster or more: offset 0x%"
                    PRIx64 " size 0x%" PRIx64, offset, len);
  if (offset < c->file_bytes + CHECK_FAR_BYTES)
    c->behind_end = max_u64 (c->behind_end, offset + len);
}

int
check_refer (struct check *c, uint64_t offset, uint64_t len, int delta,
             struct error *err)
{
  const uint64_t end = offset + len;
  uint64_t cluster;

  if (len == 0)
    return 0;
  /* The last cluster need not be there as a whole. */
  if (end < offset ||
      (end > c->file_bytes && end - c->file_bytes >= c->h.cluster_size)) {
    if (delta > 0)
      refer_behind_end (c, offset, len);
    return 0;
  }
  for (cluster = offset >> c->h.cluster_bits;
       cluster <= (end - 1) >> c->h.cluster_bits; ++cluster)
    if (refer_one (c, cluster, delta, err) == -1)
      return -1;
  c->nr_clusters = max_u64 (c->nr_clusters, cluster);
  return 0;
}

/* -- before ---------------------------------------------------------- */

static int
check_is_qcow2 (const void *data, size_t len, struct error *err)
{
  if (qcow2_header_probe (data, len))
    return 0;
  return error_set (err, ENOTSUP, "not a qcow2 image, and only those can be "
                    "checked");
}

/* The first LEN bytes into *BUF, which is the caller's to free. */
static int
read_start (struct check *c, uint64_t len, uint8_t **buf, struct error *err)
{
  uint8_t *p = realloc (*buf, len + 1);

  if (!p)
    return error_set (err, ENOMEM, "no memory for the header");
  *buf = p;
  return io_pread (c->io, p, len, 0, err);
}

static int
read_header (struct check *c, struct error *err)
{
  uint64_t len = min_u64 (c->file_bytes, FIRST_READ_BYTES);
  CLEANUP_FREE uint8_t *data = NULL;

  if (read_start (c, len, &data, err) == -1 ||
      check_is_qcow2 (data, len, err) == -1)
    return -1;
  /* Names and extensions may fill a cluster larger than the first read. */
  if (len == FIRST_READ_BYTES && load_be32 (data + 20) > 16) {
    len = min_u64 (c->file_bytes, QCOW2_HEADER_MAX_BYTES);
    if (read_start (c, len, &data, err) == -1)
      return -1;
  }
  if (qcow2_header_parse (data, len, &c->h, err) == -1)
    return -1;
  return qcow2_areas_parse (data, len, &c->h, &c->areas, err);
}

static int
prepare (struct check *c, struct error *err)
{
  if (io_size (c->io, &c->file_bytes, err) == -1 ||
      read_header (c, err) == -1)
    return -1;
  c->nr_clusters = div_round_up (c->file_bytes, c->h.cluster_size);
  if (c->nr_clusters > MAX_CLUSTERS)
    return error_set (err, EFBIG, "the file has %" PRIu64 " clusters, at most "
                      "%" PRIu64 " can be checked", c->nr_clusters,
                      MAX_CLUSTERS);
  c->result->total_clusters =
    div_round_up (c->h.virtual_size, c->h.cluster_size);
  c->buf = malloc (c->h.cluster_size);
  if (!c->buf)
    return error_set (err, ENOMEM, "no memory for a cluster");
  if (census_new (&c->census, err) == -1)
    return -1;
  return census_new (&c->tables, err);
}

/* -- repairing ------------------------------------------------------- */

static int
repair_in_place (struct check *c, struct error *err)
{
  if (c->nr_unusable > 0)
    return error_set (err, EIO, "the refcount table is damaged, and leaks "
                      "cannot be told from it; repair all, which makes a new "
                      "one");
  /* C1; the last sync is for C3. */
  if (c->options->repair == CHECK_REPAIR_ALL && c->nr_low > 0 &&
      check_raise (c, err) == -1)
    return -1;
  if (io_sync (c->io, err) == -1)
    return -1;
  if (c->nr_high > 0 && check_lower (c, err) == -1)
    return -1;
  return io_sync (c->io, err);
}

static int
repair_refcounts (struct check *c, struct error *err)
{
  if (c->nr_unusable == 0 && c->nr_low == 0 && c->nr_high == 0)
    return 0;
  if (c->options->repair == CHECK_REPAIR_ALL &&
      (c->nr_unusable > 0 || c->nr_missing > 0))
    return check_rebuild (c, err);
  return repair_in_place (c, err);
}

/* C4. */
static int
mark_clean (struct check *c, struct error *err)
{
  const uint64_t bits = QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT;
  uint8_t be[8];

  if (!(c->h.incompatible_features & bits) || c->result->corruptions > 0 ||
      c->result->check_errors > 0)
    return 0;
  c->h.incompatible_features &= ~bits;
  store_be64 (be, c->h.incompatible_features);
  if (io_sync (c->io, err) == -1)
    return -1;
  return io_pwrite (c->io, be, sizeof be, QCOW2_HDR_INCOMPAT, IO_DSYNC, err);
}

static int
check (struct check *c, struct error *err)
{
  const bool repair = c->options->repair != CHECK_REPAIR_NONE;

  if (prepare (c, err) == -1 ||
      check_count_references (c, err) == -1 ||
      check_load_reftable (c, err) == -1 ||
      check_count_reftable (c, 1, err) == -1 ||
      check_compare (c, err) == -1)
    return -1;
  if (repair && repair_refcounts (c, err) == -1)
    return -1;
  if (check_copied (c, err) == -1)
    return -1;
  c->result->image_end_offset = (c->highest + 1) << c->h.cluster_bits;
  return repair ? mark_clean (c, err) : 0;
}

int
check_image (struct io *io, const struct check_options *options,
             struct check_result *ret, struct error *err)
{
  struct check c = { .io = io, .options = options, .result = ret };
  int r;

  *ret = (struct check_result) { 0 };
  r = check (&c, err);
  if (c.census)
    ret->census_bytes = census_bytes (c.census) +
      (c.tables ? census_bytes (c.tables) : 0);
  census_free (c.census);
  census_free (c.tables);
  free (c.reftable);
  free (c.buf);
  return r;
}
