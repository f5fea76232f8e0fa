/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For the tests of io-file on a real filesystem: one file, opened buffered,
 * with O_DIRECT, or with O_DIRECT on blocks of 4096 bytes whatever the disk
 * has.
 *
 * The directory is made in $TMPDIR (or /tmp); where that has no O_DIRECT the
 * tests of it are skipped.
 */

#ifndef BATON_TESTS_IO_FILE_FIXTURE_H
#define BATON_TESTS_IO_FILE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "io-file-internal.h"

enum mode { BUFFERED, DIRECT, DIRECT_4K };

static char dir[256];
static char path[300];
static bool have_direct;

static inline struct io *
open_io (enum mode mode, unsigned flags)
{
  struct io_file_opener opener;
  struct error err = ERROR_INIT;
  struct io *io = NULL;
  struct io_file *f;

  io_file_opener_init (&opener, mode != BUFFERED, LOCKING_AUTO);
  if (opener.base.open (&opener.base, path, flags, &io, &err) == -1)
    fail_msg ("%s", err.text);
  if (mode == DIRECT_4K) {
    f = (struct io_file *) io;
    f->mem_align = f->block_bytes = 4096;
  }
  return io;
}

/* A fresh file of SIZE bytes of 0xaa. */
static inline struct io *
fresh_io (enum mode mode, size_t size)
{
  char *data = malloc (size + 1);
  FILE *f = fopen (path, "w");

  assert_non_null (data);
  assert_non_null (f);
  memset (data, 0xaa, size);
  assert_int_equal (fwrite (data, 1, size, f), size);
  assert_int_equal (fclose (f), 0);
  free (data);
  return open_io (mode, IO_OPEN_WRITE);
}

static inline void
require_bytes (struct io *io, uint64_t offset, size_t len, int byte)
{
  uint8_t *buf = malloc (len);
  size_t i;

  assert_non_null (buf);
  memset (buf, 0x77, len);
  assert_int_equal (io_pread (io, buf, len, offset, NULL), 0);
  for (i = 0; i < len; ++i)
    if (buf[i] != byte)
      fail_msg ("byte %llu is %#x and not %#x",
                (unsigned long long) offset + i, buf[i], byte);
  free (buf);
}

static inline uint64_t
size_of (struct io *io)
{
  uint64_t size;

  assert_int_equal (io_size (io, &size, NULL), 0);
  return size;
}

static inline int
make_dir (void **state)
{
  const char *tmp = getenv ("TMPDIR");
  int fd;

  (void) state;
  snprintf (dir, sizeof dir, "%.60s/baton-io-XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp (dir))
    return -1;
  snprintf (path, sizeof path, "%s/file", dir);
  fd = open (path, O_RDWR | O_CREAT | O_DIRECT, 0600);
  have_direct = fd != -1;
  if (fd != -1)
    close (fd);
  return 0;
}

static inline int
remove_dir (void **state)
{
  (void) state;
  unlink (path);
  return rmdir (dir);
}

/* A test per mode of check_NAME (mode), and their entries in the table. */
#define TEST_IN_MODE(name, mode, suffix)                \
  static void                                           \
  test_##name##suffix (void **state)                    \
  {                                                     \
    (void) state;                                       \
    if (mode != BUFFERED && !have_direct)               \
      skip ();                                          \
    check_##name (mode);                                \
  }
#define ALL_MODES(name)                         \
  TEST_IN_MODE (name, BUFFERED, _buffered)      \
  TEST_IN_MODE (name, DIRECT, _direct)          \
  TEST_IN_MODE (name, DIRECT_4K, _direct_4k)
#define UNIT_ALL_MODES(name)                    \
  cmocka_unit_test (test_##name##_buffered),    \
  cmocka_unit_test (test_##name##_direct),      \
  cmocka_unit_test (test_##name##_direct_4k)

#endif /* BATON_TESTS_IO_FILE_FIXTURE_H */
