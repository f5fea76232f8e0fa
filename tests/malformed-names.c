/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Malformed images: names.  What an image may name is other files, and who
 * reads its messages sees the names of features and snapshots.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "malformed-internal.h"

enum { BACKING_OFFSET = 8, BACKING_LEN = 16 };
#define LONGEST 2048

struct name {
  const char *what;
  const char *text;             /* NULL: LEN letters */
  size_t len;                   /* 0: of TEXT */
};

#define NAME(text) { text, text, 0 }
static const struct name names[] = {
  NAME ("/etc/passwd"), NAME ("../../../../../etc/passwd"), NAME ("."),
  NAME (".."), NAME ("/"), NAME ("./base.raw"), NAME ("sub/../base.raw"),
  NAME ("out"), NAME ("pipe"), NAME ("t.qcow2"),
  NAME ("/proc/self/fd/0"), NAME ("/dev/fd/0"), NAME ("/dev/stdin"),
  NAME ("/dev/zero"), NAME ("nbd://localhost:1/"), NAME ("fat:/etc"),
  NAME ("nbd:unix:/tmp/x:exportname=y"), NAME ("http://localhost:1/x"),
  NAME ("fd:0"), NAME ("file:/etc/passwd"), NAME ("file:base.raw"),
  NAME ("file:///etc/passwd"), NAME ("blkdebug::base.raw"),
  NAME ("host_device:/dev/null"), NAME ("raw:base.raw"), NAME ("%n%n%s%s"),
  NAME ("json:"), NAME ("json:{}"), NAME ("json:["), NAME ("json:null"),
  NAME ("json:{\"driver\":\"raw\"}"),
  NAME ("json:{\"driver\":\"raw\",\"file\":{\"driver\":\"nbd\"}}"),
  NAME ("json:{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}"),
  NAME ("json:{\"driver\":\"file\",\"filename\":\"base.raw\"}"),
  NAME ("json:{\"driver\":\"file\",\"filename\":7}"),
  NAME ("json:{\"driver\":\"qcow2\",\"file\":\"x\"}"),
  { "json-nul", "json:{\"driver\":\"file\",\"filename\":\"a\\u0000b\"}", 0 },
  { "nul-first", "\0base.raw", 9 }, { "nul-inside", "base.raw\0/../x", 14 },
  { "one-nul", "\0", 1 }, { "control", "\1\33[31m\r\n", 9 },
  { "not-utf-8", "\xff\xfe\xc0\x80", 4 }, { "spaces", "  ", 2 },
  { "len-255", NULL, 255 }, { "len-256", NULL, 256 },
  { "len-1022", NULL, 1022 }, { "len-1023", NULL, 1023 },
  { "len-1024", NULL, 1024 }, { "len-2048", NULL, LONGEST },
};

static size_t
name_bytes (const struct name *n, uint8_t ret[LONGEST])
{
  const size_t len = n->len ? n->len : strlen (n->text);

  if (n->text)
    memcpy (ret, n->text, len);
  else
    memset (ret, 'n', len);
  return len;
}

/* "json:" with N times what is opened. */
static size_t
nested (uint8_t *buf, const char *opening, unsigned n)
{
  size_t len = strlen ("json:");

  memcpy (buf, "json:", len);
  while (n-- > 0 && len + strlen (opening) < LONGEST) {
    memcpy (buf + len, opening, strlen (opening));
    len += strlen (opening);
  }
  return len;
}

static void
backing (struct maker *k, const struct base_image *b, const char *what,
         const void *name, size_t len)
{
  const uint64_t offset = base_load (b->bytes + BACKING_OFFSET, 8);

  malformed_begin (k, b, "name/backing=%.40s", what);
  malformed_patch_number (k, BACKING_LEN, 4, len);
  malformed_patch (k, offset, name, len);
  malformed_emit (k);
}

