/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Snapshot table: see snapshot-table.h.  The limits are QEMU's, and so is
 * the wording where QEMU has one.  No lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "checked.h"
#include "snapshot-table.h"
#include "table-window.h"

#define MAX_EXTRA_BYTES 1024u
/* What each entry begins with, and where in it the lengths of the rest are. */
#define ENTRY_BYTES 40u
#define ENTRY_ID_LEN 12
#define ENTRY_NAME_LEN 14
#define ENTRY_EXTRA 36
/* "Version 3 ... must have at least 16 bytes": VM state and disk size. */
#define EXTRA_VM_STATE_BYTES 8u
#define EXTRA_DISK_SIZE_BYTES 16u

static int
cut_off (uint32_t index, struct error *err)
{
  return error_set (err, EINVAL, "entry %" PRIu32 " of the snapshot table is "
                    "cut off: the image is damaged", index);
}

/* "Size of the snapshot's extra data ... 8 - 15: size of the virtual disk of
 * the snapshot in bytes". */
static void
decode_extra (const uint8_t *extra, struct snapshot *s)
{
  if (s->extra_bytes >= EXTRA_DISK_SIZE_BYTES)
    s->disk_size = align_down (load_be64 (extra + EXTRA_VM_STATE_BYTES), 512);
}

int
snapshot_decode (struct cursor *c, const struct qcow2_header *h,
                 uint32_t index, struct snapshot *ret, struct error *err)
{
  struct snapshot s = { .index = index, .disk_size = h->virtual_size };
  const uint8_t *extra;

  s.l1_table_offset = cursor_be64 (c);
  s.nr_l1_entries = cursor_be32 (c);
  s.id_len = cursor_be16 (c);
  s.name_len = cursor_be16 (c);
  cursor_skip (c, 4 + 4 + 8 + 4);       /* date, VM clock, VM state */
  s.extra_bytes = cursor_be32 (c);
  if (c->failed)
    return cut_off (index, err);
  if (s.extra_bytes > MAX_EXTRA_BYTES)
    return error_set (err, EFBIG, "Too much extra metadata in snapshot table "
                      "entry %" PRIu32 ": %" PRIu32 " bytes, at most %u are "
                      "allowed", index, s.extra_bytes, MAX_EXTRA_BYTES);
  extra = cursor_bytes (c, s.extra_bytes);
  s.id = (const char *) cursor_bytes (c, s.id_len);
  s.name = (const char *) cursor_bytes (c, s.name_len);
  if (c->failed)
    return cut_off (index, err);
  decode_extra (extra, &s);
  *ret = s;
  return 0;
}

int
snapshot_check_l1 (const struct snapshot *s, const struct qcow2_header *h,
                   struct error *err)
{
  const uint64_t covered = UINT64_C (1) << (h->cluster_bits + h->l2_bits);
  const uint64_t needed = div_round_up (s->disk_size, covered);
  const uint64_t bytes = s->nr_l1_entries * UINT64_C (8);

  if (bytes > QCOW2_MAX_L1_BYTES)
    return error_set (err, EFBIG, "Snapshot L1 table too large: %" PRIu32
                      " entries in snapshot %" PRIu32 ", at most %" PRIu64
                      " are allowed", s->nr_l1_entries, s->index,
                      QCOW2_MAX_L1_BYTES / 8);
  if (!is_aligned (s->l1_table_offset, h->cluster_size) ||
      s->l1_table_offset > INT64_MAX - bytes ||
      (s->l1_table_offset == 0 && bytes > 0))
    return error_set (err, EINVAL, "Snapshot L1 table offset invalid: 0x%"
                      PRIx64 " in snapshot %" PRIu32, s->l1_table_offset,
                      s->index);
  if (s->nr_l1_entries < needed)
    return error_set (err, EINVAL, "the L1 table of snapshot %" PRIu32 " is "
                      "too small: %" PRIu32 " entries, its %" PRIu64
                      " bytes need %" PRIu64, s->index, s->nr_l1_entries,
                      s->disk_size, needed);
  return 0;
}

static int
check_end (const struct qcow2_header *h, uint64_t end, uint64_t file_size,
           struct error *err)
{
  if (end - h->snapshots_offset > QCOW2_MAX_SNAPSHOT_TABLE_BYTES)
    return error_set (err, EFBIG, "Snapshot table is too big: more than %"
                      PRIu64 " bytes", QCOW2_MAX_SNAPSHOT_TABLE_BYTES);
  if (end > file_size)
    return error_set (err, EIO, "the snapshot table ends behind the end of "
                      "the file (%" PRIu64 " bytes): it is truncated, "
                      "restore it from a copy", file_size);
  return 0;
}

/* A cursor over the entry at OFFSET: its lengths first, then all of it.  One
 * whose extra data are too long is cut; snapshot_decode refuses it. */
static int
entry_at (struct table_window *w, uint64_t offset, struct cursor *ret,
          struct error *err)
{
  size_t len = ENTRY_BYTES;
  const uint8_t *p;

  if (table_window_at (w, offset, len, ret, err) == -1)
    return -1;
  p = cursor_bytes (ret, len);
  if (p)
    len += load_be16 (p + ENTRY_ID_LEN) + load_be16 (p + ENTRY_NAME_LEN) +
      min_u64 (load_be32 (p + ENTRY_EXTRA), MAX_EXTRA_BYTES);
  return table_window_at (w, offset, len, ret, err);
}

