/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The outside of the migration tests' guest (guest-writer.c).
 *
 *   guest-check base DISK WORKERS FILE    the disk before the guest runs, raw
 *   guest-check stamp FIFO LOG            add lines from FIFO to LOG, each with
 *                                         the host's clock in microseconds,
 *                                         which goes on while the guest is
 *                                         stopped; until killed
 *   guest-check verify WORKERS LOG FILE...   compare what the guest has said
 *                                         with its disks, raw files
 *   guest-check gap LOG LINE              the longest silence between two
 *                                         answers of the disk, from LINE on,
 *                                         in microseconds
 *
 * What verify wants: no complaint of the guest; no number twice and none left
 * out, as there would be where two guests ran, or one again; and in every
 * slot the record that the guest was told is written, or a later one, whose
 * line was under way when the guest ended.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest-record.h"

/* The console's buffer holds so many lines at most. */
#define MAX_UNTOLD 200

struct told {
  uint64_t last;                /* number */
  uint64_t in_slot[GUEST_SLOTS];
};

struct log {
  struct told told[GUEST_MAX_DISKS][GUEST_MAX_WORKERS];
  uint64_t nr_writes, nr_reads, nr_flushes;
  uint64_t longest_us;          /* of a request, by the guest's clock */
  uint64_t gap_us, last_us;     /* by the host's */
  unsigned errors;
};

static int
give_up (const char *what, const char *name)
{
  fprintf (stderr, "guest-check: %s: %s: %s\n", name, what, strerror (errno));
  return 1;
}

/* -- base ---------------------------------------------------------------- */

