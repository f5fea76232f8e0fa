/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Placing the ownership record: see record-place.h for the rules.
 *
 * What a walk over the extensions finds (struct map):
 *
 *    header | others' | ours | ours | END |  (free)  | backing name
 *                     ^tail         ^end             ^limit
 *
 * All behind `tail` is ours to reuse, but for what the chain of extensions
 * needs until the one write that ends the change: the heads of ours, the
 * record that counts, and the end marker.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "cursor.h"
#include "qcow2-extension.h"
#include "qcow2-format.h"
#include "record-place.h"

#define HEAD_BYTES 8u
#define NAME_SLACK_BYTES 1024u
#define NO_OFFSET UINT64_MAX

struct map {
  uint64_t start;               /* of the extensions */
  uint64_t tail;
  uint64_t end;                 /* of the end marker; NO_OFFSET: none */
  uint64_t limit;
  uint64_t name_bytes;          /* of the backing file's name at `limit` */
  bool has_name;
  enum record_found found;
  struct record record;
  uint64_t record_offset;       /* of its head */
  struct error why;             /* RECORD_DAMAGED */
};

/* -- looking --------------------------------------------------------- */

static bool
is_ours (uint32_t type)
{
  return type == QCOW2_EXT_BATON_RECORD || type == QCOW2_EXT_BATON_PADDING;
}

static void
note_record (struct map *m, const struct qcow2_extension *e)
{
  struct record r;

  if (record_decode (e->data, e->len_bytes, &r, &m->why) == -1) {
    if (m->found == RECORD_ABSENT)
      m->found = RECORD_DAMAGED;
    return;
  }
  if (m->found == RECORD_VALID && r.epoch < m->record.epoch)
    return;
  m->found = RECORD_VALID;
  m->record = r;
  m->record_offset = e->offset;
}

static void
start_map (struct map *m, const uint8_t *header, size_t cluster_size)
{
  const uint64_t name = load_be64 (header + QCOW2_HDR_BACKING_OFFSET);

  *m = (struct map) { .end = NO_OFFSET, .record_offset = NO_OFFSET };
  m->start = load_be32 (header + 4) == 2 ? QCOW2_V2_HEADER_BYTES
                                         : load_be32 (header + 100);
  m->has_name = name != 0;
  m->limit = m->has_name ? name : cluster_size;
  m->name_bytes = m->has_name ? load_be32 (header + 16) : 0;
  m->tail = m->start;
}

static void
make_map (struct map *m, const uint8_t *header, size_t cluster_size)
{
  struct qcow2_extension_walk walk;
  struct qcow2_extension e;
  uint64_t next;

  start_map (m, header, cluster_size);
  next = m->start;
  qcow2_extension_walk_init (&walk, header, m->start, m->limit);
  while (qcow2_extension_next (&walk, &e, NULL) == 1) {
    next = e.offset + HEAD_BYTES + align_up (e.len_bytes, 8);
    if (e.type == QCOW2_EXT_BATON_RECORD)
      note_record (m, &e);
    if (!is_ours (e.type))
      m->tail = next;
  }
  if (next + HEAD_BYTES <= m->limit &&
      load_be32 (header + next) == QCOW2_EXT_END)
    m->end = next;
}

enum record_found
record_find (const uint8_t *header, size_t cluster_size, struct record *ret,
             struct error *err)
{
  struct map m;

  make_map (&m, header, cluster_size);
  if (m.found == RECORD_VALID)
    *ret = m.record;
  if (m.found == RECORD_DAMAGED && err)
    *err = m.why;
  return m.found;
}

/* -- finding a place ------------------------------------------------- */

static bool
in_one_sector (uint64_t offset)
{
  return offset / RECORD_SECTOR_BYTES ==
    (offset + RECORD_EXTENSION_BYTES - 1) / RECORD_SECTOR_BYTES;
}

