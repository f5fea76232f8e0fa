/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Malformed images: see malformed-cases.h.  No lock, no I/O.
 */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "malformed-internal.h"

#define DIRTY UINT64_C (1)
#define HEADER_INCOMPATIBLE 72

void
malformed_begin (struct maker *k, const struct base_image *b,
                 const char *fmt, ...)
{
  const int n = snprintf (k->m.name, sizeof k->m.name, "%s/", b->shape->name);
  va_list args;

  va_start (args, fmt);
  vsnprintf (k->m.name + n, sizeof k->m.name - (size_t) n, fmt, args);
  va_end (args);
  k->m.base = b;
  k->m.size = b->len;
  k->m.nr_patches = 0;
}

void
malformed_patch (struct maker *k, uint64_t offset, const void *data,
                 size_t len)
{
  const unsigned i = k->m.nr_patches++;

  if (i == MALFORMED_NR_PATCHES || len > MALFORMED_PATCH_BYTES)
    abort ();
  k->m.patches[i].offset = offset;
  k->m.patches[i].len = len;
  memcpy (k->m.patches[i].data, data, len);
}

void
malformed_patch_number (struct maker *k, uint64_t offset, unsigned width,
                        uint64_t value)
{
  uint8_t data[8];

  base_store (data, width, value);
  malformed_patch (k, offset, data, width);
}

void
malformed_emit (struct maker *k)
{
  k->fn (k->opaque, &k->m);
}

/* -- fields and bits ------------------------------------------------------ */

static void
poke_field (struct maker *k, const struct base_image *b,
            const struct base_field *f, uint64_t value)
{
  malformed_begin (k, b, "field/%s=0x%" PRIx64, f->name, value);
  malformed_patch_number (k, f->offset, f->width, value);
  malformed_emit (k);
}

#define MAX_VALUES 48

struct values {
  uint64_t mask, was;
  uint64_t v[MAX_VALUES];
  size_t nr;
};

/* Each once, and not the one that is there. */
static void
add_value (struct values *s, uint64_t value)
{
  size_t i;

  value &= s->mask;
  for (i = 0; i < s->nr; ++i)
    if (s->v[i] == value)
      return;
  if (value != s->was && s->nr < MAX_VALUES)
    s->v[s->nr++] = value;
}

/* A pointer that is off by a little keeps its flags. */
static void
add_around (struct values *s, const struct base_image *b)
{
  const uint64_t near[] = {
    1, 2, 8, 256, 512, b->cluster / 2, b->cluster, 3 * b->cluster,
    UINT64_C (1) << 40, UINT64_C (1) << 55, UINT64_C (1) << 61,
    UINT64_C (1) << 62, UINT64_C (1) << 63,
  };
  size_t i;

  for (i = 0; i < sizeof near / sizeof near[0]; ++i) {
    add_value (s, s->was + near[i]);
    add_value (s, s->was - near[i]);
  }
  add_value (s, s->was ^ 3);
}

static void
add_boundaries (struct values *s, const struct base_image *b)
{
  const uint64_t top = s->mask - s->mask / 2;
  const uint64_t absolute[] = {
    0, 1, 2, 7, 8, s->mask, s->mask - 1, s->mask - 511, top, top - 1,
    b->cluster, b->cluster - 1, b->len, b->len - b->cluster,
    b->len - b->cluster + 512, 64, 255, 1023, 1024, 1025, 65535, 65536, 65537,
    UINT64_C (1) << 22, (UINT64_C (1) << 22) + 1,
  };
  size_t i;

  for (i = 0; i < sizeof absolute / sizeof absolute[0]; ++i)
    add_value (s, absolute[i]);
}

static void
fields (struct maker *k, const struct base_image *b)
{
  size_t i, n;

  for (i = 0; i < b->nr_fields; ++i) {
    const struct base_field *f = &b->fields[i];
    struct values s = {
      .mask = f->width == 8 ? UINT64_MAX
                            : (UINT64_C (1) << (8 * f->width)) - 1,
      .was = base_load (b->bytes + f->offset, f->width),
    };

    add_boundaries (&s, b);
    if (f->width > 2)
      add_around (&s, b);
    for (n = 0; n < s.nr; ++n)
      poke_field (k, b, f, s.v[n]);
  }
}

static void
bits (struct maker *k, const struct base_image *b)
{
  static const char *const names[] = {
    "incompatible", "compatible", "autoclear", "l1-0", "l2-0", "l2-4",
    "reftable-0", "l2-1-bitmap", "bitmap-table-0",
  };
  size_t i, n;
  unsigned bit;

  for (i = 0; i < b->nr_fields; ++i)
    for (n = 0; n < sizeof names / sizeof names[0]; ++n)
      for (bit = 0; strcmp (b->fields[i].name, names[n]) == 0 && bit < 64;
           ++bit) {
        const struct base_field *f = &b->fields[i];

        malformed_begin (k, b, "bit/%s^%u", f->name, bit);
        malformed_patch_number (k, f->offset, 8,
                                base_load (b->bytes + f->offset, 8) ^
                                UINT64_C (1) << bit);
        malformed_emit (k);
      }
}