static int
walk (struct table_window *w, const struct qcow2_header *h,
      uint64_t file_size, snapshot_fn *fn, void *opaque, uint64_t *ret_end,
      struct error *err)
{
  uint64_t offset = h->snapshots_offset;
  uint32_t i;
  int r = 0;

  *ret_end = offset;
  for (i = 0; r == 0 && i < h->nr_snapshots; ++i) {
    struct snapshot s;
    struct cursor c;

    /* Rule 40: "Snapshot table entries are aligned to 8 bytes". */
    offset = align_up (*ret_end, 8);
    if (entry_at (w, offset, &c, err) == -1 ||
        snapshot_decode (&c, h, i, &s, err) == -1)
      return -1;
    *ret_end = offset + c.pos;
    if (check_end (h, *ret_end, file_size, err) == -1)
      return -1;
    r = fn (opaque, &s, err);
  }
  return r;
}

int
snapshot_table_walk (struct io *io, const struct qcow2_header *h,
                     uint64_t file_size, snapshot_fn *fn, void *opaque,
                     uint64_t *ret_bytes, struct error *err)
{
  struct table_window w;
  uint64_t end;
  int r;

  /* What lies beyond the file's end reads zeros, and an entry there seems to
   * be a whole one: check_end tells. */
  if (table_window_init (&w, io, UINT64_MAX, err) == -1)
    return -1;
  r = walk (&w, h, file_size, fn, opaque, &end, err);
  table_window_destroy (&w);
  if (r == 0 && ret_bytes)
    *ret_bytes = end - h->snapshots_offset;
  return r;
}

/* -- finding one ------------------------------------------------------ */

struct search {
  const char *wanted;
  struct snapshot by_id, by_name;
  bool has_id, has_name;
  uint32_t nr_listed, nr_seen;
  char list[256];               /* of what there is */
};

static bool
is_called (const char *text, uint32_t len, const char *wanted)
{
  return strlen (wanted) == len && memcmp (text, wanted, len) == 0;
}

static void
append_clean (char *list, size_t size, const char *text, uint32_t len)
{
  size_t at = strlen (list);
  uint32_t i;

  for (i = 0; i < len && at + 1 < size; ++i)
    list[at++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
  list[at] = '\0';
}

static void
list_one (struct search *q, const struct snapshot *s)
{
  const size_t needed = s->id_len + s->name_len + sizeof ", ''  (id )";

  q->nr_seen++;
  if (strlen (q->list) + needed > sizeof q->list)
    return;
  append_clean (q->list, sizeof q->list, ", '", q->nr_listed ? 3 : 0);
  append_clean (q->list, sizeof q->list, "'", q->nr_listed ? 0 : 1);
  append_clean (q->list, sizeof q->list, s->name, s->name_len);
  append_clean (q->list, sizeof q->list, "' (id ", 6);
  append_clean (q->list, sizeof q->list, s->id, s->id_len);
  append_clean (q->list, sizeof q->list, ")", 1);
  q->nr_listed++;
}

static int
look_at (void *opaque, const struct snapshot *s, struct error *err)
{
  struct search *q = opaque;

  (void) err;
  if (!q->has_id && is_called (s->id, s->id_len, q->wanted)) {
    q->by_id = *s;
    q->has_id = true;
  }
  if (!q->has_name && is_called (s->name, s->name_len, q->wanted)) {
    q->by_name = *s;
    q->has_name = true;
  }
  list_one (q, s);
  return 0;
}

static int
not_found (const struct search *q, struct error *err)
{
  char more[32] = "";

  if (q->nr_seen == 0)
    return error_set (err, ENOENT, "no snapshot has the id or name '%s': the "
                      "image has no snapshots", q->wanted);
  if (q->nr_seen > q->nr_listed)
    snprintf (more, sizeof more, " and %" PRIu32 " more",
              q->nr_seen - q->nr_listed);
  return error_set (err, ENOENT, "no snapshot has the id or name '%s': there "
                    "are %s%s", q->wanted, q->list, more);
}

int
snapshot_table_find (struct io *io, const struct qcow2_header *h,
                     uint64_t file_size, const char *id_or_name,
                     struct snapshot *ret, struct error *err)
{
  struct search q = { .wanted = id_or_name };

  if (snapshot_table_walk (io, h, file_size, look_at, &q, NULL, err) == -1)
    return -1;
  if (!q.has_id && !q.has_name)
    return not_found (&q, err);
  *ret = q.has_id ? q.by_id : q.by_name;
  ret->id = ret->name = NULL;
  return 0;
}

int
snapshot_table_apply (struct io *io, struct qcow2_header *h,
                      uint64_t file_size, const char *id_or_name,
                      struct error *err)
{
  struct snapshot s;

  if (snapshot_table_find (io, h, file_size, id_or_name, &s, err) == -1 ||
      snapshot_check_l1 (&s, h, err) == -1)
    return -1;
  h->l1_table_offset = s.l1_table_offset;
  h->nr_l1_entries = s.nr_l1_entries;
  h->virtual_size = s.disk_size;
  return 0;
}