static bool
overlap (uint64_t a, uint64_t a_end, uint64_t b, uint64_t b_len)
{
  return a < b + b_len && b < a_end;
}

/* Whether writing [LO, HI) would break the chain that is there. */
static bool
breaks_chain (const struct map *m, const uint8_t *header, uint64_t lo,
              uint64_t hi)
{
  struct qcow2_extension_walk walk;
  struct qcow2_extension e;

  if (overlap (lo, hi, m->end, HEAD_BYTES))
    return true;
  if (m->found == RECORD_VALID &&
      overlap (lo, hi, m->record_offset, RECORD_EXTENSION_BYTES))
    return true;
  qcow2_extension_walk_init (&walk, header, m->tail, m->limit);
  while (qcow2_extension_next (&walk, &e, NULL) == 1)
    if (overlap (lo, hi, e.offset, HEAD_BYTES))
      return true;
  return false;
}

/* Where a record at OFFSET would be written first: without its head where
 * that is the head which ends the change, without an end marker where the
 * present one is right behind it. */
struct place {
  uint64_t offset;
  uint64_t lo, hi;
};

static struct place
place_at (const struct map *m, uint64_t offset)
{
  const uint64_t after = offset + RECORD_EXTENSION_BYTES;

  return (struct place) {
    .offset = offset,
    .lo = offset == m->tail ? offset + HEAD_BYTES : offset,
    .hi = after == m->end ? after : after + HEAD_BYTES,
  };
}

/* It ends: sooner or later a place reaches behind the limit. */
static bool
find_place (const struct map *m, const uint8_t *header, struct place *ret)
{
  uint64_t offset;

  for (offset = m->tail;; offset += 8) {
    const struct place p = place_at (m, offset);

    if (p.hi > m->limit)
      return false;
    if (in_one_sector (offset) && !breaks_chain (m, header, p.lo, p.hi)) {
      *ret = p;
      return true;
    }
  }
}

static int
no_room (struct error *err, const char *why)
{
  return error_set_class (err, ENOSPC, "NoRoom",
                          "there is no room for an ownership record in its "
                          "header: %s", why);
}

/* -- writing --------------------------------------------------------- */

/* To the file and to our copy of it. */
static int
put_flags (struct io *io, uint8_t *header, const void *data, size_t len,
           uint64_t offset, unsigned flags, struct error *err)
{
  if (io_pwrite (io, data, len, offset, flags, err) == -1)
    return error_prefix (err, "writing the ownership record");
  memcpy (header + offset, data, len);
  return 0;
}

static int
put (struct io *io, uint8_t *header, const void *data, size_t len,
     uint64_t offset, struct error *err)
{
  return put_flags (io, header, data, len, offset, IO_DSYNC, err);
}

static int
put_head (struct io *io, uint8_t *header, uint32_t type, uint64_t len,
          uint64_t offset, struct error *err)
{
  uint8_t head[HEAD_BYTES];

  store_be32 (head, type);
  store_be32 (head + 4, (uint32_t) len);
  return put (io, header, head, sizeof head, offset, err);
}

static int
put_record (struct io *io, uint8_t *header, const struct map *m,
            const struct place *p, const struct record *r, struct error *err)
{
  uint8_t image[RECORD_EXTENSION_BYTES + HEAD_BYTES] = { 0 };

  store_be32 (image, QCOW2_EXT_BATON_RECORD);
  store_be32 (image + 4, RECORD_BYTES);
  record_encode (r, image + HEAD_BYTES);
  if (put (io, header, image + (p->lo - p->offset), p->hi - p->lo, p->lo,
           err) == -1)
    return -1;
  if (p->offset == m->tail)
    return put_head (io, header, QCOW2_EXT_BATON_RECORD, RECORD_BYTES, m->tail,
                     err);
  return put_head (io, header, QCOW2_EXT_BATON_PADDING,
                   p->offset - m->tail - HEAD_BYTES, m->tail, err);
}

