/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Table-driven tests of qcow2_header_parse: a case is a built header, pokes
 * at its fields and what must come of it.
 */

#ifndef BATON_TESTS_HEADER_CASES_H
#define BATON_TESTS_HEADER_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "header-builder.h"
#include "qcow2-header.h"

#define MAX_POKES 6

struct header_case {
  const char *name;
  uint32_t version;
  struct poke pokes[MAX_POKES];
  size_t len_bytes;             /* 0: BUILT_BYTES */
  int errnum;                   /* 0: accepted */
  const char *text;             /* must be in the error's text */
};

/* What qcow2-header.h promises of an accepted header, asked for by means
 * other than the parser's. */
static inline void
check_guarantees (const struct qcow2_header *h)
{
  unsigned __int128 l1_bytes = (unsigned __int128) h->nr_l1_entries * 8;
  unsigned __int128 reftable_bytes =
    (unsigned __int128) h->nr_reftable_clusters << h->cluster_bits;
  unsigned __int128 covered = l1_bytes / 8;

  assert_true (h->version == 2 || h->version == 3);
  assert_in_range (h->cluster_bits, 9, 21);
  assert_int_equal (h->cluster_size, UINT64_C (1) << h->cluster_bits);
  assert_true (h->refcount_order <= 6);
  assert_int_equal ((h->cluster_size * 8) >> h->refcount_order,
                    UINT64_C (1) << h->refblock_bits);
  assert_true (h->l2_entry_bytes == 8 || h->l2_entry_bytes == 16);
  assert_int_equal (h->cluster_size / h->l2_entry_bytes,
                    UINT64_C (1) << h->l2_bits);
  if (h->version == 2) {
    assert_int_equal (h->incompatible_features, 0);
    assert_int_equal (h->compatible_features, 0);
    assert_int_equal (h->autoclear_features, 0);
    assert_int_equal (h->refcount_order, 4);
    assert_int_equal (h->header_length, 72);
  }
  assert_int_equal (h->incompatible_features & ~UINT64_C (0x1f), 0);
  assert_int_equal (h->compression_type,
                    (h->incompatible_features >> 3) & 1);

  assert_int_equal (h->virtual_size % 512, 0);
  covered = covered * h->cluster_size * (h->cluster_size / h->l2_entry_bytes);
  assert_true (covered >= h->virtual_size);
  assert_true (l1_bytes <= 32 << 20);
  assert_true (reftable_bytes > 0 && reftable_bytes <= 8 << 20);
  assert_int_equal (h->l1_table_offset % h->cluster_size, 0);
  assert_int_equal (h->reftable_offset % h->cluster_size, 0);
  assert_true (h->l1_table_offset + l1_bytes < INT64_MAX);
  assert_true (h->reftable_offset + reftable_bytes < INT64_MAX);
  assert_int_not_equal (h->reftable_offset, 0);
  assert_true (h->nr_l1_entries == 0 || h->l1_table_offset != 0);

  assert_non_null (memchr (h->backing_name, 0, sizeof h->backing_name));
  assert_non_null (memchr (h->backing_format, 0, sizeof h->backing_format));
  assert_int_equal (h->backing_name_offset != 0, h->backing_name[0] != 0);
}

/* Parse a copy whose end the sanitizer watches. */
static inline int
parse_exactly (const uint8_t *data, size_t len, struct qcow2_header *ret,
               struct error *err)
{
  uint8_t *copy = malloc (len);
  int r;

  assert_non_null (copy);
  memcpy (copy, data, len);
  r = qcow2_header_parse (copy, len, ret, err);
  free (copy);
  return r;
}

static inline void
check_refusal (const char *name, int r, const struct error *err,
               int errnum, const char *text)
{
  if (r != -1 || err->errnum != errnum || !strstr (err->text, text))
    fail_msg ("%s: returned %d, errno %d, \"%s\"; expected errno %d, \"%s\"",
              name, r, err->errnum, err->text, errnum, text);
  if (strchr (err->text, '\n'))
    fail_msg ("%s: more than one line", name);
}

static inline void
run_case (const struct header_case *c)
{
  static uint8_t buf[BUILT_BYTES];
  struct error err = ERROR_INIT;
  struct qcow2_header h, untouched;
  int i, r;

  build_header (buf, c->version);
  for (i = 0; i < MAX_POKES && c->pokes[i].width != 0; i++)
    poke (buf, c->pokes[i]);
  memset (&h, 0x5a, sizeof h);
  untouched = h;
  r = parse_exactly (buf, c->len_bytes ? c->len_bytes : BUILT_BYTES,
                     &h, &err);
  if (c->errnum != 0) {
    check_refusal (c->name, r, &err, c->errnum, c->text);
    assert_memory_equal (&h, &untouched, sizeof h);
    return;
  }
  if (r != 0)
    fail_msg ("%s: refused: %s", c->name, err.text);
  check_guarantees (&h);
}

#define RUN_CASES(cases)                                        \
  do {                                                          \
    size_t i_;                                                  \
    for (i_ = 0; i_ < sizeof cases / sizeof cases[0]; i_++)     \
      run_case (&cases[i_]);                                    \
  } while (0)

static inline void
parse_ok (const uint8_t *buf, struct qcow2_header *ret)
{
  struct error err = ERROR_INIT;

  if (parse_exactly (buf, BUILT_BYTES, ret, &err) == -1)
    fail_msg ("refused: %s", err.text);
  check_guarantees (ret);
}

#endif /* BATON_TESTS_HEADER_CASES_H */