static int
write_base (unsigned disk, unsigned nr_workers, const char *name)
{
  struct guest_place at = { .disk = disk };
  uint64_t record[GUEST_RECORD_WORDS];
  int fd = open (name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

  if (fd == -1 ||
      ftruncate (fd, (off_t) guest_disk_bytes (nr_workers)) == -1)
    return give_up ("create", name);
  for (at.worker = 0; at.worker < nr_workers; at.worker++)
    for (at.slot = 0; at.slot < GUEST_SLOTS; at.slot++) {
      guest_record_fill (record, &at, 0);
      if (pwrite (fd, record, sizeof record, (off_t) guest_offset (&at)) !=
          (ssize_t) sizeof record)
        return give_up ("write", name);
    }
  return close (fd) == 0 ? 0 : give_up ("close", name);
}

/* -- stamp --------------------------------------------------------------- */

static uint64_t
now_us (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

struct line {
  char text[256];
  size_t len;
};

static void
stamp_bytes (FILE *log, const char *bytes, size_t len, struct line *line)
{
  size_t i;

  for (i = 0; i < len; i++) {
    if (bytes[i] == '\n') {
      fprintf (log, "%" PRIu64 " %.*s\n", now_us (), (int) line->len,
               line->text);
      line->len = 0;
    }
    else if (bytes[i] != '\r' && line->len < sizeof line->text)
      line->text[line->len++] = bytes[i];
  }
  fflush (log);
}

static int
stamp (const char *fifo, const char *log_name)
{
  /* For writing too: so that it does not end when a guest does. */
  const int fd = open (fifo, O_RDWR);
  FILE *log = fopen (log_name, "a");
  struct line line = { .len = 0 };
  char bytes[4096];
  ssize_t n;

  if (fd == -1 || log == NULL)
    return give_up ("open", fd == -1 ? fifo : log_name);
  while ((n = read (fd, bytes, sizeof bytes)) > 0)
    stamp_bytes (log, bytes, (size_t) n, &line);
  return 0;
}

/* -- the log ------------------------------------------------------------- */

static void __attribute__ ((format (printf, 2, 3)))
wrong (struct log *l, const char *fmt, ...)
{
  va_list args;

  if (l->errors++ >= 10)
    return;
  fputs ("guest-check: ", stderr);
  va_start (args, fmt);
  vfprintf (stderr, fmt, args);
  va_end (args);
  putc ('\n', stderr);
}

static void
take_time (struct log *l, uint64_t stamp_us, uint64_t us)
{
  if (us > l->longest_us)
    l->longest_us = us;
  if (l->last_us != 0 && stamp_us - l->last_us > l->gap_us)
    l->gap_us = stamp_us - l->last_us;
  l->last_us = stamp_us;
}

static void
take_write (struct log *l, const struct guest_place *at, uint64_t number)
{
  struct told *t = &l->told[at->disk][at->worker];

  if (number != t->last + 1)
    wrong (l, "disk %u worker %u: record %" PRIu64 " follows %" PRIu64,
           at->disk, at->worker, number, t->last);
  t->last = number;
  t->in_slot[at->slot] = number;
  l->nr_writes++;
}

static bool
is_known (const struct guest_place *at)
{
  return at->disk < GUEST_MAX_DISKS && at->worker < GUEST_MAX_WORKERS &&
         at->slot < GUEST_SLOTS;
}

static void
take_line (struct log *l, const char *text)
{
  struct guest_place at = { .slot = 0 };
  uint64_t stamp_us, number, us;

  if (strstr (text, "@e ") != NULL || strstr (text, "I/O error") != NULL)
    wrong (l, "%s", text);
  else if (sscanf (text, "%" SCNu64 " @w %u %u %u %" SCNu64 " %" SCNu64,
                   &stamp_us, &at.disk, &at.worker, &at.slot, &number,
                   &us) == 6 && is_known (&at)) {
    take_write (l, &at, number);
    take_time (l, stamp_us, us);
  }
  else if (sscanf (text, "%" SCNu64 " @r %u %u %u %" SCNu64 " %" SCNu64,
                   &stamp_us, &at.disk, &at.worker, &at.slot, &number,
                   &us) == 6) {
    l->nr_reads++;
    take_time (l, stamp_us, us);
  }
  else if (sscanf (text, "%" SCNu64 " @f %u %u %" SCNu64 " %" SCNu64,
                   &stamp_us, &at.disk, &at.worker, &number, &us) == 5) {
    l->nr_flushes++;
    take_time (l, stamp_us, us);
  }
}

static int
read_log (const char *name, struct log *ret)
{
  FILE *f = fopen (name, "r");
  char text[320];

  if (f == NULL)
    return give_up ("open", name);
  while (fgets (text, sizeof text, f) != NULL)
    if (text[strlen (text) - 1] == '\n')
      take_line (ret, text);
  fclose (f);
  return 0;
}

/* -- verify -------------------------------------------------------------- */

static void
verify_slot (struct log *l, int fd, const struct guest_place *at)
{
  const struct told *t = &l->told[at->disk][at->worker];
  uint64_t record[GUEST_RECORD_WORDS], number;

  if (pread (fd, record, sizeof record, (off_t) guest_offset (at)) !=
      (ssize_t) sizeof record)
    wrong (l, "disk %u ends before slot %u of worker %u", at->disk, at->slot,
           at->worker);
  else if (!guest_record_ok (record, at, &number))
    wrong (l, "disk %u worker %u slot %u: no record, and %" PRIu64
           " was written", at->disk, at->worker, at->slot,
           t->in_slot[at->slot]);
  else if (number != t->in_slot[at->slot] &&
           (number <= t->last || number > t->last + MAX_UNTOLD))
    wrong (l, "disk %u worker %u slot %u: record %" PRIu64 ", and %" PRIu64
           " was written", at->disk, at->worker, at->slot, number,
           t->in_slot[at->slot]);
}

static int
verify_disk (struct log *l, unsigned disk, unsigned nr_workers,
             const char *name)
{
  struct guest_place at = { .disk = disk };
  const int fd = open (name, O_RDONLY);

  if (fd == -1)
    return give_up ("open", name);
  for (at.worker = 0; at.worker < nr_workers; at.worker++) {
    if (l->told[disk][at.worker].last == 0)
      wrong (l, "disk %u worker %u has written nothing", disk, at.worker);
    for (at.slot = 0; at.slot < GUEST_SLOTS; at.slot++)
      verify_slot (l, fd, &at);
  }
  close (fd);
  return 0;
}

static int
verify (unsigned nr_workers, const char *log_name, int nr, char **names)
{
  struct log *l = calloc (1, sizeof *l);
  int i, failed = l == NULL || read_log (log_name, l) != 0;

  for (i = 0; !failed && i < nr; i++)
    failed = verify_disk (l, (unsigned) i, nr_workers, names[i]) != 0;
  if (!failed)
    printf ("%" PRIu64 " written, %" PRIu64 " read back, %" PRIu64
            " flushes, %u errors; longest request %" PRIu64
            " us, longest silence %" PRIu64 " us\n", l->nr_writes,
            l->nr_reads, l->nr_flushes, l->errors, l->longest_us, l->gap_us);
  failed = failed || l->errors > 0;
  free (l);
  return failed;
}

/* From LINE on, counted from 1. */
static int
print_gap (const char *log_name, unsigned long line)
{
  struct log *l = calloc (1, sizeof *l);
  FILE *f = fopen (log_name, "r");
  char text[320];

  if (f == NULL || l == NULL)
    return give_up ("open", log_name);
  while (fgets (text, sizeof text, f) != NULL) {
    uint64_t stamp_us;

    if (line > 1)
      line--;
    else if (sscanf (text, "%" SCNu64 " @", &stamp_us) == 1 &&
             strchr (text, '@') != NULL)
      take_time (l, stamp_us, 0);
  }
  printf ("%" PRIu64 "\n", l->gap_us);
  fclose (f);
  free (l);
  return 0;
}

int
main (int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";

  if (strcmp (what, "base") == 0 && argc == 5)
    return write_base ((unsigned) atoi (argv[2]), (unsigned) atoi (argv[3]),
                       argv[4]);
  if (strcmp (what, "stamp") == 0 && argc == 4)
    return stamp (argv[2], argv[3]);
  if (strcmp (what, "verify") == 0 && argc > 4)
    return verify ((unsigned) atoi (argv[2]), argv[3], argc - 4, argv + 4);
  if (strcmp (what, "gap") == 0 && argc == 4)
    return print_gap (argv[2], strtoul (argv[3], NULL, 10));
  fputs ("Usage: guest-check base|stamp|verify|gap ...\n", stderr);
  return 2;
}
