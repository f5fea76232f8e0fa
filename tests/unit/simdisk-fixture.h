/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For the tests of the simulated disk: contents and states as letters.
 */

#ifndef BATON_TESTS_SIMDISK_FIXTURE_H
#define BATON_TESTS_SIMDISK_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simdisk.h"

#define S 512u

static inline void
put (struct io *io, char c, uint64_t offset, size_t len, unsigned flags)
{
  char *buf = malloc (len);

  assert_non_null (buf);
  memset (buf, c, len);
  assert_int_equal (io_pwrite (io, buf, len, offset, flags, NULL), 0);
  free (buf);
}

/* What a disk holds, one letter per sector: its byte if all are equal and
 * there, '.' for zeros, '?' where they differ; then the length. */
static inline const char *
letters (struct simdisk *d)
{
  static char text[100];
  struct io *io = simdisk_open (d, 0, NULL);
  uint64_t size, i;
  uint8_t buf[S];

  assert_int_equal (io_size (io, &size, NULL), 0);
  assert_true (size <= 32 * S);
  for (i = 0; i * S < size; ++i) {
    assert_int_equal (io_pread (io, buf, S, i * S, NULL), 0);
    text[i] = memcmp (buf, buf + 1, S - 1) ? '?' : buf[0] ? buf[0] : '.';
  }
  text[i] = '\0';
  io_close (io);
  return text;
}

static inline void
require (struct simdisk *d, const char *want)
{
  const char *found = letters (d);

  if (strcmp (found, want) != 0)
    fail_msg ("\"%s\", expected \"%s\"", found, want);
}

static inline int
compare (const void *a, const void *b)
{
  return strcmp (a, b);
}

/* All states, in the order of their letters, each once. */
static inline void
require_states (struct simdisk *d, const char *want)
{
  static char all[128][36], text[8192];
  const uint64_t nr = simdisk_nr_states (d);
  uint64_t i;

  assert_in_range (nr, 1, 128);
  for (i = 0; i < nr; ++i) {
    struct simdisk *c = simdisk_crash_state (d, i);

    strcpy (all[i], letters (c));
    assert_true (simdisk_nr_states (c) == 1);
    simdisk_free (c);
  }
  qsort (all, nr, sizeof all[0], compare);
  text[0] = '\0';
  for (i = 0; i < nr; ++i)
    if (i == 0 || strcmp (all[i], all[i - 1]) != 0)
      strcat (strcat (text, i ? " " : ""), all[i]);
  if (strcmp (text, want) != 0)
    fail_msg ("\"%s\", expected \"%s\"", text, want);
}

/* A disk with a durable TEXT, one letter per sector. */
static inline struct simdisk *
disk_with (const char *text, struct io **ret_io)
{
  struct simdisk *d = simdisk_new (S);
  size_t i;

  *ret_io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  for (i = 0; text[i]; ++i)
    put (*ret_io, text[i], i * S, S, 0);
  assert_int_equal (io_sync (*ret_io, NULL), 0);
  return d;
}

static inline void
done (struct simdisk *d, struct io *io)
{
  io_close (io);
  simdisk_free (d);
}

#endif /* BATON_TESTS_SIMDISK_FIXTURE_H */
