/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What runs in the guest of the migration tests: writes numbered records
 * (guest-record.h) to every disk, flushes now and then, reads back, and says
 * on the console what was done and how long it took.
 *
 *   guest-writer WORKERS PAUSE-US FLUSH-EVERY
 *
 * For each of /dev/vda, /dev/vdb, ... there are WORKERS processes; each has
 * slots of its own and one request in flight, with O_DIRECT.  A line for
 * each, in which times are the guest's own, whose clock stands still while
 * it is stopped:
 *
 *   @w DISK WORKER SLOT NUMBER US     written
 *   @r DISK WORKER SLOT NUMBER US     read back, and it was right
 *   @f DISK WORKER NUMBER US          all up to NUMBER are flushed
 *   @e DISK WORKER TEXT               the disk failed or lied; the worker ends
 *
 * Linked statically: there is no libc in the guest.  Never ends by itself.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest-record.h"

struct worker {
  int fd;
  struct guest_place at;
  uint64_t number;              /* of the last record written */
  uint64_t in_slot[GUEST_SLOTS];
  uint64_t random;
  unsigned pause_us, flush_every;
  uint64_t *buffer;
};

static unsigned long
now_us (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (unsigned long) t.tv_sec * 1000000 + (unsigned long) t.tv_nsec / 1000;
}

/* One write, so that lines of several workers do not mix. */
static void __attribute__ ((format (printf, 1, 2)))
say (const char *fmt, ...)
{
  char line[160];
  va_list args;
  int len;

  va_start (args, fmt);
  len = vsnprintf (line, sizeof line, fmt, args);
  va_end (args);
  if (len > 0 && write (STDOUT_FILENO, line, (size_t) len) != len)
    _exit (1);
}

static void __attribute__ ((noreturn, format (printf, 2, 3)))
complain (const struct worker *w, const char *fmt, ...)
{
  char text[100];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  say ("@e %u %u slot %u: %s\n", w->at.disk, w->at.worker, w->at.slot, text);
  _exit (1);
}

static void
choose_slot (struct worker *w)
{
  w->random = guest_mix (w->random + 0x9e3779b97f4a7c15);
  w->at.slot = (unsigned) (w->random % GUEST_SLOTS);
}

static void
write_one (struct worker *w)
{
  const unsigned long start = now_us ();

  guest_record_fill (w->buffer, &w->at, ++w->number);
  if (pwrite (w->fd, w->buffer, GUEST_RECORD_BYTES,
              (off_t) guest_offset (&w->at)) != GUEST_RECORD_BYTES)
    complain (w, "write: %s", strerror (errno));
  w->in_slot[w->at.slot] = w->number;
  say ("@w %u %u %u %lu %lu\n", w->at.disk, w->at.worker, w->at.slot,
       (unsigned long) w->number, now_us () - start);
}

static void
read_one (struct worker *w)
{
  const unsigned long start = now_us ();
  uint64_t number;

  if (pread (w->fd, w->buffer, GUEST_RECORD_BYTES,
             (off_t) guest_offset (&w->at)) != GUEST_RECORD_BYTES)
    complain (w, "read: %s", strerror (errno));
  if (!guest_record_ok (w->buffer, &w->at, &number))
    complain (w, "no record where %lu should be",
              (unsigned long) w->in_slot[w->at.slot]);
  if (number != w->in_slot[w->at.slot])
    complain (w, "read %lu, written %lu", (unsigned long) number,
              (unsigned long) w->in_slot[w->at.slot]);
  say ("@r %u %u %u %lu %lu\n", w->at.disk, w->at.worker, w->at.slot,
       (unsigned long) number, now_us () - start);
}

static void
flush (struct worker *w)
{
  const unsigned long start = now_us ();

  if (fdatasync (w->fd) == -1)
    complain (w, "flush: %s", strerror (errno));
  say ("@f %u %u %lu %lu\n", w->at.disk, w->at.worker,
       (unsigned long) w->number, now_us () - start);
}

static void
work (struct worker *w)
{
  unsigned long i;

  for (i = 1;; i++) {
    choose_slot (w);
    if (i % 3 == 0)
      read_one (w);
    else
      write_one (w);
    if (i % w->flush_every == 0)
      flush (w);
    if (w->pause_us > 0)
      usleep (w->pause_us);
  }
}

/* A descriptor each: a flush is of all, but an error is told once. */
static int
start (const char *disk_name, struct worker *w)
{
  if (fork () != 0)
    return 0;
  w->fd = open (disk_name, O_RDWR | O_DIRECT);
  w->buffer = aligned_alloc (GUEST_RECORD_BYTES, GUEST_RECORD_BYTES);
  if (w->fd == -1 || w->buffer == NULL)
    complain (w, "open: %s", strerror (errno));
  w->random = w->at.disk * 16 + w->at.worker;
  work (w);
  return 0;
}

int
main (int argc, char **argv)
{
  struct worker w = { .fd = -1 };
  char name[] = "/dev/vda";
  unsigned nr_workers;

  if (argc != 4)
    return 2;
  nr_workers = (unsigned) atoi (argv[1]);
  w.pause_us = (unsigned) atoi (argv[2]);
  w.flush_every = (unsigned) atoi (argv[3]);
  for (; access (name, F_OK) == 0; w.at.disk++, name[7]++)
    for (w.at.worker = 0; w.at.worker < nr_workers; w.at.worker++)
      start (name, &w);
  while (wait (NULL) != -1 || errno == EINTR)
    ;
  for (;;)
    pause ();
}
