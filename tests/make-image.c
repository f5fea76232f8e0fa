/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writes, in no time and hardly any host space, an image whose L1 table is
 * full: every L2 table is there, and is a hole in the file, that is, empty.
 * `qemu-img create -o preallocation=metadata' makes such images too, but
 * takes hours and terabytes for large ones.
 *
 * Layout, in clusters: header, refcount table, refcount blocks, L1 table,
 * L2 tables.  It shares no code with core/.
 */

#include <config.h>

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPIED (UINT64_C (1) << 63)

struct layout {
  uint64_t size;                /* of the disk, bytes */
  uint64_t cluster;             /* bytes; the rest are numbers of clusters */
  uint64_t nr_table;
  uint64_t nr_blocks;
  uint64_t nr_l1;
  uint64_t nr_l2;               /* also the entries of the L1 table */
  uint64_t total;
};

static uint64_t
div_up (uint64_t n, uint64_t d)
{
  return (n + d - 1) / d;
}

/* Refcounts are 16 bits wide and count themselves. */
static struct layout
lay_out (uint64_t cluster, uint64_t size)
{
  struct layout l = { .size = size, .cluster = cluster };
  uint64_t before;

  l.nr_l2 = div_up (size, cluster * (cluster / 8));
  l.nr_l1 = div_up (l.nr_l2 * 8, cluster);
  do {
    before = l.nr_table + l.nr_blocks;
    l.total = 1 + before + l.nr_l1 + l.nr_l2;
    l.nr_blocks = div_up (l.total, cluster / 2);
    l.nr_table = div_up (l.nr_blocks * 8, cluster);
  } while (l.nr_table + l.nr_blocks != before);
  return l;
}

static void
must_write (int fd, const void *buf, size_t len, uint64_t offset)
{
  if (pwrite (fd, buf, len, (off_t) offset) != (ssize_t) len) {
    perror ("make-image: pwrite");
    exit (EXIT_FAILURE);
  }
}

static void
write_header (int fd, const struct layout *l)
{
  uint8_t h[112] = "QFI\xfb";
  const uint32_t words[] = {
    /* 4 */ 3, 0, 0, 0, (uint32_t) __builtin_ctzll (l->cluster),
    /* 24 */ (uint32_t) (l->size >> 32), (uint32_t) l->size, 0,
    /* 36 */ (uint32_t) l->nr_l2, 0, 0,
    /* 48 */ 0, (uint32_t) l->cluster, (uint32_t) l->nr_table,
  };
  const uint64_t l1 = htobe64 ((1 + l->nr_table + l->nr_blocks) * l->cluster);
  const uint32_t order = htobe32 (4), length = htobe32 (104);
  size_t i;

  for (i = 0; i < sizeof words / sizeof words[0]; i++) {
    const uint32_t be = htobe32 (words[i]);

    memcpy (h + 4 + 4 * i, &be, 4);
  }
  memcpy (h + 40, &l1, 8);
  memcpy (h + 96, &order, 4);
  memcpy (h + 100, &length, 4);
  must_write (fd, h, sizeof h, 0);
}

/* NR entries of 8 bytes at AT: clusters from FIRST on. */
static void
write_pointers (int fd, const struct layout *l, uint64_t at, uint64_t first,
                uint64_t nr, uint64_t flags)
{
  uint64_t *entries = malloc (nr * sizeof *entries);
  uint64_t i;

  for (i = 0; entries && i < nr; i++)
    entries[i] = htobe64 ((first + i) * l->cluster | flags);
  if (!entries) {
    perror ("make-image: malloc");
    exit (EXIT_FAILURE);
  }
  must_write (fd, entries, nr * sizeof *entries, at * l->cluster);
  free (entries);
}

static void
write_refcounts (int fd, const struct layout *l)
{
  static uint16_t ones[32768];
  const uint64_t at = (1 + l->nr_table) * l->cluster;
  uint64_t done, n;
  size_t i;

  for (i = 0; i < sizeof ones / sizeof ones[0]; i++)
    ones[i] = htobe16 (1);
  for (done = 0; done < l->total; done += n) {
    n = l->total - done;
    if (n > sizeof ones / sizeof ones[0])
      n = sizeof ones / sizeof ones[0];
    must_write (fd, ones, 2 * n, at + 2 * done);
  }
}

static int
create_file (const char *name, uint64_t len)
{
  const int fd = open (name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

  if (fd == -1 || ftruncate (fd, (off_t) len) == -1) {
    perror (name);
    exit (EXIT_FAILURE);
  }
  return fd;
}

int
main (int argc, char *argv[])
{
  struct layout l;
  uint64_t cluster, size;
  int fd;

  if (argc != 4) {
    fputs ("usage: make-image FILE CLUSTER-BYTES DISK-BYTES\n", stderr);
    return 2;
  }
  cluster = strtoull (argv[2], NULL, 10);
  size = strtoull (argv[3], NULL, 10);
  if (cluster < 512 || (cluster & (cluster - 1)) != 0 || size == 0) {
    fputs ("make-image: no such image\n", stderr);
    return 2;
  }
  l = lay_out (cluster, size);
  fd = create_file (argv[1], l.total * cluster);
  write_header (fd, &l);
  write_pointers (fd, &l, 1, 1 + l.nr_table, l.nr_blocks, 0);
  write_refcounts (fd, &l);
  write_pointers (fd, &l, 1 + l.nr_table + l.nr_blocks, l.total - l.nr_l2,
                  l.nr_l2, COPIED);
  if (close (fd) == -1) {
    perror (argv[1]);
    return EXIT_FAILURE;
  }
  printf ("%" PRIu64 " L2 tables, %" PRIu64 " refcount blocks\n", l.nr_l2,
          l.nr_blocks);
  return EXIT_SUCCESS;
}