/* -- structures over each other ------------------------------------------- */

static void
overlap (struct maker *k, const struct base_image *b,
         const struct base_field *f, const struct base_place *p, bool dirty)
{
  malformed_begin (k, b, "%s/%s=%s", dirty ? "dirty-overlap" : "overlap",
                   f->name, p->name);
  malformed_patch_number (k, f->offset, 8, p->offset | f->flags);
  if (dirty)
    malformed_patch_number (k, HEADER_INCOMPATIBLE, 8, DIRTY |
                            base_load (b->bytes + HEADER_INCOMPATIBLE, 8));
  malformed_emit (k);
}

static bool
is_pointer (const struct base_field *f)
{
  return f->to != AT_HEADER ||
    (f->width == 8 && (strncmp (f->name, "l2-", 3) == 0 ||
                       strncmp (f->name, "snapshot-l2-", 12) == 0 ||
                       strcmp (f->name, "l1-1") == 0 ||
                       strcmp (f->name, "reftable-1") == 0));
}

static void
overlaps (struct maker *k, const struct base_image *b, bool dirty)
{
  size_t i, n;

  for (i = 0; i < b->nr_fields; ++i)
    for (n = 0; is_pointer (&b->fields[i]) && n < NR_PLACES; ++n)
      if (n != AT_EXTENSIONS && b->places[n].len > 0 &&
          n != b->fields[i].to)
        overlap (k, b, &b->fields[i], &b->places[n], dirty);
}

/* -- cut off -------------------------------------------------------------- */

static void
cut (struct maker *k, const struct base_image *b, uint64_t size)
{
  malformed_begin (k, b, "cut/%" PRIu64, size);
  k->m.size = size;
  malformed_emit (k);
}

static void
cuts (struct maker *k, const struct base_image *b)
{
  const uint64_t header =
    b->places[AT_EXTENSIONS].offset + b->places[AT_EXTENSIONS].len;
  uint64_t i;

  for (i = 0; i < NR_PLACES; ++i) {
    const struct base_place *p = &b->places[i];

    if (i == AT_EXTENSIONS || p->len == 0)
      continue;
    cut (k, b, p->offset + 1);
    cut (k, b, p->offset + p->len / 2);
    cut (k, b, p->offset + p->len - 1);
    cut (k, b, p->offset + p->len);
  }
  for (i = 0; b->cluster == 512 && i <= header; ++i)
    cut (k, b, i);
}

/* -- compressed ----------------------------------------------------------- */

static void
packed_bytes (struct maker *k, const struct base_image *b, const char *what,
              const void *data, size_t len)
{
  malformed_begin (k, b, "packed/%s", what);
  malformed_patch (k, b->places[AT_COMPRESSED].offset, data, len);
  malformed_emit (k);
}

static void
packed (struct maker *k, const struct base_image *b)
{
  /* A stored block of one byte, and the last; a frame of zstd that says that
   * its content is 2^62 bytes. */
  static const uint8_t short_output[] = { 1, 1, 0, 0xfe, 0xff, 'x' };
  static const uint8_t huge_frame[] = {
    0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0,
  };
  static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff };
  uint8_t same[256];
  unsigned i;

  if (b->places[AT_COMPRESSED].len == 0)
    return;
  packed_bytes (k, b, "short-output", short_output, sizeof short_output);
  packed_bytes (k, b, "huge-frame", huge_frame, sizeof huge_frame);
  packed_bytes (k, b, "skippable-frame", skippable, sizeof skippable);
  for (i = 0; i < 256; i += 17) {
    char what[16];

    memset (same, (int) i, sizeof same);
    snprintf (what, sizeof what, "all-%02x", i);
    packed_bytes (k, b, what, same, sizeof same);
  }
}

void
malformed_each (const struct base_image *bases, size_t nr_bases,
                malformed_fn *fn, void *opaque)
{
  struct maker *k = calloc (1, sizeof *k);
  size_t i;

  if (!k)
    abort ();
  k->fn = fn;
  k->opaque = opaque;
  for (i = 0; i < nr_bases; ++i) {
    const struct base_image *b = &bases[i];

    malformed_begin (k, b, "undamaged");
    malformed_emit (k);
    fields (k, b);
    bits (k, b);
    overlaps (k, b, false);
    if (b->shape->version > 2)
      overlaps (k, b, true);
    cuts (k, b);
    packed (k, b);
    malformed_names (k, b);
  }
  free (k);
}
