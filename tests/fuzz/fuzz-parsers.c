/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz target: parsers of bytes that come from outside: the first byte says
 * which, the rest is its input.
 */

#include <config.h>

#include <errno.h>

#include "bitmap-directory.h"
#include "command.h"
#include "compressed.h"
#include "fuzz.h"
#include "json-name.h"
#include "luks-header.h"
#include "memdisk.h"
#include "qcow2-areas.h"
#include "record-place.h"
#include "record.h"
#include "snapshot-table.h"
#include "ticket-json.h"

#define MAX_INFLATED 65536u

typedef void parser (const uint8_t *data, size_t len);

static void
parse_header (const uint8_t *data, size_t len)
{
  struct qcow2_header h;
  struct qcow2_areas areas;
  struct error err = ERROR_INIT;

  if (qcow2_header_parse (data, len, &h, &err) == -1) {
    require (err.errnum != 0 && err.text[0], "refused without a reason");
    return;
  }
  require (memchr (h.backing_name, 0, sizeof h.backing_name) != NULL,
           "names are terminated");
  require (h.virtual_size % 512 == 0, "the size is one of sectors");
  qcow2_areas_parse (data, len, &h, &areas, &err);
  qcow2_header_unsupported (&h, true, &err);
}

static void
parse_json_name (const uint8_t *data, size_t len)
{
  char *name = malloc (len + 6);
  struct file_spec *s = NULL;
  struct error err = ERROR_INIT;

  require (name != NULL, "no memory");
  memcpy (name, "json:", 5);
  memcpy (name + 5, data, len);
  name[len + 5] = '\0';
  if (json_name_parse (name, &s, &err) == 0) {
    require (s->path != NULL, "a file has a path");
    file_spec_free (s);
  }
  free (name);
}

static void
parse_ticket (const uint8_t *data, size_t len)
{
  json_t *json = json_loadb ((const char *) data, len, JSON_DECODE_ANY, NULL);
  struct error err = ERROR_INIT;
  struct ticket t, again;
  json_t *text;

  if (json && ticket_parse (json, &t, &err) == 0) {
    text = ticket_json (&t);
    require (text && ticket_parse (text, &again, &err) == 0 &&
             memcmp (&t.release, &again.release, sizeof t.release) == 0,
             "a ticket that was written is the one that was read");
    json_decref (text);
  }
  json_decref (json);
}

static void
parse_record (const uint8_t *data, size_t len)
{
  uint8_t again[RECORD_BYTES];
  struct error err = ERROR_INIT;
  struct record r;

  if (record_decode (data, len, &r, &err) == -1)
    return;
  record_encode (&r, again);
  require (memcmp (data, again, RECORD_BYTES) == 0,
           "a record that was written is the one that was read");
}

static void
parse_luks (const uint8_t *data, size_t len)
{
  struct luks_header h;
  struct error err = ERROR_INIT;

  luks_header_parse (data, len, UINT64_C (2) << 20, &h, &err);
}

/* Reads all of it, for a sanitizer to see. */
static void
touch (const char *text, uint32_t len)
{
  uint8_t sum = 0;

  while (len > 0)
    sum ^= (uint8_t) text[--len];
  __asm__ volatile ("" : : "r" (sum));
}

static int
take_snapshot (void *opaque, const struct snapshot *s, struct error *err)
{
  (void) opaque;
  (void) err;
  touch (s->id, s->id_len);
  touch (s->name, s->name_len);
  return 0;
}

static int
take_bitmap (void *opaque, const struct bitmap *b, struct error *err)
{
  (void) opaque;
  (void) err;
  require (b->nr_table_entries <= 1u << 27, "a bitmap's table has bounds");
  touch (b->name, b->name_len);
  return 0;
}

/* A table at the beginning of a file that has nothing else. */
static void
parse_tables (const uint8_t *data, size_t len)
{
  struct input in = { data, len };
  struct qcow2_header h = {
    .version = 3, .cluster_bits = 16, .cluster_size = 65536,
    .virtual_size = 1 << 20,
    .nr_snapshots = (uint32_t) input_number (&in, 2),
    .l2_entry_bytes = 8, .l2_bits = 13,
  };
  const struct qcow2_areas areas = {
    .nr_bitmaps = h.nr_snapshots,
    .bitmap_directory_bytes = input_number (&in, 2),
  };
  struct error err = ERROR_INIT;
  static struct memdisk d;
  struct io *io;

  if (!d.pages)
    memdisk_init (&d);
  memdisk_reset (&d, in.data, in.len);
  io = memdisk_open (&d, 0, 1);
  snapshot_table_walk (io, &h, in.len, take_snapshot, NULL, NULL, &err);
  bitmap_directory_walk (io, &h, &areas, take_bitmap, NULL, &err);
  io_close (io);
  memdisk_reset (&d, NULL, 0);
}

static void
parse_compressed (const uint8_t *data, size_t len)
{
  struct error err = ERROR_INIT;
  uint8_t *out = malloc (MAX_INFLATED);
  struct inflater *d = NULL;

  require (out != NULL, "no memory");
  if (len > 0 && inflater_new (data[0] & 1, &d, &err) == 0)
    inflater_run (d, data + 1, len - 1, out, MAX_INFLATED, &err);
  inflater_free (d);
  free (out);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  static parser *const parsers[] = {
    parse_header, parse_json_name, parse_ticket, parse_record, parse_luks,
    parse_tables, parse_compressed,
  };

  if (len > 0)
    parsers[data[0] % (sizeof parsers / sizeof parsers[0])] (data + 1,
                                                             len - 1);
  return 0;
}