/* The extension ID with DATA takes the place of the end of the extensions;
 * one of that kind that was there becomes one that nobody knows. */
static void
extension (struct maker *k, const struct base_image *b, const char *kind,
           uint32_t id, const char *what, const void *data, size_t len)
{
  const struct base_place *p = &b->places[AT_EXTENSIONS];
  const uint64_t end = p->offset + p->len - 8;
  uint8_t buf[LONGEST + 16] = "";
  size_t i;

  malformed_begin (k, b, "name/%s=%.40s", kind, what);
  for (i = 0; i < b->nr_fields; ++i)
    if (b->fields[i].width == 4 &&
        base_load (b->bytes + b->fields[i].offset, 4) == id)
      malformed_patch_number (k, b->fields[i].offset, 4, 0x756e6b6e);
  base_store (buf, 4, id);
  base_store (buf + 4, 4, len);
  memcpy (buf + 8, data, len);
  malformed_patch (k, end, buf, 8 + (len + 7) / 8 * 8);
  malformed_emit (k);
}

static void
each_name (struct maker *k, const struct base_image *b, const char *kind,
           uint32_t id)
{
  uint8_t buf[LONGEST];
  size_t i, len;

  for (i = 0; i < sizeof names / sizeof names[0]; ++i) {
    const char *what = names[i].what;

    len = name_bytes (&names[i], buf);
    if (id)
      extension (k, b, kind, id, what, buf, len);
    else
      backing (k, b, what, buf, len);
  }
  len = nested (buf, "[", 1000);
  if (id)
    extension (k, b, kind, id, "json-deep", buf, len);
  else
    backing (k, b, "json-deep", buf, len);
  if (id)
    return;
  len = nested (buf, "{\"backing\":", 90);
  backing (k, b, "json-deep-backing", buf, len);
}

/* A bit that nobody knows, and what it is said to be called. */
static void
feature (struct maker *k, const struct base_image *b, const char *what,
         const void *name, size_t len)
{
  uint8_t table[48] = { 0, 41 };

  memcpy (table + 2, name, len < 46 ? len : 46);
  extension (k, b, "feature", 0x6803f857, what, table, sizeof table);
}

static void
features (struct maker *k, const struct base_image *b)
{
  uint8_t buf[LONGEST];
  size_t i, len;

  for (i = 0; i < sizeof names / sizeof names[0]; ++i) {
    len = name_bytes (&names[i], buf);
    feature (k, b, names[i].what, buf, len);
  }
  memset (buf, 0, sizeof buf);
  for (len = 0; len < 200; len += 47)
    extension (k, b, "feature-table", 0x6803f857, "odd", buf, len);
}

static void
snapshot (struct maker *k, const struct base_image *b, const char *what,
          const void *name, size_t len)
{
  const uint64_t s = b->places[AT_SNAPSHOTS].offset;

  malformed_begin (k, b, "name/snapshot=%.40s", what);
  malformed_patch_number (k, s + 14, 2, len);
  malformed_patch (k, s + 57, name, len);
  malformed_emit (k);
}

static void
snapshots (struct maker *k, const struct base_image *b)
{
  uint8_t buf[LONGEST];
  size_t i, len;

  for (i = 0; i < sizeof names / sizeof names[0]; ++i) {
    len = name_bytes (&names[i], buf);
    snapshot (k, b, names[i].what, buf, len);
  }
}

void
malformed_names (struct maker *k, const struct base_image *b)
{
  const bool roomy = b->cluster >= 4096;

  if (roomy && (b->shape->flags & BASE_BACKING)) {
    each_name (k, b, "backing", 0);
    each_name (k, b, "format", 0xe2792aca);
  }
  if (roomy && (b->shape->flags & BASE_DATA_FILE)) {
    each_name (k, b, "data", 0x44415441);
    features (k, b);
  }
  if (roomy && (b->shape->flags & BASE_SNAPSHOT))
    snapshots (k, b);
}