/* What is left over of an earlier crash, or lies before an extension of
 * others', becomes padding. */
static int
retire_others (struct io *io, uint8_t *header, size_t cluster_size,
               struct error *err)
{
  struct qcow2_extension_walk walk;
  struct qcow2_extension e;
  struct map m;

  make_map (&m, header, cluster_size);
  qcow2_extension_walk_init (&walk, header, m.start, m.limit);
  while (qcow2_extension_next (&walk, &e, NULL) == 1)
    if (e.type == QCOW2_EXT_BATON_RECORD && e.offset != m.record_offset &&
        put_head (io, header, QCOW2_EXT_BATON_PADDING, e.len_bytes, e.offset,
                  err) == -1)
      return -1;
  return 0;
}

/* Rule 3.  Where the name goes: behind a place for the record; 0: nowhere. */
static uint64_t
name_place (const struct map *m, const uint8_t *header, size_t cluster_size)
{
  const uint64_t len = m->name_bytes, old_end = m->limit + len;
  struct map after = *m;
  struct place p;

  after.limit = align_up (max_u64 (m->end + HEAD_BYTES + NAME_SLACK_BYTES,
                                   old_end), 8);
  if (after.limit + len > cluster_size)
    after.limit = align_down (cluster_size - len, 8);
  return after.limit >= old_end && find_place (&after, header, &p)
    ? after.limit : 0;
}

static int
move_name (struct io *io, uint8_t *header, size_t cluster_size,
           struct map *m, struct error *err)
{
  const uint64_t to = name_place (m, header, cluster_size);
  uint8_t name[QCOW2_MAX_BACKING_NAME_BYTES], be[8];

  if (to == 0)
    return no_room (err, "the backing file's name fills it; clusters of 64 "
                    "KiB (qemu-img convert) or a shorter name (qemu-img "
                    "rebase -u) make room");
  memcpy (name, header + m->limit, m->name_bytes);
  store_be64 (be, to);
  if (put (io, header, name, m->name_bytes, to, err) == -1 ||
      put (io, header, be, sizeof be, QCOW2_HDR_BACKING_OFFSET, err) == -1)
    return -1;
  make_map (m, header, cluster_size);
  return 0;
}

static int
check_map (const struct map *m, struct error *err)
{
  if (m->end == NO_OFFSET)
    return no_room (err, "it has no end marker for its extensions; qemu-img "
                    "rebase -u or qemu-img amend write it again");
  if (!is_aligned (m->start, 8) ||
      m->name_bytes > QCOW2_MAX_BACKING_NAME_BYTES)
    return no_room (err, "its length is no multiple of 8 bytes; qemu-img "
                    "amend writes it again");
  return 0;
}

static int
place_record (struct io *io, uint8_t *header, size_t cluster_size,
              const struct record *r, struct error *err)
{
  struct place p;
  struct map m;

  make_map (&m, header, cluster_size);
  if (check_map (&m, err) == -1)
    return -1;
  if (!find_place (&m, header, &p)) {
    if (!m.has_name)
      return no_room (err, "its clusters are too small; qemu-img convert "
                      "makes an image with larger ones");
    if (move_name (io, header, cluster_size, &m, err) == -1)
      return -1;
    find_place (&m, header, &p);
  }
  return put_record (io, header, &m, &p, r, err);
}

int
record_write (struct io *io, uint8_t *header, size_t cluster_size,
              const struct record *r, unsigned flags, struct error *err)
{
  uint8_t data[RECORD_BYTES];
  struct map m;
  int ret;

  make_map (&m, header, cluster_size);
  if (m.found == RECORD_VALID && in_one_sector (m.record_offset)) {
    record_encode (r, data);
    ret = put_flags (io, header, data, sizeof data,
                     m.record_offset + HEAD_BYTES, flags, err);
  }
  else
    ret = place_record (io, header, cluster_size, r, err);
  return ret == -1 ? -1 : retire_others (io, header, cluster_size, err);
}
